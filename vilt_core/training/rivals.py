"""How ViLT's rivals are trained: the same world, words and steps, each by objectives of its own.

python -m vilt_core train --recipe clip-mini --to runs/clip-mini

First every model learns from captions, as it was published: dual encoders to tell a batch's pairs
from its mistakes, the others to match and to fill in what is hidden. Then it learns the tasks of
the comparison at once: questions, statements about two pictures, and still captions.
"""

from collections.abc import Callable
from typing import Any

from vilt_core import config
from vilt_core.training.stages import Recipe, Stage, scaled

STEPS = 4000  # of each stage, of 64 pictures


def _dual(name: str, preset: Callable[..., Any], *, scale: float, **contrast: Any) -> Recipe:
    """A dual encoder: pairs first, then pairs, questions and statements."""
    return _recipe(name, preset, learned="pairs", scale=scale, **contrast)


def _recipe(
    name: str, preset: Callable[..., Any], *, learned: str, scale: float, **settings: Any
) -> Recipe:
    def sizes(*, patch_classes: int, **counts: int) -> Any:
        del patch_classes  # ViLT alone is taught what its patches are called
        return preset(**counts)

    stages = (
        Stage(
            name="captions",
            steps=STEPS,
            mix={learned: 1.0},
            batch_size=64,
            learning_rate=1e-3,
            warmup=0.05,
            horizon=2 * STEPS,
            **settings,
        ),
        Stage(
            name="tasks",
            steps=STEPS,
            mix={learned: 0.3, "questions": 0.45, "statements": 0.25},
            batch_size=64,
            learning_rate=7e-4,
            warmup=0.02,
            **settings,
        ),
    )
    return scaled(Recipe(name=name, stages=stages, config=sizes), scale)


def clip_mini(*, scale: float = 1.0) -> Recipe:
    """CLIP by its symmetric cross-entropy over a batch's pairs.

    Args:
        scale: multiplies the steps of every stage.
    """
    return _dual("clip-mini", config.clip_mini, scale=scale)


RIVALS: dict[str, Callable[..., Recipe]] = {"clip-mini": clip_mini}
