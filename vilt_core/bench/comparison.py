"""Who answers how well at what cost: every trained model of the lab on the same questions.

    python -m vilt_core compare --report docs

One page for all: accuracy by type, recall both ways, pointing, and what a pair costs. A model that
was asked once need not be asked again when another is; but all are timed in one sitting, as
milliseconds of two machines, or of two days, do not compare.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from vilt_core.bench.live_memory import peak_bytes
from vilt_core.evaluation.card import read_object_if_there, read_training, write_card
from vilt_core.evaluation.cost import cost_at_own_size
from vilt_core.evaluation.papers import FACTS
from vilt_core.evaluation.report import ReportProgress, measure
from vilt_core.evaluation.sets import WORLD
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.folders import SHIPPED
from vilt_core.interop.opening import open_bundle
from vilt_core.models import kind_of
from vilt_core.training.rivals import FURTHER
from vilt_core.types import ImageBatch, TextBatch

Model = Mapping[str, Any]  # what ``compare_model`` returns
FILE = "comparison.json"
LIMITS = {  # examples of each set: what two cores measure of one model within minutes
    "vqa": 2000,
    "matching": 1000,
    "nlvr2": 1000,
    "retrieval": 100,
    "alignment": 200,
    "pointing": 200,
    "places": 64,
}


def compare_model(
    folder: str | Path,
    *,
    sets: Sequence[str] = WORLD,
    limits: Mapping[str, int] = LIMITS,
    batch_size: int = 64,
    command: str,
    progress: ReportProgress | None = None,
) -> dict[str, Any]:
    """Measure one model on everything that it can do, and what it costs; renew its card.

    A card that another command wrote stays: ``evaluate`` asks more of a model than a comparison.

    Args:
        folder: of the model.
        sets: where to measure.
        limits: examples at most, by task.
        batch_size: examples read at once; no score depends on it.
        command: what a reader types to get the same.
        progress: told ("vqa world:test", done, total) after every batch.

    Returns:
        What ``report.measure`` does; besides "family" (of ``MODELS``), "cost" of one pair,
        "memory" in bytes ("weights", and "pair": the most that is held beside them while a pair is
        read), and "steps", "seconds" of its training where they are known.

    Raises:
        ValueError: a folder that holds no model.
    """
    bundle = open_bundle(folder)
    told = None if progress is None else partial(_named, progress, bundle.name)
    measured = measure(bundle, sets=sets, limits=limits, batch_size=batch_size, progress=told)
    card = Path(folder) / "card.md"
    if not card.is_file() or f"`{command}`" in card.read_text(encoding="utf-8"):
        write_card(folder, bundle, measured, command=command)
    training = read_training(folder) or {}
    return {
        **measured,
        "family": kind_of(bundle.model),
        **costs(bundle),
        "steps": sum(stage["steps"] for stage in training.get("stages", [])) or None,
        "seconds": training.get("seconds"),
    }


def costs(bundle: Bundle) -> dict[str, Any]:
    """What one pair costs here and now: "cost" and "memory" of ``compare_model``."""
    cost = cost_at_own_size(bundle.model)
    told = asdict(cost) | {"total": asdict(cost.total)}
    return {"cost": told, "memory": memory_of(bundle)}


def timed_together(
    found: Mapping[str, Model], folders: Mapping[str, Path], *, progress: ReportProgress
) -> dict[str, dict[str, Any]]:
    """The same answers, and costs that were all taken here, one model right after the other.

    Args:
        found: what was measured, whenever and wherever, by the names of the models.
        folders: where those lie that do not ship; a model that is nowhere keeps its costs.
        progress: told ("costs", done, total) after every model.
    """
    told = {}
    for at, (name, one) in enumerate(found.items()):
        folder = folders.get(name, SHIPPED / name)
        there = (folder / "config.json").is_file()
        told[name] = {**one, **(costs(open_bundle(folder)) if there else {})}
        progress("costs", at + 1, len(found))
    return told


def _named(progress: ReportProgress, name: str, what: str, done: int, total: int) -> None:
    progress(f"{name} {what}", done, total)


def memory_of(bundle: Bundle) -> dict[str, int]:
    """Bytes of the weights, and of what is held at most beside them while one pair is read."""
    model, side = bundle.model.eval(), bundle.model.config.image_size
    ids = torch.full((1, min(20, model.config.max_text_tokens)), bundle.tokenizer.pad)
    text = TextBatch(ids=ids, mask=torch.ones_like(ids, dtype=torch.bool))
    image = ImageBatch(pixels=torch.zeros(1, 3, side, side))
    with torch.inference_mode():
        pair = peak_bytes(lambda: model(text, image))
    return {"weights": sum(p.numel() * p.element_size() for p in model.parameters()), "pair": pair}


def compared_models() -> list[str]:
    """The names of the trained models that ship, but for those that learned further tasks.

    Raises:
        ValueError: there is none.
    """
    there = [path.parent.name for path in sorted(SHIPPED.glob("*/tokenizer.json"))]
    names = [name for name in there if name not in FURTHER]
    if not names:
        raise ValueError(f"expected models in {SHIPPED}, there are none")
    return names


def read_comparison(folder: Path) -> dict[str, dict[str, Any]]:
    """What was measured before, by the names of the models; nothing where nothing was.

    Raises:
        ValueError: a file that is no JSON object.
    """
    return read_object_if_there(folder / FILE) or {}


def in_order(found: Mapping[str, Model]) -> list[Model]:
    """The models by the families of ViLT's figure 2, and by the year of their papers."""

    def place(one: Model) -> tuple[str, str, str]:
        facts = FACTS[one["family"]]
        return facts.kind, facts.arxiv, one["model"]

    return sorted(found.values(), key=place)
