import io
import json
import tarfile

import pytest
from PIL import Image

from vilt_core.data.check import DECODED, check_data

QUESTIONS = [
    {"image": f"images/{n % 40}.png", "question": "is it red?", "answer": ["yes", "no"][n % 2]}
    for n in range(60)
]


@pytest.fixture
def own(tmp_path, paint):
    """Sixty questions about forty pictures, and captions of two."""
    for number in range(40):
        paint(tmp_path / "images" / f"{number}.png")
    write(tmp_path / "train.jsonl", QUESTIONS)
    captions = ["one two three", "four"]
    rows = [{"image": f"images/{n}.png", "caption": text} for n, text in enumerate(captions)]
    write(tmp_path / "captions.jsonl", rows)
    return tmp_path


def write(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def only(report):
    [found] = report.sets
    [split] = found.splits
    return split


def write_shard(path, contents, stats=None):
    with tarfile.open(path, "w") as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    if stats is not None:
        path.with_name(f"{path.stem}_stats.json").write_text(json.dumps({"successes": stats}))


def jpeg():
    file = io.BytesIO()
    Image.new("RGB", (9, 7)).save(file, format="JPEG")
    return file.getvalue()


@pytest.mark.parametrize("as_file", [False, True])
def test_all_bad_lines_are_counted_and_the_first_three_named(own, as_file):
    rows = [json.dumps(one) for one in QUESTIONS]
    rows[0] = "no JSON"
    rows[9] = json.dumps(QUESTIONS[0] | {"answer": {}})
    rows[19] = json.dumps({"image": "images/1.png", "caption": "of another kind"})
    rows[29] = json.dumps(QUESTIONS[0] | {"question": ""})
    (own / "train.jsonl").write_text("\n".join(["", *rows]))
    (own / "captions.jsonl").unlink()
    report = check_data(own / "train.jsonl" if as_file else own)
    assert not report.complete
    count, *named = only(report).missing
    assert count == "4 of 60 lines are bad"
    assert [line.split(":")[0].split(" is ")[0] for line in named] == [
        f"train.jsonl line {number}" for number in (2, 11, 21)
    ]
    assert all(line in report.text() for line in named)


def test_good_data_is_counted_and_shown(own):
    report = check_data(own)
    assert report.complete
    captions, questions = report.sets
    [split] = questions.splits
    assert (split.examples, split.pictures, split.texts, split.answers) == (60, 40, 60, 2)
    assert split.decoded == DECODED
    assert captions.splits[0].words == 2.0
    assert len(questions.shown) == 3
    text = report.text()
    assert "2 data sets" in text
    assert "train: 60 examples, 40 pictures, 60 questions of 3.0 words on average" in text
    assert "2 different answers" in text
    assert "32 pictures to try: 32 are good" in text
    assert '0.png: "is it red?" yes' in text
    assert "missing" not in text


@pytest.mark.parametrize("kind", ["questions", "statements"])
def test_each_picture_is_opened_once_however_often_it_is_asked_about(own, kind):
    (own / "captions.jsonl").unlink()
    said = {"questions": {"question": "is it?", "answer": "yes"}, "statements": {"statement": "a"}}
    images = [f"images/{at}.png" for at in range(2)]
    write(own / "train.jsonl", [said[kind] | {"image": images[at % 2]} for at in range(20)])
    split = only(check_data(own))
    assert (split.examples, split.pictures, split.decoded) == (20, 2, 2)
    assert "20 examples, 2 pictures" in check_data(own).text()
    assert "opened 2 pictures to try: 2 are good" in check_data(own).text()


def test_missing_pictures_are_counted_once_and_the_first_are_named(own):
    for number in range(8):
        (own / "images" / f"{number}.png").unlink()
    (own / "captions.jsonl").unlink()
    report = check_data(own)
    split = only(report)
    assert not report.complete
    assert split.absent == 8
    assert [name.rsplit("/", 1)[-1] for name in split.named_absent] == [
        f"{n}.png" for n in range(5)
    ]
    assert not split.broken
    assert "missing: 8 pictures: " in report.text()
    assert "4.png and 3 more" in report.text()


def test_broken_pictures_are_named(own):
    (own / "captions.jsonl").unlink()
    (own / "images" / "0.png").write_bytes(b"no picture")
    split = only(check_data(own))
    assert split.absent == 0
    assert all("images/0.png" in line for line in split.broken)
    assert split.broken


def test_a_truncated_file_is_told_beside_the_others(own):
    write(own / "val.jsonl", QUESTIONS[:3])
    with (own / "val.jsonl").open("a") as file:
        file.write('{"image": "images')
    report = check_data(own)
    told = {split.split: split for split in report.sets[1].splits}
    assert told["train"].complete
    assert "val.jsonl line 4 is not readable JSON" in told["val"].missing[0]
    assert "val: no example" in report.text()


def test_a_missing_folder_of_pictures(tmp_path):
    image = {"filename": "COCO_val2014_000000000001.jpg", "filepath": "val2014", "split": "val"}
    content = {"images": [image | {"sentences": [{"raw": "a cat"}]}]}
    (tmp_path / "dataset_coco.json").write_text(json.dumps(content))
    text = check_data(tmp_path).text()
    assert f"missing: the folder of pictures {tmp_path / 'val2014'}" in text
    assert "missing: 1 picture: " in text


def test_damaged_shards(tmp_path):
    good = {"0.jpg": jpeg(), "0.txt": b"a cat"}
    write_shard(tmp_path / "00000.tar", good | {"1.txt": b"no picture", "2.jpg": jpeg()}, stats=3)
    write_shard(tmp_path / "00001.tar", good, stats=1)
    content = (tmp_path / "00001.tar").read_bytes()
    (tmp_path / "00001.tar").write_bytes(content[:600])
    write_shard(tmp_path / "00002.tar", {"0.jpg": b"broken", "0.txt": b"a dog runs"}, stats=1)
    (tmp_path / "00003_stats.json").write_text('{"successes": 5}')
    report = check_data(tmp_path)
    split = only(report)
    assert (split.examples, split.texts, split.words) == (2, 2, 2.5)
    assert len(split.broken) == 1
    text = report.text()
    for told in (
        "has a caption and no picture: 1",
        "has a picture and no caption: 2",
        "00000.tar holds 1 whole samples, not 3",
        "00001.tar is cut short",
        "00002.tar/0",
        "00003.tar",
    ):
        assert told in text


def test_a_damaged_shard_without_statistics_is_told_once(tmp_path):
    write_shard(tmp_path / "00000.tar", {"0.jpg": jpeg(), "0.txt": b"a cat", "1.jpg": jpeg()})
    path = tmp_path / "00000.tar"
    path.write_bytes(path.read_bytes().rstrip(b"\0"))
    damaged, alone = only(check_data(tmp_path)).missing
    assert "00000.tar ends at byte" in damaged
    assert "has a picture and no caption: 1" in alone


def test_unlabelled_statements_and_one_file(tmp_path, paint):
    paint(tmp_path / "a.png")
    write(tmp_path / "mine.jsonl", [{"image": "a.png", "statement": "a cat"}])
    report = check_data(tmp_path / "mine.jsonl")
    assert only(report).unlabelled == 1
    assert "mine: 1 example, 1 picture, 1 statement" in report.text()
    assert "1 without a label" in report.text()


def test_progress_ends_at_all(own):
    told = []
    check_data(own, progress=lambda *step: told.append(step))
    ends = {what: (done, total) for what, done, total in told}
    assert sorted(ends.values()) == [(2, 2), (60, 60)]


def test_nothing_known_and_nothing_at_all(tmp_path):
    report = check_data(tmp_path)
    assert not report.complete
    assert "0 data sets" in report.text()
    assert "missing: anything known" in report.text()
    with pytest.raises(ValueError, match="expected a folder at"):
        check_data(tmp_path / "gone")


def test_splits_made_of_others_are_not_checked_again(tmp_path):
    for part in ("train2014", "val2014"):
        asked = {"questions": [{"question_id": 1, "image_id": 1, "question": "what?"}]}
        (tmp_path / f"v2_OpenEnded_mscoco_{part}_questions.json").write_text(json.dumps(asked))
    [found] = check_data(tmp_path).sets
    assert [split.split for split in found.splits] == ["train", "val"]
    assert "1 without an answer" in check_data(tmp_path).text()


def test_secret_truth_disputes_nothing(own):
    asked = QUESTIONS[0] | {"question": "why?"}
    told = [asked | {"answer": said} for said in (None, "so", None, "So", "not so")]
    write(own / "train.jsonl", told)
    [split] = check_data(own / "train.jsonl").sets[0].splits
    assert (split.repeated, split.disputed) == (4, 1)


def test_what_is_asked_again_and_what_is_learned_from_too_are_told(own):
    (own / "captions.jsonl").unlink()
    other = {"no": "yes", "yes": "no"}
    again = [
        QUESTIONS[3] | {"question": " Is it  RED?", "answer": QUESTIONS[3]["answer"].upper()},
        QUESTIONS[5] | {"answer": other[QUESTIONS[5]["answer"]]},
    ]
    write(own / "train.jsonl", QUESTIONS[:40] + again)
    write(own / "val.jsonl", [QUESTIONS[0], QUESTIONS[1] | {"question": "why?"}])
    report = check_data(own)
    assert report.complete
    [train, val] = report.sets[0].splits
    assert (train.repeated, train.disputed, train.shared) == (2, 1, None)
    assert "repeated: 2 examples with the pictures and the words of an earlier one, 1" in (
        report.text()
    )
    assert (val.repeated, val.shared.seen, val.shared.said) == (0, 2, 1)
    assert "shared with train: 2 of 2 examples have a picture of it, 1 of them the sam" in (
        report.text()
    )
