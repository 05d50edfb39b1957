"""Where the samples of a WebDataset shard lie within its tar file, found by its headers alone.

``tarfile`` takes five times as long, for objects that nobody needs, and stops at the first damage;
the package webdataset's ``wids`` wants its own list of samples beside the shards, and a dependency.

Every header is held against its checksum, so that a flipped bit in one is noticed. Contents have
none in a tar file, long names (pax, GNU) among them: only a decoder sees what is wrong there.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from zlib import adler32

from vilt_core.data.sequences import Texts

IMAGES = ("jpg", "jpeg", "png", "webp")  # names of pictures end so
CAPTION = "txt"

_BLOCK = 512  # bytes; headers and contents begin at multiples of it
_CHECKSUM = slice(148, 156)  # its place in a header, counted as eight spaces in the sum itself
_ADLER = 65_521  # the prime of Adler-32
_MOST_NAMED = 3  # faulty keys named in a note


@dataclass(slots=True)
class ShardIndex:
    """Begin and size, in bytes, of each sample's picture and caption: 41 bytes a sample."""

    keys: Texts = field(default_factory=Texts)
    image_starts: array = field(default_factory=lambda: array("q"))
    image_sizes: array = field(default_factory=lambda: array("q"))
    caption_starts: array = field(default_factory=lambda: array("q"))
    caption_sizes: array = field(default_factory=lambda: array("i"))
    uncaptioned: int = 0  # pictures with an empty caption, which img2dataset counts as successes
    notes: tuple[str, ...] = ()  # what is wrong with the shard, a sentence each

    def __len__(self) -> int:
        return len(self.keys)


class Damaged(ValueError):
    """The rest of a tar file cannot be read; says where it ends and how."""


def index_shard(path: Path) -> ShardIndex:
    """The samples that have a picture and a caption, in the order of the file.

    Files whose names agree up to the first dot are one sample, as webdataset has it. Of samples of
    the same key the first counts. Whatever is left out is told in the notes; where the file is cut
    short or damaged, what comes before counts.

    Raises:
        OSError: the file is gone, or cannot be read.
    """
    samples: dict[str, dict[str, tuple[int, int]]] = {}
    notes, twice = [], []
    try:
        with path.open("rb", buffering=1 << 14) as file:
            for name, start, size in members(file, total=path.stat().st_size):
                folder, _, base = name.rpartition("/")
                stem, _, ending = base.partition(".")
                ending = ending.lower()
                part = "image" if ending in IMAGES else ending
                if part not in ("image", CAPTION):
                    continue
                sample = samples.setdefault(f"{folder}/{stem}" if folder else stem, {})
                if part in sample:
                    twice.append(name)
                sample.setdefault(part, (start, size))
    except Damaged as error:
        notes.append(f"{path.name} {error}")
    except OSError as error:
        raise OSError(f"the shard {path} cannot be read: {error.strerror}") from error
    return _index(samples, path.name, notes, twice)


def _index(
    samples: dict[str, dict[str, tuple[int, int]]], shard: str, notes: list[str], twice: list[str]
) -> ShardIndex:
    index = ShardIndex()
    faulty: dict[str, list[str]] = {"comes twice": twice}
    for key, parts in samples.items():
        if "image" not in parts:
            faulty.setdefault("has a caption and no picture", []).append(key)
        elif not parts.get(CAPTION, (0, 0))[1]:
            index.uncaptioned += CAPTION in parts
            faulty.setdefault("has a picture and no caption", []).append(key)
        else:
            index.keys.append(key)
            for part, starts, sizes in (
                ("image", index.image_starts, index.image_sizes),
                (CAPTION, index.caption_starts, index.caption_sizes),
            ):
                starts.append(parts[part][0])
                sizes.append(parts[part][1])
    for fault, keys in faulty.items():
        if keys:
            others = f" and {len(keys) - _MOST_NAMED:,} more" if len(keys) > _MOST_NAMED else ""
            notes.append(f"{shard}: what {fault}: {', '.join(keys[:_MOST_NAMED])}{others}")
    index.notes = tuple(notes)
    return index


def members(file: BinaryIO, *, total: int) -> Iterator[tuple[str, int, int]]:
    """Name, begin and size in bytes of each regular file in a tar file of ``total`` bytes.

    Reads what img2dataset, webdataset, tarfile and GNU tar write: ustar, with pax and GNU headers.

    Raises:
        Damaged: no header where one must be, one that its checksum does not fit, or a content that
            goes on past the end.
    """
    at, renamed, resized = 0, None, None
    while True:
        if at >= total:
            raise Damaged(f"ends at byte {total:,} without an end mark: it may be cut short")
        file.seek(at)
        header = file.read(_BLOCK)
        if not any(header):
            _check_end(file, at, total)
            return
        if len(header) < _BLOCK or header[257:262] != b"ustar":
            raise Damaged(f"is damaged or cut short at byte {at:,} of {total:,}")
        if not _is_sound(header, at):
            raise Damaged(f"has a header at byte {at:,} that its checksum does not fit")
        start, size = at + _BLOCK, _number(header[124:136], at)
        if resized is not None and header[156:157] in b"0\0":
            size = resized
        if start + size > total:
            raise Damaged(f"is cut short: at byte {at:,} a file of {size:,} begins, of {total:,}")
        at = start + -(-size // _BLOCK) * _BLOCK
        match header[156:157]:
            case b"x":
                fields = _pax(file.read(size))
                renamed = fields.get("path", renamed)
                resized = int(fields["size"]) if fields.get("size", "").isdecimal() else None
            case b"L":
                renamed = _text(file.read(size))
            case b"0" | b"\0":
                yield renamed or _name(header), start, size
                renamed = resized = None
            case b"g" | b"K":
                pass
            case _:
                renamed = resized = None


def _check_end(file: BinaryIO, at: int, total: int) -> None:
    """Nothing but zeros may follow the end mark: else it is a hole, or another archive begins."""
    while rest := file.read(1 << 20):
        if any(rest):
            raise Damaged(f"has an end mark at byte {at:,} of {total:,}, and more after it")


def _is_sound(header: bytes, at: int) -> bool:
    """Whether the bytes of a header add up to its checksum, itself counted as eight spaces.

    Adler-32's lower half is such a sum plus 1, modulo a prime: 20 times as quick as ``sum``. One
    byte changes the sum by less than that prime, so that it cannot hide behind it.
    """
    summed = header[: _CHECKSUM.start] + b" " * 8 + header[_CHECKSUM.stop :]
    return adler32(summed) & 0xFFFF == (_number(header[_CHECKSUM], at) + 1) % _ADLER


def _number(digits: bytes, at: int) -> int:
    if digits[0] & 0x80:  # base 256, for files beyond 8 GB
        return int.from_bytes(digits[1:], "big")
    octal = digits.split(b"\0", 1)[0].strip() or b"0"
    if not octal.isdigit() or max(octal) > ord("7"):
        raise Damaged(f"has a damaged header at byte {at:,}")
    return int(octal, 8)


def _pax(content: bytes) -> dict[str, str]:
    r"""Records "LENGTH NAME=VALUE\n"; one that is malformed ends them."""
    fields = {}
    while content:
        length, _, _ = content.partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(content):
            break
        record, content = content[: int(length)], content[int(length) :]
        name, _, value = record[len(length) + 1 : -1].partition(b"=")
        fields[_text(name)] = _text(value)
    return fields


def _name(header: bytes) -> str:
    name, prefix = _text(header[:100]), _text(header[345:500])
    return f"{prefix}/{name}" if prefix and header[263:265] == b"00" else name


def _text(content: bytes) -> str:
    return content.split(b"\0", 1)[0].decode("utf-8", "replace")
