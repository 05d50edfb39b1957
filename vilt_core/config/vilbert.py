"""ViLBERT and its sizes."""

from dataclasses import dataclass

from vilt_core.config.checks import check_regions
from vilt_core.config.detector import DetectorConfig, SeesByDetector, bottom_up_r101, detector_mini


@dataclass(frozen=True, slots=True, kw_only=True)
class VilbertConfig(SeesByDetector):
    """ViLBERT (Lu et al., NeurIPS 2019): a stream each for words and regions, which meet often."""

    vocab_size: int = 30522
    text_width: int = 768
    text_depth: int = 12
    text_heads: int = 12
    text_mlp_width: int = 3072
    max_text_tokens: int = 512
    image_width: int = 1024
    image_depth: int = 6  # and as many co-attentional layers, one before each
    image_heads: int = 8
    image_mlp_width: int = 1024
    meeting_width: int = 1024  # of the heads by which the streams ask each other
    meeting_heads: int = 8
    pooled_width: int = 1024
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
        if self.image_depth > self.text_depth:
            raise ValueError(
                f"text_depth must be at least image_depth, got {self.text_depth} and "
                f"{self.image_depth}"
            )


def vilbert_base(*, vocab_size: int = 30522, answers: int = 0) -> VilbertConfig:
    """ViLBERT as published: six layers of regions, six meetings, BERT-base for the words."""
    return VilbertConfig(vocab_size=vocab_size, answers=answers, detector=bottom_up_r101())


def vilbert_mini(*, vocab_size: int, answers: int) -> VilbertConfig:
    """ViLBERT for the sticker world: the published proportions at a sixth of the width."""
    return VilbertConfig(
        vocab_size=vocab_size,
        answers=answers,
        nlvr2=True,
        text_width=128,
        text_depth=4,
        text_heads=2,
        text_mlp_width=512,
        max_text_tokens=40,
        image_width=160,
        image_depth=2,
        image_heads=2,
        image_mlp_width=160,
        meeting_width=160,
        meeting_heads=2,
        pooled_width=160,
        detector=detector_mini(),
        region_width=256,
        region_classes=261,
        dropout=0.0,
    )
