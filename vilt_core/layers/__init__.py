"""Parts of models. They take numbers and tensors, and know no paper's whole and no config."""

from vilt_core.layers.attention import SelfAttention, attend, attention_weights
from vilt_core.layers.block import Mlp, PreNormBlock
from vilt_core.layers.encoder import Encoded, Encoder
from vilt_core.layers.fusion import Fusion, split
from vilt_core.layers.heads import ItmHead, MlmHead, MppHead, Nlvr2Head, Pooler, RankHead, VqaHead
from vilt_core.layers.init import initialise
from vilt_core.layers.patches import PatchEmbedding, no_patches, raster_positions, sample_patches
from vilt_core.layers.positions import PositionGrid, resize_grid
from vilt_core.layers.text import TextEmbedding

__all__ = [
    "Encoded",
    "Encoder",
    "Fusion",
    "ItmHead",
    "MlmHead",
    "Mlp",
    "MppHead",
    "Nlvr2Head",
    "PatchEmbedding",
    "Pooler",
    "PositionGrid",
    "PreNormBlock",
    "RankHead",
    "SelfAttention",
    "TextEmbedding",
    "VqaHead",
    "attend",
    "attention_weights",
    "initialise",
    "no_patches",
    "raster_positions",
    "resize_grid",
    "sample_patches",
    "split",
]
