"""The axis alphabet and the bundles that pass between the parts of the lab.

One letter, one meaning, in every shape annotation of this package:

=======  =============================================================
letter   axis
=======  =============================================================
``b``    batch
``l``    text tokens, [CLS] and [SEP] included
``n``    image patches, in raster order, the image's [class] excluded
``s``    the joint sequence: ``l + 1 + n`` tokens
``d``    width of a token
``v``    width of a token of the image, where the two modalities differ
``e``    width of the space that the towers of a dual encoder share
``h``    attention heads
``m``    words
``k``    classes
``t``    iterations kept in a trace
=======  =============================================================

Masks are boolean, and ``True`` always means a real token.
"""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class TextBatch:
    """Token ids of a batch of texts, padded at the end."""

    ids: Int[Tensor, "b l"]
    mask: Bool[Tensor, "b l"]

    def to(self, device) -> "TextBatch":
        """Copy to a device."""
        return TextBatch(ids=self.ids.to(device), mask=self.mask.to(device))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBatch:
    """Pixels of a batch of images, normalised to [-1, 1], padded at the bottom and the right.

    ``mask`` is per pixel; ``None`` means that every pixel is real.
    """

    pixels: Float[Tensor, "b 3 height width"]
    mask: Bool[Tensor, "b height width"] | None = None

    def to(self, device) -> "ImageBatch":
        """Copy to a device."""
        return ImageBatch(
            pixels=self.pixels.to(device),
            mask=None if self.mask is None else self.mask.to(device),
        )

    def take(self, rows: list[int]) -> "ImageBatch":
        """Some images of the batch, in this order, repeated where a row is."""
        return ImageBatch(
            pixels=self.pixels[rows], mask=None if self.mask is None else self.mask[rows]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionBatch:
    """What a detector saw in a batch of images, padded at the end: the surest regions first."""

    features: Float[Tensor, "b n features"]
    boxes: Float[Tensor, "b n 4"]  # left, top, right, bottom, as shares of the picture's sides
    mask: Bool[Tensor, "b n"]
    covered: Bool[Tensor, "b n"] | None = None  # regions whose features are hidden; None: none
    # How sure the detector is of each of its classes there; of a grid that nobody named, None.
    classes: Float[Tensor, "b n k"] | None = None

    def to(self, device) -> "RegionBatch":
        """Copy to a device."""
        return RegionBatch(
            features=self.features.to(device),
            boxes=self.boxes.to(device),
            mask=self.mask.to(device),
            covered=None if self.covered is None else self.covered.to(device),
            classes=None if self.classes is None else self.classes.to(device),
        )

    def take(self, rows: list[int]) -> "RegionBatch":
        """Some images of the batch, in this order, repeated where a row is."""
        return RegionBatch(
            features=self.features[rows],
            boxes=self.boxes[rows],
            mask=self.mask[rows],
            covered=None if self.covered is None else self.covered[rows],
            classes=None if self.classes is None else self.classes[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchEmbeddings:
    """An image as a sequence: what the visual embedder hands to the transformer."""

    tokens: Float[Tensor, "b n d"]
    mask: Bool[Tensor, "b n"]
    positions: Int[Tensor, "b n 2"]  # (row, column) of each patch; (-1, -1) for padding
    grid: tuple[int, int]  # rows and columns of the padded canvas; n may be fewer than its cells

    def take(self, rows: list[int]) -> "PatchEmbeddings":
        """Some images of the batch, in this order, repeated where a row is."""
        return PatchEmbeddings(
            tokens=self.tokens[rows],
            mask=self.mask[rows],
            positions=self.positions[rows],
            grid=self.grid,
        )


Looked = ImageBatch | RegionBatch | PatchEmbeddings  # how far an image may have come already


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOutput:
    """What every model of the lab returns, so that one set of figures and losses serves all."""

    text: Float[Tensor, "b l d"]  # final states of the text tokens
    image: Float[Tensor, "b n v"]  # final states of the patches, raster order
    image_class: Float[Tensor, "b v"]  # final state of the image's own [class] token
    pooled: Float[Tensor, "b _pooled"]  # what the heads read; eq. 6 of ViLT
    text_mask: Bool[Tensor, "b l"]
    image_mask: Bool[Tensor, "b n"]
    positions: Int[Tensor, "b n 2"]
    grid: tuple[int, int]
    # Of models that read regions, which count as a grid of one row: where they are.
    boxes: Float[Tensor, "b n 4"] | None = None
    # Of dual encoders: text and image as vectors of length 1, whose product is the score.
    text_vector: Float[Tensor, "b e"] | None = None
    image_vector: Float[Tensor, "b e"] | None = None
    # On request only: every block's output, the embedding first, over [text; class; image] ...
    states: tuple[Float[Tensor, "b s _width"], ...] | None = None
    # ... and every block's attention weights, rows are queries.
    attentions: tuple[Float[Tensor, "b h s s"], ...] | None = None
    # ... and how words look at [class; image] and back, wherever two streams meet.
    text_to_image: tuple[Float[Tensor, "b h l 1+n"], ...] | None = None
    image_to_text: tuple[Float[Tensor, "b h 1+n l"], ...] | None = None
