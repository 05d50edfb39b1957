"""How the shipped models are trained: a recipe is a list of stages, a stage is one schedule.

python -m vilt_core train --recipe vilt-mini --to runs/vilt-mini
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from vilt_core import config
from vilt_core.config import ViltConfig

EVEN_QUESTIONS = {
    "existence": 1.0,
    "count": 1.0,
    "attribute": 1.0,
    "category": 1.0,
    "relation": 1.0,
    "spatial": 1.0,
    "comparison": 1.0,
    "logic": 1.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One optimiser schedule over one mixture of data."""

    name: str
    steps: int
    mix: dict[str, float]  # shares of the batches: "patches", "captions", "questions"
    batch_size: int = 128
    learning_rate: float = 1e-4  # at its peak
    warmup: float = 0.1  # share of the horizon; linear decay to 0 at the horizon afterwards
    horizon: int | None = None  # steps; ``steps`` itself unless a stage hands over before its end
    weight_decay: float = 0.01
    clip: float = 1.0  # largest norm of the gradient
    mask_rate: float = 0.15  # of whole words, as the paper
    noun_mask_rate: float = 0.15
    hard_negatives: float = 0.5  # of the pairs that do not match: one word changed
    wpa_weight: float = 0.1  # as the paper
    naming_weight: float = 0.0  # patch naming beside the other objectives
    mentioning_weight: float = 0.0  # whether the text speaks of a patch, likewise
    grounding_weight: float = 0.0  # nouns near the patches of their own objects, likewise
    depth: int | None = None  # blocks; a model with fewer grows by identities as the stage begins
    # Blocks after which patches must know their names, and whether the text speaks of them: what
    # is known only after the last block, no block is left to use. None asks after the last alone.
    naming_depth: int | None = None
    mentioning_depth: int | None = None
    inked: float = 0.0  # share of the pictures drawn over in ink, so that outlines are no surprise
    question_mix: dict[str, float] = field(default_factory=lambda: dict(EVEN_QUESTIONS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The stages of one model, in order."""

    name: str
    stages: tuple[Stage, ...]
    config: Callable[..., ViltConfig] = config.vilt_mini  # of a fresh model
    vocab_size: int = 940  # of the tokenizer; ignored where a trained model is the start
    seed: int = 0


def vilt_mini(*, scale: float = 1.0) -> Recipe:
    """The shipped model, on two CPU cores in an hour and a half: 0.7 million pictures.

    The backbone first (the paper starts from a ViT trained on ImageNet), then captions, then
    questions with a share of captions, so that one checkpoint keeps every head. The last four
    stages are what it took to find out what works (docs/training.md), as they ran.

    Args:
        scale: multiplies the steps of every stage.
    """
    backbone = Stage(
        name="backbone",
        steps=1700,
        horizon=3000,
        mix={"patches": 1.0},
        learning_rate=2e-3,
        weight_decay=0.05,
    )
    pretrain = Stage(
        name="pretrain",
        steps=900,
        horizon=5200,
        warmup=0.04,
        mix={"captions": 0.7, "questions": 0.3},
        learning_rate=8e-4,
        noun_mask_rate=0.4,
        naming_weight=0.5,
        inked=0.3,
    )
    questions = replace(
        pretrain,
        name="questions",
        steps=400,
        horizon=5000,
        warmup=0.01,
        mix={"captions": 0.35, "questions": 0.65},
        learning_rate=7e-4,
        hard_negatives=0.3,
        naming_weight=0.25,
        question_mix=EVEN_QUESTIONS | {"existence": 2.5, "spatial": 1.5, "count": 1.5},
    )
    mentions = replace(
        questions,
        name="mentions",
        steps=600,
        horizon=4000,
        mix={"captions": 0.3, "questions": 0.7},
        naming_weight=0.5,
        naming_depth=4,
        mentioning_weight=1.0,
        mentioning_depth=5,
        question_mix=EVEN_QUESTIONS | {"existence": 2.0, "spatial": 1.5, "count": 1.5},
    )
    grown = replace(
        mentions,
        name="grown",
        steps=500,
        horizon=2600,
        warmup=0.02,
        depth=8,
        naming_depth=6,
        mentioning_depth=7,
    )
    finetune = replace(grown, name="finetune", steps=700, horizon=1100, learning_rate=5e-4)
    ground = replace(
        grown, name="ground", steps=700, horizon=None, learning_rate=4e-4, grounding_weight=0.5
    )
    stages = (backbone, pretrain, questions, mentions, grown, finetune, ground)
    return Recipe(name="vilt-mini", stages=tuple(_scaled(stage, scale) for stage in stages))


def vilt_mini_gpu(*, scale: float = 1.0) -> Recipe:
    """The model to ship from one GPU in half an hour: a grid of 12 x 12, 20 million pictures.

    Args:
        scale: multiplies the steps of every stage.
    """
    stages = (
        Stage(
            name="backbone",
            steps=8000,
            horizon=12000,
            mix={"patches": 1.0},
            batch_size=512,
            learning_rate=2e-3,
            weight_decay=0.05,
            inked=0.3,
        ),
        Stage(
            name="pretrain",
            steps=12000,
            horizon=24000,
            warmup=0.04,
            mix={"captions": 0.7, "questions": 0.3},
            batch_size=512,
            learning_rate=1e-3,
            noun_mask_rate=0.3,
            hard_negatives=0.3,
            depth=8,
            naming_weight=0.5,
            naming_depth=6,
            mentioning_weight=1.0,
            mentioning_depth=7,
            inked=0.3,
        ),
        Stage(
            name="finetune",
            steps=20000,
            warmup=0.02,
            mix={"captions": 0.3, "questions": 0.7},
            batch_size=512,
            learning_rate=8e-4,
            naming_weight=0.25,
            naming_depth=6,
            mentioning_weight=0.5,
            mentioning_depth=7,
            grounding_weight=0.5,
            inked=0.3,
        ),
    )
    return Recipe(
        name="vilt-mini-gpu",
        stages=tuple(_scaled(stage, scale) for stage in stages),
        config=config.vilt_mini_gpu,
    )


def _scaled(stage: Stage, scale: float) -> Stage:
    if not 0 < scale < float("inf"):
        raise ValueError(f"scale must be finite and greater than 0, got {scale}")
    horizon = None if stage.horizon is None else max(round(stage.horizon * scale), 1)
    return replace(stage, steps=max(round(stage.steps * scale), 1), horizon=horizon)


def finetuning(*, steps: int, learning_rate: float, batch_size: int, seed: int = 1) -> Recipe:
    """Go on from a trained model: questions, with a share of captions for the other heads."""
    stage = Stage(
        name="finetune",
        steps=steps,
        mix={"captions": 0.25, "questions": 0.75},
        batch_size=batch_size,
        learning_rate=learning_rate,
        noun_mask_rate=0.4,
        hard_negatives=0.3,
        grounding_weight=0.5,
        inked=0.3,
    )
    return Recipe(name="finetuned", stages=(stage,), seed=seed)


RECIPES: dict[str, Callable[..., Recipe]] = {
    "vilt-mini": vilt_mini,
    "vilt-mini-gpu": vilt_mini_gpu,
}
