"""What is known of the models that ViLT is compared with: their papers, and its tables 2 and 6.

Of the paper, not of this machine: what is measured here lies in families.py.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["a", "b", "c", "d"]
KINDS: dict[Kind, str] = {  # figure 2 of ViLT: what is larger than what
    "a": "VE > TE > MI",
    "b": "VE = TE > MI",
    "c": "VE > MI > TE",
    "d": "MI > VE = TE",
}
HARDWARE = "Xeon E5-2650 and an Nvidia P40"  # that the paper timed on


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRow:
    """A row of the paper's Table 6, which counts neither the text embedding nor the heads."""

    image_tokens: int
    text_tokens: int | None  # where the paper does not say: None
    parameters: float  # millions
    gflops: float
    milliseconds: int  # about
    table_2: int | None  # milliseconds there, where it has the model
    arxiv: str

    @property
    def tokens(self) -> str:
        """Of the image and the text."""
        return f"{self.image_tokens} + {'?' if self.text_tokens is None else self.text_tokens}"


def _row(
    tokens: tuple[int, int | None],
    parameters: float,
    gflops: float,
    milliseconds: int,
    table_2: int | None,
    arxiv: str,
) -> PaperRow:
    return PaperRow(
        image_tokens=tokens[0],
        text_tokens=tokens[1],
        parameters=parameters,
        gflops=gflops,
        milliseconds=milliseconds,
        table_2=table_2,
        arxiv=arxiv,
    )


TABLE_6 = {
    "ViLBERT": _row((36, 36), 274.3, 958.1, 900, 920, "1908.02265"),
    "VisualBERT": _row((36, 128), 170.3, 425.0, 925, 925, "1908.03557"),
    "LXMERT": _row((36, 20), 239.8, 952.0, 900, 900, "1908.07490"),
    "UNITER-Base": _row((36, 60), 154.7, 949.9, 900, 900, "1909.11740"),
    "OSCAR-Base": _row((50, 35), 154.7, 956.4, 900, 900, "2004.06165"),
    "VinVL-Base": _row((50, 35), 157.3, 1023.3, 650, 650, "2101.00529"),
    "Unicoder-VL": _row((100, None), 170.3, 419.7, 925, None, "1908.06066"),
    "ImageBERT": _row((100, 44), 170.3, 420.6, 925, None, "2001.07966"),
    "Pixel-BERT-X152": _row((146, None), 144.3, 185.8, 160, 160, "2004.00849"),
    "Pixel-BERT-R50": _row((260, None), 94.9, 136.8, 60, 60, "2004.00849"),
    "ViLT-B/32": _row((200, 40), 87.4, 55.9, 15, 15, "2102.03334"),
}
# What a picture becomes in the rows of Table 6 that see no regions.
SEES = {"Pixel-BERT-X152": "grid", "Pixel-BERT-R50": "grid", "ViLT-B/32": "patches"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One model of the lab: where it comes from, and how it is measured."""

    title: str  # as in Table 6, where it has the model
    paper: str
    arxiv: str
    kind: Kind
    sees: Literal["regions", "grid", "patches"]
    looks: str  # how a picture becomes a sequence, in words
    meets: str  # how picture and text come together, in words
    image_size: tuple[int, int]  # height and width at which it is timed, pixels
    text_tokens: int
    regions: int = 0  # of those that see regions
    differs: str  # from the paper, in a sentence or two

    @property
    def date(self) -> str:
        """The first day of the month in which arXiv numbered it."""
        return date_of(self.arxiv)

    @property
    def row(self) -> PaperRow | None:
        """Its row of the paper's Table 6."""
        return TABLE_6.get(self.title)


def date_of(arxiv: str) -> str:
    """When arXiv gave a number, as the first day of that month: "2102.03334" is "2021-02-01"."""
    return f"20{arxiv[:2]}-{arxiv[2:4]}-01"


FACTS = {
    "vse": Facts(
        title="VSE++",
        paper="Faghri et al., BMVC 2018",
        arxiv="1707.05612",
        kind="a",
        sees="grid",
        looks="the grid of a ResNet-152, averaged",
        meets="dot product",
        image_size=(224, 224),
        text_tokens=40,
        differs="The paper's Table 6 has no dual encoders, only its Figure 2 does.",
    ),
    "scan": Facts(
        title="SCAN",
        paper="Lee et al., ECCV 2018",
        arxiv="1803.08024",
        kind="a",
        sees="regions",
        looks="36 regions of a detector",
        meets="words look at regions, without a parameter",
        image_size=(800, 1333),
        text_tokens=40,
        regions=36,
        differs="The paper's Table 6 has no dual encoders, only its Figure 2 does.",
    ),
    "clip": Facts(
        title="CLIP ViT-B/32",
        paper="Radford et al., ICML 2021",
        arxiv="2103.00020",
        kind="b",
        sees="patches",
        looks="patches, through a transformer of their own",
        meets="dot product",
        image_size=(224, 224),
        text_tokens=77,
        differs="The paper's Table 6 has no dual encoders, only its Figure 2 does.",
    ),
    "vilbert": Facts(
        title="ViLBERT",
        paper="Lu et al., NeurIPS 2019",
        arxiv="1908.02265",
        kind="c",
        sees="regions",
        looks="36 regions of a detector",
        meets="co-attention of two streams",
        image_size=(800, 1333),
        text_tokens=36,
        regions=36,
        differs=(
            "It has 275.5 M here, 63.7 M of them the detector; the paper leaves open which heads "
            "of the detector its 274.3 M hold. Of its 2,334 GFLOPs, two a multiplication and "
            "addition, the detector's last stage takes 1,757 to read 300 boxes; by one they are "
            "1,167, and the paper leaves open how its 958.1 are counted."
        ),
    ),
    "uniter": Facts(
        title="UNITER-Base",
        paper="Chen et al., ECCV 2020",
        arxiv="1909.11740",
        kind="c",
        sees="regions",
        looks="36 regions of a detector",
        meets="joint attention",
        image_size=(800, 1333),
        text_tokens=60,
        regions=36,
        differs=(
            "It has 150.9 M here, 63.7 M of them the detector; with that detector's head for "
            "attributes (1.8 M) and ResNet-101's own classifier (2.0 M), which no pair asks, it "
            "has the paper's 154.7 M. Of its 2,335 GFLOPs, two a multiplication and addition, the "
            "detector's last stage takes 1,757 to read 300 boxes; by one they are 1,168, and the "
            "paper leaves open how its 949.9 are counted."
        ),
    ),
    "pixelbert-r50": Facts(
        title="Pixel-BERT-R50",
        paper="Huang et al., arXiv 2020",
        arxiv="2004.00849",
        kind="c",
        sees="grid",
        looks="the grid of a ResNet-50",
        meets="joint attention",
        image_size=(800, 1333),
        text_tokens=40,
        differs=(
            "A ResNet-50 and twelve blocks hold more than the paper's 94.9 M: 23.5 M and 85.1 M; "
            "without the ResNet's last stage they are 95.0 M. Sides are rounded up to whole cells: "
            "273 of them, where the paper has 260. Its 232 GFLOPs, two a multiplication and "
            "addition, are 116 by one: the paper's 136.8 are neither."
        ),
    ),
    "pixelbert-x152": Facts(
        title="Pixel-BERT-X152",
        paper="Huang et al., arXiv 2020",
        arxiv="2004.00849",
        kind="c",
        sees="grid",
        looks="the grid of a ResNeXt-152",
        meets="joint attention",
        image_size=(600, 1000),
        text_tokens=40,
        differs=(
            "The paper leaves the length of the text open; here it has 40 tokens. Sides are "
            "rounded up to whole cells: 160 of them, where the paper has 146. Its 321 GFLOPs, "
            "two a multiplication and addition, are 160 by one: the paper's 185.8 are neither."
        ),
    ),
    "xlxmert": Facts(
        title="X-LXMERT",
        paper="Cho et al., EMNLP 2020",
        arxiv="2009.11278",
        kind="c",
        sees="grid",
        looks="8 x 8 cells of a detector's backbone",
        meets="cross attention of two streams",
        image_size=(800, 1333),
        text_tokens=20,
        regions=64,
        differs=(
            "The paper lists LXMERT, which sees regions (239.8 M, 952.0 GFLOPs), and not X-LXMERT, "
            "whose codebook alone holds 20.5 M: 247.8 M without it."
        ),
    ),
    "vilt": Facts(
        title="ViLT-B/32",
        paper="Kim et al., ICML 2021",
        arxiv="2102.03334",
        kind="d",
        sees="patches",
        looks="patches, one linear projection",
        meets="joint attention",
        image_size=(384, 640),
        text_tokens=40,
        differs=(
            "384 x 640 pixels are 240 patches, of which the paper counts 200; its 55.9 GFLOPs "
            "come out of no count of their products."
        ),
    ),
}
