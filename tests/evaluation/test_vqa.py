import json

import pytest
import torch
from PIL import Image
from torch import nn

from vilt_core.evaluation import evaluate, vqa_accuracy
from vilt_core.evaluation.answers import normalise_answer
from vilt_core.evaluation.inference import evaluating
from vilt_core.evaluation.sources import questions_of
from vilt_core.evaluation.vqa import by_type, predict_answers, worth
from vilt_core.world.questions import KINDS


class Told(nn.Module):
    """A head that has been told the answers in advance."""

    def __init__(self, indices, *, classes):
        super().__init__()
        self.logits = list(torch.eye(classes)[indices])

    def forward(self, pooled):
        return torch.stack([self.logits.pop(0) for _ in pooled])


def test_told_the_truth_it_is_perfect(spare):
    places = {normalise_answer(answer): at for at, answer in enumerate(spare.answers)}
    truth = [places[next(iter(one.scores))] for one in questions_of("world:test", limit=48)]
    spare.model.vqa = Told(truth, classes=len(places))
    found = vqa_accuracy(spare, limit=48, batch_size=20)
    assert found["accuracy"] == 1.0
    assert found["by_type"] == dict.fromkeys(KINDS, 1.0)


def test_one_answer_for_all_scores_its_share(spare):
    yes = spare.answers.index("yes")
    spare.model.vqa = Told([yes] * 96, classes=len(spare.answers))
    found = vqa_accuracy(spare, limit=96)
    shares = [one.scores.get("yes", 0.0) for one in questions_of("world:test", limit=96)]
    assert found["accuracy"] == pytest.approx(sum(shares) / 96, abs=1e-6)


def test_what_is_reported(bundle):
    found = evaluate(bundle, task="vqa", on="world:style", limit=24)
    assert json.loads(json.dumps(found)) == found
    assert found["task"] == "vqa"
    assert found["data"] == "world:style"
    assert found["model"] == "untrained"
    assert found["examples"] == 24
    assert found["answerable"] == 1.0
    assert list(found["by_type"]) == list(found["text_only_by_type"]) == list(KINDS)
    for total, parts in (("accuracy", "by_type"), ("text_only", "text_only_by_type")):
        mean = sum(found[parts].values()) / len(KINDS)
        assert found[total] == pytest.approx(mean, abs=1e-5)


def test_batch_size_and_repetition_change_nothing(bundle):
    asked = questions_of("world:test", limit=30)
    answers = predict_answers(bundle, asked, batch_size=7)
    assert predict_answers(bundle, asked, batch_size=7) == answers
    others = predict_answers(bundle, asked, batch_size=30)
    # Float32 sums differ in their last bit between batches: a tie may fall the other way.
    assert sum(a == b for a, b in zip(answers, others, strict=True)) >= 29


def test_progress_is_told(bundle):
    heard = []
    vqa_accuracy(bundle, limit=20, batch_size=8, progress=lambda *at: heard.append(at))
    assert heard == [(8, 20), (16, 20), (20, 20)]


def test_a_model_in_training_stays_in_training(bundle):
    bundle.model.train()
    try:
        first, second = (
            predict_answers(bundle, questions_of("world:test", limit=16)) for _ in "ab"
        )
        assert bundle.model.training
        assert first == second  # dropout was off
        assert torch.is_grad_enabled()
    finally:
        bundle.model.eval()


def test_full_precision_under_autocast(bundle):
    with torch.autocast("cpu", torch.bfloat16), evaluating(bundle.model):
        assert bundle.model.pooler(torch.zeros(1, 24)).dtype == torch.float32


def test_a_model_without_answers(spare):
    spare.model.vqa = None
    with pytest.raises(ValueError, match="untrained has no head for answers"):
        vqa_accuracy(spare, limit=8)


def test_unknown_task(bundle):
    with pytest.raises(ValueError, match="task must be one of vqa, matching, alignment"):
        evaluate(bundle, task="poetry")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (64, 64), "red").save(tmp_path / "images" / "a.png")
    Image.new("RGB", (100, 40), "blue").save(tmp_path / "images" / "b.png")
    return tmp_path


def write(folder, *lines):
    path = folder / "questions.jsonl"
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    return path


def test_a_file_of_ones_own(bundle, folder):
    path = write(
        folder,
        {"image": "images/a.png", "question": "is it red?", "answer": "yes"},
        "",
        {
            "image": "images/b.png",
            "question": "what is this?",
            "answers": ["sea"] * 6 + ["a sky"] * 4,
        },
        {"image": "images/b.png", "question": "how many?", "answer": 0, "type": "counting"},
    )
    asked = questions_of(path)
    assert [one.kind for one in asked] == ["yes/no", "other", "counting"]
    assert asked[1].scores == {"sea": pytest.approx(1.0), "sky": pytest.approx(1.0)}
    assert worth(asked, ["Yes!", "the sky", "none"]) == [1.0, pytest.approx(1.0), 1.0]
    found = vqa_accuracy(bundle, on=path, batch_size=2)  # two sizes of picture in one batch
    assert found["examples"] == 3
    assert set(found["by_type"]) == {"yes/no", "other", "counting"}
    assert found["answerable"] == pytest.approx(2 / 3, abs=1e-6)  # it knows neither sea nor sky


GOOD = {"image": "images/a.png", "question": "is it red?", "answer": "yes"}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"image": ', "line 2 is not readable JSON"),
        ("[1, 2]", r"line 2: expected an object \{...\}, got \[1, 2\]"),
        (GOOD | {"image": "images/c.png"}, "line 2: expected an image at .*c.png, found none"),
        (GOOD | {"image": 7}, "line 2: expected words under 'image', got 7"),
        (GOOD | {"question": "  "}, "line 2: expected words under 'question'"),
        ({"image": "images/a.png", "question": "?"}, 'line 2: expected "answer": a word, or'),
        (GOOD | {"answers": []}, r"line 2: expected .*got \[\]"),
        (GOOD | {"answers": "yes"}, "line 2: expected .*got 'yes'"),
        (GOOD | {"answers": ["yes", None]}, "line 2: expected .*None"),
    ],
)
def test_a_bad_line_is_named(folder, line, complaint):
    with pytest.raises(ValueError, match=f"questions.jsonl {complaint}"):
        questions_of(write(folder, GOOD, line))


def test_types_are_means_over_their_questions():
    asked = questions_of("world:test", limit=16)
    scores = [float(at % 2) for at in range(16)]
    expected = {kind: float(at % 2) for at, kind in enumerate(KINDS)}
    assert by_type(asked, scores) == expected
