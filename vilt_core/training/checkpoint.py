"""The state of a run on disk: written whole or not at all, read without pickle's dangers."""

import os
import pickle
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

_KEYS = {"model", "optimizer", "stage", "step", "seconds"}
# What torch raises for files cut short, with flipped bits or by others; a list grown by trying.
_DAMAGED = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run stands."""

    stage: int
    step: int
    seconds: float  # spent training so far


def save_run(path: Path, model: nn.Module, optimizer, progress: Progress) -> None:
    """Write the state beside the old one, then swap: a kill at any moment leaves one whole file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "stage": progress.stage,
        "step": progress.step,
        "seconds": progress.seconds,
    }
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load_run(path: Path) -> dict | None:
    """The last whole state of a run, None where it has none.

    Raises:
        ValueError: a file that is no state of a run.
    """
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGED as error:
        raise ValueError(f"{path} is not a readable training state: {error}") from error
    if not isinstance(state, dict) or not _KEYS.issubset(state):
        raise ValueError(f"{path} must hold a training state with {sorted(_KEYS)}")
    return state
