"""Where training runs and how: options that several commands share."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Machine:
    """How the work of training is done; none of it changes what is learned, but for rounding."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # of matrix products
    workers: int | None = None  # processes that prepare batches: one with --data, else none
    accumulate: int = 1  # parts in which each process takes its share of a batch
    compile: bool = False  # blocks through torch.compile
    checkpointing: bool = False  # keep no activation within blocks: less memory, more time
    shard: bool = False  # FSDP: each process keeps a part of the weights
    # Steps between two states on disk, or two minutes if they take longer: 250 unless given, or a
    # tenth of a shorter run.
    save_every: int | None = None

    def settings(self, *, data: bool = False):
        """The same as the engine calls it.

        Args:
            data: whether pictures have to be decoded: that is then done beside the training.
        """
        from vilt_core.training.engine import Settings

        return Settings(
            device=self.device,
            precision=self.precision,
            workers=int(data) if self.workers is None else self.workers,
            accumulate=self.accumulate,
            compiled=self.compile,
            checkpointing=self.checkpointing,
            sharded=self.shard,
            save_every=self.save_every,
        )
