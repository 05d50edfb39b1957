import os

import numpy as np
import pytest
from PIL import Image

from vilt_core.search.albums import Files, Scenes, album_of


def test_a_folder_is_listed_by_names_that_outlive_a_move(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("b.PNG", "in/a.jpg", ".hidden.png", "notes.txt"):
        Image.new("RGB", (9, 7)).save(tmp_path / name, format="PNG")
    keys = [entry.key for entry in album_of(tmp_path).entries()]
    assert keys == ["b.PNG", "in/a.jpg"]
    tmp_path.rename(tmp_path.with_name("moved"))
    moved = album_of(tmp_path.with_name("moved"))
    assert [entry.key for entry in moved.entries()] == keys
    assert moved.open("b.PNG", side=32).size == (9, 7)


def test_the_stamp_of_a_file_changes_with_it(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (9, 7)).save(path)
    (before,) = album_of(tmp_path).entries()
    os.utime(path, ns=(1, 1))
    (after,) = album_of(tmp_path).entries()
    assert before.key == after.key
    assert before != after


def test_scenes_are_known_by_split_seed_and_index():
    small, large = album_of("world:test:3"), album_of("world:test:5")
    assert large.entries()[:3] == small.entries()
    assert album_of("world:test:3:7").entries()[0].key == "test/7/0"
    assert album_of("world:test:3:7").name == "world:test:3:7"
    picture = small.open(small.entries()[1].key, side=48)
    assert picture.shape == (48, 48, 3)
    assert not np.array_equal(picture, small.open(small.entries()[2].key, side=48))


@pytest.mark.parametrize(
    "wrong",
    ["world:test", "world:moon:5", "world:test:0", "world:test:x", "world:test:1:2:3", "no"],
)
def test_an_album_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        album_of(wrong)


def test_files_that_have_gone_are_not_listed_and_a_bad_one_names_no_folder(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"nothing")
    album = Files(root=tmp_path, names=("bad.png", "gone.png"))
    assert [entry.key for entry in album.entries()] == ["bad.png"]
    for name in ("bad.png", "gone.png"):
        with pytest.raises(ValueError, match=r"read|image") as caught:
            album.open(name, side=32)
        assert str(tmp_path) not in str(caught.value)


def test_an_album_of_no_scenes_cannot_be():
    with pytest.raises(ValueError, match="world:SPLIT:COUNT"):
        Scenes(split="test", count=0)
