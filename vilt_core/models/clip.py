"""CLIP: two transformers that never meet before their dot product.

Radford et al., ICML 2021, after its published code; the family (b) of ViLT's figure 2.
"""

from functools import partial
from math import log

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from vilt_core.config import ClipConfig
from vilt_core.layers.block import PreNormBlock, QuickGelu
from vilt_core.layers.encoder import Encoded, Encoder
from vilt_core.layers.fusion import mask_of, with_class
from vilt_core.layers.heads import Nlvr2Head, VqaHead, joined, last_of
from vilt_core.layers.init import initialise
from vilt_core.layers.patches import PatchEmbedding
from vilt_core.layers.reader import PairReader
from vilt_core.layers.text import PlainTextEmbedding
from vilt_core.types import ImageBatch, ModelOutput, PatchEmbeddings, TextBatch

FIRST_SCALE = log(1 / 0.07)  # of the scores, as a logarithm, where training begins
_SHARPEST = log(100)  # at most, as published


class Clip(PairReader):
    """A tower for texts, one for pictures, and the vectors that they make of them.

    ``score(out.text_vector, out.image_vector)`` is every text's score with every picture;
    ``vqa(out.pooled)`` a choice among answers, where the config has them.
    """

    dual = True

    def __init__(self, config: ClipConfig):
        super().__init__(config)
        self.config: ClipConfig = config
        self.text_embedding = PlainTextEmbedding(
            config.vocab_size, config.text_width, max_tokens=config.max_text_tokens
        )
        self.text_encoder = _tower(
            config, config.text_width, depth=config.text_depth, heads=config.text_heads, causal=True
        )
        self.text_projection = nn.Linear(config.text_width, config.shared_width, bias=False)
        self.patch_embedding = PatchEmbedding(
            config.width,
            patch_size=config.patch_size,
            grid=config.image_size // config.patch_size,
            bias=False,
        )
        self.image_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.image_encoder = _tower(config, config.width, depth=config.depth, heads=config.heads)
        self.image_projection = nn.Linear(config.width, config.shared_width, bias=False)
        self.scale = nn.Parameter(torch.tensor(0.0))
        wide, hidden = 4 * config.shared_width, 2 * config.shared_width
        answers = config.answers
        self.vqa = VqaHead(wide, answers=answers, hidden=hidden) if answers else None
        self.nlvr2 = Nlvr2Head(wide, hidden=hidden) if config.nlvr2 else None
        initialise(self)
        nn.init.constant_(self.scale, FIRST_SCALE)

    def forward(
        self,
        text: TextBatch,
        image: ImageBatch,
        *,
        return_states: bool = False,
        return_attentions: bool = False,
    ) -> ModelOutput:
        """Read a batch of texts and, apart from them, of pictures.

        States and attentions, where they are asked for, are those of the image's tower: there is no
        joint sequence.

        Args:
            text: Token ids, at most ``config.max_text_tokens`` of them.
            image: Pictures of whole patches.
            return_states: Also give the input and output of every block of the image's tower.
            return_attentions: Also give its attention weights (the slow path).

        Raises:
            ValueError: Too long a text, or an image that is no whole patches.
        """
        words, text_vector = self.encode_text(text)
        encoded, patches = self._look(
            image, return_states=return_states, return_attentions=return_attentions
        )
        image_vector = self._image_vector(encoded)
        return ModelOutput(
            text=words,
            image=encoded.tokens[:, 1:],
            image_class=encoded.tokens[:, 0],
            pooled=joined(text_vector, image_vector),
            text_mask=text.mask,
            image_mask=patches.mask,
            positions=patches.positions,
            grid=patches.grid,
            text_vector=text_vector,
            image_vector=image_vector,
            states=encoded.states,
            attentions=encoded.attentions,
        )

    def encode_text(self, text: TextBatch) -> tuple[Float[Tensor, "b l d"], Float[Tensor, "b e"]]:
        """Each text's tokens, and its vector of length 1: the state of its last real token."""
        embedded = self.text_embedding(text.ids)
        words = self.text_encoder(embedded, mask=mask_of(text.mask)).tokens
        last = last_of(words, mask=text.mask)
        return words, normalize(self.text_projection(last), dim=-1)

    def encode_image(self, image: ImageBatch) -> Float[Tensor, "b e"]:
        """Each picture's vector of length 1: the state of its [class]."""
        return self._image_vector(self._look(image)[0])

    def score(
        self, texts: Float[Tensor, "texts e"], images: Float[Tensor, "images e"]
    ) -> Float[Tensor, "texts images"]:
        """The cosine of every text with every picture, at the learned scale, 100 at most."""
        return self.scale.clamp(max=_SHARPEST).exp() * texts @ images.mT

    def score_all(self, text: TextBatch, image: ImageBatch) -> Float[Tensor, "texts images"]:
        """The score of every text with every picture, each read once."""
        return self.score(self.encode_text(text)[1], self.encode_image(image))

    def _look(self, image: ImageBatch, **asked: bool) -> tuple[Encoded, PatchEmbeddings]:
        patches = self.patch_embedding(image.pixels, mask=image.mask)
        first = self.patch_embedding.image_class(len(image.pixels))
        tokens = self.image_norm(torch.cat([first[:, None], patches.tokens], dim=1))
        return self.image_encoder(tokens, mask=mask_of(with_class(patches.mask)), **asked), patches

    def _image_vector(self, encoded: Encoded) -> Float[Tensor, "b e"]:
        return normalize(self.image_projection(encoded.tokens[:, 0]), dim=-1)


def _tower(
    config: ClipConfig, width: int, *, depth: int, heads: int, causal: bool = False
) -> Encoder:
    block = partial(
        PreNormBlock,
        width,
        heads=heads,
        mlp_width=round(config.mlp_ratio * width),
        norm_eps=config.norm_eps,
        causal=causal,
    )
    activation = QuickGelu if config.quick_gelu else nn.GELU
    blocks = [block(activation=activation()) for _ in range(depth)]
    return Encoder(blocks, norm=nn.LayerNorm(width, eps=config.norm_eps))
