"""Pixel-BERT: one BERT over [text; cells], which sees by a convolutional network of its own.

Huang et al., 2020, after the paper, as no code was published; of the family (c) of ViLT's figure 2,
without a detector.
"""

from dataclasses import asdict
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vilt_core.config import PixelBertConfig
from vilt_core.layers.block import PostNormBlock
from vilt_core.layers.cnn import GridCnn
from vilt_core.layers.encoder import Encoder
from vilt_core.layers.fusion import mask_of
from vilt_core.layers.grid import GridEmbedding
from vilt_core.layers.heads import ItmHead, MlmHead, Nlvr2Head, Pooler, RankHead, VqaHead
from vilt_core.layers.init import initialise
from vilt_core.layers.patches import sample_patches
from vilt_core.layers.reader import PairReader
from vilt_core.layers.text import TextEmbedding
from vilt_core.types import ImageBatch, ModelOutput, PatchEmbeddings, TextBatch


class PixelBert(PairReader):
    """The CNN, the transformer and its heads; a head is a function of the output.

    ``itm(out.pooled)``, ``mlm(out.text)``, ``vqa(out.pooled)`` and ``rank(out.pooled)``.
    """

    ties_words = True

    def __init__(self, config: PixelBertConfig):
        super().__init__(config)
        self.config: PixelBertConfig = config
        width, dropout, eps = config.width, config.dropout, config.norm_eps
        self.text_embedding = TextEmbedding(
            config.vocab_size,
            width,
            max_tokens=config.max_text_tokens,
            segment_types=1,  # s_w of the paper
            dropout=dropout,
        )
        self.image_embedding = GridEmbedding(GridCnn(**asdict(config.cnn)), width)
        block = partial(PostNormBlock, width, heads=config.heads, mlp_width=config.mlp_width)
        blocks = [block(dropout=dropout, norm_eps=eps) for _ in range(config.depth)]
        self.encoder = Encoder(blocks, norm=nn.Identity())
        self.pooler = Pooler(width)
        self.itm = ItmHead(width)
        self.mlm = MlmHead(width, vocab_size=config.vocab_size, norm_eps=eps)
        self.vqa = VqaHead(width, answers=config.answers) if config.answers else None
        named = config.patch_classes
        self.naming = nn.Linear(width, named) if named else None
        self.nlvr2 = Nlvr2Head(width) if config.nlvr2 else None
        self.rank = RankHead(width) if config.ranking else None
        initialise(self)
        self.tie()

    def forward(
        self,
        text: TextBatch,
        image: ImageBatch | PatchEmbeddings,
        *,
        return_states: bool = False,
        return_attentions: bool = False,
    ) -> ModelOutput:
        """Read a batch of texts, each with its image.

        Args:
            text: Token ids, at most ``config.max_text_tokens`` of them.
            image: Pictures of any size, or ``embed_image`` of them.
            return_states: Also give the embedding and every block's output.
            return_attentions: Also give every block's attention weights (the slow path).

        Raises:
            ValueError: Too long a text, or an image without a real pixel.
        """
        words = self.text_embedding(text.ids)
        cells = self.embed_image(image) if isinstance(image, ImageBatch) else image
        encoded = self.encoder(
            torch.cat([words, cells.tokens], dim=1),
            mask=mask_of(text.mask, cells.mask),
            return_states=return_states,
            return_attentions=return_attentions,
        )
        seen, grid = encoded.tokens.tensor_split((words.shape[1],), dim=1)
        return ModelOutput(
            text=seen,
            image=grid,
            image_class=torch.zeros_like(seen[:, 0]),  # the image has no token of its own
            pooled=self.pooler(encoded.tokens[:, 0]),
            text_mask=text.mask,
            image_mask=cells.mask,
            positions=cells.positions,
            grid=cells.grid,
            states=encoded.states,
            attentions=encoded.attentions,
        )

    def look(self, image: ImageBatch) -> PatchEmbeddings:
        """The CNN, once for however many texts."""
        return self.embed_image(image)

    def cell_states(self, image: ImageBatch) -> Float[Tensor, "b n d"]:
        """The cells, before any block."""
        return self.image_embedding(image.pixels, mask=image.mask).tokens

    def embed_image(
        self,
        image: ImageBatch,
        *,
        kept_patches: Bool[Tensor, "b n"] | None = None,
        limit: int | None = None,
        generator: torch.Generator | None = None,
    ) -> PatchEmbeddings:
        """Cells as tokens, at most ``limit``: ``config.max_patches`` in training, else all.

        Which are kept, where there are more than the limit, is said or left to chance. The paper
        samples while pre-training alone: to fine-tune, raise ``max_patches``.
        """
        cells = self.image_embedding(image.pixels, mask=image.mask)
        usual = self.config.max_patches if self.training else cells.tokens.shape[1]
        most = usual if limit is None else limit
        return sample_patches(cells, limit=most, kept=kept_patches, generator=generator)
