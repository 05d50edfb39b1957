import numpy as np
import pytest
import torch

from vilt_core.evaluation import evaluate
from vilt_core.evaluation.faithfulness import (
    chance_of,
    faithfulness_curves,
    faithfulness_scores,
    random_heat,
)
from vilt_core.evaluation.inference import pixels_of
from vilt_core.evaluation.localisation import patches_in_boxes
from vilt_core.evaluation.pages import publish_task
from vilt_core.evaluation.sources import questions_of
from vilt_core.explain.explanation import METHOD_NAMES, METHODS, explain
from vilt_core.explain.inquiry import inquire
from vilt_core.types import ImageBatch

WEIGHTS = torch.tensor([0.05, 0.4, 0.0, 0.3, 0.15, 0.1, 0.0, 0.0, 0.0])


def additive(kept):
    """A model whose answer is the sum of what its patches are worth."""
    return kept.double() @ WEIGHTS.double()


@pytest.fixture(scope="module")
def scores(bundle):
    return faithfulness_scores(bundle, limit=8)


def test_the_truth_beats_chance_and_chance_beats_its_reverse():
    curves = faithfulness_curves(additive, torch.stack([WEIGHTS, -WEIGHTS]), steps=9)
    chance = faithfulness_curves(additive, random_heat(300, patches=9), steps=9)
    best, worst = curves.deletion_area
    assert best < chance.deletion_area.mean() < worst
    assert (chance.deletion_area >= best).all()
    assert (chance.deletion_area <= worst).all()
    best, worst = curves.insertion_area
    assert best > chance.insertion_area.mean() > worst
    assert (chance.insertion_area <= best + 1e-12).all()


def test_one_patch_after_the_other_in_closed_form():
    curves = faithfulness_curves(additive, WEIGHTS[None], steps=9)
    sums = np.concatenate([[0.0], np.cumsum(sorted(WEIGHTS.double().tolist(), reverse=True))])
    np.testing.assert_allclose(curves.insertion[0], sums, atol=1e-6)
    np.testing.assert_allclose(curves.deletion[0], 1 - sums, atol=1e-6)
    np.testing.assert_allclose(curves.insertion_area[0] + curves.deletion_area[0], 1, atol=1e-6)


def test_an_even_model_falls_along_the_diagonal():
    curves = faithfulness_curves(lambda kept: kept.double().mean(-1), random_heat(3, patches=10))
    np.testing.assert_allclose(curves.deletion, np.tile(1 - curves.fractions, (3, 1)))
    np.testing.assert_allclose(curves.deletion_area, 0.5)


@pytest.mark.parametrize("steps", [1, 4, 100])
def test_the_ends_are_the_full_and_the_empty_picture(bundle, steps):
    asked = questions_of("world:test", limit=1)[0]
    pixels = pixels_of(asked.picture, bundle)[None]
    inquiry = inquire(bundle.vilt, bundle.tokenizer, asked.text, ImageBatch(pixels=pixels))
    heat = random_heat(2, patches=64)
    curves = faithfulness_curves(chance_of(inquiry, 4), heat, steps=steps)
    whole = float(inquiry.logits().double().softmax(-1)[0, 4])
    nothing = torch.zeros(1, 64, dtype=torch.bool)
    empty = float(inquiry.logits(kept=nothing).double().softmax(-1)[0, 4])
    for deletion, insertion in zip(curves.deletion, curves.insertion, strict=True):
        assert deletion[[0, -1]] == pytest.approx([whole, empty], abs=1e-6)
        assert insertion[[0, -1]] == pytest.approx([empty, whole], abs=1e-6)
    assert curves.fractions[[0, -1]].tolist() == [0, 1]
    assert curves.deletion.shape == (2, min(steps, 64) + 1)


def test_between_the_ends_the_hottest_patches_are_gone_or_alone(bundle):
    asked = questions_of("world:test", limit=1)[0]
    pixels = pixels_of(asked.picture, bundle)[None]
    inquiry = inquire(bundle.vilt, bundle.tokenizer, asked.text, ImageBatch(pixels=pixels))
    heat = random_heat(2, patches=64)
    score = chance_of(inquiry, 4)
    curves = faithfulness_curves(score, heat, steps=4)
    hottest = torch.zeros(1, 64, dtype=torch.bool)
    hottest[0, heat[1].topk(16).indices] = True
    assert curves.insertion[1, 1] == pytest.approx(float(score(hottest)), abs=1e-6)
    assert curves.deletion[1, 1] == pytest.approx(float(score(~hottest)), abs=1e-6)


def test_every_method_is_judged_beside_chance(scores, bundle):
    names = [*METHODS, "random"]
    for measure in ("deletion", "insertion", "pointing"):
        assert list(scores[measure]) == names
        assert all(0 <= value <= 1 for value in scores[measure].values())
    assert scores["examples"] == 8
    assert 0 < scores["pointed"] <= 8
    assert scores == evaluate(bundle, task="faithfulness", limit=8) | {"seconds": scores["seconds"]}


def test_a_method_scores_the_same_by_hand(scores, bundle):
    """Attention: pointing over the same questions, one at a time."""
    hits = []
    for asked in questions_of("world:test", limit=8):
        if asked.about:
            pixels = pixels_of(asked.picture, bundle)[None]
            inquiry = inquire(bundle.vilt, bundle.tokenizer, asked.text, ImageBatch(pixels=pixels))
            heat = explain(inquiry, bundle.answers, method="attention").heat
            inside = patches_in_boxes(torch.tensor(asked.about), grid=(8, 8)).any(dim=0)
            hits.append(float(inside[heat.argmax()]))
    assert scores["pointing"]["attention"] == pytest.approx(np.mean(hits), abs=1e-6)
    assert scores["pointed"] == len(hits)


def test_questions_point_at_what_they_speak_of_and_at_what_answers_them():
    for asked in questions_of("world:test", limit=80):
        boxes = {thing.box: thing for thing in asked.picture.objects}
        assert set(asked.about) <= set(boxes)
        (answer,) = asked.scores
        named = {box for box, thing in boxes.items() if thing.noun == answer}
        assert named <= set(asked.about)
        if "background" in asked.text:
            assert not asked.about or named


def test_no_steps():
    with pytest.raises(ValueError, match="steps must be at least 1"):
        faithfulness_curves(additive, WEIGHTS[None], steps=0)


def test_a_page_tells_every_method_beside_chance_on_every_set(bundle, scores, tmp_path):
    page = tmp_path / "page.md"
    place = f"faithfulness {bundle.name}"
    page.write_text(f"<!-- {place} -->\n<!-- /{place} -->\n")
    publish_task(bundle, page, task="faithfulness", limit=8, command="measure it")
    rows = [line for line in page.read_text().splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [line[0] for line in cells] == [*METHOD_NAMES.values(), "*chance*"]
    assert {len(line) for line in cells} == {1 + 3 * 3}
    assert cells[-1][1] == f"{100 * scores['deletion']['random']:.1f}"
    assert cells[0][2] == f"{100 * scores['insertion']['transport']:.1f}"
