"""The third stop: where a token lies, and whether it is a word or a patch."""

import numpy as np

from app.journey import Quiz, Trip
from app.stops.stop import Choice, Drawn, Stop, lies_at, patch_span, says, tells


def draw(trip: Trip, choice: Choice) -> Drawn:
    """Whose places are like a patch's, and what tells the two kinds apart."""
    from vilt_core.explain.journey import directions
    from vilt_core.viz.cut import cut_picture
    from vilt_core.viz.journey import strips

    told, patch = trip.journey, choice.at - 1
    rows = directions(told.patch_places)
    alike = np.clip(rows @ rows[patch], 0, None).reshape(told.grid)
    nearest = int(np.argsort(-alike.ravel())[min(1, alike.size - 1)])
    return Drawn(
        says=says(
            "A heap of numbers does not say where it lies, nor whether it is a word or a patch.",
            "So each patch has a learned vector of its <b>place</b> (bright below: places whose "
            "vectors are like that of the framed one).",
            "And each token gets one of two vectors of its <b>type</b>: text or picture.",
        ),
        picture=cut_picture(
            trip.seen,
            told.grid,
            says="How like the place of the framed patch every other place is",
            chosen=patch,
            heat=alike,
            top=1.0,
        ),
        tells=tells(
            f"Patch <b>{choice.at}</b>, {lies_at(trip, patch)}. Most like its place is "
            f"{lies_at(trip, nearest)}, with a cosine of {alike.ravel()[nearest]:.2f}."
        ),
        plots=(
            strips(
                {
                    "the vector of this place": told.patch_places[patch],
                    "the type 'text'": told.types[0],
                    "the type 'picture'": told.types[1],
                }
            ),
        ),
    )


def ask(trip: Trip) -> Quiz:
    """What weighs most in a patch."""
    told = trip.journey
    lengths = {
        "its colours": float(np.linalg.norm(told.projected, axis=1).mean()),
        "its place": float(np.linalg.norm(told.patch_places, axis=1).mean()),
        "its type": float(np.linalg.norm(told.types[1])),
    }
    listed = ", ".join(f"{name} {length:.1f}" for name, length in lengths.items())
    return Quiz(
        question="Three vectors are added for a patch. Which is the longest, on average here?",
        options=tuple(lengths),
        right=max(lengths, key=lambda name: lengths[name]),
        because=f"Mean lengths: {listed}.",
    )


def shapes(trip: Trip) -> str:
    """What is added."""
    width = trip.journey.types.shape[1]
    return (
        f"$t^\\text{{type}}$ and $v^\\text{{type}}$ are two vectors of ${width}$ numbers: the "
        "first is added to every token of the text, the second to every one of the picture."
    )


STOP = Stop(
    name="Places",
    title="Where it lies, and what kind it is",
    equation=r"\bar t + t^\text{type}, \qquad \bar v + v^\text{type}",
    shapes=shapes,
    draw=draw,
    quiz=ask,
    hint="Move along a row, then down a column: the model learned by itself what is near.",
    at="Patch, counted row by row",
    span=patch_span,
    touched=True,
)
