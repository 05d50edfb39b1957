import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

from vilt_core.commands.measuring import Evaluate
from vilt_core.data.examples import DataSet, ImageFile, QuestionExample, ShardImage
from vilt_core.evaluation import evaluate
from vilt_core.evaluation.answers import answer_scores, own_answer
from vilt_core.evaluation.nlvr2 import statement_probabilities
from vilt_core.evaluation.statements import statements_of
from vilt_core.interop.lab import save_folder
from vilt_core.models.vilt import Vilt
from vilt_core.predictor import Predictor


@pytest.fixture
def folder(tmp_path):
    for at in range(3):
        Image.effect_noise((64, 48 + 16 * at), 40 * (at + 1)).save(tmp_path / f"{at}.png")
    return tmp_path


@pytest.fixture
def comparing(bundle):
    """A model with a head for pairs, away from its start."""
    torch.manual_seed(3)
    model = Vilt(replace(bundle.model.config, tasks=("nlvr2",), modality_types=3)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return replace(bundle, model=model)


def write(folder, lines):
    path = folder / "mine.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def asked(count):
    return [
        {"image": f"{at % 3}.png", "question": f"is it {at}?", "answer": "yes"}
        for at in range(count)
    ]


def test_their_score_is_that_of_the_report(bundle, folder):
    lines = asked(24)
    evaluate(bundle, on=write(folder, lines), predictions=folder / "sent.jsonl")
    said = [row["prediction"] for row in rows_of(folder / "sent.jsonl")]
    for at, line in enumerate(lines):  # so that it is right, half right or wrong
        line["answers"] = [[said[at]], [said[at], "a rock"], ["a rock"]][at % 3]
    found = evaluate(bundle, on=write(folder, lines), predictions=folder / "sent.jsonl")
    rows = rows_of(folder / "sent.jsonl")
    scores = [
        answer_scores(row["answers"], vqa_rules=False).get(own_answer(row["prediction"]), 0.0)
        for row in rows
    ]
    assert found["accuracy"] == pytest.approx(sum(scores) / len(scores), abs=1e-6)
    assert found["accuracy"] == pytest.approx(0.5)
    assert [row["question"] for row in rows] == [line["question"] for line in lines]
    assert [row["image"] for row in rows] == [str(folder / line["image"]) for line in lines]


def test_a_line_has_what_is_known(bundle, folder):
    lines = [line | {"answer": None} for line in asked(3)]
    lines[0] |= {"question_id": "007"}
    lines[1] |= {"id": 7, "answers": ["no", "No"]}
    evaluate(bundle, on=write(folder, lines), predictions=folder / "sent.jsonl")
    first, second, third = rows_of(folder / "sent.jsonl")
    said = ["prediction", "probability"]
    assert list(first) == ["id", "image", "question", *said]
    assert list(second) == ["id", "image", "question", "answers", *said]
    assert list(third) == ["image", "question", *said]
    assert (first["id"], second["id"], second["answers"]) == ("007", 7, ["no", "No"])


def test_the_probability_is_that_of_the_page(bundle, spare, folder):
    lines = asked(3)
    evaluate(bundle, on=write(folder, lines), predictions=folder / "sent.jsonl")
    predictor = Predictor(spare)
    for row, line in zip(rows_of(folder / "sent.jsonl"), lines, strict=True):
        with Image.open(folder / line["image"]) as image:
            best = predictor.answer(image.convert("RGB"), line["question"], top_k=1)[0]
        assert row["prediction"] == best.text
        assert row["probability"] == pytest.approx(best.probability, abs=1e-4)


def test_statements(comparing, folder):
    lines = [
        {"images": [f"{at % 3}.png", f"{at % 2}.png"], "statement": f"both are {at}", "id": at}
        for at in range(12)
    ]
    believed = statement_probabilities(comparing, statements_of(write(folder, lines)))
    lines = [line | {"label": at % 3 > 0} for at, line in enumerate(lines)]
    lines[5]["label"] = None
    found = evaluate(
        comparing, task="nlvr2", on=write(folder, lines), predictions=folder / "sent.jsonl"
    )
    rows = rows_of(folder / "sent.jsonl")
    assert [row["id"] for row in rows] == list(range(12))
    assert [row["statement"] for row in rows] == [line["statement"] for line in lines]
    known = [row["prediction"] == row["label"] for row in rows if "label" in row]
    assert len(known) == 11
    assert found["accuracy"] == pytest.approx(sum(known) / 11, abs=1e-6)
    for row, chance in zip(rows, believed, strict=True):
        true = row["probability"] if row["prediction"] else 1 - row["probability"]
        assert row["probability"] >= 0.5
        assert true == pytest.approx(chance, abs=1e-5)
    assert rows[0]["images"] == [str(folder / "0.png")]
    assert rows[1]["images"] == [str(folder / "1.png")]
    assert rows[2]["images"] == [str(folder / name) for name in ("2.png", "0.png")]


def test_of_any_data_set(bundle, folder):
    inside = (folder / "1.png").read_bytes()
    (folder / "0.tar").write_bytes(inside)
    images = (
        ImageFile(folder / "0.png"),
        ShardImage(shard=folder / "0.tar", key="b", start=0, size=len(inside)),
    )
    examples = [
        QuestionExample(image=image, question="is it?", answers=("yes",), id=at)
        for at, image in enumerate(images)
    ]
    data = DataSet(name="mine", split="val", kind="questions", examples=examples, vqa_rules=True)
    evaluate(bundle, on=data, predictions=folder / "sent.jsonl")
    rows = rows_of(folder / "sent.jsonl")
    assert [row["image"] for row in rows] == [str(folder / "0.png"), f"{folder / '0.tar'}/b"]


def test_pictures_that_cannot_be_read_have_no_line(bundle, folder):
    lines = [line | {"id": at} for at, line in enumerate(asked(6))]
    (folder / "1.png").write_bytes(b"no picture")
    found = evaluate(bundle, on=write(folder, lines), predictions=folder / "sent.jsonl")
    assert [row["id"] for row in rows_of(folder / "sent.jsonl")] == [0, 2, 3, 5]
    assert (found["examples"], found["unreadable"]) == (4, 1)


def test_what_is_refused_before_anything_is_asked(bundle, folder):
    path = write(folder, asked(2))
    old = '{"prediction": "old"}\n'
    (folder / "sent.jsonl").write_text(old)
    for options, complaint in (
        ({}, "of pictures in files: expected a file or a folder, got world:test"),
        ({"on": path, "task": "matching"}, "predictions are written of vqa and nlvr2, got match"),
        ({"on": path, "predictions": folder / "none" / "sent.jsonl"}, "a folder that is there"),
        ({"on": path, "predictions": path}, "is there and holds no predictions: expected a new"),
        ({"on": folder, "predictions": path}, "is there and holds no predictions: expected a new"),
        ({"on": path, "predictions": folder / "0.png"}, "is there and holds no predictions"),
        ({"on": folder / "none.jsonl"}, "found none"),
    ):
        with pytest.raises(ValueError, match=complaint):
            evaluate(bundle, **{"predictions": folder / "sent.jsonl", **options})
    assert (folder / "sent.jsonl").read_text() == old
    assert path.read_text().count("question") == 2
    assert not list(folder.glob("*.part"))


def test_the_command_writes_them(bundle, folder, capsys):
    save_folder(bundle, folder / "model")
    path = write(folder, asked(4))
    sent = folder / "sent.jsonl"
    Evaluate(
        model=str(folder / "model"), on=str(path), limit=2, predictions=sent, device="cpu"
    ).run()
    assert json.loads(capsys.readouterr().out)["examples"] == len(rows_of(sent)) == 2
