"""The first stop: a picture becomes a sequence, equation 2."""

from app.journey import Quiz, Trip
from app.stops.stop import Choice, Drawn, Stop, lies_at, patch_span, says, tells


def draw(trip: Trip, choice: Choice) -> Drawn:
    """The picture cut, and one patch on its way to H numbers."""
    from vilt_core.viz.cut import cut_picture, enlarged, patch_of
    from vilt_core.viz.journey import strips

    told, patch = trip.journey, choice.at - 1
    height, width, _ = trip.seen.shape
    (rows, columns), p = told.grid, told.patch_size
    inputs, numbers = told.pixels.shape[1], told.projected.shape[1]
    small = patch_of(trip.seen, told.grid, patch)
    came = "The model"
    if trip.file is not None and trip.file != (width, height):
        came = f"The file is {trip.file[0]} x {trip.file[1]}; the model"
    return Drawn(
        says=says(
            f"{came} sees {width} x {height} pixels and cuts them into squares of {p} x {p}: "
            f"{width} / {p} = {columns} across, {height} / {p} = {rows} down, "
            f"<b>{told.patches} patches</b>.",
            f"A patch is {p} x {p} x 3 colours = {inputs} numbers, which one learned table of "
            f"numbers (a matrix) turns into {numbers}; to these its place adds {numbers} others.",
            "There is no other eye: no convolutional network and no detector of objects.",
        ),
        picture=cut_picture(
            trip.seen, told.grid, says=f"The picture in {rows} by {columns} patches", chosen=patch
        ),
        tells=f'<div class="lab-zoom"><img src="{enlarged(small)}" alt="The patch, enlarged"/>'
        + tells(
            f"Patch <b>{choice.at}</b>, {lies_at(trip, patch)}: {inputs} numbers in, "
            f"{numbers} out. Each stroke below is one number, orange above zero and blue below."
        )
        + "</div>",
        plots=(
            strips(
                {
                    "what the matrix makes of its colours": told.projected[patch],
                    "the vector of its place": told.patch_places[patch],
                    "their sum: what goes on": told.projected[patch] + told.patch_places[patch],
                }
            ),
        ),
    )


def ask(trip: Trip) -> Quiz:
    """How many patches a picture of another shape has."""
    from vilt_core.data.image import fitted_size

    processing, n = trip.predictor.processing, trip.journey.patches
    p = processing.patch_size
    side = processing.size
    width, height = fitted_size(2 * side, side, size=side, patch_size=p)
    found = (width // p) * (height // p)
    square = (side // p) ** 2
    options = sorted({square // 2, square, found, 2 * square, 4 * square})
    return Quiz(
        question=f"A square picture is cut into {square} patches. And one that is twice as wide as "
        "high?",
        options=tuple(f"{option}" for option in options),
        right=f"{found}",
        because=f"It becomes {width} x {height} pixels: {width // p} x {height // p} = {found} "
        "patches. The longer side is held at 1333 / 800 of the usual one, so the shorter shrinks. "
        f"Yours has {n}.",
    )


def shapes(trip: Trip) -> str:
    """N, P and H here."""
    told = trip.journey
    inputs, width = told.pixels.shape[1], told.projected.shape[1]
    return (
        f"Here $N = {told.patches}$ patches $v_i$ of $P^2 C = {told.patch_size}^2 \\cdot 3 = "
        f"{inputs}$ numbers, and $V$ is ${inputs} \\times {width}$. With the picture's own "
        f"$v_\\text{{class}}$ in front, $\\bar v$ is ${told.patches + 1} \\times {width}$."
    )


STOP = Stop(
    name="Patches",
    title="A picture becomes rows of numbers",
    equation=r"\bar v = [\,v_\text{class};\; v_1 V;\; \cdots;\; v_N V\,] + V^\text{pos}"
    r"\qquad (2)",
    shapes=shapes,
    draw=draw,
    quiz=ask,
    hint="Click a patch of plain background, then one on the edge of a thing. Which strip "
    "changes more?",
    at="Patch, counted row by row",
    span=patch_span,
    touched=True,
)
