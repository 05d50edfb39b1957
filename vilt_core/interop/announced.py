"""What a hub says of a file of a repository, or why it says nothing."""

import contextlib
import re
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import httpx2
from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import HfFileMetadata

PLAIN = re.compile(r"\w[\w.-]*", re.ASCII)  # may name a file of the cache
PASSING = {408, 429, 500, 502, 503, 504}  # a status that another try may not meet
_HURRY = 3.0  # seconds
# InvalidURL and ValueError: sent on to no address.
_UNREACHABLE = (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError)


class Unavailable(ValueError):
    """The hub does not give it now; what the cache holds will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as it was announced."""

    name: str
    commit: str
    etag: str  # sha256 of a large file, git's sha1 of a small one
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """One repository: where it is, where its files go, and how patient to be.

    Attributes:
        repo: "owner/name".
        endpoint: The address of the hub.
        store: Its folder in the cache, models--owner--name.
        pauses: Seconds before each further try, after one that brought nothing new.
        hurried: Whether the cache could do where the hub does not answer soon.
    """

    repo: str
    endpoint: str
    store: Path
    pauses: tuple[float, ...]
    hurried: bool

    @property
    def seconds(self) -> float:
        """How long to wait for an answer."""
        return _HURRY if self.hurried else float(constants.HF_HUB_ETAG_TIMEOUT)

    def snapshot(self, commit: str) -> Path:
        """The folder of a commit."""
        return self.store / "snapshots" / commit

    def partial(self, file: File) -> Path:
        """Where a file lies until it is whole."""
        return self.store / "blobs" / f"{file.etag}.incomplete"

    def absent(self, commit: str, name: str) -> Path:
        """Where huggingface_hub notes that a commit has no such file."""
        return self.store / ".no_exist" / commit / name


def announcement(hub: Hub, name: str, revision: str) -> File | None:
    """What the hub says of a file; None where the repository has no such file."""
    try:
        said = _within(hub.seconds, lambda: _ask(hub, name, revision))
    except RemoteEntryNotFoundError as error:
        _note_absent(hub, name, error.response.headers.get("X-Repo-Commit", ""))
        return None
    except HfHubHTTPError as error:
        if _is_bare_404(error) and name != "config.json":  # some mirrors say no more
            return None
        raise refusal(hub, name, revision, error) from error
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise Unavailable(
            f"{hub.endpoint} gave no answer within {hub.seconds:g} seconds, so {hub.repo} cannot "
            "be fetched"
        ) from error
    except _UNREACHABLE as error:
        raise Unavailable(
            f"{hub.endpoint} cannot be reached, so {hub.repo} cannot be fetched: {reason(error)}"
        ) from error
    commit, etag = said.commit_hash or "", said.etag or ""
    if not (PLAIN.fullmatch(commit) and PLAIN.fullmatch(etag)):
        raise Unavailable(
            f"{hub.endpoint} does not answer as a Hugging Face Hub does, so {hub.repo} cannot be "
            "fetched"
        )
    return File(name=name, commit=commit, etag=etag, size=said.size)


def _ask(hub: Hub, name: str, revision: str) -> HfFileMetadata:
    url = hf_hub_url(hub.repo, name, revision=revision, endpoint=hub.endpoint)
    end = time.monotonic() + hub.seconds
    for pause in hub.pauses[:1] if hub.hurried else hub.pauses:
        try:
            return get_hf_file_metadata(url, timeout=hub.seconds, endpoint=hub.endpoint)
        except HfHubHTTPError as error:
            if error.response.status_code not in PASSING:
                raise
        except httpx2.HTTPError:
            if time.monotonic() + pause > end:
                raise
        time.sleep(pause)
    return get_hf_file_metadata(url, timeout=hub.seconds, endpoint=hub.endpoint)


def _within(seconds: float, ask: Callable[[], HfFileMetadata]) -> HfFileMetadata:
    """An answer, or TimeoutError.

    No time-out of a connection bounds looking up a name, nor trying one address after the other.
    """
    answer: Future[HfFileMetadata] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except _UNREACHABLE as error:
            answer.set_exception(error)

    Thread(target=run, daemon=True).start()
    return answer.result(seconds)


def _is_bare_404(error: HfHubHTTPError) -> bool:
    """Not found, without a word whether it is the repository, the revision or the file."""
    return error.response.status_code == 404 and type(error) is HfHubHTTPError


def refusal(hub: Hub, name: str, revision: str, error: HfHubHTTPError) -> ValueError:
    """The sentence for what the hub refuses."""
    status = error.response.status_code
    if isinstance(error, RevisionNotFoundError):
        return ValueError(f"{hub.repo} has no revision {revision!r}")
    if isinstance(error, GatedRepoError):
        return Unavailable(
            f"{hub.repo} is gated: ask for access on its page and name your token in HF_TOKEN"
        )
    if isinstance(error, RepositoryNotFoundError) or status in (401, 403):
        return Unavailable(
            f"{hub.endpoint} has no repository {hub.repo} that may be read: it does not exist, or "
            "it is private and HF_TOKEN does not open it"
        )
    if _is_bare_404(error):
        return Unavailable(f"{hub.endpoint} knows no {name} of {hub.repo} at {revision!r}")
    if status == 404:
        return ValueError(f"{hub.repo} lacks {name} at revision {revision!r}")
    if status == 429:
        return Unavailable(
            f"{hub.endpoint} was asked too often to give {hub.repo} now, try again in some minutes"
        )
    return Unavailable(f"{hub.endpoint} answered {status} for {name} of {hub.repo}")


def reason(error: Exception) -> str:
    """What an error says, or else what it is called."""
    return str(error) or type(error).__name__


def _note_absent(hub: Hub, name: str, commit: str) -> None:
    """Spare the next call the question."""
    if PLAIN.fullmatch(commit):
        note = hub.absent(commit, name)
        with contextlib.suppress(OSError):  # the cache may be read-only
            note.parent.mkdir(parents=True, exist_ok=True)
            note.touch()
