"""A dual encoder, ready to be asked: pictures and texts become vectors of length 1."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vilt_core.data.image import ImageSource, open_image, stack, to_pixels
from vilt_core.evaluation.scoring import of_one_size
from vilt_core.interop.bundle import Bundle
from vilt_core.layers.reader import RegionReader

AT_ONCE = 32  # pictures, or texts, that are read together


class DualEncoder:
    """A model with ``encode_image`` and ``encode_text``, and what it needs to read.

    The product of two vectors is the cosine of what they stand for.

    Attributes:
        name: Of the model.
        domain: What it was trained on: "stickers" or "photographs".
        image_size: Side of the square pictures it was trained on, pixels.
        tokenizer: What turns words into its tokens.
    """

    def __init__(self, bundle: Bundle, *, device: str = "cpu"):
        model: Any = bundle.model
        if not hasattr(model, "encode_image") or not hasattr(model, "encode_text"):
            raise ValueError(
                f"{bundle.name} is of the kind {type(model).__name__}, which makes no vectors: "
                "expected a dual encoder, such as vse or clip"
            )
        if isinstance(model, RegionReader):
            raise ValueError(
                f"{bundle.name} is of the kind {type(model).__name__}, which makes a vector of "
                "every word and region: expected a dual encoder with one each, such as vse or clip"
            )
        self.name = bundle.name
        self.domain = bundle.domain
        self.image_size: int = model.config.image_size
        self._processing = bundle.processing
        self.tokenizer = bundle.tokenizer
        self._device = device
        self._model = model.to(device).eval()

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the weights and of how pictures are prepared: vectors of one are alike."""
        digest = hashlib.sha256(repr(self._processing).encode())
        if self._processing.crop:  # indexes that were made before anything was cropped stay good
            digest.update(b"cropped")
        for name, value in sorted(self._model.state_dict().items()):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
        return digest.hexdigest()

    @cached_property
    def width(self) -> int:
        """Of a vector."""
        return self._encode(["a"]).shape[1]

    def images(self, pictures: Sequence[ImageSource]) -> Float[np.ndarray, "pictures e"]:
        """The vector of each picture.

        Raises:
            ValueError: One cannot be read, or what the model makes of one is no number.
        """
        return self.vectors([self.seen(picture) for picture in pictures])

    def seen(self, picture: ImageSource) -> Float[Tensor, "3 _height _width"]:
        """What the model reads of a picture: little, however large the picture.

        Raises:
            ValueError: It cannot be read.
        """
        to = self._processing
        return to_pixels(
            open_image(picture),
            size=to.size,
            patch_size=to.patch_size,
            mean=to.mean,
            std=to.std,
            crop=to.crop,
        )

    @torch.inference_mode()
    def vectors(
        self, seen: Sequence[Float[Tensor, "3 _height _width"]]
    ) -> Float[np.ndarray, "pictures e"]:
        """The vector of each picture that was ``seen``; those of one size are read together.

        Raises:
            ValueError: What the model makes of one is no number.
        """
        vectors = np.zeros((len(seen), self.width), dtype=np.float32)
        for rows in of_one_size([tuple(one.shape) for one in seen], most=AT_ONCE):
            batch = stack([seen[row] for row in rows]).to(self._device)
            vectors[rows] = self._model.encode_image(batch).float().cpu().numpy()
        return self._checked(vectors)

    def texts(self, texts: Sequence[str]) -> Float[np.ndarray, "texts e"]:
        """The vector of each text.

        Raises:
            ValueError: A text that cannot be read whole, or what becomes of one is no number.
        """
        checked = [self.tokenizer.check(text) for text in texts]
        parts = [
            self._encode(checked[first : first + AT_ONCE])
            for first in range(0, len(checked), AT_ONCE)
        ]
        return self._checked(np.concatenate(parts))

    @torch.inference_mode()
    def _encode(self, texts: Sequence[str]) -> Float[np.ndarray, "texts e"]:
        batch = self.tokenizer.encode(texts).batch.to(self._device)
        return self._model.encode_text(batch)[1].float().cpu().numpy()

    def _checked(self, vectors: Float[np.ndarray, "n e"]) -> Float[np.ndarray, "n e"]:
        if not np.isfinite(vectors).all():
            raise ValueError(f"{self.name} made vectors that are no numbers: its weights are bad")
        return vectors
