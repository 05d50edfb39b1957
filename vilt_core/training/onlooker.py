"""What a model on its way says of scenes that it has not seen: scores, and sentences laid open."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path

import numpy as np
import torch

from vilt_core.data.text import Tokenizer
from vilt_core.evaluation.alignment import even, ipot_plan, mention_batches
from vilt_core.evaluation.hidden_words import guessed, words_to_hide
from vilt_core.evaluation.inference import evaluating, pixels_of
from vilt_core.evaluation.localisation import patches_in_boxes, pointing
from vilt_core.evaluation.matching import CHANCE, judged, match_probabilities
from vilt_core.evaluation.sources import EVALUATION_SEED, Captioned, Paired, draw_of
from vilt_core.explain.align import align
from vilt_core.interop.bundle import Bundle
from vilt_core.types import ImageBatch
from vilt_core.world.captions import Caption, caption
from vilt_core.world.corner import Corner, corner_scene
from vilt_core.world.programs import execute
from vilt_core.world.scenes import Scene

UNSEEN = 96  # scenes that scores are taken on
WATCHED = 4  # sentences that are laid open
_GUESSES = 3  # of a hidden word


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A scene that no training shows, with a true sentence and a false one."""

    scene: Scene
    said: Caption
    false: str

    @property
    def captioned(self) -> Captioned:
        """The true one, as evaluation takes it."""
        return Captioned(
            picture=self.scene,
            text=self.said.text,
            form=self.said.form,
            mentions=self.said.mentions,
            boxes=tuple(thing.box for thing in self.scene.objects),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What a model would put under a noun that is hidden whole."""

    word: int  # of the sentence
    likeliest: tuple[tuple[str, float], ...]  # for its first piece, with probabilities
    true: float  # the probability of the piece that stands there


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a model makes of one watched sentence."""

    heat: list[list[list[float]]]  # of each word: its mass in the transport plan, rows and columns
    strongest: list[bool]  # of each noun: whether its strongest patch is in its own box
    distance: float  # of transport between the sentence and the picture ...
    false_distance: float  # ... and of the false one
    true_chance: float | None  # P(match) of the sentence; None without a head for it ...
    false_chance: float | None  # ... and of the false one
    guesses: tuple[Guess, ...]  # of each noun; none without a head


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A model on its way, kept in a folder, and what it says of scenes that it has not seen."""

    step: int
    folder: str
    # "matching": right verdicts on true and false sentences; "masked": hidden nouns that are found;
    # "blind": the same without the picture; "pointing": nouns whose strongest patch is on the right
    # sticker, of two or more.
    scores: dict[str, float]
    # What guessing scores, likewise; "sticker": pointing at any sticker, whichever is meant.
    chance: dict[str, float]
    heard: tuple[Heard, ...]  # of each watched sentence


class Onlooker:
    """The same scenes, sentences and hidden words for every snapshot of a run."""

    def __init__(self, corner: Corner, tokenizer: Tokenizer):
        unseen = [_watched(corner, index) for index in range(UNSEEN)]
        self.watched = watched(corner)
        self.captions = [one.captioned for one in unseen]
        self.pairs = [
            Paired(picture=one.scene, text=text, matched=text == one.said.text, changed=None)
            for one in unseen
            for text in (one.said.text, one.false)
        ]
        self.hidden = [
            word
            for one in self.captions
            for word in words_to_hide(one, tokenizer)
            if word.kind == "noun"
        ]

    def look(self, bundle: Bundle, *, step: int, folder: Path) -> Snapshot:
        """Ask the model, which is left as it is.

        Args:
            bundle: the model.
            step: of its training.
            folder: where it is kept.
        """
        scores, chance = self._pointing(bundle)
        if bundle.model.itm is not None:
            believed = match_probabilities(bundle, self.pairs)
            scores["matching"] = judged(self.pairs, believed)["accuracy"]
            chance["matching"] = CHANCE
        if bundle.model.mlm is not None:
            found = guessed(bundle, self.hidden, conditions=("with", "without"))
            scores["masked"], scores["blind"] = (
                _share(found[condition]) for condition in ("with", "without")
            )
            nouns = [word.word.text for word in self.hidden]
            chance["masked"] = max(map(nouns.count, nouns)) / len(nouns)
        with evaluating(bundle.model):
            heard = tuple(_heard(bundle, one) for one in self.watched)
        return Snapshot(step=step, folder=str(folder), scores=scores, chance=chance, heard=heard)

    def _pointing(self, bundle: Bundle) -> tuple[dict[str, float], dict[str, float]]:
        """How often the plan's strongest patch is right, where there is more than one sticker.

        Beside it what an even plan scores, and one that lies evenly on all stickers, whichever is
        meant: to find the stickers is not to know their names.
        """
        several = [one for one in self.captions if len(one.boxes) > 1]
        with evaluating(bundle.model):
            (batch,) = mention_batches(bundle, several, batch_size=len(several))
        boxes = [torch.tensor(several[row].boxes) for row in batch.rows.tolist()]
        grid = batch.output.grid
        stickers = torch.stack([patches_in_boxes(own, grid=grid).any(dim=0) for own in boxes])
        found = {
            "pointing": batch.heat(ipot_plan(batch.output)),
            "even": batch.heat(even(batch.output)),
            "sticker": stickers.float(),
        }
        shares = {name: float(pointing(heat, batch.inside).mean()) for name, heat in found.items()}
        return (
            {"pointing": shares["pointing"]},
            {"pointing": shares["even"], "sticker": shares["sticker"]},
        )


def watched(corner: Corner) -> tuple[Watched, ...]:
    """Sentences that name every sticker of a scene, of which there are as many as ever."""
    drawn = (_watched(corner, index) for index in count(UNSEEN))
    full = (one for one in drawn if len(one.said.mentions) == corner.crowd)
    return tuple(islice(full, WATCHED))


def nouns_of(one: Watched, tokenizer: Tokenizer) -> dict[int, tuple[int, ...]]:
    """The words of a sentence that are nouns, with the objects that they speak of."""
    return {
        at: mention.objects
        for at, word in enumerate(tokenizer.words(one.said.text))
        for mention in one.said.mentions
        if mention.noun_start <= word.start and word.end <= mention.noun_end
    }


def _watched(corner: Corner, index: int) -> Watched:
    """A scene of the test split; the false sentence is true of another one."""
    draw = draw_of("emergence", "test", EVALUATION_SEED, index)
    here = corner_scene(corner, EVALUATION_SEED, index, split="test")
    others = (
        corner_scene(corner, EVALUATION_SEED, -1 - int(draw() * 2**40), split="test")
        for _ in count()
    )
    told = (caption(other, draw, form=corner.form) for other in others)
    false = next(said for said in told if not execute(said.program, here))
    return Watched(scene=here, said=caption(here, draw, form=corner.form), false=false.text)


def _heard(bundle: Bundle, one: Watched) -> Heard:
    """Lay one sentence open. To be called inside ``evaluating(bundle.model)``."""
    image = ImageBatch(pixels=pixels_of(one.scene, bundle)[None])
    text = bundle.tokenizer.encode([one.said.text, one.false]).batch
    true, false = (
        align(bundle.vilt, bundle.tokenizer, said, image) for said in (one.said.text, one.false)
    )
    heat = np.stack([true.mass(at) for at in range(len(true.words))])
    boxes = torch.tensor([thing.box for thing in one.scene.objects])
    inside = patches_in_boxes(boxes, grid=true.grid)
    nouns = nouns_of(one, bundle.tokenizer)
    chances: list[float | None] = [None, None]
    if bundle.model.itm is not None:
        output = bundle.vilt(text, image.take([0, 0]))
        chances = bundle.model.itm(output.pooled).softmax(dim=-1)[:, 1].tolist()
    return Heard(
        heat=heat.tolist(),
        strongest=[
            bool(inside[list(objects)].any(dim=0)[int(heat[at].argmax())])
            for at, objects in nouns.items()
        ],
        distance=true.transport_cost,
        false_distance=false.transport_cost,
        true_chance=chances[0],
        false_chance=chances[1],
        guesses=() if bundle.model.mlm is None else _guesses(bundle, one, image, list(nouns)),
    )


def _guesses(
    bundle: Bundle, one: Watched, image: ImageBatch, nouns: Sequence[int]
) -> tuple[Guess, ...]:
    """Each noun hidden whole, and what would stand under its first piece."""
    tokenizer = bundle.tokenizer
    read = tokenizer.encode([one.said.text]).batch
    words = tokenizer.words(one.said.text)
    found = []
    for at in nouns:
        tokens = list(words[at].tokens)
        ids = read.ids.clone()
        ids[0, tokens] = tokenizer.mask
        output = bundle.vilt(replace(read, ids=ids), image)
        logits = bundle.model.head("mlm")(output.text[0, tokens[0]])
        logits[tokenizer.special] = -torch.inf
        chances = logits.softmax(dim=-1)
        best = chances.topk(_GUESSES)
        likeliest = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        found.append(
            Guess(
                word=at,
                likeliest=tuple((tokenizer.token(piece), chance) for piece, chance in likeliest),
                true=float(chances[read.ids[0, tokens[0]]]),
            )
        )
    return tuple(found)


def _share(verdicts: Sequence[bool]) -> float:
    return sum(verdicts) / len(verdicts)
