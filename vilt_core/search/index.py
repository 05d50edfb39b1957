"""Vectors in FAISS, in the order of the pictures or texts that they stand for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
from jaxtyping import Float, Int

from vilt_core.search.albums import Album, Entry
from vilt_core.search.encoder import DualEncoder

KINDS = ("flat", "hnsw")  # exact; or a graph, for galleries of many millions on one machine
_LINKS = 32  # of a picture in the graph
_BUILDING, _LOOKING = 200, 128  # candidates that it keeps; a longer shortlist keeps its length


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Index:
    """Pictures of an album and their vectors: row by row the same."""

    album: Album
    entries: tuple[Entry, ...]
    vectors: faiss.Index
    model: str  # whose vectors these are
    fingerprint: str  # of its weights

    def check_of(self, encoder: DualEncoder) -> None:
        """Refuse the vectors of another model.

        Raises:
            ValueError: They are.
        """
        if self.fingerprint != encoder.fingerprint:
            raise ValueError(
                f"the index was made by {self.model} with other weights than those of "
                f"{encoder.name}: vectors of different models cannot be compared"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Captions:
    """Texts and their vectors."""

    texts: tuple[str, ...]
    vectors: faiss.Index
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A picture that was passed over."""

    key: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """The vectors of some pictures, and those of their batch that have none."""

    entries: tuple[Entry, ...]
    vectors: Float[np.ndarray, "n e"]
    broken: tuple[Broken, ...] = ()
    passed: tuple[Entry, ...] = ()  # the broken ones' entries, in their order


def embed(
    album: Album, entries: Sequence[Entry], encoder: DualEncoder, *, batch_size: int = 32
) -> Iterator[Embedded]:
    """Vectors of pictures, a batch at a time; one that cannot be read is named and passed over."""
    for first in range(0, len(entries), batch_size):
        readable, seen, broken, passed = [], [], [], []
        for entry in entries[first : first + batch_size]:
            try:
                seen.append(encoder.seen(album.open(entry.key, side=encoder.image_size)))
                readable.append(entry)
            except ValueError as error:
                broken.append(Broken(key=entry.key, why=str(error)))
                passed.append(entry)
        yield Embedded(
            entries=tuple(readable),
            vectors=encoder.vectors(seen),
            broken=tuple(broken),
            passed=tuple(passed),
        )


def index_of(album: Album, encoder: DualEncoder) -> Index:
    """An index in memory alone, of all pictures that can be read; ``store.py`` has those on disk.

    Raises:
        ValueError: None can be read.
    """
    return index_from(album, list(embed(album, album.entries(), encoder)), encoder)


def index_from(album: Album, parts: Sequence[Embedded], encoder: DualEncoder) -> Index:
    """An index in memory alone of what was read before, part by part.

    Raises:
        ValueError: Nothing could be read.
    """
    entries = tuple(entry for part in parts for entry in part.entries)
    check_any(entries, [broken for part in parts for broken in part.broken])
    return Index(
        album=album,
        entries=entries,
        vectors=faiss_of(np.concatenate([part.vectors for part in parts])),
        model=encoder.name,
        fingerprint=encoder.fingerprint,
    )


def captions_of(texts: Sequence[str], encoder: DualEncoder) -> Captions:
    """Texts to choose from.

    Raises:
        ValueError: There is none, or one cannot be read whole.
    """
    if not texts:
        raise ValueError("expected at least one text to choose from, got none")
    vectors = faiss_of(encoder.texts(texts))
    return Captions(texts=tuple(texts), vectors=vectors, fingerprint=encoder.fingerprint)


def check_any(entries: Sequence[Entry], broken: Sequence[Broken]) -> None:
    """Refuse an album of which nothing is left.

    Raises:
        ValueError: Nothing is.
    """
    if not entries:
        said = f"; {Path(broken[0].key).name}: {broken[0].why}" if broken else ""
        raise ValueError(f"expected at least one picture that can be read, found none{said}")


def faiss_of(vectors: Float[np.ndarray, "n e"], *, kind: str = "flat") -> faiss.Index:
    """An index of FAISS with these vectors, by their inner product.

    Raises:
        ValueError: No such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    if kind == "flat":
        index = faiss.IndexFlatIP(vectors.shape[1])
    else:
        index = faiss.IndexHNSWFlat(vectors.shape[1], _LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = _BUILDING
        index.hnsw.efSearch = _LOOKING
    index.add(np.ascontiguousarray(vectors))
    return index


def kind_of(vectors: faiss.Index) -> str:
    """Which of ``KINDS`` an index of FAISS is."""
    return "hnsw" if isinstance(vectors, faiss.IndexHNSW) else "flat"


def nearest(
    vectors: faiss.Index, queries: Float[np.ndarray, "queries e"], *, count: int
) -> tuple[Float[np.ndarray, "queries k"], Int[np.ndarray, "queries k"]]:
    """The cosines and rows of the nearest, the nearest first; all of them where there are fewer.

    A graph may find fewer than it was asked for: rows of -1 stand for those.

    Raises:
        ValueError: A count under 1.
    """
    if count < 1:
        raise ValueError(f"the shortlist must hold at least 1, got {count}")
    count = min(count, vectors.ntotal)
    queries = np.ascontiguousarray(queries)
    return vectors.search(queries, count)
