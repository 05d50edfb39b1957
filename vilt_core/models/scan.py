"""SCAN: words and regions look at each other, and what they find is the score.

Lee et al., ECCV 2018, after its published code; the family (a) of ViLT's figure 2, with all the
interaction that is to be had without a parameter.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import normalize, pad

from vilt_core.config import ScanConfig
from vilt_core.layers.heads import Nlvr2Head, VqaHead, joined, mean_of
from vilt_core.layers.init import initialise
from vilt_core.layers.reader import RegionReader
from vilt_core.layers.recurrent import RecurrentText
from vilt_core.layers.regions import region_fields
from vilt_core.layers.stacked_attention import stacked_attention, stacked_scores
from vilt_core.types import ImageBatch, ModelOutput, RegionBatch, TextBatch


class Scan(RegionReader):
    """A tower for words, one for regions, and the attention between the two.

    ``score(out.text, out.image, text_mask=out.text_mask, image_mask=out.image_mask)`` is every
    text's score with every picture. Not published: ``vqa(out.pooled)``, a choice among answers,
    where the config has them; it reads the means of the words and of what they look at.
    """

    dual = True

    def __init__(self, config: ScanConfig):
        super().__init__(config, detector=config.detector_numbers)
        self.config: ScanConfig = config
        width, answers = config.shared_width, config.answers
        self.text_encoder = RecurrentText(
            config.vocab_size, width, word_width=config.word_width, both_ways=True
        )
        self.image_projection = nn.Linear(config.region_width, width)
        self.vqa = VqaHead(4 * width, answers=answers, hidden=2 * width) if answers else None
        self.nlvr2 = Nlvr2Head(4 * width, hidden=2 * width) if config.nlvr2 else None
        initialise(self)

    def forward(
        self, text: TextBatch, image: ImageBatch | RegionBatch, *, return_attentions: bool = False
    ) -> ModelOutput:
        """Read a batch of texts, each with the regions of its image.

        Args:
            text: Token ids.
            image: Pictures, or at least one region of each; boxes do not count.
            return_attentions: Also give how words look at regions and back, in both directions
                whichever the score is of; the image's [class], which it lacks, has nothing of it.

        Raises:
            ValueError: A text without a word, or an image without a region.
        """
        image = self.look(image)
        words, regions = self.encode_text(text), self.encode_image(image)
        similarity = words @ regions.mT
        looks = stacked_attention(
            similarity, text.mask, image.mask, sharpness=self.config.text_sharpness
        )
        text_to_image = image_to_text = None
        if return_attentions:
            back = stacked_attention(
                similarity.mT, image.mask, text.mask, sharpness=self.config.image_sharpness
            )
            text_to_image = (pad(looks[:, None], (1, 0)),)
            image_to_text = (pad(back[:, None], (0, 0, 1, 0)),)
        said = normalize(mean_of(words, mask=text.mask), dim=-1)
        seen = normalize(mean_of(looks @ regions, mask=text.mask), dim=-1)
        return ModelOutput(
            text=words,
            image=regions,
            image_class=torch.zeros_like(seen),  # the image has no token of its own
            pooled=joined(said, seen),
            text_mask=text.mask,
            **region_fields(image),
            text_to_image=text_to_image,
            image_to_text=image_to_text,
        )

    def encode_text(self, text: TextBatch) -> Float[Tensor, "b l e"]:
        """Each text's words as vectors of length 1; padding is 0.

        Raises:
            ValueError: A text without a word.
        """
        _check_some("text", "word", text.mask)
        return normalize(self.text_encoder(text.ids, mask=text.mask), dim=-1)

    def encode_image(self, image: RegionBatch) -> Float[Tensor, "b n e"]:
        """Each picture's regions as vectors of length 1.

        Raises:
            ValueError: A picture without a region.
        """
        _check_some("image", "region", image.mask)
        return normalize(self.image_projection(image.features), dim=-1)

    def score(
        self,
        words: Float[Tensor, "texts l e"],
        regions: Float[Tensor, "images n e"],
        *,
        text_mask: Bool[Tensor, "texts l"],
        image_mask: Bool[Tensor, "images n"],
    ) -> Float[Tensor, "texts images"]:
        """Every text with every picture; the mean of both directions where there are two."""
        config, scores = self.config, []
        if "text_to_image" in config.directions:
            found = stacked_scores(
                words,
                regions,
                text_mask,
                image_mask,
                sharpness=config.text_sharpness,
                steepness=config.text_steepness,
            )
            scores.append(found)
        if "image_to_text" in config.directions:
            found = stacked_scores(
                regions,
                words,
                image_mask,
                text_mask,
                sharpness=config.image_sharpness,
                steepness=config.image_steepness,
            )
            scores.append(found.mT)
        return torch.stack(scores).mean(dim=0)

    def score_all(
        self, text: TextBatch, image: ImageBatch | RegionBatch
    ) -> Float[Tensor, "texts images"]:
        """The score of every text with every picture, each read once; only then do they meet."""
        image = self.look(image)
        return self.score(
            self.encode_text(text),
            self.encode_image(image),
            text_mask=text.mask,
            image_mask=image.mask,
        )


def _check_some(whole: str, part: str, mask: Tensor) -> None:
    """Say so where there is nothing to look at. A GPU is not stopped to find that out."""
    if mask.is_cpu and not bool(mask.any(dim=1).all()):
        raise ValueError(f"every {whole} must have a real {part}, got one without")
