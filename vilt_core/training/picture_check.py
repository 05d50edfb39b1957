"""Pictures looked for before anything is learned: what is missing is told, or refused, at once."""

from vilt_core.data.absent import absent_pictures
from vilt_core.data.examples import DataSet
from vilt_core.evaluation.readable import SHARE, too_many
from vilt_core.training.picture_sizes import first_picture, spread

_NAMED = 3  # of the pictures that are not there


def check_pictures(data: DataSet, held_out: DataSet | None) -> tuple[str, ...]:
    """Look for the pictures of a run, and whether they can be read at all.

    Args:
        data: what will be learned.
        held_out: what will be scored, if anything is.

    Returns:
        What is not there and can be done without, a line of either: as in ``DataSet.missing``.

    Raises:
        ValueError: more pictures are not there than training or evaluation would pass over, or of
            some from all over the data none can be read.
    """
    lines: list[str] = []
    for what, each in (("training", data), ("held-out", held_out)):
        if each is not None:
            lines += _absent(each, what)
            _check_any(each, what)
    return tuple(lines)


def _absent(data: DataSet, what: str) -> list[str]:
    found = absent_pictures(data)
    count = len(found.images)
    if not count:
        return []
    named = ", ".join(image.name for image in found.images[:_NAMED])
    named += f" and {count - _NAMED:,} more" if count > _NAMED else ""
    said = f"{count:,} of {found.of:,} {what} pictures of {data.name}"
    if too_many(count, of=found.of):
        raise ValueError(f"{said} are not there, which is more than {SHARE:.0%}: {named}")
    return [f"{said} ({named})"]


def _check_any(data: DataSet, what: str) -> None:
    places, why = spread(data.examples), ""
    for place in places:
        try:
            first_picture(data.examples, place)
        except ValueError as error:
            why = str(error)
        else:
            return
    if why:
        raise ValueError(
            f"none of {len(places)} {what} pictures of {data.name} could be read, the last: {why}"
        )
