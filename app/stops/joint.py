"""The fourth stop: words and patches in one matrix, equation 3."""

from html import escape

from app import journey
from app.journey import Quiz, Trip
from app.stops.stop import Choice, Drawn, Stop, lies_at, patch_span, says, tells


def names_of(trip: Trip) -> list[str]:
    """What every row of the joint matrix stands for."""
    told = trip.journey
    patches = [f"patch {place + 1}" for place in range(told.patches)]
    return [*told.pieces, "[class] of the picture", *patches]


def draw(trip: Trip, choice: Choice) -> Drawn:
    """The matrix, one row of it marked, there and in the picture."""
    from vilt_core.viz.cut import cut_picture
    from vilt_core.viz.journey import joined_matrix

    told, row = trip.journey, choice.at - 1
    rows, width = told.states[0].shape
    patch = row - trip.first_patch
    name = escape(names_of(trip)[row])
    kept = ' translate="no"' if row < told.text_tokens else ""
    where = f" ({lies_at(trip, patch)}: framed)" if patch >= 0 else ", of the text"
    if row == told.text_tokens:
        where = ", a token of its own in front of the patches"
    return Drawn(
        says=says(
            "Words and patches are put one under the other and are now the same kind of thing: "
            f"rows of {width} numbers.",
            f"{told.text_tokens} tokens of text, 1 [class] and {told.patches} patches make "
            f"<b>{rows} rows</b>.",
            "From here on nothing in the model treats a patch otherwise than a word.",
        ),
        picture=cut_picture(
            trip.seen,
            told.grid,
            says="The picture in its patches",
            chosen=patch if patch >= 0 else None,
        ),
        tells=tells(f"Row <b>{choice.at}</b> is <b{kept}>{name}</b>{where}."),
        plots=(
            joined_matrix(
                told.states[0], text_tokens=told.text_tokens, names=names_of(trip), chosen=row
            ),
        ),
    )


def ask(trip: Trip) -> Quiz:
    """Which rows are alike before any layer."""
    means = {name: values[0] for name, values in journey.likeness(trip).items()}
    listed = ", ".join(f"{name} {mean:.2f}" for name, mean in means.items())
    return Quiz(
        question="Two rows at random: which two are most alike, before the first layer?",
        options=tuple(means),
        right=max(means, key=lambda name: means[name]),
        because=f"Mean cosines: {listed}. The layers have to bring words and patches together.",
    )


def shapes(trip: Trip) -> str:
    """N + L + 2."""
    told = trip.journey
    rows, width = told.states[0].shape
    return (
        f"$z^0$ is $(N + L + 2) \\times H = ({told.patches} + {told.text_tokens - 1} + 2) \\times "
        f"{width} = {rows} \\times {width}$: both class tokens are the 2."
    )


STOP = Stop(
    name="One matrix",
    title="Words and patches in one matrix",
    equation=r"z^0 = [\,\bar t + t^\text{type};\; \bar v + v^\text{type}\,] \qquad (3)",
    shapes=shapes,
    draw=draw,
    quiz=ask,
    hint="Click patches, or move through the rows: can you see in the matrix where the text ends?",
    at="Row of the matrix",
    span=lambda trip: (
        1,
        len(trip.journey.states[0]),
        patch_span(trip)[2] + trip.first_patch,
    ),
    touched=True,
    place=lambda trip, place: place + 1 + trip.first_patch,
)
