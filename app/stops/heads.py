"""The seventh stop: heads make verdicts of it."""

from collections.abc import Sequence
from html import escape

from app import journey
from app.journey import Quiz, Trip
from app.stops.stop import Choice, Drawn, Stop, Words, listed_words, percent, says, spelled


def single(trip: Trip) -> list[int]:
    """Words of one piece, which one [MASK] can hide."""
    return [place for place, word in enumerate(trip.journey.words) if len(word.tokens) == 1]


def maskable(trip: Trip) -> Words:
    """The same as a list to choose from; all words where each has several pieces."""
    listed, fit = listed_words(trip), set(single(trip))
    return [entry for entry in listed if entry[1] in fit] or listed


def _maskable_first(trip: Trip) -> int:
    fit = {place for _, place in maskable(trip)}
    return next((place for place in journey.telling_words(trip) if place in fit), min(fit))


def filled(trip: Trip, word: int, count: int) -> list[tuple[str, float]]:
    """The likeliest pieces in place of a word, with their probabilities."""
    start = trip.journey.words[word].start
    before = trip.sentence[:start].upper().count("[MASK]")
    found = trip.predictor.fill(trip.picture, journey.hidden(trip, word), top_k=count)[before]
    return [(answer.text, answer.probability) for answer in found]


def draw(trip: Trip, choice: Choice) -> Drawn:
    """What three heads say."""
    model = trip.predictor.model
    other, asked = choice.texts
    parts = [
        _head("Do they belong together?", "reads p", _matching(trip, other))
        if model.itm is not None
        else _head("Do they belong together?", "reads p", _absent("an ITM head")),
        _head(
            "Which word is hidden?",
            f"reads the row of [MASK], where {spelled(trip, choice.word)!r} stood",
            _bars(filled(trip, choice.word, 5), truth=trip.journey.words[choice.word].text.lower())
            if model.mlm is not None
            else _absent("an MLM head"),
        ),
        _head(
            f'<span translate="no">{escape(asked)}</span>' if asked.strip() else "A question",
            "reads p of the picture and the question",
            _answers(trip, asked) if model.vqa is not None else _absent("a VQA head"),
        ),
    ]
    return Drawn(
        says=says(
            "What came out is numbers; a <b>head</b>, a small network of one or two matrices, "
            "makes a verdict of them.",
            "Heads share all that came before: training them teaches the layers.",
            "Two of these were the paper's pre-training: matching (ITM) and hidden words (MLM).",
        ),
        picture=f'<div class="lab-heads">{"".join(parts)}</div>',
        tells="",
    )


def _head(title: str, reads: str, body: str) -> str:
    return f'<section><h4>{title}</h4><p class="lab-soft">{reads}</p>{body}</section>'


def _absent(head: str) -> str:
    return f'<p class="lab-soft">This checkpoint was published without {head}.</p>'


def _bars(found: Sequence[tuple[str, float]], *, truth: str | None = None) -> str:
    from vilt_core.viz.answers import answer_bars

    return answer_bars([text for text, _ in found], [share for _, share in found], truth=truth)


def _matching(trip: Trip, other: str) -> str:
    sentences = [trip.sentence, *([other] if other.strip() else [])]
    chances = trip.predictor.match([trip.picture], sentences)[0]
    return _bars(list(zip(sentences, map(float, chances), strict=True)))


def _answers(trip: Trip, asked: str) -> str:
    if not asked.strip():
        return '<p class="lab-soft">Write a question.</p>'
    found = trip.predictor.answer(trip.picture, asked)
    return _bars([(answer.text, answer.probability) for answer in found])


def ask(trip: Trip) -> Quiz:
    """What the model puts for a hidden word."""
    if trip.predictor.model.mlm is None:
        return Quiz(
            question="Can this checkpoint fill in a hidden word?",
            options=("yes", "no"),
            right="no",
            because="It was published without that head.",
        )
    fit = {place for _, place in maskable(trip)}
    shown = _maskable_first(trip)
    others = [place for place in journey.telling_words(trip) if place in fit - {shown}]
    word = others[0] if others else shown
    found = dict(filled(trip, word, 40))
    true = trip.journey.pieces[trip.journey.words[word].tokens[0]]
    options = {*list(found)[:3], true}
    best = next(iter(found))
    listed = ", ".join(
        f"{text} {percent(found[text]) if text in found else 'under 1 %'}"
        for text in sorted(options)
    )
    return Quiz(
        question=f"“{journey.hidden(trip, word)}” — which word does the model put for [MASK]?",
        options=tuple(sorted(options)),
        right=best,
        because=f"It says: {listed}. The word that stood there is {true!r}.",
    )


def shapes(trip: Trip) -> str:
    """Classes of each head."""
    predictor, width = trip.predictor, trip.journey.normed.shape[-1]
    parts = [
        f"matching: ${width} \\to 2$" if predictor.model.itm is not None else "",
        f"a hidden word: ${width} \\to {len(predictor.tokenizer)}$"
        if predictor.model.mlm is not None
        else "",
        f"answers: ${width} \\to {2 * width} \\to {len(predictor.answers)}$"
        if predictor.model.vqa is not None
        else "",
    ]
    return "Here " + "; ".join(part for part in parts if part) + "."


STOP = Stop(
    name="Heads",
    title="Heads make verdicts of it",
    equation=r"\begin{aligned} P(\text{match}) &= \text{softmax}(p\,W_\text{ITM}) \\ "
    r"P(\text{word}) &= \text{softmax}(\text{MLM}(z^D_\text{[MASK]})) \end{aligned}",
    shapes=shapes,
    draw=draw,
    quiz=ask,
    hint="Write a sentence that is nearly true. Does the match fall?",
    verbatim=True,
    word="Word to hide",
    choices=maskable,
    opening=_maskable_first,
    texts=("Another sentence about the picture", "A question about it"),
    written=lambda trip: (journey.other_sentence(trip), journey.question(trip)),
    plots=0,
)
