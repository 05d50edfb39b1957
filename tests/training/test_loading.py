"""Laws of loading: parts in the order of the steps, few in memory, failures in their place."""

import multiprocessing
import time
import weakref
from dataclasses import dataclass, field, fields, replace

import pytest
import torch
from PIL import Image

from vilt_core.data.examples import CaptionExample, DataSet, ImageFile
from vilt_core.data.image import Processing, to_pixels
from vilt_core.training import loading
from vilt_core.training.batches import Row, collate, side_by_side
from vilt_core.training.examples import ExampleRows, Reading
from vilt_core.training.loading import AHEAD, Failure, Feed, Parts, load, parts_held
from vilt_core.training.stages import Stage
from vilt_core.types import ImageBatch

STEPS, BATCH = 5, 8


@dataclass
class Numbered:
    """Every row has its step as its picture and its place as its answer."""

    broken_step: int = STEPS
    asked: list[int] = field(default_factory=list)  # the step of each part, as they are prepared
    prepared: object = None  # a counter that processes share

    def kind(self, step: int) -> str:
        return "questions"

    def rows(self, step: int, places: range) -> list[Row]:
        self.asked.append(step)
        if self.prepared is not None:
            with self.prepared.get_lock():
                self.prepared.value += 1
        if step == self.broken_step:
            raise OSError("the shard is gone")
        pixels = torch.full((3, 8, 8), step, dtype=torch.uint8)
        return [Row(pixels=pixels, texts=(torch.tensor([1]),), answer=place) for place in places]


def parts_of(source, *, accumulate: int = 2, first: int = 0, steps: int = STEPS) -> Parts:
    own = [range(part, BATCH, accumulate) for part in range(accumulate)]
    return Parts(source, own=own, pad=0, first=first, steps=steps)


def told(part) -> tuple[int, list[int]]:
    return int(part.image.pixels[0, 0, 0, 0]), part.answers.tolist()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("first", [0, 3])
def test_parts_come_in_the_order_of_the_steps(workers, first):
    found = [told(part) for part in load(parts_of(Numbered(), first=first), workers=workers)]
    assert found == [
        (step, list(range(part, BATCH, 2))) for step in range(first, STEPS) for part in (0, 1)
    ]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_feed_gives_every_step_its_own_parts(workers):
    feed = Feed(parts_of(Numbered(), accumulate=4), workers=workers)
    for step in range(STEPS):
        share = feed.step()
        assert (share.kind, share.counts, share.broken) == ("questions", {"vqa": BATCH}, ())
        found = [told(part) for part in feed.parts()]
        assert found == [(step, [part, part + 4]) for part in range(4)]


@pytest.mark.parametrize("accumulate", [1, 2, 4])
def test_no_more_parts_lie_in_memory_than_are_told(monkeypatch, accumulate):
    made: list[weakref.ref] = []

    def watched(*args, **kwargs):
        part = side_by_side(*args, **kwargs)
        made.append(weakref.ref(part.image.pixels))
        return part

    def alive() -> int:
        return sum(one() is not None for one in made)

    monkeypatch.setattr(loading, "side_by_side", watched)
    feed, most = Feed(parts_of(Numbered(), accumulate=accumulate), workers=0), 0
    for _ in range(STEPS):
        feed.step()
        most = max(most, alive())
        for _part in feed.parts():
            most = max(most, alive())
        del _part
    assert accumulate <= most <= parts_held(accumulate=accumulate, workers=0)
    assert len(made) == STEPS * accumulate
    assert alive() == 0


def test_a_worker_prepares_so_many_parts_ahead_and_then_waits():
    prepared = multiprocessing.get_context("fork").Value("i", 0)
    found = load(parts_of(Numbered(prepared=prepared), accumulate=4), workers=1)
    deadline = time.monotonic() + 60
    for taken in (1, 2, 3):
        next(found)
        while prepared.value < taken + AHEAD and time.monotonic() < deadline:
            time.sleep(0.01)
        assert prepared.value == taken + AHEAD
    found.close()


def test_while_a_part_is_used_the_next_step_is_begun():
    source = Numbered()
    feed = Feed(parts_of(source, accumulate=4), workers=0)
    feed.step()
    assert source.asked == [0] * 4
    for used, _ in enumerate(feed.parts()):
        assert source.asked == [0] * 4 + [1] * used
    feed.step()
    assert source.asked == [0] * 4 + [1] * 4


def test_what_failed_is_told_at_the_step_that_lacks_it():
    feed = Feed(parts_of(Numbered(broken_step=2), accumulate=4), workers=0)
    for step in range(2):
        assert not isinstance(feed.step(), Failure)
        assert [told(part)[0] for part in feed.parts()] == [step] * 4
    assert feed.step() == Failure("the shard is gone")


def test_only_seconds_without_a_part_are_waited(monkeypatch):
    """Of a clock that a part moves by one second and its use by a hundred."""
    clock = [0.0]
    monkeypatch.setattr(loading.time, "monotonic", lambda: clock[0])

    class Slow(Numbered):
        def rows(self, step, places):
            clock[0] += 1
            return super().rows(step, places)

    feed, waited = Feed(parts_of(Slow(), accumulate=4), workers=0), []
    for _ in range(STEPS):
        waited.append(feed.step().waited)
        for _part in feed.parts():
            clock[0] += 100
    assert waited == [4.0] * STEPS


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> DataSet:
    """Pictures of chance, of two sizes."""
    folder, examples = tmp_path_factory.mktemp("photographs"), []
    chance = torch.Generator().manual_seed(0)
    for index in range(6):
        shape = (40, 40, 3) if index % 2 else (36, 60, 3)
        levels = torch.randint(0, 256, shape, generator=chance, dtype=torch.uint8)
        path = folder / f"{index}.png"
        Image.fromarray(levels.numpy()).save(path)
        image = ImageFile(path)
        examples.append(CaptionExample(image=image, captions=(f"a {index}",), id=str(index)))
    return DataSet(name="chance", split="train", kind="captions", examples=tuple(examples))


@pytest.mark.parametrize("mixgen", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("augment", [False, True])
@pytest.mark.parametrize("levels", [{}, {"mean": (0.48, 0.46, 0.41), "std": (0.27, 0.26, 0.28)}])
def test_pictures_wait_in_bytes_and_a_model_reads_what_it_always_read(
    photographs, tokenizer, mixgen, augment, levels
):
    """Against pictures that are normalised one by one before they are put side by side."""
    processing = Processing(size=32, patch_size=8, **levels)
    source = ExampleRows(
        Stage(
            name="any",
            steps=1,
            mix={"captions": 1.0},
            batch_size=BATCH,
            augment=augment,
            mixgen=mixgen,
        ),
        data={"captions": photographs},
        reading=Reading(tokenizer=tokenizer, processing=processing, patch_size=8, max_patches=99),
        seed=0,
    )
    rows = source.rows(0, range(BATCH))
    waiting = Parts(source, own=[range(BATCH)], pad=tokenizer.pad, first=0, steps=1)[0]
    read = waiting.to("cpu")
    assert (waiting.image.pixels.dtype == torch.uint8) == (mixgen == 0)
    assert isinstance(read.image, ImageBatch)
    assert read.image.mask is not None
    for pixels, mask, row in zip(read.image.pixels, read.image.mask, rows, strict=True):
        picture = row.pixels
        if picture.dtype == torch.uint8:
            shown = Image.fromarray(picture.permute(1, 2, 0).numpy())
            picture = to_pixels(
                shown, size=32, patch_size=8, mean=processing.mean, std=processing.std
            )
        height, width = picture.shape[1:]
        assert torch.equal(pixels[:, :height, :width], picture)
        assert int(mask.sum()) == height * width
        assert float(pixels.abs().sum()) == pytest.approx(float(picture.abs().sum()), rel=1e-5)
    whole = collate("captions", rows, pad=tokenizer.pad)
    assert torch.equal(read.image.pixels, whole.image.pixels)
    kept = {f.name for f in fields(whole)} - {"kind", "image", "text", "second", "broken"}
    for name in kept:
        one, other = getattr(read, name), getattr(whole, name)
        assert (one is None and other is None) or torch.equal(one, other)


def test_both_pictures_of_a_statement_wait_in_bytes():
    left, right = (torch.randint(0, 256, (3, 8, side), dtype=torch.uint8) for side in (8, 16))
    row = Row(pixels=left, second=right, texts=(torch.tensor([1]),), statement=1)
    waiting = side_by_side("statements", [row, replace(row, pixels=right, second=left)], pad=0)
    assert waiting.image.pixels.dtype == waiting.second.pixels.dtype == torch.uint8
    read = waiting.to("cpu")
    assert torch.equal(read.image.pixels[0], read.second.pixels[1])
    assert torch.equal(read.image.pixels[1], read.second.pixels[0])
    assert read.image.pixels[0, :, :, 8:].abs().sum() == 0  # what fills up is no colour
