"""A model of the real kind with random weights, so that every handler runs for real."""

import random

import pytest
import torch

from app import services
from vilt_core.config import ViltConfig
from vilt_core.data.text import Tokenizer
from vilt_core.interop.lab import Bundle, save_folder
from vilt_core.models.vilt import Vilt
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
    )
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    bundle = Bundle(name="tiny", model=Vilt(config), tokenizer=tokenizer, answers=answers())
    save_folder(bundle, folder)
    return folder


@pytest.fixture
def tiny(tiny_folder, monkeypatch):
    monkeypatch.setattr(services, "MODEL", str(tiny_folder))
    return services.predictor()


@pytest.fixture
def no_model(tmp_path, monkeypatch):
    monkeypatch.setattr(services, "MODEL", str(tmp_path / "nothing"))
