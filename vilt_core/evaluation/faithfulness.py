"""Does an explanation name the patches that the answer hangs on? Deletion and insertion curves.

Petsiuk, Das and Saenko, "RISE", BMVC 2018, section 4.1: patches go out of the picture in the order
of their heat, and the probability of the answer should fall soon (deletion: a small area is good);
or they come into an empty one, and it should rise soon (insertion: a large area is good). They blur
or grey pixels; a transformer can do without a patch, which leaves no artefact to answer about.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vilt_core.evaluation.inference import Progress, evaluating, pixels_of, said_first
from vilt_core.evaluation.localisation import patches_in_boxes, pointing
from vilt_core.evaluation.sets import Source
from vilt_core.evaluation.sources import Asked, questions_of
from vilt_core.explain.explanation import METHODS, explain
from vilt_core.explain.inquiry import Inquiry, inquire
from vilt_core.interop.bundle import Bundle
from vilt_core.types import ImageBatch

STEPS = 16  # pictures on a curve, beside the whole and the empty one
QUESTIONS = 200  # of the study, where nobody says how many
_ORDERS = 5  # of chance, whose mean is the baseline

Score = Callable[[Bool[Tensor, "b n"]], Float[Tensor, " b"]]  # P(answer) with the patches kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """P(answer) while patches go, and while they come, for each of some heatmaps."""

    fractions: Float[np.ndarray, " t"]  # of the patches gone, or there: 0 to 1
    deletion: Float[np.ndarray, "m t"]
    insertion: Float[np.ndarray, "m t"]

    @property
    def deletion_area(self) -> Float[np.ndarray, " m"]:
        """Under the curve: smaller is better."""
        return np.trapezoid(self.deletion, self.fractions, axis=-1)

    @property
    def insertion_area(self) -> Float[np.ndarray, " m"]:
        """Under the curve: larger is better."""
        return np.trapezoid(self.insertion, self.fractions, axis=-1)


def faithfulness_curves(score: Score, heat: Float[Tensor, "m n"], *, steps: int = STEPS) -> Curves:
    """Both curves of every heatmap.

    The two ends are the same for all of them, and are computed once.

    Args:
        score: P(answer) for each row of patches that are kept.
        heat: any real values; equal patches go in raster order.
        steps: how many times patches go, about as many each time; at most one a time.

    Raises:
        ValueError: fewer than one step.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    m, n = heat.shape
    counts = torch.linspace(0, n, min(steps, n) + 1).round().long()
    rank = heat.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1).cpu()
    inner = counts[1:-1, None, None]
    gone = (rank < inner).flatten(0, 1)  # rows by step, so that sequences of a length come together
    ends = torch.stack([torch.ones(n), torch.zeros(n)]).bool()
    found = score(torch.cat([ends, ~gone, gone]).to(heat.device)).double().cpu()
    whole, empty = (end.expand(m, 1) for end in found[:2])
    without, within = (half.reshape(-1, m).T for half in found[2:].chunk(2))
    return Curves(
        fractions=(counts.double() / n).numpy(),
        deletion=torch.cat([whole, without, empty], dim=1).numpy(),
        insertion=torch.cat([empty, within, whole], dim=1).numpy(),
    )


def chance_of(inquiry: Inquiry, answer: int) -> Score:
    """P(answer) as a function of the patches that are there."""

    def score(kept: Bool[Tensor, "b n"]) -> Float[Tensor, " b"]:
        return inquiry.logits(kept=kept).double().softmax(dim=-1)[:, answer]

    return score


def random_heat(count: int, *, patches: int, seed: int = 0) -> Float[Tensor, "m n"]:
    """Heatmaps that say nothing: patches in an order of chance, the same on every machine."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, patches, generator=generator)


def faithfulness_scores(
    bundle: Bundle,
    *,
    on: Source = "world:test",
    limit: int | None = None,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge every method of explanation on the model's own answers.

    Args:
        bundle: the model.
        on: questions of the world, or on disk; see sources.py.
        limit: how many questions at most; 200 otherwise.
        batch_size: nothing here: each question is a batch of its own variants.
        progress: told (questions done, total) after every question.

    Returns:
        "deletion" and "insertion" (mean areas), by method, "random" among them, which is the mean
        over orders of chance; "whole" and "empty": P(answer) with all patches and with none;
        "pointing": of the questions that ask about things which can be pointed at ("pointed" of
        them), how often the heaviest patch lies in the box of one of them, "random" being what an
        even heatmap scores.

    Raises:
        ValueError: a set that cannot be read, or a model that answers no questions.
    """
    del batch_size
    asked = questions_of(on, limit=limit or QUESTIONS)
    begun = time.perf_counter()
    areas: dict[str, list[list[float]]] = defaultdict(list)
    hits: list[list[float]] = []
    with evaluating(bundle.model):
        for done, question in enumerate(asked, start=1):
            inquiry, heat, curves = _judged(bundle, question)
            areas["deletion"].append(_random_last(curves.deletion_area))
            areas["insertion"].append(_random_last(curves.insertion_area))
            areas["ends"].append(curves.deletion[0, [0, -1]].tolist())
            if question.about:
                boxes = torch.tensor(question.about)
                inside = patches_in_boxes(boxes, grid=inquiry.patches.grid).any(dim=0)
                hits.append(pointing(heat, inside.expand(len(heat), -1)).tolist())
            if progress is not None:
                progress(done, len(asked))
    seconds = time.perf_counter() - begun
    whole, empty = _means(areas["ends"])
    names = [*METHODS, "random"]
    return {
        **said_first("faithfulness", bundle, on, examples=len(asked), seconds=seconds),
        "pointed": len(hits),
        "whole": whole,
        "empty": empty,
        "deletion": dict(zip(names, _means(areas["deletion"]), strict=True)),
        "insertion": dict(zip(names, _means(areas["insertion"]), strict=True)),
        "pointing": dict(zip(names, _means(hits), strict=True)) if hits else {},
    }


def _judged(bundle: Bundle, question: Asked) -> tuple[Inquiry, Tensor, Curves]:
    """Heat of every method and an even one; curves of every method and of orders of chance."""
    pixels = pixels_of(question.picture, bundle)[None]
    inquiry = inquire(bundle.vilt, bundle.tokenizer, question.text, ImageBatch(pixels=pixels))
    answer = int(inquiry.logits()[0].argmax())
    heat = torch.stack(
        [
            torch.from_numpy(
                explain(inquiry, bundle.answers, method=method, answer=answer).heat
            ).flatten()
            for method in METHODS
        ]
    )
    chance = random_heat(_ORDERS, patches=inquiry.patch_tokens).to(heat)
    curves = faithfulness_curves(chance_of(inquiry, answer), torch.cat([heat, chance]))
    return inquiry, torch.cat([heat, torch.zeros_like(heat[:1])]), curves


def _random_last(values: Float[np.ndarray, " m"]) -> list[float]:
    return [*values[:-_ORDERS].tolist(), float(values[-_ORDERS:].mean())]


def _means(rows: list[list[float]]) -> list[float]:
    return [round(float(value), 6) for value in np.mean(rows, axis=0)]
