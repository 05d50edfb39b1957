"""Chance on pictures: RandAugment (section 3.4), MixGen, and the patches to be predicted.

RandAugment as the 2021 code has it, without inversion of colours and without cutout: two of
fourteen operations at magnitude 9, before the picture is resized. Everything here is a function of
one example (for MixGen, of two) and of its own source of chance, never of a batch.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor
from torch.nn.functional import interpolate

STRONGEST = 30  # the magnitude at which an operation has the last value of its range

Change = Callable[[Image.Image, float], Image.Image]


@dataclass(frozen=True, slots=True)
class Operation:
    """One way to change a picture, and the values that magnitudes 0 to 30 stand for."""

    name: str
    change: Change
    low: float  # value at magnitude 0
    high: float  # value at magnitude 30
    either_way: bool = False  # its value's sign is drawn

    def value(self, magnitude: int) -> float:
        """Degrees, pixels, levels, bits or a factor, whatever the operation takes."""
        return self.low + magnitude / STRONGEST * (self.high - self.low)

    def __call__(
        self, image: Image.Image, *, magnitude: int = 9, opposite: bool = False
    ) -> Image.Image:
        """The picture changed; ``opposite`` turns and moves it the other way."""
        value = self.value(magnitude)
        return self.change(image, -value if opposite and self.either_way else value)


def _auto_contrast(image: Image.Image, _: float) -> Image.Image:
    return ImageOps.autocontrast(image)


def _equalize(image: Image.Image, _: float) -> Image.Image:
    return ImageOps.equalize(image)


def _rotate(image: Image.Image, degrees: float) -> Image.Image:
    return image.rotate(degrees)


def _posterize(image: Image.Image, bits: float) -> Image.Image:
    return ImageOps.posterize(image, max(1, int(bits)))


def _solarize(image: Image.Image, threshold: float) -> Image.Image:
    return ImageOps.solarize(image, math.ceil(threshold))


def _solarize_add(image: Image.Image, addition: float) -> Image.Image:
    """All levels brighter, then the upper half of them inverted."""
    brighter = [min(int(level + addition), 255) for level in range(256)]
    return image.point([level if level < 128 else 255 - level for level in brighter] * 3)


def _enhance(kind: Callable[[Image.Image], ImageEnhance._Enhance]) -> Change:
    return lambda image, factor: kind(image).enhance(factor)


def _affine(coefficients: Callable[[float], tuple[float, ...]]) -> Change:
    """Pixel (x, y) from (ax + by + c, dx + ey + f), the nearest; black where there is none."""
    return lambda image, value: image.transform(
        image.size, Image.Transform.AFFINE, coefficients(value)
    )


OPERATIONS = (
    Operation("AutoContrast", _auto_contrast, 0.0, 1.0),
    Operation("Equalize", _equalize, 0.0, 1.0),
    Operation("Rotate", _rotate, 0.0, 30.0, either_way=True),  # degrees
    Operation("Posterize", _posterize, 0.0, 4.0),  # bits kept of each channel, at least one
    Operation("Solarize", _solarize, 0.0, 256.0),  # the level from which on all are inverted
    Operation("SolarizeAdd", _solarize_add, 0.0, 110.0),
    Operation("Color", _enhance(ImageEnhance.Color), 0.1, 1.9),
    Operation("Contrast", _enhance(ImageEnhance.Contrast), 0.1, 1.9),
    Operation("Brightness", _enhance(ImageEnhance.Brightness), 0.1, 1.9),
    Operation("Sharpness", _enhance(ImageEnhance.Sharpness), 0.1, 1.9),
    Operation("ShearX", _affine(lambda v: (1, v, 0, 0, 1, 0)), 0.0, 0.3, either_way=True),
    Operation("ShearY", _affine(lambda v: (1, 0, 0, v, 1, 0)), 0.0, 0.3, either_way=True),
    # By pixels of the picture handed in, whatever its size.
    Operation("TranslateXabs", _affine(lambda v: (1, 0, v, 0, 1, 0)), 0.0, 100.0, either_way=True),
    Operation("TranslateYabs", _affine(lambda v: (1, 0, 0, 0, 1, v)), 0.0, 100.0, either_way=True),
)


def draw_operations(draw: random.Random, *, count: int = 2) -> list[tuple[Operation, bool]]:
    """Operations, all equally likely and perhaps repeated, and whether each goes the other way."""
    return [(draw.choice(OPERATIONS), draw.random() < 0.5) for _ in range(count)]


def rand_augment(
    image: Image.Image, draw: random.Random, *, operations: int = 2, magnitude: int = 9
) -> Image.Image:
    """RandAugment (Cubuk et al., 2020): some operations one after the other, of the same size.

    Args:
        image: an RGB picture.
        draw: the picture's own source of chance.
        operations: how many, N of the paper.
        magnitude: how strong, 0 to 30, M of the paper. (Of colour, contrast, brightness and
            sharpness 15 changes nothing and less takes away.)

    Raises:
        ValueError: a picture that is not RGB, or a magnitude out of range.
    """
    if image.mode != "RGB":
        raise ValueError(f"RandAugment needs an RGB picture, got mode {image.mode}")
    if not 0 <= magnitude <= STRONGEST:
        raise ValueError(f"magnitude must lie in 0 to {STRONGEST}, got {magnitude}")
    for operation, opposite in draw_operations(draw, count=operations):
        image = operation(image, magnitude=magnitude, opposite=opposite)
    return image


def mixgen(
    first: tuple[Float[Tensor, "3 height width"], str],
    second: tuple[Float[Tensor, "3 _height _width"], str],
    *,
    share: float = 0.5,
) -> tuple[Float[Tensor, "3 height width"], str]:
    """MixGen (Hao et al., 2022): two pairs become one, pictures blended and texts joined.

    A second picture of another size is stretched to the first's. The paper puts such pairs in the
    place of the first quarter of each batch, made with the second; who mixes with whom is the
    caller's choice here.

    Args:
        first: pixels and text.
        second: pixels and text.
        share: of the first picture in the blend, lambda of the paper.

    Raises:
        ValueError: a share beyond 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must lie in 0 to 1, got {share}")
    (pixels, text), (others, other_text) = first, second
    if others.shape != pixels.shape:
        size = (pixels.shape[1], pixels.shape[2])
        others = interpolate(others[None], size=size, mode="bilinear", antialias=True)[0]
    return share * pixels + (1 - share) * others, f"{text} {other_text}"


def draw_masked_patches(
    count: int, *, draw: random.Random, rate: float = 0.15
) -> tuple[Bool[Tensor, " n"], Bool[Tensor, " n"]]:
    """Patches to be predicted, each by chance of its own, and which of them are hidden for it.

    80 % of the asked patches give way to the mask token and 20 % stay as they are, as published.

    Args:
        count: real patches of the picture.
        draw: the picture's own source of chance.
        rate: chance of each patch to be asked about.

    Returns:
        Which patches are asked about, and which of these are replaced by the mask token.
    """
    asked = torch.tensor([draw.random() < rate for _ in range(count)], dtype=torch.bool)
    replaced = torch.tensor([draw.random() < 0.8 for _ in range(count)], dtype=torch.bool)
    return asked, asked & replaced
