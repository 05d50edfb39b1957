"""What a person asks of a model of regions by name: what is meant, and which text is true."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from vilt_core.config import vilbert_mini
from vilt_core.data.text import Tokenizer
from vilt_core.evaluation.reasons import choices_of, world_reasoned
from vilt_core.evaluation.referring import referring_accuracy, world_referred
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.folders import SHIPPED
from vilt_core.interop.opening import open_bundle
from vilt_core.models import of_config
from vilt_core.objectives.referring import IOU
from vilt_core.predictor import Predictor, load
from vilt_core.world.rendering import paint

NOISE = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
SENTENCES = ["which cat is above the red heart?", "two dogs and a fox: the fox is at the left"]
EXPRESSION = "the cat above the heart"
QUESTION, ANSWERS = "which is above the heart?", ("cat", "dog", "fox", "two dogs")


@pytest.fixture(scope="module")
def asked():
    tokenizer = Tokenizer.train(SENTENCES, vocab_size=80, max_tokens=40)
    config = vilbert_mini(vocab_size=len(tokenizer), answers=0)
    torch.manual_seed(0)
    model = of_config(replace(config, referring=True, choice=True))
    for parameter in model.parameters():  # away from the start, where all regions look alike
        parameter.data += 0.02 * torch.randn_like(parameter)
    assert model.image_detector is not None
    model.image_detector.fewest = 10  # one that learned nothing is sure of none
    return Predictor(Bundle(name="tiny", model=model, tokenizer=tokenizer, answers=()))


def by_hand(asked, text):
    batch = asked.tokenizer.encode([text]).batch
    with torch.inference_mode():
        return asked.model(batch, asked.prepare(NOISE)[1])


def test_the_likeliest_regions_come_first_and_are_where_the_head_says(asked):
    found = asked.refer(NOISE, EXPRESSION, top_k=99)
    output = by_hand(asked, EXPRESSION)
    with torch.inference_mode():
        scores = asked.model.referring(output.image)[0, output.image_mask[0]]
    assert len(found) == len(scores) >= 10
    chances = [one.probability for one in found]
    assert chances == sorted(chances, reverse=True)
    assert chances == pytest.approx(sorted(scores.sigmoid().tolist(), reverse=True), abs=1e-6)
    best = output.boxes[0][int(scores.argmax())]
    assert found[0].box == pytest.approx(best.tolist())
    assert all(0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1 for x0, y0, x1, y1 in (o.box for o in found))
    assert asked.refer(NOISE, EXPRESSION, top_k=2) == found[:2]
    assert asked.refer(NOISE, "two dogs", top_k=99) != found


def test_a_candidate_is_as_likely_as_its_text_read_alone(asked):
    for answer, read in ((None, "{question} {one}"), ("cat", "{question} cat: {one}")):
        found = asked.choose(NOISE, QUESTION, ANSWERS, answer=answer)
        texts = [read.format(question=QUESTION, one=one) for one in ANSWERS]
        with torch.inference_mode():
            alone = torch.cat([asked.model.choice(by_hand(asked, text).pooled) for text in texts])
        expected = dict(zip(ANSWERS, alone.softmax(dim=0).tolist(), strict=True))
        assert {one.text: one.probability for one in found} == pytest.approx(expected, abs=1e-5)
        assert [one.probability for one in found] == sorted(
            (one.probability for one in found), reverse=True
        )
    assert sum(one.probability for one in found) == pytest.approx(1)


def test_the_order_of_the_candidates_is_nothing_to_the_model(asked):
    found = asked.choose(NOISE, QUESTION, ANSWERS)
    turned = asked.choose(NOISE, QUESTION, ANSWERS[::-1])
    assert [one.text for one in found] == [one.text for one in turned]


@pytest.mark.parametrize("candidates", [(), ("cat",), "cat", ("cat", " ")])
def test_who_chooses_needs_a_choice(asked, candidates):
    with pytest.raises(ValueError, match="two texts or more"):
        asked.choose(NOISE, QUESTION, candidates)


def test_a_model_that_did_not_learn_it_says_so():
    model = load("vilt-mini")
    with pytest.raises(ValueError, match=r"vilt-mini .* no referring head"):
        model.refer(NOISE, EXPRESSION)
    with pytest.raises(ValueError, match=r"vilt-mini .* no choice head"):
        model.choose(NOISE, QUESTION, ANSWERS)


def test_the_model_that_ships_finds_what_the_evaluation_says_it_finds():
    model = load("vilbert-mini-tasks")
    asked = list(islice(world_referred("test"), 24))
    found = []
    for one in asked:
        (best,) = model.refer(paint(one.picture, model.image_size).pixels, one.text, top_k=1)
        found.append(float(box_iou(torch.tensor([best.box]), torch.tensor([one.box]))) >= IOU)
    bundle = open_bundle(SHIPPED / model.name)
    measured = referring_accuracy(bundle, limit=len(asked))
    assert sum(found) / len(asked) == pytest.approx(measured["accuracy"], abs=1e-6)
    assert measured["accuracy"] > 1.5 * measured["chance"]


def test_the_model_that_ships_answers_by_choice():
    model = load("vilbert-mini-tasks")
    asked = list(islice(world_reasoned("test"), 24))
    right = 0
    for one in asked:
        image = paint(one.picture, model.image_size).pixels
        best, *_ = model.choose(image, one.said.question, one.said.answers)
        right += best.text == one.said.answers[one.said.answer]
    bundle = open_bundle(SHIPPED / model.name)
    picks = choices_of(bundle, asked)
    assert right == sum(
        pick == one.said.answer for (pick, _), one in zip(picks, asked, strict=True)
    )
    assert right > len(asked) / 2
