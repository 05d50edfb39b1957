"""Batches of the sticker world: a batch is a pure function of (seed, stage, step).

So the order of the data does not depend on workers or on where a run was resumed.
"""

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.utils.data import Dataset

from vilt_core.data.image import normalise
from vilt_core.data.text import EncodedText, Tokenizer, mask_whole_words
from vilt_core.evaluation.alignment import noun_tokens
from vilt_core.objectives.mlm import IGNORED
from vilt_core.training.recipes import Stage
from vilt_core.types import ImageBatch, TextBatch
from vilt_core.world.captions import caption
from vilt_core.world.grammar import Mention
from vilt_core.world.inking import inked_pyramids
from vilt_core.world.negatives import hard_negative
from vilt_core.world.programs import execute
from vilt_core.world.questions import Question, answers, question, questions
from vilt_core.world.rendering import MAX_OBJECTS, paint, visible_shares
from vilt_core.world.scenes import Scene, scene
from vilt_core.world.sprites import sprites

BACKGROUND_CLASS = 0  # patch classes: the background, then the sprites in their order


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one training step sees. An objective runs where its truth is given."""

    kind: str  # "patches", "captions" or "questions"
    image: ImageBatch
    patches: Int[Tensor, "b n"]  # class of each patch's owner, IGNORED where there is no clear one
    text: TextBatch | None = None
    mentioned: Int[Tensor, "b n"] | None = None  # 1 if the text speaks of the owner, else 0
    grounded: Bool[Tensor, "b l n"] | None = None  # the patches that each noun's pieces speak of
    masked: Int[Tensor, "b l"] | None = None  # labels of masked language modelling
    matched: Int[Tensor, " b"] | None = None  # 1 matches, 0 does not, -1 not asked
    answers: Int[Tensor, " b"] | None = None  # index into the answer list

    def to(self, device) -> "Batch":
        """Copy to a device."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{k: v.to(device) for k, v in parts.items() if hasattr(v, "to")})


def patch_classes() -> int:
    """How many things a patch can show."""
    return len(sprites()) + 1


def patch_targets(place: Scene, shares: np.ndarray) -> np.ndarray:
    """The class of each patch's clear owner: most of the ink, or next to no ink at all."""
    ink = shares[:MAX_OBJECTS]
    owner, most = ink.argmax(axis=0), ink.max(axis=0)
    kinds = np.array([thing.sprite.index + 1 for thing in place.objects] + [BACKGROUND_CLASS])
    targets = np.where(most > 0.2, kinds[np.minimum(owner, len(place.objects))], IGNORED)
    return np.where(shares[MAX_OBJECTS] > 0.97, BACKGROUND_CLASS, targets)


class StickerBatches(Dataset):
    """The batches of one stage, by step; for a DataLoader with ``batch_size=None``."""

    def __init__(
        self, stage: Stage, *, tokenizer: Tokenizer, image_size: int, patch_size: int, seed: int
    ):
        self.stage = stage
        self.tokenizer = tokenizer
        self.image_size = image_size
        self.grid = image_size // patch_size
        self.seed = seed
        # Every stage has scenes of its own: one seen before is answered from memory.
        self.first_scene = zlib.crc32(stage.name.encode()) << 24
        self.answer_index = {answer: place for place, answer in enumerate(answers())}

    def __len__(self) -> int:
        return self.stage.steps

    def __getitem__(self, step: int) -> Batch:
        draw = random.Random(f"{self.stage.name}/{self.seed}/{step}").random
        first = self.first_scene + step * self.stage.batch_size
        scenes = [self._scene(first + at) for at in range(self.stage.batch_size)]
        builders = {
            "patches": self._patches,
            "captions": self._captions,
            "questions": self._questions,
        }
        return builders[drawn(self.stage.mix, draw)](scenes, draw)

    def _scene(self, index: int) -> Scene:
        return scene(self.seed, index, split="train")

    def _draw_images(
        self, scenes: list[Scene], spoken_of: Sequence[frozenset[int] | None] | None = None
    ) -> tuple[ImageBatch, Tensor, Tensor, Tensor]:
        """Pictures; each patch's class, whether its owner is spoken of, and the owner or -1."""
        size = self.image_size
        pixels = np.empty((len(scenes), size, size, 3), dtype=np.uint8)
        targets = np.empty((len(scenes), self.grid**2), dtype=np.int64)
        mentioned, owners = np.full_like(targets, IGNORED), np.full_like(targets, -1)
        for at, place in enumerate(scenes):
            # Every third scene or so, told by its index: chance is spent on words alone.
            over = place.index % 1_000_003 * 0.6180339887 % 1 < self.stage.inked
            painting = paint(place, size, icons=inked_pyramids() if over else None)
            pixels[at] = painting.pixels
            shares = visible_shares(painting, self.grid)
            targets[at] = patch_targets(place, shares)
            clear = targets[at] > BACKGROUND_CLASS
            owners[at] = np.where(clear, shares[:MAX_OBJECTS].argmax(axis=0), -1)
            named = None if spoken_of is None else spoken_of[at]
            if named is not None:
                mentioned[at] = np.where(clear, np.isin(owners[at], list(named)), IGNORED)
        image = ImageBatch(pixels=normalise(pixels))
        classes, spoken, owned = map(torch.from_numpy, (targets, mentioned, owners))
        return image, classes, spoken, owned

    def _patches(self, scenes: list[Scene], _draw) -> Batch:
        image, patches, _, _ = self._draw_images(scenes)
        return Batch(kind="patches", image=image, patches=patches)

    def _captions(self, scenes: list[Scene], draw) -> Batch:
        """Half of the rows for masked words, half for matching; half of these do not match.

        The published code passes every pair twice instead, masked and unmasked.
        """
        size = len(scenes)
        texts, matched, phrases, spoken_of = [], [], [], []
        for at, place in enumerate(scenes):
            mentions: tuple[Mention, ...] = ()
            named: frozenset[int] | None = None
            if at < size // 2:
                said = caption(place, draw)
                text, truth, mentions = said.text, -1, said.mentions
                named = named_objects(mentions)
            elif at % 2:
                said = caption(place, draw)
                text, truth, mentions = said.text, 1, said.mentions
                named = named_objects(mentions)
            elif draw() < self.stage.hard_negatives:
                text, truth = hard_negative(place, draw).text, 0
            else:
                said, strange = self._foreign_caption(place, draw)
                text, truth, named = said, 0, frozenset() if strange else None
            texts.append(text)
            matched.append(truth)
            spoken_of.append(named)
            phrases.append(mentions)
        encoded = self.tokenizer.encode(texts)
        truth = torch.tensor(matched)
        chance = torch.Generator().manual_seed(int(draw() * 2**31))
        ids, labels, _ = mask_whole_words(
            encoded.batch.ids,
            encoded.words,
            mask_id=self.tokenizer.mask,
            vocab_size=len(self.tokenizer),
            rate=self._rates(encoded, phrases[: size // 2]),
            generator=chance,
        )
        hidden = (truth < 0)[:, None]
        image, patches, mentioned, owners = self._draw_images(scenes, spoken_of)
        return Batch(
            kind="captions",
            image=image,
            patches=patches,
            mentioned=mentioned,
            grounded=grounded_nouns(encoded, phrases, owners),
            text=TextBatch(
                ids=torch.where(hidden, ids, encoded.batch.ids), mask=encoded.batch.mask
            ),
            masked=torch.where(hidden, labels, IGNORED),
            matched=truth,
        )

    def _foreign_caption(self, place: Scene, draw) -> tuple[str, bool]:
        """What is true of another scene and not, by accident, of this one.

        Also whether it speaks of nothing like what is here, so that no patch is spoken of.
        """
        while True:
            other = self._scene(-1 - int(draw() * 2**40))
            said = caption(other, draw)
            if not execute(said.program, place):
                named = {other.objects[i].category for i in named_objects(said.mentions)}
                return said.text, named.isdisjoint(thing.category for thing in place.objects)

    def _rates(self, encoded: EncodedText, phrases: Sequence[Sequence[Mention]]) -> Tensor:
        """Masking rate of every token: nouns are hidden more often where the stage says so."""
        rates = torch.full(encoded.words.shape, self.stage.mask_rate)
        if self.stage.noun_mask_rate != self.stage.mask_rate:
            for row, mentions in enumerate(phrases):
                for mention in mentions:
                    rates[row, noun_tokens(encoded, row, mention)] = self.stage.noun_mask_rate
        return rates

    def _questions(self, scenes: list[Scene], draw) -> Batch:
        asked = [self._ask(place, draw) for place in scenes]
        spoken_of = [named_objects(a.mentions) for a in asked]
        image, patches, mentioned, owners = self._draw_images(scenes, spoken_of)
        encoded = self.tokenizer.encode([a.text for a in asked])
        return Batch(
            kind="questions",
            image=image,
            patches=patches,
            mentioned=mentioned,
            grounded=grounded_nouns(encoded, [a.mentions for a in asked], owners),
            text=encoded.batch,
            answers=torch.tensor([self.answer_index[a.answer] for a in asked]),
        )

    def _ask(self, place: Scene, draw) -> Question:
        """A question of a kind that the scene allows, after the stage's own mixture of kinds."""
        for _ in range(20):
            asked = question(place, draw, kind=drawn(self.stage.question_mix, draw))
            if asked is not None:
                return asked
        return questions(place, draw, count=1)[0]


def grounded_nouns(
    encoded: EncodedText, phrases: Sequence[Sequence[Mention]], owners: Int[Tensor, "b n"]
) -> Bool[Tensor, "b l n"]:
    """For each piece of each noun, the patches of the objects that the noun speaks of."""
    grounded = torch.zeros(*encoded.words.shape, owners.shape[1], dtype=torch.bool)
    for row, mentions in enumerate(phrases):
        for mention in mentions:
            if mention.objects:
                own = torch.isin(owners[row], torch.tensor(mention.objects))
                grounded[row, noun_tokens(encoded, row, mention)] = own
    return grounded


def named_objects(mentions: Sequence[Mention]) -> frozenset[int]:
    """The objects that any of the phrases speaks of."""
    return frozenset(index for mention in mentions for index in mention.objects)


def drawn(shares: dict[str, float], draw) -> str:
    """One of the names, as often as its share says."""
    level = draw() * sum(shares.values())
    for name, share in shares.items():
        level -= share
        if level < 0:
            return name
    return next(reversed(shares))


def matching_rows(batch: Batch) -> Bool[Tensor, " b"]:
    """The rows whose matching is asked about."""
    if batch.matched is None:
        raise ValueError(f"expected a batch of captions, got one of {batch.kind}")
    return batch.matched >= 0
