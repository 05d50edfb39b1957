import json
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch import nn

from vilt_core.commands.measuring import Evaluate
from vilt_core.data.examples import DataSet, ImageFile, QuestionExample, ShardImage
from vilt_core.evaluation import evaluate, vqa_accuracy
from vilt_core.evaluation.answers import normalise_answer
from vilt_core.evaluation.inference import evaluating, pixels_of
from vilt_core.evaluation.sets import data_set_of
from vilt_core.evaluation.sources import questions_of
from vilt_core.evaluation.vqa import by_type, probable_answers, worth
from vilt_core.interop.lab import save_folder
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
    answers = probable_answers(bundle, asked, batch_size=7)
    assert probable_answers(bundle, asked, batch_size=7) == answers
    others = probable_answers(bundle, asked, batch_size=30)
    # Float32 sums differ in their last bit between batches: a tie may fall the other way.
    assert sum(a == b for (a, _), (b, _) in zip(answers, others, strict=True)) >= 29


def test_progress_is_told(bundle):
    heard = []
    vqa_accuracy(bundle, limit=20, batch_size=8, progress=lambda *at: heard.append(at))
    assert heard == [(8, 20), (16, 20), (20, 20)]


def test_a_model_in_training_stays_in_training(bundle):
    bundle.model.train()
    try:
        first, second = (
            probable_answers(bundle, questions_of("world:test", limit=16)) for _ in "ab"
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
    with pytest.raises(
        ValueError, match="task must be one of vqa, matching, nlvr2, retrieval, align"
    ):
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
    assert worth(asked, ["YES ", "A  sky", "0"]) == [1.0, pytest.approx(1.0), 1.0]
    assert worth(asked, ["Yes!", "the sky", "none"]) == [0.0, 0.0, 0.0]
    asked = questions_of(replace(data_set_of(path, kind="questions"), vqa_rules=True))
    assert asked[1].scores == {"sea": pytest.approx(1.0), "sky": pytest.approx(1.0)}
    assert worth(asked, ["Yes!", "the sky", "none"]) == [1.0, pytest.approx(1.0), 1.0]
    found = vqa_accuracy(bundle, on=path, batch_size=2)  # two sizes of picture in one batch
    assert found["examples"] == 3
    assert set(found["by_type"]) == {"yes/no", "other", "counting"}
    assert found["answerable"] == pytest.approx(2 / 3, abs=1e-6)  # it knows neither sea nor sky


def test_the_command_compares_as_it_is_told(bundle, folder, capsys):
    save_folder(bundle, folder / "model")
    for split in ("train", "val"):
        asked = {"image": "images/a.png", "question": "how many?", "answer": "Two."}
        (folder / f"{split}.jsonl").write_text(json.dumps(asked))
    assert "2" in bundle.answers
    found = []
    for rules in (False, True):
        on = f"{folder}:val"
        Evaluate(model=str(folder / "model"), on=on, vqa_rules=rules, device="cpu").run()
        found.append(json.loads(capsys.readouterr().out))
    assert [one["answerable"] for one in found] == [0.0, 1.0]
    for one in found:
        assert one["text_only"] == 1.0
        assert one["text_only_from"].endswith(":train")
    with pytest.raises(ValueError, match="--vqa-rules are for questions of your own"):
        Evaluate(model=str(folder / "model"), vqa_rules=True).run()


def test_what_the_words_tell_is_known_before_anything_is_asked(spare, folder):
    """And no file but the one that is scored can take its score away."""
    lines = [json.dumps(GOOD | {"image": f"images/{name}.png"}) for name in "ab"]
    for split in ("train", "val"):
        (folder / f"{split}.jsonl").write_text("\n".join(lines))
    (folder / "train.jsonl").write_text("\n".join([*lines, "no JSON"]))
    yes = spare.answers.index("yes")

    def said_by(on, progress=None):
        spare.model.vqa = Told([yes] * 2, classes=len(spare.answers))
        return vqa_accuracy(spare, on=on, progress=progress)

    found = said_by(f"{folder}:val")
    assert found["text_only_from"].startswith("the other half of these, as ")
    assert "train.jsonl line 3 is not readable JSON" in found["text_only_from"]
    assert found["accuracy"] == found["text_only"] == 1.0

    def spoil(_done, _total):  # once the model has answered
        (folder / "train.jsonl").unlink()

    (folder / "train.jsonl").write_text("\n".join(lines))
    assert said_by(f"{folder}:val", spoil)["text_only_from"].endswith(":train")


@pytest.fixture
def pictures(folder):
    """The two pictures as files, and the second inside a shard."""
    files = [ImageFile(folder / "images" / name) for name in ("a.png", "b.png")]
    inside = files[1].path.read_bytes()
    (folder / "0.tar").write_bytes(b"before" + inside + b"after")
    return [*files, ShardImage(shard=folder / "0.tar", key="b", start=6, size=len(inside))]


def data_set(pictures, answers):
    examples = [
        QuestionExample(
            image=picture, question="is it red?", answers=tuple(said), id=at, kind="yes/no"
        )
        for at, (picture, said) in enumerate(zip(pictures, answers, strict=True), start=7)
    ]
    return DataSet(name="mine", split="val", kind="questions", examples=examples, vqa_rules=True)


def test_a_data_set(spare, pictures):
    spare.model.vqa = Told([spare.answers.index("yes")] * 3, classes=len(spare.answers))
    said = [["yes"] * 10, ["yes"] * 2 + ["no"] * 8, ["Yes"] * 10]
    found = vqa_accuracy(spare, on=data_set(pictures, said))
    assert found["data"] == "mine:val"
    assert found["examples"] == 3
    # The last ten write it in capitals: the official evaluator wants the same.
    assert found["accuracy"] == found["by_type"]["yes/no"] == pytest.approx(1.6 / 3, abs=1e-6)
    assert found["answerable"] == pytest.approx(2 / 3, abs=1e-6)
    assert "agreement" not in found


def test_where_people_differ_the_best_that_any_answers_score_is_told(spare, pictures):
    spare.model.vqa = Told([0] * 3, classes=len(spare.answers))
    found = vqa_accuracy(spare, on=data_set(pictures, [["yes", "no"], ["lynx"], ["no"] * 3]))
    assert found["agreement"] == pytest.approx(2.5 / 3, abs=1e-6)
    assert found["answerable"] == 0.5


def test_a_picture_in_a_shard_is_the_same_picture(bundle, pictures):
    file, shard = (pixels_of(picture, bundle) for picture in pictures[1:])
    assert torch.equal(file, shard)


def test_secret_answers_give_a_submission_and_no_accuracy(spare, pictures, tmp_path):
    order = [spare.answers.index(answer) for answer in ("yes", "no", "yes")]
    spare.model.vqa = Told(order, classes=len(spare.answers))
    path = tmp_path / "submission.json"
    found = evaluate(spare, on=data_set(pictures, [()] * 3), submission=path)
    assert found["accuracy"] is found["text_only"] is found["answerable"] is None
    assert found["by_type"] == {}
    assert found["examples"] == 3
    assert json.loads(path.read_text()) == [
        {"question_id": 7, "answer": "yes"},
        {"question_id": 8, "answer": "no"},
        {"question_id": 9, "answer": "yes"},
    ]


def test_only_answered_questions_count(spare, pictures):
    spare.model.vqa = Told([spare.answers.index("yes")] * 3, classes=len(spare.answers))
    found = vqa_accuracy(spare, on=data_set(pictures, [["yes"], (), ["no"]]))
    assert (found["examples"], found["secret"]) == (3, 1)
    assert found["accuracy"] == 0.5


def test_submissions_of_what_has_no_numbers(bundle, tmp_path):
    with pytest.raises(ValueError, match="needs the id of every question, and 8 of 8 have"):
        evaluate(bundle, limit=8, submission=tmp_path / "submission.json")
    with pytest.raises(ValueError, match="a submission is of the task vqa, got matching"):
        evaluate(bundle, task="matching", submission=tmp_path / "submission.json")
    assert not list(tmp_path.iterdir())


def test_a_folder_and_its_split(bundle, folder):
    line = {"image": "images/a.png", "question": "is it red?", "answer": "yes"}
    (folder / "val.jsonl").write_text(json.dumps(line))
    (folder / "test.jsonl").write_text("\n".join([json.dumps(line)] * 2))
    assert len(questions_of(folder)) == len(questions_of(f"{folder}:val")) == 1
    assert len(questions_of(f"{folder}:test")) == 2
    assert len(questions_of(f"{folder}:test", limit=1)) == 1
    with pytest.raises(ValueError, match="no split 'train', only val, test"):
        questions_of(f"{folder}:train")


def test_a_data_set_of_another_kind(bundle, pictures):
    with pytest.raises(ValueError, match="expected a data set of captions, got mine:val, of quest"):
        evaluate(bundle, task="matching", on=data_set(pictures, [["yes"]] * 3))


GOOD = {"image": "images/a.png", "question": "is it red?", "answer": "yes"}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"image": ', "line 2 is not readable JSON"),
        ("[1, 2]", r"line 2: expected an object \{...\}, got \[1, 2\]"),
        (GOOD | {"image": 7}, "line 2: expected words under 'image', got 7"),
        (GOOD | {"question": "  "}, "line 2: expected words under 'question'"),
        (GOOD | {"answers": [[]]}, r"line 2: expected .*got \[\[\]\]"),
        (GOOD | {"answers": {"yes": 10}}, "line 2: expected .*got {'yes': 10}"),
        (GOOD | {"answers": [{"said": "yes"}]}, "line 2: expected .*got .*'said': 'yes'"),
        (GOOD | {"answer": float("inf")}, "line 2: expected .*got inf"),
        (GOOD | {"answers": ["yes", None]}, "line 2: expected .*None"),
    ],
)
def test_a_bad_line_is_named(folder, line, complaint):
    with pytest.raises(ValueError, match=f"questions.jsonl {complaint}"):
        questions_of(write(folder, GOOD, line))


def test_a_file_says_what_a_folder_says(spare, folder):
    line = {"filename": "images/a.png", "question": "is it red?", "question_id": 12}
    path = write(folder, line, line | {"question_id": 13, "answer": "yes"})
    spare.model.vqa = Told([spare.answers.index("yes")] * 2, classes=len(spare.answers))
    found = evaluate(spare, on=path, submission=folder / "sent.json")
    assert found["accuracy"] == 1.0  # of the one whose answer is no secret
    sent = json.loads((folder / "sent.json").read_text())
    assert [row["question_id"] for row in sent] == [12, 13]


def test_lines_without_ids_are_not_sent_by_their_numbers(bundle, folder):
    path = write(folder, GOOD | {"questionId": "07"}, GOOD, GOOD)
    with pytest.raises(ValueError, match="needs the id of every question, and 2 of 3 have none"):
        evaluate(bundle, on=path, submission=folder / "sent.json")
    assert not (folder / "sent.json").exists()


def test_a_submission_into_no_folder_is_refused_before_anything_is_asked(spare, pictures):
    spare.model.vqa = None
    with pytest.raises(ValueError, match="a file in a folder that is there, got none"):
        evaluate(spare, on=data_set(pictures, [()] * 3), submission="none/sent.json")


def test_questions_that_are_too_long_are_counted(bundle, folder):
    room = bundle.tokenizer.max_tokens - 2  # [CLS] and [SEP]
    longest = " ".join(["red"] * room)
    assert bundle.tokenizer.count(longest) == bundle.tokenizer.max_tokens
    texts = [longest, *[f"red {longest}"] * 2, f"red red {longest}"]
    path = write(folder, *[GOOD | {"question": text} for text in texts])
    assert vqa_accuracy(bundle, on=path)["cut"] == 3
    path = write(folder, GOOD | {"question": longest})
    assert "cut" not in vqa_accuracy(bundle, on=path, limit=1)
    shown = [f"images/{name}.png" for name in "abab"]
    path = write(
        folder,
        *[{"caption": text, "image": image} for text, image in zip(texts, shown, strict=True)],
    )
    for task in ("matching", "retrieval"):
        found = evaluate(bundle, task=task, on=path)
        # Each true, and the longest false of the picture "a" twice.
        assert found["cut"] == {"matching": 5, "retrieval": 3}[task]


def test_types_are_means_over_their_questions():
    asked = questions_of("world:test", limit=16)
    scores = [float(at % 2) for at in range(16)]
    expected = {kind: float(at % 2) for at, kind in enumerate(KINDS)}
    assert by_type(asked, scores) == expected
