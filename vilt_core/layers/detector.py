"""A picture becomes regions: the detector that models of ViLT's family (c) see with.

Faster R-CNN (Ren et al., NeurIPS 2015) of torchvision's parts, on one grid. Which of its boxes
count is decided as bottom-up attention does (Anderson et al., CVPR 2018).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from vilt_core.layers.boxes import BoxHead, BoxPool, Sight, TrueBoxes
from vilt_core.layers.cnn import GridCnn
from vilt_core.types import ImageBatch, RegionBatch

LOSSES = {  # ours by torchvision's names
    "loss_objectness": "objectness",  # which anchors are on things
    "loss_rpn_box_reg": "proposals",  # and how they fit them
    "loss_classifier": "classes",  # of proposals
    "loss_box_reg": "boxes",  # and how these fit
}
_SMALLEST = 1e-2  # side of a box in pixels, as torchvision


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pictures:
    """Pictures of one size, and their grid."""

    rows: list[int]  # of the batch
    images: Any  # torchvision's ImageList
    grid: Float[Tensor, "b c rows columns"]
    size: Float[Tensor, " 4"]  # width, height, width, height: from shares to pixels

    @property
    def sizes(self) -> list[tuple[int, int]]:
        return self.images.image_sizes


class Detector(nn.Module):
    """Faster R-CNN on a grid: proposals, then classes and features of what is in them.

    Pictures of one size are read together, others apart: padding changes nothing.

    Args:
        cnn: Numbers of a ``GridCnn``. All of its stages but the last give the grid, the last reads
            every box.
        classes: The background included, which is the first.
        anchor_sizes: Sides of squares in pixels.
        anchor_ratios: Of height to width.
        proposal_width: Of the convolution that proposals are made of.
        ranked: Proposals that come before NMS.
        proposals: That it leaves.
        proposal_overlap: IoU of two, from which on it drops the less sure one.
        cells: A side of what is read of each box.
        dilated: Whether the last stage keeps these cells, or halves them.
        refined: Whether boxes are moved as their class asks and then read again, as torchvision's
            are, or left as proposed, as those of bottom-up attention are.
        threshold: How sure it is of a class of a region at least.
        fewest: Regions that it tells even so.
        overlap: IoU of two boxes of a class, from which on NMS drops the less sure one.
        trained_anchors: Of each picture.
        trained_boxes: Of each picture.
        frozen_norm: Whether BatchNorm keeps its statistics, scale and shift while training: right
            for weights that bring them, ruin for what is trained from nothing.
    """

    def __init__(
        self,
        *,
        cnn: Mapping[str, Any],
        classes: int,
        anchor_sizes: tuple[int, ...],
        anchor_ratios: tuple[float, ...],
        proposal_width: int,
        ranked: int,
        proposals: int,
        proposal_overlap: float,
        cells: int,
        dilated: bool,
        refined: bool,
        threshold: float,
        fewest: int,
        overlap: float,
        trained_anchors: int,
        trained_boxes: int,
        frozen_norm: bool,
    ):
        super().__init__()
        # Takes seconds, and ViLT needs none of it.
        from torchvision.models.detection.anchor_utils import AnchorGenerator
        from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
        from torchvision.models.detection.roi_heads import RoIHeads
        from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
        from torchvision.ops import Conv2dNormActivation

        self.refined = refined
        self.threshold = threshold
        self.fewest = fewest
        self.frozen_norm = frozen_norm
        self.frozen = False
        self.cnn = GridCnn(**cnn)
        self._bottleneck = cnn["bottleneck"]
        self.width = self.cnn.width  # of the features
        stage = self.cnn.cut(dilated=dilated)
        anchors = AnchorGenerator((anchor_sizes,), (anchor_ratios,))
        proposing = RPNHead(proposal_width, anchors.num_anchors_per_location()[0])
        proposing.conv[0] = Conv2dNormActivation(self.cnn.width, proposal_width, norm_layer=None)
        self.rpn = RegionProposalNetwork(
            anchors,
            proposing,
            fg_iou_thresh=0.7,
            bg_iou_thresh=0.3,
            batch_size_per_image=trained_anchors,
            positive_fraction=0.5,
            pre_nms_top_n={"training": ranked, "testing": ranked},
            post_nms_top_n={"training": proposals, "testing": proposals},
            nms_thresh=proposal_overlap,
        )
        self.roi_heads = RoIHeads(
            BoxPool(cells=cells, stride=self.cnn.stride),
            BoxHead(stage),
            FastRCNNPredictor(self.width, classes),
            fg_iou_thresh=0.5,
            bg_iou_thresh=0.5,
            batch_size_per_image=trained_boxes,
            positive_fraction=0.5,
            bbox_reg_weights=None,  # (10, 10, 5, 5), as published
            score_thresh=threshold,
            nms_thresh=overlap,
            detections_per_img=proposals,
        )
        for norm in self._norms():
            norm.requires_grad_(not frozen_norm)

    def freeze(self) -> "Detector":
        """Learn nothing any more, and stay in evaluation whatever the whole around it does."""
        self.frozen = True
        return self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Detector":
        """As of every module, but for what is frozen."""
        super().train(mode and not self.frozen)
        if self.frozen_norm:
            for norm in self._norms():
                norm.eval()
        return self

    def forward(self, image: ImageBatch, *, limit: int = 36) -> RegionBatch:
        """The regions of every picture, the surest first.

        Of each proposal counts the class of which the detector is surest, among those for which NMS
        keeps it. ``classes`` are all the probabilities, the background's first.

        Args:
            image: Pictures; boxes are shares of their real sides.
            limit: The most regions of a picture.
        """
        found: dict[int, tuple[Tensor, ...]] = {}
        for some in self._pictures(image):
            boxes = [kept[0] for kept in self._kept(some, limit=limit)]
            features, logits, _ = self._read(some, boxes)
            told = zip(features, boxes, logits, strict=True)
            for row, (what, where, how_sure) in zip(some.rows, told, strict=True):
                found[row] = what, where / some.size, how_sure.softmax(dim=-1)
        features, boxes, classes = (
            pad_sequence([found[row][part] for row in sorted(found)], batch_first=True)
            for part in range(3)
        )
        counts = torch.tensor([len(found[row][0]) for row in sorted(found)], device=boxes.device)
        mask = torch.arange(boxes.shape[1], device=boxes.device) < counts[:, None]
        return RegionBatch(features=features, boxes=boxes, mask=mask, classes=classes)

    def describe(
        self, image: ImageBatch, boxes: Float[Tensor, "b n 4"], mask: Bool[Tensor, "b n"]
    ) -> RegionBatch:
        """What is in boxes that are given: cells of a grid, or those that a phrase speaks of.

        Args:
            image: Pictures.
            boxes: As shares of their real sides.
            mask: Which of them are boxes.
        """
        n = boxes.shape[1]
        found: dict[int, tuple[Tensor, Tensor]] = {}
        for some in self._pictures(image):
            features, logits, _ = self._read(some, [boxes[row] * some.size for row in some.rows])
            found |= zip(some.rows, zip(features, logits, strict=True), strict=True)
        features, logits = (
            torch.stack([found[row][part] for row in sorted(found)]) for part in range(2)
        )
        real = mask.reshape(-1, n, 1)
        return RegionBatch(
            features=features * real,
            boxes=boxes * real,
            mask=mask,
            classes=logits.softmax(dim=-1) * real,
        )

    def look(self, image: ImageBatch, *, limit: int = 36) -> tuple[Sight, ...]:
        """Every stage of ``forward``, picture by picture."""
        from torchvision.ops import clip_boxes_to_image

        found: dict[int, Sight] = {}
        for some in self._pictures(image):
            boxes, logits = self._proposed(some)
            scores, order = logits.topk(min(self.rpn.pre_nms_top_n(), logits.shape[1]))
            proposals, proposal_scores = self._proposals(some, boxes, logits)
            kept = self._kept(some, limit=limit)
            for at, row in enumerate(some.rows):
                ranked = clip_boxes_to_image(boxes[at, order[at]], some.sizes[at])
                found[row] = Sight(
                    ranked=ranked / some.size,
                    ranked_scores=scores[at].sigmoid(),
                    proposals=proposals[at] / some.size,
                    proposal_scores=proposal_scores[at],
                    boxes=kept[at][0] / some.size,
                    classes=kept[at][1],
                    scores=kept[at][2],
                )
        return tuple(found[row] for row in sorted(found))

    def losses(self, image: ImageBatch, truths: Sequence[TrueBoxes]) -> dict[str, Tensor]:
        """What training is to make small: ``LOSSES``, of which anchors and boxes chance decides.

        Args:
            image: Pictures.
            truths: What is in each of them.

        Raises:
            ValueError: A detector that is not in training, or truths of other pictures.
        """
        if not self.training:
            raise ValueError("losses are a detector's in training: call train() first")
        if len(truths) != len(image.pixels):
            raise ValueError(f"expected truths of {len(image.pixels)} pictures, got {len(truths)}")
        total = {name: image.pixels.new_zeros(()) for name in LOSSES.values()}
        for some in self._pictures(image):
            asked = [
                {"boxes": truths[row].boxes * some.size, "labels": truths[row].classes}
                for row in some.rows
            ]
            grids = {"0": some.grid}
            proposals, of_proposals = self.rpn(some.images, grids, asked)
            _, of_boxes = self.roi_heads(grids, proposals, some.sizes, asked)
            for name, loss in (of_proposals | of_boxes).items():
                total[LOSSES[name]] = total[LOSSES[name]] + loss * len(some.rows) / len(truths)
        return total

    def judges(self) -> tuple[nn.Module, nn.Module]:
        """The parts that say what is where: of proposals, and of boxes."""
        return self.rpn.head, self.roi_heads.box_predictor

    def closing_norms(self) -> list[nn.Module]:
        """The last BatchNorm of each block: with a weight of 0, the block changes nothing."""
        last = "bn3" if self._bottleneck else "bn2"
        return [part for name, part in self.named_modules() if name.endswith(f".{last}")]

    def _norms(self) -> list[nn.BatchNorm2d]:
        return [part for part in self.modules() if isinstance(part, nn.BatchNorm2d)]

    def _pictures(self, image: ImageBatch) -> Iterator[_Pictures]:
        """Those of one size after the other, without their padding but up to whole cells."""
        from torchvision.models.detection.image_list import ImageList

        by_size: dict[tuple[int, int], list[int]] = {}
        for row, size in enumerate(_sizes(image)):
            by_size.setdefault(size, []).append(row)
        for (height, width), rows in by_size.items():
            pixels = image.pixels if len(by_size) == 1 else image.pixels[rows]
            stride = self.cnn.stride
            pixels = pad(pixels[..., :height, :width], (0, -width % stride, 0, -height % stride))
            yield _Pictures(
                rows=rows,
                images=ImageList(pixels, [(height, width)] * len(rows)),
                grid=self.cnn(pixels).float(),
                size=pixels.new_tensor((width, height, width, height)),
            )

    def _proposed(self, some: _Pictures) -> tuple[Float[Tensor, "b a 4"], Float[Tensor, "b a"]]:
        """Every anchor, moved as the RPN asks, and how sure it is of it, as a logit."""
        (logits,), (moves,) = self.rpn.head([some.grid])
        anchors = self.rpn.anchor_generator(some.images, [some.grid])
        moves = rearrange(moves, "b (a four) rows columns -> (b rows columns a) four", four=4)
        boxes = self.rpn.box_coder.decode(moves.float(), anchors)
        logits = rearrange(logits, "b a rows columns -> b (rows columns a)")
        return rearrange(boxes, "(b a) 1 four -> b a four", b=len(some.rows)), logits.float()

    def _proposals(
        self, some: _Pictures, boxes: Float[Tensor, "b a 4"], logits: Float[Tensor, "b a"]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Of each picture, the boxes in pixels that NMS leaves, and how sure the RPN is of them."""
        return self.rpn.filter_proposals(boxes, logits, some.sizes, [logits.shape[1]])

    def _read(
        self, some: _Pictures, boxes: Sequence[Tensor]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Of each picture, the features, class logits and moves of boxes in pixels."""
        heads = self.roi_heads
        features = heads.box_head(heads.box_roi_pool({"0": some.grid}, boxes, some.sizes)).float()
        counts = [len(each) for each in boxes]
        logits, moves = heads.box_predictor(features)
        return features.split(counts), logits.float().split(counts), moves.float().split(counts)

    def _kept(self, some: _Pictures, *, limit: int) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Of each picture, the boxes in pixels that are told, and the class and score of each."""
        from torchvision.ops import clip_boxes_to_image

        proposals, _ = self._proposals(some, *self._proposed(some))
        _, logits, moves = self._read(some, proposals)
        found = []
        for at, own in enumerate(proposals):
            chances = logits[at].softmax(dim=-1)
            boxes = repeat(own, "p four -> p k four", k=chances.shape[1])
            if self.refined:
                moved = self.roi_heads.box_coder.decode(moves[at], [own])
                boxes = clip_boxes_to_image(moved, some.sizes[at])
            which, classes, scores = self._chosen(boxes, chances, limit=limit)
            found.append((boxes[which, classes], classes, scores))
        return found

    def _chosen(
        self, boxes: Float[Tensor, "p k 4"], chances: Float[Tensor, "p k"], *, limit: int
    ) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"], Float[Tensor, " n"]]:
        """Which proposals are told, the surest first; for which class, and how sure that is."""
        # What NMS keeps of sure boxes does not depend on those that are less sure.
        lower, fewest = self.threshold, min(self.fewest, len(boxes))
        scores, classes = self._suppressed(boxes, chances, above=lower).max(dim=1)
        while (scores > 0).sum() < fewest and lower > 0:
            lower = lower / 4 if lower > 1e-4 else 0.0
            scores, classes = self._suppressed(boxes, chances, above=lower).max(dim=1)
        count = max(int((scores > self.threshold).sum()), fewest)
        order = scores.argsort(descending=True, stable=True)[: min(count, limit)]
        order = order[scores[order] > 0]
        return order, classes[order], scores[order]

    def _suppressed(
        self, boxes: Float[Tensor, "p k 4"], chances: Float[Tensor, "p k"], *, above: float
    ) -> Float[Tensor, "p k"]:
        """The chances that NMS within each class leaves; 0 elsewhere, and for the background."""
        from torchvision.ops import batched_nms

        real = ((boxes[..., 2:] - boxes[..., :2]) >= _SMALLEST).all(dim=-1)
        asked = real & (chances > above)
        asked[:, 0] = False
        which, classes = asked.nonzero(as_tuple=True)
        scores = chances[which, classes]
        kept = batched_nms(boxes[which, classes], scores, classes, self.roi_heads.nms_thresh)
        left = torch.zeros_like(chances)
        left[which[kept], classes[kept]] = scores[kept]
        return left


def _sizes(image: ImageBatch) -> list[tuple[int, int]]:
    """Height and width of each picture without its padding."""
    if image.mask is None:
        return [(image.pixels.shape[-2], image.pixels.shape[-1])] * len(image.pixels)
    heights, widths = (image.mask.any(dim=axis).sum(dim=1).tolist() for axis in (2, 1))
    return list(zip(heights, widths, strict=True))


def regions_of(image: ImageBatch | RegionBatch, detector: Detector | None) -> RegionBatch:
    """What a detector saw in pictures, where it is not given already.

    Raises:
        ValueError: Pixels, and no detector.
    """
    if isinstance(image, RegionBatch):
        return image
    if detector is None:
        raise ValueError("expected the regions of a detector, got pixels and no detector for them")
    return detector(image)
