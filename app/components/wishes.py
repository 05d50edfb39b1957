"""What a visitor asks for in one tab: the last wish counts, and an older one's work ends."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, TypeVar

Answer = TypeVar("Answer")


@dataclass(slots=True, eq=False)
class Wish:
    """One of them."""

    known: Any = None  # what it has shown last


@dataclass(slots=True, eq=False)
class Wishes:
    """All of one visitor in one tab, shared with the threads that work for them."""

    last: Wish = field(default_factory=Wish)
    alive: set[Wish] = field(default_factory=set)  # whose work has not ended

    def take(self, answer: Answer) -> Answer:
        """Another wish, with its answer."""
        self.last = Wish(known=answer if self.alive else None)
        return answer

    def follow(self, steps: Generator[Answer, None, None]) -> Iterator[Answer]:
        """Another wish, answered step by step until there is one after it.

        With the end, Gradio shows once more what was handed out last: of a wish that has been
        overtaken that is what came instead of it.
        """
        mine = Wish()
        self.alive.add(mine)
        self.last = mine
        try:
            with closing(steps):
                for answer in steps:
                    if self.last is not mine:
                        break
                    mine.known = answer
                    yield answer
            if self.last is not mine and self.last.known is not None:
                yield self.last.known
        finally:
            self.alive.discard(mine)
            if not self.alive:  # nobody is left who would show it once more
                self.last.known = None
