"""UNITER: one BERT over [text; regions], the family (c) of ViLT's figure 2 in its plainest form.

Chen et al., ECCV 2020, after its published code. It differs from ViLT in two things: the image
comes from a detector, and blocks normalise after the sum.
"""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vilt_core.config import UniterConfig
from vilt_core.layers.block import PostNormBlock
from vilt_core.layers.encoder import Encoder
from vilt_core.layers.fusion import mask_of
from vilt_core.layers.heads import (
    ChoiceHead,
    ItmHead,
    MlmHead,
    Nlvr2Head,
    Pooler,
    RankHead,
    ReferringHead,
    VqaHead,
)
from vilt_core.layers.init import initialise
from vilt_core.layers.reader import RegionReader
from vilt_core.layers.regions import RegionEmbedding, region_fields
from vilt_core.layers.text import TextEmbedding
from vilt_core.types import ImageBatch, ModelOutput, RegionBatch, TextBatch


class Uniter(RegionReader):
    """The transformer and its heads; a head is a function of the output.

    ``itm(out.pooled)``, ``mlm(out.text)``, ``vqa(out.pooled)``, ``choice(out.pooled)``,
    ``rank(out.pooled)`` and ``referring(out.image)``; of hidden regions
    ``region_class(out.image)`` for the detector's classes and ``region_features(out.image)``.
    """

    ties_words = True

    def __init__(self, config: UniterConfig):
        super().__init__(config, detector=config.detector_numbers)
        self.config: UniterConfig = config
        width, dropout, eps = config.width, config.dropout, config.norm_eps
        self.text_embedding = TextEmbedding(
            config.vocab_size, width, max_tokens=config.max_text_tokens, dropout=dropout
        )
        self.image_embedding = RegionEmbedding(
            config.region_width, width, box_numbers=7, apart=True, dropout=dropout, norm_eps=eps
        )
        block = partial(PostNormBlock, width, heads=config.heads, mlp_width=config.mlp_width)
        blocks = [block(dropout=dropout, norm_eps=eps) for _ in range(config.depth)]
        self.encoder = Encoder(blocks, norm=nn.Identity())
        self.pooler = Pooler(width)
        self.itm = ItmHead(width)
        self.mlm = MlmHead(width, vocab_size=config.vocab_size, norm_eps=eps)
        self.region_class = MlmHead(width, vocab_size=config.region_classes, norm_eps=eps)
        self.region_features = MlmHead(width, vocab_size=config.region_width, norm_eps=eps)
        self.vqa = VqaHead(width, answers=config.answers) if config.answers else None
        self.nlvr2 = Nlvr2Head(width) if config.nlvr2 else None
        self.referring = ReferringHead(width) if config.referring else None
        self.choice = ChoiceHead(width) if config.choice else None
        self.rank = RankHead(width) if config.ranking else None
        initialise(self)
        self.tie()

    def forward(
        self,
        text: TextBatch,
        image: ImageBatch | RegionBatch,
        *,
        return_states: bool = False,
        return_attentions: bool = False,
    ) -> ModelOutput:
        """Read a batch of texts, each with the regions of its image.

        Args:
            text: Token ids, at most ``config.max_text_tokens`` of them.
            image: Pictures, or what a detector saw in them.
            return_states: Also give the embedding and every block's output.
            return_attentions: Also give every block's attention weights (the slow path).

        Raises:
            ValueError: Too long a text; pictures, of a model without a detector.
        """
        image = self.look(image)
        words = self.text_embedding(text.ids)
        encoded = self.encoder(
            torch.cat([words, self.embed_image(image)], dim=1),
            mask=mask_of(text.mask, image.mask),
            return_states=return_states,
            return_attentions=return_attentions,
        )
        seen, regions = encoded.tokens.tensor_split((words.shape[1],), dim=1)
        return ModelOutput(
            text=seen,
            image=regions,
            image_class=torch.zeros_like(seen[:, 0]),  # the image has no token of its own
            pooled=self.pooler(encoded.tokens[:, 0]),
            text_mask=text.mask,
            **region_fields(image),
            states=encoded.states,
            attentions=encoded.attentions,
        )

    def embed_image(self, image: RegionBatch) -> Float[Tensor, "b n d"]:
        """Regions as tokens; the second row of BERT's segment table says that they are no words."""
        kind = self.text_embedding.segments.weight[1]
        return self.image_embedding(image.features, image.boxes, covered=image.covered, kind=kind)
