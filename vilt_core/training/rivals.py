"""How ViLT's rivals are trained: the same world, words and steps, each by objectives of its own.

python -m vilt_core train --recipe clip-mini --to runs/clip-mini

What a rival sees with has learned names before, where its paper took it from ImageNet or Visual
Genome: the CNNs here, the detector by itself (detecting.py). Then every model learns from captions,
as it was published: dual encoders to tell a batch's pairs from its mistakes, the others to match
and to fill in what is hidden; so far it is kept beside the end, to find pictures and captions with
nothing learned for that (zero-shot). Last come the tasks of the comparison at once: questions,
statements about two pictures, and still captions.

What only models of regions learn, and what only those that read pairs need, to rank, they learn
from there in recipes of their own (``FURTHER``): a model that is compared has then learned no more,
and no less, than the others.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from vilt_core import config
from vilt_core.config import ViltConfig
from vilt_core.interop.bundle import Bundle
from vilt_core.models import kind_of, of_config
from vilt_core.models.uniter import Uniter
from vilt_core.models.vilbert import Vilbert
from vilt_core.training.naming_cells import name_cells
from vilt_core.training.stages import Recipe, Stage, scaled
from vilt_core.training.transfer import start_rank_from_itm

STEPS = 2000  # of captions, and of tasks, of 64 pictures each
FURTHER_STEPS = 500  # of each task that only models of regions learn, of half as many pictures
RANKING_STEPS = 1000  # of four pictures with 16 captions each
NAMING_STEPS = 1000  # before these, of what sees with a CNN

_CAPTIONS = Stage(
    name="captions",
    steps=STEPS,
    horizon=2 * STEPS,
    mix={},
    batch_size=64,
    learning_rate=1e-3,
    warmup=0.05,
    wpa=False,  # but of UNITER, which has an alignment of its own
    hard_negatives=0.0,
)
_TASKS = replace(_CAPTIONS, name="tasks", horizon=None, learning_rate=7e-4, warmup=0.02)
_NAMES = replace(
    _CAPTIONS,
    name="names",
    steps=NAMING_STEPS,
    horizon=None,
    mix={"patches": 1.0},
    learning_rate=2e-3,
    weight_decay=0.05,
)


def _recipe(
    name: str,
    preset: Callable[..., Any],
    *,
    captions: str = "captions",
    sees: Stage | None = None,
    fit: Callable[..., None] | None = None,
    scale: float = 1.0,
    **settings: Any,
) -> Recipe:
    """The stages of a rival.

    Args:
        name: of the model.
        preset: of its sizes.
        captions: how it learns from them: "pairs" of dual encoders, else "captions".
        sees: the stage in which it learns to see, if it needs one.
        fit: what is fitted before the first step, if anything is.
        scale: multiplies the steps of every stage.
        settings: of its captions, in both stages.
    """

    def sizes(*, patch_classes: int, **counts: int) -> Any:
        return preset(**counts, **({"patch_classes": patch_classes} if sees else {}))

    learned = replace(_CAPTIONS, mix={captions: 1.0}, **settings)
    tasks = {captions: 0.3, "questions": 0.45, "statements": 0.25}
    stages = (learned, replace(_TASKS, mix=tasks, **settings))
    stages = (sees, *stages) if sees else stages
    whole = Recipe(name=name, stages=stages, config=sizes, fit=fit, kept=(_CAPTIONS.name,))
    return scaled(whole, scale)


def vse_mini(*, scale: float = 1.0) -> Recipe:
    """VSE++: all mistakes of a batch first, as from nothing the hardest alone teach nothing.

    Args:
        scale: multiplies the steps of every stage.
    """
    recipe = _recipe("vse-mini", config.vse_mini, captions="pairs", sees=_NAMES, scale=scale)
    names, captions, tasks = recipe.stages
    stages = names, replace(captions, contrast="hinges"), replace(tasks, contrast="hardest")
    return replace(recipe, stages=stages)


def vilt_plain_mini(*, scale: float = 1.0) -> Recipe:
    """ViLT as its rivals are trained: by the objectives of its paper alone, and no longer.

    Args:
        scale: multiplies the steps of every stage.
    """

    def plain(**counts: int) -> ViltConfig:
        tasks = ("itm", "mlm", "nlvr2")
        return replace(config.vilt_mini(**counts), depth=4, tasks=tasks, modality_types=3)

    return _recipe("vilt-plain-mini", plain, sees=_NAMES, wpa=True, scale=scale)


def _further(
    of: str,
    what: str,
    *,
    steps: int,
    mix: dict[str, float],
    pictures: int,
    heads: Callable[..., Bundle],
    scale: float,
) -> Recipe:
    """One stage more, from where a rival was compared, under a name of its own."""
    name = f"{of}-{what}"
    stage = replace(
        _TASKS,
        name=name,
        steps=steps,
        mix=mix,
        batch_size=pictures,
        learning_rate=5e-4,
        warmup=0.05,
    )
    prepare = partial(heads, name=name)
    return scaled(Recipe(name=name, stages=(stage,), seed=1, prepare=prepare, start=of), scale)


def region_tasks(of: str, *, scale: float = 1.0) -> Recipe:
    """Referring expressions and answers with reasons, for a rival that reads regions.

    Tasks of ViLBERT's paper (section 3.2), both at once. A step of choices reads four texts with
    every picture, so that its pictures are fewer.

    Args:
        of: the rival's name: its trained model is the start.
        scale: multiplies the steps.
    """
    return _further(
        of,
        "tasks",
        steps=2 * FURTHER_STEPS,
        mix={"referring": 0.5, "choices": 0.5},
        pictures=32,
        heads=_with_region_heads,
        scale=scale,
    )


def _with_region_heads(bundle: Bundle, *, name: str) -> Bundle:
    """A model of regions under another name, with heads for these tasks; what it has stays.

    Raises:
        ValueError: a model that reads no regions.
    """
    model = bundle.model
    if not isinstance(model, Uniter | Vilbert):
        raise ValueError(f"{name} needs a model of regions, got {bundle.name}, a {kind_of(model)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        whole = of_config(replace(model.config, referring=True, choice=True))
    model.config = whole.config
    model.referring = model.referring or whole.referring
    model.choice = model.choice or whole.choice
    return replace(bundle, name=name)


def ranking(of: str, *, scale: float = 1.0) -> Recipe:
    """Retrieval as ViLT's paper fine-tunes it (section 4.4), for a rival that reads pairs.

    A true caption among 15 of other pictures, by a score that begins as matching's. The papers of
    the others have something of the same sort: ViLBERT three wrong ones, UNITER two a pair, by
    triplets, Pixel-BERT the hardest of many. One for all leaves the models alone to differ.

    Args:
        of: the rival's name: its trained model is the start.
        scale: multiplies the steps.
    """
    return _further(
        of,
        "ranking",
        steps=RANKING_STEPS,
        mix={"ranking": 1.0},
        pictures=4,
        heads=_with_rank_head,
        scale=scale,
    )


def _with_rank_head(bundle: Bundle, *, name: str) -> Bundle:
    """A model under another name, with a head that ranks; one that is there stays.

    Raises:
        ValueError: a model that matches no pairs: a dual encoder ranks as it is.
    """
    if bundle.model.rank is None:
        start_rank_from_itm(bundle.model)
    return replace(bundle, name=name)


FURTHER: dict[str, Callable[..., Recipe]] = {
    f"{of}-tasks": partial(region_tasks, of) for of in ("vilbert-mini", "uniter-mini")
} | {
    f"{of}-ranking": partial(ranking, of)
    for of in ("vilbert-mini", "uniter-mini", "pixelbert-mini", "xlxmert-mini", "vilt-plain-mini")
}
RIVALS: dict[str, Callable[..., Recipe]] = {
    "scan-mini": partial(
        _recipe, "scan-mini", config.scan_mini, captions="pairs", contrast="hardest"
    ),
    "vse-mini": vse_mini,
    "clip-mini": partial(_recipe, "clip-mini", config.clip_mini, captions="pairs"),
    "pixelbert-mini": partial(_recipe, "pixelbert-mini", config.pixelbert_mini, sees=_NAMES),
    "vilbert-mini": partial(_recipe, "vilbert-mini", config.vilbert_mini),
    "uniter-mini": partial(_recipe, "uniter-mini", config.uniter_mini, wpa=True, hide_either=True),
    "xlxmert-mini": partial(_recipe, "xlxmert-mini", config.xlxmert_mini, fit=name_cells),
    "vilt-plain-mini": vilt_plain_mini,
}
