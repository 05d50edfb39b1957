"""Referring expressions and answers with reasons: what is measured, and beside what."""

import copy
import json
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from vilt_core.config import detector_mini, vilbert_mini
from vilt_core.evaluation import evaluate, reasons
from vilt_core.evaluation.choice_words import Choice, ChoiceWords
from vilt_core.evaluation.pages import publish_task
from vilt_core.evaluation.reasons import CHANCE, Shown, choices_of, judged, world_reasoned
from vilt_core.evaluation.referring import referring_accuracy, world_referred
from vilt_core.layers.detector import Detector
from vilt_core.models import of_config
from vilt_core.types import ImageBatch, RegionBatch
from vilt_core.world.programs import execute
from vilt_core.world.referring import FORMS

NOWHERE = (0.0, 0.0, 0.001, 0.001)


@pytest.fixture(scope="module", autouse=True)
def _quick_words():
    """Whoever chooses by words alone learns from fewer questions here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reasons, "FITTED_ON", 200)
        yield
    reasons.world_choice_words.cache_clear()


@pytest.fixture(scope="module")
def looking(bundle):
    """A model of regions that knows nothing, with both heads."""
    config = vilbert_mini(vocab_size=len(bundle.tokenizer), answers=len(bundle.answers))
    sizes = {"text_width": 32, "text_depth": 2, "text_mlp_width": 32, "image_width": 32}
    sizes |= {"image_depth": 1, "image_mlp_width": 32, "meeting_width": 32, "pooled_width": 32}
    torch.manual_seed(0)
    model = of_config(replace(config, **sizes, referring=True, choice=True)).eval()
    assert model.config.detector == detector_mini()
    return replace(bundle, model=model, name="looking")


class Told(Detector):
    """In place of a detector: boxes that it was given, one row after the other."""

    def __init__(self, rows):
        nn.Module.__init__(self)
        self.frozen = self.frozen_norm = False
        self.rows = iter(rows)

    def forward(self, image: ImageBatch) -> RegionBatch:
        boxes = torch.tensor([next(self.rows) for _ in image.pixels])
        features = torch.zeros(*boxes.shape[:2], 256)
        features[..., 0] = torch.arange(boxes.shape[1])  # the place among them
        return RegionBatch(
            features=features, boxes=boxes, mask=torch.ones(boxes.shape[:2], dtype=torch.bool)
        )


class Reads(nn.Module):
    """In place of a head of a model that passes features on: the first of them, times something."""

    def __init__(self, times: float):
        super().__init__()
        self.times = times

    def forward(self, regions):
        return regions[..., 0] * self.times


@pytest.fixture
def pointing(looking):
    """A model whose final states are what its detector told: it points by place in the list."""

    def through(text, image):
        return SimpleNamespace(image=image.features)

    model = copy.deepcopy(looking.model)
    model.forward = through
    return replace(looking, model=model)


@pytest.mark.parametrize(("times", "accuracy"), [(1.0, 1.0), (-1.0, 0.0)])
def test_the_highest_scoring_region_counts(pointing, times, accuracy):
    asked = list(islice(world_referred("test"), 8))
    rows = [[NOWHERE, NOWHERE, one.box, one.box] for one in asked]
    pointing.model.image_detector = Told(rows)
    pointing.model.referring = Reads(times)
    found = referring_accuracy(pointing, limit=8, batch_size=3)
    assert found["accuracy"] == accuracy
    assert found["chance"] == 0.5
    assert found["ceiling"] == 1.0
    assert found["regions"] == 4.0
    assert found["text_only"] == 0.0  # all alike: the first is taken, which is nowhere


def test_what_no_region_is_on_cannot_be_found(pointing):
    pointing.model.image_detector = Told([[NOWHERE, NOWHERE]] * 6)
    pointing.model.referring = Reads(1.0)
    found = referring_accuracy(pointing, limit=6)
    assert found["accuracy"] == found["ceiling"] == found["chance"] == 0.0


def test_what_is_reported_of_expressions(looking):
    found = evaluate(looking, task="referring", on="world:composition", limit=24, batch_size=5)
    assert json.loads(json.dumps(found)) == found
    assert found["examples"] == 24
    assert set(found["by_type"]) <= set(FORMS)
    assert found["accuracy"] <= found["ceiling"]
    again = evaluate(looking, task="referring", on="world:composition", limit=24, batch_size=24)
    assert again | {"seconds": 0} == found | {"seconds": 0}


def test_expressions_mean_one_thing_of_their_scene():
    for one in islice(world_referred("style"), 60):
        assert one.box in [thing.box for thing in one.picture.objects]


def test_what_is_reported_of_reasons(looking):
    found = evaluate(looking, task="reasons", limit=20, batch_size=6)
    assert json.loads(json.dumps(found)) == found
    assert set(CHANCE) < set(found)
    assert set(found["text_only"]) == set(CHANCE)
    assert found["chance"] == {"q_to_a": 0.25, "qa_to_r": 0.25, "q_to_ar": 0.0625}
    assert found["q_to_ar"] <= min(found["q_to_a"], found["qa_to_r"])
    assert all(set(scores) == set(CHANCE) for scores in found["by_type"].values())
    again = evaluate(looking, task="reasons", limit=20, batch_size=20)
    assert again | {"seconds": 0} == found | {"seconds": 0}


def test_both_must_be_right_at_once():
    asked = list(islice(world_reasoned("test"), 4))
    right = [(one.said.answer, one.said.reason) for one in asked]
    wrong = [((a + 1) % 4, (r + 1) % 4) for a, r in right]
    half = [right[0], (right[1][0], wrong[1][1]), (wrong[2][0], right[2][1]), wrong[3]]
    assert judged(asked, right) == dict.fromkeys(CHANCE, 1.0)
    assert judged(asked, half) == {"q_to_a": 0.5, "qa_to_r": 0.5, "q_to_ar": 0.25}


def test_every_candidate_is_read_with_its_own_picture(looking):
    """One question alone is answered as among others, and where candidates move, choices do."""
    asked = list(islice(world_reasoned("test"), 5))
    together = choices_of(looking, asked, batch_size=5)
    assert together == [choices_of(looking, [one])[0] for one in asked]

    def turned(one: Shown) -> Shown:
        said = one.said
        return replace(
            one,
            said=replace(
                said,
                answers=(*said.answers[1:], said.answers[0]),
                answer=(said.answer - 1) % 4,
                reasons=(*said.reasons[1:], said.reasons[0]),
                reason=(said.reason - 1) % 4,
            ),
        )

    moved = choices_of(looking, [turned(one) for one in asked])
    assert moved == [((a - 1) % 4, (r - 1) % 4) for a, r in together]


def test_reasons_of_the_world_are_true_in_every_split():
    for split in ("test", "style", "composition"):
        for one in islice(world_reasoned(split), 30):
            assert execute(one.said.claims[one.said.reason], one.picture)


def test_words_that_tell_are_found_out_and_words_that_do_not_are_not():
    def choices(first: int, word: str) -> list[Choice]:
        rows = []
        for at in range(first, first + 120):
            truth = at * 7 % 4
            texts = [f"what? thing {at * 31 % 97} {at * 17 % 89}" for _ in range(4)]
            texts[truth] += f" {word}" if word else ""
            rows.append(Choice(candidates=tuple(texts), truth=truth))
        return rows

    reader = ChoiceWords(choices(0, "indeed"))
    assert all(reader.choose(one.candidates) == one.truth for one in choices(500, "indeed"))
    blind = ChoiceWords(choices(0, ""))
    assert all(blind.choose(one.candidates) == 0 for one in choices(500, ""))
    with pytest.raises(ValueError, match="got none"):
        ChoiceWords([])


@pytest.mark.parametrize("task", ["referring", "reasons", "retrieval"])
def test_a_page_gets_the_table_of_a_task_where_it_has_room(looking, task, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n<!-- {task} looking -->\nold\n<!-- /{task} looking -->\nafter\n")
    publish_task(looking, page, task=task, limit=6, command="measure it")
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "`measure it`" in text
    assert "held-out style" in text
    rows = [row for row in text.splitlines() if row.startswith("|")]
    assert len(rows) > 4
    assert len({row.count("|") for row in rows}) == 1
    with pytest.raises(ValueError, match="expected <!-- matching looking --> in it"):
        publish_task(looking, page, task="matching")


@pytest.mark.parametrize("task", ["referring", "reasons"])
def test_what_cannot_be_asked(bundle, looking, task, tmp_path):
    with pytest.raises(ValueError, match="untrained has no head that"):
        evaluate(bundle, task=task, limit=2)
    with pytest.raises(ValueError, match="asked of the sticker world alone"):
        evaluate(looking, task=task, on=tmp_path / "mine.jsonl")
    with pytest.raises(ValueError, match="limit must be at least 1"):
        evaluate(looking, task=task, limit=0)
