"""The models that the page offers, what each of them knows, and where it comes from."""

import json
import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError, safe_open

_LOG = logging.getLogger(__name__)

Task = Literal["answer", "match", "fill", "align", "compare"]

# Sizes of the weights in float32, as they are fetched.
_PUBLISHED: Mapping[Task, tuple[str, int]] = {
    "answer": ("dandelin/vilt-b32-finetuned-vqa", 470),
    "match": ("dandelin/vilt-b32-finetuned-coco", 447),
    "fill": ("dandelin/vilt-b32-mlm", 543),
    "align": ("dandelin/vilt-b32-mlm", 543),
    "compare": ("dandelin/vilt-b32-finetuned-nlvr2", 456),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """One set of weights."""

    source: str  # what ``vilt_core.load`` is given
    name: str
    megabytes: int | None = None  # None where nobody knows before it is there


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One name on the page; behind it one checkpoint for all tasks, or one a task."""

    name: str
    domain: str | None  # "stickers" or "photographs"; None where only its own folder says
    knows: str
    checkpoints: Mapping[Task, Checkpoint]
    at_once: bool  # small and on this machine: nobody needs to be asked to wait for it


def embedded() -> Model:
    """The model that ships with the lab."""
    return _whole(
        "vilt-mini", "vilt-mini", domain="stickers", knows="Scenes of emoji stickers", at_once=True
    )


def photographs(folder: str | None = None) -> Model:
    """The published ViLT-B/32, which was fine-tuned for each task on its own.

    Args:
        folder: Where the checkpoints lie as folders, named as on the Hugging Face Hub but for
            their owner; without it they are fetched from there.
    """
    checkpoints: dict[Task, Checkpoint] = {}
    for task, (name, megabytes) in _PUBLISHED.items():
        source = name if folder is None else str(Path(folder).resolve() / name.split("/")[1])
        checkpoints[task] = Checkpoint(source=source, name=name, megabytes=megabytes)
    return Model(
        name="ViLT-B/32",
        domain="photographs",
        knows="Photographs of everyday things and places",
        checkpoints=checkpoints,
        at_once=False,
    )


def own(source: str, *, taken: Collection[str] = ()) -> Model:
    """The user's own: a folder, a file, or a name on the Hugging Face Hub.

    Args:
        source: What ``vilt_core.load`` is given.
        taken: Names that other models have.
    """
    here = Path(source).exists() or source.count("/") != 1
    name = _name_of(Path(source)) if here else source
    return _whole(
        source if name in taken else name,
        source,
        domain=None,
        knows="The model of VILT_LAB_MODEL",
        at_once=here,
    )


def runs(folder: Path) -> list[Model]:
    """The models of the user's own trainings, by the names of the runs.

    A damaged one is left out, and the log says why.

    Args:
        folder: Where each run is a folder with a "model" inside.
    """
    found = []
    for path in sorted(folder.glob("*/model")):
        try:
            domain = _domain_of(path)
        except (ValueError, OSError, SafetensorError) as error:
            _LOG.warning("the model in %s is left out: %s", path, error)
            continue
        knows = "What you trained it on"
        name = _name_of(path)
        found.append(_whole(name, str(path), domain=domain, knows=knows, at_once=True))
    return found


def _domain_of(folder: Path) -> str:
    """What a model of the lab says that it knows, if its files are whole.

    Raises:
        ValueError: A description that is none.
        OSError: A file is missing.
        SafetensorError: Weights that are cut short.
    """
    described = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if not isinstance(described, dict) or not isinstance(described.get("domain"), str):
        raise ValueError("its config.json is none of a model of this lab")
    (folder / "tokenizer.json").stat()
    with safe_open(folder / "model.safetensors", framework="numpy"):
        return described["domain"]


def _name_of(path: Path) -> str:
    """A training is known by its run, whose model lies in a folder of that name."""
    path = path.resolve()
    return path.parent.name if path.name == "model" else path.name


def _whole(name: str, source: str, *, domain: str | None, knows: str, at_once: bool) -> Model:
    checkpoint = Checkpoint(source=source, name=name)
    tasks: tuple[Task, ...] = ("answer", "match", "fill", "align", "compare")
    return Model(
        name=name,
        domain=domain,
        knows=knows,
        checkpoints=dict.fromkeys(tasks, checkpoint),
        at_once=at_once,
    )


def catalogue(environment: Mapping[str, str] = os.environ) -> dict[str, Model]:
    """Every model by its name, the one that the page opens with first.

    VILT_LAB_MODEL puts a model of the user's own in front; VILT_LAB_PHOTO_MODELS names a folder
    that holds the checkpoints of ViLT-B/32, for machines without a network. The user's trainings
    come last: those in runs/, or in the folder that VILT_LAB_RUNS names.
    """
    shipped = [embedded(), photographs(environment.get("VILT_LAB_PHOTO_MODELS") or None)]
    models = {model.name: model for model in shipped}
    chosen = environment.get("VILT_LAB_MODEL") or shipped[0].name
    if chosen not in models:
        model = own(chosen, taken=models)
        models = {model.name: model} | models
        chosen = model.name
    given = {_place(model) for model in models.values()}
    for model in runs(Path(environment.get("VILT_LAB_RUNS") or "runs")):
        if _place(model) not in given:
            name = model.name if model.name not in models else model.checkpoints["answer"].source
            models[name] = replace(model, name=name)
    return {chosen: models[chosen]} | models


def _place(model: Model) -> Path:
    return Path(model.checkpoints["answer"].source).resolve()
