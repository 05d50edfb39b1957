"""The lab's own folders: model.safetensors, config.json, tokenizer.json, card.md."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from vilt_core.config import ViltConfig
from vilt_core.data.text import Tokenizer
from vilt_core.models.vilt import Vilt

FORMAT = "vilt-lab/1"
_TRAINING_ONLY = ("naming.", "mentioning.")  # heads that no shipped model has
_MAY_BE_ZERO = {"answers", "patch_classes", "dropout"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A model with everything needed to speak to it."""

    name: str
    model: Vilt
    tokenizer: Tokenizer
    answers: tuple[str, ...]
    domain: str = "stickers"  # what it was trained on: "stickers" or "photographs"


def save_folder(bundle: Bundle, folder: str | Path, *, dtype: torch.dtype = torch.float32) -> None:
    """Write a model: whole, or not at all.

    Nothing in the folder changes before all three files are written and safe beside the old ones.

    Args:
        bundle: The model. Heads that serve training only are left out.
        folder: Where to; made where there is none.
        dtype: Of the weights on disk; they are float32 again when loaded.

    Raises:
        OSError: The disk is full or may not be written. The folder holds the old model then.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        name: value.detach().to("cpu", dtype).contiguous()
        for name, value in bundle.model.state_dict().items()
        if not name.startswith(_TRAINING_ONLY)
    }
    described = {
        "format": FORMAT,
        "name": bundle.name,
        "domain": bundle.domain,
        "model": "vilt",
        "config": asdict(bundle.model.config) | {"patch_classes": 0},
        "answers": list(bundle.answers),
    }
    text = json.dumps(described, indent=1) + "\n"
    _write_together(
        {
            folder / "model.safetensors": lambda part: part.write_bytes(save(state)),
            folder / "config.json": lambda part: part.write_text(text, encoding="utf-8"),
            folder / "tokenizer.json": bundle.tokenizer.save,
        }
    )


def load_folder(folder: str | Path) -> Bundle:
    """Read a model that ``save_folder`` wrote, strictly.

    Raises:
        ValueError: One sentence that says what is missing, truncated or does not fit.
    """
    folder = Path(folder)
    described = _described(folder / "config.json")
    config = _config(described["config"], folder / "config.json")
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
    return Bundle(
        name=described["name"],
        model=model.eval(),
        tokenizer=tokenizer,
        answers=answers,
        domain=described["domain"],
    )


def _write_together(writers: dict[Path, Callable[[Path], object]]) -> None:
    """Write each file beside its old version; only when all are there, swap them in."""
    parts = {path: path.with_name(f"{path.name}.part") for path in writers}
    try:
        for path, write in writers.items():
            write(parts[path])
            with parts[path].open("r+b") as file:
                os.fsync(file.fileno())
        for path, part in parts.items():
            part.replace(path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def _described(path: Path) -> dict:
    if not path.is_file():
        raise ValueError(f"expected a model folder with a config.json at {path.parent}, found none")
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        raise ValueError(f"{path} must say format {FORMAT!r}, is it a model of this lab?")
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


def _config(settings: dict, path: Path) -> ViltConfig:
    known = {field.name: field.type for field in fields(ViltConfig)}
    if strange := sorted(set(settings) - set(known)):
        raise ValueError(f"{path} has unknown settings: {strange}")
    if "vocab_size" not in settings:
        raise ValueError(f"{path} lacks the setting 'vocab_size'")
    checked = {}
    for name, value in settings.items():
        kind = float if known[name] is float else int
        if type(value) not in (int, kind) or value < 0 or (value == 0 and name not in _MAY_BE_ZERO):
            raise ValueError(f"{path}: {name} must be a positive {kind.__name__}, got {value!r}")
        checked[name] = kind(value)
    try:
        return ViltConfig(**checked)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _model(config: ViltConfig, weights: Path) -> Vilt:
    if not weights.is_file():
        raise ValueError(f"expected weights at {weights}, found none")
    try:
        state = load_file(weights)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{weights} is damaged or truncated: {error}") from error
    _check_scale(config, state, weights)
    with torch.random.fork_rng(devices=[]):  # loading draws no numbers from the caller's generator
        model = Vilt(config)
    expected = model.state_dict()
    missing, extra = sorted(set(expected) - set(state)), sorted(set(state) - set(expected))
    if missing or extra:
        raise ValueError(
            f"{weights} does not fit its config: missing {missing[:3]}, left over {extra[:3]}"
        )
    for name, value in state.items():
        if value.shape != expected[name].shape:
            raise ValueError(
                f"{weights}: {name} has shape {tuple(value.shape)}, "
                f"expected {tuple(expected[name].shape)}"
            )
        if not value.isfinite().all():
            raise ValueError(f"{weights}: {name} holds values that are not finite")
    model.load_state_dict(state)
    return model


def _check_scale(config: ViltConfig, state: dict[str, torch.Tensor], weights: Path) -> None:
    """Refuse a config far beyond its weights before building it fills the memory."""
    held = sum(value.numel() for value in state.values())
    blocks = config.depth * (4 + 2 * config.mlp_ratio) * config.width
    tables = config.vocab_size + config.max_text_tokens + config.grid**2 + config.answers
    described = config.width * (blocks + tables + 3 * config.patch_size**2)
    if described > 4 * held:
        raise ValueError(
            f"{weights} does not fit its config: it holds {held:,} numbers, expected {described:,}"
        )
