import json
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from vilt_core.data import vqav2
from vilt_core.data.examples import ImageFile, QuestionExample
from vilt_core.data.vqav2 import answer_list, held_out_images

TRAIN = "v2_OpenEnded_mscoco_train2014_questions.json"
TRAIN_ANSWERS = "v2_mscoco_train2014_annotations.json"


def write(root, part, asked, *, answered=True):
    """Questions of a part of COCO: (picture, question, ten answers) each."""
    rows = [(number, *row) for number, row in enumerate(asked, start=1000)]
    questions = [{"question_id": q, "image_id": i, "question": text} for q, i, text, _ in rows]
    name = f"v2_OpenEnded_mscoco_{part}_questions.json"
    (root / name).write_text(json.dumps({"questions": questions}))
    if answered:
        annotations = [
            {
                "question_id": q,
                "image_id": i,
                "answer_type": "other",
                "multiple_choice_answer": said[0],
                "answers": [{"answer": a, "answer_id": n} for n, a in enumerate(said)],
            }
            for q, i, _, said in reversed(rows)
        ]
        name = f"v2_mscoco_{part}_annotations.json"
        (root / name).write_text(json.dumps({"annotations": annotations}))


def question(answers, majority=None):
    return QuestionExample(
        image=ImageFile(Path("a.jpg")),
        question="?",
        answers=tuple(answers),
        id="1",
        majority=majority,
    )


def test_the_published_files(formats, tmp_path, paint):
    for name, sample in (
        (TRAIN, "v2_OpenEnded_mscoco_train2014_questions.json"),
        (TRAIN_ANSWERS, "v2_mscoco_train2014_annotations.json"),
    ):
        (tmp_path / name).write_bytes((formats / sample).read_bytes())
    image = paint(tmp_path / "train2014" / "COCO_train2014_000000393714.jpg")
    assert vqav2.splits_in(tmp_path) == ("train",)
    data = vqav2.read(tmp_path, split="train")
    [example] = data.examples
    assert example == QuestionExample(
        image=ImageFile(image),
        question="What color are the walls?",
        answers=("light blue", *["white"] * 9),
        id=393714000,
        kind="other",
        majority="white",
    )
    assert example.image.open().size == (12, 8)
    assert not data.missing


@pytest.mark.parametrize("name", ["image_id", "question_id"])
def test_a_number_of_more_than_64_bits_is_told(tmp_path, name):
    write(tmp_path, "train2014", [(1, "what?", ["yes"])])
    file = tmp_path / TRAIN
    file.write_text(re.sub(rf'("{name}": )\d+', rf"\g<1>{2**63}", file.read_text()))
    with pytest.raises(ValueError, match=f"expected a whole number under '{name}'"):
        vqav2.read(tmp_path, split="train")


def test_answers_belong_to_their_question_in_the_order_of_the_questions(tmp_path):
    asked = [(n % 3, f"question {n}", [f"answer {n}", "yes"] * 5) for n in range(7)]
    write(tmp_path, "train2014", asked)
    found = [(e.question, list(e.answers)) for e in vqav2.read(tmp_path, split="train").examples]
    assert found == [(text, answers) for _, text, answers in asked]


def test_val_is_split_by_pictures_and_trainval_is_what_the_paper_trains_on(tmp_path):
    write(tmp_path, "train2014", [(n, "train?", ["yes"]) for n in range(5)])
    write(tmp_path, "val2014", [(n // 3, "val?", ["no"]) for n in range(60)])
    assert vqav2.splits_in(tmp_path) == (
        "train",
        "val",
        "trainval",
        "trainable_val",
        "rest_val",
    )

    def read(split):
        return list(vqav2.read(tmp_path, split=split, held_out=6).examples)

    rest, trainable = read("rest_val"), read("trainable_val")
    assert len({example.image for example in rest}) == 6
    assert not {example.image for example in rest} & {example.image for example in trainable}
    assert sorted(e.id for e in rest + trainable) == sorted(e.id for e in read("val"))
    assert read("trainval") == read("train") + trainable


def test_the_pictures_held_out_are_always_the_same_and_spread():
    images = list(range(40_000))
    held_out = held_out_images(images)
    assert len(held_out) == 1000
    assert held_out == held_out_images(random.Random(3).sample(images, len(images)))
    assert 350 < sum(image < 20_000 for image in held_out) < 650
    assert held_out_images(images, 10) < held_out


def test_secret_answers_and_the_pictures_of_test_dev(tmp_path, paint):
    for part in ("test2015", "test-dev2015"):
        write(tmp_path, part, [(7, "what is it?", ["x"])], answered=False)
    image = paint(tmp_path / "test2015" / "COCO_test2015_000000000007.jpg")
    for split in ("test", "test-dev"):
        data = vqav2.read(tmp_path, split=split)
        [example] = data.examples
        assert example.image == ImageFile(image)
        assert (example.answers, example.kind, example.majority) == ((), None, None)
        assert not data.missing


def test_pictures_of_coco_beside_it_will_do(tmp_path, paint):
    (tmp_path / "vqav2").mkdir()
    write(tmp_path / "vqav2", "train2014", [(7, "what is it?", ["x"])])
    image = paint(tmp_path / "coco" / "train2014" / "COCO_train2014_000000000007.jpg")
    [example] = vqav2.read(tmp_path / "vqav2", split="train").examples
    assert example.image == ImageFile(image)


def test_what_is_missing_is_told(tmp_path):
    write(tmp_path, "train2014", [(7, "what is it?", ["x"])], answered=False)
    pictures, answers = vqav2.read(tmp_path, split="train").missing
    assert "train2014" in pictures
    assert TRAIN_ANSWERS in answers
    content = {"annotations": [{"question_id": 5, "answers": []}]}
    (tmp_path / TRAIN_ANSWERS).write_text(json.dumps(content))
    assert "1 questions" in vqav2.read(tmp_path, split="train").missing[1]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        (TRAIN, '{"questions": [{"question_id": 1', "not readable JSON"),
        (TRAIN, '{"questions": [{"question_id": 1}]}', "under 'image_id'"),
        (TRAIN, "[]", "under 'questions'"),
        (TRAIN_ANSWERS, '{"annotations": [{"question_id": 1}]}', "under 'answers'"),
        (TRAIN_ANSWERS, '{"annotations": [{"question_id": 1, "answers": [3]}]}', "question 1"),
    ],
)
def test_a_damaged_file_is_told_in_a_sentence(tmp_path, name, content, complaint):
    write(tmp_path, "train2014", [(7, "what is it?", ["x"])])
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=complaint):
        vqav2.read(tmp_path, split="train")


def test_the_answer_list_has_what_is_frequent_in_order_of_appearance():
    draw = random.Random(0)
    said = draw.choices(["Yes", "yes", "no", "a cat", "two"], weights=[9, 9, 5, 2, 1], k=120)
    listed = answer_list([question([], one) for one in said], normalise=str.lower, at_least=9)
    counts = Counter(one.lower() for one in said)
    assert set(listed) == {answer for answer, count in counts.items() if count >= 9}
    first = {answer: [one.lower() for one in said].index(answer) for answer in listed}
    assert sorted(listed, key=first.__getitem__) == list(listed)


def test_spellings_count_together_and_nine_are_enough():
    spelled = [question([], one) for one in ["Cat"] * 5 + ["cat"] * 4 + ["dog"] * 8]
    assert answer_list(spelled, normalise=str.lower) == ("cat",)
    assert answer_list(spelled, normalise=str) == ()
    assert answer_list(spelled, normalise=str.lower, at_least=8) == ("cat", "dog")


def test_without_a_stated_majority_the_answers_decide():
    asked = [question(["red", "blue", "blue"]), question([])]
    assert answer_list(asked, normalise=str, at_least=1) == ("blue",)
