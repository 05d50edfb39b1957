"""Files to try on a reader of pictures: odd ones that it can take, and broken ones."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw

from app.photographs import PHOTOGRAPHS

_CAT, _COFFEE = PHOTOGRAPHS[0], PHOTOGRAPHS[1]
_TURNED = 6  # EXIF: the camera was held upright; turn by 90 degrees
_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True, kw_only=True)
class Peculiar:
    """One file, made when it is asked for.

    Attributes:
        name: on its button.
        shows: what is peculiar about it.
        make: its bytes.
        broken: whether no picture can come of it.
    """

    name: str
    shows: str
    make: Callable[[], bytes]
    broken: bool = False


def _photo(file=_COFFEE) -> Image.Image:
    return Image.open(file.path).convert("RGB")


def _saved(image: Image.Image, kind: str, **settings) -> bytes:
    held = io.BytesIO()
    image.save(held, format=kind, **settings)
    return held.getvalue()


def turned() -> bytes:
    """A JPEG that lies on its side and says so."""
    exif = Image.Exif()
    exif[_ORIENTATION] = _TURNED
    return _saved(_photo().rotate(90, expand=True), "JPEG", exif=exif)


def inks() -> bytes:
    """Four channels of ink instead of three of light."""
    return _saved(_photo().convert("CMYK"), "JPEG")


def deep_grey() -> bytes:
    """65,536 levels of grey, of which a careless reader keeps 256."""
    grey = _photo(_CAT).convert("L")
    deep = Image.new("I;16", grey.size)
    deep.putdata([level * 257 for level in grey.tobytes()])
    return _saved(deep, "PNG")


def glass() -> bytes:
    """A disc that is opaque; around it, colours that nobody shall see."""
    photo = _photo(_CAT)
    photo.putalpha(0)
    disc = Image.new("L", photo.size)
    width, height = photo.size
    ImageDraw.Draw(disc).ellipse((width // 8, height // 8, 7 * width // 8, 7 * height // 8), 255)
    clear = Image.merge("RGBA", (*_photo(_CAT).split(), disc))
    return _saved(clear, "PNG")


def panorama() -> bytes:
    """Twelve times as wide as high."""
    photo = _photo().resize((300, 200))
    wide = Image.new("RGB", (2400, 200))
    for place in range(8):
        wide.paste(photo, (300 * place, 0))
    return _saved(wide, "JPEG")


def ribbon() -> bytes:
    """So wide that keeping its shape would leave no pixel of height for a patch."""
    return _saved(Image.linear_gradient("L").rotate(90).resize((3000, 20)), "PNG")


def dot() -> bytes:
    """The smallest picture."""
    return _saved(Image.new("RGB", (1, 1), (232, 89, 12)), "PNG")


def moving() -> bytes:
    """Three frames."""
    frames = [_photo(file).resize((240, 160)) for file in PHOTOGRAPHS[:3]]
    return _saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=300)


def cut_short() -> bytes:
    """A download that ended half way."""
    whole = _COFFEE.path.read_bytes()
    return whole[: len(whole) // 2]


def letter() -> bytes:
    """Words in a file whose name ends in .png."""
    return b"Dear reader, this file is called holiday.png, but it is a letter."


def enormous() -> bytes:
    """Less than a hundred bytes that promise 900 million pixels."""
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b""))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PECULIAR = (
    Peculiar(name="Turned by its camera", shows="EXIF orientation 6", make=turned),
    Peculiar(name="Four inks", shows="CMYK", make=inks),
    Peculiar(name="16-bit grey", shows="65,536 levels", make=deep_grey),
    Peculiar(name="Transparent", shows="an alpha channel", make=glass),
    Peculiar(name="Panorama", shows="12 times as wide as high", make=panorama),
    Peculiar(name="Ribbon", shows="3000 x 20 pixels", make=ribbon),
    Peculiar(name="One pixel", shows="1 x 1", make=dot),
    Peculiar(name="Animation", shows="three frames", make=moving),
)
BROKEN = (
    Peculiar(name="Cut short", shows="half a download", make=cut_short, broken=True),
    Peculiar(name="No picture", shows="text in a .png", make=letter, broken=True),
    Peculiar(name="Enormous", shows="900 million pixels", make=enormous, broken=True),
)


@lru_cache(maxsize=32)
def bytes_of(name: str) -> bytes:
    """The file behind a button.

    Raises:
        ValueError: no such button.
    """
    for one in (*PECULIAR, *BROKEN):
        if one.name == name:
            return one.make()
    raise ValueError(f"expected one of the files on the buttons, got {name!r:.60}")
