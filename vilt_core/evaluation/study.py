"""Why an alignment points well or badly: the same nouns under other layers, steps, blurs and words.

IPOT on the final states is one choice among many. This varies one of them at a time and keeps the
others at the paper's, so that a checkpoint whose plan points badly says itself where it goes wrong.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vilt_core.evaluation.alignment import (
    BETA,
    EPSILON,
    ITERATIONS,
    METHOD_NAMES,
    METHODS,
    ROUNDS,
    Mentions,
    mean_of,
    measured,
    mention_batches,
)
from vilt_core.evaluation.inference import Progress, evaluating
from vilt_core.evaluation.sets import FRESH
from vilt_core.evaluation.sources import captions_of
from vilt_core.evaluation.tables import percent, table
from vilt_core.interop.bundle import Bundle
from vilt_core.layers.fusion import split
from vilt_core.models.vilt import Vilt
from vilt_core.objectives import content_mask
from vilt_core.transport import cosine_cost, ipot, sinkhorn

# (beta, iterations): what counts is iterations / beta, 2 to 10,000. The paper trains at 100.
STEPS = ((0.5, 1), (0.5, 5), (0.5, 10), (0.5, 50), (0.1, 10), (0.1, 50), (0.1, 200), (0.1, 1000))
EPSILONS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)

Variant = tuple[str, str]  # the question asked, and the setting tried


def alignment_study(
    bundle: Bundle,
    *,
    on: str | Path = FRESH,
    limit: int | None = 300,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score every noun of true captions under each setting.

    Args:
        bundle: the model.
        on: a set of the world, or a file of captions with their truth. Fresh scenes of the training
            split by default: what is chosen here is then measured on the test split.
        limit: how many captions at most.
        batch_size: captions read at once; no result depends on it.
        progress: told (captions done, total) after every batch.

    Returns:
        "rows" of "question", "setting", the three measures of ``alignment_scores``, and "claimed":
        of the mass that lies on the object's patches, the share that is the noun's own.

    Raises:
        ValueError: a set that cannot be read, or no noun whose object can be seen.
    """
    captions = captions_of(on, limit=limit)
    begun = time.perf_counter()
    scores: dict[Variant, dict[str, list[Tensor]]] = defaultdict(lambda: defaultdict(list))
    with evaluating(bundle.model):
        for batch in mention_batches(
            bundle,
            captions,
            batch_size=batch_size,
            return_states=True,
            return_attentions=True,
            progress=progress,
        ):
            for variant, weights in variants(bundle.vilt, batch):
                values = measured(batch, weights) | {"claimed": claimed(batch, weights)}
                for measure, value in values.items():
                    scores[variant][measure].append(value.cpu())
    if not scores:
        raise ValueError(f"{on} must mention something that can be seen, it does not")
    return {
        "task": "alignment-study",
        "data": str(on),
        "model": bundle.name,
        "examples": sum(map(len, next(iter(scores.values()))["pointing"])),
        "captions": len(captions),
        "seconds": round(time.perf_counter() - begun, 2),
        "rows": [
            {"question": question, "setting": setting}
            | {measure: mean_of(parts) for measure, parts in measures.items()}
            for (question, setting), measures in scores.items()
        ],
    }


def variants(model: Vilt, batch: Mentions) -> Iterator[tuple[Variant, Float[Tensor, "b l n"]]]:
    """Every setting of the study, with what it makes of a batch."""
    output = batch.output
    words, patches = content_mask(output.text_mask), output.image_mask
    cost = cosine_cost(output.text, output.image)

    for method, heatmap in METHODS.items():
        yield ("Which method?", METHOD_NAMES[method]), heatmap(output)
    yield ("Which method?", "cosine similarity, no transport"), (2 - cost) / 2
    yield ("Which method?", "cosine similarity, a softmax over words"), _over_words(cost, words)

    for kind, mask in (
        ("all but [CLS] and [SEP]", words),
        ("all", output.text_mask),
        ("nouns alone", nouns(batch, otherwise=words)),
        ("nouns and [SEP] for the rest", nouns(batch, otherwise=words) | _last(output.text_mask)),
    ):
        plan = ipot(cost, mask, patches, beta=BETA, iterations=ITERATIONS)
        yield ("Which words carry mass?", kind), plan

    for beta, iterations in STEPS:
        setting = f"beta {beta}, {iterations} iterations (ratio {iterations / beta:,.0f})"
        plan = ipot(cost, words, patches, beta=beta, iterations=iterations)
        yield ("How far does IPOT go?", setting), plan
    for epsilon in EPSILONS:
        plan = sinkhorn(cost, words, patches, epsilon=epsilon, iterations=ROUNDS)
        yield ("How much blur has Sinkhorn?", f"epsilon {epsilon}"), plan

    assert output.states is not None
    for layer, joint in enumerate(output.states):
        for treatment, states in {
            "as they are": joint,
            "final norm": model.encoder.norm(joint),
        }.items():
            text, _, image = split(states, text_tokens=output.text.shape[1])
            plan = _plan(text, image, words, patches)
            yield ("Which layer's states?", f"layer {layer}, {treatment}"), plan
            plan = _plan(centred(text, words), centred(image, patches), words, patches)
            yield ("Which layer's states?", f"layer {layer}, {treatment}, centred"), plan


def claimed(batch: Mentions, weights: Float[Tensor, "b l n"]) -> Float[Tensor, " m"]:
    """Of all mass on the patches that show a noun's object, the noun's share."""
    own = (batch.heat(weights) * batch.showing).sum(-1)
    real = content_mask(batch.output.text_mask)
    everybody = (weights * real[..., None]).sum(dim=1)[batch.rows]
    return own / (everybody * batch.showing).sum(-1).clamp(min=1e-30)


def nouns(batch: Mentions, *, otherwise: Bool[Tensor, "b l"]) -> Bool[Tensor, "b l"]:
    """The pieces of nouns in every text; of a text without any, ``otherwise``."""
    counts = torch.zeros(otherwise.shape, device=otherwise.device)
    mask = counts.index_add_(0, batch.rows, batch.tokens.float()) > 0
    return torch.where(mask.any(dim=1, keepdim=True), mask, otherwise)


def centred(states: Float[Tensor, "b x d"], mask: Bool[Tensor, "b x"]) -> Float[Tensor, "b x d"]:
    """States less their mean over the real tokens of their own sequence.

    States of deep layers share one large direction (Ethayarajh, EMNLP 2019), and cosines see little
    else.
    """
    real = mask[..., None].to(states.dtype)
    return states - (states * real).sum(1, keepdim=True) / real.sum(1, keepdim=True)


def _plan(text: Tensor, image: Tensor, words: Tensor, patches: Tensor) -> Tensor:
    cost = cosine_cost(text, image)
    return ipot(cost, words, patches, beta=BETA, iterations=ITERATIONS)


def _over_words(cost: Tensor, words: Tensor) -> Tensor:
    logits = (-cost / EPSILON).masked_fill(~words[..., None], float("-inf"))
    return logits.softmax(dim=1)


def _last(mask: Bool[Tensor, "b l"]) -> Bool[Tensor, "b l"]:
    """The last real token of each text: [SEP]."""
    positions = torch.arange(mask.shape[1], device=mask.device)
    return positions == mask.sum(dim=1, keepdim=True) - 1


def study_markdown(study: dict[str, Any], *, command: str) -> str:
    """The study as a page, one table a question, the best pointing of each in bold."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in study["rows"]:
        groups[row["question"]].append(row)
    paper = next(row for row in study["rows"] if row["setting"] == METHOD_NAMES["ipot_mass"])
    best = max(study["rows"], key=lambda row: row["pointing"])
    lines = [
        "# Where the alignment points, and why",
        f"Model `{study['model']}`, {study['examples']:,} nouns of {study['captions']:,} captions "
        f"of `{study['data']}`. Written by `{command}`; no number is typed in by hand. "
        "[alignment-study.json](alignment-study.json) has them with all digits.",
        "One thing is changed at a time. The rest stays as in the paper's training: the mass of "
        f"IPOT's plan, beta {BETA} and {ITERATIONS} iterations on the cosine cost of the final "
        "states, over all words but [CLS] and [SEP]. All scores are in percent. *Pointing*: the "
        "strongest patch lies in the box of what the noun speaks of. *Mass*: the share of the "
        "noun's heat in that box. *AP*: average precision of the patches ranked by heat, against "
        "those that show the object. *Claimed*: the noun's share of all heat on those patches.",
        f"The setting that the paper trains by points at {percent(paper['pointing'])} %; the best "
        f"setting below, *{best['setting']}*, at {percent(best['pointing'])} %.",
    ]
    for question, rows in groups.items():
        most = max(row["pointing"] for row in rows)
        body = []
        for row in rows:
            mark = "**" if row["pointing"] == most else ""
            scores = [percent(row[m]) for m in ("mass", "average_precision", "claimed")]
            body.append([row["setting"], f"{mark}{percent(row['pointing'])}{mark}", *scores])
        lines += [f"## {question}", table(["setting", "pointing", "mass", "AP", "claimed"], body)]
    return "\n\n".join(lines) + "\n"
