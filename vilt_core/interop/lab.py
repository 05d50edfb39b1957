"""The lab's own folders: model.safetensors, config.json, tokenizer.json, card.md."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from vilt_core.config import TRAINING_HEADS
from vilt_core.data.image import Processing
from vilt_core.data.text import Tokenizer
from vilt_core.interop.bundle import Bundle, Sight, processing_of
from vilt_core.interop.detectors import give_sight
from vilt_core.interop.folders import check_whole, json_text, read_object, write_together
from vilt_core.interop.rounding import rounded, unrounded
from vilt_core.interop.settings import read_config
from vilt_core.interop.weights import (
    adopt,
    check,
    check_scale,
    own_state,
    read_safetensors,
    without_values,
)
from vilt_core.layers.reader import PairReader
from vilt_core.models import MODELS, kind_of

FORMAT = "vilt-lab/1"
_SIGHT = ("name", "sha256")  # what is told of a detector
_TRAINING_ONLY = tuple(f"{head}." for head in TRAINING_HEADS)


def save_folder(
    bundle: Bundle,
    folder: str | Path,
    *,
    dtype: torch.dtype = torch.float32,
    state: dict[str, Tensor] | None = None,
) -> None:
    """Write a model: whole, or not at all.

    Nothing in the folder changes before all three files are written and safe beside the old ones.

    Args:
        bundle: The model. Heads that serve training only are left out.
        folder: Where to; made where there is none.
        dtype: Of the weights on disk; they are float32 again when loaded. With ``torch.int8``,
            matrices take eight bits a weight and all else half precision (``rounding.py``).
        state: The model's weights, where they are sharded and were put together elsewhere.

    Raises:
        OSError: The disk is full or may not be written. The folder holds the old model then.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    held = {
        name: value.detach().to("cpu").contiguous()
        for name, value in own_state(bundle.model, state).items()
        if not name.startswith(_TRAINING_ONLY)
    }
    if dtype == torch.int8:
        held = rounded(held)
    else:
        held = {
            n: value.to(dtype) if value.is_floating_point() else value for n, value in held.items()
        }
    described = {
        "format": FORMAT,
        "name": bundle.name,
        "domain": bundle.domain,
        "model": kind_of(bundle.model),
        "config": _settings(bundle.model.config),
        "answers": list(bundle.answers),
    }
    if bundle.sight is not None:
        described["detector"] = asdict(bundle.sight)
    if bundle.pictures is not None:
        described["processing"] = asdict(bundle.pictures)
    text = json_text(described)
    write_together(
        {
            folder / "model.safetensors": lambda part: part.write_bytes(save(held)),
            folder / "config.json": lambda part: part.write_text(text, encoding="utf-8"),
            folder / "tokenizer.json": bundle.tokenizer.save,
        }
    )


def load_folder(folder: str | Path) -> Bundle:
    """Read a model that ``save_folder`` wrote, strictly.

    Raises:
        ValueError: One sentence that says what is missing, truncated or does not fit, or that the
            writing of the folder was cut short.
    """
    folder = Path(folder)
    check_whole(folder)
    described = _described(folder / "config.json")
    kind = MODELS[described.get("model", "vilt")]
    config = read_config(kind.config, described["config"], folder / "config.json")
    answers = tuple(described["answers"])
    if len(answers) != config.answers:
        raise ValueError(
            f"{folder / 'config.json'} must name {config.answers} answers, got {len(answers)}"
        )
    tokenizer = Tokenizer.from_file(folder / "tokenizer.json", max_tokens=config.max_text_tokens)
    if len(tokenizer) > config.vocab_size:
        raise ValueError(
            f"{folder / 'tokenizer.json'} has {len(tokenizer)} tokens, "
            f"but the model knows only {config.vocab_size}"
        )
    model = _model(config, folder / "model.safetensors")
    sight = _sight(described, folder, model)
    return Bundle(
        name=described["name"],
        model=model,
        tokenizer=tokenizer,
        answers=answers,
        sight=sight,
        domain=described["domain"],
        pictures=_processing(described, folder / "config.json", config=config),
    )


def _settings(config: Any) -> dict[str, Any]:
    """A config without the heads that serve training only."""
    settings = asdict(config)
    return settings | {"patch_classes": 0} if "patch_classes" in settings else settings


def _described(path: Path) -> dict:
    if not path.is_file():
        raise ValueError(f"expected a model folder with a config.json at {path.parent}, found none")
    described = read_object(path)
    if described.get("format") != FORMAT:
        raise ValueError(f"{path} must say format {FORMAT!r}, is it a model of this lab?")
    if str(described.get("model", "vilt")) not in MODELS:
        raise ValueError(
            f"{path} must describe one of {', '.join(MODELS)}, got model {described['model']!r}"
        )
    kinds = {"name": str, "domain": str, "config": dict, "answers": list}
    if missing := sorted(set(kinds) - set(described)):
        raise ValueError(f"{path} lacks {missing}")
    for key, kind in kinds.items():
        if not isinstance(described[key], kind):
            got = type(described[key]).__name__
            raise ValueError(f"{path}: {key} must be a {kind.__name__}, got a {got}")
    if not all(isinstance(answer, str) for answer in described["answers"]):
        raise ValueError(f"{path}: every one of the answers must be a string")
    return described


def _model(config: Any, weights: Path) -> PairReader:
    state = unrounded(read_safetensors(weights, eight_bits=True), source=weights)
    check_scale(config, state, source=weights)
    model = without_values(config)
    check(state, own_state(model), source=weights)
    return adopt(model, state)


def _sight(described: dict, folder: Path, model: PairReader) -> Sight | None:
    """The detector that the model was saved with, given to it."""
    if model.image_detector is None:
        return None
    found = described.get("detector")
    if not isinstance(found, dict) or {type(found.get(key)) for key in _SIGHT} != {str}:
        raise ValueError(f"{folder / 'config.json'} must name the detector that it sees with")
    return give_sight(model, found["name"], beside=folder, sha256=found["sha256"])


def _processing(described: dict, path: Path, *, config: Any) -> Processing | None:
    if "processing" not in described:
        return None
    settings = described["processing"]
    known = {field.name for field in fields(Processing)}
    needed = known - {"crop"}  # nothing was cropped when the first folders were written
    if not isinstance(settings, dict) or not needed <= set(settings) <= known:
        raise ValueError(f"{path}: processing must have {sorted(needed)}, got {settings!r}")
    try:
        found = processing_of(**settings)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    patch_size = config.patch_size
    if found.patch_size % patch_size:
        raise ValueError(
            f"{path}: the sides of pictures must be multiples of the patch of {patch_size} pixels, "
            f"got multiples of {found.patch_size}"
        )
    return found
