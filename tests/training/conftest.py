"""A model small enough to train in a test, and the words it knows."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from vilt_core import config
from vilt_core.config import ViltConfig
from vilt_core.data.text import Tokenizer
from vilt_core.interop.bundle import Bundle
from vilt_core.training import loop
from vilt_core.training.loop import new_bundle
from vilt_core.training.stages import Recipe, Stage
from vilt_core.world.corpus import corpus


def tiny_config(*, vocab_size: int, answers: int, patch_classes: int = 0) -> ViltConfig:
    whole = config.vilt_mini(vocab_size=vocab_size, answers=answers, patch_classes=patch_classes)
    return replace(whole, width=48, depth=2, image_size=64)


@pytest.fixture(scope="session", autouse=True)
def _short_corpus() -> Iterator[None]:
    """Learn the words from fewer scenes: a tokenizer in a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "corpus", partial(corpus, scenes=400))
        yield


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    """All three stages and all kinds of batches, two or three steps each."""
    return Recipe(
        name="tiny",
        vocab_size=400,
        config=tiny_config,
        stages=(
            Stage(name="backbone", steps=2, mix={"patches": 1.0}, batch_size=8),
            Stage(
                name="pretrain",
                steps=3,
                mix={"captions": 0.7, "questions": 0.3},
                batch_size=8,
                noun_mask_rate=0.4,
                naming_weight=0.5,
            ),
            Stage(
                name="finetune",
                steps=3,
                mix={"captions": 0.25, "questions": 0.75},
                batch_size=8,
                inked=0.5,
            ),
        ),
    )


@pytest.fixture(scope="session")
def tiny_bundle(tiny_recipe: Recipe) -> Bundle:
    """Shared: copy the model before changing it."""
    return new_bundle(tiny_recipe)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(corpus(0, scenes=400), vocab_size=600)
