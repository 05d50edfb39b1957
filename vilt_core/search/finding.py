"""One query: a shortlist by vectors, judged by a model that reads text and picture together.

With a shortlist as long as the gallery this is scoring everything (a law of the tests); with a
shorter one the answer can only be missed where the dual encoder ranks it too low.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import faiss
import numpy as np
from jaxtyping import Float

from vilt_core.data.image import ImageSource, open_image
from vilt_core.predictor import Predictor
from vilt_core.search.albums import Album
from vilt_core.search.encoder import DualEncoder
from vilt_core.search.index import Broken, Captions, Index, nearest

HELD = 64  # pictures that are open at once
MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One picture, or one text, that was found."""

    row: int  # in the index, or among the texts
    name: str  # its key, or the text itself
    score: float | None  # of the judge, as ``Predictor.score``; None where there was no judge
    cosine: float | None  # of the dual encoder; None where there was no shortlist

    @property
    def probability(self) -> float | None:
        """That text and picture fit, as the judge sees it."""
        return None if self.score is None else 1 / (1 + float(np.exp(-np.float64(self.score))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a query took."""

    gallery: int  # how many there are to choose from
    shortlist: int
    forwards: int  # passes of the judge, one for each pair
    seconds: dict[str, float] = field(default_factory=dict)  # "encode", "nearest", "open", "judge"

    @property
    def total(self) -> float:
        """Seconds, all parts together."""
        return sum(self.seconds.values())

    def everything(self, gallery: int = MILLION) -> float:
        """Seconds that scoring all of a gallery would take, at the pace of this query's pairs."""
        pace = self.seconds.get("open", 0.0) + self.seconds.get("judge", 0.0)
        return gallery * pace / max(self.forwards, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a query found, the best first."""

    hits: tuple[Hit, ...]
    cost: Cost
    broken: tuple[Broken, ...] = ()  # on the shortlist, and gone or unreadable since

    def json(self, *, top: int | None = None) -> dict[str, Any]:
        """The same as plain JSON."""
        return {
            "hits": [
                {
                    "name": hit.name,
                    "probability": hit.probability,
                    "score": hit.score,
                    "cosine": hit.cosine,
                }
                for hit in self.hits[:top]
            ],
            "gallery": self.cost.gallery,
            "shortlist": self.cost.shortlist,
            "forwards": self.cost.forwards,
            "milliseconds": {
                part: round(1000 * spent, 1) for part, spent in self.cost.seconds.items()
            },
            # Where the encoder alone has ranked, nobody knows how long the judge would take.
            "everything_seconds": {
                "this": round(self.cost.everything(self.cost.gallery), 3),
                "million": round(self.cost.everything(), 1),
            }
            if self.cost.forwards
            else None,
            "passed_over": [asdict(one) for one in self.broken],
        }


def search(
    index: Index,
    text: str,
    *,
    encoder: DualEncoder,
    judge: Predictor | None = None,
    shortlist: int = 32,
) -> Found:
    """The pictures of a text.

    Args:
        index: Of the pictures.
        text: What they shall show.
        encoder: Whose vectors the index holds.
        judge: What the shortlist is ranked by; without one the cosines decide.
        shortlist: How many pictures the judge reads.

    Raises:
        ValueError: A text that cannot be read, an index of another model, or a shortlist under 1.
    """
    index.check_of(encoder)
    seconds: dict[str, float] = {}
    with _timed(seconds, "encode"):
        query = encoder.texts([text])
    with _timed(seconds, "nearest"):
        near = _near(index.vectors, query, count=shortlist)
    keys = {row: index.entries[row].key for row in near}
    scores, broken = None, ()
    if judge is not None:
        scores, broken = _scores_of_pictures(index.album, keys, text, judge, seconds)
    return _found(keys, near, scores, gallery=len(index.entries), seconds=seconds, broken=broken)


def search_captions(
    captions: Captions,
    image: ImageSource,
    *,
    encoder: DualEncoder,
    judge: Predictor | None = None,
    shortlist: int = 32,
) -> Found:
    """The texts of a picture, of a list with its vectors.

    Raises:
        ValueError: A picture that cannot be read, vectors of another model, a shortlist under 1.
    """
    if captions.fingerprint != encoder.fingerprint:
        raise ValueError(f"the vectors of these texts are not those of {encoder.name}")
    seconds: dict[str, float] = {}
    with _timed(seconds, "encode"):
        picture = open_image(image)
        query = encoder.images([picture])
    with _timed(seconds, "nearest"):
        near = _near(captions.vectors, query, count=shortlist)
    texts = {row: captions.texts[row] for row in near}
    scores = None if judge is None else _scores_of_texts(texts, picture, judge, seconds)
    return _found(texts, near, scores, gallery=len(captions.texts), seconds=seconds)


def search_all(album: Album, text: str, *, judge: Predictor) -> Found:
    """Every picture of an album read with a text: the work that a shortlist saves.

    Raises:
        ValueError: A text that cannot be read.
    """
    keys = {row: entry.key for row, entry in enumerate(album.entries())}
    seconds: dict[str, float] = {}
    scores, broken = _scores_of_pictures(album, keys, text, judge, seconds)
    return _found(keys, {}, scores, gallery=len(keys), seconds=seconds, broken=broken)


def search_all_captions(texts: Sequence[str], image: ImageSource, *, judge: Predictor) -> Found:
    """A picture read with every text.

    Raises:
        ValueError: No text, or a picture or a text that cannot be read.
    """
    numbered = dict(enumerate(texts))
    seconds: dict[str, float] = {}
    scores = _scores_of_texts(numbered, open_image(image), judge, seconds)
    return _found(numbered, {}, scores, gallery=len(texts), seconds=seconds)


def _near(vectors: faiss.Index, query: Float[np.ndarray, "1 e"], *, count: int) -> dict[int, float]:
    """The cosine of each row on the shortlist, the nearest first."""
    cosines, rows = nearest(vectors, query, count=count)
    pairs = zip(rows[0].tolist(), cosines[0].tolist(), strict=True)
    return {row: cosine for row, cosine in pairs if row >= 0}


def _scores_of_pictures(
    album: Album,
    keys: Mapping[int, str],
    text: str,
    judge: Predictor,
    seconds: dict[str, float],
) -> tuple[dict[int, float], tuple[Broken, ...]]:
    """The judge's score of each picture with a text, and the pictures that cannot be opened."""
    scores: dict[int, float] = {}
    broken: list[Broken] = []
    rows = list(keys)
    for first in range(0, len(rows), HELD):
        opened: dict[int, ImageSource] = {}  # as the judge sees them: no larger
        with _timed(seconds, "open"):
            for row in rows[first : first + HELD]:
                try:
                    opened[row] = judge.seen(album.open(keys[row], side=judge.image_size))
                except ValueError as error:
                    broken.append(Broken(key=keys[row], why=str(error)))
        with _timed(seconds, "judge"):
            found = judge.score(list(opened.values()), text)[:, 0].tolist() if opened else []
        scores |= zip(opened, found, strict=True)
    return scores, tuple(broken)


def _scores_of_texts(
    texts: Mapping[int, str], picture: ImageSource, judge: Predictor, seconds: dict[str, float]
) -> dict[int, float]:
    """The judge's score of a picture with each text."""
    with _timed(seconds, "judge"):
        found = judge.score(picture, list(texts.values()))[0].tolist()
    return dict(zip(texts, found, strict=True))


def _found(
    names: Mapping[int, str],
    near: Mapping[int, float],
    scores: Mapping[int, float] | None,
    *,
    gallery: int,
    seconds: dict[str, float],
    broken: tuple[Broken, ...] = (),
) -> Found:
    """In the judge's order, or else in that of the cosines; equals by their place."""
    order = list(near) if scores is None else sorted(scores, key=lambda row: (-scores[row], row))
    hits = tuple(
        Hit(
            row=row,
            name=names[row],
            score=None if scores is None else scores[row],
            cosine=near.get(row),
        )
        for row in order
    )
    forwards = 0 if scores is None else len(scores)
    cost = Cost(gallery=gallery, shortlist=len(names), forwards=forwards, seconds=seconds)
    return Found(hits=hits, cost=cost, broken=broken)


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seconds[part] = seconds.get(part, 0.0) + time.perf_counter() - begun
