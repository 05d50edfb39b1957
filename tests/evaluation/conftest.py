import copy
from dataclasses import replace

import pytest
import torch

from vilt_core.config import ViltConfig
from vilt_core.data.text import Tokenizer
from vilt_core.evaluation import text_only
from vilt_core.interop.bundle import Bundle
from vilt_core.models.vilt import Vilt
from vilt_core.world.corpus import corpus
from vilt_core.world.questions import answers


@pytest.fixture(scope="session")
def bundle():
    """A model that has learned nothing, and the world's own tokenizer and answers."""
    tokenizer = Tokenizer.train(corpus(0, scenes=500), vocab_size=600)
    config = ViltConfig(
        vocab_size=len(tokenizer),
        answers=len(answers()),
        width=24,
        depth=2,
        heads=3,
        image_size=64,
        patch_size=8,
        dropout=0.1,
    )
    torch.manual_seed(0)
    model = Vilt(config).eval()
    with torch.no_grad():  # away from the start, where everything looks alike
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return Bundle(name="untrained", model=model, tokenizer=tokenizer, answers=answers())


@pytest.fixture(scope="session", autouse=True)
def quick_baseline():
    """The text-only baseline learns from fewer questions here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_only, "FITTED_ON", 800)
        yield
    text_only.world_text_only.cache_clear()


@pytest.fixture
def spare(bundle):
    """The same, to be changed."""
    return replace(bundle, model=copy.deepcopy(bundle.model))
