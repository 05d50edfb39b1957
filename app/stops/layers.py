"""The fifth stop: layers in which words and patches meet, equations 4 and 5."""

import numpy as np

from app import journey
from app.journey import Quiz, Trip
from app.stops.stop import (
    Choice,
    Drawn,
    Stop,
    lies_at,
    listed_words,
    opening_word,
    says,
    spelled,
    tells,
)


def draw(trip: Trip, choice: Choice) -> Drawn:
    """How like a word every patch is after a layer, and how that grows."""
    from vilt_core.viz.cut import cut_picture
    from vilt_core.viz.journey import layer_curves

    told = trip.journey
    heat = journey.likeness_of(trip, choice.at, choice.word)
    said = spelled(trip, choice.word)
    hottest = int(heat.argmax())
    top = max(
        float(journey.likeness_of(trip, layer, choice.word).max())
        for layer in range(told.depth + 1)
    )
    when = "before the first layer" if choice.at == 0 else f"after layer {choice.at}"
    return Drawn(
        says=says(
            f"In each of {told.depth} layers every row first looks at all rows and takes over what "
            "it needs (<b>attention</b>, MSA); then it is worked on by itself (MLP).",
            "Both times the result is <b>added</b> to what was there, so nothing is thrown away.",
            "Words and patches meet here, and nowhere else.",
        ),
        picture=cut_picture(
            trip.seen,
            told.grid,
            says=f"How like the word {trip.journey.words[choice.word].text} every patch is",
            heat=heat,
            top=top,
            boxes=journey.boxes(trip, choice.word),
        ),
        tells=tells(
            f'Bright: patches like <b translate="no">{said}</b> {when}. '
            f"The most alike is {lies_at(trip, hottest)}, with a cosine of {heat.max():.2f}.",
            "A dashed frame shows where it truly is." if journey.boxes(trip, choice.word) else "",
        ),
        plots=(
            layer_curves(journey.likeness(trip), at=choice.at, x="layers passed", y="mean cosine"),
        ),
    )


def ask(trip: Trip) -> Quiz:
    """Where most is added."""
    from vilt_core.viz.journey import added_bars

    told = trip.journey
    looked, thought = (
        np.linalg.norm(added, axis=-1).mean(axis=-1) for added in (told.looked, told.thought)
    )
    most = int((looked + thought).argmax()) + 1
    third = -(-told.depth // 3)
    spans = {
        "in the first layers": range(1, third + 1),
        "in the middle": range(third + 1, told.depth - third + 1),
        "in the last layers": range(told.depth - third + 1, told.depth + 1),
    }
    options = {name: span for name, span in spans.items() if len(span)}
    right = next(name for name, span in options.items() if most in span)
    return Quiz(
        question="Every layer adds something to each row. Where is the most added?",
        options=tuple(options),
        right=right,
        because=f"In layer {most}: attention adds vectors of length {looked[most - 1]:.1f} on "
        f"average, the MLP {thought[most - 1]:.1f}.",
        figure=added_bars(looked, thought),
    )


def shapes(trip: Trip) -> str:
    """D here."""
    told = trip.journey
    rows, width = told.states[0].shape
    heads = trip.predictor.model.config.heads
    return (
        f"Here $D = {told.depth}$, and every $z^d$ is ${rows} \\times {width}$. LN brings each row "
        f"to one scale; MSA looks in ${heads}$ ways (heads) at once, so that "
        f"${heads} \\cdot {rows} \\cdot {rows} = {heads * rows * rows:,}$ glances pass in a layer."
    ).replace(",$", "$")


STOP = Stop(
    name="Layers",
    title="Layers, in which words and patches meet",
    equation=r"\begin{aligned} \hat z^d &= \text{MSA}(\text{LN}(z^{d-1})) + z^{d-1} & (4) \\ "
    r"z^d &= \text{MLP}(\text{LN}(\hat z^d)) + \hat z^d & (5) \end{aligned}",
    shapes=shapes,
    draw=draw,
    quiz=ask,
    hint="Move the layer from 0 to the last: when does the word find its thing?",
    at="Layers passed",
    span=lambda trip: (0, trip.journey.depth, trip.journey.depth),
    word="Word",
    choices=listed_words,
    opening=opening_word,
)
