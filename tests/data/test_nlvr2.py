import json
from collections import defaultdict

import pytest

from vilt_core.data import nlvr2


def write(root, name, lines):
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("".join(json.dumps(line) + "\n" for line in lines))


def line(identifier, **more):
    return {"identifier": identifier, "sentence": "a cat is there.", "label": "True", **more}


def official_group(identifier):
    """As the published metrics.py builds the key of its consistency dictionary."""
    parts = identifier.split("-")
    parts[2] = ""
    return "-".join(parts)


@pytest.mark.parametrize(
    ("sample", "name", "split", "count"),
    [
        ("nlvr2_dev_head5.json", "dev", "val", 5),
        ("nlvr2_balanced_test1_head3.json", "test1", "test", 3),
    ],
)
def test_the_published_files(formats, tmp_path, paint, sample, name, split, count):
    data_folder = tmp_path / "nlvr2" / "data"
    data_folder.mkdir(parents=True)
    (data_folder / f"{name}.json").write_bytes((formats / sample).read_bytes())
    rows = [json.loads(row) for row in (formats / sample).read_text().splitlines()]
    for row in rows:
        for side in (0, 1):
            stem = row["identifier"].rsplit("-", 1)[0]
            paint(tmp_path / name / f"{stem}-img{side}.png")
    assert nlvr2.splits_in(tmp_path) == (split,)
    data = nlvr2.read(tmp_path, split=split)
    assert len(data.examples) == len(rows) == count
    assert not data.missing
    for example, row in zip(data.examples, rows, strict=True):
        assert example.id == row["identifier"]
        assert example.statement == row["sentence"]
        assert example.label is (row["label"] == "True")
        assert example.group == official_group(row["identifier"])
        left, right = (image.path.name for image in example.images)
        assert (left[-8:], right[-8:]) == ("img0.png", "img1.png")
        assert all(image.open().size == (12, 8) for image in example.images)


def test_a_group_is_one_sentence_over_all_its_pairs(tmp_path):
    ids = [f"dev-{s}-{p}-{n}" for s in (4, 12) for p in (0, 1, 3) for n in (0, 1)]
    write(tmp_path, "dev.json", [line(i, sentence=f"{i[:6]} {i[-1]}") for i in ids])
    groups = defaultdict(set)
    for example in nlvr2.read(tmp_path, split="val").examples:
        groups[example.group].add(example.statement)
    assert len(groups) == 4
    assert all(len(statements) == 1 for statements in groups.values())


def test_the_pictures_of_train_lie_in_numbered_folders(tmp_path, paint):
    write(tmp_path, "train.json", [line("train-10108-0-1", directory=57)])
    for side in (0, 1):
        paint(tmp_path / "images" / "train" / "57" / f"train-10108-0-img{side}.png")
    [example] = nlvr2.read(tmp_path, split="train").examples
    assert all(image.open().size == (12, 8) for image in example.images)


def test_a_secret_label_is_none_and_a_missing_folder_is_told(tmp_path):
    secret = line("test1-0-0-0")
    del secret["label"]
    write(tmp_path, "test1.json", [secret])
    data = nlvr2.read(tmp_path, split="test")
    assert data.examples[0].label is None
    assert data.missing == (f"the folder of pictures {tmp_path / 'test1'}",)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ('{"identifier": "dev-1-0-0", "sentence": "a', "line 1 is not readable JSON"),
        ('{"identifier": "dev-1-0-0", "sentence": "\xff"}', r"dev\.json line 1 is not readable"),
        ('{"identifier": ' + "[" * 100_000, r"dev\.json line 1 is not readable JSON"),
        ('{"identifier": "dev-1"}', "an identifier like"),
        ('{"identifier": "dev-1-0-0", "label": "maybe"}', "True or False"),
        ('{"identifier": "dev-1-0-0"}', "under 'sentence'"),
    ],
)
def test_a_damaged_line_is_told_in_a_sentence(tmp_path, row, complaint):
    (tmp_path / "dev.json").write_bytes(row.encode("latin-1"))
    with pytest.raises(ValueError, match=complaint):
        nlvr2.read(tmp_path, split="val")


def test_another_train_json_is_not_of_this_format(tmp_path):
    (tmp_path / "train.json").write_text('[["a.jpg", "a cat"]]')
    assert nlvr2.splits_in(tmp_path) == ()
