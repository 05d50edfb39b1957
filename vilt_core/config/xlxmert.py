"""X-LXMERT and its sizes."""

from dataclasses import dataclass

from vilt_core.config.checks import check_regions
from vilt_core.config.detector import DetectorConfig, SeesByDetector, bottom_up_r101, detector_mini


@dataclass(frozen=True, slots=True, kw_only=True)
class XlxmertConfig(SeesByDetector):
    """X-LXMERT (Cho et al., EMNLP 2020): LXMERT over the cells of a grid, named by a codebook."""

    vocab_size: int = 30522
    width: int = 768
    heads: int = 12
    mlp_width: int = 3072
    text_depth: int = 9  # layers of words alone
    image_depth: int = 5  # of cells alone
    meeting_depth: int = 5  # of both
    max_text_tokens: int = 512
    grid: int = 8  # cells on a side
    detector: DetectorConfig | None = None  # None: pictures come as cells only
    region_width: int = 2048  # of the detector's features
    clusters: int = 10_000  # entries of the codebook
    answers: int = 0  # classes of the VQA head; 0 builds none
    nlvr2: bool = False  # whether there is a head for statements about two pictures
    ranking: bool = False  # whether there is one for retrieval, that scores pairs
    dropout: float = 0.1
    norm_eps: float = 1e-12

    def __post_init__(self):
        check_regions(self.detector, width=self.region_width)


def xlxmert_base(*, vocab_size: int = 30522, answers: int = 0) -> XlxmertConfig:
    """X-LXMERT as published."""
    return XlxmertConfig(vocab_size=vocab_size, answers=answers, detector=bottom_up_r101())


def xlxmert_mini(*, vocab_size: int, answers: int) -> XlxmertConfig:
    """X-LXMERT for the sticker world: about its proportions at a quarter of the width."""
    return XlxmertConfig(
        vocab_size=vocab_size,
        answers=answers,
        nlvr2=True,
        width=192,
        heads=3,
        mlp_width=768,
        text_depth=2,
        image_depth=1,
        meeting_depth=1,
        max_text_tokens=40,
        detector=detector_mini(),
        region_width=256,
        clusters=400,
        dropout=0.0,
    )
