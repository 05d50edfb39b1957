"""Models of the real kind with random weights, so that every handler runs for real."""

import random
import threading
import time

import pytest
import torch

from app import services
from app.library import Library
from app.models import catalogue
from app.photographs import PHOTOGRAPHS
from vilt_core.config import ViltConfig
from vilt_core.data.text import Tokenizer
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.lab import save_folder
from vilt_core.models.vilt import Vilt
from vilt_core.predictor import Predictor, load
from vilt_core.world.captions import caption
from vilt_core.world.questions import answers, questions
from vilt_core.world.scenes import scene


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    texts = []
    for index in range(400):
        drawn, draw = scene(0, index), random.Random(index).random
        texts += [caption(drawn, draw).text, *(q.text for q in questions(drawn, draw, count=3))]
    tokenizer = Tokenizer.train(texts, vocab_size=700)
    config = ViltConfig(
        vocab_size=len(tokenizer),
        answers=len(answers()),
        width=32,
        depth=1,
        heads=2,
        image_size=64,
        patch_size=16,
        segment_types=1,
        modality_types=3,
        tasks=("itm", "mlm", "nlvr2"),
    )
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    bundle = Bundle(name="tiny", model=Vilt(config), tokenizer=tokenizer, answers=answers())
    save_folder(bundle, folder)
    return folder


def lay_out(monkeypatch, environment, open_checkpoint=services.open_checkpoint):
    library = Library(catalogue(environment), open_checkpoint)
    monkeypatch.setattr(services, "LIBRARY", library)
    return library


@pytest.fixture
def tiny(tiny_folder, monkeypatch):
    lay_out(monkeypatch, {"VILT_LAB_MODEL": str(tiny_folder)})
    return services.predictor()


@pytest.fixture
def no_model(tmp_path, monkeypatch):
    lay_out(monkeypatch, {"VILT_LAB_MODEL": str(tmp_path / "nothing")})


class Hub:
    """Opens the embedded model at once, and the others when a test says so.

    On the way it tells of 37 of 100 bytes; with ``trouble`` it raises that in the end.
    """

    def __init__(self, embedded, photographs):
        self.embedded, self.photographs = embedded, photographs
        self.asked: list[str] = []
        self.stopped: list[str] = []
        self.reached, self.go = threading.Event(), threading.Event()
        self.trouble: Exception | None = None

    def __call__(self, checkpoint, progress):
        if checkpoint.source == "vilt-mini":
            return self.embedded
        self.asked.append(checkpoint.name)
        try:
            progress(0, 100)
            while not self.go.wait(0.01):
                progress(37, 100)
                self.reached.set()
        except BaseException:
            self.stopped.append(checkpoint.name)
            raise
        if self.trouble is not None:
            raise self.trouble
        return self.photographs


@pytest.fixture(scope="session")
def photographer():
    """A predictor with the grid of ViLT-B/32 that knows the words of the examples."""
    texts = [text for one in PHOTOGRAPHS for text in (*one.questions, *one.captions)]
    tokenizer = Tokenizer.train(texts * 20, vocab_size=400)
    answers = ("cat", "cup", "yes", "no", "two", "red")
    config = ViltConfig(
        vocab_size=len(tokenizer),
        answers=len(answers),
        width=32,
        depth=1,
        heads=2,
        modality_types=3,
        tasks=("itm", "mlm", "nlvr2"),
    )
    torch.manual_seed(0)
    bundle = Bundle(
        name="photographer",
        model=Vilt(config),
        tokenizer=tokenizer,
        answers=answers,
        domain="photographs",
    )
    return Predictor(bundle)


@pytest.fixture
def hub(monkeypatch, tiny_folder, photographer):
    """The library of a fresh checkout, behind a hub that does what a test wants."""
    found = Hub(load(tiny_folder), photographer)
    lay_out(monkeypatch, {}, found)
    yield found
    found.go.set()


@pytest.fixture
def until():
    """Wait for another thread."""

    def wait(found, seconds=10.0):
        end = time.monotonic() + seconds
        while not found():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.005)

    return wait
