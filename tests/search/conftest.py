"""A tiny dual encoder and a tiny ViLT that speak the same words."""

import random

import pytest
import torch

from vilt_core.config import ClipConfig, ViltConfig
from vilt_core.data.text import Tokenizer
from vilt_core.interop.bundle import Bundle
from vilt_core.models.clip import Clip
from vilt_core.models.vilt import Vilt
from vilt_core.predictor import Predictor
from vilt_core.search.encoder import DualEncoder
from vilt_core.world.captions import caption
from vilt_core.world.scenes import scene


@pytest.fixture(scope="session")
def tokenizer():
    texts = [caption(scene(0, at), random.Random(at).random).text for at in range(300)]
    return Tokenizer.train(texts, vocab_size=500)


def stirred(model):
    """Away from the start, where every picture looks alike."""
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


@pytest.fixture(scope="session")
def clip(tokenizer):
    config = ClipConfig(
        vocab_size=len(tokenizer),
        text_width=24,
        text_depth=1,
        text_heads=2,
        max_text_tokens=40,
        width=32,
        depth=1,
        heads=2,
        image_size=32,
        patch_size=8,
        shared_width=16,
    )
    torch.manual_seed(0)
    return Bundle(name="small", model=stirred(Clip(config)), tokenizer=tokenizer, answers=())


@pytest.fixture(scope="session")
def vilt(tokenizer):
    config = ViltConfig(
        vocab_size=len(tokenizer),
        answers=0,
        width=32,
        depth=1,
        heads=2,
        image_size=64,
        patch_size=16,
        segment_types=1,
    )
    torch.manual_seed(1)
    return Bundle(name="tiny", model=stirred(Vilt(config)), tokenizer=tokenizer, answers=())


@pytest.fixture(scope="session")
def encoder(clip):
    return DualEncoder(clip)


@pytest.fixture(scope="session")
def judge(vilt):
    return Predictor(vilt)


@pytest.fixture(scope="session")
def stranger(clip):
    """The same model with other weights."""
    torch.manual_seed(2)
    model = Clip(clip.model.config)
    return DualEncoder(Bundle(name="other", model=model, tokenizer=clip.tokenizer, answers=()))
