"""Laws of what held-out examples share with those that are learned from."""

from pathlib import Path

import pytest

from vilt_core.data.examples import (
    CaptionExample,
    DataSet,
    ImageFile,
    QuestionExample,
    ShardImage,
    StatementExample,
)
from vilt_core.data.shared import Shared, shared_with

A, B, C = (ImageFile(Path("images") / f"{name}.png") for name in "abc")


def of(split, *examples):
    kinds = {QuestionExample: "questions", StatementExample: "statements"}
    kind = kinds.get(type(examples[0]), "captions")
    return DataSet(name="mine", split=split, kind=kind, examples=examples)


def asked(image, words):
    return QuestionExample(image=image, question=words, answers=("yes",), id=None)


def said(images, words):
    return StatementExample(images=images, statement=words, label=True, id=None, group="")


def captioned(image, *captions):
    return CaptionExample(image=image, captions=captions, id="")


@pytest.mark.parametrize(
    ("learned", "held_out", "found"),
    [
        ([asked(A, "is it?")], [asked(B, "is it?"), asked(C, "is it?")], (0, 0)),
        ([asked(A, "is it?")], [asked(A, "why?"), asked(A, "Is  it?"), asked(B, "why?")], (2, 1)),
        ([said((A, B), "both")], [said((B, A), "both"), said((C, C), "both")], (1, 0)),
        ([said((A, B), "both")], [said((A, B), "both")], (1, 1)),
        ([captioned(A, "a cat", "an animal")], [captioned(A, "a dog", "A cat")], (1, 1)),
        ([captioned(A, "a cat")], [captioned(B, "a cat")], (0, 0)),
    ],
)
def test_pictures_and_words_that_are_learned_from_are_counted(learned, held_out, found):
    seen, words = found
    assert shared_with(of("val", *held_out), of("train", *learned)) == Shared(seen=seen, said=words)


def test_a_picture_is_the_same_whatever_the_way_to_it():
    other = ImageFile(Path("images/../val/../images").absolute() / "a.png")
    assert shared_with(of("val", asked(other, "why?")), of("train", asked(A, "is it?"))).seen == 1


def test_pictures_in_shards_are_the_same_as_none():
    shard = ShardImage(Path("0.tar"), "a", 0, 9)
    both = of("train", asked(shard, "why?"))
    assert not shared_with(both, both)
