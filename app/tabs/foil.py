"""Foils: one word of the sentence changed, or one sticker of the scene; what a model notices."""

from functools import partial
from typing import Any

import gradio as gr

from app import foils, links, services
from app.components import chips, picker, progress, reply
from app.components.events import Event
from app.components.line import Line, Row
from app.components.linking import Place
from app.components.polite import sentence
from app.links import NOTHING, Fields
from app.services import Key, SceneKey
from vilt_core.viz.foils import script

WORD, STICKER = "a word", "a sticker"
_WAITING = (
    '<div class="lab-reply lab-waiting"><p>Write a sentence about the picture, and the same with '
    "something changed.</p></div>"
)


def compared(
    how: str,
    image: str | None,
    true: str,
    false: str,
    sticker: str,
    thing: str,
    key: Key | None,
    model: str,
) -> str:
    """Both sides, as HTML; or why there is nothing to see, in one sentence."""
    try:
        if how == STICKER:
            scene = foils.swapped_scene(key, sticker, thing)
            assert isinstance(key, SceneKey)
            return foils.pictures(true, scene, key=key, model=model)
        note = reply.strange() if services.stranger(key, model) else ""
        return note + foils.sentences(image, true, false, key=key, model=model)
    except ValueError as error:
        return reply.trouble(sentence(error))


def offers(key: Key | None, turn: int, model: str, false: str = "") -> dict[str, Any]:
    """The foils of one click, the one that is on show pressed."""
    found = foils.offered(key, turn, model=model)
    shown = next((foil.label for foil in found if foil.false == false), None)
    return chips.value([foil.label for foil in found], shown)


def turned(
    key: Key | None, turn: int, how: str, model: str, link: Fields = NOTHING
) -> tuple[Any, ...]:
    """Another true sentence about a picture of ours, its first foil and its first sticker."""
    foil = foils.offered(key, turn, model=model)[0]
    true, false = link.get("sentence", foil.true), link.get("foil", foil.false)
    board, names, named, thing = "", (), None, None
    if isinstance(key, SceneKey):
        names, at = foils.stickers(key), foils.spoken_of(key, turn)
        named = link["sticker"] if link.get("sticker") in names else names[at]
        thing = link.get("thing")
        if thing not in foils.things():
            thing = foils.another_thing(key, names.index(named))
    board = compared(how, None, true, false, named or "", thing or "", key, model)
    return (
        true,
        false,
        offers(key, turn, model, false),
        gr.Dropdown(choices=list(names), value=named),
        gr.Dropdown(choices=list(foils.things()), value=thing),
        turn,
        board,
    )


def opened(
    keys: tuple[Key, ...], key: Key, how: str, model: str, link: Fields = NOTHING
) -> tuple[Any, ...]:
    """A picture of ours put on show with a sentence and its foil."""
    return *picker.shown(keys, key), *turned(key, link.get("turn", 0), how, model, link)


def brought(keys: tuple[Key, ...], model: str) -> tuple[Any, ...]:
    """The user's own picture, or none: nothing is known to be true."""
    return picker.strip_value(keys, None), None, offers(None, 0, model), _WAITING


def introduced(
    model: str,
    how: str,
    image: str | None,
    true: str,
    false: str,
    key: Key | None,
    link: Fields = NOTHING,
) -> tuple[Any, ...]:
    """Another model speaks: it opens with a picture of its world, or looks at the user's own."""
    keys = services.examples(model)
    if image is None or key is not None:
        return opened(keys, link.get("picture", keys[0]), how, model, link)
    board = compared(WORD, image, true, false, "", "", None, model)
    kept = (gr.skip(), gr.skip(), offers(None, 0, model, false), gr.skip(), gr.skip(), 0, board)
    return picker.strip_value(keys, None), gr.skip(), None, keys, *kept


def shown(
    how: str,
    image: str | None,
    true: str,
    false: str,
    sticker: str,
    thing: str,
    key: Key | None,
    turn: int,
    model: str,
    *,
    written: bool = True,
    late: Row | None = None,
) -> tuple[Any, ...]:
    """What stands in the boxes, compared.

    Args:
        how: what changes.
        image: the user's own picture.
        true: a sentence.
        false: its foil.
        sticker: of the scene.
        thing: what it is swapped for.
        key: the picture on show.
        turn: which of its sentences.
        model: by its name.
        written: whether this was asked of the sentences as they stand there: they are put there
            again where others came meanwhile. Else those that came are compared.
        late: the foils that came.

    Returns:
        Values for both sentences and all behind them.
    """
    if late and key is not None and not (written and how == WORD):
        return turned(key, turn, how, model)
    board = compared(how, image, true, false, sticker, thing, key, model)
    kept = (true, false) if late else (gr.skip(), gr.skip())
    return *kept, offers(key, turn, model, false), gr.skip(), gr.skip(), gr.skip(), board


def carried(
    key: Key | None,
    image: str | None,
    how: str,
    true: str,
    false: str,
    sticker: str,
    thing: str,
    turn: int,
) -> Fields:
    """What a link carries: what is filled in for the change that is chosen."""
    turn %= foils.TURNS
    found = {"picture": links.shown(key, image), "sentence": true, "turn": turn or None}
    if how == WORD:
        return found | {"foil": false}
    return found | {"change": "sticker", "sticker": sticker, "thing": thing}


def columns(how: str) -> tuple[gr.Column, gr.Column]:
    """What is filled in for a change of a word, and of a sticker: one of the two is there."""
    return gr.Column(visible=how == WORD), gr.Column(visible=how == STICKER)


def build(speaker: gr.State, place: Place) -> None:
    """Lay out the tab.

    Args:
        speaker: the model that matches, by its name; the tab opens when it is first given one.
        place: its side of links.
    """
    with gr.Row(elem_classes="lab-columns"):
        with gr.Column(min_width=280, elem_classes="lab-side"):
            chosen = picker.build(label="Picture", height=230)
            how = gr.Radio(
                [WORD, STICKER],
                value=WORD,
                label="Change",
                elem_id="foil-how",
                elem_classes=["lab-field", "lab-switch"],
            )
            true = gr.Textbox(
                label="Sentence", max_lines=4, elem_id="foil-true", elem_classes="lab-field"
            )
            with gr.Column(elem_classes="lab-bare") as by_word:
                false = gr.Textbox(
                    label="Changed sentence",
                    placeholder="The same with something changed",
                    max_lines=4,
                    elem_id="foil-false",
                    elem_classes="lab-field",
                )
                suggestions = chips.build(label="Foils of one click", ours=True)
                other = gr.Button(
                    "Another sentence", elem_id="foil-another", elem_classes="lab-plain"
                )
            with gr.Column(visible=False, elem_classes="lab-bare") as by_sticker:
                sticker = gr.Dropdown(
                    label="Sticker", elem_id="foil-sticker", elem_classes="lab-field"
                )
                thing = gr.Dropdown(
                    label="Swapped for", elem_id="foil-thing", elem_classes="lab-field"
                )
            button = gr.Button("Show", variant="primary", elem_id="foil-compare")
        with gr.Column(min_width=320):
            view = gr.HTML(_WAITING, js_on_load=script(), apply_default_css=False, elem_id="foils")

    turn = gr.State(0)
    everything = [*chosen.outputs, true, false, suggestions, sticker, thing, turn, view]
    asked = [how, chosen.image, true, false, sticker, thing, chosen.key, turn, speaker]
    told = everything[len(chosen.outputs) :]

    def pick(keys, how, model, event: Event) -> tuple[Any, ...]:
        return opened(keys, event.among(keys), how, model)

    def fresh(keys, how, model) -> tuple[Any, ...]:
        return opened(keys, services.another(), how, model)

    def suggest(image, key, turn, model, event: Event) -> tuple[Any, ...]:
        found = foils.offered(key, turn, model=model)
        foil = next((one for one in found if one.label == event.text), found[0])
        board = compared(WORD, image, foil.true, foil.false, "", "", key, model)
        return foil.true, foil.false, offers(key, turn, model, foil.false), board

    def another(key, turn, how, model) -> tuple[Any, ...]:
        return turned(key, turn + 1, how, model)

    def switch(how: str, *given: Any, late: Row | None = None) -> tuple[Any, ...]:
        return *columns(how), *shown(how, *given, written=False, late=late)

    def choose(*given: Any, late: Row | None = None) -> tuple[Any, ...]:
        return shown(*given, written=False, late=late)

    def introduce(model, how: str, image, true, false, key, link: Fields = NOTHING) -> Any:
        how = {"word": WORD, "sticker": STICKER}.get(link.get("change", ""), how)
        shown = introduced(model, how, image, true, false, key, link)
        return *shown, gr.Radio(value=how), *columns(how)

    quiet: dict[str, Any] = {"show_progress_on": view, "api_visibility": "private"}
    counted = progress.answering(view)
    line = Line(name="foils", seen=suggestions)
    place.opens(
        partial(line.on, speaker.change),
        introduce,
        [speaker, how, chosen.image, true, false, chosen.key],
        [*everything, how, by_word, by_sticker],
        **quiet,
    )
    place.carries([chosen.key, chosen.image, how, true, false, sticker, thing, turn], carried)
    line.on(chosen.strip.pick, pick, [chosen.keys, how, speaker], everything, **counted)
    line.on(chosen.strip.fresh, fresh, [chosen.keys, how, speaker], everything, **counted)
    line.on(
        chosen.image.input,
        brought,
        [chosen.keys, speaker],
        [chosen.strip, chosen.key, suggestions, view],
        **quiet,
    )
    line.on(
        suggestions.pick,
        suggest,
        [chosen.image, chosen.key, turn, speaker],
        [true, false, suggestions, view],
        **counted,
    )
    line.on(other.click, another, [chosen.key, turn, how, speaker], told, **counted)
    line.on(how.input, switch, asked, [by_word, by_sticker, *told], **quiet)
    line.on(partial(gr.on, [sticker.input, thing.input]), choose, asked, told, **counted)
    line.on(
        partial(gr.on, [button.click, true.submit, false.submit]), shown, asked, told, **counted
    )
