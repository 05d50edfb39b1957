"""How much the picture helps to find a hidden word: with it, with it out of focus, and without.

The question behind whole word masking (section 3.3): of "giraffe" = ["gi", "##raf", "##fe"] the
middle is guessed from its neighbours alone, so words are hidden whole here.
"""

import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from vilt_core.data.image import blurred, normalise, open_image, resize
from vilt_core.data.text import Tokenizer, Word
from vilt_core.evaluation.inference import (
    Progress,
    evaluating,
    painting_of,
    row_batches,
    said_first,
)
from vilt_core.evaluation.sets import Source
from vilt_core.evaluation.sources import Captioned, Picture, captions_of
from vilt_core.interop.bundle import Bundle
from vilt_core.types import ImageBatch
from vilt_core.world.grammar import NUMBERS, PLACE_WORDS, RELATION_WORDS
from vilt_core.world.scenes import BACKGROUNDS, Scene
from vilt_core.world.sprites import COLORS

KINDS = ("noun", "number", "color", "relation")
CONDITIONS = ("with", "blurred", "without")  # the picture
HIDDEN_CAPTIONS = 1000  # of the world, where no limit is given

_SAID = [words for table in (RELATION_WORDS, PLACE_WORDS) for words in table.values()]
_RELATIONS = {word for ways in _SAID for way in ways for word in way.split()} - {
    "to", "the", "of", "on", "at", "in", "than", "side", "corner",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenWord:
    """A caption with one of its words hidden whole."""

    captioned: Captioned
    word: Word
    kind: str  # one of KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is known after so many of the hidden words."""

    done: int
    total: int
    found: dict[str, Any]  # "accuracy" by condition, and "by_kind" with the number of "words"


def hidden_word_accuracy(
    bundle: Bundle,
    *,
    on: Source = "world:test",
    limit: int | None = None,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Guess hidden words with and without the picture.

    Args:
        bundle: a ViLT with an MLM head.
        on: a set of the world, or a file of captions that says what they mention.
        limit: how many captions at most; 1,000 of the world, or all otherwise.
        batch_size: captions read at once; no result depends on it.
        progress: told (done, total) of the hidden words after every batch.

    Returns:
        "accuracy", the share of words all of whose pieces are guessed, for each of CONDITIONS; and
        "by_kind" the same for each of KINDS that was met, with how many "words" there were.

    Raises:
        ValueError: a model without an MLM head, or a set that cannot be read.
    """
    captions = captions_of(on, limit=limit)
    begun = time.perf_counter()
    found: dict[str, Any] = {}
    for step in hidden_word_steps(bundle, captions, batch_size=batch_size):
        found = step.found
        if progress is not None:
            progress(step.done, step.total)
    seconds = time.perf_counter() - begun
    return {**said_first("masks", bundle, on, examples=len(captions), seconds=seconds), **found}


def hidden_word_steps(
    bundle: Bundle, captions: Sequence[Captioned], *, batch_size: int = 16
) -> Iterator[Step]:
    """The same, told after every batch; whoever stops listening stops the work.

    Raises:
        ValueError: a model without an MLM head, or captions without a word that can be hidden.
    """
    if bundle.model.mlm is None:
        raise ValueError(f"{bundle.name} has no head for masked words: train one first")
    words = [word for one in captions for word in words_to_hide(one, bundle.tokenizer)]
    if not words:
        raise ValueError("expected captions with at least one word to hide, found none")
    right: dict[str, dict[str, list[bool]]] = defaultdict(lambda: {c: [] for c in CONDITIONS})
    for rows in row_batches(len(words), size=batch_size):
        some = words[rows.start : rows.stop]
        for condition, verdicts in guessed(bundle, some).items():
            for one, verdict in zip(some, verdicts, strict=True):
                right[one.kind][condition].append(verdict)
        yield Step(done=rows.stop, total=len(words), found=_summary(right))


def words_to_hide(captioned: Captioned, tokenizer: Tokenizer) -> list[HiddenWord]:
    """At most one word of each kind; chance chooses among several, the same on every machine.

    The words of an order ("from left to right: ...") are the frame of a sentence and tell nothing
    of the picture: they are no relations.
    """
    draw = random.Random(f"hidden/{captioned.text}").random
    groups: dict[str, list[Word]] = {}
    for word in tokenizer.words(captioned.text):
        kind = kind_of(captioned, word)
        if kind is not None:
            groups.setdefault(kind, []).append(word)
    return [
        HiddenWord(captioned=captioned, word=group[int(draw() * len(group))], kind=kind)
        for kind in KINDS
        if (group := groups.get(kind))
    ]


def kind_of(captioned: Captioned, word: Word) -> str | None:
    """Which of KINDS a word of a caption is; None for the words between."""
    text = word.text.lower()
    phrase = next((m for m in captioned.mentions if m.start <= word.start < m.end), None)
    if phrase is not None and phrase.noun_start <= word.start < phrase.noun_end:
        return "noun"
    if text in COLORS or text in BACKGROUNDS:
        return "color"
    if phrase is not None:
        return "number" if text in NUMBERS else None
    return "relation" if text in _RELATIONS and captioned.form != "ordered" else None


def guessed(
    bundle: Bundle, words: Sequence[HiddenWord], *, conditions: Sequence[str] = CONDITIONS
) -> dict[str, list[bool]]:
    """Whether each hidden word is guessed, all of its pieces, under some of CONDITIONS."""
    device = next(bundle.model.parameters()).device
    read = bundle.tokenizer.encode([one.captioned.text for one in words]).batch.to(device)
    hidden = torch.zeros_like(read.mask)
    for row, one in enumerate(words):
        hidden[row, list(one.word.tokens)] = True
    masked = replace(read, ids=read.ids.masked_fill(hidden, bundle.tokenizer.mask))
    seen = [_seen(one.captioned.picture, bundle) for one in words]
    found: dict[str, list[bool]] = {}
    with evaluating(bundle.model):
        for condition in conditions:
            verdicts = [False] * len(words)
            for rows, image in _shown(condition, seen, bundle):
                text = replace(masked, ids=masked.ids[rows], mask=masked.mask[rows])
                output = bundle.vilt(text, None if image is None else image.to(device))
                logits = bundle.model.head("mlm")(output.text)
                logits[..., bundle.tokenizer.special] = -torch.inf
                same = logits.argmax(dim=-1) == read.ids[rows]
                right = (same | ~hidden[rows]).all(dim=1)
                for row, verdict in zip(rows, right.tolist(), strict=True):
                    verdicts[row] = verdict
            found[condition] = verdicts
    return found


def _seen(picture: Picture, bundle: Bundle) -> Image.Image:
    """A scene drawn at the model's size, or a picture of a file resized to it."""
    to = bundle.processing
    if isinstance(picture, Scene):
        return Image.fromarray(painting_of(picture, to.size).pixels)
    image = open_image(picture) if isinstance(picture, Path) else picture.open()
    return resize(image, size=to.size, patch_size=to.patch_size)


def _shown(
    condition: str, seen: Sequence[Image.Image], bundle: Bundle
) -> Iterator[tuple[list[int], ImageBatch | None]]:
    """Rows with what is shown of their pictures."""
    if condition == "without":
        yield list(range(len(seen))), None
    else:
        yield from _batches(list(map(blurred, seen)) if condition == "blurred" else seen, bundle)


def _batches(
    pictures: Sequence[Image.Image], bundle: Bundle
) -> Iterator[tuple[list[int], ImageBatch]]:
    """Pictures of one size together."""
    sizes: dict[tuple[int, int], list[int]] = {}
    for row, picture in enumerate(pictures):
        sizes.setdefault(picture.size, []).append(row)
    to = bundle.processing
    for rows in sizes.values():
        pixels = np.stack([np.asarray(pictures[row]) for row in rows])
        yield rows, ImageBatch(pixels=normalise(pixels, mean=to.mean, std=to.std))


def _summary(right: dict[str, dict[str, list[bool]]]) -> dict[str, Any]:
    kinds = [kind for kind in KINDS if kind in right]
    return {
        "accuracy": {
            condition: _share([v for kind in kinds for v in right[kind][condition]])
            for condition in CONDITIONS
        },
        "by_kind": {
            kind: {
                "words": len(right[kind]["with"]),
                **{condition: _share(right[kind][condition]) for condition in CONDITIONS},
            }
            for kind in kinds
        },
    }


def _share(right: Sequence[bool]) -> float:
    return round(sum(right) / len(right), 6)
