"""SCAN and its sizes."""

from dataclasses import dataclass

from vilt_core.config.checks import check_regions
from vilt_core.config.detector import DetectorConfig, SeesByDetector, bottom_up_r101, detector_mini

DIRECTIONS = ("text_to_image", "image_to_text")  # who asks whom


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanConfig(SeesByDetector):
    """SCAN (Lee et al., ECCV 2018): every word looks at all regions, or every region at all words.

    The published models score by one direction each, either with the mean or with LogSumExp.
    """

    vocab_size: int = 8481  # of Flickr30K's captions, words seen four times
    word_width: int = 300
    max_text_tokens: int = 40  # that it is given; a GRU would read on
    detector: DetectorConfig | None = None  # None: pictures come as regions only
    region_width: int = 2048  # of the detector's features
    shared_width: int = 1024  # of the space where both meet, and of the GRU
    directions: tuple[str, ...] = ("text_to_image",)  # by which it scores; by the mean of two
    text_sharpness: float = 9.0  # of the words' softmax over regions
    image_sharpness: float = 4.0  # of the regions' over words
    text_steepness: float | None = None  # of LogSumExp over words, 6 as published; None: the mean
    image_steepness: float | None = 5.0  # over regions; 20 for COCO
    answers: int = 0  # classes of the VQA head on the joined vectors; 0 builds none
    nlvr2: bool = False  # whether there is a head for statements about two pictures

    def __post_init__(self):
        check_regions(self.detector, width=self.region_width)
        if not self.directions or set(self.directions) - set(DIRECTIONS):
            raise ValueError(f"directions must be of {DIRECTIONS}, got {self.directions}")


def scan_t2i(*, vocab_size: int = 8481, answers: int = 0) -> ScanConfig:
    """SCAN t-i AVG, the published model that finds Flickr30K's pictures best by itself."""
    return ScanConfig(vocab_size=vocab_size, answers=answers, detector=bottom_up_r101())


def scan_mini(*, vocab_size: int, answers: int) -> ScanConfig:
    """SCAN for the sticker world; it scores by both directions, which the paper does with two."""
    return ScanConfig(
        vocab_size=vocab_size,
        answers=answers,
        nlvr2=True,
        word_width=192,
        detector=detector_mini(),
        region_width=256,
        shared_width=192,
        directions=DIRECTIONS,
    )
