"""The second stop: a sentence becomes a sequence, equation 1."""

from html import escape

from app import journey
from app.journey import Quiz, Trip
from app.stops.stop import Choice, Drawn, Stop, opening_word, quizzed_word, says, tells


def draw(trip: Trip, choice: Choice) -> Drawn:
    """The pieces, and one of them on its way to H numbers."""
    from vilt_core.viz.cut import cut_sentence
    from vilt_core.viz.journey import strips

    told, token = trip.journey, choice.at - 1
    known, width = len(trip.predictor.tokenizer), told.word_rows.shape[1]
    like = ", ".join(
        f"<b>{escape(piece)}</b> {cosine:.2f}" for piece, cosine in journey.neighbours(trip, token)
    )
    said = escape(told.pieces[token])
    return Drawn(
        says=says(
            f"The sentence is cut into pieces that the model has in its list of {known:,}; a rare "
            "word falls into several, whose later ones begin with ##.",
            f"[CLS] (it will stand for the whole pair) goes in front and [SEP] (the end) behind: "
            f"<b>{told.text_tokens} tokens</b>.",
            f"Each fetches its row of {width} numbers from a learned table and adds the row of its "
            "place.",
        ),
        picture=cut_sentence(
            told.pieces,
            notes=[f"no. {index}" for index in told.ids],
            chosen=token,
            special=(0, told.text_tokens - 1),
        ),
        tells=tells(
            f'Rows of the table that are most like that of <b translate="no">{said}</b> '
            f'(1 would be the same direction): <span translate="no">{like}</span>.'
        ),
        plots=(
            strips(
                {
                    f"the row of {said!r} in the table": told.word_rows[token],
                    f"the row of place {token}": told.word_places[token],
                    "their sum, normalised": told.text_rows[token],
                }
            ),
        ),
    )


def ask(trip: Trip) -> Quiz:
    """Which row of the table is most like a word's."""
    token = trip.journey.words[quizzed_word(trip)].tokens[0]
    ranked = [piece for piece, _ in journey.neighbours(trip, token, count=200)]
    close = dict(journey.neighbours(trip, token, count=200))
    whole = [piece for piece in ranked if piece.isalpha() and len(piece) > 2] or ranked
    options = sorted({whole[0], whole[len(whole) // 3], whole[2 * len(whole) // 3]})
    said = trip.journey.pieces[token]
    listed = ", ".join(f"{piece} {close[piece]:.2f}" for piece in options)
    return Quiz(
        question=f"Nobody told the model what words mean. Whose row is most like that of {said!r}?",
        options=tuple(options),
        right=whole[0],
        because=f"The cosines are: {listed}. Words used alike in training have drifted together.",
    )


def shapes(trip: Trip) -> str:
    """L and H here."""
    told = trip.journey
    width, known = told.word_rows.shape[1], len(trip.predictor.tokenizer)
    rows = told.text_tokens
    return (
        f"Here $L = {rows - 1}$ (the pieces and [SEP]), $T$ is ${known} \\times {width}$ and "
        f"$\\bar t$ is ${rows} \\times {width}$. As published, the sum is normalised as BERT does, "
        "which the equation leaves out."
    )


def _token_first(trip: Trip) -> int:
    """The slider of tokens opens on the word that tells most."""
    return trip.journey.words[opening_word(trip)].tokens[0] + 1


STOP = Stop(
    name="Words",
    title="A sentence becomes rows of numbers",
    equation=r"\bar t = [\,t_\text{class};\; t_1 T;\; \cdots;\; t_L T\,] + T^\text{pos}"
    r"\qquad (1)",
    shapes=shapes,
    draw=draw,
    quiz=ask,
    hint="Click a noun, then a small word such as “of”: what is like each of them?",
    at="Token",
    span=lambda trip: (1, trip.journey.text_tokens, _token_first(trip)),
    touched=True,
    verbatim=True,
)
