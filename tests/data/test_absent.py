"""Laws of looking for pictures: each once, as stat finds them, and no folder listed twice."""

import os
from collections import Counter
from pathlib import Path

import pytest

from vilt_core.data.absent import absent_pictures, looking
from vilt_core.data.examples import (
    CaptionExample,
    DataSet,
    ImageFile,
    QuestionExample,
    ShardImage,
    StatementExample,
)
from vilt_core.data.sequences import CaptionedFile, CaptionedFiles, Joined, MadeOnDemand


def questions(*paths: Path) -> list[QuestionExample]:
    return [
        QuestionExample(image=ImageFile(path), question="why?", answers=("yes",), id=str(at))
        for at, path in enumerate(paths)
    ]


def of(examples, kind: str = "questions") -> DataSet:
    return DataSet(name="mine", split="train", kind=kind, examples=examples)


@pytest.fixture
def folder(tmp_path, paint) -> Path:
    """Nine pictures in three folders."""
    for at in range(9):
        paint(tmp_path / str(at % 3) / f"{at}.png")
    return tmp_path


def test_absent_pictures_are_those_that_are_no_files_each_once_in_order(folder):
    paths = [folder / str(at % 4) / f"{at}.png" for at in (11, 0, 5, 5, 11, 1, 30, 8)]
    found = absent_pictures(of(questions(*paths)))
    assert [image.path for image in found.images] == [
        path for path in dict.fromkeys(paths) if not path.is_file()
    ]
    assert found.of == len(set(paths))


def test_both_pictures_of_a_statement_and_all_parts_of_joined_data_are_looked_for(folder):
    images = ImageFile(folder / "0/0.png"), ImageFile(folder / "0/gone.png")
    statement = StatementExample(images=images, statement="so", label=True, id="", group="")
    assert absent_pictures(of([statement], "statements")).images == images[1:]
    captions = CaptionedFiles(
        CaptionedFile(folder=folder / "1", name=name, id=name, captions=["so"])
        for name in ("1.png", "lost.png")
    )
    joined = Joined([captions, Joined([captions, questions(folder / "2/2.png")])])
    found = absent_pictures(of(joined, "captions"))
    assert [image.path.name for image in found.images] == ["lost.png"]
    assert found.of == 3


def test_pictures_in_shards_are_taken_to_be_there(tmp_path):
    image = ShardImage(tmp_path / "00000.tar", "000", 0, 9)
    caption = CaptionExample(image=image, captions=("so",), id="")
    found = absent_pictures(of([caption], "captions"))
    assert (found.images, found.of) == ((), 1)


def test_examples_that_cannot_be_made_are_left_out(folder):
    class Holes(MadeOnDemand):
        def __len__(self) -> int:
            return 3

        def make(self, index: int):
            if index == 1:
                raise ValueError("a hole")
            return questions(folder / "0" / f"{index}.png")[0]

    found = absent_pictures(of(Holes()))
    assert [image.path.name for image in found.images] == ["2.png"]
    assert found.of == 2


def test_no_folder_is_listed_twice_and_what_is_listed_is_not_looked_for(folder, monkeypatch):
    listed, looked_for = Counter(), []
    scandir, stat = os.scandir, Path.stat
    monkeypatch.setattr(os, "scandir", lambda one: listed.update([one.name]) or scandir(one))
    monkeypatch.setattr(
        Path, "stat", lambda one, **how: looked_for.append(one.name) or stat(one, **how)
    )
    paths = [folder / str(at % 3) / f"{at}.png" for at in range(10)] * 2
    assert len(absent_pictures(of(questions(*paths))).images) == 1
    assert listed == {"0": 1, "1": 1, "2": 1}
    assert looked_for == ["9.png"]


def test_a_link_to_nothing_and_a_folder_are_no_pictures(folder):
    (folder / "lost.png").symlink_to(folder / "nowhere.png")
    (folder / "kept.png").symlink_to(folder / "0/0.png")
    (folder / "named.png").mkdir()
    found = absent_pictures(
        of(questions(*(folder / f"{one}.png" for one in ("lost", "kept", "named"))))
    )
    assert [image.path.name for image in found.images] == ["lost.png", "named.png"]


def test_a_name_that_a_list_spells_otherwise_is_looked_for_by_itself(folder, monkeypatch):
    """As on file systems that do not tell cases apart, or in folders that may not be listed."""

    def refused(_: Path):
        raise PermissionError("no list")

    monkeypatch.setattr(os, "scandir", refused)
    is_there = looking()
    assert is_there(ImageFile(folder / "0/0.png"))
    assert not is_there(ImageFile(folder / "0/1.png"))


@pytest.mark.parametrize("name", ["a\0b.png", "n" * 5000 + ".png", "no/such/folder.png"])
def test_names_that_no_file_can_have_are_absent(folder, name):
    assert not looking()(ImageFile(folder / name))
    assert not looking()(ImageFile(folder / name / "0.png"))
