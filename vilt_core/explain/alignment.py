"""Word-patch alignment by optimal transport: the picture at the heart of the lab.

Section 3.2 and figure 4 of the paper. Each word piece of the text carries the same mass as its
neighbours, and so does each patch of the image. The plan says how much of each word's mass lies on
which patch, at the lowest total cosine distance. These are its results; align.py computes them.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from vilt_core.data.text import Word


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentTrace:
    """What moved inside IPOT, one entry a kept iteration."""

    iterations: tuple[int, ...]  # counted from 1
    plans: Float[np.ndarray, "t l n"]
    text_scaling: Float[np.ndarray, "t l"]  # sigma
    image_scaling: Float[np.ndarray, "t n"]  # delta
    transport_cost: Float[np.ndarray, " t"]
    text_error: Float[np.ndarray, " t"]  # L1 distance of the rows' sums from 1 / l
    image_error: Float[np.ndarray, " t"]  # L1 distance of the columns' sums from 1 / n
    entropy: Float[np.ndarray, " t"]  # nats


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """One text on one image.

    Rows are the text's tokens without [CLS] and [SEP]; columns are the patches in raster order,
    the image's own [class] left out.
    """

    words: tuple[Word, ...]  # Word.tokens index the rows of ``plan``; every row has its word
    tokens: tuple[str, ...]
    grid: tuple[int, int]  # (rows, columns) of patches: column of the plan = row * columns + column
    cost: Float[np.ndarray, "l n"]  # 1 - cosine similarity
    plan: Float[np.ndarray, "l n"]  # sums to 1
    transport_cost: float
    beta: float
    iterations: int
    trace: AlignmentTrace | None = None

    def mass(self, word: str | int) -> Float[np.ndarray, "rows columns"]:
        """How much of each patch's mass the plan gives to a word.

        Args:
            word: The word as it stands in the text (its first occurrence), or its index.

        Raises:
            ValueError: The text has no such word.
        """
        chosen = self.words[self._index(word)]
        return self.plan[list(chosen.tokens)].sum(axis=0).reshape(self.grid)

    def heatmap(self, word: str | int) -> Float[np.ndarray, "rows columns"]:
        """The similarity that the plan carries between a word and every patch: mass x cosine.

        Every word must spend all of its mass and no patch takes more than its share, so that many
        patches are filled to the brim, some of them by words with nowhere better to go. What
        such mass carries tells them apart. Negative cosines count as 0.

        Args:
            word: The word as it stands in the text (its first occurrence), or its index.

        Raises:
            ValueError: The text has no such word.
        """
        tokens = list(self.words[self._index(word)].tokens)
        carried = self.plan[tokens] * np.clip(1 - self.cost[tokens], 0, None)
        return carried.sum(axis=0).reshape(self.grid)

    def carried_cost(self, word: str | int) -> float:
        """What a word's mass pays: its part of the transport cost. Those of all words add up to it.

        Args:
            word: The word as it stands in the text (its first occurrence), or its index.

        Raises:
            ValueError: The text has no such word.
        """
        tokens = list(self.words[self._index(word)].tokens)
        return float((self.plan[tokens] * self.cost[tokens]).sum())

    def words_at(self, row: int, column: int) -> list[tuple[str, float]]:
        """The words on a patch with their shares of its mass, the largest first.

        Raises:
            ValueError: A patch outside the grid.
        """
        rows, columns = self.grid
        if not (0 <= row < rows and 0 <= column < columns):
            raise ValueError(f"the grid has {rows} x {columns} patches, got ({row}, {column})")
        mass = self.plan[:, row * columns + column]
        total = float(mass.sum()) or 1.0  # padding carries nothing
        shares = [(w.text, float(mass[list(w.tokens)].sum()) / total) for w in self.words]
        return sorted(shares, key=lambda pair: -pair[1])

    def _index(self, word: str | int) -> int:
        if not isinstance(word, str):
            if not -len(self.words) <= word < len(self.words):
                raise ValueError(f"the text has {len(self.words)} words, got index {word}")
            return word
        for place, known in enumerate(self.words):
            if known.text.lower() == word.lower():
                return place
        said = ", ".join(w.text for w in self.words)
        raise ValueError(f"the text has no word {word!r}; it has: {said}")
