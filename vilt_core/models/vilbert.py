"""ViLBERT: a stream of words and a stream of regions, which ask each other again and again.

Lu et al., NeurIPS 2019, after its published code; of the family (c) of ViLT's figure 2.
"""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vilt_core.config import VilbertConfig
from vilt_core.layers.block import CoAttentionBlock, PostNormBlock
from vilt_core.layers.fusion import mask_of, with_class
from vilt_core.layers.heads import (
    ChoiceHead,
    ItmHead,
    MlmHead,
    Nlvr2Head,
    Pooler,
    RankHead,
    ReferringHead,
    VqaHead,
    mean_of,
)
from vilt_core.layers.init import initialise
from vilt_core.layers.reader import RegionReader
from vilt_core.layers.regions import RegionEmbedding, region_fields
from vilt_core.layers.text import TextEmbedding
from vilt_core.types import ImageBatch, ModelOutput, RegionBatch, TextBatch


class Vilbert(RegionReader):
    """Both streams and their heads; a head is a function of the output.

    ``itm(out.pooled)``, ``mlm(out.text)``, ``vqa(out.pooled)``, ``choice(out.pooled)``,
    ``rank(out.pooled)`` and ``referring(out.image)``; of hidden regions
    ``region_class(out.image)`` for the detector's classes.
    """

    ties_words = True

    def __init__(self, config: VilbertConfig):
        super().__init__(config, detector=config.detector_numbers)
        self.config: VilbertConfig = config
        dropout, eps = config.dropout, config.norm_eps
        text_width, image_width = config.text_width, config.image_width
        self.text_embedding = TextEmbedding(
            config.vocab_size, text_width, max_tokens=config.max_text_tokens, dropout=dropout
        )
        self.image_embedding = RegionEmbedding(
            config.region_width, image_width, box_numbers=5, dropout=dropout, norm_eps=eps
        )
        block = partial(PostNormBlock, dropout=dropout, norm_eps=eps)
        words = partial(block, text_width, heads=config.text_heads, mlp_width=config.text_mlp_width)
        regions = partial(
            block, image_width, heads=config.image_heads, mlp_width=config.image_mlp_width
        )
        meeting = partial(
            CoAttentionBlock,
            text_width=text_width,
            image_width=image_width,
            inner_width=config.meeting_width,
            heads=config.meeting_heads,
            text_mlp_width=config.text_mlp_width,
            image_mlp_width=config.image_mlp_width,
            dropout=dropout,
            norm_eps=eps,
        )
        self.words = nn.ModuleList(words() for _ in range(config.text_depth))
        self.regions = nn.ModuleList(regions() for _ in range(config.image_depth))
        self.meetings = nn.ModuleList(meeting() for _ in range(config.image_depth))
        pooler = partial(Pooler, pooled_width=config.pooled_width)
        self.pooler = pooler(text_width, activation=nn.ReLU())
        self.region_pooler = pooler(image_width, activation=nn.ReLU())
        self.itm = ItmHead(config.pooled_width)
        self.mlm = MlmHead(text_width, vocab_size=config.vocab_size, norm_eps=eps)
        self.region_class = MlmHead(image_width, vocab_size=config.region_classes, norm_eps=eps)
        answers = config.answers
        self.vqa = VqaHead(config.pooled_width, answers=answers) if answers else None
        self.nlvr2 = Nlvr2Head(config.pooled_width) if config.nlvr2 else None
        self.referring = ReferringHead(image_width) if config.referring else None
        self.choice = ChoiceHead(config.pooled_width) if config.choice else None
        self.rank = RankHead(config.pooled_width) if config.ranking else None
        initialise(self)
        self.tie()

    def forward(
        self, text: TextBatch, image: ImageBatch | RegionBatch, *, return_attentions: bool = False
    ) -> ModelOutput:
        """Read a batch of texts, each with the regions of its image.

        The words go ahead alone through as many blocks as they have more than the regions. Then, as
        published, the streams meet before the regions' first own block.

        Args:
            text: Token ids, at most ``config.max_text_tokens`` of them.
            image: Pictures, or what a detector saw in them.
            return_attentions: Also give both streams' looks at each other, meeting by meeting.

        Raises:
            ValueError: Too long a text; pictures, of a model without a detector.
        """
        image = self.look(image)
        words, regions = self.text_embedding(text.ids), self.embed_image(image)
        text_mask, image_mask = mask_of(text.mask), mask_of(with_class(image.mask))
        ahead = len(self.words) - len(self.regions)
        for block in self.words[:ahead]:
            words, _ = block(words, mask=text_mask)
        looks, back = [], []
        for meet, of_words, of_regions in zip(
            self.meetings, self.words[ahead:], self.regions, strict=True
        ):
            met = meet(
                words,
                regions,
                text_mask=text_mask,
                image_mask=image_mask,
                return_weights=return_attentions,
            )
            words, _ = of_words(met.text, mask=text_mask)
            regions, _ = of_regions(met.image, mask=image_mask)
            looks.append(met.text_to_image)
            back.append(met.image_to_text)
        return ModelOutput(
            text=words,
            image=regions[:, 1:],
            image_class=regions[:, 0],
            pooled=self.pooler(words[:, 0]) * self.region_pooler(regions[:, 0]),
            text_mask=text.mask,
            **region_fields(image),
            text_to_image=tuple(looks) if return_attentions else None,
            image_to_text=tuple(back) if return_attentions else None,
        )

    def embed_image(self, image: RegionBatch) -> Float[Tensor, "b _s v"]:
        """[IMG] and the regions: the whole picture first, as the mean of what is in it."""
        mean = mean_of(image.features, mask=image.mask)
        whole = image.boxes.new_tensor((0, 0, 1, 1)).expand(len(mean), 1, 4)
        covered = image.covered
        if covered is not None:
            covered = torch.cat([torch.zeros_like(covered[:, :1]), covered], dim=1)
        return self.image_embedding(
            torch.cat([mean[:, None], image.features], dim=1),
            torch.cat([whole, image.boxes], dim=1),
            covered=covered,
        )
