"""Laws of a digest of data: a letter changes it, and where the data lie does not."""

import json
import tarfile
from pathlib import Path

import pytest

from vilt_core.data import jsonl_sets, shards
from vilt_core.data.digest import digest
from vilt_core.data.sequences import CaptionedFile, CaptionedFiles, Joined
from vilt_core.data.vqav2 import Questions

LINES = {
    "captions": {"image": "a/1.png", "captions": ["a cat", "cats"]},
    "questions": {"image": "a/1.png", "question": "is it?", "answer": "yes"},
    "statements": {"images": ["a/1.png", "a/2.png"], "statement": "it is", "label": True},
}
CORRECTED = [
    ("captions", {"image": "a/3.png"}),
    ("captions", {"captions": ["a car", "cats"]}),
    ("captions", {"captions": ["a cat"]}),
    ("questions", {"image": "a/3.png"}),
    ("questions", {"question": "is he?"}),
    ("questions", {"answer": "yet"}),
    ("statements", {"images": ["a/1.png", "a/3.png"]}),
    ("statements", {"statement": "he is"}),
    ("statements", {"label": False}),
]


def written(folder: Path, *lines: dict) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return digest(jsonl_sets.read_file(folder / "train.jsonl").examples)


@pytest.mark.parametrize(("kind", "correction"), CORRECTED)
def test_a_corrected_line_is_other_data_and_another_place_is_not(kind, correction, tmp_path):
    first = LINES[kind]
    before = written(tmp_path / "here" / "mine", first, first)
    assert written(tmp_path / "there" / "mine", first, first) == before
    assert written(tmp_path / "here" / "mine", first, first | correction) != before


def test_the_borders_between_texts_count():
    def rows(*captions):
        return CaptionedFiles([CaptionedFile(Path(), "1.png", "1", captions)])

    assert digest(rows("ab", "c")) != digest(rows("a", "bc")) != digest(rows("abc"))


def test_the_parts_of_joined_sets_count_in_their_order(tmp_path):
    one, other = (
        CaptionedFiles([CaptionedFile(tmp_path, f"{at}.png", str(at), ["a cat"])]) for at in (1, 2)
    )
    found = {digest(Joined(parts)) for parts in ([one, other], [other, one], [one], [one, one])}
    assert len(found) == 4


def test_answers_of_vqa_count(tmp_path):
    asked = [{"question_id": 1, "image_id": 2, "question": "what?"}]

    def answered(word):
        entry = {"answers": [word] * 10, "answer_type": "other", "multiple_choice_answer": word}
        return digest(Questions(asked, {1: entry}, folder=tmp_path, where="file"))

    assert answered("cat") == answered("cat") != answered("car")


def test_shards_are_known_by_their_names_and_sizes(tmp_path):
    def found(name, content):
        with tarfile.open(tmp_path / name, "w") as tar:
            for ending in ("jpg", "txt"):
                (tmp_path / "part").write_bytes(content)
                tar.add(tmp_path / "part", f"1.{ending}")
        made = digest(shards.read(tmp_path, split="train").examples)
        (tmp_path / name).unlink()
        return made

    assert found("0.tar", b"1") == found("0.tar", b"2")
    assert len({found("0.tar", b"1"), found("1.tar", b"1"), found("0.tar", b"1" * 99_999)}) == 3
