"""What every whole model of the lab is: a reader of texts with pictures, and its heads."""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from vilt_core.layers.detector import Detector, regions_of
from vilt_core.layers.heads import (
    ChoiceHead,
    ItmHead,
    MlmHead,
    MppHead,
    Nlvr2Head,
    RankHead,
    ReferringHead,
    VqaHead,
)
from vilt_core.types import ImageBatch, Looked, RegionBatch, TextBatch


class PairReader(nn.Module):
    """Reads a text with a picture to a ``ModelOutput``, of which heads are functions.

    The heads of all families lie here, None where a model has no such task: ``itm(out.pooled)``,
    ``mlm(out.text)``, ``mpp(out.image)``, ``rank(out.pooled)``, ``vqa(out.pooled)``,
    ``nlvr2.pair(left.pooled, right.pooled)``, ``referring(out.image)`` and ``choice(out.pooled)``.
    """

    ties_words = False  # whether words are decoded by what they are embedded by, as BERT's are
    dual = False  # whether texts and pictures are read apart, so that ``score_all`` is cheap

    def __init__(self, config: Any):
        super().__init__()
        self.config = config
        self.itm: ItmHead | None = None
        self.mlm: MlmHead | None = None
        self.mpp: MppHead | None = None
        self.rank: RankHead | None = None
        self.nlvr2: Nlvr2Head | None = None
        self.vqa: VqaHead | None = None
        self.referring: ReferringHead | None = None
        self.choice: ChoiceHead | None = None
        self.naming: nn.Linear | None = None  # of training: what every cell of a picture shows
        self.image_detector: Detector | None = None  # frozen: what a model of regions sees with

    def head(self, task: str) -> nn.Module:
        """The head of a task; a ValueError where there is none."""
        if (found := getattr(self, task)) is None:
            raise ValueError(f"this model has no {task} head")
        return found

    def tie(self) -> None:
        """Make one again what is one parameter in two places; a file holds it once."""
        if self.ties_words and self.mlm is not None:
            words = self.get_submodule("text_embedding.words")
            assert isinstance(words, nn.Embedding)
            self.mlm.decoder.weight = words.weight

    def look(self, image: ImageBatch) -> Looked:
        """What is computed of a picture once, with however many texts it is then read."""
        return image

    def cell_states(self, image: ImageBatch) -> Float[Tensor, "b n _d"]:
        """What is made of every patch or cell of a picture alone, before any text: to be named.

        Raises:
            ValueError: A model whose pictures are no grid of its own making.
        """
        del image
        raise ValueError(f"{type(self).__name__} makes no grid of pictures that could be named")

    def score_all(self, text: TextBatch, image: Any) -> Float[Tensor, "texts images"]:
        """Of a dual encoder: every text with every picture, each read once.

        Raises:
            ValueError: A model of another kind, which reads every pair.
        """
        del text, image
        raise ValueError(f"{type(self).__name__} is no dual encoder: it reads every pair")

    def pool(
        self, text: TextBatch, image: Any, *, image_type: int = 1
    ) -> Float[Tensor, "b _pooled"]:
        """``forward(...).pooled``. But for ViLT the second image of a pair is read as the first."""
        del image_type
        return self(text, image).pooled


class RegionReader(PairReader):
    """One that reads what a detector saw: its own, frozen ``image_detector``, or another.

    Args:
        config: Of the whole.
        detector: Numbers of a ``Detector``; None builds none, and pictures come as regions only.
    """

    def __init__(self, config: Any, *, detector: Mapping[str, Any] | None):
        super().__init__(config)
        if detector is not None:
            self.image_detector = Detector(**detector).freeze()

    def look(self, image: ImageBatch | RegionBatch) -> RegionBatch:
        """The regions of pictures.

        Raises:
            ValueError: Pixels, of a model without a detector.
        """
        return regions_of(image, self.image_detector)
