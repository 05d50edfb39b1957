"""Ask a model from the shell: ``answer`` and ``align``."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Answer a question about a picture."""

    image: Positional[Path]
    question: Positional[str]
    model: str = "vilt-mini"
    top_k: int = 5

    def run(self) -> None:
        """Do it."""
        import vilt_core

        predictor = vilt_core.load(self.model)
        for answer in predictor.answer(self.image, self.question, top_k=self.top_k):
            print(f"{answer.probability:7.1%}  {answer.text}")


@dataclass(frozen=True, kw_only=True)
class Align:
    """Show which words of a text lie on which patches of a picture."""

    image: Positional[Path]
    text: Positional[str]
    model: str = "vilt-mini"
    beta: float = 0.5  # inverse of IPOT's step size
    iterations: int = 50

    def run(self) -> None:
        """Do it."""
        import vilt_core

        predictor = vilt_core.load(self.model)
        found = predictor.align(self.image, self.text, beta=self.beta, iterations=self.iterations)
        rows, columns = found.grid
        print(f"transport cost {found.transport_cost:.4f}; the strongest patch of each word:")
        for word in range(len(found.words)):
            heat = found.heatmap(word)
            row, column = divmod(int(heat.argmax()), columns)
            share = heat.max() / heat.sum()
            place = f"row {row + 1} of {rows}, column {column + 1} of {columns}"
            print(f"{found.words[word].text:>16}  {place}  ({share:.0%} of its heat)")
