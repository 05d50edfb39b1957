"""The eighth stop: which patch belongs to which word, section 3.2."""

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
    percent,
    quizzed_word,
    says,
    spelled,
    tells,
)


def draw(trip: Trip, choice: Choice) -> Drawn:
    """A word's share of the plan at an iteration, and what the plan costs."""
    from vilt_core.viz.cut import cut_picture
    from vilt_core.viz.journey import layer_curves

    found = journey.alignment(trip)
    assert found.trace is not None
    rows = list(found.words[choice.word].tokens)
    plans, at = found.trace.plans[:, rows].sum(axis=1), choice.at - 1
    said, costs = spelled(trip, choice.word), found.trace.transport_cost
    mass = 1 / len(found.tokens) * len(rows)
    heat = plans[at].reshape(found.grid)
    return Drawn(
        says=says(
            "Think of each token as a heap of sand and of each patch as a hole: all the sand has "
            "to be moved, and moving it between unlike rows is dear.",
            "<b>IPOT</b> finds the cheapest plan in rounds, each starting from the one before.",
            "In training the cost of the plan is a loss (WPA), so that words and patches that "
            "belong together grow alike.",
        ),
        picture=cut_picture(
            trip.seen,
            found.grid,
            says=f"Where the plan puts the word {trip.journey.words[choice.word].text}",
            heat=heat,
            top=float(plans.max()),
            boxes=journey.boxes(trip, choice.word),
        ),
        tells=tells(
            f"After {choice.at} of {journey.ITERATIONS} rounds: "
            f'<b translate="no">{said}</b> has {percent(mass)} '
            f"of all sand, and most of it lies on {lies_at(trip, int(heat.argmax()))}. "
            f"The whole plan costs {costs[at]:.3f}.",
            "A dashed frame shows where it truly is." if journey.boxes(trip, choice.word) else "",
        ),
        plots=(
            layer_curves({"cost of the plan": costs}, at=choice.at, x="round", y="cost", first=1),
        ),
    )


def ask(trip: Trip) -> Quiz:
    """On which of three patches a word lies."""
    from vilt_core.viz.cut import cut_picture

    found, word = journey.alignment(trip), quizzed_word(trip)
    mass = found.mass(word).ravel()
    ranked = np.argsort(-mass, kind="stable").tolist()
    spread = (ranked[0], ranked[len(ranked) // 2], ranked[-1])
    letters = dict(zip(sorted(spread), "ABC", strict=False))
    total = mass.sum()
    listed = ", ".join(
        f"{letter} {100 * mass[place] / total:.1f} %" for place, letter in letters.items()
    )
    said = trip.journey.words[word].text
    return Quiz(
        question=f"On which patch does the finished plan put most of {said!r}?",
        options=tuple(letters.values()),
        right=letters[ranked[0]],
        because=f"Of the sand of {said!r}: {listed}.",
        picture=cut_picture(
            trip.seen,
            found.grid,
            says="Three patches, A, B and C",
            letters=letters,
            lines=False,
        ),
    )


def shapes(trip: Trip) -> str:
    """The plan's shape."""
    found = journey.alignment(trip)
    tokens, patches = found.plan.shape
    return (
        f"The plan $\\mathbf{{T}}$ is ${tokens} \\times {patches}$ (without class tokens and "
        f"[SEP]), $\\mathbf{{C}}$ is one minus the cosine. Its rows sum to $1/{tokens}$, its "
        f"columns to $1/{patches}$; here $\\beta = {found.beta}$."
    )


STOP = Stop(
    name="Transport",
    title="Which patch belongs to which word",
    equation=r"\min_{\mathbf{T}} \sum_{i,j} \mathbf{T}_{ij}\, \mathbf{C}_{ij} \qquad "
    r"\text{(section 3.2)}",
    shapes=shapes,
    draw=draw,
    quiz=ask,
    hint="Go back to round 1 and step forward: what happens to the word's sand? The tab Align "
    "shows the same for all words.",
    at="Rounds of IPOT",
    span=lambda _: (1, journey.ITERATIONS, journey.ITERATIONS),
    word="Word",
    choices=listed_words,
    opening=opening_word,
)
