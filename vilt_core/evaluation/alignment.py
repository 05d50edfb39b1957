"""Word-patch alignment against the truth: does a noun's heatmap lie on what the noun speaks of?

Four heatmaps side by side: the optimal transport plan by IPOT (the paper's) and by Sinkhorn, raw
attention and attention rollout; and an even heatmap, which is chance.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from einops import einsum
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vilt_core.data.text import EncodedText
from vilt_core.evaluation.inference import Progress, evaluating, painting_of, read_batches
from vilt_core.evaluation.localisation import (
    average_precision,
    box_shares,
    mass_inside,
    patches_in_boxes,
    pointing,
    showing_patches,
)
from vilt_core.evaluation.sets import Source, name_of
from vilt_core.evaluation.sources import Captioned, captions_of
from vilt_core.explain.attention import raw_attention, words_to_patches
from vilt_core.explain.rollout import rollout
from vilt_core.interop.bundle import Bundle
from vilt_core.objectives import content_mask
from vilt_core.transport import cosine_cost, ipot, sinkhorn
from vilt_core.types import ModelOutput
from vilt_core.world.grammar import Mention
from vilt_core.world.rendering import visible_shares
from vilt_core.world.scenes import Scene

BETA, ITERATIONS = 0.5, 50  # of IPOT, as the paper trains
EPSILON, ROUNDS = 0.05, 100  # of Sinkhorn


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentions:
    """The nouns of one batch of captions: where they stand, and where what they name is."""

    output: ModelOutput
    rows: Int[Tensor, " m"]  # which caption of the batch
    tokens: Bool[Tensor, "m l"]  # the pieces of the noun
    inside: Bool[Tensor, "m n"]  # patches in the box of one of its objects
    showing: Bool[Tensor, "m n"]  # patches that show one of them
    forms: tuple[str, ...]  # of the captions

    def heat(self, weights: Float[Tensor, "b l n"]) -> Float[Tensor, "m n"]:
        """The heatmap of each noun: the sum over its pieces."""
        tokens = self.tokens.to(weights.dtype)
        return einsum(weights[self.rows], tokens, "m l n, m l -> m n")


def alignment_scores(
    bundle: Bundle,
    *,
    on: Source = "world:test",
    limit: int | None = None,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score the heatmap of every noun of true captions.

    Args:
        bundle: the model.
        on: a set of the world, or a file of captions with their truth; see sources.py.
        limit: how many captions at most; 1,000 of the world, or all otherwise.
        batch_size: captions read at once; no result depends on it.
        progress: told (captions done, total) after every batch.

    Returns:
        "pointing" (the strongest patch lies in the box of one of the noun's objects), "mass" (the
        share of the heat on such patches) and "average_precision" (of the patches ranked by heat,
        against those that show the object), each by method, "chance" among them; "by_form" is
        IPOT's pointing by the form of the caption. "examples" are nouns; "left_out" are those that
        the tokenizer cut off or whose object is wholly covered. localisation.py has the exact
        definitions.

    Raises:
        ValueError: a set that cannot be read, or no noun whose object can be seen.
    """
    captions = captions_of(on, limit=limit)
    begun = time.perf_counter()
    scores: dict[str, dict[str, list[Tensor]]] = defaultdict(lambda: defaultdict(list))
    forms: list[str] = []
    with evaluating(bundle.model):
        for batch in mention_batches(
            bundle, captions, batch_size=batch_size, return_attentions=True, progress=progress
        ):
            forms += batch.forms
            for method, heatmap in METHODS.items():
                for measure, values in measured(batch, heatmap(batch.output)).items():
                    scores[measure][method].append(values.cpu())
    if not forms:
        raise ValueError(f"{name_of(on)} must mention something that can be seen, it does not")
    told = sum(bool(mention.objects) for one in captions for mention in one.mentions)
    by_form = defaultdict(list)
    for form, hit in zip(forms, torch.cat(scores["pointing"]["ipot"]).tolist(), strict=True):
        by_form[form].append(hit)
    return {
        "task": "alignment",
        "data": name_of(on),
        "model": bundle.name,
        "examples": len(forms),
        "captions": len(captions),
        "left_out": told - len(forms),
        "seconds": round(time.perf_counter() - begun, 2),
        **{
            measure: {method: mean_of(parts) for method, parts in methods.items()}
            for measure, methods in scores.items()
        },
        "by_form": {form: round(sum(by_form[form]) / len(by_form[form]), 6) for form in by_form},
    }


def ipot_plan(output: ModelOutput) -> Float[Tensor, "b l n"]:
    """The paper's alignment: final states, words without [CLS] and [SEP]."""
    cost = cosine_cost(output.text, output.image)
    words = content_mask(output.text_mask)
    return ipot(cost, words, output.image_mask, beta=BETA, iterations=ITERATIONS)


def sinkhorn_plan(output: ModelOutput) -> Float[Tensor, "b l n"]:
    """The same problem with an entropic blur."""
    cost = cosine_cost(output.text, output.image)
    words = content_mask(output.text_mask)
    return sinkhorn(cost, words, output.image_mask, epsilon=EPSILON, iterations=ROUNDS)


def ipot_heat(output: ModelOutput) -> Float[Tensor, "b l n"]:
    """What the lab shows: mass x cosine, see ``Alignment.heatmap``."""
    return ipot_plan(output) * _similarity(output)


def sinkhorn_heat(output: ModelOutput) -> Float[Tensor, "b l n"]:
    """The same of Sinkhorn's plan."""
    return sinkhorn_plan(output) * _similarity(output)


def _similarity(output: ModelOutput) -> Float[Tensor, "b l n"]:
    return (1 - cosine_cost(output.text, output.image)).clamp(min=0)


def last_attention(output: ModelOutput) -> Float[Tensor, "b l n"]:
    """What the words of the last block attend to, mean over heads."""
    assert output.attentions is not None
    return raw_attention(output.attentions, text_tokens=output.text.shape[1])


def rolled_out(output: ModelOutput) -> Float[Tensor, "b l n"]:
    """What of each patch arrives at each word."""
    assert output.attentions is not None
    return words_to_patches(rollout(output.attentions), text_tokens=output.text.shape[1])


def even(output: ModelOutput) -> Float[Tensor, "b l n"]:
    """The same everywhere on the picture: what chance scores."""
    weights = output.image_mask[:, None, :].expand(-1, output.text.shape[1], -1)
    return weights.to(output.text.dtype)


METHODS: dict[str, Callable[[ModelOutput], Tensor]] = {
    "ipot": ipot_heat,
    "sinkhorn": sinkhorn_heat,
    "ipot_mass": ipot_plan,
    "attention": last_attention,
    "rollout": rolled_out,
    "chance": even,
}
METHOD_NAMES = {
    "ipot": "IPOT",
    "sinkhorn": "Sinkhorn",
    "ipot_mass": "IPOT, mass alone",
    "attention": "attention",
    "rollout": "rollout",
    "chance": "chance",
}


def measured(batch: Mentions, weights: Float[Tensor, "b l n"]) -> dict[str, Float[Tensor, " m"]]:
    """Every noun's scores under one assignment of heat."""
    heat = batch.heat(weights)
    return {
        "pointing": pointing(heat, batch.inside),
        "mass": mass_inside(heat, batch.inside),
        "average_precision": average_precision(heat, batch.showing),
    }


def mean_of(parts: Sequence[Float[Tensor, " _m"]]) -> float:
    """The mean over all batches, in double precision."""
    return round(torch.cat(list(parts)).double().mean().item(), 6)


def mention_batches(
    bundle: Bundle,
    captions: Sequence[Captioned],
    *,
    batch_size: int = 64,
    return_states: bool = False,
    return_attentions: bool = False,
    progress: Progress | None = None,
) -> Iterator[Mentions]:
    """The captions read, batch by batch, with every noun whose object can be seen.

    To be called inside ``evaluating(bundle.model)``. Nouns that the tokenizer cut off are left out.
    """
    for read in read_batches(
        bundle,
        [one.picture for one in captions],
        [one.text for one in captions],
        batch_size=batch_size,
        return_states=return_states,
        return_attentions=return_attentions,
        progress=progress,
    ):
        rows, tokens, inside, showing, forms = [], [], [], [], []
        for row, one in enumerate(captions[read.rows.start : read.rows.stop]):
            boxes = torch.tensor(one.boxes).reshape(-1, 4)
            in_boxes = patches_in_boxes(boxes, grid=read.output.grid)
            shares = object_shares(one, grid=read.output.grid, size=bundle.model.config.image_size)
            for mention in one.mentions:
                pieces = noun_tokens(read.text, row, mention)
                named = list(mention.objects)
                seen = showing_patches(shares[named].sum(dim=0, keepdim=True))[0]
                if pieces.any() and seen.any():
                    rows.append(row)
                    tokens.append(pieces)
                    inside.append(in_boxes[named].any(dim=0))
                    showing.append(seen)
                    forms.append(one.form)
        if rows:
            device = read.output.text.device
            yield Mentions(
                output=read.output,
                rows=torch.tensor(rows, device=device),
                tokens=torch.stack(tokens).to(device),
                inside=torch.stack(inside).to(device),
                showing=torch.stack(showing).to(device),
                forms=tuple(forms),
            )


def noun_tokens(text: EncodedText, row: int, mention: Mention) -> Bool[Tensor, " l"]:
    """The pieces that lie within the noun."""
    start, end = text.spans[row].unbind(dim=-1)
    within = (start >= mention.noun_start) & (end <= mention.noun_end)
    return within & (text.words[row] >= 0)


def object_shares(
    one: Captioned, *, grid: tuple[int, int], size: int
) -> Float[Tensor, "objects n"]:
    """How much of each patch shows each object: of a scene by its pixels, else by the boxes."""
    if isinstance(one.picture, Scene):
        shares = visible_shares(painting_of(one.picture, size), grid[0])
        return torch.from_numpy(shares[: len(one.boxes)]).float()
    return box_shares(torch.tensor(one.boxes).reshape(-1, 4), grid=grid)
