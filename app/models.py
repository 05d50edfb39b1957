"""The models that the page offers, what each of them knows, and where it comes from."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Task = Literal["answer", "match", "fill", "align"]

# Sizes of the weights in float32, as they are fetched.
_PUBLISHED: Mapping[Task, tuple[str, int]] = {
    "answer": ("dandelin/vilt-b32-finetuned-vqa", 470),
    "match": ("dandelin/vilt-b32-finetuned-coco", 447),
    "fill": ("dandelin/vilt-b32-mlm", 543),
    "align": ("dandelin/vilt-b32-mlm", 543),
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
    name = Path(source).name if here else source
    return _whole(
        source if name in taken else name,
        source,
        domain=None,
        knows="The model of VILT_LAB_MODEL",
        at_once=here,
    )


def _whole(name: str, source: str, *, domain: str | None, knows: str, at_once: bool) -> Model:
    checkpoint = Checkpoint(source=source, name=name)
    tasks: tuple[Task, ...] = ("answer", "match", "fill", "align")
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
    that holds the checkpoints of ViLT-B/32, for machines without a network.
    """
    models = [embedded(), photographs(environment.get("VILT_LAB_PHOTO_MODELS") or None)]
    names = [model.name for model in models]
    chosen = environment.get("VILT_LAB_MODEL") or names[0]
    if chosen not in names:
        models.append(own(chosen, taken=names))
        chosen = models[-1].name
    models.sort(key=lambda model: model.name != chosen)
    return {model.name: model for model in models}
