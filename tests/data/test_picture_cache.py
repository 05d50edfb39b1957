"""Laws of kept pictures: what they show, which are kept, and how many bytes they take."""

import os

import pytest
import torch
from PIL import Image

from vilt_core.data import picture_cache
from vilt_core.data.examples import ImageFile, ShardImage
from vilt_core.data.image import Processing, open_image, to_levels
from vilt_core.data.picture_cache import MOST, PictureCache, room

TO = Processing(size=16, patch_size=8)
A_PICTURE = 3 * 16 * 16  # bytes


@pytest.fixture
def pictures(tmp_path) -> list[ImageFile]:
    """Five squares of chance."""
    chance, found = torch.Generator().manual_seed(0), []
    for at in range(5):
        levels = torch.randint(0, 256, (40, 40, 3), generator=chance, dtype=torch.uint8)
        Image.fromarray(levels.numpy()).save(tmp_path / f"{at}.png")
        found.append(ImageFile(tmp_path / f"{at}.png"))
    return found


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """The names of pictures, as they are decoded."""
    names: list[str] = []
    own = ImageFile.open

    def noted(image: ImageFile):
        names.append(image.path.stem)
        return own(image)

    monkeypatch.setattr(ImageFile, "open", noted)
    return names


def shown(image: ImageFile, to: Processing = TO) -> torch.Tensor:
    return to_levels(open_image(image.path), size=to.size, patch_size=to.patch_size, crop=to.crop)


@pytest.mark.parametrize("most", [None, 0, A_PICTURE, 2 * A_PICTURE])
@pytest.mark.parametrize("to", [TO, Processing(size=24, patch_size=8, crop=True)])
def test_what_is_kept_is_what_would_be_decoded(pictures, most, to):
    cache = PictureCache(to, most=most)
    for at in (0, 1, 0, 2, 3, 0, 4, 4, 1):
        assert torch.equal(cache.levels(pictures[at]), shown(pictures[at], to))


def test_a_picture_is_decoded_once_however_its_path_was_made(pictures, decoded):
    cache = PictureCache(TO)
    for _ in range(3):
        for image in pictures:
            cache.levels(ImageFile(image.path.parent / image.path.name))
    assert decoded == list("01234")


def test_the_least_recently_used_goes_first(pictures, decoded):
    cache = PictureCache(TO, most=2 * A_PICTURE)
    for at in (0, 1, 0, 2, 0, 1, 1):  # 2 drives out 1, then 1 drives out 2
        cache.levels(pictures[at])
    assert decoded == list("0121")


def test_no_more_bytes_are_held_than_there_is_room_for(pictures):
    most = 3 * A_PICTURE + A_PICTURE // 2
    cache = PictureCache(TO, most=most)
    for image in pictures * 2:
        cache.levels(image)
    held = [levels.nbytes for levels in cache._kept.values()]
    assert held == [A_PICTURE] * 3
    assert cache._held == sum(held) <= most


def test_what_is_larger_than_all_room_drives_out_nothing(pictures, decoded, tmp_path):
    Image.new("RGB", (80, 50)).save(tmp_path / "wide.png")
    cache, wide = PictureCache(TO, most=A_PICTURE), ImageFile(tmp_path / "wide.png")
    for image in (pictures[0], wide, pictures[0], wide):
        assert torch.equal(cache.levels(image), shown(image))
    assert decoded == ["0", "wide", "wide"]


def test_members_of_one_shard_are_told_apart(pictures, tmp_path):
    parts = [image.path.read_bytes() for image in pictures[:2]]
    (tmp_path / "00000.tar").write_bytes(b"".join(parts))
    cache, start = PictureCache(TO), 0
    for part, image in zip(parts, pictures, strict=False):
        member = ShardImage(tmp_path / "00000.tar", image.path.stem, start, len(part))
        assert torch.equal(cache.levels(member), shown(image))
        start += len(part)


def test_a_broken_picture_is_broken_each_time(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    cache, bad = PictureCache(TO), ImageFile(tmp_path / "bad.png")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"bad\.png"):
            cache.levels(bad)


@pytest.mark.parametrize(
    ("free", "workers", "training", "kept"),
    [
        (2**40, 1, None, MOST),
        (2**30, None, None, 2**27),
        (2**30, 4, None, 2**25),
        (2**30, 4, 2, 2**24),
    ],
)
def test_processes_that_load_share_what_is_free(monkeypatch, free, workers, training, kept):
    """An eighth of the free memory, by workers and by the processes that train on a machine."""

    class Told:
        num_workers = workers

    monkeypatch.setattr(picture_cache, "free_memory", lambda: free)
    monkeypatch.setattr(picture_cache, "get_worker_info", lambda: Told if workers else None)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    if training:
        monkeypatch.setitem(os.environ, "LOCAL_WORLD_SIZE", str(training))
    assert room() == kept
