"""The world's language as a corpus: what the tokenizer learns its pieces from."""

import random
from collections.abc import Iterator

from vilt_core.world.captions import caption
from vilt_core.world.questions import questions
from vilt_core.world.scenes import scene
from vilt_core.world.statements import pair, statement


def corpus(seed: int, *, scenes: int = 6000) -> Iterator[str]:
    """Captions, questions and statements of the training split, the same for the same seed."""
    draw = random.Random(f"corpus/{seed}").random
    for index in range(scenes):
        place = scene(seed, index)
        yield caption(place, draw).text
        for asked in questions(place, draw, count=2):
            yield asked.text
        if index % 4 == 0:
            yield statement(*pair(seed, index, split="train"), draw).text
