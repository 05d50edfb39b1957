"""Weights from a file into a model: each lies in memory once, checked, and free of its file."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar, overload

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vilt_core.config import ViltConfig
from vilt_core.interop.folders import is_file
from vilt_core.interop.pickles import State, read_pickle
from vilt_core.layers.reader import PairReader
from vilt_core.models import of_config
from vilt_core.models.vilt import Vilt

Model = TypeVar("Model", bound=PairReader)

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


class _WithoutValues(TorchFunctionMode):
    """Tensors made here have a shape but no memory: their values come from a file.

    ``torch.device("meta")`` does the same, but PyTorch then loads its compiler to draw no normal
    numbers, which takes seconds.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is nn.init.normal_:
            return kwargs["tensor"]
        if func in (torch.empty, torch.zeros):
            kwargs = kwargs | {"device": "meta"}
        return func(*args, **kwargs)


@overload
def without_values(config: ViltConfig) -> Vilt: ...
@overload
def without_values(config: Any) -> PairReader: ...
def without_values(config: Any) -> PairReader:
    """A model whose parameters have their shapes only; ``adopt`` gives it values."""
    with _WithoutValues():
        return of_config(config)


def own_state(model: PairReader, state: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """The weights that are a model's own: each once, under the first of its names.

    Left out is what another file holds: the detector that several models see with.

    Args:
        model: Whose names count.
        state: The weights, where they are not in the model.
    """
    held = model.state_dict() if state is None else state
    names = {name for name, _ in (*model.named_parameters(), *model.named_buffers())}
    return {
        name: value
        for name, value in held.items()
        if name in names and not name.startswith("image_detector.")
    }


def adopt(model: Model, state: Mapping[str, Tensor]) -> Model:
    """Make these tensors the model's parameters, in evaluation mode.

    Nothing is copied but what several parameters would share, or what is a part of something else.
    """
    taken, owned = set(), {}
    for name, value in state.items():
        own = value.detach().contiguous()
        storage = own.untyped_storage()
        if storage.data_ptr() in taken or storage.nbytes() != own.nbytes:
            own = own.clone()
        taken.add(own.untyped_storage().data_ptr())
        owned[name] = own
    if strange := sorted(own_state(model).keys() ^ owned.keys()):
        raise RuntimeError(f"expected each of the model's own weights once, not {strange[:3]}")
    model.load_state_dict(owned, assign=True, strict=False)
    model.tie()
    return model.eval()


def check(state: State, expected: Mapping[str, Tensor], *, source: Path) -> None:
    """Refuse what is missing, left over, of another shape, sparse, no float, or not finite.

    Args:
        state: As read, under the source's names; becomes float32.
        expected: Tensors of the right shapes under the same names; their values do not matter.
        source: For the message.

    Raises:
        ValueError: One sentence that names the parameters.
    """
    missing = sorted(set(expected) - set(state))
    extra = sorted(set(state) - set(expected))
    if missing or extra:
        raise ValueError(
            f"{source} does not fit its config: missing {missing[:3]}, left over {extra[:3]}"
        )
    for name, value in state.items():
        if value.shape != expected[name].shape:
            raise ValueError(
                f"{source}: {name} has shape {tuple(value.shape)}, "
                f"expected {tuple(expected[name].shape)}"
            )
        check_dense(name, value, source=source)
        if not value.is_floating_point() and expected[name].is_floating_point():
            raise ValueError(f"{source}: {name} must hold floats, got {value.dtype}")
        state[name] = value.to(torch.float32 if value.is_floating_point() else torch.int64)
        if not all(end.isfinite() for end in state[name].aminmax()):
            raise ValueError(f"{source}: {name} holds values that are not finite")


def check_dense(name: str, value: Tensor, *, source: Path) -> None:
    """Refuse a tensor that does not hold all its values, one after the other.

    Raises:
        ValueError: It is sparse, or of PyTorch's device "meta", which keeps no values.
    """
    if value.layout != torch.strided:
        raise ValueError(f"{source}: {name} must be dense, got a tensor of {value.layout}")
    if value.is_meta:
        raise ValueError(f"{source}: {name} must hold values, got a tensor of the device meta")


def check_scale(config: Any, state: State, *, source: Path) -> None:
    """Refuse a config far beyond its weights before building it takes for ever."""
    if not isinstance(config, ViltConfig):
        if (layers := _layers(asdict(config))) > len(state):
            raise ValueError(
                f"{source} does not fit its config: {layers} layers of {len(state)} weights"
            )
        return
    if config.mlp_width < 1:
        raise ValueError(f"{source} does not fit its config: mlp_ratio leaves no MLP")
    held = sum(value.numel() for value in state.values())
    blocks = config.depth * (4 * config.width + 2 * config.mlp_width)
    tables = config.vocab_size + config.max_text_tokens + config.grid**2 + config.answers
    types = config.modality_types + config.segment_types
    described = config.width * (blocks + tables + types + 3 * config.patch_size**2)
    if described > 4 * held:
        raise ValueError(
            f"{source} does not fit its config: it holds {held:,} numbers, expected {described:,}"
        )


def _layers(settings: Mapping[str, Any]) -> int:
    """How many layers a config speaks of: the sum of its depths, at any level."""
    found = 0
    for name, value in settings.items():
        if isinstance(value, dict):
            found += _layers(value)
        elif name.endswith(("depth", "depths")):
            found += sum(value) if isinstance(value, tuple) else value
    return found


def read_weights(folder: Path) -> tuple[State, Path]:
    """The tensors of a folder of transformers, and the file that they came from.

    Safetensors are preferred, and one file to several.

    Raises:
        ValueError: None there, or one that is damaged.
    """
    readers: dict[str, Callable[[Path], State]] = {
        "model.safetensors": read_safetensors,
        "model.safetensors.index.json": lambda index: _read_shards(index, read_safetensors),
        "pytorch_model.bin": read_pickle,
        "pytorch_model.bin.index.json": lambda index: _read_shards(index, read_pickle),
    }
    for name, read in readers.items():
        if (folder / name).is_file():
            return read(folder / name), folder / name
    raise ValueError(f"expected weights in {folder} ({' or '.join(readers)}), found none")


def read_safetensors(path: Path, *, eight_bits: bool = False) -> State:
    """The tensors of one file, read rather than mapped: whatever becomes of it does not matter.

    Args:
        path: The file.
        eight_bits: Whether there may be some in eight bits (``rounding.py``).

    Raises:
        ValueError: The file is missing, damaged or cut short, or holds numbers of a strange kind.
    """
    if not is_file(path):
        raise ValueError(f"expected weights at {path!s:.200}, found none")
    dtypes = _DTYPES | {"I8": torch.int8} if eight_bits else _DTYPES
    try:
        with safe_open(path, framework="pt"):  # refuses whatever does not add up
            pass
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            entries = json.loads(file.read(length))
            entries.pop("__metadata__", None)
            for name, entry in entries.items():
                if entry["dtype"] not in dtypes:
                    raise ValueError(
                        f"{path}: {name} must hold floats of 16, 32 or 64 bits, "
                        f"got {entry['dtype']}"
                    )
            return {
                name: _read_tensor(file, 8 + length, entry, dtypes[entry["dtype"]])
                for name, entry in entries.items()
            }
    except (SafetensorError, OSError, EOFError, KeyError) as error:
        raise ValueError(f"{path} is damaged or truncated: {error}") from error


def _read_tensor(file, first: int, entry: dict, dtype: torch.dtype) -> Tensor:
    start, end = entry["data_offsets"]
    tensor = torch.empty(entry["shape"], dtype=dtype)
    file.seek(first + start)
    if end > start and file.readinto(tensor.view(-1).view(torch.uint8).numpy()) != end - start:
        raise EOFError("it ends early")
    return tensor


def _read_shards(index: Path, read: Callable[[Path], State]) -> State:
    try:
        places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        shards = sorted(set(places.values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{index} must map names to files, but does not: {error}") from error
    state: State = {}
    for shard in shards:
        if not isinstance(shard, str) or Path(shard).name != shard:
            raise ValueError(f"{index} must name files beside it, got {shard!r}")
        held = read(index.parent / shard)
        listed = {name for name, place in places.items() if place == shard}
        if strange := sorted(set(held) ^ listed):
            raise ValueError(f"{index} and {shard} differ in what the file holds: {strange[:3]}")
        state |= held
    return state
