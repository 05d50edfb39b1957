"""One file of a hub, into the cache: taken up where it broke, checked, linked."""

import hashlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
from huggingface_hub import constants, get_session, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import WeakFileLock, build_hf_headers, hf_raise_for_status

from vilt_core.interop.announced import PASSING, File, Hub, reason, refusal

_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


def bring(hub: Hub, file: File, tell: Callable[[int], None]) -> None:
    """Put one file into its snapshot, by way of the blob that its hash names."""
    pointer = hub.snapshot(file.commit) / file.name
    blob = hub.store / "blobs" / file.etag
    lock = hub.store.parent / ".locks" / hub.store.name / f"{file.etag}.lock"
    for path in (pointer, blob, lock):
        path.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        if pointer.is_file():
            return
        if not blob.is_file() or file.size not in (None, length(blob)):
            partial = hub.partial(file)
            _receive(hub, file, partial, tell)
            _verify(hub, file, partial)
            partial.replace(blob)
        _link(blob, pointer)


def length(path: Path) -> int:
    """Bytes of a file; none where there is no file."""
    return path.stat().st_size if path.is_file() else 0


def _link(blob: Path, pointer: Path) -> None:
    pointer.unlink(missing_ok=True)  # it may point to a blob that was deleted
    try:
        if constants.HF_HUB_DISABLE_SYMLINKS:
            raise OSError("links are switched off")
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    except OSError:  # as on Windows, without the right to make links
        blob.replace(pointer)


def _receive(hub: Hub, file: File, partial: Path, tell: Callable[[int], None]) -> None:
    """Fill ``partial``; go on where a connection broke as long as more comes than came before."""
    furthest, since, pauses = length(partial), time.monotonic(), iter(hub.pauses)
    while (why := _try(hub, file, partial, tell)) is not None:
        if (reached := length(partial)) > furthest:
            furthest, since, pauses = reached, time.monotonic(), iter(hub.pauses)
        silent = time.monotonic() - since > 1.5 * constants.HF_HUB_DOWNLOAD_TIMEOUT
        if silent or (pause := next(pauses, None)) is None:
            raise ValueError(
                f"the connection to {hub.endpoint} was cut after {reached / 1e6:.1f} MB of "
                f"{file.name} of {hub.repo}, the next call goes on from there: {why}"
            )
        time.sleep(pause)


def _try(hub: Hub, file: File, partial: Path, tell: Callable[[int], None]) -> str | None:
    """One request: None where the file is whole then, or the reason why not."""
    partial.touch()
    if file.size is not None and length(partial) > file.size:
        partial.write_bytes(b"")
    if length(partial) == file.size:
        return None
    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    if had := length(partial):
        headers["Range"] = f"bytes={had}-"
    url = hf_hub_url(hub.repo, file.name, revision=file.commit, endpoint=hub.endpoint)
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    try:
        with get_session().stream("GET", url, headers=headers, timeout=timeout) as response:
            if response.status_code == 416:
                partial.write_bytes(b"")
                return "it would not go on"
            hf_raise_for_status(response)
            return _append(hub, file, response, partial, tell)
    except HfHubHTTPError as error:
        if error.response.status_code not in PASSING:
            raise refusal(hub, file.name, file.commit, error) from error
        return f"it answered {error.response.status_code}"
    except httpx2.HTTPError as error:
        return reason(error)


def _append(
    hub: Hub,
    file: File,
    response: httpx2.Response,
    partial: Path,
    tell: Callable[[int], None],
) -> str | None:
    """Write what comes to the end of ``partial``, or from its start where it comes from there."""
    start, total = _span(response, length(partial))
    if start not in (0, length(partial)):
        partial.write_bytes(b"")
        return "it went on at another place"
    size = total if file.size is None else file.size
    if total not in (None, size):
        raise _mismatch(hub, file, partial, f"it has {total} bytes, {size} were announced")
    reached = start
    with partial.open("ab" if start else "wb") as out:
        for chunk in response.iter_bytes():
            reached += len(chunk)
            if size is not None and reached > size:
                break
            out.write(chunk)
            tell(reached)
    if size is not None and reached > size:
        raise _mismatch(hub, file, partial, f"it has more than the {size} bytes announced")
    return None if size in (None, reached) else "it ended early"


def _span(response: httpx2.Response, had: int) -> tuple[int, int | None]:
    """Where a response starts in its file, and how long it says that the whole file is."""
    if response.status_code == 206:
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if found is None:
            return had, None
        return int(found[1]), None if found[2] == "*" else int(found[2])
    said = response.headers.get("Content-Length", "")
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    return 0, int(said) if said.isdigit() and not encoded else None


def _verify(hub: Hub, file: File, partial: Path) -> None:
    """Compare with the hash that was announced, where the announcement is one."""
    if re.fullmatch("[0-9a-f]{64}", file.etag):
        digests = [_digest(partial, "sha256")]
    elif re.fullmatch("[0-9a-f]{40}", file.etag):
        # Git's hash of a blob; a mirror that keeps no git repository announces the plain one.
        header = b"blob %d\0" % length(partial)
        digests = [_digest(partial, "sha1", before) for before in (header, b"")]
    else:
        return
    if file.etag not in digests:
        raise _mismatch(hub, file, partial, "its hash is another")


def _digest(path: Path, algorithm: str, before: bytes = b"") -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, before)).hexdigest()


def _mismatch(hub: Hub, file: File, partial: Path, why: str) -> ValueError:
    """Throw away what came, so that the next call starts clean, and say so."""
    partial.unlink()
    return ValueError(
        f"{file.name} of {hub.repo} is not the file that {hub.endpoint} announced and was thrown "
        f"away: {why}"
    )
