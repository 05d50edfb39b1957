import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from vilt_core.config import ViltConfig, pixelbert_mini
from vilt_core.evaluation.cost import (
    cost_at_own_size,
    cost_json,
    cost_markdown,
    cost_of,
    count_flops,
)
from vilt_core.models import build
from vilt_core.models.pixelbert import PixelBert
from vilt_core.models.vilt import Vilt

CONFIG = ViltConfig(
    vocab_size=50,
    answers=7,
    tasks=("itm", "mlm", "rank", "nlvr2"),
    modality_types=3,
    patch_classes=5,
    width=24,
    depth=2,
    heads=3,
    image_size=32,
    patch_size=8,
)
TOKENS, SIZE, PATCHES = 9, (32, 48), 24


@pytest.fixture(scope="module")
def cost():
    return cost_of(Vilt(CONFIG), text_tokens=TOKENS, image_size=SIZE, runs=2)


def flops_of_blocks(*, depth, d, s):
    """Query, key, value and output; scores and their average of values; the MLP: as products."""
    return 2 * depth * (4 * s * d * d + 2 * s * s * d + 8 * s * d * d)


def test_flops_are_the_closed_forms(cost):
    d, s = CONFIG.width, TOKENS + 1 + PATCHES
    visual, text, interaction = (part.flops for part in cost.components)
    assert cost.patches == PATCHES
    stretched = 2 * (4 * 4 * 4 * d + 4 * 6 * 4 * d)  # the position table, from 4 x 4 to 4 x 6
    assert visual == 2 * PATCHES * 3 * CONFIG.patch_size**2 * d + stretched
    assert text == 0
    assert interaction == flops_of_blocks(depth=CONFIG.depth, d=d, s=s) + 2 * d * d
    assert cost.total.flops == visual + interaction


def test_flops_of_heads_are_those_of_one_use(cost):
    d = CONFIG.width
    assert {head.name.removeprefix("head of "): head.flops for head in cost.heads} == {
        "itm": 2 * d * 2,
        "mlm": 2 * TOKENS * (d * d + d * CONFIG.vocab_size),
        "rank": 2 * d,
        "nlvr2": 2 * (2 * d * 2 * d + 2 * d * 2),
        "vqa": 2 * (d * 2 * d + 2 * d * CONFIG.answers),
        "naming": 2 * PATCHES * d * CONFIG.patch_classes,
        "mentioning": 2 * PATCHES * d,
        "locating": 2 * TOKENS * d * (7 + 2),
        "comparing": 2 * d * 3,
    }


def test_every_parameter_has_one_place(cost):
    model = Vilt(CONFIG)
    assert cost.total.parameters + sum(head.parameters for head in cost.heads) == sum(
        parameter.numel() for parameter in model.parameters()
    )
    visual, text, interaction = (part.parameters for part in cost.components)
    inner = (model.encoder, model.fusion, model.pooler)
    assert interaction == sum(p.numel() for part in inner for p in part.parameters())
    assert text == sum(p.numel() for p in model.text_embedding.parameters())
    assert visual == sum(p.numel() for p in model.patch_embedding.parameters())


def test_times_add_up_and_are_told(cost):
    assert all(part.milliseconds > 0 for part in (*cost.components, *cost.heads))
    assert cost.total.milliseconds == pytest.approx(
        sum(part.milliseconds for part in cost.components)
    )
    text = cost_markdown(cost)
    for part in (*cost.components, *cost.heads):
        assert f"{part.name} " in text
        assert f"{part.parameters:,}" in text
    assert cost.paper is None
    assert "paper" not in text


def test_a_model_is_left_as_it_was():
    model = Vilt(CONFIG).train()
    cost_of(model, text_tokens=3, image_size=(8, 8), runs=1)
    assert model.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_any_model_that_returns_an_output_will_do():
    """Of another family: an embedder of images by another name, parameters of its own."""

    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.vilt = Vilt(replace(CONFIG, tasks=(), answers=0, patch_classes=0))
            self.text_gate = nn.Linear(4, 4)
            self.image_encoder = nn.Linear(6, 6)
            self.scale = nn.Parameter(torch.ones(3))

        def forward(self, text, image):
            self.text_gate(torch.zeros(5, 4))
            self.image_encoder(torch.zeros(7, 6))
            return self.vilt(text, image)

    found = cost_of(Other(), text_tokens=TOKENS, image_size=SIZE, runs=1)
    visual, text, interaction = found.components
    assert (visual.parameters, visual.flops) == (6 * 6 + 6, 2 * 7 * 6 * 6)
    assert (text.parameters, text.flops) == (4 * 4 + 4, 2 * 5 * 4 * 4)
    assert interaction.parameters == sum(p.numel() for p in Other().vilt.parameters()) + 3
    assert found.heads == ()


def test_a_grid_model_is_measured_at_its_longest_picture():
    config = pixelbert_mini(vocab_size=50, answers=3)
    model = PixelBert(replace(config, longest_side=192, max_text_tokens=512))
    found = cost_at_own_size(model)
    assert found.image_size == (128, 192)
    assert (found.patches, found.text_tokens) == (8 * 12, 40)
    visual, text, interaction = found.components
    d, s = config.width, 40 + 8 * 12
    assert interaction.flops == flops_of_blocks(depth=config.depth, d=d, s=s) + 2 * d * d
    assert text.flops == 0
    assert visual.flops > 2 * 8 * 12 * 96 * d
    assert visual.parameters == sum(p.numel() for p in model.image_embedding.parameters())


@pytest.mark.slow
def test_the_published_size_has_the_papers_parameters():
    with torch.device("meta"):
        model = build("vilt")
    model = model.to_empty(device="cpu")  # its values are of no matter
    found = cost_of(model, text_tokens=1, image_size=(32, 32), runs=1)
    assert found.total.parameters == 111_595_008  # transformers counts as many
    assert found.paper is not None
    assert sum(found.paper.counted_parameters.values()) == 87_414_528
    assert found.paper.counted_flops == {
        tokens: flops_of_blocks(depth=12, d=768, s=s) + 2 * patches * 3 * 32**2 * 768
        for tokens, s, patches in (("200 + 40", 240, 200), ("240 + 1 + 40", 281, 240))
    }
    text = cost_markdown(found)
    for shown in (
        "55.900",
        "43.8",
        "51.777",
        "87.4",
        "87,414,528 parameters = 85,054,464 (blocks)",
    ):
        assert shown in text


def test_json_holds_everything():
    model = build("vilt", size="mini", vocab_size=60)
    found = cost_at_own_size(model)
    described = cost_json(found, name="a mini")
    assert json.loads(json.dumps(described))["total"]["flops"] == found.total.flops
    assert described["task"] == "cost"
    assert described["model"] == "a mini"
    assert described["text_tokens"] == 40
    assert found.image_size == (128, 128)


def test_the_command_tells_the_cost_of_a_shipped_model(tmp_path):
    file = tmp_path / "cost.json"
    shown = subprocess.run(
        [sys.executable, "-m", "vilt_core", "evaluate", "--task", "cost", "--json", str(file)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    found = json.loads(file.read_text())
    assert found["model"] == "vilt-mini"
    assert f"{found['total']['parameters']:,}" in shown.stdout


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"text_tokens": 0}, "text_tokens must be an integer of at least 1"),
        ({"text_tokens": 41}, "at most 40 tokens"),
        ({"image_size": (30, 32)}, "multiples of 8"),
        ({"runs": 0}, "runs must be an integer of at least 1"),
    ],
)
def test_what_the_model_cannot_read_is_one_sentence(wrong, said):
    with pytest.raises(ValueError, match=said):
        cost_of(Vilt(CONFIG), **{"text_tokens": TOKENS, "image_size": SIZE, "runs": 1, **wrong})


def test_counting_leaves_other_threads_alone():
    """A server goes on answering, in inference mode, while somebody's costs are counted."""
    model, other = build("vilt", size="mini", vocab_size=9), nn.Linear(4, 4)
    seen = []

    def answers():
        with torch.inference_mode():
            seen.append(other(torch.ones(1, 4)))

    def work():
        thread = threading.Thread(target=answers)
        thread.start()
        thread.join()
        other(torch.ones(1, 4))

    expected = 2 * 4 * 4  # of this thread alone
    assert count_flops(work) == expected
    assert len(seen) == 1
    assert not torch.nn.modules.module._global_forward_hooks
    assert count_flops(lambda: model.pooler(torch.ones(1, model.config.width))) > 0
