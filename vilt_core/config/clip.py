"""CLIP and its sizes."""

from dataclasses import dataclass

from vilt_core.config.checks import check_patches


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipConfig:
    """CLIP with a vision transformer (Radford et al., ICML 2021): two towers and a dot product."""

    vocab_size: int = 49408
    text_width: int = 512
    text_depth: int = 12
    text_heads: int = 8
    max_text_tokens: int = 77
    width: int = 768  # of the image's tower
    depth: int = 12
    heads: int = 12
    mlp_ratio: float = 4.0  # of both towers
    quick_gelu: bool = True  # OpenAI's; LAION's CLIPs have the exact GELU
    image_size: int = 224  # pixels
    patch_size: int = 32  # pixels
    shared_width: int = 512  # of the space where both meet
    answers: int = 0  # classes of the VQA head on the joined vectors; 0 builds none
    nlvr2: bool = False  # whether there is a head for statements about two pictures
    norm_eps: float = 1e-5

    def __post_init__(self):
        check_patches(self.image_size, self.patch_size)


def clip_b32(*, vocab_size: int = 49408, answers: int = 0) -> ClipConfig:
    """CLIP ViT-B/32 as published: 151.3 M parameters in all."""
    return ClipConfig(vocab_size=vocab_size, answers=answers)


def clip_mini(*, vocab_size: int, answers: int) -> ClipConfig:
    """CLIP for the sticker world: vilt-mini's pictures, patches and width."""
    return ClipConfig(
        vocab_size=vocab_size,
        answers=answers,
        nlvr2=True,
        text_width=128,
        text_depth=3,
        text_heads=2,
        max_text_tokens=40,
        width=192,
        depth=4,
        heads=3,
        image_size=128,
        patch_size=16,
        shared_width=128,
    )
