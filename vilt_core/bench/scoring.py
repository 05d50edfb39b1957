"""Retrieval: one text against many images and one image against many texts.

``Predictor.match`` beside the loop of transformers' documentation, one pair at a time. Both begin
with files of JPEG.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image

from vilt_core.bench.checkpoints import sentence, write_checkpoint
from vilt_core.bench.inference import NO_UNITS
from vilt_core.bench.peers import transformers_quietly
from vilt_core.bench.results import Row, machine, result
from vilt_core.bench.setting import Setting
from vilt_core.bench.timing import race
from vilt_core.interop.opening import open_bundle
from vilt_core.layers.packed import has_bfloat16_units
from vilt_core.predictor import Predictor

LOOP = 20  # pairs that transformers scores one by one
_SHAPES = ((4, 3), (3, 4), (3, 2), (16, 9), (1, 1))  # of photographs, width to height
_LONGER = 640  # side of the pictures, pixels
_COARSE = 16  # cells of random colour along a side, blurred into each other


def race_scoring(setting: Setting) -> dict[str, Any]:
    """Race the scores of ``setting.limit`` pairs.

    Raises:
        ValueError: transformers is not installed.
    """
    where = machine(setting.device)
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(
        setting.scale.text_tokens // 3,
        setting.scale.text_tokens // 2 + 1,
        (setting.limit,),
        generator=generator,
    ).tolist()
    texts = [sentence(setting.scale, length, generator=generator) for length in lengths]
    with TemporaryDirectory() as folder:
        write_checkpoint(Path(folder), setting.scale, task="retrieval")
        pictures = draw_pictures(Path(folder) / "pictures", setting.limit)
        dtype = "bfloat16" if setting.on_gpu else "auto"
        predictor = Predictor(open_bundle(folder), device=str(setting.device), dtype=dtype)
        theirs = _Loop(folder, setting.device)
        rows = [
            _row("one text against {} images", predictor, theirs, pictures, texts[:1], setting),
            _row("one image against {} texts", predictor, theirs, pictures[:1], texts, setting),
        ]
    notes = [
        "Times are those of one pair, from its file to its score. transformers scores pairs one by "
        "one, as its documentation does, but without gradients."
    ]
    if not setting.on_gpu and not has_bfloat16_units():
        notes.append(NO_UNITS)
    return result("scoring", where, rows, notes=notes)


def draw_pictures(folder: Path, count: int) -> list[Path]:
    """JPEG files of blurred random colours in the shapes of photographs; the same every time."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    paths = []
    for at in range(count):
        wide, high = _SHAPES[at % len(_SHAPES)]
        size = (_LONGER * wide // max(wide, high), _LONGER * high // max(wide, high))
        cells = generator.integers(0, 256, (_COARSE, _COARSE, 3), dtype=np.uint8)
        picture = Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC)
        paths.append(folder / f"{at}.jpg")
        picture.save(paths[-1], quality=90)
    return paths


class _Loop:
    """What transformers' page on ``ViltForImageAndTextRetrieval`` shows."""

    def __init__(self, folder: str, device: torch.device):
        transformers = transformers_quietly()
        self.processor = transformers.ViltProcessor.from_pretrained(folder)
        opened = transformers.ViltForImageAndTextRetrieval.from_pretrained(folder)
        self.model = opened.to(device).eval()
        self.device = device

    @torch.inference_mode()
    def scores(self, pictures: Sequence[Path], texts: Sequence[str]) -> list[float]:
        """Of every text with every picture."""
        found = []
        for picture in pictures:
            for text in texts:
                image = Image.open(picture)
                encoding = self.processor(image, text, return_tensors="pt").to(self.device)
                found.append(self.model(**encoding).logits[0, :].item())
        return found


def _row(
    case: str,
    predictor: Predictor,
    theirs: _Loop,
    pictures: Sequence[Path],
    texts: Sequence[str],
    setting: Setting,
) -> Row:
    some, words = pictures[:LOOP], texts[:LOOP]
    looped = torch.tensor(theirs.scores(some, words), dtype=torch.float64).sigmoid().numpy()
    difference = np.abs(predictor.match(some, words).reshape(-1) - looped).max()
    times = race(
        {
            "ours": partial(predictor.match, pictures, texts),
            "theirs": partial(theirs.scores, some, words),
        },
        device=setting.device,
        seconds=setting.seconds,
        warm_up=0,  # both have just scored the first pairs
        least=1,
    )
    pairs = len(pictures) * len(texts)
    name = str(predictor.dtype).removeprefix("torch.")
    return Row(
        case=f"{case.format(pairs)}, {name}, a pair",
        ours_ms=times["ours"] / pairs,
        peer=f"transformers float32, a loop of {len(looped)}",
        peer_ms=times["theirs"] / len(looped),
        max_difference=float(difference),
    )
