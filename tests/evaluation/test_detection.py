"""Laws of average precision, and that what is found is measured."""

import pytest
import torch

from vilt_core.config import detector_mini
from vilt_core.evaluation.detection import average_precision, boxes_of, hits_of, measure_detector
from vilt_core.layers.detector import Detector
from vilt_core.layers.init import initialise
from vilt_core.types import RegionBatch
from vilt_core.world.scenes import scene


@pytest.mark.parametrize(
    ("hits", "truths", "expected"),
    [
        ([True, True, True], 3, 1.0),
        ([True, False, False], 1, 1.0),
        ([False, True], 1, 1 / 2),
        ([True, True], 4, 1 / 2),  # half of what is there is never found
        # Precisions 1, 1/2, 2/3, 3/4: the best at recalls of 2/3 and beyond is 3/4.
        ([True, False, True, True], 3, (1 + 3 / 4 + 3 / 4) / 3),
        ([False, False], 2, 0.0),
        ([], 2, 0.0),
    ],
)
def test_average_precision_of_lists_that_can_be_summed_by_hand(hits, truths, expected):
    hit = torch.tensor(hits, dtype=torch.bool)
    surest_first = torch.linspace(0.9, 0.1, len(hits))
    assert average_precision(surest_first, hit, truths=truths) == pytest.approx(expected)
    shuffled = torch.randperm(len(hits), generator=torch.Generator().manual_seed(0))
    found = average_precision(surest_first[shuffled], hit[shuffled], truths=truths)
    assert found == pytest.approx(expected)


def test_a_thing_is_found_once():
    truths = torch.tensor([[0.0, 0.0, 0.4, 0.4], [0.5, 0.5, 1.0, 1.0]])
    boxes = torch.tensor(
        [
            [0.0, 0.0, 0.4, 0.4],
            [0.0, 0.0, 0.4, 0.38],  # on what is found already
            [0.5, 0.5, 0.7, 1.0],  # IoU of 0.4
            [0.5, 0.5, 1.0, 0.75],  # of 0.5
        ]
    )
    assert hits_of(boxes, truths).tolist() == [True, False, False, True]
    assert hits_of(boxes, truths[:0]).tolist() == [False] * 4
    assert hits_of(boxes[:0], truths).tolist() == []


class Oracle(Detector):
    """Tells what is in the test split's first scenes, in another order and with one thing less."""

    def __init__(self):
        super().__init__(**detector_mini().numbers())
        self.at = 0

    def forward(self, image, *, limit):
        there = range(self.at, self.at + len(image.pixels))
        truths = [boxes_of(scene(0, at, split="test")) for at in there]
        self.at += len(truths)
        boxes = torch.zeros(len(truths), 6, 4)
        classes = torch.zeros(len(truths), 6, detector_mini().classes)
        mask = torch.zeros(len(truths), 6, dtype=torch.bool)
        for row, truth in enumerate(truths):
            n = len(truth.boxes)
            boxes[row, :n] = truth.boxes.flip(0)
            mask[row, : n - 1] = True
            classes[row, range(n), truth.classes.flip(0)] = torch.linspace(0.9, 0.5, n)
        return RegionBatch(
            features=torch.zeros(len(truths), 6, 1), boxes=boxes, mask=mask, classes=classes
        )


def test_an_oracle_that_omits_one_thing_of_each_picture():
    seen = [scene(0, at, split="test") for at in range(20)]
    things = sum(len(one.objects) for one in seen)
    told = measure_detector(Oracle(), pictures=20)
    assert told["pictures"] == 20
    assert told["things"] == things
    assert told["regions"] == pytest.approx((things - 20) / 20)
    assert told["recall"] == told["named"] == pytest.approx((things - 20) / things)
    assert 0 < told["average_precision"] < 1


def test_a_fresh_detector_finds_next_to_nothing():
    torch.manual_seed(0)
    fresh = Detector(**detector_mini().numbers()).eval()
    initialise(fresh)
    told = measure_detector(fresh, pictures=4)
    assert told["regions"] == 1.0  # the fewest
    assert told["average_precision"] < 0.1
