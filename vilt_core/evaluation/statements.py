"""What NLVR2 is measured on: statements about two pictures, of the world or of a data set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

from vilt_core.data.examples import StatementExample
from vilt_core.data.sequences import Spread
from vilt_core.evaluation.sets import Source, check_any, data_set_of, of_kind, world_split
from vilt_core.evaluation.sources import EVALUATION_SEED, Asked, Picture, draw_of
from vilt_core.world.programs import execute
from vilt_core.world.statements import pair, statement

WORLD_STATEMENTS = 4000  # where no limit is given


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A statement about a left and a right picture, which may be the same one."""

    pictures: tuple[Picture, Picture]
    text: str
    label: bool | None  # None where it is kept secret
    group: str  # one sentence about several pairs of pictures
    form: str | None = None  # of the world's statements
    id: int | str | None = None  # as the data set writes it, if it does

    @property
    def asked(self) -> Asked:
        """As a question whose answer is the label: for who guesses from the words alone."""
        scores = {} if self.label is None else {str(self.label): 1.0}
        return Asked(picture=self.pictures[0], text=self.text, scores=scores, kind="statement")


def statements_of(on: Source, *, limit: int | None = None) -> list[Stated]:
    """The statements of a set; one about a single picture has it on both sides.

    Args:
        on: a set of the world, a file of statements, or a data set of them.
        limit: how many at most, of data in groups spread over all; 4,000 of the world, or all
            otherwise.

    Raises:
        ValueError: no such set, nothing in it, or a statement about no or three pictures.
    """
    split = world_split(on, limit)
    if split is not None:
        return list(islice(world_statements(split), limit or WORLD_STATEMENTS))
    found = data_set_of(on, kind="statements")
    stated = [_stated(example) for example in of_kind(found, StatementExample)]
    if limit is not None and limit < len(stated):
        stated = _some_groups(stated, limit)
    check_any(stated, on)
    return stated


def _some_groups(stated: Sequence[Stated], limit: int) -> list[Stated]:
    """At most so many statements in whole groups, spread over all: consistency counts groups.

    A first group that is larger by itself is cut. They stand as they stood.
    """
    groups: dict[str, list[int]] = {}
    for at, one in enumerate(stated):
        groups.setdefault(one.group, []).append(at)
    some = Spread(list(groups.values()), max(1, limit * len(groups) // len(stated)))
    chosen = list(some[0][:limit])
    for group in some[1:]:
        chosen += group if len(chosen) + len(group) <= limit else []
    return [stated[at] for at in sorted(chosen)]


def world_statements(split: str, *, seed: int = EVALUATION_SEED) -> Iterator[Stated]:
    """Every statement about its two pictures, and then about the same two exchanged, without end.

    The two are a group: as NLVR2's authors want it, a model has understood a sentence if it is
    right of every pair of pictures. The program says what the sentence is of the exchanged ones.
    """
    for index in count():
        left, right = pair(seed, index, split=split)
        said = statement(left, right, draw_of("statements", split, seed, index))
        for pictures in ((left, right), (right, left)):
            yield Stated(
                pictures=pictures,
                text=said.text,
                label=execute(said.program, *pictures),
                group=str(index),
                form=said.form,
            )


def _stated(example: StatementExample) -> Stated:
    match example.images:
        case (left, right):
            pictures = left, right
        case (alone,):
            pictures = alone, alone
        case others:
            raise ValueError(
                f"{example.id}: expected a statement about one or two pictures, got {len(others)}"
            )
    return Stated(
        pictures=pictures,
        text=example.statement,
        label=example.label,
        group=example.group,
        id=example.id,
    )
