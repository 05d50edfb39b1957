"""One device or many: what a training step needs of the machine, and nothing of the data.

``accelerate launch -m vilt_core train ...`` uses the GPUs that ``accelerate config`` knows;
``torchrun --nproc-per-node 2 -m vilt_core train ...`` on GPUs, or on CPUs with ``--device cpu``.
"""

import os
import zlib
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import gather_object
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from vilt_core.evaluation.machine import checked_device
from vilt_core.layers.encoder import Encoder
from vilt_core.layers.packed import has_bfloat16_units
from vilt_core.training.processes import check_launched
from vilt_core.training.step import TrainingStep

SAVE_SECONDS = 120.0  # between two states on disk, where the steps between them take longer
# What the config of accelerate may ask for besides, and the option that is meant here.
_WRAPPED = {
    "ACCELERATE_USE_FSDP": ("FSDP", "--shard shards"),
    "ACCELERATE_USE_DEEPSPEED": ("DeepSpeed", "--shard shards"),
    "ACCELERATE_USE_MEGATRON_LM": ("Megatron-LM", "--shard shards"),
    "ACCELERATE_DYNAMO_BACKEND": ("torch dynamo", "--compile compiles"),
}
_ASKS_FOR_NOTHING = ("", "0", "f", "false", "n", "no", "off")  # as accelerate reads them


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the work is done; none of it changes what is learned, but for rounding."""

    device: str = "auto"  # "cpu", "cuda" or "auto"
    precision: str = "auto"  # of matrix products: "float32", "bfloat16", or what the device is for
    workers: int = 0  # processes that prepare batches; 0 prepares them in the training process
    accumulate: int = 1  # parts in which each process takes its share of a batch
    compiled: bool = False  # blocks through torch.compile
    checkpointing: bool = False  # keep no activation within blocks: less memory, a third more time
    sharded: bool = False  # FSDP: every process keeps a part of the weights
    save_every: int | None = None  # steps between two states on disk; None: ``steps_between``
    save_seconds: float = SAVE_SECONDS  # ... or so many, whichever are over first

    def __post_init__(self) -> None:
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise ValueError(f"precision must be auto, float32 or bfloat16, got {self.precision!r}")
        for name, least in (("workers", 0), ("accumulate", 1), ("save_every", 1)):
            if (given := getattr(self, name)) is not None and given < least:
                raise ValueError(f"{name} must be at least {least}, got {given}")


class Engine:
    """The processes of a run, their devices, and what they tell each other."""

    def __init__(self, settings: Settings):
        for wrapped, (name, ours) in _WRAPPED.items():
            if os.environ.get(wrapped, "").lower() not in _ASKS_FOR_NOTHING:
                raise ValueError(
                    f"the config of accelerate asks for {name}, which would wrap what is wrapped "
                    f"here: turn it off there; {ours}"
                )
        launched = os.environ.get("ACCELERATE_MIXED_PRECISION", "").lower()
        if launched not in (*_ASKS_FOR_NOTHING, "bf16"):
            raise ValueError(
                f"the config of accelerate asks for {launched}, and matrix products are in "
                "float32 or bfloat16 here: say no or bf16 there; --precision says which"
            )
        self._launched_in_half = launched == "bf16"
        self.settings = settings
        device = checked_device(settings.device)
        AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
        if "MASTER_ADDR" not in os.environ:  # nowhere to meet
            check_launched(1)
        self.accelerator = Accelerator(
            cpu=device == "cpu",
            mixed_precision="no",  # autocast is ours: it has to reach heads and losses by name
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )
        self.device = self.accelerator.device
        self.processes = self.accelerator.num_processes
        check_launched(self.processes)
        self.rank = self.accelerator.process_index
        self.is_main = self.accelerator.is_main_process
        if settings.sharded and self.processes == 1:
            raise ValueError("sharding needs at least two processes, got one: use torchrun")

    @property
    def parts(self) -> int:
        """In how many parts a global batch is taken, by all processes together."""
        return self.processes * self.settings.accumulate

    def own_parts(self, batch_size: int) -> list[range]:
        """The places of a global batch that are this process's, one range a part.

        Raises:
            ValueError: a batch that does not fall into equal parts.
        """
        if batch_size % self.parts:
            raise ValueError(
                f"a batch of {batch_size} must fall into {self.parts} equal parts: "
                f"{self.processes} processes that accumulate {self.settings.accumulate}"
            )
        first = self.rank * self.settings.accumulate
        return [
            range(part, batch_size, self.parts)
            for part in range(first, first + self.settings.accumulate)
        ]

    def prepare(self, step: TrainingStep) -> nn.Module:
        """The step as this run takes it: compiled, checkpointed, sharded or in parallel."""
        encoders = encoders_of(step.model)
        blocks = [block for encoder in encoders for block in encoder.blocks]
        for encoder in encoders:
            encoder.checkpointing = self.settings.checkpointing
        if self.settings.compiled:
            for block in blocks:
                block.compile()
        if not self.settings.sharded:
            self.accelerator.free_memory()  # of the stage before
            return self.accelerator.prepare_model(step)
        mesh = init_device_mesh(self.device.type, (self.processes,))
        for block in blocks:
            fully_shard(block, mesh=mesh)
        fully_shard(step, mesh=mesh)
        return step

    def autocast(self) -> AbstractContextManager:
        """Matrix products in bfloat16 where that is asked for, or is what the device is for.

        Of ``accelerate launch`` too, but for a precision that is named here.
        """
        wanted = self.settings.precision
        if wanted == "auto":
            fast = self.device.type == "cuda" or has_bfloat16_units() or self._launched_in_half
            wanted = "bfloat16" if fast else "float32"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=wanted == "bfloat16")

    def waiting(self, module: nn.Module, *, last: bool) -> AbstractContextManager:
        """Gradients of all but the last part stay here, and are added up before they are sent."""
        if isinstance(module, FSDPModule):
            module.set_requires_gradient_sync(last)
            return nullcontext()
        return nullcontext() if last else self.accelerator.no_sync(module)

    def everybodys_names(self, own: tuple[str, ...]) -> tuple[str, ...]:
        """What every process names, one after the other; all have to call."""
        return tuple(gather_object(list(own)))

    def own_chance(self) -> AbstractContextManager:
        """What is drawn within leaves the global sources of chance as they were."""
        return torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else [])

    def is_loss(self, error: RuntimeError) -> bool:
        """Whether an error says that another process is gone, rather than that we are wrong."""
        if self.processes == 1:
            return False
        if isinstance(error, torch.distributed.DistError):
            return True
        return any(word in str(error) for word in ("Connection", "gloo", "NCCL", "Timed out"))

    def everybodys(self, found: Mapping[str, float]) -> dict[str, float]:
        """Sums over all processes, by name."""
        names = sorted(found)
        sums = torch.tensor([float(found[name]) for name in names], dtype=torch.float64)
        if self.processes > 1:
            sums = sums.to(self.device)  # NCCL takes no tensors of the CPU
            torch.distributed.all_reduce(sums)
        return dict(zip(names, sums.tolist(), strict=True))

    def finish(self) -> None:
        """Wait for the others."""
        self.accelerator.wait_for_everyone()

    def clip(self, module: nn.Module, largest: float) -> float:
        """Shorten the gradient to ``largest``; returns how long it was."""
        norm = nn.utils.clip_grad_norm_(module.parameters(), largest)
        return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)


def encoders_of(model: nn.Module) -> list[Encoder]:
    """The stacks of blocks of a model: what is compiled, checkpointed and sharded block by block.

    Recurrent networks and models of two streams have none.
    """
    return [part for part in model.modules() if isinstance(part, Encoder)]


def is_alone() -> bool:
    """Whether no launcher started other processes beside this one."""
    return int(os.environ.get("WORLD_SIZE", "1")) == 1


def is_main() -> bool:
    """Whether this process is the one that writes and shows."""
    return is_alone() or int(os.environ.get("RANK", "0")) == 0


def step_seed(seed: int, stage: str, step: int, rank: int) -> int:
    """The seed of dropout in one step of one process: a resumed run drops the same."""
    return zlib.crc32(f"{seed}/{stage}/{step}/{rank}".encode())
