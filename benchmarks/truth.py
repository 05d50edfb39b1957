"""What must come back: what the model says where nobody else is there."""

import html
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import vilt_core
from app import alignments, services
from vilt_core.predictor import Predictor
from vilt_core.world.captions import caption
from vilt_core.world.questions import question
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import scene

MODEL = "vilt-mini"
SCENES = 24
SIDE = 512  # of their pictures, pixels: as the page shows them
PHOTOGRAPHS = 3
WIDE, TALL = 4000, 3000  # pixels of a phone's picture
ASKED = "What is this?"  # of photographs
ITERATIONS = (10, 50, 200)  # that visitors of the page set; it opens with 50
TOLERANCE = 1e-3  # between probabilities alone and in company: products round by their threads
Answer = tuple[str, float]  # the likeliest, and its share
_BAR = re.compile(r'class="name"><span translate="no">([^<]*)<.*?width:([\d.]+)%', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One call of a named endpoint, and what must come back."""

    endpoint: str
    picture: int
    words: str
    expected: Any

    def is_right(self, reply: Mapping[str, Any]) -> bool:
        """Whether it did."""
        if self.endpoint == "answer":
            best = reply["answers"][0]
            return is_same_answer((best["text"], best["probability"]), self.expected)
        told = reply["probabilities"][0] if self.endpoint == "match" else reply["transport_cost"]
        return abs(told - self.expected) < TOLERANCE


def pictures(folder: Path) -> list[Path]:
    """Files that programs send: of scenes, then a phone's photographs."""
    found = [folder / f"{index}.png" for index in range(SCENES)]
    for index, path in enumerate(found):
        Image.fromarray(paint(scene(0, index, split="test"), SIDE).pixels).save(path)
    return [*found, *(photograph(folder, at) for at in range(PHOTOGRAPHS))]


def photograph(folder: Path, at: int) -> Path:
    """As large a file as a phone makes, of some 4 MB: soft shapes under the noise of a sensor."""
    draw = np.random.default_rng(at)
    soft = draw.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    shapes = np.asarray(Image.fromarray(soft).resize((WIDE, TALL), Image.Resampling.BICUBIC))
    noise = draw.integers(-12, 13, (TALL, WIDE), dtype=np.int16)[..., None]
    path = folder / f"photograph-{at}.jpg"
    noisy = np.clip(shapes + noise, 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(path, quality=90)
    return path


def deeds(files: Sequence[Path]) -> tuple[list[Deed], list[Deed]]:
    """Everything that programs may ask, of scenes and of photographs."""
    model = vilt_core.load(MODEL)
    scenes = []
    for index in range(SCENES):
        place, draw = scene(0, index, split="test"), random.Random(index).random
        said, asked = caption(place, draw).text, question(place, draw)
        words = ASKED if asked is None else asked.text
        likeliest = _likeliest(model, files[index], words)
        chance = float(model.match([files[index]], [said])[0, 0])
        cost = model.align(files[index], said).transport_cost
        scenes += [
            Deed(endpoint="answer", picture=index, words=words, expected=likeliest),
            Deed(endpoint="match", picture=index, words=said, expected=chance),
            Deed(endpoint="align", picture=index, words=said, expected=cost),
        ]
    taken = []
    for index in range(SCENES, len(files)):
        expected = _likeliest(model, files[index], ASKED)
        taken.append(Deed(endpoint="answer", picture=index, words=ASKED, expected=expected))
    return scenes, taken


def _likeliest(model: Predictor, file: Path, words: str) -> Answer:
    best = model.answer(file, words)[0]
    return best.text, best.probability


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the page shows, by what was chosen there.

    Attributes:
        answers: by the place of the picture in its strip, and the question.
        photographs: of one after the other.
        alignments: by the place of the picture, the sentence and the iterations.
    """

    answers: Mapping[tuple[int, str], Answer]
    photographs: Sequence[Answer]
    alignments: Mapping[tuple[int, str, int], Mapping[str, Any]]


def shown(photographs: Sequence[Path]) -> Shown:
    """Everything that visitors of the page may come to see."""
    answers, aligned = {}, {}
    for place, key in enumerate(services.EXAMPLES):
        for text in services.suggestions(key):
            answers[place, text] = _best(services.ask(None, text, key=key, model=MODEL))
        for text in services.captions_of(key):
            for count in ITERATIONS:
                aligned[place, text, count] = alignments.align(
                    None, text, iterations=count, key=key, model=MODEL
                )
    taken = [_best(services.ask(str(path), ASKED, model=MODEL)) for path in photographs]
    return Shown(answers=answers, photographs=taken, alignments=aligned)


def _best(reply: services.Reply) -> Answer:
    return reply.answers[0].text, reply.answers[0].probability


def best_on(card: str) -> Answer | None:
    """The likeliest answer on a card of the page; None where it shows none."""
    found = _BAR.search(card)
    return found and (html.unescape(found[1]), float(found[2]) / 100)


def is_same_answer(told: Answer | None, expected: Answer) -> bool:
    """Whether two answers are one, but for rounding."""
    return told is not None and told[0] == expected[0] and abs(told[1] - expected[1]) < TOLERANCE


def is_same_alignment(view: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    """Whether the view shows this picture with these words, laid on it in the same steps."""
    alike = ("picture", "words", "iterations", "places", "settings")
    return all(view.get(part) == expected[part] for part in alike) and np.allclose(
        view["curves"]["cost"], expected["curves"]["cost"], atol=TOLERANCE, rtol=0
    )
