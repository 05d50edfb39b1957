"""Find: the pictures of a sentence, and the sentences of a picture."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app import alignments, encoders, galleries, links, services
from app.components import chips, finds, picker, plan, progress, stoppable
from app.components.events import Event
from app.components.linking import Place
from app.components.polite import sentence
from app.components.wishes import Wishes
from app.links import NOTHING, Fields
from app.services import Key
from vilt_core.viz.meter import search_meter

GENERAL = ("A cat", "A red heart", "Two dogs", "Something to eat")
PICTURES, SENTENCES = "Pictures of a sentence", "Sentences of a picture"
_WAYS = (PICTURES, SENTENCES)
_PATIENT = 16  # visitors who search, build an index, or wait for one, at once
STOPPED = "Stopped. What was read is kept: ask again, and it goes on from there."
FETCH = "What chooses among the sentences is not here yet: Find its sentences fetches it."
WRITTEN = (
    "sentences of your own cannot be linked: empty their box to link the captions, or send them "
    "along"
)
CLICK = "Click what was found to see which words lie on which patches."


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A sentence with a picture: what a click aligns."""

    text: str
    image: str | None
    key: Key | None


Answer = tuple[dict[str, Any], str, tuple[Pair, ...], dict[str, Any]]  # finds, meter, pairs, plan


def found_pictures(
    text: str, gallery: str, uploads: Sequence[str] | None, shortlist: float, model: str
) -> Generator[Answer, None, None]:
    """How far the index is, and then the pictures; or why there are none, in one sentence."""
    uploads = tuple(uploads or ())
    try:
        galleries.check_text(text, gallery, model)
        for wait in galleries.prepare(gallery, model, uploads):
            yield finds.progress(wait), "", (), {}
        found = galleries.find(
            text, gallery, uploads=uploads, shortlist=int(shortlist), model=model
        )
        album = galleries.album_of(gallery, uploads)
        places = [galleries.place_of(album, hit.name) for hit in found.hits[: finds.SHOWN]]
        pairs = tuple(Pair(text=text, image=place.file, key=place.key) for place in places)
        truths = galleries.truths(text, gallery, [hit.name for hit in found.hits[: finds.SHOWN]])
        strange = galleries.out_of_its_world(gallery, model)
        unread = galleries.unread(gallery, uploads=uploads, model=model)
        shown = finds.pictures(found, places, truths, unread=unread, strange=strange)
        yield shown, _meter(found, galleries.reach(gallery, model)), pairs, {}
    except ValueError as error:
        yield finds.trouble(sentence(error)), "", (), {}


def found_sentences(
    image: str | None, key: Key | None, lines: str, gallery: str, shortlist: float, model: str
) -> Generator[Answer, None, None]:
    """How far the dual encoder is, and then the sentences of a picture; or why there are none."""
    try:
        for wait in galleries.bring(services.domain(model)):
            yield finds.progress(wait), "", (), {}
        written = tuple(line.strip() for line in lines.splitlines() if line.strip())
        texts = written or galleries.captions_of(gallery, model)
        found = galleries.find_sentences(
            image, texts, key=key, shortlist=int(shortlist), model=model
        )
    except ValueError as error:
        yield finds.trouble(sentence(error)), "", (), {}
        return
    hits = found.hits[: finds.SHOWN]
    pairs = tuple(Pair(text=hit.name, image=image, key=key) for hit in hits)
    yield finds.sentences(found), _meter(found, ()), pairs, {}


def sentences_at_once(*given: Any) -> Answer:
    """The sentences of a picture, unless they would have to be waited for: a click is no wish."""
    answer = next(found_sentences(*given))
    return (finds.nothing(FETCH), *answer[1:]) if answer[0]["total"] > 0 else answer


def found_anew(
    way: str, asked: Sequence[Any], looked: Sequence[Any]
) -> Generator[Answer, None, None] | None:
    """What is asked for, found with another shortlist; None where nothing is.

    Args:
        way: which of the two ways to search is on show.
        asked: what ``found_pictures`` is given.
        looked: what ``found_sentences`` is given.
    """
    text, (image, key, lines, *rest) = asked[0], looked
    if way == PICTURES:
        return found_pictures(*asked) if text.strip() else None
    if image is None and key is None:
        return None
    return found_sentences(image, key, lines or "", *rest)  # a box never on show has no text


def aligned(pair: Pair, model: str) -> dict[str, Any]:
    """The alignment of one that was found; or why there is none, in one sentence."""
    try:
        return alignments.align(pair.image, pair.text, key=pair.key, model=model)
    except ValueError as error:
        return {"trouble": sentence(error)}


def _none() -> Answer:
    return finds.nothing(), "", (), {}


def _suggestions(gallery: str, chosen: str | None = None) -> dict[str, Any]:
    return chips.value(galleries.suggestions(gallery) or GENERAL, chosen)


def turned(gallery: str) -> tuple[Any, ...]:
    """Another gallery: its suggestions, and a box for pictures where they are the user's own."""
    return gr.File(visible=gallery == galleries.UPLOADS), _suggestions(gallery)


def introduced(model: str, gallery: str, link: Fields = NOTHING) -> tuple[Any, ...]:
    """Another model speaks: suggestions of its world, in a gallery of it."""
    keys = services.examples(model)
    chosen = link.get("among") or galleries.fitting(gallery, model)
    return (
        gr.Radio(value=chosen),
        _suggestions(chosen),
        *picker.shown(keys, link.get("picture", keys[0])),
        *_none(),
    )


def _meter(found: Any, reach: Sequence[tuple[int, float]]) -> str:
    cost = found.cost
    sizes = {cost.gallery, 1_000_000} if cost.forwards < cost.gallery else {1_000_000}
    sizes = sizes if cost.forwards else set()  # nobody read a pair, so its pace is not known
    names = {
        "encode": "encoding",
        "nearest": "nearest neighbours",
        "open": "opening pictures",
        "judge": "ViLT",
    }
    return search_meter(
        shortlist=cost.shortlist,
        gallery=cost.gallery,
        forwards=cost.forwards,
        milliseconds={names[part]: 1000 * spent for part, spent in cost.seconds.items()},
        everything={size: cost.everything(size) for size in sizes},
        reach=reach,
    )


def carried(
    way: str,
    key: Key | None,
    image: str | None,
    text: str,
    lines: str | None,
    gallery: str,
    shortlist: float,
) -> Fields:
    """What a link to a search carries.

    Raises:
        ValueError: one sentence on what of it cannot be carried.
    """
    if gallery == galleries.UPLOADS:
        raise ValueError(links.OWN)
    chosen = {"among": gallery, "shortlist": int(shortlist)}
    if way == PICTURES:
        return chosen | {"sentence": text}
    if lines and lines.strip():
        raise ValueError(WRITTEN)
    return chosen | {"picture": links.shown(key, image)}


def build(speaker: gr.State, place: Place) -> None:
    """Lay out the tab.

    Args:
        speaker: the model that judges, by its name; the tab opens when it is first given one.
        place: its side of links.
    """
    with gr.Row(elem_classes="lab-columns"):
        with gr.Column(min_width=280, elem_classes="lab-side"):
            way = gr.Radio(
                list(_WAYS),
                value=PICTURES,
                label="Find",
                elem_classes=["lab-field", "lab-switch"],
            )
            gallery = gr.Radio(
                list(galleries.names()),
                value=galleries.first(),
                label="Among",
                elem_id="find-gallery",
                elem_classes=["lab-field", "lab-switch"],
            )
            uploads = gr.File(
                file_count="multiple",
                file_types=["image"],
                label="Your pictures",
                visible=False,
                height=160,
                elem_id="uploads",
            )
            shortlist = gr.Slider(
                1,
                galleries.LONGEST,
                32,
                step=1,
                label="Shortlist K",
                info="What the dual encoder hands to ViLT",
                visible=encoders.there(),
                elem_id="shortlist",
                elem_classes="lab-field",
            )
            if not encoders.there():
                gr.HTML(
                    f'<p class="lab-aside">{encoders.NONE}</p>',
                    js_on_load=None,
                    apply_default_css=False,
                )
        with gr.Column(min_width=320):
            with gr.Column(elem_classes="lab-bare") as words_side:
                with gr.Row(elem_classes="lab-ask"):
                    text = gr.Textbox(
                        label="Sentence",
                        placeholder="What shall the picture show? In English",
                        max_lines=2,
                        scale=5,
                        elem_id="wanted",
                        elem_classes="lab-field",
                    )
                    button = gr.Button("Find", variant="primary", scale=1, min_width=88)
                    stop = gr.Button("Stop", scale=1, min_width=88, visible=False)
                suggestions = chips.build(label="Suggested sentences")
            with gr.Row(elem_classes="lab-columns", visible=False) as picture_side:
                with gr.Column(min_width=260):
                    chosen = picker.build(label="Picture", height=230)
                with gr.Column(min_width=260):
                    lines = gr.Textbox(
                        label="Sentences",
                        placeholder="One a line; without any, the captions of the scenes",
                        lines=7,
                        max_lines=7,
                        elem_id="sentences",
                        elem_classes="lab-field",
                    )
                    rank = gr.Button("Find its sentences", variant="primary")
                    halt = gr.Button("Stop", visible=False)
            shown = finds.build()
            meter = gr.HTML("", js_on_load=None, apply_default_css=False, elem_id="meter")
            view = plan.build(elem_id="why", empty=CLICK)
    pairs = gr.State(())
    wishes = gr.State(Wishes())
    answer = [shown, meter, pairs, view]
    asked = [text, gallery, uploads, shortlist, speaker]
    looked = [chosen.image, chosen.key, lines, gallery, shortlist, speaker]

    def search(wishes: Wishes, *given: Any) -> Iterator[tuple[Any, ...]]:
        for found in wishes.follow(found_pictures(*given)):
            yield *found, gr.Button(visible=found[0]["total"] > 0)

    def look(wishes: Wishes, *given: Any) -> Iterator[tuple[Any, ...]]:
        for found in wishes.follow(found_sentences(*given)):
            yield *found, gr.Button(visible=found[0]["total"] > 0)

    def narrow(
        wishes: Wishes, pairs: tuple[Pair, ...], way: str, *given: Any
    ) -> Iterator[tuple[Any, ...]]:
        """Where something was found or is being looked for: a slider alone is no wish."""
        busy = bool(wishes.alive)
        steps = found_anew(way, given[:5], given[5:]) if pairs or busy else None
        if steps is None:  # a page that is handed nothing at all hears no later word
            yield (
                *(gr.skip() for _ in answer),
                *(gr.Button(visible=busy and way == one) for one in _WAYS),
            )
            return
        for found in wishes.follow(steps):
            working = found[0]["total"] > 0
            yield *found, *(gr.Button(visible=working and way == one) for one in _WAYS)

    def suggest(gallery: str, event: Event) -> tuple[Any, ...]:
        return event.text, _suggestions(gallery, event.text)

    def turn(wishes: Wishes) -> tuple[Any, ...]:
        return *wishes.take(_none()), gr.Button(visible=False), gr.Button(visible=False)

    def show(wishes: Wishes, keys: tuple[Key, ...], key: Key, *given: Any) -> tuple[Any, ...]:
        answer = sentences_at_once(None, key, *given)
        return *picker.shown(keys, key), *wishes.take(answer)

    def pick(
        wishes: Wishes,
        keys: tuple[Key, ...],
        lines: str,
        gallery: str,
        shortlist: float,
        model: str,
        event: Event,
    ) -> tuple[Any, ...]:
        return show(wishes, keys, event.among(keys), lines, gallery, shortlist, model)

    def fresh(wishes: Wishes, keys: tuple[Key, ...], *given: Any) -> tuple[Any, ...]:
        return show(wishes, keys, services.another(), *given)

    def bring(wishes: Wishes, keys: tuple[Key, ...]) -> tuple[Any, ...]:
        return picker.strip_value(keys, None), None, *wishes.take(_none())

    def explain(pairs: tuple[Pair, ...], model: str, event: Event) -> dict[str, Any]:
        return aligned(event.among(pairs), model)

    quiet: dict[str, Any] = {"show_progress_on": shown, "api_visibility": "private"}
    # Most of these wait for an index; how many search at once ``galleries`` says.
    patient = quiet | {"concurrency_limit": _PATIENT, "concurrency_id": "find"}

    def introduce(
        wishes: Wishes, model, gallery, text, shortlist, link: Fields = NOTHING
    ) -> tuple[Any, ...]:
        wanted = "sentence" in link or "picture" in link
        wishes.take(_none())
        return (
            *introduced(model, gallery, link),
            SENTENCES if "picture" in link else gr.skip(),
            link.get("sentence", text),
            link.get("shortlist", shortlist),
            wanted,
        )

    def follow(wishes: Wishes, wanted: bool, way: str, *given: Any) -> Iterator[tuple[Any, ...]]:
        """What a link asks for, once it was put into the boxes."""
        if wanted and way == SENTENCES:
            image, key, lines, *rest = given[5:]  # a box that was never on show has no text
            found = sentences_at_once(image, key, lines or "", *rest)
            yield *wishes.take(found), gr.Button(visible=False)
        elif wanted:
            yield from search(wishes, *given[:5])
        else:  # a page that is handed nothing at all hears no later word about the button
            yield *(gr.skip() for _ in answer), gr.Button(visible=False)

    wanted = gr.State(False)
    begun = place.opens(
        speaker.change,
        introduce,
        [wishes, speaker, gallery, text, shortlist],
        [gallery, suggestions, *chosen.outputs, *answer, way, text, shortlist, wanted],
        **quiet,
    )
    place.carries([way, chosen.key, chosen.image, text, lines, gallery, shortlist], carried)
    way.change(
        lambda way: (
            gr.Column(visible=way == PICTURES),
            gr.Row(visible=way == SENTENCES),
        ),
        way,
        [words_side, picture_side],
        **quiet,
    )
    gallery.change(turned, gallery, [uploads, suggestions], **quiet)
    # By the visitor's hand: what a link turns is no other wish than the link's.
    gr.on([gallery.input, way.input], turn, wishes, [*answer, stop, halt], **quiet)
    counted = progress.answering(shown)
    suggested = suggestions.pick(suggest, gallery, [text, suggestions], **counted)
    # "multiple": a query that was stopped, or overtaken, must not stand in the way of the next.
    narrowed = shortlist.release(
        narrow,
        [wishes, pairs, way, *asked, *looked],
        [*answer, stop, halt],
        trigger_mode="multiple",
        **patient,
    )
    queries = [
        narrowed,
        gr.on(
            [button.click, text.submit],
            search,
            [wishes, *asked],
            [*answer, stop],
            trigger_mode="multiple",
            **patient,
        ),
        suggested.then(
            search, [wishes, *asked], [*answer, stop], trigger_mode="multiple", **patient
        ),
        begun.then(follow, [wishes, wanted, way, *asked, *looked], [*answer, stop], **patient),
    ]
    stoppable.halts(
        stop, queries, lambda: (finds.nothing(STOPPED), gr.Button(visible=False)), [shown, stop]
    )
    ours = [wishes, chosen.keys, *looked[2:]]
    chosen.strip.pick(pick, ours, [*chosen.outputs, *answer], **counted)
    chosen.strip.fresh(fresh, ours, [*chosen.outputs, *answer], **counted)
    chosen.image.input(bring, [wishes, chosen.keys], [chosen.strip, chosen.key, *answer], **quiet)
    ranking = rank.click(
        look, [wishes, *looked], [*answer, halt], trigger_mode="multiple", **patient
    )
    stoppable.halts(
        halt,
        [narrowed, ranking],
        lambda: (finds.nothing(STOPPED), gr.Button(visible=False)),
        [shown, halt],
    )
    shown.pick(explain, [pairs, speaker], view, **progress.answering(view))
