"""Every race, with a tiny model: that it runs, and that both sides compute the same."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("transformers", reason="there is nobody to race against")

from vilt_core.bench import BENCHES, Setting, bench, markdown
from vilt_core.bench.checkpoints import CLASSES, sentence, vocabulary, write_checkpoint
from vilt_core.bench.inference import make_inputs
from vilt_core.bench.memory import memory
from vilt_core.bench.setting import PUBLISHED, TINY
from vilt_core.bench.training import _Step, make_lesson, our_loss, step_flops, their_loss
from vilt_core.bench.transport import exact_plan, random_cost
from vilt_core.interop.opening import open_bundle
from vilt_core.transport import transport_cost

CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[2]
KEYS = {"case", "ours_ms", "peer", "peer_ms", "speedup", "max_difference"}


@pytest.fixture
def short(monkeypatch):
    """Fewer and smaller cases, and no process of its own to look at the memory of."""
    modules = {name: sys.modules[f"vilt_core.bench.{name}"] for name in BENCHES}
    monkeypatch.setattr(modules["inference"], "BATCHES", (1, 2))
    monkeypatch.setattr(modules["inference"], "memory", lambda *args, **kwargs: {})
    monkeypatch.setattr(modules["transport"], "CASES", ((1, 5, 9, 100, 0.1), (2, 5, 9, 20, 0.5)))
    monkeypatch.setattr(modules["scoring"], "LOOP", 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("checkpoint")
    write_checkpoint(found, TINY, task="vqa")
    return found


@pytest.mark.parametrize("name", BENCHES)
def test_a_race_has_rows_and_both_sides_agree(name, short):
    found = bench(name, device="cpu", seconds=0.0, limit=7, rehearsal=True)
    assert json.loads(json.dumps(found)) == found
    assert {"hardware", "rows"} <= set(found)
    assert found["bench"] == name
    for row in found["rows"]:
        assert set(row) == KEYS
        assert row["ours_ms"] > 0
        assert row["speedup"] == pytest.approx(row["peer_ms"] / row["ours_ms"])
        # The exact optimum is where IPOT goes to, and the convolution only a part of ours.
        limit = 0.05 if "POT" in row["peer"] or "bfloat16" in row["case"] else 1e-5
        assert row["max_difference"] is None or row["max_difference"] <= limit
    compared = [row for row in found["rows"] if row["max_difference"] is not None]
    assert name == "throughput" or len(compared) >= len(found["rows"]) / 2
    assert "tiny" in markdown(found)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "families"}, "bench must be one of inference, transport, training, scoring"),
        ({"device": "tpu"}, "device must be auto, cpu or cuda, got 'tpu'"),
        ({"seconds": -1.0}, "seconds must be at least 0, got -1.0"),
        ({"limit": 0}, "limit must be at least 1, got 0"),
    ],
)
def test_a_mistake_is_one_sentence(wrong, said):
    settings = {"name": "transport", "device": "cpu", **wrong}
    with pytest.raises(ValueError, match=said):
        bench(**settings)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="found no GPU"):
        bench("transport", device="cuda")


@pytest.mark.parametrize("task", CLASSES)
def test_checkpoints_are_the_same_every_time(task, tmp_path):
    for name in ("one", "two"):
        torch.manual_seed(len(name))  # the caller's own luck changes nothing
        write_checkpoint(tmp_path / name, TINY, task=task)
    one, two = (tmp_path / name / "model.safetensors" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_a_checkpoint_is_of_the_published_size(tmp_path):
    assert (PUBLISHED.width, PUBLISHED.depth, PUBLISHED.heads) == (768, 12, 12)
    assert len(vocabulary(PUBLISHED)) == PUBLISHED.vocab_size == 30522


def test_sentences_have_the_tokens_that_were_asked_for(folder):
    tokenizer = open_bundle(folder).tokenizer
    for tokens in (3, 17, TINY.text_tokens):
        text = sentence(TINY, tokens, generator=torch.Generator().manual_seed(0))
        encoded = tokenizer.encode([text]).batch
        assert encoded.ids.shape == (1, tokens)
        assert not (encoded.ids == tokenizer.unknown).any()


def test_answers_are_not_all_equally_likely(folder):
    model = open_bundle(folder).model
    inputs = make_inputs([(64, 64)] * 4, TINY, device=CPU)
    with torch.no_grad():
        chances = model.vqa(model.pool(inputs.text, inputs.image)).softmax(dim=-1)
    assert chances.max() > 1.5 / TINY.answers
    assert chances.std(dim=0).max() > 1e-3


def test_inputs_of_several_sizes_are_padded():
    inputs = make_inputs([(64, 96), (96, 64)], TINY, device=CPU)
    assert inputs.image.pixels.shape == (2, 3, 96, 96)
    assert inputs.image.mask.sum(dim=(1, 2)).tolist() == [64 * 96, 96 * 64]
    assert torch.equal(inputs.theirs["pixel_mask"].bool(), inputs.image.mask)
    assert not inputs.image.pixels[:, :, 64:, 64:].any()
    assert make_inputs([(64, 64)], TINY, device=CPU).image.mask is None


def test_the_exact_plan_costs_no_more_than_any_other():
    cost = random_cost(1, 6, 10, device=CPU)
    even = torch.full_like(cost, 1 / 60)
    plan = exact_plan(cost)
    torch.testing.assert_close(plan.sum(dim=2), torch.full((1, 6), 1 / 6))
    assert transport_cost(cost, plan) < transport_cost(cost, even)


def test_both_sides_take_the_same_step(tmp_path):
    import transformers

    write_checkpoint(tmp_path, TINY, task="mlm")
    lesson = make_lesson(4, Setting(device=CPU, rehearsal=True))
    assert lesson.matched.tolist() == [True, False, True, False]
    torch.manual_seed(0)
    itm = torch.nn.Linear(TINY.width, 2)
    sides = {
        our_loss: open_bundle(tmp_path).model.train(),
        their_loss: transformers.ViltForMaskedLM.from_pretrained(tmp_path).train(),
    }
    gradients = []
    for loss, model in sides.items():
        itm.zero_grad()
        loss(model, itm, lesson).backward()
        gradients.append(itm.weight.grad.clone())
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=1e-4)
    step = _Step(our_loss, sides[our_loss], itm, lesson, half=False)
    before = step.loss().item()
    step()
    assert step.loss().item() < before


def test_a_step_costs_three_times_its_forward_pass(tmp_path):
    write_checkpoint(tmp_path, TINY, task="mlm")
    model = open_bundle(tmp_path).model.train()
    lesson = make_lesson(2, Setting(device=CPU, rehearsal=True))
    itm = torch.nn.Linear(TINY.width, 2)
    d, s, n, b = TINY.width, TINY.text_tokens + 1 + 16, 16, 2
    masked = int((lesson.masked >= 0).sum())
    products = TINY.depth * (12 * s * d * d + 2 * s * s * d) * b  # blocks
    products += n * 3 * TINY.patch_size**2 * d * b  # patches
    products += masked * (d * d + d * TINY.vocab_size) + b * (d * d + 2 * d)  # heads
    # Each product has two more on the way back, but that of the pixels: they want no gradient.
    wanted = 2 * 3 * products - 2 * n * 3 * TINY.patch_size**2 * d * b
    assert step_flops(model, itm, lesson) == wanted


def test_the_command_prints_a_table_and_writes_the_same_numbers(tmp_path):
    file = tmp_path / "found.json"
    words = ["bench", "transport", "--device", "cpu", "--rehearsal", "--seconds", "0"]
    shown = subprocess.run(
        [sys.executable, "-m", "vilt_core", *words, "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    found = json.loads(file.read_text())
    assert found["command"] == f"python -m vilt_core {' '.join(words)} --json {file}"
    assert shown.stdout == markdown(found) + "\n"


@pytest.mark.slow
def test_memory_is_measured_in_processes_of_their_own(folder):
    text = sentence(TINY, TINY.text_tokens, generator=torch.Generator().manual_seed(0))
    found = memory(str(folder), side=TINY.side, text=text)
    assert set(found) == {"ours", "transformers"}
    for held in found.values():
        assert 0 < held["after"] <= held["peak"] < 2000
