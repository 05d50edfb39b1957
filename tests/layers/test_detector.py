"""Laws of the detector, against torchvision's Faster R-CNN and bottom-up attention's choice."""

from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from torch import nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import MultiScaleRoIAlign, box_iou, nms

from vilt_core.config import CnnConfig, DetectorConfig, bottom_up_r101, detector_mini
from vilt_core.data.image import normalise
from vilt_core.layers.boxes import TrueBoxes
from vilt_core.layers.detector import LOSSES, Detector
from vilt_core.layers.init import initialise
from vilt_core.types import ImageBatch
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import scene
from vilt_core.world.sprites import sprites

SMALL = DetectorConfig(
    cnn=CnnConfig(depths=(1, 1, 1), widths=(8, 12, 16), bottleneck=False, stages=3),
    classes=5,
    anchor_sizes=(16, 32),
    anchor_ratios=(0.5, 1.0),
    proposal_width=10,
    ranked=60,
    proposals=20,
    cells=6,
    dilated=False,
    refined=True,
    threshold=0.3,
    fewest=2,
    overlap=0.4,
    trained_anchors=32,
    trained_boxes=16,
    frozen_norm=False,
)
PUBLISHED = replace(SMALL, refined=False)


def built(config: DetectorConfig = SMALL) -> Detector:
    """A detector that is sure of this and that, and moves its boxes about."""
    torch.manual_seed(0)
    whole = Detector(**config.numbers())
    initialise(whole)
    with torch.no_grad():
        for norm in whole.closing_norms():
            norm.weight.fill_(0.5)
        for judge in whole.judges():
            for name, parameter in judge.named_parameters():
                parameter.normal_(std=0.05 if name.startswith("bbox_pred") else 0.3)
        whole.roi_heads.box_predictor.cls_score.weight.mul_(6)
    return whole.eval()


def pictures(*sizes: tuple[int, int]) -> ImageBatch:
    height, width = (max(side) for side in zip(*sizes, strict=True))
    mask = torch.zeros(len(sizes), height, width, dtype=torch.bool)
    for real, (h, w) in zip(mask, sizes, strict=True):
        real[:h, :w] = True
    noise = torch.rand(len(sizes), 3, height, width, generator=torch.Generator().manual_seed(1))
    return ImageBatch(pixels=(2 * noise - 1) * mask[:, None], mask=mask)


def torchvisions(own: Detector, *, threshold: float) -> GeneralizedRCNN:
    """torchvision's, assembled by itself around the weights of ours."""

    class Backbone(nn.Module):
        out_channels = own.cnn.width

        def forward(self, pixels):
            return OrderedDict({"0": own.cnn(pixels)})

    rpn = RegionProposalNetwork(
        own.rpn.anchor_generator,
        own.rpn.head,
        0.7,
        0.3,
        SMALL.trained_anchors,
        0.5,
        {"training": SMALL.ranked, "testing": SMALL.ranked},
        {"training": SMALL.proposals, "testing": SMALL.proposals},
        SMALL.proposal_overlap,
    )
    heads = RoIHeads(
        MultiScaleRoIAlign(["0"], output_size=SMALL.cells, sampling_ratio=2),
        own.roi_heads.box_head,
        own.roi_heads.box_predictor,
        0.5,
        0.5,
        SMALL.trained_boxes,
        0.5,
        None,
        threshold,
        SMALL.overlap,
        SMALL.proposals,
    )
    plain = GeneralizedRCNNTransform(
        64, 96, [0.0] * 3, [1.0] * 3, size_divisible=own.cnn.stride, _skip_resize=True
    )
    return GeneralizedRCNN(Backbone(), rpn, heads, plain).train(own.training)


@torch.no_grad()
def test_it_sees_what_torchvisions_sees():
    """Of what it is sure of by more than a half, a proposal has one class at most."""
    own = built(replace(SMALL, threshold=0.5, fewest=1))
    image = pictures((64, 96), (64, 96))
    for sight, expected in zip(
        own.look(image), torchvisions(own, threshold=0.5)(list(image.pixels)), strict=True
    ):
        assert len(sight.boxes) > 3
        size = torch.tensor([96.0, 64.0, 96.0, 64.0])
        torch.testing.assert_close(sight.boxes * size, expected["boxes"])
        torch.testing.assert_close(sight.scores, expected["scores"])
        assert torch.equal(sight.classes, expected["labels"])


def test_it_learns_what_torchvisions_learns():
    own, image = built().train(), pictures((64, 96), (64, 96))
    boxes = torch.tensor([[0.1, 0.2, 0.4, 0.6], [0.5, 0.5, 0.8, 0.9]])
    truths = [TrueBoxes(boxes=boxes[:n], classes=torch.tensor([2, 4])[:n]) for n in (1, 2)]
    size = torch.tensor([96.0, 64.0, 96.0, 64.0])
    torch.manual_seed(3)
    found = own.losses(image, truths)
    torch.manual_seed(3)
    expected = torchvisions(own, threshold=0.5)(
        list(image.pixels), [{"boxes": t.boxes * size, "labels": t.classes} for t in truths]
    )
    assert found.keys() == set(LOSSES.values())
    for theirs, ours in LOSSES.items():
        torch.testing.assert_close(found[ours], expected[theirs])


@torch.no_grad()
def test_which_proposals_count_is_bottom_up_attentions_choice():
    """Its loop over the classes, in which every proposal keeps the best score that NMS leaves."""
    own = built(replace(PUBLISHED, fewest=10))
    image = pictures((64, 96))
    seen = own(image, limit=12)
    (sight,) = own.look(image, limit=12)
    of_all = own.describe(image, sight.proposals[None], torch.ones(1, 20, dtype=torch.bool))
    size = torch.tensor([96.0, 64.0, 96.0, 64.0])
    most = torch.zeros(20)
    for column in range(1, 5):
        scores = of_all.classes[0, :, column]
        kept = nms(sight.proposals * size, scores, SMALL.overlap)
        most[kept] = torch.maximum(most[kept], scores[kept])
    count = max(int((most > SMALL.threshold).sum()), 10)
    order = most.argsort(descending=True)[: min(count, 12)]
    torch.testing.assert_close(seen.boxes[0], sight.proposals[order])
    torch.testing.assert_close(seen.features[0], of_all.features[0, order])
    torch.testing.assert_close(sight.scores, most[order])


@pytest.fixture(params=[SMALL, PUBLISHED], ids=["refined", "as proposed"])
def own(request):
    return built(request.param)


@torch.no_grad()
def test_shapes_and_laws_of_regions(own):
    image = pictures((64, 96), (50, 71))
    seen = own(image, limit=7)
    b, n = seen.mask.shape
    assert (b, seen.features.shape[-1]) == (2, own.width)
    assert 2 <= n <= 7
    assert seen.classes.shape == (2, n, 5)
    torch.testing.assert_close(seen.classes.sum(-1), seen.mask.float())
    assert (seen.boxes >= 0).all()
    assert (seen.boxes <= 1).all()
    assert (seen.boxes[..., :2] < seen.boxes[..., 2:])[seen.mask].all()
    assert not seen.features[~seen.mask].any()
    for sight, real in zip(own.look(image, limit=7), seen.mask, strict=True):
        assert len(sight.boxes) == real.sum()
        for scores in (sight.ranked_scores, sight.proposal_scores, sight.scores):
            assert (scores.diff() <= 0).all()
        assert len(sight.ranked) > len(sight.proposals) >= len(sight.boxes)
        assert (sight.classes > 0).all()


@torch.no_grad()
def test_padding_changes_nothing(own):
    sizes = (64, 96), (50, 71), (64, 96)
    image = pictures(*sizes)
    together = own(image)
    for row, (height, width) in enumerate(sizes):
        alone = own(ImageBatch(pixels=image.pixels[row : row + 1, :, :height, :width]))
        n = int(together.mask[row].sum())
        assert alone.mask.shape == (1, n)
        torch.testing.assert_close(together.boxes[row, :n], alone.boxes[0])
        torch.testing.assert_close(together.features[row, :n], alone.features[0])
        torch.testing.assert_close(together.classes[row, :n], alone.classes[0])


@torch.no_grad()
def test_describing_its_own_boxes_is_seeing_them(own):
    image = pictures((64, 96), (50, 71))
    seen = own(image)
    again = own.describe(image, seen.boxes, seen.mask)
    torch.testing.assert_close(again.features, seen.features)
    torch.testing.assert_close(again.classes, seen.classes)
    assert torch.equal(again.mask, seen.mask)


@torch.no_grad()
def test_nms_leaves_little_overlap(own):
    image = pictures((64, 96), (50, 71))
    sizes = torch.tensor([[96.0, 64.0], [71.0, 50.0]]).repeat(1, 2)
    for sight, size in zip(own.look(image), sizes, strict=True):
        shared = box_iou(sight.proposals * size, sight.proposals * size).fill_diagonal_(0)
        assert (shared <= SMALL.proposal_overlap).all()
        assert (box_iou(sight.ranked * size, sight.ranked * size).fill_diagonal_(0) > 0.7).any()
        shared = box_iou(sight.boxes * size, sight.boxes * size).fill_diagonal_(0)
        alike = sight.classes[:, None] == sight.classes
        assert (shared[alike] <= SMALL.overlap).all()


@torch.no_grad()
def test_what_is_sure_of_nothing_still_tells_the_fewest(own):
    own.threshold = 1.0
    image = pictures((64, 96))
    (sight,) = own.look(image)
    assert len(sight.boxes) == SMALL.fewest
    own.threshold = 1e-9
    (all_of_them,) = own.look(image)
    torch.testing.assert_close(sight.boxes, all_of_them.boxes[: SMALL.fewest])
    torch.testing.assert_close(sight.scores, all_of_them.scores[: SMALL.fewest])


@torch.no_grad()
def test_more_regions_than_proposals_are_not_looked_for(own, monkeypatch):
    """Every further round of NMS would be one over all classes of all proposals, for nothing."""
    rounds = []
    suppressed = own._suppressed
    monkeypatch.setattr(
        own, "_suppressed", lambda *given, **how: rounds.append(how) or suppressed(*given, **how)
    )
    own.threshold = 1e-9
    (all_of_them,) = own.look(pictures((64, 96)))
    own.fewest, once = 1000 * len(all_of_them.boxes), len(rounds)
    (still,) = own.look(pictures((64, 96)))
    assert len(rounds) == 2 * once == 2
    torch.testing.assert_close(still.boxes, all_of_them.boxes)


@torch.no_grad()
def test_a_fresh_detector_proposes_its_anchors():
    torch.manual_seed(0)
    deep = CnnConfig(depths=(2, 2, 20, 2), widths=(8, 16, 32, 64))
    sizes = replace(bottom_up_r101(), cnn=deep, classes=11, proposal_width=64, proposals=50)
    fresh = Detector(**sizes.numbers()).eval()
    initialise(fresh)
    some = next(fresh._pictures(pictures((128, 160))))
    boxes, logits = fresh._proposed(some)
    (anchors,) = fresh.rpn.anchor_generator(some.images, [some.grid])
    sides = (anchors[:, 2:] - anchors[:, :2]).repeat(1, 2)
    assert ((boxes[0] - anchors) / sides).abs().max() < 0.5
    assert (logits.sigmoid() - 0.5).abs().max() < 0.4
    seen = fresh(pictures((128, 160)))
    assert seen.mask.sum() >= 10
    assert 0.01 < seen.features.std() < 10


def test_batch_norm_is_frozen_where_it_was_published_so():
    frozen, taught = built(replace(SMALL, frozen_norm=True)).train(), built().train()
    truths = [TrueBoxes(boxes=torch.tensor([[0.1, 0.1, 0.5, 0.5]]), classes=torch.tensor([1]))]
    for whole, moves in ((frozen, False), (taught, True)):
        norm = whole.cnn.stem[1]
        before = norm.running_mean.clone()
        sum(whole.losses(pictures((64, 64)), truths).values()).backward()
        assert (not torch.equal(norm.running_mean, before)) is moves
        assert (norm.weight.grad is not None) is moves
        assert whole.rpn.head.cls_logits.weight.grad is not None


def test_what_is_frozen_stays_so_in_a_whole_that_trains():
    own = built().freeze()
    whole = nn.ModuleList([own, nn.Linear(own.width, 2)]).train()
    assert not any(part.training for part in own.modules())
    whole[1](own(pictures((64, 64))).features).sum().backward()
    assert all(parameter.grad is None for parameter in own.parameters())
    with pytest.raises(ValueError, match="losses are a detector's in training"):
        own.losses(pictures((64, 64)), [])


def test_it_learns_a_handful_of_stickers():
    torch.manual_seed(0)
    whole = Detector(**detector_mini().numbers())
    initialise(whole)
    scenes = [scene(0, index) for index in range(4)]
    image = ImageBatch(pixels=torch.stack([normalise(paint(one).pixels) for one in scenes]))
    truths = [
        TrueBoxes(
            boxes=torch.tensor([thing.box for thing in one.objects]),
            classes=torch.tensor([thing.sprite.index + 1 for thing in one.objects]),
        )
        for one in scenes
    ]
    optimizer = torch.optim.AdamW(whole.parameters(), lr=3e-3)
    told = []
    for _ in range(20):
        loss = sum(whole.train().losses(image, truths).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        told.append(loss.item())
    assert told[-1] < told[0] / 2


def test_as_many_truths_as_pictures():
    with pytest.raises(ValueError, match="expected truths of 1 pictures, got 0"):
        built().train().losses(pictures((64, 64)), [])


def test_published_sizes():
    """ResNet-101, a convolution of 512 with 12 anchors, 1601 classes and a box for each."""
    with torch.device("meta"):
        whole = Detector(**bottom_up_r101().numbers())
    assert whole.cnn.stride == 16
    assert whole.width == bottom_up_r101().width == 2048

    def count(part) -> int:
        return sum(parameter.numel() for parameter in part.parameters())

    linear = lambda inputs, outputs: inputs * outputs + outputs  # noqa: E731
    assert count(whole.cnn) + count(whole.roi_heads.box_head) == 44_549_160 - linear(2048, 1000)
    assert count(whole.rpn) == linear(9 * 1024, 512) + linear(512, 12) + linear(512, 4 * 12)
    assert count(whole.roi_heads.box_predictor) == linear(2048, 1601) + linear(2048, 4 * 1601)
    stage = whole.roi_heads.box_head.stage
    pooled = torch.zeros(2, 1024, 14, 14, device="meta")
    assert stage(pooled).shape == (2, 2048, 14, 14)  # dilated: res5 of its prototxt
    assert {part.dilation for part in stage.modules() if isinstance(part, nn.Conv2d)} == {
        (1, 1),
        (2, 2),
    }


def test_mini_is_small_and_knows_the_world():
    config = detector_mini()
    assert config.classes == 1 + len(sprites())
    assert config.width == 256
    whole = Detector(**config.numbers())
    assert whole.cnn.stride == 8
    assert 2 * sum(value.numel() for value in whole.state_dict().values()) < 2e6  # bytes of float16
    with pytest.raises(ValueError, match="a detector needs 2 stages of its CNN, got 1"):
        DetectorConfig(cnn=CnnConfig(stages=1))
