"""UNITER and its sizes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UniterConfig:
    """UNITER (Chen et al., ECCV 2020): one BERT over words and a detector's regions."""

    vocab_size: int = 28996  # BERT's, cased
    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp_width: int = 3072
    max_text_tokens: int = 512
    region_width: int = 2048  # of the detector's features
    region_classes: int = 1601  # of the detector, background included
    answers: int = 0  # classes of the VQA head; 0 builds none
    dropout: float = 0.1
    norm_eps: float = 1e-12


def uniter_base(*, vocab_size: int = 28996, answers: int = 0) -> UniterConfig:
    """UNITER-base as published."""
    return UniterConfig(vocab_size=vocab_size, answers=answers)


def uniter_mini(*, vocab_size: int, answers: int) -> UniterConfig:
    """UNITER for the sticker world, as wide and deep as vilt-mini began."""
    return UniterConfig(
        vocab_size=vocab_size,
        answers=answers,
        width=192,
        depth=6,
        heads=3,
        mlp_width=768,
        max_text_tokens=40,
        region_width=256,
        region_classes=200,
        dropout=0.0,
    )
