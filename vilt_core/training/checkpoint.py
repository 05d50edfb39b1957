"""The state of a run on disk: written whole or not at all, read without pickle's dangers."""

import os
import pickle
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

# What every state has; older ones lack "start" and "passed_over".
_KEYS = {"model", "optimizer", "stage", "step", "seconds", "lesson", "noted"}
_SAMPLED = 4  # values of a parameter, by which a start is known
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
    noted: int  # lines of the log that led here
    lesson: str  # what is learned from what; a run goes on with nothing else
    start: Tensor | None = None  # ``first_values`` of the model before the first step
    passed_over: tuple[str, ...] = ()  # pictures that could not be read, each once


def run_state(model: nn.Module, optimizer, progress: Progress) -> dict:
    """All that a run needs to go on, on the CPU and by the names of the parameters.

    Sharded tensors are put together, so that any number of processes can take the run up: all
    processes of a run have to call.
    """
    names = {parameter: name for name, parameter in model.named_parameters()}
    return {
        "model": {name: _whole(value) for name, value in model.state_dict().items()},
        "optimizer": {
            names[parameter]: {name: _whole(value) for name, value in kept.items()}
            for parameter, kept in optimizer.state.items()
        },
        "stage": progress.stage,
        "step": progress.step,
        "seconds": progress.seconds,
        "lesson": progress.lesson,
        "noted": progress.noted,
        "start": progress.start,
        "passed_over": list(progress.passed_over),
    }


def first_values(model: nn.Module) -> Tensor:
    """A few values of every parameter, spread over it: which model a run began with."""
    found = [torch.zeros(0)]
    for parameter in model.parameters():
        flat = parameter.detach().flatten()
        found.append(flat[:: max(len(flat) // _SAMPLED, 1)][:_SAMPLED].float().cpu())
    return torch.cat(found)


def write_run(path: Path, state: dict) -> None:
    """Write the state beside the old one, then swap: a kill at any moment leaves one whole file.

    Raises:
        OSError: the disk is full or may not be written; the old state is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:  # torch may stumble over a full disk by itself
        part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise
        raise OSError(f"{path.parent} took only a part of it; is the disk full?") from error


def take_up_optimizer(optimizer, model: nn.Module, state: dict) -> None:
    """Give every parameter what the optimiser knew of it, in the layout of this run's shards."""
    for name, parameter in model.named_parameters():
        if name in state:
            optimizer.state[parameter] = {
                kind: _laid_out_as(parameter, value) for kind, value in state[name].items()
            }


def _whole(value: Tensor) -> Tensor:
    whole = value.full_tensor() if isinstance(value, DTensor) else value
    return whole.detach().cpu()


def _laid_out_as(parameter: Tensor, value: Tensor) -> Tensor:
    """On the parameter's device, and in its shards where it has the parameter's shape."""
    value = value.to(parameter.device)
    if isinstance(parameter, DTensor) and value.shape == parameter.shape:
        return distribute_tensor(value, parameter.device_mesh, parameter.placements)
    return value


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
