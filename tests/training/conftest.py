"""A model small enough to train in a test, and the words it knows."""

import multiprocessing
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests.training.run_recipe import run_recipe
from vilt_core import config
from vilt_core.config import ViltConfig
from vilt_core.data.text import Tokenizer
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.lab import save_folder
from vilt_core.training import loop
from vilt_core.training.loop import new_bundle
from vilt_core.training.stages import Recipe, Stage
from vilt_core.world.corpus import corpus

# What a training imports on its way, where it is first needed.
ON_FIRST_USE = ("torch._dynamo", "vilt_core.transport.compiled")


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
def start(tiny_bundle: Bundle, tmp_path_factory) -> Path:
    """The same, saved."""
    folder = tmp_path_factory.mktemp("start")
    save_folder(tiny_bundle, folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(corpus(0, scenes=400), vocab_size=600)


@pytest.fixture(scope="session")
def begin() -> Iterator[Callable[..., BaseProcess]]:
    """Begin a training in a process of its own: all of them are forked off one that imported it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([run_recipe.__module__, *ON_FIRST_USE])
    begun = []

    def begin(
        model: Path, stages: list[dict], settings: dict, folder: Path, **environment: str | int
    ) -> BaseProcess:
        told = {name: str(value) for name, value in environment.items()}
        process = context.Process(target=run_recipe, args=(model, stages, settings, folder, told))
        begun.append(process)
        process.start()
        return process

    yield begin
    for process in begun:
        process.kill()


@pytest.fixture(scope="session")
def joined(begin) -> Callable[..., list[BaseProcess]]:
    """Begin a training in two processes that listen to each other."""

    def joined(*what) -> list[BaseProcess]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        place = {"WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        return [begin(*what, RANK=rank, LOCAL_RANK=rank, **place) for rank in range(2)]

    return joined
