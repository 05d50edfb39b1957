import json

import pytest
import torch
from PIL import Image
from torch import nn

from vilt_core.data.examples import CaptionExample, DataSet, ImageFile
from vilt_core.evaluation import evaluate, matching_accuracy
from vilt_core.evaluation.matching import judged, match_probabilities
from vilt_core.evaluation.sources import pairs_of
from vilt_core.world.negatives import CHANGES


def test_the_truth_is_perfect_and_its_opposite_always_wrong():
    pairs = pairs_of("world:test", limit=200)
    truth = [float(one.matched) for one in pairs]
    right, wrong = judged(pairs, truth), judged(pairs, [1 - p for p in truth])
    for found, share in ((right, 1.0), (wrong, 0.0)):
        assert found["accuracy"] == found["hard_negatives"] == share
        assert set(found["by_change"]) <= set(CHANGES)
        assert set(found["by_change"].values()) == {share}


@pytest.mark.parametrize("belief", [0.0, 0.5, 1.0])
def test_whoever_does_not_look_scores_chance(belief):
    pairs = pairs_of("world:test", limit=400)
    found = judged(pairs, [belief] * 400)
    assert found["accuracy"] == found["hard_negatives"] == found["chance"] == 0.5
    assert set(found["by_change"].values()) == {0.5}


def test_near_misses_do_not_count_among_the_random_ones():
    pairs = pairs_of("world:test", limit=200)
    found = judged(pairs, [float(one.matched or one.changed is not None) for one in pairs])
    assert found["accuracy"] == 1.0
    assert found["hard_negatives"] == 0.5


class Believing(nn.Module):
    """An ITM head that believes a given logit."""

    def __init__(self, logit):
        super().__init__()
        self.logit = logit

    def forward(self, pooled):
        return torch.tensor([[0.0, self.logit]]).expand(len(pooled), -1)


def test_row_one_of_the_head_is_matches(spare):
    pairs = pairs_of("world:test", limit=8)
    spare.model.itm = Believing(2.0)
    expected = torch.tensor(2.0).sigmoid().item()
    assert match_probabilities(spare, pairs) == pytest.approx([expected] * 8)


def test_what_is_reported(bundle):
    found = evaluate(bundle, task="matching", on="world:composition", limit=40, batch_size=16)
    assert json.loads(json.dumps(found)) == found
    assert found["task"] == "matching"
    assert found["examples"] == 40
    assert 0 <= found["accuracy"] <= 1
    assert 0 <= found["hard_negatives"] <= 1


@pytest.fixture
def captions(tmp_path):
    def write(*lines):
        for name in "abc":
            Image.new("RGB", (32, 32), "red").save(tmp_path / f"{name}.png")
        path = tmp_path / "captions.jsonl"
        path.write_text("\n".join(json.dumps(line) for line in lines))
        return path

    return write


def test_a_file_of_ones_own(bundle, captions):
    path = captions(
        {"image": "a.png", "caption": "a cat", "hard_negative": "a dog", "changed": "noun"},
        {"image": "a.png", "caption": "one cat"},
        {"image": "b.png", "caption": "a cow"},
    )
    assert [(one.text, one.matched, one.changed) for one in pairs_of(path)] == [
        ("a cat", True, None),
        ("a cow", False, None),
        ("a cat", True, "noun"),
        ("a dog", False, "noun"),
        ("one cat", True, None),
        ("a cow", False, None),
        ("a cow", True, None),
        ("a cat", False, None),
    ]
    assert matching_accuracy(bundle, on=path)["examples"] == 8


def test_a_file_without_near_misses(bundle, captions):
    path = captions({"image": "a.png", "caption": "a cat"}, {"image": "b.png", "caption": "a cow"})
    found = matching_accuracy(bundle, on=path)
    assert found["hard_negatives"] is None
    assert found["by_change"] == {}


def test_one_picture_alone(captions):
    path = captions({"image": "a.png", "caption": "a cat"}, {"image": "a.png", "caption": "a dog"})
    with pytest.raises(ValueError, match="at least two pictures"):
        pairs_of(path)


def test_the_same_words_are_false_of_no_picture_that_has_them(captions):
    path = captions(
        {"image": "a.png", "caption": "a cat"},
        {"image": "b.png", "caption": "A cat"},
        {"image": "c.png", "caption": "a cow"},
    )
    told = [(one.text.lower(), one.matched) for one in pairs_of(path)]
    assert told == [("a cat", True), ("a cow", False)] * 2 + [("a cow", True), ("a cat", False)]
    path = captions({"image": "a.png", "caption": "a cat"}, {"image": "b.png", "caption": "a cat"})
    with pytest.raises(ValueError, match="cannot be told apart"):
        pairs_of(path)


def test_a_data_set(captions):
    captions({"image": "a.png", "caption": "a cat"})
    folder = captions().parent
    examples = [
        CaptionExample(image=ImageFile(folder / f"{name}.png"), captions=told, id=name)
        for name, told in (("a", ("a cat", "one cat")), ("b", ("a cow",)))
    ]
    data = DataSet(name="mine", split="test", kind="captions", examples=examples)
    assert [(one.text, one.matched) for one in pairs_of(data)] == [
        ("a cat", True),
        ("a cow", False),
        ("one cat", True),
        ("a cow", False),
        ("a cow", True),
        ("a cat", False),
    ]
    assert pairs_of(data, limit=3) == pairs_of(data)[:3]
