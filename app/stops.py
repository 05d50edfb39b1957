"""The eight stops of the tour: what each says, draws and asks, all of it live from the model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from app import journey
from app.journey import Quiz, Trip

if TYPE_CHECKING:
    import plotly.graph_objects as go

Words = list[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the visitor chose at a stop.

    Attributes:
        at: on the slider.
        word: by its index, or another thing to choose.
        texts: that were written.
    """

    at: int = 0
    word: int = 0
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A stop as it is shown: three pieces of HTML and its figures."""

    says: str
    picture: str
    tells: str
    plots: tuple["go.Figure", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One step of the tour.

    Attributes:
        name: in the row of steps.
        title: a sentence.
        equation: of the paper, as LaTeX.
        shapes: what its letters are here, as Markdown.
        draw: the stop at a choice.
        quiz: what to predict.
        hint: one thing to try.
        at: label of the slider; no slider without.
        span: first, last and opening value of the slider.
        word: label of the list; no list without.
        choices: of the list.
        opening: what the list opens with.
        texts: labels of what can be written.
        written: what stands there first.
        plots: how many figures there are.
        touched: whether a click on the picture moves the slider.
        place: the value of the slider for the part that was clicked.
    """

    name: str
    title: str
    equation: str
    shapes: Callable[[Trip], str]
    draw: Callable[[Trip, Choice], Drawn]
    quiz: Callable[[Trip], Quiz]
    hint: str
    at: str | None = None
    span: Callable[[Trip], tuple[int, int, int]] = field(default=lambda _: (0, 1, 0))
    word: str | None = None
    choices: Callable[[Trip], Words] = field(default=lambda _: [])
    opening: Callable[[Trip], int] = field(default=lambda _: 0)
    texts: tuple[str, ...] = ()
    written: Callable[[Trip], tuple[str, ...]] = field(default=lambda _: ())
    plots: int = 1
    touched: bool = False
    place: Callable[[Trip, int], int] = field(default=lambda _, place: place + 1)


def begun(stop: Stop, trip: Trip) -> Choice:
    """What a stop opens with."""
    return Choice(at=stop.span(trip)[2], word=stop.opening(trip), texts=stop.written(trip))


# What several stops share.


def _says(*sentences: str) -> str:
    return f'<p class="lab-says">{" ".join(sentences)}</p>'


def _tells(*sentences: str) -> str:
    return f'<p class="lab-tells">{" ".join(sentences)}</p>'


def _at(trip: Trip, patch: int) -> str:
    row, column = divmod(patch, trip.journey.grid[1])
    return f"row {row + 1}, column {column + 1}"


def _patches(trip: Trip) -> tuple[int, int, int]:
    """The slider of patches opens on a patch of the first thing named, else in the middle."""
    rows, columns = trip.journey.grid
    words = journey.telling_words(trip)
    known = journey.places(trip).get(words[0]) if words else None
    middle = (rows // 2) * columns + columns // 2
    inside = known.patches if known and known.patches else (middle,)
    return 1, rows * columns, inside[len(inside) // 2] + 1


def _words(trip: Trip) -> Words:
    return [(f"{place + 1}. {word.text}", place) for place, word in enumerate(trip.journey.words)]


def _telling(trip: Trip) -> int:
    return next(iter(journey.telling_words(trip)), 0)


def _other_telling(trip: Trip) -> int:
    """The word that a quiz is about: not the one that its stop opens with, if there is another."""
    first, *others = journey.telling_words(trip) or [0]
    text = trip.journey.words[first].text.lower()
    fresh = [index for index in others if trip.journey.words[index].text.lower() != text]
    return fresh[0] if fresh else first


def _chosen(trip: Trip, word: int) -> str:
    return escape(trip.journey.words[word].text)


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


# 1. A picture becomes a sequence: equation 2.


def draw_pixels(trip: Trip, choice: Choice) -> Drawn:
    """The picture cut, and one patch on its way to H numbers."""
    from vilt_core.viz.cut import cut_picture, enlarged, patch_of
    from vilt_core.viz.journey import strips

    told, patch = trip.journey, choice.at - 1
    height, width, _ = trip.seen.shape
    (rows, columns), p = told.grid, told.patch_size
    inputs, numbers = told.pixels.shape[1], told.projected.shape[1]
    small = patch_of(trip.seen, told.grid, patch)
    return Drawn(
        says=_says(
            f"The model sees {width} x {height} pixels and cuts them into squares of {p} x {p}: "
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
        + _tells(
            f"Patch <b>{choice.at}</b>, {_at(trip, patch)}: {inputs} numbers in, {numbers} out. "
            "Each stroke below is one number, orange above zero and blue below."
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


def ask_pixels(trip: Trip) -> Quiz:
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


def shapes_pixels(trip: Trip) -> str:
    """N, P and H here."""
    told = trip.journey
    inputs, width = told.pixels.shape[1], told.projected.shape[1]
    return (
        f"Here $N = {told.patches}$ patches $v_i$ of $P^2 C = {told.patch_size}^2 \\cdot 3 = "
        f"{inputs}$ numbers, and $V$ is ${inputs} \\times {width}$. With the picture's own "
        f"$v_\\text{{class}}$ in front, $\\bar v$ is ${told.patches + 1} \\times {width}$."
    )


# 2. A sentence becomes a sequence: equation 1.


def draw_words(trip: Trip, choice: Choice) -> Drawn:
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
        says=_says(
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
        tells=_tells(
            f"Rows of the table that are most like that of <b>{said}</b> (1 would be the same "
            f"direction): {like}."
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


def ask_words(trip: Trip) -> Quiz:
    """Which row of the table is most like a word's."""
    token = trip.journey.words[_other_telling(trip)].tokens[0]
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


def shapes_words(trip: Trip) -> str:
    """L and H here."""
    told = trip.journey
    width, known = told.word_rows.shape[1], len(trip.predictor.tokenizer)
    rows = told.text_tokens
    return (
        f"Here $L = {rows - 1}$ (the pieces and [SEP]), $T$ is ${known} \\times {width}$ and "
        f"$\\bar t$ is ${rows} \\times {width}$. As published, the sum is normalised as BERT does, "
        "which the equation leaves out."
    )


# 3. Types and places.


def draw_types(trip: Trip, choice: Choice) -> Drawn:
    """Whose places are like a patch's, and what tells the two kinds apart."""
    from vilt_core.explain.journey import directions
    from vilt_core.viz.cut import cut_picture
    from vilt_core.viz.journey import strips

    told, patch = trip.journey, choice.at - 1
    rows = directions(told.patch_places)
    alike = np.clip(rows @ rows[patch], 0, None).reshape(told.grid)
    nearest = int(np.argsort(-alike.ravel())[min(1, alike.size - 1)])
    return Drawn(
        says=_says(
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
        tells=_tells(
            f"Patch <b>{choice.at}</b>, {_at(trip, patch)}. Most like its place is "
            f"{_at(trip, nearest)}, with a cosine of {alike.ravel()[nearest]:.2f}."
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


def ask_types(trip: Trip) -> Quiz:
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


def shapes_types(trip: Trip) -> str:
    """What is added."""
    width = trip.journey.types.shape[1]
    return (
        f"$t^\\text{{type}}$ and $v^\\text{{type}}$ are two vectors of ${width}$ numbers: the "
        "first is added to every token of the text, the second to every one of the picture."
    )


# 4. One matrix: equation 3.


def names_of(trip: Trip) -> list[str]:
    """What every row of the joint matrix stands for."""
    told = trip.journey
    patches = [f"patch {place + 1}" for place in range(told.patches)]
    return [*told.pieces, "[class] of the picture", *patches]


def draw_joint(trip: Trip, choice: Choice) -> Drawn:
    """The matrix, one row of it marked, there and in the picture."""
    from vilt_core.viz.cut import cut_picture
    from vilt_core.viz.journey import joined_matrix

    told, row = trip.journey, choice.at - 1
    rows, width = told.states[0].shape
    patch = row - trip.first_patch
    name = escape(names_of(trip)[row])
    where = f" ({_at(trip, patch)}: framed)" if patch >= 0 else ", of the text"
    if row == told.text_tokens:
        where = ", a token of its own in front of the patches"
    return Drawn(
        says=_says(
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
        tells=_tells(f"Row <b>{choice.at}</b> is <b>{name}</b>{where}."),
        plots=(
            joined_matrix(
                told.states[0], text_tokens=told.text_tokens, names=names_of(trip), chosen=row
            ),
        ),
    )


def ask_joint(trip: Trip) -> Quiz:
    """Which rows are alike before any layer."""
    means = {name: values[0] for name, values in journey.likeness(trip).items()}
    listed = ", ".join(f"{name} {mean:.2f}" for name, mean in means.items())
    return Quiz(
        question="Two rows at random: which two are most alike, before the first layer?",
        options=tuple(means),
        right=max(means, key=lambda name: means[name]),
        because=f"Mean cosines: {listed}. The layers have to bring words and patches together.",
    )


def shapes_joint(trip: Trip) -> str:
    """N + L + 2."""
    told = trip.journey
    rows, width = told.states[0].shape
    return (
        f"$z^0$ is $(N + L + 2) \\times H = ({told.patches} + {told.text_tokens - 1} + 2) \\times "
        f"{width} = {rows} \\times {width}$: both class tokens are the 2."
    )


# 5. Layers: equations 4 and 5.


def draw_layers(trip: Trip, choice: Choice) -> Drawn:
    """How like a word every patch is after a layer, and how that grows."""
    from vilt_core.viz.cut import cut_picture
    from vilt_core.viz.journey import layer_curves

    told = trip.journey
    heat = journey.likeness_of(trip, choice.at, choice.word)
    said = _chosen(trip, choice.word)
    hottest = int(heat.argmax())
    top = max(
        float(journey.likeness_of(trip, layer, choice.word).max())
        for layer in range(told.depth + 1)
    )
    when = "before the first layer" if choice.at == 0 else f"after layer {choice.at}"
    return Drawn(
        says=_says(
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
        tells=_tells(
            f"Bright: patches like <b>{said}</b> {when}. The most alike is {_at(trip, hottest)}, "
            f"with a cosine of {heat.max():.2f}.",
            "A dashed frame shows where it truly is." if journey.boxes(trip, choice.word) else "",
        ),
        plots=(
            layer_curves(journey.likeness(trip), at=choice.at, x="layers passed", y="mean cosine"),
        ),
    )


def ask_layers(trip: Trip) -> Quiz:
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


def shapes_layers(trip: Trip) -> str:
    """D here."""
    told = trip.journey
    rows, width = told.states[0].shape
    heads = trip.predictor.model.config.heads
    return (
        f"Here $D = {told.depth}$, and every $z^d$ is ${rows} \\times {width}$. LN brings each row "
        f"to one scale; MSA looks in ${heads}$ ways (heads) at once, so that "
        f"${heads} \\cdot {rows} \\cdot {rows} = {heads * rows * rows:,}$ glances pass in a layer."
    ).replace(",$", "$")


# 6. The pooler: equation 6.


def draw_pooler(trip: Trip, choice: Choice) -> Drawn:
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
            f"<b>{_share(chances[layer])}</b>. It was trained to be read after layer {told.depth}."
        )
    return Drawn(
        says=_says(
            "To judge the pair as a whole, one row is read: the first one, <b>[CLS]</b>. Layer by "
            "layer it has gathered from all others.",
            "One more matrix, and tanh, which squeezes every number between -1 and 1, give the "
            "pooled vector p.",
        ),
        picture=cut_picture(
            trip.seen, told.grid, says=f"Where [CLS] looks in layer {layer}", heat=heat
        ),
        tells=_tells(f"Bright: where [CLS] looks in layer {layer}.", told_chance),
        plots=tuple(plots),
    )


def ask_pooler(trip: Trip) -> Quiz:
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
        because=f"{_share(share)} goes to the {told.patches} patches, {_share(words)} to the "
        f"{told.text_tokens} tokens of the text, the rest to the picture's [class].",
    )


def shapes_pooler(trip: Trip) -> str:
    """W here."""
    given, taken = trip.journey.normed.shape[-1], trip.journey.pooled.shape[-1]
    return (
        f"$z^D_0$ has ${given}$ numbers, $W_\\text{{pool}}$ is ${given} \\times {taken}$, and $p$ "
        f"has ${taken}$ numbers. In the code $z^D$ is normalised once more first."
    )


# 7. Heads.


def single(trip: Trip) -> list[int]:
    """Words of one piece, which one [MASK] can hide."""
    return [place for place, word in enumerate(trip.journey.words) if len(word.tokens) == 1]


def maskable(trip: Trip) -> Words:
    """The same as a list to choose from; all words where each has several pieces."""
    listed, fit = _words(trip), set(single(trip))
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


def draw_heads(trip: Trip, choice: Choice) -> Drawn:
    """What three heads say."""
    model = trip.predictor.model
    other, asked = choice.texts
    parts = [
        _head("Do they belong together?", "reads p", _matching(trip, other))
        if model.itm is not None
        else _head("Do they belong together?", "reads p", _absent("an ITM head")),
        _head(
            "Which word is hidden?",
            f"reads the row of [MASK], where {_chosen(trip, choice.word)!r} stood",
            _bars(filled(trip, choice.word, 5), truth=trip.journey.words[choice.word].text.lower())
            if model.mlm is not None
            else _absent("an MLM head"),
        ),
        _head(
            escape(asked.strip() or "A question"),
            "reads p of the picture and the question",
            _answers(trip, asked) if model.vqa is not None else _absent("a VQA head"),
        ),
    ]
    return Drawn(
        says=_says(
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


def ask_heads(trip: Trip) -> Quiz:
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
        f"{text} {_share(found[text]) if text in found else 'under 1 %'}"
        for text in sorted(options)
    )
    return Quiz(
        question=f"“{journey.hidden(trip, word)}” — which word does the model put for [MASK]?",
        options=tuple(sorted(options)),
        right=best,
        because=f"It says: {listed}. The word that stood there is {true!r}.",
    )


def shapes_heads(trip: Trip) -> str:
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


# 8. Transport.


def draw_transport(trip: Trip, choice: Choice) -> Drawn:
    """A word's share of the plan at an iteration, and what the plan costs."""
    from vilt_core.viz.cut import cut_picture
    from vilt_core.viz.journey import layer_curves

    found = journey.alignment(trip)
    assert found.trace is not None
    rows = list(found.words[choice.word].tokens)
    plans, at = found.trace.plans[:, rows].sum(axis=1), choice.at - 1
    said, costs = _chosen(trip, choice.word), found.trace.transport_cost
    mass = 1 / len(found.tokens) * len(rows)
    heat = plans[at].reshape(found.grid)
    return Drawn(
        says=_says(
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
        tells=_tells(
            f"After {choice.at} of {journey.ITERATIONS} rounds: <b>{said}</b> has {_share(mass)} "
            f"of all sand, and most of it lies on {_at(trip, int(heat.argmax()))}. The whole plan "
            f"costs {costs[at]:.3f}.",
            "A dashed frame shows where it truly is." if journey.boxes(trip, choice.word) else "",
        ),
        plots=(
            layer_curves({"cost of the plan": costs}, at=choice.at, x="round", y="cost", first=1),
        ),
    )


def ask_transport(trip: Trip) -> Quiz:
    """On which of three patches a word lies."""
    from vilt_core.viz.cut import cut_picture

    found, word = journey.alignment(trip), _other_telling(trip)
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


def shapes_transport(trip: Trip) -> str:
    """The plan's shape."""
    found = journey.alignment(trip)
    tokens, patches = found.plan.shape
    return (
        f"The plan $\\mathbf{{T}}$ is ${tokens} \\times {patches}$ (without class tokens and "
        f"[SEP]), $\\mathbf{{C}}$ is one minus the cosine. Its rows sum to $1/{tokens}$, its "
        f"columns to $1/{patches}$; here $\\beta = {found.beta}$."
    )


STOPS = (
    Stop(
        name="Patches",
        title="A picture becomes rows of numbers",
        equation=r"\bar v = [\,v_\text{class};\; v_1 V;\; \cdots;\; v_N V\,] + V^\text{pos}"
        r"\qquad (2)",
        shapes=shapes_pixels,
        draw=draw_pixels,
        quiz=ask_pixels,
        hint="Click a patch of plain background, then one on the edge of a thing. Which strip "
        "changes more?",
        at="Patch, counted row by row",
        span=_patches,
        touched=True,
    ),
    Stop(
        name="Words",
        title="A sentence becomes rows of numbers",
        equation=r"\bar t = [\,t_\text{class};\; t_1 T;\; \cdots;\; t_L T\,] + T^\text{pos}"
        r"\qquad (1)",
        shapes=shapes_words,
        draw=draw_words,
        quiz=ask_words,
        hint="Click a noun, then a small word such as “of”: what is like each of them?",
        at="Token",
        span=lambda trip: (1, trip.journey.text_tokens, _token_first(trip)),
        touched=True,
    ),
    Stop(
        name="Places",
        title="Where it lies, and what kind it is",
        equation=r"\bar t + t^\text{type}, \qquad \bar v + v^\text{type}",
        shapes=shapes_types,
        draw=draw_types,
        quiz=ask_types,
        hint="Move along a row, then down a column: the model learned by itself what is near.",
        at="Patch, counted row by row",
        span=_patches,
        touched=True,
    ),
    Stop(
        name="One matrix",
        title="Words and patches in one matrix",
        equation=r"z^0 = [\,\bar t + t^\text{type};\; \bar v + v^\text{type}\,] \qquad (3)",
        shapes=shapes_joint,
        draw=draw_joint,
        quiz=ask_joint,
        hint="Click patches, or move through the rows: can you see in the matrix where the text "
        "ends?",
        at="Row of the matrix",
        span=lambda trip: (
            1,
            len(trip.journey.states[0]),
            _patches(trip)[2] + trip.first_patch,
        ),
        touched=True,
        place=lambda trip, place: place + 1 + trip.first_patch,
    ),
    Stop(
        name="Layers",
        title="Layers, in which words and patches meet",
        equation=r"\begin{aligned} \hat z^d &= \text{MSA}(\text{LN}(z^{d-1})) + z^{d-1} & (4) \\ "
        r"z^d &= \text{MLP}(\text{LN}(\hat z^d)) + \hat z^d & (5) \end{aligned}",
        shapes=shapes_layers,
        draw=draw_layers,
        quiz=ask_layers,
        hint="Move the layer from 0 to the last: when does the word find its thing?",
        at="Layers passed",
        span=lambda trip: (0, trip.journey.depth, trip.journey.depth),
        word="Word",
        choices=_words,
        opening=_telling,
    ),
    Stop(
        name="Pooler",
        title="One row stands for all",
        equation=r"p = \tanh(z^D_0\, W_\text{pool}) \qquad (6)",
        shapes=shapes_pooler,
        draw=draw_pooler,
        quiz=ask_pooler,
        hint="Stop the model early: after how many layers does its verdict settle?",
        at="Layers passed",
        span=lambda trip: (1, trip.journey.depth, trip.journey.depth),
        plots=2,
    ),
    Stop(
        name="Heads",
        title="Heads make verdicts of it",
        equation=r"\begin{aligned} P(\text{match}) &= \text{softmax}(p\,W_\text{ITM}) \\ "
        r"P(\text{word}) &= \text{softmax}(\text{MLM}(z^D_\text{[MASK]})) \end{aligned}",
        shapes=shapes_heads,
        draw=draw_heads,
        quiz=ask_heads,
        hint="Write a sentence that is nearly true. Does the match fall?",
        word="Word to hide",
        choices=maskable,
        opening=_maskable_first,
        texts=("Another sentence about the picture", "A question about it"),
        written=lambda trip: (journey.other_sentence(trip), journey.question(trip)),
        plots=0,
    ),
    Stop(
        name="Transport",
        title="Which patch belongs to which word",
        equation=r"\min_{\mathbf{T}} \sum_{i,j} \mathbf{T}_{ij}\, \mathbf{C}_{ij} \qquad "
        r"\text{(section 3.2)}",
        shapes=shapes_transport,
        draw=draw_transport,
        quiz=ask_transport,
        hint="Go back to round 1 and step forward: what happens to the word's sand? The tab Align "
        "shows the same for all words.",
        at="Rounds of IPOT",
        span=lambda _: (1, journey.ITERATIONS, journey.ITERATIONS),
        word="Word",
        choices=_words,
        opening=_telling,
    ),
)


def _token_first(trip: Trip) -> int:
    """The slider of tokens opens on the word that tells most."""
    return trip.journey.words[_telling(trip)].tokens[0] + 1
