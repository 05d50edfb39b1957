"""Recall against the original code's numbers and against closed forms."""

import json
from itertools import permutations
from math import comb
from pathlib import Path

import numpy as np
import pytest
import torch

from vilt_core.evaluation.recall import (
    alike,
    ceiling,
    chance,
    fold_recalls,
    ownership,
    recalls,
)

GOLDEN = Path(__file__).parents[3] / "shared" / "golden"
WAYS = ("text_to_image", "image_to_text")


def gallery(images, captions, *, seed=0):
    """Random scores, and the picture of each caption."""
    generator = torch.Generator().manual_seed(seed)
    owners = torch.arange(images).repeat_interleave(captions)
    return torch.randn(images, len(owners), generator=generator), owners


@pytest.mark.parametrize("case", ["a", "b", "c"])
def test_the_numbers_of_the_original_code(case):
    if not (GOLDEN / "irtr_recall.json").is_file():
        pytest.skip("the recalls of the original code are not here")
    golden = json.loads((GOLDEN / "irtr_recall.json").read_text())[case]
    scores = torch.from_numpy(np.load(GOLDEN / f"irtr_scores_{case}.npy")).float()
    row = {image: at for at, image in enumerate(golden["iids"])}
    owners = torch.tensor([row[image] for image in golden["tiids"]])
    found = recalls(scores, ownership(owners, pictures=len(row)))
    for way, said in zip(WAYS, ("ir", "tr"), strict=True):
        for at, share in found[way].items():
            assert share == pytest.approx(golden["recalls"][f"{said}_{at}"], abs=1e-6)


def test_who_knows_finds_all_and_its_opposite_nothing():
    _, owners = gallery(30, 1)
    own = ownership(owners, pictures=30)
    assert set(recalls(own.float(), own)["text_to_image"].values()) == {1.0}
    assert set(recalls(-own.float(), own)["image_to_text"].values()) == {0.0}


def test_ties_find_nothing():
    _, owners = gallery(11, 2)
    own = ownership(owners, pictures=11)
    found = recalls(torch.zeros(11, 22), own)
    assert set(found["text_to_image"].values()) == set(found["image_to_text"].values()) == {0.0}


def test_captions_of_one_picture_may_tie():
    _, owners = gallery(4, 3)
    own = ownership(owners, pictures=4)
    assert recalls(own.float(), own)["image_to_text"]["r1"] == 1.0


def repeated(pictures, classes):
    """A caption a picture, in turns of so many; who was made for whom, and who is alike."""
    own = torch.eye(pictures, dtype=torch.bool)
    return own, alike(own, [f"a card of class {at % classes}" for at in range(pictures)])


def test_same_words_are_right_both_ways_and_chance_is_their_share():
    own, right = repeated(40, 4)
    assert right.sum() == 40 * 10
    perfect = right.float()  # it scores the same words alike: all that a model can
    assert set(recalls(perfect, own)["text_to_image"].values()) == {0.0, 1.0}  # ten tie: r10
    assert recalls(perfect, own)["text_to_image"]["r5"] == 0.0
    for way in WAYS:
        assert set(recalls(perfect, right)[way].values()) == {1.0}
        assert chance(right)[way]["r1"] == 10 / 40
        assert chance(right)[way]["r5"] == pytest.approx(1 - comb(30, 5) / comb(40, 5), abs=1e-6)
        assert ceiling(own, right)[way]["r1"] == 1 / 10
    of_the_first = torch.zeros(40, 40)  # one who believes in the first class alone
    of_the_first[:, ::4] = 1
    assert recalls(of_the_first, right)["image_to_text"]["r1"] == 1 / 4


def test_folds_count_same_words_inside_them():
    own, right = repeated(40, 4)
    owners, perfect = torch.arange(40), right.float()
    assert fold_recalls(perfect, owners, size=20, right=right)["text_to_image"]["r1"] == 1.0
    assert fold_recalls(perfect, owners, size=20)["text_to_image"]["r1"] == 0.0
    assert fold_recalls(perfect, owners, size=20, right=own) == fold_recalls(
        perfect, owners, size=20
    )


def test_words_are_the_same_whatever_their_case_and_white_space():
    own = ownership(torch.tensor([0, 0, 1, 2]), pictures=3)
    said = ["a red card", "one card", "A red  card ", "a red card."]
    expected = torch.tensor([[1, 1, 1, 0], [1, 0, 1, 0], [0, 0, 0, 1]]).bool()
    assert torch.equal(alike(own, said), expected)


def test_where_no_words_repeat_nothing_else_is_right():
    _, owners = gallery(12, 3)
    own = ownership(owners, pictures=12)
    assert torch.equal(alike(own, [f"caption {at}" for at in range(36)]), own)
    within = [f"of picture {at}" for at in owners.tolist()]  # a picture's own may repeat
    assert torch.equal(alike(own, within), own)


def test_order_and_scale_do_not_matter():
    scores, owners = gallery(20, 3)
    expected = recalls(scores, ownership(owners, pictures=20))
    images, texts = torch.randperm(20), torch.randperm(60)
    place = images.argsort()
    own = ownership(place[owners[texts]], pictures=20)
    assert recalls(scores[images][:, texts], own) == expected
    assert recalls(3 * scores - 7, ownership(owners, pictures=20)) == expected


def test_chance_is_the_mean_over_every_order():
    orders = torch.tensor(list(permutations(range(7)))).float()
    for right in (1, 2):
        own = torch.arange(7).expand(len(orders), -1) < right
        found = recalls(orders, own)["image_to_text"]
        assert chance(own)["image_to_text"] == pytest.approx(found, abs=1e-6)
        assert found["r1"] == pytest.approx(right / 7, abs=1e-6)


def test_the_ceiling_is_the_mean_over_every_order_of_what_is_true():
    orders = torch.tensor(list(permutations(range(7)))).float()
    own = torch.arange(7).expand(len(orders), -1) < 1
    true = torch.arange(7).expand(len(orders), -1) < 3
    found = recalls(orders + 100 * true, own)["image_to_text"]
    assert ceiling(own, true)["image_to_text"] == pytest.approx(found, abs=1e-6)
    assert found["r1"] == pytest.approx(1 / 3, abs=1e-6)


def test_recall_grows_with_k_and_shrinks_with_the_gallery():
    scores, owners = gallery(100, 5)
    whole = recalls(scores, ownership(owners, pictures=100))
    folds = fold_recalls(scores, owners, size=20)
    for way in WAYS:
        assert whole[way]["r1"] <= whole[way]["r5"] <= whole[way]["r10"]
        assert all(whole[way][at] <= folds[way][at] for at in ("r1", "r5", "r10"))


def test_folds_are_galleries_of_their_own():
    scores, owners = gallery(30, 2)
    parts = [
        recalls(
            scores[at : at + 10, 2 * at : 2 * at + 20],
            ownership(owners[:20], pictures=10),
        )
        for at in (0, 10, 20)
    ]
    found = fold_recalls(scores, owners, size=10)
    for way in WAYS:
        for at, share in found[way].items():
            assert share == pytest.approx(sum(part[way][at] for part in parts) / 3, abs=1e-5)
    assert fold_recalls(scores, owners, size=30) == recalls(scores, ownership(owners, pictures=30))


def test_what_cannot_be_ranked():
    scores, owners = gallery(6, 1)
    own = ownership(owners, pictures=6)
    with pytest.raises(ValueError, match="scores must be finite"):
        recalls(scores.masked_fill(own, torch.nan), own)
    with pytest.raises(ValueError, match="at least one right pair, got none"):
        recalls(scores, torch.zeros_like(own))
    with pytest.raises(ValueError, match="folds must divide 6 pictures evenly, got a size of 4"):
        fold_recalls(scores, owners, size=4)
