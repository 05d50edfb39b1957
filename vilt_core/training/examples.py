"""Rows of data sets on disk: the paper's objectives on whatever the readers of ``data/`` open."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import torch

from vilt_core.data.augmentation import draw_masked_patches, mixgen, rand_augment
from vilt_core.data.examples import (
    CaptionExample,
    DataSet,
    QuestionExample,
    StatementExample,
    StoredImage,
    Uncaptioned,
    folded,
    secret_places,
)
from vilt_core.data.image import HALF, Processing, to_levels
from vilt_core.data.picture_cache import PictureCache
from vilt_core.data.sequences import caption_counts, part_of
from vilt_core.data.text import Tokenizer, mask_words
from vilt_core.evaluation.answers import comparison, soft_targets
from vilt_core.objectives.mlm import IGNORED
from vilt_core.training.batches import Pixels, Row, floats
from vilt_core.training.stages import Stage, drawn

ATTEMPTS = 20  # pictures tried in place of one that cannot be read


class Place(NamedTuple):
    """Where a sample is from."""

    example: int  # of the data set
    caption: int  # of those of the example


@lru_cache(maxsize=4)
def order(length: int, *, seed: int, epoch: int) -> np.ndarray:
    """The examples of one epoch in their order: every one once."""
    return np.random.default_rng((seed, epoch)).permutation(length)


@lru_cache(maxsize=4)
def matching_places(size: int, *, name: str, seed: int, step: int) -> frozenset[int]:
    """Exactly half of the rows of a batch, in no order, as the paper's code draws them."""
    return frozenset(random.Random(f"{name}/{seed}/{step}").sample(range(size), size // 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What turns examples into what a model reads."""

    tokenizer: Tokenizer
    processing: Processing
    patch_size: int  # of the model
    max_patches: int  # read at most of each picture, by chance, while training
    answers: tuple[str, ...] = ()


class ExampleRows:
    """Rows of one stage from data sets, one a kind; a ``Source`` of batches.py.

    Each epoch sees every example once, a picture once with each of its captions.

    Args:
        stage: what is asked.
        data: by kind.
        reading: what turns examples into what a model reads.
        seed: of the order, and of all chance.
        kept_bytes: of decoded pictures, as ``PictureCache`` takes it; it changes no row.
    """

    def __init__(
        self,
        stage: Stage,
        *,
        data: Mapping[str, DataSet],
        reading: Reading,
        seed: int,
        kept_bytes: int | None = None,
    ):
        wanted = {"ranking": "captions"}
        if strange := {wanted.get(kind, kind) for kind in stage.mix} - set(data):
            raise ValueError(f"stage {stage.name} needs {sorted(strange)}, got {sorted(data)}")
        if stage.kept_patches is not None:
            raise ValueError(
                f"stage {stage.name} keeps the patches that show stickers, which data do not tell"
            )
        if stage.patch_mask_rate:
            _coloured(reading.processing)
        self.stage = stage
        self.reading = reading
        self.seed = seed
        self.pictures = PictureCache(reading.processing, most=kept_bytes)
        self.data = {kind: data[wanted.get(kind, kind)] for kind in stage.mix}
        self.starts = {kind: _starts(found) for kind, found in self.data.items()}
        self.vqa_rules = "questions" in self.data and self.data["questions"].vqa_rules
        self.compared = comparison(vqa_rules=self.vqa_rules)
        self.answer_index = {
            self.compared(answer): place for place, answer in enumerate(reading.answers)
        }
        self.agreed = "questions" in self.data and _agreed(self.data["questions"])
        if "statements" in self.data:
            _check_known(self.data["statements"], "labels")

    def kind(self, step: int) -> str:
        """What the batch of a step is made of, drawn from the stage's mix."""
        return drawn(self.stage.mix, self._draw(step).random)

    def rows(self, step: int, places: range) -> list[Row]:
        """The rows at these places of a step's global batch; of captions two a place.

        Raises:
            ValueError: no picture can be read, of many that were tried.
            OSError: a shard is gone.
        """
        kind = self.kind(step)
        makers = {
            "captions": self._caption,
            "questions": self._question,
            "statements": self._statement,
            "ranking": self._ranking,
        }
        found: list[Row] = []
        for place in places:
            position = step * self.stage.batch_size + place
            draw = self._draw(step, place)
            make = makers[kind]
            if kind == "captions":
                half = matching_places(
                    self.stage.batch_size, name=self.stage.name, seed=self.seed, step=step
                )
                make = partial(self._caption, matched=place in half)
            found += self._readable(make, kind, position, draw)
        return found

    def _draw(self, *place: int) -> random.Random:
        return random.Random(f"{self.stage.name}/{self.seed}/{place}")

    def _readable(
        self, make: Callable[..., list[Row]], kind: str, position: int, draw: random.Random
    ) -> list[Row]:
        """The rows of the example at a position; of another one where its picture is broken."""
        total = int(self.starts[kind][-1])
        epoch, place = divmod(position, total)
        at = int(order(total, seed=self.seed, epoch=epoch)[place])
        broken: list[str] = []
        why = ""
        for _ in range(ATTEMPTS):
            try:
                rows = make(*self._example(kind, at), draw)
            except ValueError as error:
                why = str(error)
                broken += [] if isinstance(error, Uncaptioned) else [why]
                at = draw.randrange(total)
            else:
                to = self.reading.processing
                rows = [replace(row, mean=to.mean, std=to.std) for row in rows]
                return [replace(rows[0], broken=tuple(broken)), *rows[1:]]
        raise ValueError(f"none of {ATTEMPTS} pictures could be read, the last: {why}")

    def _example(self, kind: str, at: int):
        """The example of a sample, and where it is from."""
        starts = self.starts[kind]
        index = int(np.searchsorted(starts, at, side="right")) - 1
        try:
            found = self.data[kind].examples[index]
        except Uncaptioned:
            raise
        except ValueError as error:  # of a shard the same for all that it lacks
            raise ValueError(f"example {index + 1:,}: {error}") from error
        return found, Place(index, at - int(starts[index]))

    def _caption(
        self, seen: CaptionExample, place: Place, draw: random.Random, *, matched: bool
    ) -> list[Row]:
        """The pair with words hidden, then the pair as it is or with another picture.

        Two passes, as the paper's code: matching reads the text unmasked. Its own third pass, for
        masked patches, is the first one here.
        """
        text = seen.captions[place.caption]
        pixels = self._pixels(seen.image, draw)
        mixed, joined = self._mixed(pixels, text, draw)
        shown = mixed
        if not matched:
            other = self._other("captions", seen, place, draw)
            shown = self._pixels(other.image, draw)
            if joined != text:  # of two as well, else the look of a picture would tell
                second = self._other("captions", seen, place, draw)
                shown, _ = self._mix((shown, ""), (self._pixels(second.image, draw), ""))
        pixels, text = mixed, joined
        encoded = self.reading.tokenizer.encode([text])
        ids = encoded.batch.ids[0]
        if not (encoded.words >= 0).any():
            raise ValueError(f"{seen.image.name}: expected a caption with words, got {text!r:.60}")
        masked, labels = mask_words(
            ids,
            encoded.words[0],
            mask_id=self.reading.tokenizer.mask,
            vocab_size=len(self.reading.tokenizer),
            rate=self.stage.mask_rate,
            unit=self.stage.mask_unit,
            draw=draw.random,
        )
        return [
            self._sampled(Row(pixels=pixels, texts=(masked,), masked=labels), draw, predict=True),
            self._sampled(
                Row(
                    pixels=shown,
                    texts=(ids,),
                    masked=torch.full_like(ids, IGNORED),
                    matched=int(matched),
                ),
                draw,
                predict=False,
            ),
        ]

    def _question(self, seen: QuestionExample, _place: Place, draw: random.Random) -> list[Row]:
        pixels = self._pixels(seen.image, draw)
        ids = self.reading.tokenizer.encode([seen.question]).batch.ids[0]
        if self.agreed:
            found = self.answer_index.get(self.compared(seen.answers[0]), IGNORED)
            return [Row(pixels=pixels, texts=(ids,), answer=found)]
        scores = torch.zeros(len(self.reading.answers))
        targets = soft_targets(seen.answers, self.answer_index, vqa_rules=self.vqa_rules)
        for place, worth in targets.items():
            scores[place] = worth
        return [Row(pixels=pixels, texts=(ids,), scores=scores)]

    def _statement(self, seen: StatementExample, _place: Place, draw: random.Random) -> list[Row]:
        left, right = (self._pixels(image, draw) for image in (seen.images * 2)[:2])
        ids = self.reading.tokenizer.encode([seen.statement]).batch.ids[0]
        return [Row(pixels=left, second=right, texts=(ids,), statement=int(bool(seen.label)))]

    def _ranking(self, seen: CaptionExample, place: Place, draw: random.Random) -> list[Row]:
        """The true caption first, then captions of other pictures (the paper draws 15)."""
        texts = [seen.captions[place.caption]]
        for _ in range(self.stage.negatives):
            texts.append(self._false_caption(texts[0], seen, place, draw))
        ids = tuple(self.reading.tokenizer.encode([text]).batch.ids[0] for text in texts)
        return [Row(pixels=self._pixels(seen.image, draw), texts=ids)]

    def _false_caption(
        self, true: str, seen: CaptionExample, place: Place, draw: random.Random
    ) -> str:
        """A caption of another picture, and another caption wherever there is one to be found."""
        said = true
        for _ in range(ATTEMPTS):
            said = draw.choice(self._other("ranking", seen, place, draw).captions)
            if folded(said) != folded(true):
                break
        return said

    def _other(
        self, kind: str, seen: CaptionExample, place: Place, draw: random.Random
    ) -> CaptionExample:
        """An example of another picture; the published code may draw the same one.

        Of the data set that the example is from, as the published code draws it: with several
        joined, matching could be told from the look of their pictures. Only where that has a single
        picture it is one of any.
        """
        examples = self.data[kind].examples
        for among in (part_of(examples, place.example), range(len(examples))):
            for _ in range(ATTEMPTS):
                other = self._any(kind, draw, among)
                if other.image != seen.image:
                    return other
        raise ValueError(
            "matching needs captions of at least two pictures, got one again and again"
        )

    def _any(self, kind: str, draw: random.Random, among: range) -> CaptionExample:
        """One by chance of those that are there and have a caption."""
        examples, why = self.data[kind].examples, "they have none"
        for _ in range(ATTEMPTS):
            try:
                found = examples[among[draw.randrange(len(among))]]
            except ValueError as error:
                why = str(error)
                continue
            assert isinstance(found, CaptionExample)
            if found.captions:
                return found
        raise ValueError(f"expected captions, found none with {ATTEMPTS} pictures, the last: {why}")

    def _mixed(self, pixels: Pixels, text: str, draw: random.Random) -> tuple[Pixels, str]:
        """Two examples in one, as often as the stage says."""
        if not self.stage.mixgen or draw.random() >= self.stage.mixgen:
            return pixels, text
        other = self._any("captions", draw, range(len(self.data["captions"].examples)))
        drawn_in = self._pixels(other.image, draw), draw.choice(other.captions)
        return self._mix((pixels, text), drawn_in)

    def _mix(self, first: tuple[Pixels, str], second: tuple[Pixels, str]) -> tuple[Pixels, str]:
        to = self.reading.processing
        pairs = (
            (floats(pixels, mean=to.mean, std=to.std), said) for pixels, said in (first, second)
        )
        return mixgen(*pairs)

    def _pixels(self, image: StoredImage, draw: random.Random) -> Pixels:
        if not self.stage.augment:
            return self.pictures.levels(image)
        to, changed = self.reading.processing, rand_augment(image.open(), draw)
        return to_levels(changed, size=to.size, patch_size=to.patch_size, crop=to.crop)

    def _sampled(self, row: Row, draw: random.Random, *, predict: bool) -> Row:
        """The row with the patches that are read, of which some are to be predicted."""
        side = self.reading.patch_size
        rows, columns = row.pixels.shape[1] // side, row.pixels.shape[2] // side
        count = rows * columns
        kept = torch.zeros(count, dtype=torch.bool)
        kept[draw.sample(range(count), min(count, self.reading.max_patches))] = True
        row = replace(row, kept=kept.reshape(rows, columns))
        if not self.stage.patch_mask_rate:
            return row
        rate = self.stage.patch_mask_rate if predict else 0.0
        asked, covered = draw_masked_patches(count, rate=rate, draw=draw)
        return replace(
            row,
            hidden=(asked & kept).reshape(rows, columns),
            covered=(covered & kept).reshape(rows, columns),
        )


def _agreed(data: DataSet) -> bool:
    """Whether every question has one answer, and not several people's.

    Raises:
        ValueError: a question without any.
    """
    _check_known(data, "answers")
    return all(len(getattr(example, "answers", ())) == 1 for example in data.examples)


def _check_known(data: DataSet, what: str) -> None:
    """Refuse data some of which no step could learn: whoever trains on them leaves those out.

    Raises:
        ValueError: an example whose truth, ``what``, is secret.
    """
    if secret := secret_places(data):
        count = f"{len(secret):,} of {len(data.examples):,} examples"
        raise ValueError(
            f"{data.name} {data.split} keeps its {what} secret, or lacks some: {count}, the first "
            f"of them number {secret[0] + 1:,}"
        )


def _coloured(pictures: Processing) -> None:
    """Refuse pictures whose colours ``patch_colours`` does not know: it takes them in [-1, 1]."""
    if (pictures.mean, pictures.std) != (HALF, HALF):
        raise ValueError(
            "masked patches are predicted of pictures of mean and std 0.5, "
            f"got mean {pictures.mean} and std {pictures.std}"
        )


def _starts(data: DataSet) -> np.ndarray:
    """Where each example's samples begin, and how many there are: one a caption, or one."""
    if not len(data.examples):
        raise ValueError(f"{data.name} {data.split} has no examples to train on")
    if data.kind == "captions":
        return np.concatenate(([0], np.cumsum(caption_counts(data.examples))))
    return np.arange(len(data.examples) + 1)
