"""What can be searched and how: galleries, their indexes, the shortlist and who judges it.

Indexes lie in the folder that VILT_LAB_INDEXES names; otherwise in runs/indexes, or in the cache of
whoever runs the lab where they may not write there, as on a Space.
"""

import hashlib
import os
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from app import encoders, services
from app.photographs import FOLDER, PHOTOGRAPHS
from app.services import SceneKey

if TYPE_CHECKING:
    from vilt_core.evaluation.galleries import Gallery
    from vilt_core.predictor import Predictor
    from vilt_core.search.albums import Album, Entry, Scenes
    from vilt_core.search.encoder import DualEncoder
    from vilt_core.search.finding import Found
    from vilt_core.search.index import Broken, Embedded, Index
    from vilt_core.search.store import Step
    from vilt_core.world.programs import Program

SMALL = 64  # pictures, or sentences, that ViLT reads one by one where there is no dual encoder
MOST_SENTENCES = 1000
MOST_PICTURES = 1000  # of a visitor's own
LONGEST = 256  # shortlist
UPLOADS = "Your pictures"
_REACH = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SUGGESTIONS = 5
_CHIP_LETTERS = 46  # longer ones are not suggested
_AT_ONCE = 8  # files that are read between two looks at the page: of 12 megapixels, 3 seconds
_DRAWN_AT_ONCE = 32  # scenes, likewise
_WAIT = 0.5  # seconds between two looks at an index that somebody else builds
# Who builds an index, or waits for one, keeps no place among those who search.
_BUILDING = threading.Lock()
_SEARCHING = threading.BoundedSemaphore(2)
# With which pictures of its album each index was last brought up to date: a query looks at the
# folder again, and reads the index and what was broken again only where something has changed.
_UP_TO_DATE: dict[Path, tuple["Entry", ...]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A picture of a gallery."""

    name: str  # what the page calls it
    key: SceneKey | None  # which scene it is
    file: str | None  # or which file


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How far something is that a query waits for."""

    says: str
    done: int
    total: int


# Who reads: the dual encoder that chooses, and the model that judges.


def world_of(gallery: str, model: str | None = None) -> str:
    """Whether stickers or photographs are searched: what the model that speaks knows.

    But files are photographs, whoever speaks, where there is a dual encoder of these.

    Raises:
        ValueError: No such model, or one that would have to be loaded to tell and cannot be.
    """
    speaks = services.domain(model or services.LIBRARY.default)
    return speaks if _drawn(gallery) or encoders.source("photographs") is None else "photographs"


def out_of_its_world(gallery: str, model: str | None = None) -> bool:
    """Whether files are searched by models that know stickers alone: a guess, however sure.

    Raises:
        ValueError: As ``world_of``.
    """
    return not _drawn(gallery) and world_of(gallery, model) == "stickers"


def _drawn(gallery: str) -> bool:
    """Whether its pictures are scenes of the world, and no files."""
    return names().get(gallery, "").startswith("world:")


def _judge(world: str, model: str | None) -> "Predictor | None":
    """Who ranks a shortlist: the model that speaks, or else one that knows this world and is here.

    None where there is none: the dual encoder is alone then.
    """
    speaker, library = model or services.LIBRARY.default, services.LIBRARY
    if services.domain(speaker) == world:
        return services.predictor(speaker, "match")
    for name, one in library.models.items():
        if one.domain == world and library.state(name, "match").kind == "ready":
            return services.predictor(name, "match")
    return None


# Galleries.


def names() -> dict[str, str]:
    """Every gallery by its name, and where its pictures are; uploads are nowhere yet.

    VILT_LAB_PICTURES adds a folder on this machine.
    """
    found = {f"{SMALL} scenes": f"world:test:{SMALL}"}
    if encoders.source("stickers") is not None:
        found |= {f"{count:,} scenes": f"world:test:{count}" for count in (1000, 10_000)}
    found["Photographs"] = str(FOLDER)
    if folder := os.environ.get("VILT_LAB_PICTURES"):
        found["Your folder"] = os.path.expanduser(folder)  # noqa: PTH111 - the shell may not have
    return found | {UPLOADS: ""}


def first() -> str:
    """The gallery that the tab opens with."""
    return f"{SMALL} scenes" if encoders.source("stickers") is None else "1,000 scenes"


def fitting(gallery: str, model: str) -> str:
    """The gallery to go on with where another model speaks: the same, unless it is of no use."""
    photographs = services.knows_photographs(model)
    if _drawn(gallery) and photographs:
        return "Photographs"
    return first() if gallery == "Photographs" and not photographs else gallery


def album_of(gallery: str, uploads: Sequence[str] = ()) -> "Album":
    """The pictures of a gallery.

    Raises:
        ValueError: No such gallery, no such folder, or nothing or too much uploaded.
    """
    from vilt_core.search import albums

    if gallery not in names():
        raise ValueError(f"gallery must be one of {', '.join(names())}, got {gallery!r:.60}")
    if gallery != UPLOADS:
        source = names()[gallery]
        if not _drawn(gallery) and not Path(source).is_dir():
            raise ValueError(f"the folder of {gallery!r} is not on this server any more")
        return albums.album_of(source)
    if not uploads:
        raise ValueError("add pictures of your own to search them")
    if len(uploads) > MOST_PICTURES:
        raise ValueError(
            f"at most {MOST_PICTURES:,} pictures of your own are searched, got {len(uploads):,}"
        )
    return albums.Files(root=Path(), names=tuple(dict.fromkeys(uploads)))


def place_of(album: "Album", key: str) -> Place:
    """A picture by its key."""
    from vilt_core.search.albums import Scenes

    if isinstance(album, Scenes):
        split, seed, index = key.split("/")
        scene = SceneKey(index=int(index), seed=int(seed), split=split)
        return Place(name=services.description(scene), key=scene, file=None)
    return Place(name=Path(key).name, key=None, file=str(album.root / key))


def has_captions(gallery: str) -> bool:
    """Whether its pictures come with sentences.

    Raises:
        ValueError: No such gallery.
    """
    return _scenes(gallery) is not None


def captions_of(gallery: str, model: str | None = None) -> tuple[str, ...]:
    """A true sentence of each scene, as many as may be asked for at once and the models can read.

    Raises:
        ValueError: No such gallery or model, or its pictures come without sentences.
    """
    album = _scenes(gallery)
    if album is None:
        raise ValueError("these pictures come without sentences: write some, one a line")
    asked = encoders.encoder(world_of(gallery, model))
    told = _told(album, SMALL if asked is None else MOST_SENTENCES).captions
    readers = [one.tokenizer for one in (asked, services.predictor(model, "match")) if one]
    return tuple(text for text in told if all(one.count(text) <= one.max_tokens for one in readers))


def suggestions(gallery: str) -> tuple[str, ...]:
    """Sentences that fit a gallery; none where nobody knows what is in it."""
    if gallery == "Photographs":
        return tuple(photograph.captions[0] for photograph in PHOTOGRAPHS)
    album = _scenes(gallery)
    if album is None:
        return ()
    short = (text for text in _told(album, SMALL).captions if len(text) <= _CHIP_LETTERS)
    return tuple(text[:1].upper() + text[1:] for text in islice(short, _SUGGESTIONS))


def truths(text: str, gallery: str, keys: Sequence[str]) -> tuple[bool | None, ...]:
    """Of which scenes a sentence is true, where it is one of the world's own about the gallery."""
    from vilt_core.search.albums import scene_of
    from vilt_core.world.programs import execute

    album = _scenes(gallery)
    claims = {} if album is None else _claims(album)
    program = claims.get(services.folded(text))
    if program is None:
        return (None,) * len(keys)
    return tuple(bool(execute(program, scene_of(key))) for key in keys)


@lru_cache(maxsize=8)
def _claims(album: "Scenes") -> dict[str, "Program"]:
    """What each caption of an album's first scenes claims, by what it says."""
    told = _told(album, MOST_SENTENCES)
    return dict(zip(map(services.folded, told.captions), told.programs, strict=True))


def _scenes(gallery: str) -> "Scenes | None":
    from vilt_core.search.albums import Scenes

    album = None if gallery == UPLOADS else album_of(gallery)
    return album if isinstance(album, Scenes) else None


@lru_cache(maxsize=8)
def _told(album: "Scenes", most: int) -> "Gallery":
    """The first scenes of an album with a caption each, and what the captions claim."""
    from vilt_core.evaluation.galleries import world_gallery

    return world_gallery(album.split, min(album.count, most), seed=album.seed)


# Indexes.


def bring(world: str) -> Iterator[Wait]:
    """Bring the dual encoder of a world, where it has to be fetched from afar.

    Raises:
        ValueError: It cannot be had.
    """
    for name, percent in encoders.bring(world):
        yield Wait(says=f"{percent} % of {name} are here", done=percent, total=100)


def prepare(
    gallery: str, model: str | None = None, uploads: Sequence[str] = ()
) -> Generator[Wait, None, None]:
    """Bring the dual encoder and the index of a gallery; it may be stopped at any step.

    Raises:
        ValueError: As ``album_of``, nothing in it can be read, an index can be kept nowhere, or a
            dual encoder cannot be had.
    """
    world = world_of(gallery, model)
    yield from bring(world)
    asked = encoders.encoder(world)
    if asked is None:
        return
    for step in _read(uploads, asked) if gallery == UPLOADS else _build(gallery, asked):
        says = f"{step.done - step.passed:,} of {step.total:,} pictures are in the index"
        yield Wait(says=says, done=step.done, total=step.total)


def _build(gallery: str, asked: "DualEncoder") -> Iterator["Step"]:
    """Bring the index of a gallery up to date."""
    from vilt_core.search.store import Busy, is_index

    album = album_of(gallery)
    folder = _folder(album, asked)
    if _scenes(gallery) is not None and is_index(folder):
        return  # scenes never change
    listed = album.entries()
    if _UP_TO_DATE.get(folder) == listed and is_index(folder):
        return
    step = None
    while step is None or step.done < step.total:
        # Nothing is held between two steps: a page may be closed, or its Stop pressed, at any time.
        try:
            with _BUILDING, _nameless(folder):
                step = _build_for_a_while(folder, album, asked)
        except Busy:
            time.sleep(_WAIT)
            continue
        except OSError as error:
            raise ValueError(f"the index cannot be kept: {error.strerror or error}") from error
        yield step
    _UP_TO_DATE[folder] = listed


def _read(uploads: Sequence[str], asked: "DualEncoder") -> Iterator["Step"]:
    """Read a visitor's own pictures, some at a time; what was read is kept for a while."""
    from vilt_core.search.store import Step

    entries = album_of(UPLOADS, uploads).entries()
    done = passed = 0
    for some in _batches(entries):
        with _SEARCHING:
            passed += len(_embedded(some, asked).broken)
        done += len(some)
        if len(entries) > _AT_ONCE:
            yield Step(done=done, total=len(entries), passed=passed)


def _batches(entries: tuple["Entry", ...]) -> Iterator[tuple["Entry", ...]]:
    """Pictures, as many at a time as are read between two looks at the page."""
    for first in range(0, len(entries), _AT_ONCE):
        yield entries[first : first + _AT_ONCE]


def _build_for_a_while(folder: Path, album: "Album", asked: "DualEncoder") -> "Step":
    """Go on with an index, and leave it as it is then: the next call goes on from there."""
    from vilt_core.search.albums import Files
    from vilt_core.search.store import build_index

    begun = time.monotonic()
    at_once = _AT_ONCE if isinstance(album, Files) else _DRAWN_AT_ONCE
    with closing(build_index(folder, album, asked, batch_size=at_once)) as steps:
        step = next(steps)
        until = time.monotonic() + _span(time.monotonic() - begun)
        for later in steps:
            step = later
            if time.monotonic() >= until and step.done < step.total:
                break
        return step


def _span(setup: float) -> float:
    """Seconds to build until the page hears of it, where beginning took so long."""
    return max(1.0, 10 * setup)


def index_of(gallery: str, uploads: Sequence[str], asked: "DualEncoder") -> "Index":
    """The index of a gallery: what ``prepare`` made, or of uploads one in memory."""
    album = album_of(gallery, uploads)
    if gallery == UPLOADS:
        return _index_of_files(album.entries(), asked)
    folder = _folder(album, asked)
    with _nameless(folder):
        return _loaded(folder, (folder / "index.json").stat().st_mtime_ns)


@contextmanager
def _nameless(folder: Path) -> Iterator[None]:
    """What is wrong with an index, without saying where on the server it lies.

    Raises:
        ValueError: something is.
    """
    try:
        yield
    except ValueError as error:
        raise ValueError(str(error).replace(str(folder), "its folder")) from error


@lru_cache(maxsize=4)
def _loaded(folder: Path, changed: int) -> "Index":
    from vilt_core.search.store import load_index

    del changed  # tells one state of the folder from another
    return load_index(folder)


@lru_cache(maxsize=16)
def _index_of_files(entries: tuple["Entry", ...], asked: "DualEncoder") -> "Index":
    from vilt_core.search import index

    parts = [_embedded(some, asked) for some in _batches(entries)]
    return index.index_from(_files(entries), parts, asked)


@lru_cache(maxsize=8 * MOST_PICTURES // _AT_ONCE)
def _embedded(entries: tuple["Entry", ...], asked: "DualEncoder") -> "Embedded":
    """The vectors of some pictures, read together."""
    from vilt_core.search import index

    (found,) = index.embed(_files(entries), entries, asked, batch_size=_AT_ONCE)
    return found


def _files(entries: tuple["Entry", ...]) -> "Album":
    from vilt_core.search.albums import Files

    return Files(root=Path(), names=tuple(entry.key for entry in entries))


def _folder(album: "Album", asked: "DualEncoder") -> Path:
    """Where an index lies: one folder an album and a model."""
    digest = hashlib.sha256(f"{album.name} {asked.fingerprint}".encode()).hexdigest()
    return _home() / digest[:20]


def _home() -> Path:
    named = os.environ.get("VILT_LAB_INDEXES")
    if named:
        return Path(named)
    here = Path("runs/indexes")
    there = next(path for path in (here.absolute(), *here.absolute().parents) if path.exists())
    if os.access(there, os.W_OK):
        return here
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vilt-lab" / "indexes"


# Searching.


def check_text(text: str, gallery: str, model: str | None = None) -> None:
    """Refuse what cannot be searched for, before an index is made of which nothing is asked.

    Raises:
        ValueError: One sentence on what is wrong with the text or the model.
    """
    world = world_of(gallery, model)
    asked = encoders.encoder(world) if encoders.here(world) else None
    for reader in (_judge(world, model), asked):
        if reader is not None:
            reader.tokenizer.check(text)


def find(
    text: str,
    gallery: str,
    *,
    uploads: Sequence[str] = (),
    shortlist: int = 32,
    model: str | None = None,
) -> "Found":
    """The pictures of a sentence, the best first; ``prepare`` comes before.

    Raises:
        ValueError: One sentence on what is wrong with the text, the gallery or the model.
    """
    from vilt_core.search import finding

    world = world_of(gallery, model)
    judge, asked = _judge(world, model), encoders.encoder(world)
    with _SEARCHING:
        if asked is None:
            assert judge is not None  # of another world than the speaker's only with an encoder
            album = album_of(gallery, uploads)
            _check_small(len(album.entries()), "pictures", world=world)
            return finding.search_all(album, text, judge=judge)
        index = index_of(gallery, uploads, asked)
        return finding.search(index, text, encoder=asked, judge=judge, shortlist=shortlist)


def unread(
    gallery: str, *, uploads: Sequence[str] = (), model: str | None = None
) -> tuple["Broken", ...]:
    """The files of a gallery that no index has, for they cannot be read; after ``prepare``.

    An index on disk does not say why.

    Raises:
        ValueError: As ``find``.
    """
    from vilt_core.search.index import Broken

    asked = encoders.encoder(world_of(gallery, model))
    if asked is None or _scenes(gallery) is not None:
        return ()
    listed = album_of(gallery, uploads).entries()
    if gallery == UPLOADS:
        return tuple(one for some in _batches(listed) for one in _embedded(some, asked).broken)
    read = {entry.key for entry in index_of(gallery, uploads, asked).entries}
    why = "it cannot be read"
    return tuple(Broken(key=entry.key, why=why) for entry in listed if entry.key not in read)


def find_sentences(
    image: str | None,
    sentences: Sequence[str],
    *,
    key: services.Key | None = None,
    shortlist: int = 32,
    model: str | None = None,
) -> "Found":
    """The sentences of a picture, the best first.

    Raises:
        ValueError: One sentence on what is wrong with the picture, the sentences or the model.
    """
    from vilt_core.search import finding

    if len(sentences) > MOST_SENTENCES:
        raise ValueError(
            f"at most {MOST_SENTENCES:,} sentences are ranked at once, got {len(sentences):,}"
        )
    judge = services.predictor(model, "match")
    picture = services.seen_by_model(image, key, side=judge.image_size)
    world = services.domain(model or services.LIBRARY.default)
    asked = encoders.encoder(world)
    if asked is None:
        _check_small(len(sentences), "sentences", world=world)
        return finding.search_all_captions(sentences, picture, judge=judge)
    captions = _captions_index(tuple(sentences), asked)
    return finding.search_captions(
        captions, picture, encoder=asked, judge=judge, shortlist=shortlist
    )


@lru_cache(maxsize=8)
def _captions_index(sentences: tuple[str, ...], asked: "DualEncoder"):
    from vilt_core.search import index

    return index.captions_of(sentences, asked)


def reach(gallery: str, model: str | None = None) -> tuple[tuple[int, float], ...]:
    """How often shortlists of several lengths hold a right scene; nothing where nobody knows."""
    if not names().get(gallery, "").startswith("world:"):
        return ()
    asked = encoders.encoder(world_of(gallery, model))
    if asked is None:
        return ()
    return _reached(index_of(gallery, (), asked), asked)


@lru_cache(maxsize=8)
def _reached(index: "Index", asked: "DualEncoder") -> tuple[tuple[int, float], ...]:
    from vilt_core.search.measure import reach as measured

    return measured(index, encoder=asked, shortlists=_REACH)


def _check_small(count: int, what: str, *, world: str) -> None:
    if count > SMALL:
        advice = (
            f"to choose among more, {encoders.BRING}"
            if world == "photographs"
            else "no dual encoder of its world is here to choose among more"
        )
        raise ValueError(
            f"ViLT alone reads at most {SMALL} {what} one by one, got {count:,}: {advice}"
        )
