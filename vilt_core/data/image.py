"""Any picture becomes pixels: read safely, made RGB, resized as ViLT does, scaled to [-1, 1]."""

import math
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor

from vilt_core.types import ImageBatch

if TYPE_CHECKING:
    ImageSource = str | os.PathLike[str] | bytes | Image.Image | np.ndarray
else:
    ImageSource = object  # tests check annotations, but bad pictures are for open_image to refuse

# Decoding a picture of this size takes some 200 MB; the largest phone cameras give 48 to 50.
MAX_PIXELS = 50_000_000

# Photographs and drawings of the web, no more: among Pillow's other formats are some that start
# programs (EPS) or that anything might be (TGA has no signature).
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

# Shorter side 384, longer at most 639: 1333 / 800 x 384 in the published code, "640" in the paper.
LONGEST_OVER_SHORTEST = 1333 / 800

HALF = (0.5, 0.5, 0.5)  # mean and deviation of each channel that bring brightness to [-1, 1]

# What Pillow's decoders raise on damaged files; Warning for those who turn warnings into errors.
_DAMAGED = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,
    struct.error,
    zlib.error,
)


_FILTERS = threading.Lock()  # warnings have one list of filters for all threads

# However many callers there are: two at once, of which each holds a picture twice for a moment.
_DECODING = threading.BoundedSemaphore(2)
_STRIP = 256  # rows that are laid on white at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Processing:
    """How a picture becomes what a model reads; by default as ViLT-B/32 was published."""

    size: int = 384  # the shorter side, pixels
    patch_size: int = 32  # both sides are multiples of it
    mean: tuple[float, float, float] = HALF  # of red, green and blue, where white is 1
    std: tuple[float, float, float] = HALF
    crop: bool = field(default=False, repr=False)  # to the square in the middle, as CLIP does

    def __post_init__(self):
        if not 0 < self.patch_size <= self.size:
            raise ValueError(
                "pictures must be at least one patch high, "
                f"got size {self.size} and patch_size {self.patch_size}"
            )
        levels = (*self.mean, *self.std)
        if len(levels) != 6 or not all(map(math.isfinite, levels)) or min(self.std) <= 0:
            raise ValueError(
                "mean and std must be three finite numbers each, std above 0, "
                f"got mean {self.mean} and std {self.std}"
            )


def open_image(source: ImageSource) -> Image.Image:
    """Any picture as upright 8-bit RGB.

    Transparency is laid on white, EXIF orientation is applied, 16-bit greys are scaled rather than
    clipped, and of an animation the first frame counts (of a PIL image, its current one).

    Args:
        source: A path; the bytes of a file; a PIL image; or an array of height x width, with 1, 3
            (RGB) or 4 (RGBA) channels at most, in whole numbers 0 to 255, uint16, or floats 0 to 1.

    Raises:
        ValueError: One sentence that says what was expected and what came: nothing there, no
            picture, a damaged one, an empty one, or more than ``MAX_PIXELS`` (told by the header,
            before any decoding).
    """
    with _DECODING:
        return _opened(source)


def _opened(source: ImageSource) -> Image.Image:
    if isinstance(source, Image.Image):
        return _upright_rgb(source, name="the image")
    if isinstance(source, np.ndarray):
        return _array_to_rgb(source)
    if isinstance(source, bytes):
        return _decode(BytesIO(source), name=f"the image ({len(source)} bytes)")
    if isinstance(source, str | os.PathLike):
        return _decode(_existing(source), name=_quoted(source))
    raise ValueError(
        "an image must be a path, a PIL image, an array or the bytes of a file, "
        f"got {type(source).__name__}"
    )


def fitted_size(width: int, height: int, *, size: int, patch_size: int) -> tuple[int, int]:
    """The (width, height) at which a model sees a picture.

    The shorter side becomes ``size``. Where the longer one would then exceed 1333 / 800 of that, it
    is held there and the shorter one shrinks with it. Both are cut to whole patches, at least one,
    which changes the aspect a little, and that of a ribbon (beyond 1 : 25 or so) much. This is the
    published rule, but for the ribbons: they got a side of 0.

    Args:
        width: Of the picture, pixels.
        height: Of the picture, pixels.
        size: Side of the square that the model was trained on, pixels.
        patch_size: Side of a patch, pixels.
    """
    shorter, longer = float(size), size / min(width, height) * max(width, height)
    longest = int(LONGEST_OVER_SHORTEST * size)
    if longer > longest:
        shrink = longest / longer
        shorter, longer = shrink * shorter, shrink * longer
    shorter, longer = (
        max(int(side + 0.5) // patch_size, 1) * patch_size for side in (shorter, longer)
    )
    return (longer, shorter) if width > height else (shorter, longer)


def resize(image: Image.Image, *, size: int, patch_size: int, crop: bool = False) -> Image.Image:
    """An RGB picture as the model sees it; one of exactly that size passes through untouched.

    Bicubic with a support that grows with the reduction, hence antialiased: the kernel of the
    published preprocessing, kept for every model so that one function serves both. The sticker
    world's own pictures are drawn at the model's size and never meet it.

    Cropped, the shorter side becomes ``size`` and of the longer one its middle is seen.
    """
    if crop:
        fitted, box = (size, size), _middle(*image.size, size=size)
    else:
        fitted, box = fitted_size(*image.size, size=size, patch_size=patch_size), None
    if fitted == image.size:
        return image
    return image.resize(fitted, Image.Resampling.BICUBIC, box=box)


def _middle(width: int, height: int, *, size: int) -> tuple[float, float, float, float]:
    """What a crop leaves of a picture: what it cuts off is never drawn, however long a ribbon is.

    The crop begins at a whole pixel of the resized picture, as the published code has it.
    """
    start, end = [], []
    for side in (width, height):
        resized = int(size * side / min(width, height))
        first = (resized - size) // 2
        start.append(first * side / resized)
        end.append(min((first + size) * side / resized, side))
    return start[0], start[1], end[0], end[1]


def blurred(image: Image.Image, *, share: float = 1 / 16) -> Image.Image:
    """The picture out of focus: colours and places stay, shapes and small things go.

    Args:
        image: in RGB.
        share: the Gaussian's standard deviation as a share of the shorter side.

    Raises:
        ValueError: a share that is not above 0.
    """
    if not share > 0:
        raise ValueError(f"share must be above 0, got {share}")
    return image.filter(ImageFilter.GaussianBlur(share * min(image.size)))


def normalise(
    pixels: UInt8[np.ndarray, "*b height width 3"],
    *,
    mean: tuple[float, float, float] = HALF,
    std: tuple[float, float, float] = HALF,
) -> Float[Tensor, "*b 3 height width"]:
    """Bytes 0 to 255 to floats, channels first: in [-1, 1] unless mean and std are others."""
    return brightness(channels_first(pixels), mean=mean, std=std)


def channels_first(
    pixels: UInt8[np.ndarray, "*b height width 3"],
) -> UInt8[Tensor, "*b 3 height width"]:
    """The same bytes, seen with their channels first: nothing is copied."""
    return rearrange(torch.from_numpy(pixels), "... height width c -> ... c height width")


def brightness(
    levels: UInt8[Tensor, "*b 3 height width"],
    *,
    mean: tuple[float, float, float] = HALF,
    std: tuple[float, float, float] = HALF,
) -> Float[Tensor, "*b 3 height width"]:
    """Bytes to floats where they are, on any device: every operation is rounded as IEEE 754 has it.

    So where and in how large a batch this is done changes no bit of it.
    """
    centre, spread = (torch.tensor(of)[:, None, None] for of in (mean, std))
    scale, shift = (of.to(levels.device) for of in (255 * spread, centre / spread))
    return levels.to(torch.float32).div_(scale).sub_(shift)


def to_levels(
    image: Image.Image, *, size: int, patch_size: int, crop: bool = False
) -> UInt8[Tensor, "3 height width"]:
    """What the model sees of an RGB picture, as bytes: ``brightness`` makes what it reads."""
    return channels_first(np.array(resize(image, size=size, patch_size=patch_size, crop=crop)))


def to_pixels(
    image: Image.Image,
    *,
    size: int,
    patch_size: int,
    mean: tuple[float, float, float] = HALF,
    std: tuple[float, float, float] = HALF,
    crop: bool = False,
) -> Float[Tensor, "3 height width"]:
    """What the model reads of an RGB picture: ``resize``, then ``normalise``."""
    levels = to_levels(image, size=size, patch_size=patch_size, crop=crop)
    return brightness(levels, mean=mean, std=std)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBytes:
    """Pictures of a batch that wait to be read: bytes, a quarter of what they will be."""

    pixels: UInt8[Tensor, "b 3 height width"]
    mask: Bool[Tensor, "b height width"] | None = None  # as that of an ImageBatch
    mean: tuple[float, float, float] = HALF
    std: tuple[float, float, float] = HALF

    def to(self, device) -> ImageBatch:
        """Copy to a device and normalise there: what ``stack`` makes of them, to the bit."""
        pixels = brightness(self.pixels.to(device), mean=self.mean, std=self.std)
        if self.mask is None:
            return ImageBatch(pixels=pixels)
        mask = self.mask.to(device)
        return ImageBatch(pixels=pixels.masked_fill_(~mask[:, None], 0.0), mask=mask)


def stack(pictures: Sequence[Float[Tensor, "3 _height _width"]]) -> ImageBatch:
    """A batch of pictures, padded at the bottom and the right where their sizes differ.

    Raises:
        ValueError: No picture at all.
    """
    pixels, mask = _side_by_side(pictures)
    return ImageBatch(pixels=pixels, mask=mask)


def stack_levels(
    pictures: Sequence[UInt8[Tensor, "3 _height _width"]],
    *,
    mean: tuple[float, float, float] = HALF,
    std: tuple[float, float, float] = HALF,
) -> ImageBytes:
    """The same of pictures in bytes, which are normalised when they are read.

    Raises:
        ValueError: No picture at all.
    """
    pixels, mask = _side_by_side(pictures)
    return ImageBytes(pixels=pixels, mask=mask, mean=mean, std=std)


def _side_by_side(pictures: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
    """Pictures in one tensor, zeros beyond them, and which pixels are theirs if not all are."""
    if not pictures:
        raise ValueError("expected at least one picture, got none")
    sizes = {tuple(picture.shape[1:]) for picture in pictures}
    if len(sizes) == 1:
        return torch.stack(list(pictures)), None
    height, width = (max(sides) for sides in zip(*sizes, strict=True))
    pixels = torch.zeros(len(pictures), 3, height, width, dtype=pictures[0].dtype)
    mask = torch.zeros(len(pictures), height, width, dtype=torch.bool)
    for at, picture in enumerate(pictures):
        h, w = picture.shape[1:]
        pixels[at, :, :h, :w] = picture
        mask[at, :h, :w] = True
    return pixels, mask


def _quoted(path: str | os.PathLike[str]) -> str:
    return f"{os.fspath(path)!r:.200}"


def _existing(source: str | os.PathLike[str]) -> Path:
    path = Path(source)
    try:
        path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueError(f"expected an image at {_quoted(path)}, found none: {reason}") from error
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file"
        raise ValueError(f"expected an image at {_quoted(path)}, found {kind}")
    return path


def _decode(file: Path | BytesIO, *, name: str) -> Image.Image:
    try:
        # Reads the header alone; Pillow has limits of its own, above ours, and prints a warning.
        with _FILTERS, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(file, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise ValueError(f"{name} must have at most {MAX_PIXELS:,} pixels, got far more") from error
    except Image.UnidentifiedImageError as error:
        raise ValueError(f"{name} is no image of a known kind ({', '.join(FORMATS)})") from error
    except _DAMAGED as error:
        raise ValueError(f"{name} is not a readable image: {error}") from error
    with image:
        return _upright_rgb(image, name=name, ours=True)


def _upright_rgb(image: Image.Image, *, name: str, ours: bool = False) -> Image.Image:
    """A picture of its own: that of a caller is copied, one that is ours is turned in place."""
    _check_size(*image.size, name=name)
    try:
        upright = ImageOps.exif_transpose(image, in_place=ours) or image
    except _DAMAGED as error:
        raise ValueError(f"{name} is damaged or cut short: {error}") from error
    if upright.mode.startswith("I;16"):
        return _array_to_rgb(np.asarray(upright), name=name)
    if upright.mode == "I":  # 32 bits in which Pillow keeps 16-bit greys
        greys = _fits(np.asarray(upright), 0, 65535, name=name).astype(np.uint16)
        return _array_to_rgb(greys, name=name)
    if upright.mode == "F":
        return _array_to_rgb(np.asarray(upright), name=name)
    try:
        if upright.has_transparency_data:
            return _on_white(upright)
        if upright.mode == "RGB" and type(upright) is Image.Image:  # a file has a class of its own
            return upright
        return upright.convert("RGB")
    except _DAMAGED as error:
        raise ValueError(f"{name} cannot be shown as RGB: {error}") from error


def _on_white(image: Image.Image) -> Image.Image:
    """Strip by strip, so that no further copies of the whole are held."""
    laid, (width, height) = Image.new("RGB", image.size), image.size
    for top in range(0, height, _STRIP):
        seen = image.crop((0, top, width, min(top + _STRIP, height))).convert("RGBA")
        white = Image.new("RGBA", seen.size, "white")
        laid.paste(Image.alpha_composite(white, seen).convert("RGB"), (0, top))
    return laid


def _array_to_rgb(array: np.ndarray, *, name: str = "the image array") -> Image.Image:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ValueError(
            "an image array must be height x width, or height x width x 1, 3 or 4, "
            f"got shape {array.shape}"
        )
    _check_size(array.shape[1], array.shape[0], name=name)
    pixels = _bytes_of(array, name=name)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return _upright_rgb(image, name=name, ours=True)


def _bytes_of(array: np.ndarray, *, name: str) -> UInt8[np.ndarray, "..."]:
    """Whole numbers 0 to 255 from whatever counts as brightness in an array of this dtype."""
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if array.dtype.kind in "iu":
        return _fits(array, 0, 255, name=name).astype(np.uint8)
    if array.dtype.kind == "f":
        return (_fits(array, 0, 1, name=name).astype(np.float32) * 255).round().astype(np.uint8)
    raise ValueError(f"an image array must hold whole numbers or floats, got {array.dtype}")


def _fits(array: np.ndarray, low: int, high: int, *, name: str) -> np.ndarray:
    smallest, largest = array.min(), array.max()
    if not (low <= smallest and largest <= high):  # NaN fits nowhere
        raise ValueError(
            f"{name} of {array.dtype} must lie in {low} to {high}, got {smallest} to {largest}"
        )
    return array


def _check_size(width: int, height: int, *, name: str) -> None:
    if width == 0 or height == 0:
        raise ValueError(f"{name} must have at least one pixel, got {width} x {height}")
    if width * height > MAX_PIXELS:
        raise ValueError(f"{name} must have at most {MAX_PIXELS:,} pixels, got {width} x {height}")
