import json

import pytest

from vilt_core.data import coco, flickr30k
from vilt_core.data.examples import ImageFile


@pytest.fixture
def coco_root(formats, tmp_path, paint):
    (tmp_path / "karpathy").mkdir()
    sample = (formats / "karpathy_dataset_coco.json").read_bytes()
    (tmp_path / "karpathy" / "dataset_coco.json").write_bytes(sample)
    (tmp_path / "train2014").mkdir()
    paint(tmp_path / "val2014" / "COCO_val2014_000000391895.jpg")
    paint(tmp_path / "val2014" / "COCO_val2014_000000522418.jpg")
    return tmp_path


def write(root, images, name="dataset_coco.json"):
    (root / name).write_text(json.dumps({"images": images}))


def picture(number, split, captions=("a",)):
    sentences = [{"raw": caption, "tokens": caption.split()} for caption in captions]
    name = f"COCO_val2014_{number:012d}.jpg"
    place = {"filepath": "val2014", "filename": name, "cocoid": number}
    return place | {"split": split, "sentences": sentences}


def test_the_published_coco_file(coco_root):
    assert coco.splits_in(coco_root) == ("train", "val", "test")
    test = coco.read(coco_root, split="test")
    [example] = test.examples
    assert example.captions == ("A man",)
    assert example.id == "391895"
    assert example.image.open().size == (12, 8)
    assert not test.missing
    assert test.own_alone  # recall counts a picture's own captions, as published
    [restval] = coco.read(coco_root, split="train").examples
    assert restval.id == "522418"
    assert len(coco.read(coco_root, split="val").examples) == 0


def test_the_published_flickr_file(formats, tmp_path, paint):
    sample = (formats / "karpathy_dataset_flickr30k.json").read_bytes()
    (tmp_path / "dataset_flickr30k.json").write_bytes(sample)
    image = paint(tmp_path / "flickr30k-images" / "1000092795.jpg")
    assert flickr30k.read(tmp_path, split="test").own_alone
    [example] = flickr30k.read(tmp_path, split="train").examples
    assert example.image == ImageFile(image)
    assert example.captions == (
        "Two men in green shirts standing in a yard.",
        "A man in a blue shirt standing in a garden.",
        "Two friends enjoy time spent together.",
    )
    assert [len(flickr30k.read(tmp_path, split=each).examples) for each in ("val", "test")] == [
        0,
        0,
    ]


def test_every_picture_is_in_one_split_and_restval_is_for_training(tmp_path):
    splits = ["train", "restval", "val", "test", "restval", "val"]
    write(tmp_path, [picture(number, split) for number, split in enumerate(splits)])
    ids = {
        split: [int(one.id) for one in coco.read(tmp_path, split=split).examples]
        for split in coco.SPLITS
    }
    assert ids == {"train": [0, 1, 4], "val": [2, 5], "test": [3]}


def test_captions_keep_their_order_and_repetitions(tmp_path):
    captions = ["b ", "a", "b\n", "c"]
    write(tmp_path, [picture(1, "val", captions)])
    [example] = coco.read(tmp_path, split="val").examples
    assert example.captions == ("b", "a", "b", "c")


def test_missing_folders_are_told_and_do_not_matter(tmp_path):
    write(tmp_path, [picture(1, "val")])
    data = coco.read(tmp_path, split="val")
    assert data.missing == (f"the folder of pictures {tmp_path / 'val2014'}",)
    with pytest.raises(ValueError, match="000000000001"):
        data.examples[0].image.open()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{}", "under 'images'"),
        ('{"images": [3]}', "picture 0"),
        ('{"images": [{"split": "val"}]}', "under 'sentences'"),
        ('{"images": [{"split": "val", "sentences": [{}]}]}', '"raw"'),
        ('{"images": [{"split": "val", "sentences": [], "filepath": "x"}]}', "got 'x'"),
        ('{"images": [{"split": "val"', "not readable JSON"),
    ],
)
def test_another_file_is_refused_in_a_sentence(tmp_path, content, complaint):
    (tmp_path / "dataset_coco.json").write_text(content)
    with pytest.raises(ValueError, match=complaint):
        coco.read(tmp_path, split="val")


@pytest.mark.parametrize("module", [coco, flickr30k])
def test_an_empty_folder_is_not_of_this_format(module, tmp_path):
    assert module.splits_in(tmp_path) == ()
    with pytest.raises(ValueError, match="found none"):
        module.read(tmp_path, split="train")
