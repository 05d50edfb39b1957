"""The sixth stop: one row stands for all, equation 6."""

from app import journey
from app.journey import Quiz, Trip
from app.stops.stop import Choice, Drawn, Stop, percent, says, tells


def draw(trip: Trip, choice: Choice) -> Drawn:
    """Where [CLS] looks in a layer, and what the pooler would make of it there."""
    from vilt_core.viz.cut import cut_picture
    from vilt_core.viz.journey import layer_curves, strips

    told, layer = trip.journey, choice.at
    look = told.attention[layer - 1, 0]
    heat = look[trip.first_patch :].reshape(told.grid)
    chances = journey.matched(trip)
    plots = [
        strips(
            {
                f"[CLS] after layer {layer}, normalised": told.normed[layer, 0],
                "pooled: all between -1 and 1": told.pooled[layer],
            }
        )
    ]
    told_chance = "This checkpoint has no head that matches."
    if chances is not None:
        plots.append(
            layer_curves(
                {"P(match)": chances}, at=layer, x="layers passed", y="P(match)", percent=True
            )
        )
        told_chance = (
            f"If the model stopped here, it would say that sentence and picture match with "
            f"<b>{percent(chances[layer])}</b>. It was trained to be read after layer {told.depth}."
        )
    return Drawn(
        says=says(
            "To judge the pair as a whole, one row is read: the first one, <b>[CLS]</b>. Layer by "
            "layer it has gathered from all others.",
            "One more matrix, and tanh, which squeezes every number between -1 and 1, give the "
            "pooled vector p.",
        ),
        picture=cut_picture(
            trip.seen, told.grid, says=f"Where [CLS] looks in layer {layer}", heat=heat
        ),
        tells=tells(f"Bright: where [CLS] looks in layer {layer}.", told_chance),
        plots=tuple(plots),
    )


def ask(trip: Trip) -> Quiz:
    """How much of [CLS]'s last look goes to the picture."""
    told = trip.journey
    look = told.attention[-1, 0]
    share = float(look[trip.first_patch :].sum())
    words = float(look[: told.text_tokens].sum())
    options = ("less than a third", "between one and two thirds", "more than two thirds")
    return Quiz(
        question="In the last layer, how much of its attention does [CLS] give to patches?",
        options=options,
        right=options[min(int(3 * share), 2)],
        because=f"{percent(share)} goes to the {told.patches} patches, {percent(words)} to the "
        f"{told.text_tokens} tokens of the text, the rest to the picture's [class].",
    )


def shapes(trip: Trip) -> str:
    """W here."""
    given, taken = trip.journey.normed.shape[-1], trip.journey.pooled.shape[-1]
    return (
        f"$z^D_0$ has ${given}$ numbers, $W_\\text{{pool}}$ is ${given} \\times {taken}$, and $p$ "
        f"has ${taken}$ numbers. In the code $z^D$ is normalised once more first."
    )


STOP = Stop(
    name="Pooler",
    title="One row stands for all",
    equation=r"p = \tanh(z^D_0\, W_\text{pool}) \qquad (6)",
    shapes=shapes,
    draw=draw,
    quiz=ask,
    hint="Stop the model early: after how many layers does its verdict settle?",
    at="Layers passed",
    span=lambda trip: (1, trip.journey.depth, trip.journey.depth),
    plots=2,
)
