"""Laws of plans: closed forms of the work, what torch keeps for the backward pass, and days."""

import json
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from vilt_core.commands.train import Planning
from vilt_core.config import ViltConfig, vilt_b32
from vilt_core.evaluation.cost import cost_of
from vilt_core.interop.weights import without_values
from vilt_core.layers import attention
from vilt_core.models.vilt import Vilt
from vilt_core.training.demand import activation_bytes, example_flops, memory, passes, sequence
from vilt_core.training.paper import PAPER
from vilt_core.training.plan import PEAKS, measured_utilisation, plan, render
from vilt_core.training.stages import Stage

SMALL = ViltConfig(
    vocab_size=500, width=96, depth=3, heads=3, image_size=64, patch_size=16, answers=20
)
STAGES = {
    kind: Stage(name="any", steps=3, mix={kind: 1.0}, batch_size=8, negatives=3)
    for kind in ("captions", "questions", "statements", "ranking")
}


def tell(name: str = "vilt-b32-pretrain", /, *, data: str = "somewhere", **how):
    return plan(PAPER[name](sizes=SMALL), data=data, **how)


def test_tokens_are_counted_in_texts_patches_and_passes():
    found = tell()
    assert (found.text_tokens, found.patches) == (40, 4 * 6)  # the longer side up to 1333 / 800
    assert found.tokens_a_step == 4096 * 2 * (40 + 24 + 1)
    assert found.tokens == 200_000 * found.tokens_a_step
    narrow = plan(PAPER["vilt-b32-pretrain"](sizes=replace(SMALL, max_patches=9)), data="")
    assert narrow.tokens_a_step == 4096 * 2 * (40 + 9 + 1)
    ranked = tell("vilt-b32-coco")
    assert ranked.tokens_a_step == 256 * 16 * (40 + 24 + 1)


def test_the_published_size_reads_at_most_228_patches_of_608_by_384():
    assert sequence(PAPER["vilt-b32-vqav2"]().sizes) == 40 + 12 * 19 + 1
    assert sequence(PAPER["vilt-b32-pretrain"]().sizes) == 40 + 200 + 1


def test_forward_and_backward_are_three_times_the_forward_pass_of_the_cost_account():
    """But for the gradients of the pixels and of the resize of positions, which nobody asks for."""
    sizes = replace(vilt_b32(answers=3129), tasks=(), depth=2, max_patches=12 * 19)
    model = without_values(sizes).to_empty(device="cpu")
    cost = cost_of(model, text_tokens=40, image_size=(384, 608), runs=1)
    [head] = cost.heads
    projection = 2 * 228 * (3 * 32 * 32) * 768
    rows_then_columns = 2 * 768 * (12 * 12 * 12 + 12 * 12 * 19)
    counted = example_flops(STAGES["questions"], sizes)
    assert counted == 3 * (cost.total.flops + head.flops) - projection - rows_then_columns


def test_a_pass_of_vilt_b32_computes_44_gigaflops_three_times():
    """What 12 blocks and the projection take at 200 + 40 tokens, 2 FLOPs a multiply-accumulate."""
    paper = PAPER["vilt-b32-pretrain"]()
    counted = example_flops(paper.stage, paper.sizes)
    assert counted / (2 * 3) == pytest.approx(43.8e9, rel=0.01)


def test_work_grows_with_passes():
    one = example_flops(STAGES["questions"], SMALL)
    twice = replace(SMALL, tasks=("itm", "mlm", "nlvr2", "rank"), modality_types=3, answers=0)
    # Of its last block a pass over one picture of two computes a single token.
    last = 1 / SMALL.depth
    assert 2 - 2 * last < example_flops(STAGES["statements"], twice) / one < 2 - last
    ranked = {n: example_flops(replace(STAGES["ranking"], negatives=n), twice) for n in (3, 7, 11)}
    assert ranked[11] - ranked[7] == ranked[7] - ranked[3] > 0
    assert passes(STAGES["ranking"]) == 4


def test_checkpointing_computes_the_blocks_a_second_time():
    plain, again = (
        example_flops(STAGES["questions"], SMALL, checkpointing=c) for c in (False, True)
    )
    assert plain * 1.25 < again < plain * 4 / 3


def test_masked_patches_cost_a_little_more():
    stage = STAGES["captions"]
    masking = replace(SMALL, tasks=("itm", "mlm", "mpp"))
    plain = example_flops(stage, masking)
    assert plain < example_flops(replace(stage, patch_mask_rate=0.15), masking) < plain * 1.02


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_activations_are_what_torch_keeps(monkeypatch, dropout):
    """Of the blocks, under bfloat16, with attention as GPUs compute it."""

    def fused(query, key, value, *, mask=None, causal=False):
        return functional.scaled_dot_product_attention(query, key, value)

    monkeypatch.setattr(attention, "attend", fused)
    sizes = replace(SMALL, dropout=dropout, width=192)
    model = Vilt(sizes).train()
    tokens = torch.randn(2, sequence(sizes), sizes.width, requires_grad=True)
    kept: dict[int, int] = {}
    alive: list[torch.Tensor] = []

    def keep(value: torch.Tensor) -> torch.Tensor:
        if value.numel() % (2 * sequence(sizes)) == 0:  # a value of every token, not of the weights
            storage = value.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(value)
        return value

    with (
        torch.autocast("cpu", torch.bfloat16),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value),
    ):
        model.encoder(tokens)
    masks = sequence(sizes) * sizes.depth * (2 * sizes.width + sizes.mlp_width) if dropout else 0
    # On a CPU a mask of dropout takes two bytes a value, on a GPU one.
    assert sum(kept.values()) / 2 == pytest.approx(activation_bytes(sizes) + masks, rel=0.05)


def test_weights_take_sixteen_bytes_a_parameter_and_a_share_where_they_are_sharded():
    parameters = sum(p.numel() for p in without_values(SMALL).parameters())
    matrices = sum(p.numel() for p in without_values(SMALL).parameters() if p.ndim >= 2)
    whole = memory(SMALL, stage=STAGES["questions"], examples=4)
    assert whole.total - whole.activations == 16 * parameters + 2 * matrices
    held = [
        memory(SMALL, stage=STAGES["questions"], examples=4, devices=n, sharded=True)
        for n in (2, 4, 8)
    ]
    assert [m.optimiser + m.gradients for m in held] == pytest.approx(
        [12 * parameters / n for n in (2, 4, 8)], abs=12
    )
    assert whole.total > held[0].total > held[1].total > held[2].total
    assert {m.activations for m in held} == {whole.activations}


def test_activations_grow_with_what_is_read_at_a_time_and_shrink_by_checkpointing():
    small, large = (memory(SMALL, stage=STAGES["captions"], examples=n) for n in (2, 6))
    assert large.activations == 3 * small.activations
    less = memory(SMALL, stage=STAGES["captions"], examples=6, checkpointing=True)
    assert less.activations < large.activations / 1.5
    assert less.parameters == large.parameters


@pytest.mark.parametrize(("accumulate", "workers"), [(1, 0), (8, 0), (4, 3)])
def test_pictures_wait_in_bytes_by_parts(accumulate, workers):
    """Of 64 x 96 pixels; a share in hand, one just used, and three of each worker."""
    found = tell(devices=2, accumulate=accumulate, workers=workers)
    part = 4096 // (2 * accumulate)
    parts = accumulate + 1 + 3 * workers
    assert found.waiting == parts * part * 2 * (64 * 96) * (3 + 1)  # two passes; colours, a mask
    assert f"{parts} parts of {part:,} examples" in render(found)


def test_what_waits_of_a_batch_does_not_grow_with_the_parts_that_workers_prepare():
    """More parts are smaller: beyond a share and its last part nothing waits but for workers."""
    few, many = (tell(accumulate=parts, workers=2).waiting for parts in (4, 64))
    assert few == pytest.approx(many * (5 + 6) / 4 / ((65 + 6) / 64))
    assert many < few


def test_blends_wait_as_floats_and_a_picture_that_is_ranked_waits_once():
    mixed = plan(PAPER["vilt-b32-pretrain"](sizes=SMALL, mixgen=0.25), data="")
    assert mixed.waiting * 4 == tell().waiting * 13
    assert tell("vilt-b32-coco").waiting == 5 * 256 * (64 * 96) * 4


def test_days_are_the_work_over_the_rate():
    found = tell(devices=4, gpu="H100", utilisation=(0.5, "measured"))
    assert found.days * 86_400 * 4 * 0.5 * 989e12 == pytest.approx(found.flops)
    assert found.flops == found.steps * found.flops_a_step
    assert tell(devices=8, gpu="H100", utilisation=(0.5, "")).days == pytest.approx(found.days / 2)
    days = [tell(gpu=gpu).days for gpu in ("V100", "A100", "H200")]
    assert days == sorted(days, reverse=True)


def test_accumulating_changes_the_memory_and_neither_steps_nor_work():
    at_once, in_parts = (tell(devices=2, accumulate=parts) for parts in (1, 16))
    assert at_once.steps == in_parts.steps
    assert at_once.flops == in_parts.flops
    held = [found.memory["as it is"].activations for found in (at_once, in_parts)]
    assert held[0] == 16 * held[1]


@pytest.mark.parametrize(
    ("how", "complaint"),
    [
        ({"gpu": "T4"}, "gpu must be one of V100, A100, H100, H200, got 'T4'"),
        ({"devices": 3}, "batch of 4096 must fall into equal parts, got 3 devices that accumulate"),
        ({"devices": 0}, "got 0 devices"),
        ({"sharded": True}, "sharding needs at least two devices, got one"),
        ({"utilisation": (1.5, "")}, "utilisation must be above 0 and at most 1, got 1.5"),
    ],
)
def test_plans_that_cannot_be(how, complaint):
    with pytest.raises(ValueError, match=complaint):
        tell(**how)


def test_a_measured_share_is_the_best_of_a_gpu():
    rows = {"batch 64": {"share": 0.31}, "batch 256": {"share": 0.42}, "batch 2": {"share": None}}
    found = {"hardware": "one NVIDIA H200", "utilisation": rows}
    assert measured_utilisation(found, gpu="H200") == (0.42, "measured on one NVIDIA H200")
    with pytest.raises(ValueError, match="with a GPU's utilisation, found none"):
        measured_utilisation(
            {"hardware": "2 CPU cores", "utilisation": {"batch 2": {}}}, gpu="H200"
        )


@pytest.mark.parametrize("gpu", sorted(PEAKS))
def test_a_share_of_one_gpu_is_no_share_of_another(gpu, tmp_path):
    rows = {"batch 64": {"share": 0.42}}
    file = tmp_path / "bench.json"
    file.write_text(json.dumps({"hardware": "one NVIDIA H200", "utilisation": rows}))
    asked = Planning(plan=True, gpu=gpu, bench=file)
    if gpu == "H200":
        assert asked.share() == (0.42, "measured on one NVIDIA H200")
        return
    with pytest.raises(ValueError, match=f"measured on one NVIDIA H200, and --gpu is {gpu}: name"):
        asked.share()


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"hardware": "a GPU", "utilisation": [0.4]},
        {"hardware": "a GPU", "utilisation": {"batch 2": 0.4}},
        {"hardware": "a GPU", "utilisation": {"batch 2": {"share": "0.4"}}},
        {"utilisation": {"batch 2": {"share": 0.4}}},
    ],
)
def test_what_was_not_measured_is_no_share(found):
    with pytest.raises(ValueError, match="with a GPU's utilisation, found none"):
        measured_utilisation(found, gpu="H200")


def test_what_is_printed_says_what_it_assumes():
    found = tell("vilt-b32-nlvr2", devices=2, utilisation=(0.4, "assumed"), data="NLVR2, published")
    shown = render(found)
    for words in ("NLVR2, published: 86,373 examples", "assumed", "6,748 steps", "--shard", "A100"):
        assert words in shown
    assert f"{PEAKS['A100'] / 1e12:.0f} TFLOP/s" in shown
    assert "--shard" not in render(tell(devices=1))
