"""The named endpoints, /answer to /retrieve: each a plain function with a JSON result.

Programs call them by gradio_client or, where GRADIO_MCP_SERVER is set, as tools of an MCP server:
what is written here of a function and its arguments is what an assistant reads. docs/programs.md
has an example of each.

They have components of their own, never drawn, because a file that comes over the wire is checked
only where a component receives it. ``model`` is one of the names that the page offers; one that is
not there yet is loaded first, and the caller waits for it.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr

from app import alignments, assistants, galleries, services, waiting
from app.components.picker import own_picture
from app.components.polite import polite

_AT_ONCE = 8  # calls of one endpoint: one that waits for a model must not hold up the others
_MOST_TEXTS = 1000


def answer(
    image: str | None, question: str, top_k: float = 5, model: str | None = None
) -> dict[str, Any]:
    """Answer a question about a picture: the likeliest answers, each with its probability.

    Args:
        image: The picture.
        question: In English.
        top_k: How many answers.
        model: A name that the page offers, such as vilt-mini (stickers) or ViLT-B/32 (photographs).

    Returns:
        answers: of each its text and its probability, the likeliest first
        milliseconds: that the model took
        model: that answered
    """
    with polite():
        asked, count = _words("question", question), _whole("top_k", top_k)
        reply = services.ask(_given(image), asked, top_k=count, model=model)
    return {
        "answers": [asdict(found) for found in reply.answers],
        "milliseconds": round(reply.milliseconds, 1),
        "model": reply.model,
    }


def match(image: str | None, texts: Any, model: str | None = None) -> dict[str, Any]:
    """Say for one text, or each of a list of texts, how probable it is that it fits the picture.

    Args:
        image: The picture.
        texts: A sentence in English, or a list of them.
        model: A name that the page offers, such as vilt-mini (stickers) or ViLT-B/32 (photographs).

    Returns:
        texts: as they were given
        probabilities: 0 to 1, one a text, in the same order
    """
    with polite():
        several = _texts(texts)
        pictures = [_bytes(image)]
        chances = services.predictor(model, "match").match(pictures, several)[0]
    return {"texts": several, "probabilities": [float(chance) for chance in chances]}


def fill(
    image: str | None = None, text: str = "", top_k: float = 5, model: str | None = None
) -> dict[str, Any]:
    """Fill every [MASK] of a text about a picture, or about none: candidates with probabilities.

    Args:
        image: The picture; without one the words alone decide.
        text: In English, with [MASK] wherever a word is to be found.
        top_k: How many candidates for each.
        model: A name that the page offers, such as vilt-mini (stickers) or ViLT-B/32 (photographs).

    Returns:
        masks: a list for each [MASK], in their order: text and probability of each candidate
    """
    with polite():
        given, count = None if image is None else _bytes(image), _whole("top_k", top_k)
        masks = services.predictor(model, "fill").fill(given, _words("text", text), top_k=count)
    return {"masks": [[asdict(found) for found in mask] for mask in masks]}


def compare(
    left: str | None, right: str | None, statement: str, model: str | None = None
) -> dict[str, Any]:
    """Say how probable it is that a statement about two pictures is true.

    Args:
        left: The first picture.
        right: The second.
        statement: In English.
        model: A name that the page offers, such as vilt-mini (stickers) or ViLT-B/32 (photographs).

    Returns:
        statement: as it was given
        probability: 0 to 1, that it is true of the two
    """
    with polite():
        pictures = _bytes(left), _bytes(right)
        chance = services.predictor(model, "compare").compare(
            *pictures, _words("statement", statement)
        )
    return {"statement": statement, "probability": float(chance)}


def align(
    image: str | None,
    text: str,
    beta: float = 0.5,
    iterations: float = 50,
    model: str | None = None,
) -> dict[str, Any]:
    """Lay the words of a text on the patches of a picture: the cost and the transport plan.

    Args:
        image: The picture.
        text: In English.
        beta: Of IPOT, the inverse of a step size: smaller goes to the optimum in bolder steps.
        iterations: Of IPOT, at most 1000; ViLT trains with 50.
        model: A name that the page offers, such as vilt-mini (stickers) or ViLT-B/32 (photographs).

    Returns:
        words: of each its text, where it starts and ends in it, and which tokens are its own
        tokens: pieces of words, as the model reads them: the rows of cost and plan
        grid: rows and columns of patches: the columns of cost and plan, read row by row
        cost: 1 - cosine of a token with a patch, in 5 digits
        plan: how much of a token is laid on a patch, all together 1, in 5 digits
        transport_cost: what the plan costs: the smaller, the better text and picture fit
        beta: as it was given
        iterations: as they were given
    """
    with polite():
        rounds = _whole("iterations", iterations)
        alignments.check_iterations(rounds)
        picture = _bytes(image)
        found = services.predictor(model, "align").align(
            picture, _words("text", text), beta=_number("beta", beta), iterations=rounds
        )
    return {
        "words": [asdict(word) for word in found.words],
        "tokens": list(found.tokens),
        "grid": list(found.grid),
        "cost": _short(found.cost.tolist()),
        "plan": _short(found.plan.tolist()),
        "transport_cost": found.transport_cost,
        "beta": found.beta,
        "iterations": found.iterations,
    }


def retrieve(
    text: str | None = None,
    image: str | None = None,
    texts: Any = None,
    gallery: str | None = None,
    pictures: list[str] | None = None,
    top_k: float = 10,
    shortlist: float = 32,
    model: str | None = None,
) -> dict[str, Any]:
    """Find the pictures of a text in a gallery, or in pictures that are sent along.

    With an image instead of a text, find its texts: those of a list, or the captions of a gallery
    of scenes. An index that is not there yet is built first, and the caller waits for it. Where the
    server has a folder of its own to search, its gallery is "Your folder".

    Args:
        text: What the pictures shall show, in English.
        image: Instead of a text and of pictures: the picture whose texts are looked for.
        texts: Of which those of the picture are looked for; the captions of the gallery otherwise.
        gallery: "64 scenes", "1,000 scenes", "10,000 scenes", "Photographs"; by default what fits.
        pictures: To be searched instead of a gallery, at most 1,000; found ones have a place there.
        top_k: How many are told.
        shortlist: How many candidates the model reads one by one, at most 256.
        model: A name that the page offers, such as vilt-mini (stickers) or ViLT-B/32 (photographs).

    Returns:
        hits: the best first: name, probability and score of the model, cosine of the encoder
        name: a scene by split, seed and index, a file by its own, or the text that was found
        place: of a picture that was sent, among them, from 0
        gallery: how many there were to choose from
        shortlist: how many the model might read
        forwards: how many it read
        milliseconds: of each part of the search
        everything_seconds: reading all, this gallery and a million; null where nobody can tell
        passed_over: what could not be read, and why
    """
    with polite():
        if image is not None and (pictures or text):
            raise ValueError(
                "expected a text and pictures to search, or an image whose texts are looked for, "
                f"got an image and {'pictures' if pictures else 'a text'}"
            )
        chosen = gallery or (galleries.UPLOADS if pictures else _gallery(model))
        count = _whole("top_k", top_k)
        candidates = _whole("shortlist", shortlist, most=galleries.LONGEST)
        if image is not None:
            said = _captions(chosen, model) if texts is None else _texts(texts)
            found = galleries.find_sentences(image, said, shortlist=candidates, model=model)
            return found.json(top=count)
        if chosen == galleries.UPLOADS and not pictures:
            raise ValueError("expected pictures to search, got none")
        galleries.check_text(text or "", chosen, model)
        with closing(galleries.prepare(chosen, model, pictures or ())) as waits:
            for _ in waits:
                waiting.check()
        found = galleries.find(
            text or "",
            chosen,
            uploads=pictures or (),
            shortlist=candidates,
            model=model,
        )
        unread = galleries.unread(chosen, uploads=pictures or (), model=model)
    told = found.json(top=count)
    told["passed_over"] += [asdict(one) for one in unread]
    return _as_sent(told, pictures or ()) if chosen == galleries.UPLOADS else told


def _as_sent(told: dict[str, Any], pictures: Sequence[str]) -> dict[str, Any]:
    """What was found, told by what was sent, and not by where the server keeps it."""
    places = {path: place for place, path in reversed(list(enumerate(pictures)))}
    for hit in told["hits"]:
        hit |= {"name": Path(hit["name"]).name, "place": places[hit["name"]]}
    for one in told["passed_over"]:
        one |= {"key": Path(one["key"]).name, "place": places[one["key"]]}
    return told


def _captions(gallery: str, model: str | None) -> Sequence[str]:
    """The sentences that come with a gallery.

    Raises:
        ValueError: none do.
    """
    if not galleries.has_captions(gallery):
        raise ValueError(f"expected texts, for {gallery!r:.60} comes without, got none")
    return galleries.captions_of(gallery, model)


def _gallery(model: str | None) -> str:
    """Where to look if nobody says."""
    return galleries.fitting(galleries.first(), model or services.LIBRARY.default)


def _whole(name: str, value: Any, *, most: int | None = None) -> int:
    """A number that counts something; JSON knows no whole numbers.

    Raises:
        ValueError: it is none, or below 1, or above the most.
    """
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if not whole or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r:.60}")
    if most is not None and value > most:
        raise ValueError(f"{name} must be at most {most:,}, got {value!r:.60}")
    return int(value)


def _words(name: str, value: Any) -> str:
    """What was written.

    Raises:
        ValueError: nothing was.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text in English, got {value!r:.60}")
    return value


def _number(name: str, value: Any) -> float:
    """Any number.

    Raises:
        ValueError: it is none, or too large to reckon with.
    """
    try:
        if isinstance(value, int | float):
            return float(value)
    except OverflowError:
        pass
    raise ValueError(f"{name} must be a number, got {value!r:.60}")


def _texts(texts: Any) -> list[str]:
    """A text or several.

    Raises:
        ValueError: anything else, or too many to answer at once.
    """
    several = [texts] if isinstance(texts, str) else texts
    if not isinstance(several, list) or not all(isinstance(text, str) for text in several):
        raise ValueError(f"expected a text or a list of texts, got {texts!r:.60}")
    if len(several) > _MOST_TEXTS:
        raise ValueError(f"at most {_MOST_TEXTS} texts are taken at once, got {len(several):,}")
    return several


def _given(image: str | None) -> str:
    if image is None:
        raise ValueError("expected an image, got none")
    return image


def _bytes(image: str | None) -> bytes:
    return services.bytes_of(_given(image))


def _short(rows: list[list[float]]) -> list[list[float]]:
    """Numbers that nobody reads further than to their fifth digit."""
    return [[float(f"{number:.5g}") for number in row] for row in rows]


def _text_or_texts() -> gr.JSON:
    """JSON that says what is expected of it: any JSON has no schema that an MCP client accepts."""
    box, text = gr.JSON(label="texts"), {"type": "string"}
    schema = {"anyOf": [text, {"type": "array", "items": text}], "description": "text or texts"}
    box.api_info = lambda: schema
    return box


def build() -> None:
    """Wire the endpoints to components that no page shows."""
    with gr.Column(visible=False):
        image, text = own_picture(label="image"), gr.Textbox(label="text")
        second = own_picture(label="right")
        texts, found = _text_or_texts(), gr.JSON(label="result")
        top_k, iterations = gr.Number(5, label="top_k"), gr.Number(50, label="iterations")
        beta, call = gr.Number(0.5, label="beta"), gr.Button("Call")
        model = gr.Textbox(services.LIBRARY.default, label="model")
        gallery = gr.Textbox(None, label="gallery")
        pictures = assistants.pictures_box()
        shortlist = gr.Number(32, label="shortlist")
        for function, inputs in (
            (answer, [image, text, top_k, model]),
            (match, [image, texts, model]),
            (fill, [image, text, top_k, model]),
            (compare, [image, second, text, model]),
            (align, [image, text, beta, iterations, model]),
            (retrieve, [text, image, texts, gallery, pictures, top_k, shortlist, model]),
        ):
            call.click(
                function,
                inputs,
                found,
                api_name=function.__name__,
                show_progress="hidden",
                concurrency_limit=_AT_ONCE,
            )
