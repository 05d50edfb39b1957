"""UNITER and its sizes."""

from dataclasses import dataclass

from vilt_core.config.checks import check_regions
from vilt_core.config.detector import DetectorConfig, SeesByDetector, bottom_up_r101, detector_mini


@dataclass(frozen=True, slots=True, kw_only=True)
class UniterConfig(SeesByDetector):
    """UNITER (Chen et al., ECCV 2020): one BERT over words and a detector's regions."""

    vocab_size: int = 28996  # BERT's, cased
    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp_width: int = 3072
    max_text_tokens: int = 512
    detector: DetectorConfig | None = None  # None: pictures come as regions only
    region_width: int = 2048  # of the detector's features
    region_classes: int = 1601  # of the detector, background included
    answers: int = 0  # classes of the VQA head; 0 builds none
    nlvr2: bool = False  # whether there is a head for statements about two pictures
    referring: bool = False  # whether there is one for referring expressions, that scores regions
    choice: bool = False  # whether there is one for multiple choice, that scores texts
    ranking: bool = False  # whether there is one for retrieval, that scores pairs
    dropout: float = 0.1
    norm_eps: float = 1e-12

    def __post_init__(self):
        check_regions(self.detector, width=self.region_width, classes=self.region_classes)


def uniter_base(*, vocab_size: int = 28996, answers: int = 0) -> UniterConfig:
    """UNITER-base as published."""
    return UniterConfig(vocab_size=vocab_size, answers=answers, detector=bottom_up_r101())


def uniter_mini(*, vocab_size: int, answers: int) -> UniterConfig:
    """UNITER for the sticker world, as wide as vilt-mini."""
    return UniterConfig(
        vocab_size=vocab_size,
        answers=answers,
        nlvr2=True,
        width=192,
        depth=4,
        heads=3,
        mlp_width=768,
        max_text_tokens=40,
        detector=detector_mini(),
        region_width=256,
        region_classes=261,
        dropout=0.0,
    )
