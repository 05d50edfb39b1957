import io
import json
import tarfile

import pytest

from vilt_core.data.folders import open_data, recognise


def write_coco(root, split="train"):
    root.mkdir(parents=True, exist_ok=True)
    images = [
        {
            "filename": f"COCO_val2014_{number:012d}.jpg",
            "filepath": "val2014",
            "cocoid": number,
            "split": split,
            "sentences": [{"raw": "a cat"}],
        }
        for number in range(3)
    ]
    (root / "dataset_coco.json").write_text(json.dumps({"images": images}))


def write_genome(root):
    root.mkdir(parents=True, exist_ok=True)
    content = [{"id": 1, "regions": [{"phrase": "a dog"}, {"phrase": "a tree"}]}]
    (root / "region_descriptions.json").write_text(json.dumps(content))


def write_vqa(root, part="train2014"):
    content = {"questions": [{"question_id": 1, "image_id": 1, "question": "what?"}]}
    (root / f"v2_OpenEnded_mscoco_{part}_questions.json").write_text(json.dumps(content))
    (root / f"v2_mscoco_{part}_annotations.json").write_text('{"annotations": []}')


def write_nlvr2(root, name="dev"):
    root.mkdir(parents=True, exist_ok=True)
    row = {"identifier": "dev-1-0-0", "sentence": "a cat", "label": "True"}
    (root / f"{name}.json").write_text(json.dumps(row))


def write_shards(root):
    root.mkdir(parents=True, exist_ok=True)
    with tarfile.open(root / "00000.tar", "w") as tar:
        for name in ("0.jpg", "0.txt", "1.jpg", "1.txt"):
            info = tarfile.TarInfo(name)
            info.size = 4
            tar.addfile(info, io.BytesIO(b"what"))


def write_own(root):
    root.mkdir(parents=True, exist_ok=True)
    for split in ("train", "val"):
        line = {"image": "a.png", "question": "is it?", "answer": split}
        (root / f"{split}.jsonl").write_text(json.dumps(line))


def found(folder):
    return [(each.format, each.kind, each.splits) for each in recognise(folder)]


def test_every_format_is_recognised_and_opened(tmp_path):
    write_coco(tmp_path / "coco")
    write_genome(tmp_path / "vg")
    write_vqa(tmp_path / "coco")
    write_nlvr2(tmp_path / "nlvr2")
    for name in ("gcc", "sbu", "web"):
        write_shards(tmp_path / name)
    write_own(tmp_path / "mine")
    assert found(tmp_path) == [
        ("coco", "captions", ("train", "val", "test")),
        ("vqav2", "questions", ("train",)),
        ("conceptual", "captions", ("train",)),
        ("jsonl", "questions", ("train", "val")),
        ("nlvr2", "statements", ("val",)),
        ("sbu", "captions", ("train",)),
        ("visual genome", "captions", ("train",)),
        ("shards", "captions", ("train",)),
    ]
    for each in recognise(tmp_path):
        data = each.read(each.splits[0])
        assert (data.kind, data.split) == (each.kind, each.splits[0])
        assert len(data.examples) > 0


@pytest.mark.parametrize("name", ["cc3m_cc12m_sbu", "sbu-and-conceptual"])
def test_shards_of_several_sets_in_one_folder_are_read_once(tmp_path, name):
    write_shards(tmp_path / name)
    write_shards(tmp_path / "sbu")
    alone = open_data(tmp_path / "sbu")
    assert [kind for kind, *_ in found(tmp_path / name)] == ["conceptual"]
    assert len(open_data(tmp_path / name).examples) == len(alone.examples)
    assert len(open_data(tmp_path).examples) == 2 * len(alone.examples)
    (tmp_path / name / "annot.json").write_text('[["a.jpg", "a cat"]]')  # another set, not shards
    assert [kind for kind, *_ in found(tmp_path / name)] == ["conceptual", "sbu"]


def test_what_pretraining_reads_is_joined_in_order(tmp_path):
    write_coco(tmp_path / "coco")
    write_genome(tmp_path / "vg")
    write_shards(tmp_path / "gcc")
    data = open_data(tmp_path)
    assert data.name == "coco+conceptual+visual genome"
    alone = [open_data(tmp_path / name) for name in ("coco", "gcc", "vg")]
    assert list(data.examples) == [example for each in alone for example in each.examples]
    assert data.missing == tuple(f"{each.name}: {line}" for each in alone for line in each.missing)


def test_of_several_those_with_the_split_are_joined(tmp_path):
    write_coco(tmp_path / "coco", split="val")
    write_genome(tmp_path / "vg")
    assert open_data(tmp_path, split="val").name == "coco"


def test_a_kind_is_asked_for_where_there_are_several(tmp_path):
    write_coco(tmp_path)
    write_vqa(tmp_path)
    with pytest.raises(ValueError, match="holds captions and questions: say which kind"):
        open_data(tmp_path)
    assert open_data(tmp_path, kind="questions").name == "vqav2"
    assert open_data(tmp_path, kind="captions").name == "coco"


def test_a_single_file_and_its_kind(tmp_path):
    write_own(tmp_path)
    file = tmp_path / "val.jsonl"
    assert [example.answers for example in open_data(file).examples] == [("val",)]
    assert open_data(file, split="val", kind="questions").split == "val"
    with pytest.raises(ValueError, match=r"expected captions in .*, found questions"):
        open_data(file, kind="captions")


def test_a_folder_of_own_lines_gives_the_split_asked_for(tmp_path):
    write_own(tmp_path)
    for split in ("train", "val"):
        assert open_data(tmp_path, split=split).examples[0].answers == (split,)


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"split": "test"}, "no split 'test', only train, val"),
        ({"kind": "captions"}, "expected captions in .*, found questions"),
        ({"kind": "pictures"}, "kind must be one of captions, questions, statements"),
    ],
)
def test_what_is_not_there_is_told_in_a_sentence(tmp_path, asked, complaint):
    write_own(tmp_path)
    with pytest.raises(ValueError, match=complaint):
        open_data(tmp_path, **asked)


def test_an_empty_folder_and_none_at_all(tmp_path):
    assert recognise(tmp_path) == []
    with pytest.raises(ValueError, match="found nothing of the kind"):
        open_data(tmp_path)
    with pytest.raises(ValueError, match="expected a folder at"):
        open_data(tmp_path / "gone")
    with pytest.raises(ValueError, match=r"expected a file at .*typo\.jsonl, found none"):
        open_data(tmp_path / "typo.jsonl")
