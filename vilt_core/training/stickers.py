"""Rows of the sticker world: what is shown and said, with the truths of truths.py."""

import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image
from torch import Tensor

from vilt_core.data.augmentation import draw_masked_patches, rand_augment
from vilt_core.data.image import channels_first
from vilt_core.data.text import EncodedText, Tokenizer, mask_words
from vilt_core.evaluation.alignment import noun_tokens
from vilt_core.objectives.mlm import IGNORED
from vilt_core.training.batches import NOT_ASKED, Row
from vilt_core.training.stages import Stage, drawn
from vilt_core.training.truths import (
    BACKGROUND_CLASS,
    differences_of,
    fullest_patches,
    grounded_nouns,
    located_nouns,
    mentioned_patches,
    named_objects,
    patch_targets,
)
from vilt_core.world.captions import Caption, caption
from vilt_core.world.corner import corner_scene
from vilt_core.world.grammar import Mention
from vilt_core.world.guests import GUESTS, guest_pyramids
from vilt_core.world.inking import inked_pyramids
from vilt_core.world.negatives import hard_negative
from vilt_core.world.programs import execute
from vilt_core.world.questions import Question, answers, question, questions
from vilt_core.world.reasons import reasoned
from vilt_core.world.referring import referring
from vilt_core.world.rendering import MAX_OBJECTS, paint, visible_shares
from vilt_core.world.retouching import retouches
from vilt_core.world.scenes import Scene, scene
from vilt_core.world.statements import pair, statement

_Said = TypeVar("_Said")
Draw = Callable[[], float]  # numbers in [0, 1): the only source of chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A scene as a model is shown it, with the truth of the patches that are read."""

    pixels: UInt8[Tensor, "3 height width"]
    kept: Bool[Tensor, "rows columns"] | None  # which these are; None: all
    patches: Int[Tensor, " n"]  # their classes, IGNORED where unclear
    owners: Int[Tensor, " n"]  # the object that each shows, or -1


class StickerRows:
    """Rows of one stage, drawn as they are asked for; a ``Source`` of batches.py."""

    def __init__(
        self, stage: Stage, *, tokenizer: Tokenizer, image_size: int, patch_size: int, seed: int
    ):
        told = (stage.locating_weight, stage.comparing_weight, stage.kept_patches)
        if stage.augment and (any(told) or {"referring", "choices"} & set(stage.mix)):
            raise ValueError(
                f"stage {stage.name} augments: of pictures that may have moved nobody knows where "
                "things are, so that locating, comparing and kept_patches must be off, and nothing "
                "referred to or reasoned about"
            )
        self.stage = stage
        self.tokenizer = tokenizer
        self.image_size = image_size
        self.grid = image_size // patch_size
        self.seed = seed
        # Every stage has scenes of its own: one seen before is answered from memory.
        self.first_scene = zlib.crc32(stage.name.encode()) << 24
        self.answer_index = {answer: place for place, answer in enumerate(answers())}

    def kind(self, step: int) -> str:
        """What the batch of a step is made of, drawn from the stage's mix."""
        return drawn(self.stage.mix, self._draw(step).random)

    def rows(self, step: int, places: range) -> list[Row]:
        """The rows at these places of a step's global batch."""
        makers: dict[str, Callable[[int, int, random.Random], Row]] = {
            "patches": self._patches,
            "captions": self._caption,
            "pairs": self._pair,
            "questions": self._question,
            "statements": self._statement,
            "ranking": self._ranking,
            "referring": self._referring,
            "choices": self._choice,
        }
        make = makers[self.kind(step)]
        first = self.first_scene + step * self.stage.batch_size
        return [make(first + place, place, self._draw(step, place)) for place in places]

    def _draw(self, *place: int) -> random.Random:
        return random.Random(f"{self.stage.name}/{self.seed}/{place}")

    def _scene(self, index: int) -> Scene:
        if self.stage.corner is not None:
            return corner_scene(self.stage.corner, self.seed, index)
        return scene(self.seed, index, split="train")

    def _say(self, seen: Scene, draw: Draw) -> Caption:
        corner = self.stage.corner
        return caption(seen, draw, form=None if corner is None else corner.form)

    def _patches(self, index: int, _place: int, draw: random.Random) -> Row:
        picture = self._picture(self._scene(index), draw, whole=True)
        return Row(pixels=picture.pixels, patches=picture.patches)

    def _caption(self, index: int, place: int, draw: random.Random) -> Row:
        """Half of the rows for masked words, half for matching; half of these do not match.

        The published code passes every pair twice instead, masked and unmasked.
        """
        seen = self._scene(index)
        matching = self._is_matched(place)
        if not matching or place % 2:
            said = self._say(seen, draw.random)
            matched = 1 if matching else NOT_ASKED
            either = self.stage.hide_either and matched == NOT_ASKED and place % 2
            return self._told(
                seen, said.text, draw, matched=matched, mentions=said.mentions, hide=not either
            )
        if draw.random() < self.stage.hard_negatives:
            return self._told(seen, hard_negative(seen, draw.random).text, draw, matched=0)
        said, strange = self._foreign_caption(seen, draw.random)
        return self._told(seen, said, draw, matched=0, named=frozenset() if strange else None)

    def _is_matched(self, place: int) -> bool:
        """Whether a place is for matching: none or all where one of the two tasks is off."""
        if not (self.stage.itm or self.stage.wpa):
            return False
        return not self.stage.mlm or place >= self.stage.batch_size // 2

    def _pair(self, index: int, _place: int, draw: random.Random) -> Row:
        """A picture with a caption of its own: the other rows are what does not match."""
        seen = self._scene(index)
        ids = self.tokenizer.encode([caption(seen, draw.random).text]).batch.ids[0]
        return Row(pixels=self._picture(seen, draw, whole=True).pixels, texts=(ids,))

    def _told(
        self,
        seen: Scene,
        text: str,
        draw: random.Random,
        *,
        matched: int,
        mentions: Sequence[Mention] = (),
        named: frozenset[int] | None = None,
        hide: bool = True,
    ) -> Row:
        """A row of words, hidden where matching is not asked; ``named`` is spoken of, if known."""
        encoded = self.tokenizer.encode([text])
        ids = encoded.batch.ids[0]
        labels = torch.full_like(ids, IGNORED)
        hides = hide and max(self.stage.mask_rate, self.stage.noun_mask_rate) > 0  # one at least
        if matched == NOT_ASKED and hides:
            ids, labels = mask_words(
                ids,
                encoded.words[0],
                mask_id=self.tokenizer.mask,
                vocab_size=len(self.tokenizer),
                rate=self._rates(encoded, mentions),
                unit=self.stage.mask_unit,
                draw=draw.random,
            )
        if mentions:
            named = named_objects(mentions)
        picture = self._picture(seen, draw)
        hidden, covered = self._hidden(draw if matched == NOT_ASKED else None, picture.kept)
        numbers, centres = located_nouns(encoded, mentions, seen)
        return Row(
            pixels=picture.pixels,
            texts=(ids,),
            masked=labels,
            matched=matched,
            kept=picture.kept,
            hidden=hidden,
            covered=covered,
            patches=picture.patches,
            mentioned=mentioned_patches(picture.owners, named),
            grounded=grounded_nouns(encoded, mentions, picture.owners),
            numbers=numbers,
            centres=centres,
            differences=differences_of(() if matched == NOT_ASKED else mentions, seen),
        )

    def _question(self, index: int, _place: int, draw: random.Random) -> Row:
        seen = self._scene(index)
        asked = self._ask(seen, draw.random)
        encoded = self.tokenizer.encode([asked.text])
        picture = self._picture(seen, draw)
        numbers, centres = located_nouns(encoded, asked.mentions, seen)
        return Row(
            pixels=picture.pixels,
            texts=(encoded.batch.ids[0],),
            answer=self.answer_index[asked.answer],
            kept=picture.kept,
            patches=picture.patches,
            mentioned=mentioned_patches(picture.owners, named_objects(asked.mentions)),
            grounded=grounded_nouns(encoded, asked.mentions, picture.owners),
            numbers=numbers,
            centres=centres,
            differences=differences_of(asked.mentions, seen),
        )

    def _statement(self, index: int, _place: int, draw: random.Random) -> Row:
        left, right = pair(self.seed, index, split="train")
        said = statement(left, right, draw.random)
        first, second = self._picture(left, draw), self._picture(right, draw)
        return Row(
            pixels=first.pixels,
            kept=first.kept,
            second=second.pixels,
            second_kept=second.kept,
            texts=(self.tokenizer.encode([said.text]).batch.ids[0],),
            statement=int(said.label),
        )

    def _ranking(self, index: int, _place: int, draw: random.Random) -> Row:
        """A true caption first, then false ones: near misses as often as the stage says."""
        seen = self._scene(index)
        chance = draw.random
        texts = [caption(seen, chance).text]
        for _ in range(self.stage.negatives):
            near = chance() < self.stage.hard_negatives
            false = hard_negative(seen, chance).text if near else None
            texts.append(false or self._foreign_caption(seen, chance)[0])
        ids = tuple(self.tokenizer.encode([text]).batch.ids[0] for text in texts)
        return Row(pixels=self._picture(seen, draw, whole=True).pixels, texts=ids)

    def _referring(self, index: int, _place: int, draw: random.Random) -> Row:
        """An expression, and the boxes of all things: which is meant must be told from them too."""
        seen, found = self._first(index, draw, referring)
        return Row(
            pixels=self._picture(seen, draw, whole=True).pixels,
            texts=(self.tokenizer.encode([found.text]).batch.ids[0],),
            boxes=torch.tensor([thing.box for thing in seen.objects]),
            meant=found.target,
        )

    def _choice(self, index: int, place: int, draw: random.Random) -> Row:
        """A question with its answers in every other row, else with the reasons of the true one."""
        seen, found = self._first(index, draw, reasoned)
        texts, chosen = (
            (found.justified(), found.reason) if place % 2 else (found.answered(), found.answer)
        )
        return Row(
            pixels=self._picture(seen, draw, whole=True).pixels,
            texts=tuple(self.tokenizer.encode([text]).batch.ids[0] for text in texts),
            chosen=chosen,
        )

    def _first(
        self, index: int, draw: random.Random, make: Callable[[Scene, Draw], _Said | None]
    ) -> tuple[Scene, _Said]:
        """What is said of a scene; of another one where it allows nothing of the sort."""
        seen = self._scene(index)
        while (said := make(seen, draw.random)) is None:
            seen = self._scene(-1 - int(draw.random() * 2**40))
        return seen, said

    def _hidden(self, draw: random.Random | None, kept: Bool[Tensor, "rows columns"] | None):
        """Which patches are to be predicted, of those that are read, and which of them are covered.

        None without chance.
        """
        if not self.stage.patch_mask_rate:
            return None, None
        if draw is None:
            none = torch.zeros(self.grid, self.grid, dtype=torch.bool)
            return none, none
        rate = self.stage.patch_mask_rate
        found = draw_masked_patches(self.grid**2, rate=rate, draw=draw)
        asked, covered = (flat.reshape(self.grid, self.grid) for flat in found)
        return (asked, covered) if kept is None else (asked & kept, covered & kept)

    def _picture(self, seen: Scene, draw: random.Random, *, whole: bool = False) -> Shown:
        """A scene as it is shown: all of its patches, or those that the stage keeps.

        Of augmented pictures, which may have moved, nobody knows who owns which patch.
        """
        # Every third scene or so, told by its index: no chance is spent.
        over = seen.index % 1_000_003 * 0.6180339887 % 1 < self.stage.inked
        changed = self.stage.retouched > 0 and draw.random() < self.stage.retouched
        icons = inked_pyramids() if over else None
        if self.stage.guests > 0 and draw.random() < self.stage.guests:
            icons = guest_pyramids(int(draw.random() * len(GUESTS)), inked=over)
        painting = paint(
            seen,
            self.image_size,
            icons=icons,
            retouches=retouches(seen, draw.random) if changed else None,
        )
        shares = visible_shares(painting, self.grid)
        patches = patch_targets(seen, shares)
        owners = np.where(patches > BACKGROUND_CLASS, shares[:MAX_OBJECTS].argmax(axis=0), -1)
        pixels = painting.pixels
        if self.stage.augment:
            pixels = np.array(rand_augment(Image.fromarray(pixels), draw))
            patches, owners = np.full_like(patches, IGNORED), np.full_like(owners, -1)
        kept = None
        if self.stage.kept_patches is not None and not whole:
            read = fullest_patches(shares, self.stage.kept_patches, draw.random)
            patches, owners = patches[read], owners[read]
            kept = torch.from_numpy(read).reshape(self.grid, self.grid)
        return Shown(
            pixels=channels_first(pixels),
            kept=kept,
            patches=torch.from_numpy(patches),
            owners=torch.from_numpy(owners),
        )

    def _foreign_caption(self, seen: Scene, draw: Draw) -> tuple[str, bool]:
        """What is true of another scene and not, by accident, of this one.

        Also whether it speaks of nothing like what is here, so that no patch is spoken of.
        """
        while True:
            other = self._scene(-1 - int(draw() * 2**40))
            said = self._say(other, draw)
            if not execute(said.program, seen):
                named = {other.objects[i].category for i in named_objects(said.mentions)}
                return said.text, named.isdisjoint(thing.category for thing in seen.objects)

    def _rates(self, encoded: EncodedText, mentions: Sequence[Mention]) -> Float[Tensor, " l"]:
        """Masking rate of every token: nouns are hidden more often where the stage says so."""
        rates = torch.full(encoded.words[0].shape, self.stage.mask_rate)
        if self.stage.noun_mask_rate != self.stage.mask_rate:
            for mention in mentions:
                rates[noun_tokens(encoded, 0, mention)] = self.stage.noun_mask_rate
        return rates

    def _ask(self, seen: Scene, draw: Draw) -> Question:
        """A question of a kind that the scene allows, after the stage's own mixture of kinds."""
        for _ in range(20):
            asked = question(seen, draw, kind=drawn(self.stage.question_mix, draw))
            if asked is not None:
                return asked
        return questions(seen, draw, count=1)[0]
