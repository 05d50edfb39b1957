"""How ViLT's rivals are trained: the same world, words and steps, each by objectives of its own.

python -m vilt_core train --recipe clip-mini --to runs/clip-mini

What a rival sees with has learned names before, where its paper took it from ImageNet or Visual
Genome: the CNNs here, the detector by itself (detecting.py). Then every model learns from captions,
as it was published: dual encoders to tell a batch's pairs from its mistakes, the others to match
and to fill in what is hidden. Last come the tasks of the comparison at once: questions, statements
about two pictures, and still captions.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from vilt_core import config
from vilt_core.config import ViltConfig
from vilt_core.training.naming_cells import name_cells
from vilt_core.training.stages import Recipe, Stage, scaled

STEPS = 2000  # of captions, and of tasks, of 64 pictures each
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
    whole = Recipe(name=name, stages=stages, config=sizes, fit=fit)
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
