"""ViLT, the Vision-and-Language Transformer without convolution or region supervision.

Kim, Son and Kim, ICML 2021, section 3: one transformer over [text; class; patches], from which
four heads read. Equations 1 to 6 of the paper are one line each of :meth:`Vilt.forward`.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vilt_core.config import ViltConfig
from vilt_core.layers.block import PreNormBlock
from vilt_core.layers.encoder import Encoder
from vilt_core.layers.fusion import Fusion, split
from vilt_core.layers.heads import ItmHead, MlmHead, Pooler, VqaHead
from vilt_core.layers.init import initialise
from vilt_core.layers.patches import PatchEmbedding, no_patches, sample_patches
from vilt_core.layers.text import TextEmbedding
from vilt_core.types import ImageBatch, ModelOutput, PatchEmbeddings, TextBatch


class Vilt(nn.Module):
    """The transformer and its heads; a head is a function of the output.

    ``model.itm(out.pooled)``, ``model.mlm(out.text)`` and, where the config names answers,
    ``model.vqa(out.pooled)``, else ``model.vqa`` is None.
    """

    def __init__(self, config: ViltConfig):
        super().__init__()
        self.config = config
        width, dropout = config.width, config.dropout
        self.text_embedding = TextEmbedding(
            config.vocab_size,
            width,
            max_tokens=config.max_text_tokens,
            segment_types=config.segment_types,
            dropout=dropout,
            norm_eps=config.text_norm_eps,
        )
        self.patch_embedding = PatchEmbedding(
            width, patch_size=config.patch_size, grid=config.grid, dropout=dropout
        )
        self.fusion = Fusion(width, types=config.modality_types)
        self.encoder = Encoder(
            [
                PreNormBlock(
                    width,
                    heads=config.heads,
                    mlp_width=config.mlp_ratio * width,
                    dropout=dropout,
                    norm_eps=config.norm_eps,
                )
                for _ in range(config.depth)
            ],
            norm=nn.LayerNorm(width, eps=config.norm_eps),
        )
        self.pooler = Pooler(width)
        self.itm = ItmHead(width)
        self.mlm = MlmHead(width, vocab_size=config.vocab_size, norm_eps=config.text_norm_eps)
        self.vqa = VqaHead(width, answers=config.answers) if config.answers else None
        # Two heads that read the patches, for training on the sticker world only.
        self.naming = nn.Linear(width, config.patch_classes) if config.patch_classes else None
        self.mentioning = nn.Linear(width, 1) if config.patch_classes else None
        initialise(self)

    def forward(
        self,
        text: TextBatch,
        image: ImageBatch | None,
        *,
        return_states: bool = False,
        return_attentions: bool = False,
        generator: torch.Generator | None = None,
    ) -> ModelOutput:
        """Read a batch of texts, each with its image.

        Args:
            text: Token ids, at most ``config.max_text_tokens`` of them.
            image: Pictures of any size that is a multiple of the patch. None reads the text
                alone: the output then has no patches, and a zero ``image_class``.
            return_states: Also give the embedding and every block's output, unnormalised.
            return_attentions: Also give every block's attention weights (the slow path).
            generator: Decides which patches are kept where training drops some.

        Raises:
            ValueError: The text is too long, an image does not divide into patches, or the two
                batches differ in size.
        """
        words = self.text_embedding(text.ids)  # eq. 1
        if image is None:
            patches = no_patches(words)
            joint, mask = self.fusion.text(words), text.mask
        else:
            if len(image.pixels) != len(text.ids):
                raise ValueError(f"expected {len(text.ids)} images, got {len(image.pixels)}")
            patches = self.embed_image(image, generator=generator)  # eq. 2
            image_class = self.patch_embedding.image_class(len(words))
            joint = self.fusion(words, image_class, patches.tokens)  # eq. 3
            mask = torch.cat([text.mask, _with_class(patches.mask)], dim=1)
        encoded = self.encoder(  # eq. 4 and 5, D times
            joint,
            mask=_mask_where_needed(mask),
            return_states=return_states,
            return_attentions=return_attentions,
        )
        text_states, class_state, image_states = split(encoded.tokens, text_tokens=words.shape[1])
        return ModelOutput(
            text=text_states,
            image=image_states,
            image_class=class_state,
            pooled=self.pooler(encoded.tokens[:, 0]),  # eq. 6
            text_mask=text.mask,
            image_mask=patches.mask,
            positions=patches.positions,
            grid=patches.grid,
            states=encoded.states,
            attentions=encoded.attentions,
        )

    def embed_image(
        self, image: ImageBatch, *, generator: torch.Generator | None = None
    ) -> PatchEmbeddings:
        """Equation 2, with at most ``config.max_patches`` patches while training."""
        patches = self.patch_embedding(image.pixels, mask=image.mask)
        if not self.training:
            return patches
        return sample_patches(patches, limit=self.config.max_patches, generator=generator)

    def encode_image(self, image: ImageBatch) -> Float[Tensor, "b s d"]:
        """The image alone through the same blocks: normalised states of [class; patches].

        Every patch is kept, in training too. This is the plain ViT that learns to see before
        there is text.
        """
        patches = self.patch_embedding(image.pixels, mask=image.mask)
        image_class = self.patch_embedding.image_class(len(image.pixels))
        mask = None if image.mask is None else _with_class(patches.mask)
        return self.encoder(self.fusion.image(image_class, patches.tokens), mask=mask).tokens


def _with_class(mask: Bool[Tensor, "b n"]) -> Bool[Tensor, "b 1+n"]:
    """The mask of [class; patches]: the class token is always real."""
    return torch.cat([mask.new_ones(len(mask), 1), mask], dim=1)


def _mask_where_needed(mask: Bool[Tensor, "b s"]) -> Bool[Tensor, "b s"] | None:
    """None where nothing is padding, which is faster; a GPU is not stopped to find out."""
    return None if mask.device.type == "cpu" and bool(mask.all()) else mask
