"""Sentences as a model learns to read them: heat that gathers on a sticker, on a slider.

Every snapshot is sent once, and all the rest happens in the browser: ``static/emergence.js`` draws,
this file packs.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from vilt_core.viz.blend import Box
from vilt_core.viz.stepper import STATIC, data_url

_PICTURE_SIDE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """What is watched: a picture, a true sentence and a false one."""

    pixels: UInt8[np.ndarray, "height width 3"]
    words: Sequence[str]
    nouns: Mapping[int, Sequence[Box]]  # which words are nouns, and where what they name is
    false: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one snapshot makes of one sentence; None where it has no head for that."""

    heat: Float[np.ndarray, "m rows columns"]  # of each word, at least 0
    pointed: Sequence[bool]  # of each noun: the strongest patch is in one of its boxes
    distance: float  # of transport, and of the false sentence
    false_distance: float
    true_chance: float | None  # P(match), and of the false sentence
    false_chance: float | None
    guesses: Sequence[tuple[int, Sequence[tuple[str, float]], float]]  # noun, likeliest, the truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One snapshot."""

    step: int
    scores: Mapping[str, float]
    views: Sequence[View]  # of each sentence


def payload(
    sentences: Sequence[Sentence],
    moments: Sequence[Moment],
    *,
    chance: Mapping[str, float],
    steps: int,
) -> dict[str, Any]:
    """Everything that the view needs, as JSON.

    Args:
        sentences: what is watched.
        moments: in the order of their steps.
        chance: what guessing scores, by the names of the scores.
        steps: of the whole run.

    Raises:
        ValueError: a moment with other sentences, or heat of other words.
    """
    for moment in moments:
        told = [len(view.heat) for view in moment.views]
        if told != [len(one.words) for one in sentences]:
            raise ValueError(f"step {moment.step} tells of {told} words, which do not fit")
    return {
        "steps": steps,
        "chance": dict(chance),
        "sentences": [
            {
                "picture": data_url(one.pixels, side=_PICTURE_SIDE),
                "words": list(one.words),
                "nouns": {str(at): [list(box) for box in boxes] for at, boxes in one.nouns.items()},
                "false": one.false,
            }
            for one in sentences
        ],
        "moments": [
            {
                "step": one.step,
                "scores": dict(one.scores),
                "views": [_packed(view) for view in one.views],
            }
            for one in moments
        ],
    }


def _packed(view: View) -> dict[str, Any]:
    """Eight bits a patch, each word scaled by its own strongest."""
    top = view.heat.max(axis=(1, 2), keepdims=True)
    levels = (view.heat / np.where(top > 0, top, 1) * 255).round().astype(np.uint8)
    return {
        "grid": list(view.heat.shape[1:]),
        "heat": base64.b64encode(levels.tobytes()).decode("ascii"),
        "pointed": list(view.pointed),
        "distance": view.distance,
        "falseDistance": view.false_distance,
        "trueChance": view.true_chance,
        "falseChance": view.false_chance,
        "guesses": [
            {"word": word, "likeliest": [list(pair) for pair in likeliest], "truth": truth}
            for word, likeliest, truth in view.guesses
        ],
    }


@lru_cache(maxsize=1)
def script() -> str:
    """The view's code: it defines ``emergenceView(root)``."""
    return (STATIC / "emergence.js").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def styles() -> str:
    """The view's style sheet."""
    return (STATIC / "emergence.css").read_text(encoding="utf-8")
