"""ViLT, the Vision-and-Language Transformer without convolution or region supervision.

Kim, Son and Kim, ICML 2021, section 3. Equations 1 to 6 lie in ``embed`` and ``forward``.
"""

from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vilt_core.config import ViltConfig
from vilt_core.layers.block import PreNormBlock
from vilt_core.layers.encoder import Encoder
from vilt_core.layers.fusion import Fusion, mask_of, split, with_class
from vilt_core.layers.heads import (
    ItmHead,
    LocatingHead,
    MlmHead,
    MppHead,
    Nlvr2Head,
    Pooler,
    RankHead,
    VqaHead,
)
from vilt_core.layers.init import initialise
from vilt_core.layers.patches import PatchEmbedding, no_patches, sample_patches
from vilt_core.layers.reader import PairReader
from vilt_core.layers.text import TextEmbedding
from vilt_core.types import ImageBatch, ModelOutput, PatchEmbeddings, TextBatch


class Vilt(PairReader):
    """The transformer and its heads, None where the config has no such task or no answers."""

    def __init__(self, config: ViltConfig):
        super().__init__(config)
        self.config: ViltConfig = config
        width, dropout, mpp = config.width, config.dropout, "mpp" in config.tasks
        text = partial(TextEmbedding, config.vocab_size, width, max_tokens=config.max_text_tokens)
        self.text_embedding = text(
            segment_types=config.segment_types, dropout=dropout, norm_eps=config.text_norm_eps
        )
        self.patch_embedding = PatchEmbedding(
            width, patch_size=config.patch_size, grid=config.grid, dropout=dropout, mask_token=mpp
        )
        self.fusion = Fusion(width, types=config.modality_types)
        block = partial(PreNormBlock, width, heads=config.heads, mlp_width=config.mlp_width)
        blocks = [block(dropout=dropout, norm_eps=config.norm_eps) for _ in range(config.depth)]
        self.encoder = Encoder(blocks, norm=nn.LayerNorm(width, eps=config.norm_eps))
        self.pooler = Pooler(width)
        mlm = partial(MlmHead, vocab_size=config.vocab_size, norm_eps=config.text_norm_eps)
        self.itm = ItmHead(width) if "itm" in config.tasks else None
        self.mlm = mlm(width) if "mlm" in config.tasks else None
        self.mpp = MppHead(width, norm_eps=config.text_norm_eps) if mpp else None
        self.rank = RankHead(width) if "rank" in config.tasks else None
        self.nlvr2 = Nlvr2Head(width) if "nlvr2" in config.tasks else None
        self.vqa = VqaHead(width, answers=config.answers) if config.answers else None
        named = config.patch_classes  # training on stickers has heads of its own
        self.naming = nn.Linear(width, named) if named else None
        self.mentioning = nn.Linear(width, 1) if named else None
        self.locating = LocatingHead(width) if named else None
        self.comparing = nn.Linear(width, 3) if named else None
        initialise(self)

    def forward(
        self,
        text: TextBatch,
        image: ImageBatch | PatchEmbeddings | None,
        *,
        image_type: int = 1,
        return_states: bool = False,
        return_attentions: bool = False,
        attention_of: int | None = None,
    ) -> ModelOutput:
        """Read a batch of texts, each with its image.

        Args:
            text: Token ids, at most ``config.max_text_tokens`` of them.
            image: Pictures of whole patches, or ``embed_image`` of them; None reads the text alone.
            image_type: Row of the modal-type table: 2 for the second image of NLVR2.
            return_states: Also give the embedding and every block's output, unnormalised.
            return_attentions: Also give every block's attention weights (the slow path).
            attention_of: Also give those of one block alone, counted from 1.

        Raises:
            ValueError: Too long a text, an image that is no whole patches, or unequal batches.
        """
        joint, mask, patches = self.embed(text, image, image_type=image_type)
        encoded = self.encoder(  # eq. 4 and 5, D times
            joint,
            mask=mask,
            return_states=return_states,
            return_attentions=return_attentions,
            attention_of=attention_of,
        )
        words, image_class, seen = split(encoded.tokens, text_tokens=text.ids.shape[1])
        return ModelOutput(
            text=words,
            image=seen,
            image_class=image_class,
            pooled=self.pooler(encoded.tokens[:, 0]),  # eq. 6
            text_mask=text.mask,
            image_mask=patches.mask,
            positions=patches.positions,
            grid=patches.grid,
            states=encoded.states,
            attentions=encoded.attentions,
        )

    def pool(
        self, text: TextBatch, image: ImageBatch | PatchEmbeddings | None, *, image_type: int = 1
    ) -> Float[Tensor, "b d"]:
        """``forward(...).pooled`` in less time: of the last block one token is computed."""
        joint, mask, _ = self.embed(text, image, image_type=image_type)
        return self.pooler(self.encoder(joint, mask=mask, first=1).tokens[:, 0])

    def embed(
        self, text: TextBatch, image: ImageBatch | PatchEmbeddings | None, *, image_type: int = 1
    ) -> tuple[Float[Tensor, "b s d"], Bool[Tensor, "b s"] | None, PatchEmbeddings]:
        """The joint sequence, its mask (None: nothing is padding), and the patches within it."""
        words = self.text_embedding(text.ids)  # eq. 1
        if image is None:
            return self.fusion.text(words), mask_of(text.mask), no_patches(words)
        if isinstance(image, ImageBatch):
            image = self.embed_image(image)  # eq. 2
        if len(image.tokens) != len(words):
            raise ValueError(f"expected {len(words)} images, got {len(image.tokens)}")
        image_class = self.patch_embedding.image_class(len(words))
        joint = self.fusion(words, image_class, image.tokens, row=image_type)  # eq. 3
        return joint, mask_of(text.mask, with_class(image.mask)), image

    def look(self, image: ImageBatch) -> PatchEmbeddings:
        """Equation 2, once for however many texts."""
        return self.embed_image(image)

    def cell_states(self, image: ImageBatch) -> Float[Tensor, "b n d"]:
        """The patches after all blocks, as a plain ViT reads them."""
        return self.encode_image(image)[:, 1:]

    def embed_image(
        self,
        image: ImageBatch,
        *,
        masked_patches: Bool[Tensor, "b n"] | None = None,
        kept_patches: Bool[Tensor, "b n"] | None = None,
        limit: int | None = None,
        generator: torch.Generator | None = None,
    ) -> PatchEmbeddings:
        """Equation 2, with at most ``limit`` patches: ``config.max_patches`` in training, else all.

        Cells of the raster are masked by the mask token. Which are kept, where there are more than
        the limit, is said or left to chance.
        """
        patches = self.patch_embedding(image.pixels, mask=image.mask, masked_patches=masked_patches)
        usual = self.config.max_patches if self.training else patches.tokens.shape[1]
        most = usual if limit is None else limit
        return sample_patches(patches, limit=most, kept=kept_patches, generator=generator)

    def encode_image(self, image: ImageBatch) -> Float[Tensor, "b s d"]:
        """The image alone, as a plain ViT reads it: states of [class; patches], all of them."""
        patches = self.patch_embedding(image.pixels, mask=image.mask)
        image_class = self.patch_embedding.image_class(len(image.pixels))
        joint = self.fusion.image(image_class, patches.tokens)
        return self.encoder(joint, mask=mask_of(with_class(patches.mask))).tokens
