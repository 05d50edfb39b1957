"""How many processes train together, and who started them: said, or refused, before any step."""

import os
from collections.abc import Iterable

import torch

# What torchrun tells the processes that it starts, and accelerate launch.
_LAUNCHED = ("TORCHELASTIC_RUN_ID", "WORLD_SIZE", "ACCELERATE_MIXED_PRECISION")
# Without MPI accelerate launch starts one process on CPUs, however many it was asked for; of that
# it leaves the place where they were to meet.
_ASKED_FOR_SEVERAL = ("ACCELERATE_MIXED_PRECISION", "MASTER_PORT")
# How many were started, as launchers tell them: torch's, MPI's, and Slurm's of a step of ``srun``
# (``SLURM_NTASKS`` is told to the single process of an allocation as well). Torch's is the last
# word: one may start another within.
_STARTED = (
    "WORLD_SIZE",
    "OMPI_COMM_WORLD_SIZE",
    "PMI_SIZE",
    "MV2_COMM_WORLD_SIZE",
    "SLURM_STEP_NUM_TASKS",
)


def process_count() -> int:
    """Processes of this training, once its engine is there."""
    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1


def check_launched(count: int) -> None:
    """Refuse processes that were started together and do not know of each other.

    Each would take itself for the main one, and write over what the others have written. In a
    shell that srun opened for several tasks a process is alone, which nothing tells: torchrun does.

    Args:
        count: of the processes that know of each other.

    Raises:
        ValueError: more were started, as by mpirun or srun, which do not tell torch of it.
    """
    name = next((one for one in _STARTED if os.environ.get(one, "").isdigit()), None)
    if name is not None and count < (started := int(os.environ[name])):
        raise ValueError(
            f"{started} processes were started ({name}), and each knows of {count}: they would "
            "write over each other's files, so start them with torchrun --nproc-per-node N -m "
            "vilt_core, or with accelerate launch -m vilt_core; where this is the only one after "
            "all, as in a shell of srun --pty, with torchrun and N = 1"
        )


def told_of_processes(batch_sizes: Iterable[int]) -> list[str]:
    """A line where there are several processes or a launcher, and one where it began too few.

    Args:
        batch_sizes: of the stages.
    """
    count, sizes = process_count(), sorted(set(batch_sizes))
    if count == 1 and not any(name in os.environ for name in _LAUNCHED):
        return []
    if count == 1:
        lines = ["Processes: 1, which takes whole batches."]
    elif len(sizes) == 1:
        lines = [f"Processes: {count}, each takes {sizes[0] // count} of a batch of {sizes[0]}."]
    else:
        lines = [f"Processes: {count}, each takes an equal share of every batch."]
    if count == 1 and all(name in os.environ for name in _ASKED_FOR_SEVERAL):
        lines.append(
            "accelerate launch was asked for several and started one, as it does on CPUs without "
            "MPI: torchrun --nproc-per-node N starts N."
        )
    return lines
