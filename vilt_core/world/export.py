"""The sticker world as files: pictures and JSON lines, each line with its truth."""

import json
import random
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from vilt_core.world.negatives import hard_negative
from vilt_core.world.questions import questions
from vilt_core.world.referring import referring
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import OWN_STYLE, Scene, scene
from vilt_core.world.sprites import atlas_from_folder, build_pyramid
from vilt_core.world.statements import pair, statement


def export(
    folder: str | Path,
    *,
    seed: int,
    count: int,
    split: str = "test",
    size: int = 256,
    sprites: str | Path | None = None,
) -> Iterator[int]:
    """Write ``count`` scenes; yields how many are done.

    ``images/N.png``, ``captions.jsonl``, ``questions.jsonl`` (three a scene) and ``pairs.jsonl`` in
    the formats that ``evaluate`` reads, with objects, boxes, spans and programs. The user's own
    icons make no pairs: ``pairs.jsonl`` stays empty.

    Args:
        folder: where to write.
        seed: names the series of scenes.
        count: how many scenes.
        split: "train", "test", "style" or "composition".
        size: side of the pictures in pixels.
        sprites: a folder of the user's own icons, one PNG a noun, drawn instead of ours.

    Raises:
        ValueError: icons that cannot be used, or a count under 1.
    """
    if not 8 <= size <= 4096:
        raise ValueError(f"size must lie in 8 to 4,096 pixels, got {size:,}")
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    icons = None if sprites is None else atlas_from_folder(sprites)
    pyramids = None if icons is None else {OWN_STYLE: build_pyramid(icons.cells)}
    folder = Path(folder)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    names = ("captions", "questions", "pairs")
    files = {n: (folder / f"{n}.jsonl").open("w", encoding="utf-8") for n in names}
    try:
        for index in range(count):
            place = scene(seed, index, split=split, icons=icons)
            draw = random.Random(f"export/{split}/{seed}/{index}").random
            name = f"images/{index}.png"
            Image.fromarray(paint(place, size, icons=pyramids).pixels).save(folder / name)
            told = describe(place)
            negative = hard_negative(place, draw)
            said = negative.positive
            line = {"image": name, "caption": said.text, "mentions": _plain(said.mentions)}
            line |= {"program": said.program, "scene": told}
            line |= {"hard_negative": negative.text, "changed": negative.changed}
            pointed = referring(place, draw)
            if pointed is not None:
                line["referring"] = asdict(pointed)
            _write(files["captions"], line)
            for asked in questions(place, draw, count=3):
                line = {"image": name, "question": asked.text, "answer": asked.answer}
                line |= {"kind": asked.kind, "mentions": _plain(asked.mentions)}
                _write(files["questions"], line | {"program": asked.program, "scene": told})
            if icons is None:
                _write_pair(folder, files["pairs"], seed, index, split, size, draw)
            yield index + 1
    finally:
        for file in files.values():
            file.close()


def describe(place: Scene) -> dict:
    """A scene as plain JSON."""
    return {
        "background": place.background,
        "texture": place.texture,
        "objects": [
            {
                "noun": thing.noun,
                "color": thing.color,
                "category": thing.category,
                "style": thing.style,
                "box": [round(side, 4) for side in thing.box],
            }
            for thing in place.objects
        ],
    }


def _plain(mentions) -> list[dict]:
    return [asdict(mention) for mention in mentions]


def _write(file, line: dict) -> None:
    file.write(json.dumps(line) + "\n")


def _write_pair(folder: Path, file, seed: int, index: int, split: str, size: int, draw) -> None:
    left, right = pair(seed, index, split=split)
    names = [f"images/{index}-{side}.png" for side in ("left", "right")]
    for place, name in zip((left, right), names, strict=True):
        Image.fromarray(paint(place, size).pixels).save(folder / name)
    said = statement(left, right, draw)
    line = {"images": names, "statement": said.text, "label": said.label, "program": said.program}
    _write(file, line | {"scenes": [describe(left), describe(right)]})
