"""One picture and one sentence through the whole model: what the Tour tab shows and asks.

torch and plotly are imported on first use, so that the page is there before them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from app import alignments, services
from app.services import Key, SceneKey

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from PIL.Image import Image

    from vilt_core.explain.alignment import Alignment
    from vilt_core.explain.journey import Journey
    from vilt_core.predictor import Predictor
    from vilt_core.viz.stepper import Place

ITERATIONS = 50  # of IPOT, as ViLT trains; every one of them is kept
_KEPT = 4  # journeys in memory: of ViLT-B/32 each takes some 30 MB


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trip:
    """A journey with what it needs to be told."""

    journey: "Journey"
    predictor: "Predictor"
    picture: "Image"  # as the model sees it
    file: tuple[int, int] | None  # width and height of its file, upright; a scene has none
    sentence: str
    key: Key | None

    @property
    def seen(self) -> np.ndarray:
        """Its pixels, (height, width, 3) uint8."""
        return np.asarray(self.picture)

    @property
    def first_patch(self) -> int:
        """The row of the first patch in the joint sequence."""
        return self.journey.text_tokens + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiz:
    """A question to answer before the model does.

    Attributes:
        question: what to predict.
        options: to choose from.
        right: the one that the model gives.
        because: the true value, as a sentence.
        picture: HTML that the question speaks of.
        figure: what is shown with the answer.
    """

    question: str
    options: tuple[str, ...]
    right: str
    because: str
    picture: str = ""
    figure: "go.Figure | None" = None


def travelled(image: str | None, sentence: str, key: Key | None, model: str) -> Trip:
    """The journey of a picture and a sentence; the last few are kept.

    Args:
        image: path of the user's own picture.
        sentence: in English.
        key: the picture of ours on show, if one is: then that travels.
        model: by its name in the catalogue.

    Raises:
        ValueError: one sentence on what is wrong with what was given, or with the model.
    """
    predictor = services.predictor(model, "align")
    return _travelled(predictor, image if key is None else None, sentence, key)


@lru_cache(maxsize=_KEPT)
def _travelled(predictor: "Predictor", image: str | None, sentence: str, key: Key | None) -> Trip:
    from vilt_core.data.image import open_image
    from vilt_core.explain.journey import travel
    from vilt_core.models.vilt import Vilt

    if not isinstance(predictor.model, Vilt):
        raise ValueError(f"{predictor.name} is no ViLT, whose equations the tour follows")
    source = services.seen_by_model(image, key, side=predictor.image_size)
    came = open_image(source)
    picture, batch = predictor.prepare(came)
    journey = travel(predictor.model, predictor.tokenizer, sentence, batch)
    return Trip(
        journey=journey,
        predictor=predictor,
        picture=picture,
        file=None if isinstance(key, SceneKey) else came.size,
        sentence=sentence,
        key=key,
    )


@lru_cache(maxsize=_KEPT)
def alignment(trip: Trip) -> "Alignment":
    """Words laid on patches, with every iteration."""
    return trip.predictor.align(
        trip.picture, trip.sentence, iterations=ITERATIONS, trace=True,
        trace_at=range(1, ITERATIONS + 1),
    )  # fmt: skip


@lru_cache(maxsize=_KEPT)
def places(trip: Trip) -> dict[int, "Place"]:
    """Where words truly are, by their index; nothing where nobody knows."""
    if not isinstance(trip.key, SceneKey):
        return {}
    return alignments.true_places(trip.key, trip.sentence, alignment(trip))


def boxes(trip: Trip, word: int) -> Sequence[tuple[float, float, float, float]]:
    """The true boxes of a word."""
    found = places(trip).get(word)
    return found.boxes if found else ()


def telling_words(trip: Trip) -> list[int]:
    """Indices of words, those that name a thing first; else the longest first."""
    words, known = trip.journey.words, places(trip)
    spans = [
        index for index, word in enumerate(words) if any(letter.isalnum() for letter in word.text)
    ]
    return sorted(spans, key=lambda index: (index not in known, -len(words[index].text)))


def likeness(trip: Trip) -> dict[str, list[float]]:
    """Mean cosine within and between the modalities, after every layer.

    [CLS], [SEP] and the image's [class] are neither words nor patches.
    """
    from vilt_core.explain.journey import directions

    last, first = trip.journey.text_tokens - 1, trip.first_patch
    found: dict[str, list[float]] = {"word and patch": [], "two words": [], "two patches": []}
    for state in trip.journey.normed:
        rows = directions(state)
        words, patches = rows[1:last], rows[first:]
        found["word and patch"].append(float((words @ patches.T).mean()))
        found["two words"].append(_of_pairs(words))
        found["two patches"].append(_of_pairs(patches))
    return found


def _of_pairs(rows: np.ndarray) -> float:
    """Mean cosine of two different rows; 1 where there is only one."""
    if len(rows) < 2:
        return 1.0
    products = rows @ rows.T
    return float((products.sum() - np.trace(products)) / (len(rows) * (len(rows) - 1)))


def likeness_of(trip: Trip, layer: int, word: int) -> np.ndarray:
    """Cosine of a word with every patch after a layer, (rows, columns); negative ones are 0."""
    tokens = list(trip.journey.words[word].tokens)
    alike = trip.journey.alike(layer)[tokens].mean(axis=0)
    return np.clip(alike, 0, None).reshape(trip.journey.grid)


def matched(trip: Trip) -> list[float] | None:
    """P(match) if the model stopped after each layer; None where it cannot match."""
    import torch

    head = trip.predictor.model.itm
    if head is None:
        return None
    weight = next(head.parameters())
    with torch.inference_mode():
        logits = head(torch.from_numpy(trip.journey.pooled).to(weight.device, weight.dtype))
        return logits.double().softmax(dim=-1)[:, 1].tolist()


def neighbours(trip: Trip, token: int, count: int = 5) -> list[tuple[str, float]]:
    """The pieces of the vocabulary whose rows are most like a token's, with their cosines."""
    from vilt_core.explain.journey import directions

    tokenizer, row = trip.predictor.tokenizer, trip.journey.word_rows[token]
    cosines = directions(_word_table(trip.predictor)) @ directions(row)
    barred = {*tokenizer.special, int(trip.journey.ids[token])}
    order = [index for index in np.argsort(-cosines).tolist() if index not in barred]
    return [(tokenizer.token(index), float(cosines[index])) for index in order[:count]]


def _word_table(predictor: "Predictor") -> np.ndarray:
    from vilt_core.models.vilt import Vilt

    assert isinstance(predictor.model, Vilt)
    return predictor.model.text_embedding.words.weight.detach().float().cpu().numpy()


def hidden(trip: Trip, word: int) -> str:
    """The sentence with a word hidden: a [MASK] for each of its pieces."""
    found = trip.journey.words[word]
    masks = " ".join(["[MASK]"] * len(found.tokens))
    return trip.sentence[: found.start] + masks + trip.sentence[found.end :]


def other_sentence(trip: Trip) -> str:
    """A sentence to compare with: of a scene false for one changed word, else another caption."""
    import random

    if isinstance(trip.key, SceneKey):
        from vilt_core.world.negatives import hard_negative

        draw = random.Random(f"tour/{trip.key}").random
        text = hard_negative(services.scene(trip.key), draw, form="relational").text
        return text[:1].upper() + text[1:]
    if trip.key is not None:
        return services.captions_of(trip.key)[-1]
    return "A picture of something else"


def question(trip: Trip) -> str:
    """A question to begin with."""
    return services.suggestions(trip.key)[0] if trip.key is not None else "What is this?"
