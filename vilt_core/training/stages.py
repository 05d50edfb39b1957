"""What a training consists of: a recipe is a list of stages, a stage is one schedule."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from vilt_core import config
from vilt_core.interop.bundle import Bundle
from vilt_core.world.corner import Corner

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
    # Shares of the batches: "captions" (matching and masked words), "questions", "statements"
    # (NLVR2), "ranking" (retrieval), "pairs" (of dual encoders: captions that match); of the
    # sticker world "patches" besides.
    mix: dict[str, float]
    batch_size: int = 128  # of all processes and accumulated parts together
    learning_rate: float = 1e-4  # at its peak
    head_rate: float = 1.0  # times the learning rate, for the heads; 10 for VQA in the paper's code
    warmup: float = 0.1  # share of the horizon; linear decay to 0 at the horizon afterwards
    horizon: int | None = None  # steps; ``steps`` itself unless a stage hands over before its end
    weight_decay: float = 0.01
    clip: float = 1.0  # largest norm of the gradient
    dropout: float | None = None  # share of units that a step leaves out; None: as the model has it
    mask_rate: float = 0.15  # of words, as the paper
    mask_unit: Literal["word", "piece"] = "word"  # what is hidden whole
    noun_mask_rate: float = 0.15
    hide_either: bool = False  # of a pair words or regions, never both: UNITER's way
    patch_mask_rate: float = 0.0  # masked patch prediction, 0.15 in the paper's ablation
    mlm: bool = True  # masked words, of captions
    itm: bool = True  # matching, of captions
    wpa: bool = True  # word-patch alignment of the pairs that matching is asked of
    wpa_weight: float = 0.1  # as the paper
    augment: bool = False  # RandAugment, N=2 and M=9, in fine-tuning
    mixgen: float = 0.0  # share of the rows whose picture and text are two examples mixed
    # Of a batch's pairs: CLIP's cross-entropy, VSE's sum of hinges, or VSE++'s hardest.
    contrast: Literal["softmax", "hinges", "hardest"] = "softmax"
    negatives: int = 15  # texts of other pictures beside each true one, in ranking
    hard_negatives: float = 0.5  # of the pairs that do not match: one word changed
    naming_weight: float = 0.0  # patch naming beside the other objectives
    mentioning_weight: float = 0.0  # whether the text speaks of a patch, likewise
    grounding_weight: float = 0.0  # nouns near the patches of their own objects, likewise
    locating_weight: float = 0.0  # how many objects a noun speaks of and where, likewise
    gathering_weight: float = 0.0  # the attention of nouns on their own objects, likewise
    comparing_weight: float = 0.0  # how the two things that a text names differ, likewise
    depth: int | None = None  # blocks; a model with fewer grows by identities as the stage begins
    # Blocks after which patches must know their names and whether the text speaks of them, nouns
    # where their objects are, and the first token how they differ: what is known only after the
    # last block, no block is left to use. None asks after the last alone.
    naming_depth: int | None = None
    mentioning_depth: int | None = None
    locating_depth: int | None = None
    comparing_depth: int | None = None
    gathering_block: int | None = None  # whose first head is asked, counted from 1; None: the last
    # Patches of a picture of stickers that are read with captions, questions and statements: those
    # that show most of them, then others by chance, as the paper samples 200. Fewer make a step
    # faster. None reads all.
    kept_patches: int | None = None
    inked: float = 0.0  # share of the pictures drawn over in ink, so that outlines are no surprise
    retouched: float = 0.0  # share whose stickers are stretched, slanted and tinted, likewise
    guests: float = 0.0  # share drawn by artists who are seen in training alone, likewise
    corner: Corner | None = None  # of the sticker world, where captions are all that is drawn
    question_mix: dict[str, float] = field(default_factory=lambda: dict(EVEN_QUESTIONS))

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size"):
            if (given := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1, got {given}")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be a share from 0 to below 1, got {self.dropout:g}")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(
                f"learning_rate must be finite and greater than 0, got {self.learning_rate}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The stages of one model, in order."""

    name: str
    stages: tuple[Stage, ...]
    config: Callable[..., Any] = config.vilt_mini  # of a fresh model
    vocab_size: int = 940  # of the tokenizer; ignored where a trained model is the start
    seed: int = 0
    detector: str = "detector-mini"  # a folder that ships: what a model of regions sees with
    fit: Callable[..., None] | None = None  # of a fresh model and a seed, before the first step
    # What a trained model gets before the first step; None where the recipe starts from nothing.
    prepare: Callable[[Bundle], Bundle] | None = None
    start: str = "vilt-mini"  # this trained model, unless another is named
    kept: tuple[str, ...] = ()  # stages after which the model is kept, beside what comes of it


def drawn(shares: dict[str, float], draw: Callable[[], float]) -> str:
    """One of the names, as often as its share says."""
    level = draw() * sum(shares.values())
    for name, share in shares.items():
        level -= share
        if level < 0:
            return name
    return next(reversed(shares))


def scaled(recipe: Recipe, scale: float) -> Recipe:
    """The recipe with the steps of every stage multiplied: 0.01 for a rehearsal.

    Raises:
        ValueError: a scale that leaves nothing or is no number.
    """
    longest = max(max(stage.steps, stage.horizon or 0) for stage in recipe.stages)
    if not 0 < scale < math.inf or not math.isfinite(scale * longest):
        raise ValueError(f"scale must be finite and greater than 0, got {scale}")

    def shorter(steps: int) -> int:
        return max(round(steps * scale), 1)

    stages = tuple(
        replace(
            stage,
            steps=shorter(stage.steps),
            horizon=None if stage.horizon is None else shorter(stage.horizon),
        )
        for stage in recipe.stages
    )
    return replace(recipe, stages=stages)
