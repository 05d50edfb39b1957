"""The best choice without looking: what the words of candidates give away.

Every score of a multiple choice stands beside this one. A linear reader of words, of two after each
other, of each with how the question begins, and of how many candidates share them, learns from the
training split which candidate is the true one.
"""

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from vilt_core.objectives.choice import choice

_ROWS = 1 << 16  # of the table that features are hashed to
_EPOCHS, _BATCH, _RATE, _DECAY = 4, 64, 0.02, 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Candidates, each with the question before it, and which of them is true."""

    candidates: tuple[str, ...]
    truth: int


class ChoiceWords:
    """A conditional logit over hashed words.

    Args:
        choices: what to learn from; as many candidates each.
    """

    def __init__(self, choices: Sequence[Choice]):
        if not choices:
            raise ValueError("a choice by words needs others to learn from, got none")
        self.table = nn.EmbeddingBag(_ROWS, 1, mode="sum")
        nn.init.zeros_(self.table.weight)
        read = [
            [_features(choice.candidates, at) for at in range(len(choice.candidates))]
            for choice in choices
        ]
        truths = torch.tensor([choice.truth for choice in choices])
        optimizer = torch.optim.AdamW(self.table.parameters(), lr=_RATE, weight_decay=_DECAY)
        order = torch.Generator().manual_seed(0)
        for _ in range(_EPOCHS):
            for rows in torch.randperm(len(choices), generator=order).split(_BATCH):
                optimizer.zero_grad(set_to_none=True)
                choice(self._scores([read[row] for row in rows.tolist()]), truths[rows]).backward()
                optimizer.step()

    @torch.no_grad()
    def choose(self, candidates: Sequence[str]) -> int:
        """The likeliest candidate; of equally likely ones the first."""
        read = [_features(candidates, at) for at in range(len(candidates))]
        return int(self._scores([read]).argmax())

    def _scores(self, read: Sequence[Sequence[list[int]]]) -> Tensor:
        flat = [features for candidates in read for features in candidates]
        starts = torch.tensor([0, *map(len, flat[:-1])]).cumsum(0)
        scores = self.table(torch.tensor([one for features in flat for one in features]), starts)
        return scores.view(len(read), -1)


def _features(candidates: Sequence[str], at: int) -> list[int]:
    """Rows of the table: what can be said of a candidate beside the others."""
    words = [re.findall(r"\w+", one.lower()) for one in candidates]
    shared = Counter(word for one in words for word in set(one))
    own = words[at]
    opening = " ".join(own[:2])
    pairs = (f"{a} {b}" for a, b in pairwise(own))
    said = [*own, *pairs, *(f"{opening}/{word}" for word in own)]
    said += [f"shared {shared[word]}" for word in set(own)]
    return [zlib.crc32(one.encode()) % _ROWS for one in said]
