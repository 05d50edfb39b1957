"""One question about one picture that is no square, in front of a model with random weights."""

import pytest
import torch

from vilt_core.config import ViltConfig
from vilt_core.data.text import Tokenizer
from vilt_core.explain.inquiry import inquire
from vilt_core.models.vilt import Vilt
from vilt_core.types import ImageBatch

ANSWERS = ("cat", "dog", "yes", "no", "two")
QUESTION = "is there a cat above the hearted?"


@pytest.fixture(scope="session")
def tokenizer():
    texts = ["is there a cat above the dog?", "a red heart left of the cat", "two dogs and a cat"]
    return Tokenizer.train(texts * 5, vocab_size=80)


@pytest.fixture
def model(tokenizer):
    torch.manual_seed(0)
    config = ViltConfig(
        vocab_size=len(tokenizer),
        answers=len(ANSWERS),
        width=24,
        depth=3,
        heads=3,
        image_size=384,
        patch_size=96,
        modality_types=3,
        dropout=0.0,
    )
    whole = Vilt(config).eval()
    with torch.no_grad():  # away from the start, where everything looks alike
        for parameter in whole.parameters():
            parameter.add_(0.15 * torch.randn_like(parameter))
    return whole


@pytest.fixture
def image():
    generator = torch.Generator().manual_seed(1)
    return ImageBatch(pixels=torch.rand(1, 3, 384, 576, generator=generator) * 2 - 1)


@pytest.fixture
def inquiry(model, tokenizer, image):
    return inquire(model, tokenizer, QUESTION, image)
