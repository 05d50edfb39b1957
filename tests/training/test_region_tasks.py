"""What only models of regions learn, a few examples by heart: every wire is in its place."""

from dataclasses import replace

import pytest
import torch
from einops import rearrange
from torch import nn
from torchvision.ops import roi_align

from vilt_core.config import UniterConfig, VilbertConfig
from vilt_core.data.regions import overlaps_with
from vilt_core.layers.detector import Detector
from vilt_core.models import of_config
from vilt_core.models.vilbert import Vilbert
from vilt_core.training.batches import Batch, collate, counts
from vilt_core.training.optim import build_optimizer, learning_rate, set_rate
from vilt_core.training.rivals import FURTHER
from vilt_core.training.step import losses
from vilt_core.training.stickers import StickerRows
from vilt_core.types import ImageBatch, RegionBatch

HEADS = {"answers": 0, "referring": True, "choice": True, "region_width": 48, "dropout": 0.0}
CONFIGS = {
    "vilbert": VilbertConfig(
        vocab_size=600,
        text_width=48,
        text_depth=2,
        text_heads=2,
        text_mlp_width=96,
        max_text_tokens=40,
        image_width=48,
        image_depth=2,
        image_heads=2,
        image_mlp_width=96,
        meeting_width=48,
        meeting_heads=2,
        pooled_width=48,
        **HEADS,
    ),
    "uniter": UniterConfig(
        vocab_size=600, width=48, depth=2, heads=2, mlp_width=96, max_text_tokens=40, **HEADS
    ),
}
STAGE = replace(FURTHER["vilbert-mini-tasks"]().stages[0], learning_rate=4e-3)


class Crops(Detector):
    """In place of a detector: it tells boxes that it was given, and colours on a grid in them."""

    def __init__(self, boxes: torch.Tensor):
        nn.Module.__init__(self)
        self.boxes = boxes

    def forward(self, image: ImageBatch) -> RegionBatch:
        return self.describe(image, self.boxes, torch.ones(self.boxes.shape[:2], dtype=torch.bool))

    def describe(self, image: ImageBatch, boxes, mask) -> RegionBatch:
        size = image.pixels.shape[-1]
        grids = roi_align(image.pixels, list(boxes * size), 4, aligned=True)
        features = rearrange(grids, "(b n) c rows columns -> b n (c rows columns)", b=len(boxes))
        return RegionBatch(features=features * mask[..., None], boxes=boxes, mask=mask)


def batch_of(kind: str, tokenizer, *, size: int = 16) -> Batch:
    stage = replace(STAGE, mix={kind: 1.0}, batch_size=size)
    source = StickerRows(stage, tokenizer=tokenizer, image_size=64, patch_size=8, seed=3)
    return collate(kind, source.rows(0, range(size)), pad=tokenizer.pad)


def near(batch: Batch) -> torch.Tensor:
    """Boxes as a detector tells them: in the middle of the picture, and not quite on things."""
    assert batch.boxes is not None
    moved = (batch.boxes + 0.02).clamp(max=1.0)
    middle = torch.tensor([0.3, 0.3, 0.7, 0.7]).expand(len(moved), 1, 4)
    return torch.cat([middle, moved], dim=1)


@pytest.fixture(params=CONFIGS)
def model(request):
    torch.manual_seed(0)
    return of_config(CONFIGS[request.param])


def learn(model, batch: Batch, *, steps: int) -> tuple[float, float]:
    """The loss of the first step and of the last."""
    stage = replace(STAGE, steps=steps)
    optimizer = build_optimizer(model, stage)
    course = []
    for step in range(steps):
        set_rate(optimizer, learning_rate(stage, step))
        (loss,) = losses(model, batch, stage).values()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        course.append(float(loss.detach()))
    return course[0], course[-1]


def test_sixteen_expressions_are_learned_by_heart(model, tokenizer):
    batch = batch_of("referring", tokenizer)
    model.image_detector = Crops(near(batch))
    first, last = learn(model, batch, steps=160)
    assert last < 0.1 * first
    with torch.no_grad():
        seen = model.look(batch.image)
        best = model.referring(model(batch.text, seen).image).argmax(dim=1)
    meant = batch.boxes[torch.arange(16), batch.meant]
    overlap = overlaps_with(seen.boxes, meant[:, None])[torch.arange(16), best, 0]
    assert (overlap >= 0.5).all()


def test_sixteen_choices_are_learned_by_heart(model, tokenizer):
    batch = batch_of("choices", tokenizer)
    boxes = torch.tensor(
        [[x, y, x + 0.25, y + 0.25] for x in (0, 0.25, 0.5, 0.75) for y in (0, 0.25, 0.5, 0.75)]
    )
    model.image_detector = Crops(boxes.expand(16, 16, 4))
    first, last = learn(model, batch, steps=100)
    assert last < 0.1 * first
    with torch.no_grad():
        shown = model.look(batch.image).take([row for row in range(16) for _ in range(4)])
        scores = model.choice(model(batch.text, shown).pooled).view(16, 4)
    meant = batch.chosen[:, None]
    ahead = (scores.gather(1, meant) - scores.scatter(1, meant, -torch.inf).amax(1, True)).view(-1)
    if isinstance(model, Vilbert):
        assert torch.equal(scores.argmax(dim=1), batch.chosen)
    # UNITER's pooler is a tanh: where it is full, two candidates may have the same score.
    assert (ahead > -0.05).all()
    assert (ahead > 1).sum() >= 13


def test_true_boxes_are_seen_in_training_beside_those_of_the_detector(model, tokenizer):
    """Where the detector is off, what is meant is to be found all the same."""
    batch = batch_of("referring", tokenizer, size=4)
    model.image_detector = Crops(torch.tensor([0.0, 0.0, 0.01, 0.01]).expand(4, 1, 4))
    model.referring.dense.weight.data.zero_()
    model.referring.dense.bias.data.fill_(-20.0)
    loss = losses(model, batch, STAGE)["referring"]
    assert float(loss.detach()) == pytest.approx(
        20.0, rel=0.2
    )  # one of them fits, or two that overlap
    assert counts(batch) == {"referring": 4}


def test_what_is_missing_is_said_in_a_sentence(model, tokenizer):
    with pytest.raises(ValueError, match="a detector that looks at them"):
        losses(model, batch_of("referring", tokenizer, size=2), STAGE)
    model.referring = model.choice = None
    for kind, head in (("referring", "referring"), ("choices", "choice")):
        with pytest.raises(ValueError, match=f"no {head} head"):
            losses(model, batch_of(kind, tokenizer, size=2), STAGE)


def test_what_may_have_moved_is_not_asked_about(tokenizer):
    with pytest.raises(ValueError, match="nothing referred to"):
        StickerRows(
            replace(STAGE, augment=True), tokenizer=tokenizer, image_size=64, patch_size=8, seed=0
        )
