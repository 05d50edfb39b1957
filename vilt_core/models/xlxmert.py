"""X-LXMERT: words and the cells of a grid, each alone at first, then asking each other.

Cho et al., EMNLP 2020, after its published code: LXMERT (Tan and Bansal, EMNLP 2019) whose regions
are the cells of a grid, and whose features are those of a codebook. Of the family (c) of ViLT's
figure 2.
"""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from vilt_core.config import XlxmertConfig
from vilt_core.layers.block import CrossModalBlock, PostNormBlock
from vilt_core.layers.codebook import Codebook
from vilt_core.layers.fusion import mask_of
from vilt_core.layers.heads import (
    ClusterHead,
    ItmHead,
    MlmHead,
    Nlvr2Head,
    Pooler,
    RankHead,
    VqaHead,
)
from vilt_core.layers.init import initialise
from vilt_core.layers.reader import RegionReader
from vilt_core.layers.regions import MeanRegionEmbedding, grid_boxes, region_fields
from vilt_core.layers.text import TextEmbedding
from vilt_core.types import ImageBatch, ModelOutput, RegionBatch, TextBatch


class Xlxmert(RegionReader):
    """Both streams and their heads; a head is a function of the output.

    ``itm(out.pooled)``, ``mlm(out.text)``, ``vqa(out.pooled)``, and of hidden cells
    ``region_class(out.image)`` for the entries of the codebook, which ``image_codebook.nearest`` of
    the features tells, and ``region_class.features(out.image)`` for the features.
    """

    ties_words = True

    def __init__(self, config: XlxmertConfig):
        super().__init__(config, detector=config.detector_numbers)
        self.config: XlxmertConfig = config
        width, dropout, eps = config.width, config.dropout, config.norm_eps
        regions, clusters = config.region_width, config.clusters
        self.text_embedding = TextEmbedding(
            config.vocab_size, width, max_tokens=config.max_text_tokens, dropout=dropout
        )
        self.image_codebook = Codebook(clusters, regions)
        self.image_embedding = MeanRegionEmbedding(
            regions, width, box_numbers=4, dropout=dropout, norm_eps=eps
        )
        sizes = {"heads": config.heads, "mlp_width": config.mlp_width}
        block = partial(PostNormBlock, width, **sizes, dropout=dropout, norm_eps=eps)
        meeting = partial(CrossModalBlock, width, **sizes, dropout=dropout, norm_eps=eps)
        self.words = nn.ModuleList(block() for _ in range(config.text_depth))
        self.cells = nn.ModuleList(block() for _ in range(config.image_depth))
        self.meetings = nn.ModuleList(meeting() for _ in range(config.meeting_depth))
        self.pooler = Pooler(width)
        self.itm = ItmHead(width)
        self.mlm = MlmHead(width, vocab_size=config.vocab_size, norm_eps=eps)
        self.region_class = ClusterHead(
            width, region_width=regions, clusters=clusters, norm_eps=eps
        )
        last = {"norm_last": True, "norm_eps": eps}
        self.vqa = VqaHead(width, answers=config.answers, **last) if config.answers else None
        self.nlvr2 = Nlvr2Head(width, **last) if config.nlvr2 else None
        self.rank = RankHead(width) if config.ranking else None
        initialise(self)
        self.tie()

    def tie(self) -> None:
        """Words and cells are decoded by what they are embedded by."""
        super().tie()
        self.region_class.decoder.weight = self.image_codebook.centroids

    def forward(
        self, text: TextBatch, image: ImageBatch | RegionBatch, *, return_attentions: bool = False
    ) -> ModelOutput:
        """Read a batch of texts, each with the cells of its image.

        Args:
            text: Token ids, at most ``config.max_text_tokens`` of them.
            image: What a detector makes of the cells of a square of ``config.grid``, row after row.
            return_attentions: Also give both streams' looks at each other, meeting by meeting; the
                image's [class], which it lacks, has nothing of them.

        Raises:
            ValueError: Too long a text, or another number of cells.
        """
        image = self.look(image)
        words, cells = self.text_embedding(text.ids), self.embed_image(image)
        text_mask, image_mask = mask_of(text.mask), mask_of(image.mask)
        for block in self.words:
            words, _ = block(words, mask=text_mask)
        for block in self.cells:
            cells, _ = block(cells, mask=image_mask)
        looks, back = [], []
        for meet in self.meetings:
            met = meet(
                words,
                cells,
                text_mask=text_mask,
                image_mask=image_mask,
                return_weights=return_attentions,
            )
            words, cells = met.text, met.image
            looks.append(met.text_to_image)
            back.append(met.image_to_text)
        return ModelOutput(
            text=words,
            image=cells,
            image_class=torch.zeros_like(words[:, 0]),  # the image has no token of its own
            pooled=self.pooler(words[:, 0]),
            text_mask=text.mask,
            **region_fields(image, columns=self.config.grid),
            text_to_image=tuple(pad(each, (1, 0)) for each in looks) if return_attentions else None,
            image_to_text=(
                tuple(pad(each, (0, 0, 1, 0)) for each in back) if return_attentions else None
            ),
        )

    def look(self, image: ImageBatch | RegionBatch) -> RegionBatch:
        """The cells of pictures as the detector describes them, whatever it would look at itself.

        Raises:
            ValueError: Pixels, of a model without a detector.
        """
        if isinstance(image, RegionBatch) or self.image_detector is None:
            return super().look(image)
        boxes = grid_boxes(self.config.grid, device=image.pixels.device)
        boxes = boxes.expand(len(image.pixels), -1, -1)
        mask = torch.ones_like(boxes[..., 0], dtype=torch.bool)
        return self.image_detector.describe(image, boxes, mask)

    def embed_image(self, image: RegionBatch) -> Float[Tensor, "b n d"]:
        """Cells as tokens: of each feature only which entry of the codebook is nearest.

        Raises:
            ValueError: Another number of cells than the config's.
        """
        side, count = self.config.grid, image.mask.shape[1]
        if count != side**2:
            raise ValueError(f"expected {side} x {side} cells of each image, got {count}")
        features = self.image_codebook(image.features)
        return self.image_embedding(features, image.boxes, covered=image.covered)
