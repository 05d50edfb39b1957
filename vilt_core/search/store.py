"""An index kept in a folder: added to, interrupted at any moment, and never half of it there.

index.json               what it is, and which of the files below belong to it: they count
                         from the moment when this one names them
vectors-NAME.faiss       the vectors, as FAISS writes them
pictures-NAME.jsonl      key and stamp of each picture, in the same order
part-NAME.safetensors    vectors of a building that is not over, or was interrupted, and what it
                         could not read
"""

import json
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import faiss
import numpy as np
from filelock import FileLock, Timeout
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from vilt_core.interop.folders import json_text, read_object, write_text, write_together
from vilt_core.search.albums import Album, Entry, Files, album_of
from vilt_core.search.encoder import DualEncoder
from vilt_core.search.index import (
    KINDS,
    Broken,
    Embedded,
    Index,
    check_any,
    embed,
    faiss_of,
    kind_of,
)

FORMAT = "vilt-lab-index/1"
_MANIFEST, _LOCK = "index.json", "index.lock"
_OURS = ("vectors-*.faiss*", "pictures-*.jsonl*", "part-*.safetensors*", f"{_MANIFEST}.part")


class Busy(ValueError):
    """An index that somebody is building."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a building is."""

    done: int  # pictures looked at, those of earlier buildings included
    total: int
    passed: int = 0  # of those looked at, the ones that cannot be read
    broken: tuple[Broken, ...] = ()  # passed over since the step before; at first, until then


@dataclass(slots=True)
class _Kept:
    """What is known already: vectors in pieces, and the row of each picture in all of them.

    What an interrupted building could not read is known too, and is not read again as long as the
    file is the same.
    """

    pieces: list[Float[np.ndarray, "_n e"]] = field(default_factory=list)
    rows: dict[Entry, int] = field(default_factory=dict)
    broken: dict[Entry, Broken] = field(default_factory=dict)
    total: int = 0

    def take(self, entries: Sequence[Entry], vectors: Float[np.ndarray, "_n e"]) -> None:
        """Learn of more."""
        self.rows |= zip(entries, range(self.total, self.total + len(entries)), strict=True)
        self.pieces.append(vectors)
        self.total += len(vectors)

    def vectors(self, entries: Sequence[Entry]) -> Float[np.ndarray, "_m e"]:
        """Those of some pictures, in their order."""
        return np.concatenate(self.pieces)[[self.rows[entry] for entry in entries]]


def build_index(
    folder: str | Path,
    album: Album,
    encoder: DualEncoder,
    *,
    kind: str = "flat",
    batch_size: int = 32,
    save_every: float = 5.0,
) -> Generator[Step, None, None]:
    """Bring the index of an album up to date; the last step comes when all is on disk.

    Only pictures that are new or have changed are read; those that are gone are forgotten. It may
    be stopped at any moment, the process killed: it goes on where it last saved. Until it is over,
    the folder holds the index that it held.

    Args:
        folder: Where it is kept; made where there is none.
        album: What shall be in it.
        encoder: Whose vectors.
        kind: "flat" is exact; "hnsw" a graph, whose answers are nearly so.
        batch_size: Pictures between two steps.
        save_every: Seconds of work that an interruption may cost.

    Raises:
        ValueError: The folder's index is of another model, or nothing in the album can be read.
        Busy: Somebody builds there.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    folder = Path(folder)
    listed = album.entries()
    check_any(listed, ())
    folder.mkdir(parents=True, exist_ok=True)
    # Let go by the system where the process is killed. Whoever draws from this may do so from
    # several threads in turn.
    lock = FileLock(folder / _LOCK, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise Busy(f"the index in {folder} is being built already") from error
    try:
        yield from _build(folder, album, listed, encoder, kind, batch_size, save_every)
    finally:
        lock.release()


def _build(
    folder: Path,
    album: Album,
    listed: tuple[Entry, ...],
    encoder: DualEncoder,
    kind: str,
    batch_size: int,
    save_every: float,
) -> Iterator[Step]:
    old = load_index(folder, encoder=encoder) if is_index(folder) else None
    kept = _Kept()
    if old is not None:
        kept.take(old.entries, old.vectors.reconstruct_n(0, len(old.entries)))
    parts = _read_parts(folder, encoder, into=kept)
    missing = [entry for entry in listed if entry not in kept.rows and entry not in kept.broken]
    unreadable = [kept.broken[entry] for entry in listed if entry in kept.broken]
    step = Step(
        done=len(listed) - len(missing),
        total=len(listed),
        passed=len(unreadable),
        broken=tuple(unreadable),
    )
    if missing:
        yield step
    embedding = embed(album, missing, encoder, batch_size=batch_size)
    with closing(_saved(embedding, folder, encoder, parts, every=save_every)) as batches:
        for batch in batches:
            kept.take(batch.entries, batch.vectors)
            unreadable += batch.broken
            done = step.done + len(batch.entries) + len(batch.broken)
            step = Step(done=done, total=step.total, passed=len(unreadable), broken=batch.broken)
            if done < step.total:
                yield step
    entries = _in_order(listed, kept, old)
    if entries:
        _write(folder, entries, kept, album=album, encoder=encoder, kind=kind, old=old)
    for part in parts:  # what could not be read is tried again by the next building
        part.unlink(missing_ok=True)
    check_any(entries, unreadable)
    yield step


def is_index(folder: str | Path) -> bool:
    """Whether a folder holds an index that is whole."""
    return (Path(folder) / _MANIFEST).is_file()


def load_index(folder: str | Path, *, encoder: DualEncoder | None = None) -> Index:
    """Read an index.

    Args:
        folder: Where ``build_index`` wrote it.
        encoder: Whose vectors are expected, if they are to be searched.

    Raises:
        ValueError: There is none, it is damaged, or it is of another model.
    """
    folder = Path(folder)
    if not is_index(folder):
        raise ValueError(f"expected an index at {folder}, found none: `index` makes one")
    described = read_object(folder / _MANIFEST)
    if described.get("format") != FORMAT:
        raise ValueError(f"{folder / _MANIFEST} must say format {FORMAT!r}, is it an index?")
    try:
        lines = (folder / described["pictures"]).read_text(encoding="utf-8").splitlines()
        entries = tuple(_entry(line) for line in lines)
        vectors = faiss.read_index(str(folder / described["vectors"]))
        model, fingerprint, album = (
            str(described[key]) for key in ("model", "fingerprint", "album")
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"the index in {folder} is damaged: {error!r:.200}") from error
    if vectors.ntotal != len(entries):
        raise ValueError(
            f"the index in {folder} is damaged: "
            f"{len(entries)} pictures have {vectors.ntotal} vectors"
        )
    index = Index(
        # A folder may have gone or moved since: then its pictures are missing, not the index.
        album=album_of(album) if album.startswith("world:") else Files(root=Path(album)),
        entries=entries,
        vectors=vectors,
        model=model,
        fingerprint=fingerprint,
    )
    if encoder is not None:
        index.check_of(encoder)
    return index


def _in_order(listed: Sequence[Entry], kept: _Kept, old: Index | None) -> tuple[Entry, ...]:
    """What is listed and known: old pictures in their old order, so that a graph is added to."""
    there = set(listed)
    before = {} if old is None else dict.fromkeys(e for e in old.entries if e in there)
    return (*before, *(e for e in listed if e in kept.rows and e not in before))


def _saved(
    batches: Iterator[Embedded],
    folder: Path,
    encoder: DualEncoder,
    parts: list[Path],
    *,
    every: float,
) -> Generator[Embedded, None, None]:
    """The same batches; every few seconds, and when it is stopped, a part is on disk."""
    waiting: list[Embedded] = []
    since = time.monotonic()
    try:
        for batch in batches:
            waiting.append(batch)
            if time.monotonic() - since >= every:
                parts.append(_write_part(folder, waiting, encoder))
                waiting, since = [], time.monotonic()
            yield batch
    finally:
        if waiting:
            parts.append(_write_part(folder, waiting, encoder))


def _write_part(folder: Path, batches: Sequence[Embedded], encoder: DualEncoder) -> Path:
    path = folder / f"part-{uuid4().hex}.safetensors"
    pictures = [[entry.key, *entry.stamp] for batch in batches for entry in batch.entries]
    broken = [
        [one.why, entry.key, *entry.stamp]
        for batch in batches
        for one, entry in zip(batch.broken, batch.passed, strict=True)
    ]
    said = {
        "fingerprint": encoder.fingerprint,
        "pictures": json.dumps(pictures),
        "broken": json.dumps(broken),
    }
    vectors = np.concatenate([batch.vectors for batch in batches])
    write_together({path: lambda part: save_file({"vectors": vectors}, part, metadata=said)})
    return path


def _read_parts(folder: Path, encoder: DualEncoder, *, into: _Kept) -> list[Path]:
    """The parts of an interrupted building; one that cannot be read is made anew."""
    found = sorted(folder.glob("part-*.safetensors"))
    for path in found:
        with suppress(OSError, SafetensorError), safe_open(path, framework="numpy") as file:
            said = file.metadata()
            if said["fingerprint"] != encoder.fingerprint:
                raise ValueError(
                    f"{folder} holds a part of an index by a model with other weights than those "
                    f"of {encoder.name}: expected another folder"
                )
            pictures = json.loads(said["pictures"])
            entries = [Entry(key=key, stamp=tuple(stamp)) for key, *stamp in pictures]
            into.take(entries, file.get_tensor("vectors"))
            for why, key, *stamp in json.loads(said.get("broken", "[]")):
                into.broken[Entry(key=key, stamp=tuple(stamp))] = Broken(key=key, why=why)
    return found


def _write(
    folder: Path,
    entries: tuple[Entry, ...],
    kept: _Kept,
    *,
    album: Album,
    encoder: DualEncoder,
    kind: str,
    old: Index | None,
) -> None:
    """Put an index in the place of the old one, where they differ."""
    described = {
        "format": FORMAT,
        "album": album.name,
        "model": encoder.name,
        "fingerprint": encoder.fingerprint,
        "kind": kind,
        "count": len(entries),
    }
    if old is not None and old.entries == entries:
        was = read_object(folder / _MANIFEST)
        if described == {key: was.get(key) for key in described}:
            return
    name = uuid4().hex
    vectors, pictures = folder / f"vectors-{name}.faiss", folder / f"pictures-{name}.jsonl"
    index = _vectors(entries, kept, kind=kind, old=old)
    lines = "".join(json.dumps([entry.key, *entry.stamp]) + "\n" for entry in entries)
    write_together(
        {
            vectors: lambda part: faiss.write_index(index, str(part)),
            pictures: lambda part: part.write_text(lines, encoding="utf-8"),
        }
    )
    described |= {"vectors": vectors.name, "pictures": pictures.name}
    write_text(folder / _MANIFEST, json_text(described))
    for pattern in _OURS:
        for path in folder.glob(pattern):
            if path not in (vectors, pictures):
                path.unlink(missing_ok=True)


def _vectors(
    entries: tuple[Entry, ...], kept: _Kept, *, kind: str, old: Index | None
) -> faiss.Index:
    """All vectors; a graph that has only grown is not drawn again."""
    before = () if old is None else old.entries
    grown = old is not None and len(before) > 0 and entries[: len(before)] == before
    if old is None or not grown or kind != kind_of(old.vectors):
        return faiss_of(kept.vectors(entries), kind=kind)
    if len(entries) > len(before):
        old.vectors.add(kept.vectors(entries[len(before) :]))
    return old.vectors


def _entry(line: str) -> Entry:
    key, *stamp = json.loads(line)
    return Entry(key=str(key), stamp=tuple(map(int, stamp)))
