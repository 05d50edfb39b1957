"""Models of the Hugging Face Hub, brought into huggingface_hub's own cache.

huggingface_hub says where a file is, who may read it and how the cache is laid out. The bytes are
fetched here, because its own download (2.4) starts anew after a failed call, and after a connection
that breaks within the first ten megabytes, gives up when one is reset, and keeps whatever has the
right length.
"""

import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.utils import tqdm

from vilt_core.interop.address import endpoint, is_repo_name
from vilt_core.interop.announced import PLAIN, File, Hub, Unavailable, announcement
from vilt_core.interop.bundle import Progress
from vilt_core.interop.download import bring, length

_WEIGHTS = (  # the first that the repository has
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_BESIDE = (  # as many as the repository has
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "preprocessor_config.json",
    "processor_config.json",
)
_REVISION = re.compile(r"(?!.*\.\.)\w(?:[\w./+-]*\w)?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SWITCHED_ON = {"1", "ON", "YES", "TRUE"}
_PAUSES = (0.0, 0.5, 2.0)  # seconds, see Hub


def fetch(repo: str, *, revision: str | None = None, progress: Progress | None = None) -> Path:
    """Bring a model from the Hugging Face Hub, unless huggingface_hub's cache has it already.

    It takes the config, the weights (safetensors where there are any, pytorch_model.bin otherwise)
    and the files of tokenizer and processor. Each is checked against the hash that was announced
    before it enters the cache. A connection that breaks is taken up where it broke, within a call
    and by the next call. Where the hub cannot be reached, what the cache holds is good enough.

    HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE and HF_TOKEN mean what they mean to
    huggingface_hub, and may be set after it was imported.

    Args:
        repo: "owner/name".
        revision: A branch, a tag or a commit; the main branch unless given.
        progress: Called, in this thread, with the bytes that are there and the bytes of all files
            that have to come; not at all where none has. What it raises stops the download. Without
            it a terminal shows a bar.

    Returns:
        The folder of the snapshot.

    Raises:
        ValueError: One sentence: no such repository, revision or file, one that may not be read, no
            network, a connection that was cut, or a file that is not the one announced.
        OSError: The disk is full or may not be written.
    """
    if not is_repo_name(repo):
        raise ValueError(f'repo must be a name such as "dandelin/vilt-b32-mlm", got {repo!r}')
    revision = constants.DEFAULT_REVISION if revision is None else revision
    if not (isinstance(revision, str) and _REVISION.fullmatch(revision)):
        raise ValueError(f"revision must be a branch, a tag or a commit, got {revision!r}")
    store = _cache() / f"models--{repo.replace('/', '--')}"
    held = _held(store, revision)
    if _offline():
        if held is None:
            raise ValueError(
                f"the cache {store.parent} lacks {repo} at revision {revision!r}, "
                "and HF_HUB_OFFLINE forbids to fetch it"
            )
        return held
    hub = Hub(
        repo=repo,
        endpoint=endpoint(),
        store=store,
        pauses=_PAUSES,
        hurried=held is not None,
    )
    try:
        return _bring_all(hub, revision, progress)
    except Unavailable:
        if held is None:
            raise
        return held
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(f"{repo} cannot be written to {store.parent}: {reason}") from error


def fetch_file(repo: str, name: str) -> Path:
    """Bring one file of the main branch, by the same way; what the cache has is not asked for anew.

    Args:
        repo: "owner/name".
        name: Of the file.

    Raises:
        ValueError: One sentence, as for ``fetch``.
        OSError: The disk is full or may not be written.
    """
    branch = constants.DEFAULT_REVISION
    store = _cache() / f"models--{repo.replace('/', '--')}"
    reference = store / "refs" / branch
    if reference.is_file():
        held = store / "snapshots" / reference.read_text(encoding="utf-8").strip() / name
        if held.is_file():
            return held
    if _offline():
        raise ValueError(
            f"the cache {store.parent} lacks {name} of {repo}, "
            "and HF_HUB_OFFLINE forbids to fetch it"
        )
    hub = Hub(repo=repo, endpoint=endpoint(), store=store, pauses=_PAUSES, hurried=False)
    file = _required(hub, name, branch)
    _download(hub, [file], None)
    _remember(hub, branch, file.commit)
    return hub.snapshot(file.commit) / name


def _cache() -> Path:
    """huggingface_hub's cache, as the environment names it now and not when it was imported."""
    home = os.environ.get("HF_HOME")
    # HF_HOME also holds the token, and is looked at though the cache may be elsewhere.
    beside = _folder("HF_HOME", home or constants.HF_HOME)
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if named := os.environ.get(variable):
            return _folder(variable, named)
    return _folder("HF_HOME", str(beside / "hub") if home else constants.HF_HUB_CACHE)


def _folder(variable: str, named: str) -> Path:
    """A folder that is there, or that can be made."""
    try:
        folder = Path(os.path.expandvars(named)).expanduser().resolve()
        there = next(path for path in (folder, *folder.parents) if path.exists())
    except (OSError, RuntimeError) as error:  # too long, in a circle, or of nobody
        raise ValueError(
            f"{variable} must name a folder, got {named!r:.200}: {error!s:.200}"
        ) from error
    if not there.is_dir():
        raise ValueError(f"{variable} must name a folder, got {named!r:.200}: {there} is a file")
    return folder


def _offline() -> bool:
    named = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return named.upper() in _SWITCHED_ON or constants.is_offline_mode()


# What the cache holds


def _held(store: Path, revision: str) -> Path | None:
    """The snapshot of a revision, if the cache has enough of it to open the model."""
    commit = revision
    if not _COMMIT.fullmatch(revision):
        reference = store / "refs" / revision
        if not reference.is_file():
            return None
        commit = reference.read_text(encoding="utf-8").strip()
    snapshot = store / "snapshots" / commit
    return snapshot if (snapshot / "config.json").is_file() and _has_weights(snapshot) else None


def _has_weights(snapshot: Path) -> bool:
    return any(_is_whole(snapshot / name) for name in _WEIGHTS)


def _is_whole(weights: Path) -> bool:
    """Whether one file, or all those that an index names, are there."""
    if not weights.is_file() or weights.suffix != ".json":
        return weights.is_file()
    return all((weights.parent / name).is_file() for name in _shards(weights))


def _shards(index: Path) -> list[str]:
    """The files that an index of weights names."""
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{index} must be an index of weights, but is none") from error
    if not names:
        raise ValueError(f"{index} must name the files of the weights, but names none")
    for name in names:
        if not (isinstance(name, str) and PLAIN.fullmatch(name)):
            raise ValueError(f"{index} must name files beside it, got {name!r}")
    return names


# Which files have to come


def _bring_all(hub: Hub, revision: str, progress: Progress | None) -> Path:
    if _COMMIT.fullmatch(revision) and _is_settled(hub, revision):
        return hub.snapshot(revision)
    config = _required(hub, "config.json", revision)
    snapshot = hub.snapshot(config.commit)
    if not _is_settled(hub, config.commit):
        files = [config, *_beside(hub, config.commit), *_weights(hub, config.commit)]
        _download(hub, [file for file in files if not (snapshot / file.name).is_file()], progress)
    _remember(hub, revision, config.commit)
    return snapshot


def _is_settled(hub: Hub, commit: str) -> bool:
    """Whether nothing is left to ask or to fetch for a commit."""
    return _held(hub.store, commit) is not None and not _unsettled(hub, commit)


def _unsettled(hub: Hub, commit: str) -> list[str]:
    snapshot = hub.snapshot(commit)
    return [
        name
        for name in _BESIDE
        if not (snapshot / name).is_file() and not hub.absent(commit, name).is_file()
    ]


def _required(hub: Hub, name: str, revision: str) -> File:
    file = announcement(hub, name, revision)
    if file is None:
        raise ValueError(f"{hub.repo} lacks {name} at revision {revision!r}")
    return file


def _beside(hub: Hub, commit: str) -> list[File]:
    announced = (announcement(hub, name, commit) for name in _unsettled(hub, commit))
    return [file for file in announced if file is not None]


def _weights(hub: Hub, commit: str) -> list[File]:
    """Where no weights are there yet: the one file, or all that the index names."""
    snapshot = hub.snapshot(commit)
    if _has_weights(snapshot):
        return []
    for name in _WEIGHTS:
        file = announcement(hub, name, commit)
        if file is None:
            continue
        if not name.endswith(".json"):
            return [file]
        bring(hub, file, lambda _: None)
        return [_required(hub, shard, commit) for shard in _shards(snapshot / name)]
    raise ValueError(
        f"{hub.repo} lacks weights: it must have model.safetensors or pytorch_model.bin"
    )


def _remember(hub: Hub, revision: str, commit: str) -> None:
    """Note which commit a branch or tag stands for, once all its files are there."""
    reference = hub.store / "refs" / revision
    if revision == commit or (reference.is_file() and reference.read_text() == commit):
        return
    part = reference.with_name(f"{reference.name}.{os.getpid()}.{time.monotonic_ns()}.tmp")
    with contextlib.suppress(OSError):  # the cache may be read-only
        reference.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(commit, encoding="utf-8")
        part.replace(reference)


# Bringing them


def _download(hub: Hub, files: list[File], progress: Progress | None) -> None:
    if not files:
        return
    total = sum(file.size or 0 for file in files)
    hub.store.mkdir(parents=True, exist_ok=True)
    there = sum(length(hub.partial(file)) for file in files)
    if (free := shutil.disk_usage(hub.store).free) < total - there:
        needed = f"{(total - there) / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free"
        raise OSError(f"the disk is too full: {needed}")
    with _teller(hub.repo, total, progress) as tell:
        meter = _Meter(total, tell)
        meter.at(0)
        for file in files:
            bring(hub, file, meter.at)
            meter.finish(file)


@contextlib.contextmanager
def _teller(repo: str, total: int, progress: Progress | None) -> Iterator[Progress]:
    if progress is not None:
        yield progress
        return
    with tqdm(total=total, unit="B", unit_scale=True, desc=repo, disable=None) as bar:

        def show(done: int, _: int) -> None:
            bar.update(done - bar.n)

        yield show


class _Meter:
    """Tells how much of all files is there: never less than before, a thousand times at most."""

    def __init__(self, total: int, tell: Progress):
        self.total = total
        self.tell = tell
        self.finished = 0
        self.told = -1 if total else 0  # no length was announced: there is nothing to tell

    def at(self, length: int) -> None:
        """So much of the present file is there."""
        done = min(self.finished + length, self.total)
        at_an_end = done in (0, self.total)
        if done > self.told and (at_an_end or done - self.told >= self.total / 1000):
            self.told = done
            self.tell(done, self.total)

    def finish(self, file: File) -> None:
        self.finished += file.size or 0
        self.at(0)
