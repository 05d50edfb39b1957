"""Pixels: what becomes of a picture before a model sees it, step by step, with true counts."""

from html import escape
from typing import Any

import gradio as gr

from app import links, peculiar, preparing, services
from app.components import chips, picker, plain, progress, touch
from app.components.events import Event
from app.components.linking import Place
from app.components.polite import sentence
from app.links import NOTHING, Fields
from app.photographs import PHOTOGRAPHS
from app.preparing import Geometry, Prepared, Small
from app.services import Key
from vilt_core.viz.stepper import data_url

INTRODUCTION = """
<div class="lab-intro"><h2>What does the model see of your picture?</h2><p>Between a file and a row
of numbers lie six small steps. Each of them can go wrong; here is what they do to the picture on
show, for the model at hand and for the published ViLT-B/32.</p></div>
"""
_BEFORE = progress.note("The steps below are still those of the picture before it.")
_TURNS = {
    2: "mirrored",
    3: "turned by 180°",
    4: "mirrored and turned by 180°",
    5: "mirrored and turned by 90°",
    6: "turned by 90°",
    7: "mirrored and turned by 270°",
    8: "turned by 270°",
}
_MODES = {
    "1": "black and white",
    "L": "8-bit grey",
    "LA": "grey with transparency",
    "P": "a palette of 256 colours",
    "RGB": "red, green, blue",
    "RGBA": "red, green, blue and transparency",
    "CMYK": "four inks",
    "I;16": "16-bit grey",
    "I": "16-bit grey",
    "F": "floating-point grey",
}

# A file of the user's, a picture of ours, or a button.
Source = tuple[str | None, Key | None, str | None]


def file_of(image: str | None, key: Key | None, button: str | None) -> bytes:
    """The bytes of what is on show.

    Raises:
        ValueError: nothing is.
    """
    if button is not None:
        return peculiar.bytes_of(button)
    if image is None and key is None:
        raise ValueError("choose a picture, or add one of your own, first")
    source = services.seen_by_model(image, key, side=services.PICTURE_SIDE)
    assert isinstance(source, bytes)
    return source


def shown(source: Source, name: str, number: float, limit: float | None, seed: int) -> Any:
    """All steps: trouble, their HTML, the two tables, and the two sliders.

    ``limit`` None opens with the model's own.
    """
    try:
        found = preparing.geometry(name)
        one = preparing.prepare(file_of(*source), found)
    except ValueError as error:
        told = progress.note(sentence(error), trouble=True) + _BEFORE
        return told, *(gr.skip() for _ in range(10))
    number = min(int(number), found.table.shape[-1])
    most = one.patches
    kept = min(found.limit if limit is None else int(limit), most)
    return (
        "",
        _opened(one),
        _resized(one, found),
        _cut(one, found),
        _stretched(one, found),
        *preparing.table_figures(found, one.grid, number - 1),
        _padded(one, found),
        _sampled(one, found, limit=kept, seed=seed),
        gr.Slider(maximum=found.table.shape[-1], value=number),
        gr.Slider(maximum=most, value=kept),
    )


def put(keys: tuple[Key, ...], key: Key) -> tuple[Any, ...]:
    """A picture of ours put on show, and no button pressed."""
    return *picker.shown(keys, key), None, *_pressed(None)


def opened(
    image: str | None,
    key: Key | None,
    button: str | None,
    name: str,
    number: float,
    seed: int,
    link: Fields = NOTHING,
) -> tuple[Any, ...]:
    """The tab put on show, with a photograph or as a link says, unless something is there."""
    if image is not None or key is not None or button is not None:
        return (gr.skip(),) * 20
    name, number, file = link.get("for", name), link.get("number", number), link.get("file")
    key = None if file is not None else link.get("picture", PHOTOGRAPHS[1])
    seed = link.get("draw", seed)
    steps = shown((None, key, file), name, number, link.get("kept"), seed)
    if key is not None:
        return seed, name, *put(PHOTOGRAPHS, key), *steps
    strip = picker.strip_value(PHOTOGRAPHS, None)
    return seed, name, strip, None, None, PHOTOGRAPHS, file, *_pressed(file), *steps


def carried(
    key: Key | None,
    image: str | None,
    button: str | None,
    name: str,
    number: float,
    kept: float,
    seed: int,
) -> Fields:
    """What a link carries; for the model at hand it is prepared anyway."""
    return {
        "picture": None if button is not None else links.shown(key, image),
        "file": button,
        "for": name if name != preparing.names()[0] else None,
        "number": int(number),
        "kept": int(kept),
        "draw": seed or None,
    }


def resampled(source: Source, name: str, limit: float, seed: int) -> str:
    """Another draw of the patches of a training step."""
    try:
        found = preparing.geometry(name)
        one = preparing.prepare(file_of(*source), found)
    except ValueError as error:
        return progress.note(sentence(error), trouble=True)
    return _sampled(one, found, limit=min(int(limit), one.patches), seed=seed)


# The steps, as HTML.


def _picture(one: Small, says: str) -> str:
    width, height = one.size
    return (
        f'<figure><img src="{data_url(one.pixels)}" alt="{escape(says)}"/>'
        f"<figcaption>{escape(says)}<br>{width} x {height}</figcaption></figure>"
    )


def _step(number: int, title: str, says: list[str], figure: str = "") -> str:
    told = plain.sentences(*says)
    return (
        f'<section class="lab-step"><h3><i>{number}</i> {title}</h3><p class="lab-says">{told}</p>'
        f'<div class="lab-figures">{figure}</div></section>'
    )


def _opened(one: Prepared) -> str:
    width, height = one.stored
    mode = _MODES.get(one.mode, one.mode)
    says = [
        f"The file is a {one.kind} of <b>{width} x {height}</b> pixels in {mode} "
        f"({escape(one.mode)}).",
    ]
    if one.orientation in _TURNS:
        says.append(
            f"It lies {_TURNS[one.orientation]} and says so (EXIF orientation {one.orientation}): "
            "it is set upright first, or the model would see things lying on their sides."
        )
    if one.moves:
        says.append("It has several frames: the first counts.")
    if one.mode in ("RGBA", "LA", "PA"):
        says.append("What is transparent is laid on white; the colours beneath it do not count.")
    if one.mode.startswith("I"):
        says.append("Its levels are scaled to 0 … 255; a careless reader cuts them off.")
    if one.same:
        says.append(
            "It is upright RGB already: nothing has to be done."
            if one.mode == "RGB"
            else "It becomes 8-bit RGB, and looks as before."
        )
        return _step(1, "Open", says, _picture(one.upright, "as it is"))
    figures = "" if one.careless is None else _picture(one.careless, "as a careless reader sees it")
    return _step(1, "Open", says, figures + _picture(one.upright, "upright, 8-bit RGB"))


def _resized(one: Prepared, found: Geometry) -> str:
    from vilt_core.data.image import LONGEST_OVER_SHORTEST

    size, p = found.processing.size, found.processing.patch_size
    width, height = one.upright.size
    longest = int(LONGEST_OVER_SHORTEST * size)
    ideal, seen = one.ideal, one.seen.size
    plain = size / min(width, height)
    over = max(width, height) * plain > longest
    says = [
        f"The shorter side shall be {size}: {width} x {height} times {plain:.3g} would be "
        f"{width * plain:.0f} x {height * plain:.0f}.",
    ]
    if over:
        says.append(
            f"But no side may be longer than {longest} (1333 / 800 of {size}), so it shrinks to "
            f"<b>{ideal[0]} x {ideal[1]}</b>."
        )
    says.append(
        f"Both sides are then cut to whole patches of {p}: <b>{seen[0]} x {seen[1]}</b>."
        if ideal != seen
        else f"Both sides are whole patches of {p} already."
    )
    bent = (seen[0] / seen[1]) / (width / height) - 1
    says.append(
        f"This makes the picture {abs(100 * bent):.1f} % {'wider' if bent > 0 else 'narrower'} "
        "than it was."
        if abs(bent) >= 0.0005
        else "Its shape stays as it was."
    )
    return _step(2, "Resize, and round to patches", says)


def _cut(one: Prepared, found: Geometry) -> str:
    from vilt_core.viz.cut import cut_picture

    p = found.processing.patch_size
    (rows, columns), (width, height) = one.grid, one.seen.size
    figure = cut_picture(_pixels(one), one.grid, says=f"{rows} by {columns} patches")
    says = [
        f"{width} / {p} = {columns} across, {height} / {p} = {rows} down: <b>{one.patches} "
        f"patches</b>, and {one.patches + 1} rows with the picture's [class].",
        f"Each holds {p} x {p} x 3 = {3 * p * p:,} numbers, scaled from 0 … 255 to -1 … 1.",
    ]
    return _step(3, "Cut", says, f"<div>{figure}</div>")


def _stretched(one: Prepared, found: Geometry) -> str:
    rows, columns = one.grid
    side = found.grid
    says = [f"The model learned one vector for each place of a grid of {side} x {side}."]
    if one.grid == (side, side):
        says.append("This picture has that grid: the table is taken as it is.")
    else:
        says.append(
            f"This picture has {rows} x {columns} places, so the table is stretched: each new "
            "place reads at a dot between the old ones, corner on corner, and mixes its neighbours."
        )
    says.append(
        f"Drawn: one number of the vectors that {escape(found.name)} learned."
        if found.learned
        else "The weights of ViLT-B/32 are not loaded: the table drawn here is random. Where it is "
        "read is true all the same."
    )
    says.append("Orange is above zero, blue below.")
    return _step(4, "Places for the patches", says)


def _padded(one: Prepared, found: Geometry) -> str:
    from vilt_core.data.image import open_image, resize
    from vilt_core.viz.cut import cut_picture

    size, p = found.processing.size, found.processing.patch_size
    landscape = one.grid[1] > one.grid[0]
    neighbour = open_image(services.picture(services.EXAMPLES[0]))
    if not landscape:
        neighbour = open_image(PHOTOGRAPHS[1].path)
    other = resize(neighbour, size=size, patch_size=p)
    patches, pixels = preparing.embedded([one.seen, other], found)
    cells = patches.grid[0] * patches.grid[1]
    real = [preparing.cells_of(patches, row) for row in range(2)]
    figure = "".join(
        f"<div>{drawn}<p>{name}: {len(inside)} patches, {cells - len(inside)} of padding</p></div>"
        for name, inside, drawn in (
            (
                name,
                real[row],
                cut_picture(
                    pixels[row],
                    patches.grid,
                    says=f"{name} on the canvas of both",
                    faded=set(range(cells)) - real[row],
                ),
            )
            for row, name in enumerate(("this picture", "another"))
        )
    )
    length = patches.tokens.shape[1]
    says = [
        "Pictures are read several at once, so they share a canvas: as high as the highest and as "
        f"wide as the widest, here {patches.grid[0]} x {patches.grid[1]} = {cells} patches.",
        "What is not covered is padding (dark): a mask says so, no token looks at it, and each "
        "picture has its own places.",
        f"The sequence is as long as the picture with the most patches: {length}.",
    ]
    return _step(5, "Share a batch", says, figure)


def _sampled(one: Prepared, found: Geometry, *, limit: int, seed: int) -> str:
    from vilt_core.viz.cut import cut_picture

    gone = preparing.dropped(one, found, limit=limit, seed=seed)
    figure = cut_picture(
        _pixels(one), one.grid, says=f"{len(gone)} of {one.patches} patches dropped", faded=gone
    )
    says = [
        f"To save time, training keeps at most {found.limit} patches of a picture, drawn by "
        f"chance each time. This one has {one.patches}: "
        + (
            f"at that limit <b>{one.patches - found.limit}</b> are dropped."
            if one.patches > found.limit
            else "at that limit <b>none</b> is dropped."
        ),
        f"Drawn with a limit of {limit}: <b>{len(gone)}</b> dropped (dark), "
        f"{one.patches - len(gone)} kept.",
        "Whoever asks a trained model gets all of them.",
    ]
    return _step(6, "Drop some, while training", says, f"<div>{figure}</div>")


def _pixels(one: Prepared) -> Any:
    import numpy as np

    return np.asarray(one.seen)


def build(tab: gr.Tab, place: Place) -> None:
    """Lay out the tab.

    Args:
        tab: it opens when this is selected.
        place: its side of links.
    """
    gr.HTML(INTRODUCTION, js_on_load=None, apply_default_css=False)
    with gr.Row(elem_classes="lab-columns"):
        with gr.Column(min_width=280, elem_classes="lab-side"):
            chosen = picker.build(label="Picture", height=230)
            name = gr.Radio(
                preparing.names(),
                value=preparing.names()[0],
                label="As it is prepared for",
                elem_id="geometry",
                elem_classes=["lab-field", "lab-switch"],
            )
            _label("Try an odd file")
            odd = chips.build(label="Odd files", ours=True)
            _label("Try a broken file")
            broken = chips.build(label="Broken files", ours=True)
        with gr.Column(min_width=320):
            told = touch.html(elem_id="pixels-told")
            stored, resized, cut, places = (touch.html() for _ in range(4))
            with gr.Row(elem_classes="lab-stage"):
                before, after = (
                    plain.plot(f"table-{when}", "lab-fit") for when in ("before", "after")
                )
            number = gr.Slider(
                1, 64, 1, step=1, label="Which number of the vectors", elem_id="number",
                elem_classes="lab-field",
            )  # fmt: skip
            padded, sampled = touch.html(elem_id="padded"), touch.html(elem_id="sampled")
            limit = gr.Slider(
                1, 200, 200, step=1, label="Patches that are kept", elem_id="limit",
                elem_classes="lab-field",
            )  # fmt: skip
            again = gr.Button("Draw others", elem_id="draw-others")
    button, seed = gr.State(None), gr.State(0)
    source = [chosen.image, chosen.key, button]
    steps = [told, stored, resized, cut, places, before, after, padded, sampled, number, limit]
    pressed = [odd, broken]
    quiet = progress.waiting(told)
    counted = quiet | progress.in_order()

    def draw(image, key, button, name, number, seed) -> Any:
        return shown((image, key, button), name, number, None, seed)

    def pick(keys, name, number, seed, event: Event) -> tuple[Any, ...]:
        key = event.among(keys)
        return *put(keys, key), *draw(None, key, None, name, number, seed)

    def press(keys, name, number, seed, event: Event) -> tuple[Any, ...]:
        found = draw(None, None, event.text, name, number, seed)
        strip = picker.strip_value(keys, None)
        return strip, None, None, event.text, *_pressed(event.text), *found

    def bring(image, keys, name, number, seed) -> tuple[Any, ...]:
        found = draw(image, None, None, name, number, seed)
        return picker.strip_value(keys, None), None, None, *_pressed(None), *found

    def redraw(image, key, button, name, limit, seed) -> tuple[Any, ...]:
        return seed + 1, resampled((image, key, button), name, limit, seed + 1)

    settings = [name, number, seed]
    place.opens(
        tab.select,
        opened,
        [*source, *settings],
        [seed, name, *chosen.outputs, button, *pressed, *steps],
        **quiet,
    )
    place.carries([chosen.key, chosen.image, button, name, number, limit, seed], carried)
    chosen.strip.pick(
        pick, [chosen.keys, *settings], [*chosen.outputs, button, *pressed, *steps], **counted
    )
    chosen.image.input(
        bring,
        [chosen.image, chosen.keys, *settings],
        [chosen.strip, chosen.key, button, *pressed, *steps],
        **quiet,
    )
    for row in pressed:
        row.pick(
            press,
            [chosen.keys, *settings],
            [chosen.strip, chosen.image, chosen.key, button, *pressed, *steps],
            **counted,
        )
    gr.on([name.input, number.release], draw, [*source, *settings], steps, **quiet)
    again.click(redraw, [*source, name, limit, seed], [seed, sampled], **quiet)
    limit.release(
        lambda image, key, button, name, limit, seed: resampled(
            (image, key, button), name, limit, seed
        ),
        [*source, name, limit, seed],
        sampled,
        **quiet,
    )


def _pressed(name: str | None) -> tuple[dict[str, Any], ...]:
    """Values of both rows of buttons."""
    return tuple(
        chips.value([one.name for one in files], name)
        for files in (peculiar.PECULIAR, peculiar.BROKEN)
    )


def _label(says: str) -> None:
    gr.HTML(f'<p class="lab-label">{says}</p>', js_on_load=None, apply_default_css=False)
