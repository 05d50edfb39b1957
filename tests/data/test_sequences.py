import random
from pathlib import Path

import numpy as np
import pytest

from vilt_core.data.examples import CaptionExample, ImageFile
from vilt_core.data.sequences import (
    CaptionedFile,
    CaptionedFiles,
    Joined,
    Spread,
    Texts,
    caption_counts,
)

WORDS = ["", "a cat", "straße", "猫が 二匹", "😀" * 3, "end\n"]


def rows(count):
    draw = random.Random(count)
    for index in range(count):
        captions = [f"caption {index}.{c}" for c in range(draw.randrange(1, 5))]
        yield CaptionedFile(Path(f"folder{index % 3}"), f"{index}.jpg", str(index), captions)


def test_texts_give_back_what_they_were_given():
    assert list(Texts(WORDS)) == WORDS


@pytest.mark.parametrize("made", [Texts(WORDS), Joined([WORDS[:2], [], Texts(WORDS[2:])])])
def test_indices_and_slices_are_those_of_a_list(made):
    assert len(made) == len(WORDS)
    assert [made[at] for at in range(-len(WORDS), len(WORDS))] == WORDS + WORDS
    for part in (slice(1, 4), slice(None, None, -2), slice(-2, None), slice(9, 12)):
        assert made[part] == WORDS[part]
    for outside in (len(WORDS), -len(WORDS) - 1):
        with pytest.raises(IndexError):
            made[outside]


def test_captioned_files_are_the_examples_they_were_made_of():
    made = CaptionedFiles(rows(50))
    assert list(made) == [
        CaptionExample(image=ImageFile(folder / name), captions=tuple(captions), id=number)
        for folder, name, number, captions in rows(50)
    ]


def test_captions_are_counted_without_and_with_making_examples():
    packed = CaptionedFiles(rows(20))
    expected = [len(example.captions) for example in packed]
    for examples in (packed, list(packed), Joined([packed])):
        np.testing.assert_array_equal(caption_counts(examples), expected)
    np.testing.assert_array_equal(caption_counts(Joined([packed, packed])), expected * 2)


def test_nothing_joined_is_empty():
    assert list(Joined([])) == []
    assert len(caption_counts(Joined([]))) == 0


@pytest.mark.parametrize("most", [1, 2, 7, 33, 99, 100])
def test_what_is_spread_has_one_of_each_stretch(most):
    found = list(Spread(range(100), most))
    assert len(found) == most
    edges = [at * 100 // most for at in range(most + 1)]
    assert all(first <= one < end for first, one, end in zip(edges, found, edges[1:], strict=False))


@pytest.mark.parametrize("most", [None, 6, 60])
def test_all_is_spread_as_it_is(most):
    assert list(Spread(WORDS, most)) == WORDS
    assert list(Spread([], most)) == []


def test_items_that_come_in_turns_are_spread_in_equal_shares():
    """Whatever the turns: of even distances one in three would be of one kind alone."""
    for turns in range(2, 13):
        for distance in range(2, 25):
            found = [at % turns for at in Spread(range(240 * distance), 240)]
            shares = np.bincount(found, minlength=turns) * turns / 240
            assert 0.35 < shares.min() <= shares.max() < 1.8
