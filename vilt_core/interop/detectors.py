"""Folders of detectors, which several models see with: model.safetensors and config.json."""

import hashlib
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from vilt_core.config import DetectorConfig
from vilt_core.interop.bundle import Sight
from vilt_core.interop.folders import (
    SHIPPED,
    check_whole,
    json_text,
    read_object,
    write_together,
)
from vilt_core.interop.settings import read_config
from vilt_core.interop.weights import check, read_safetensors
from vilt_core.layers.detector import Detector
from vilt_core.layers.reader import PairReader

FORMAT = "vilt-lab-detector/1"


def save_detector(
    config: DetectorConfig,
    state: dict[str, Tensor],
    folder: Path,
    *,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write a detector: whole, or not at all.

    Args:
        config: Its sizes.
        state: Its weights.
        folder: Where to; made where there is none.
        dtype: Of the weights on disk; they are float32 again when loaded.

    Raises:
        OSError: The disk is full or may not be written. The folder holds the old detector then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    held = {
        name: value.detach().to("cpu", dtype if value.is_floating_point() else None).contiguous()
        for name, value in state.items()
    }
    text = json_text({"format": FORMAT, "config": asdict(config)})
    write_together(
        {
            folder / "model.safetensors": lambda part: part.write_bytes(save(held)),
            folder / "config.json": lambda part: part.write_text(text, encoding="utf-8"),
        }
    )


def load_detector(folder: Path) -> tuple[DetectorConfig, Detector]:
    """Read a detector that ``save_detector`` wrote, strictly; it is frozen.

    Raises:
        ValueError: One sentence that says what is missing, truncated or does not fit, or that the
            writing of the folder was cut short.
    """
    check_whole(folder)
    path = folder / "config.json"
    described = read_object(path)
    if described.get("format") != FORMAT or not isinstance(described.get("config"), dict):
        raise ValueError(f"{path} must describe a detector of the format {FORMAT!r}")
    config = read_config(DetectorConfig, described["config"], path)
    state = read_safetensors(folder / "model.safetensors")
    detector = Detector(**config.numbers())
    check(state, detector.state_dict(), source=folder / "model.safetensors")
    detector.load_state_dict(state)
    return config, detector.freeze()


def give_sight(
    model: PairReader, name: str, *, beside: Path | None = None, sha256: str | None = None
) -> Sight | None:
    """Give a model of regions the detector that it sees with, in place; another needs none.

    Args:
        model: Of any kind.
        name: The detector's folder, among those that ship with the lab or beside the model's own.
        beside: The model's own folder.
        sha256: Of the weights that the model learned to read.

    Raises:
        ValueError: No such detector, a damaged one, or another than the model knows.
    """
    if model.image_detector is None:
        return None
    places = [SHIPPED / name] if beside is None else [beside.parent / name, SHIPPED / name]
    folder = next((place for place in places if (place / "config.json").is_file()), None)
    if Path(name).name != name or folder is None:
        raise ValueError(f"expected the detector {name!r:.80} in {places[0].parent}, found none")
    see_with(model, folder)
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if sha256 not in (None, found):
        raise ValueError(f"{folder} holds another detector than this model learned to read")
    return Sight(name=name, sha256=found)


def see_with(model: PairReader, folder: Path) -> None:
    """Give a model on the CPU the detector of a folder: its own file has none, several share one.

    Raises:
        ValueError: A detector of other sizes than the model's config says; and as from
            ``load_detector``.
    """
    config, detector = load_detector(folder)
    if config != getattr(model.config, "detector", None):
        raise ValueError(f"{folder} holds another detector than this model sees with")
    model.image_detector = detector
