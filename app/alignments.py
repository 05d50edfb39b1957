"""An alignment as the page shows it: thinned, beside the exact optimum, beside the truth."""

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from app import services
from app.services import Key, SceneKey
from vilt_core.viz import stepper

if TYPE_CHECKING:
    from vilt_core.explain.alignment import Alignment

MAX_ITERATIONS = 1000


def align(
    image: str | None,
    sentence: str,
    *,
    beta: float = 0.5,
    iterations: int = 50,
    key: Key | None = None,
    model: str | None = None,
) -> dict[str, Any]:
    """Everything that the interactive view shows: see ``vilt_core.viz.stepper``.

    Args:
        image: path of the user's own picture.
        sentence: in English.
        beta: of IPOT.
        iterations: of IPOT, at most ``MAX_ITERATIONS``.
        key: the picture of ours on show, if one is: then that is aligned, and if it is a scene, its
            truth comes along.
        model: by its name in the catalogue; the one that the page opens with unless given.

    Raises:
        ValueError: one sentence on what is wrong with what was given, or with the model.
    """
    from vilt_core.data.image import open_image
    from vilt_core.transport import ALGORITHM

    check_iterations(iterations)
    asked = services.predictor(model, "align")
    seen = open_image(services.seen_by_model(image, key, side=asked.image_size))
    found = asked.align(seen, sentence, beta=float(beta), iterations=iterations, trace=True)
    return stepper.payload(
        np.asarray(seen) if key is None else services.picture(key),
        steps_of(found),
        words=[word.text for word in found.words],
        grid=found.grid,
        algorithm=ALGORITHM,
        settings={"beta": beta, "iterations": iterations},
        similarity=similarity_of(found),
        optimum=optimum_of(found),
        places=true_places(key, sentence, found) if isinstance(key, SceneKey) else None,
    )


def check_iterations(iterations: int) -> None:
    """Refuse work without end.

    Raises:
        ValueError: out of range.
    """
    if not 1 <= iterations <= MAX_ITERATIONS:
        raise ValueError(f"iterations must lie in 1 to {MAX_ITERATIONS:,}, got {iterations:,}")


def steps_of(found: "Alignment") -> stepper.Steps:
    """The trace of an alignment, tokens summed into words, thinned to what a page carries."""
    trace = found.trace
    if trace is None:
        raise ValueError("expected an alignment with its trace, got one without")
    keep = stepper.frames_that_fit(
        len(trace.iterations), words=len(found.words), patches=found.plan.shape[1]
    )
    plans, sigma, delta = (
        values[keep] for values in (trace.plans, trace.text_scaling, trace.image_scaling)
    )
    scaling = sigma[:, :, None] * delta[:, None, :]
    sharpened = np.divide(plans, scaling, out=np.zeros_like(plans), where=scaling > 0)
    return stepper.Steps(
        iterations=tuple(trace.iterations[place] for place in keep),
        plans=_by_word(plans, found),
        transport_cost=trace.transport_cost[keep],
        text_error=trace.text_error[keep],
        image_error=trace.image_error[keep],
        entropy=trace.entropy[keep],
        ranges={
            "A": np.repeat(_range(np.exp(-found.cost / found.beta)[None]), len(keep), axis=0),
            "Q": _range(sharpened),
            "delta": _range(delta),
            "sigma": _range(sigma),
            "T": _range(plans),
        },
    )


def similarity_of(found: "Alignment") -> np.ndarray:
    """Heat over mass: with it the view's last frame is ``Alignment.heatmap``."""
    rows = []
    for at, word in enumerate(found.words):
        mass, heat = found.mass(at).ravel(), found.heatmap(at).ravel()
        mean = np.clip(1 - found.cost[list(word.tokens)], 0, None).mean(axis=0)
        rows.append(np.divide(heat, mass, out=mean, where=mass > 1e-12))
    return np.stack(rows)


def optimum_of(found: "Alignment") -> stepper.Optimum:
    """The exact optimum of the same cost, by POT's network simplex."""
    import ot

    cost = found.cost.astype(np.float64)
    plan = ot.emd(ot.unif(cost.shape[0]), ot.unif(cost.shape[1]), cost)
    return stepper.Optimum(plan=_by_word(plan[None], found)[0], cost=float((plan * cost).sum()))


def _by_word(plans: np.ndarray, found: "Alignment") -> np.ndarray:
    return np.stack([plans[:, list(word.tokens)].sum(axis=1) for word in found.words], axis=1)


def _range(values: np.ndarray) -> np.ndarray:
    flat = values.reshape(len(values), -1)
    return np.stack([flat.min(axis=1), flat.max(axis=1)], axis=-1)


def true_places(key: SceneKey, sentence: str, found: "Alignment") -> dict[int, stepper.Place]:
    """Where the nouns of a sentence truly are, by the index of their word."""
    import torch

    from vilt_core.evaluation.localisation import patches_in_boxes

    things = services.scene(key).objects
    places = {}
    for start, end, objects in _nouns(key, sentence):
        boxes = tuple(things[at].box for at in objects)
        inside = patches_in_boxes(torch.tensor(boxes), grid=found.grid).any(dim=0)
        place = stepper.Place(boxes=boxes, patches=tuple(inside.nonzero().flatten().tolist()))
        for at, word in enumerate(found.words):
            if word.start < end and word.end > start:
                places[at] = place
    return places


def _nouns(key: SceneKey, sentence: str) -> list[tuple[int, int, tuple[int, ...]]]:
    """Spans of nouns and the objects they name: as the world wrote them, else by their names."""
    for caption in services.captions_with_truth(key):
        if caption.text == sentence.lower().rstrip(" ."):
            return [(m.noun_start, m.noun_end, m.objects) for m in caption.mentions if m.objects]
    named: dict[str, list[int]] = {}
    for at, thing in enumerate(services.scene(key).objects):
        for name in {thing.sprite.name, thing.sprite.plural}:
            named.setdefault(name, []).append(at)
            if thing.color is not None:
                named.setdefault(f"{thing.color} {name}", []).append(at)
    # The longest first, so that "red heart" is not also any heart.
    names = "|".join(re.escape(name) for name in sorted(named, key=len, reverse=True))
    spans = []
    for match in re.finditer(rf"\b(?:{names})\b", sentence.lower()):
        noun = match.group().split()[-1] if match.group().split()[0] in _colors() else match.group()
        spans.append((match.end() - len(noun), match.end(), tuple(named[match.group()])))
    return spans


@lru_cache(maxsize=1)
def _colors() -> frozenset[str]:
    from vilt_core.world.sprites import COLORS

    return frozenset(COLORS)
