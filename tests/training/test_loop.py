"""Laws of the loop: it trains, it can be stopped anywhere, and what it leaves behind opens."""

import copy
import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from vilt_core.commands.train import Train
from vilt_core.config import TRAINING_HEADS
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.lab import load_folder
from vilt_core.interop.weights import without_values
from vilt_core.models import build
from vilt_core.training import TrainingStopped, keeper, loop, step
from vilt_core.training.engine import Settings
from vilt_core.training.finetuning import finetuning
from vilt_core.training.loop import Record, new_bundle, train
from vilt_core.training.paper import PAPER
from vilt_core.training.recipes import RECIPES
from vilt_core.training.rivals import FURTHER, RIVALS
from vilt_core.training.stages import Recipe, scaled

SHIPPED = Path(__file__).parents[2] / "assets/models/vilt-mini"
OFTEN = Settings(device="cpu", save_every=2)


def fresh(bundle: Bundle) -> Bundle:
    return replace(bundle, model=copy.deepcopy(bundle.model))


def outcome(records: list[Record]) -> list[tuple]:
    """What must not depend on the clock or on stops."""
    return [(r.stage, r.step, r.kind, r.losses, r.gradient_norm, r.learning_rate) for r in records]


@pytest.fixture(scope="module")
def uninterrupted(tiny_recipe, tiny_bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    bundle = fresh(tiny_bundle)
    records = list(train(tiny_recipe, folder, bundle=bundle, settings=OFTEN))
    return records, folder, bundle


def test_all_stages_run_in_order_and_leave_a_record_a_step(tiny_recipe, uninterrupted):
    records, _, _ = uninterrupted
    expected = [(s.name, at + 1, s.steps) for s in tiny_recipe.stages for at in range(s.steps)]
    assert [(r.stage, r.step, r.steps) for r in records] == expected
    assert {r.kind for r in records} == {"patches", "captions", "questions"}
    assert all(a.seconds <= b.seconds for a, b in itertools.pairwise(records))
    assert all(0 < r.gradient_norm < float("inf") for r in records)
    assert [r.saved for r in records] == [False, True, False, True, True, False, True, True]


@pytest.mark.parametrize(("size", "dtype"), [(10_000_000, torch.float16), (0, torch.float32)])
def test_a_model_too_large_to_ship_is_kept_as_it_is(
    tiny_recipe, tiny_bundle, tmp_path, monkeypatch, size, dtype
):
    monkeypatch.setattr(keeper, "_SHIPPED", size)
    bundle = fresh(tiny_bundle)
    list(train(tiny_recipe, tmp_path, bundle=bundle, settings=OFTEN))
    trained, kept = bundle.model.state_dict(), load_file(tmp_path / "model" / "model.safetensors")
    assert {value.dtype for value in kept.values()} == {dtype}
    assert all(torch.equal(value, trained[name].to(dtype)) for name, value in kept.items())


def test_the_shipped_model_ships_in_half_precision_and_that_of_the_paper_is_whole():
    assert keeper.kept_in(load_folder(SHIPPED).model) == torch.float16
    for name in PAPER:
        assert keeper.kept_in(without_values(PAPER[name]().sizes)) == torch.float32


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_matrix_products_are_in_the_precision_that_is_asked_for(
    tiny_recipe, tiny_bundle, tmp_path, precision
):
    bundle, seen = fresh(tiny_bundle), set()
    for part in bundle.model.modules():
        if isinstance(part, nn.Linear):
            part.register_forward_hook(lambda _part, _given, found: seen.add(found.dtype))
    settings = replace(OFTEN, precision=precision)
    record = next(train(tiny_recipe, tmp_path, bundle=bundle, settings=settings))
    assert seen == {getattr(torch, precision)}
    assert all(map(math.isfinite, record.losses.values()))
    assert {value.dtype for value in bundle.model.parameters()} == {torch.float32}


@pytest.mark.parametrize("compiled", [False, True])
def test_every_block_is_compiled_where_that_is_asked_for(
    tiny_recipe, tiny_bundle, tmp_path, monkeypatch, compiled
):
    called = []
    monkeypatch.setattr(nn.Module, "compile", lambda part: called.append(part))
    bundle = fresh(tiny_bundle)
    next(train(tiny_recipe, tmp_path, bundle=bundle, settings=replace(OFTEN, compiled=compiled)))
    assert called == (list(bundle.model.encoder.blocks) if compiled else [])


@pytest.mark.parametrize("checkpointing", [False, True])
def test_blocks_are_computed_anew_where_that_is_asked_for(
    tiny_recipe, tiny_bundle, tmp_path, checkpointing
):
    bundle, calls = fresh(tiny_bundle), []
    for block in bundle.model.encoder.blocks:
        block.register_forward_pre_hook(lambda block, _: calls.append(block))
    settings = replace(OFTEN, checkpointing=checkpointing)
    next(train(tiny_recipe, tmp_path, bundle=bundle, settings=settings))
    forwards = list(bundle.model.encoder.blocks)
    assert calls == forwards + (forwards[::-1] if checkpointing else [])


@pytest.mark.parametrize("option", ["compiled", "checkpointing"])
def test_what_is_done_by_blocks_is_refused_where_there_are_none(
    tiny_recipe, tiny_bundle, tmp_path, option
):
    recurrent = replace(tiny_bundle, name="vse", model=build("vse", size="mini"))
    settings = replace(OFTEN, **{option: True})
    with pytest.raises(ValueError, match="is for a stack of blocks, vse has none: leave it out"):
        train(tiny_recipe, tmp_path, bundle=recurrent, settings=settings)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stop", [1, 2, 3, 4, 7])
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(
    tiny_recipe, tiny_bundle, uninterrupted, tmp_path, stop
):
    records, _, finished = uninterrupted
    started = train(tiny_recipe, tmp_path, bundle=fresh(tiny_bundle), settings=OFTEN)
    before = list(itertools.islice(started, stop))
    started.close()
    kept = max((at + 1 for at, record in enumerate(before) if record.saved), default=0)
    bundle = fresh(tiny_bundle)
    after = list(train(tiny_recipe, tmp_path, bundle=bundle, settings=OFTEN))
    assert outcome(before[:kept] + after) == outcome(records)
    for one, other in zip(bundle.model.parameters(), finished.model.parameters(), strict=True):
        assert torch.equal(one, other)
    if kept:
        assert after[0].seconds >= before[kept - 1].seconds


def test_a_model_is_kept_as_it_was_at_the_end_of_a_stage(
    tiny_recipe, tiny_bundle, uninterrupted, tmp_path
):
    recipe = replace(tiny_recipe, kept=("pretrain",))
    running = train(recipe, tmp_path, bundle=fresh(tiny_bundle), settings=OFTEN)
    before = list(itertools.islice(running, 5))
    then = load_folder(tmp_path / "model")  # the stage has just ended
    records = before + list(running)
    assert outcome(records) == outcome(uninterrupted[0]), "keeping changes nothing"
    kept, last = load_folder(tmp_path / "model-pretrain"), load_folder(tmp_path / "model")
    assert (kept.name, last.name) == ("tiny-pretrain", "tiny")
    same = [
        (torch.equal(one, other), torch.equal(one, end))
        for one, other, end in zip(
            kept.model.parameters(), then.model.parameters(), last.model.parameters(), strict=True
        )
    ]
    assert all(then for then, _ in same)
    assert not all(end for _, end in same)
    assert not (tmp_path / "model-backbone").exists()


def test_a_finished_run_has_nothing_left_to_do(tiny_recipe, tiny_bundle, uninterrupted):
    _, folder, finished = uninterrupted
    bundle = fresh(tiny_bundle)
    assert list(train(tiny_recipe, folder, bundle=bundle)) == []
    for one, other in zip(bundle.model.parameters(), finished.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_folder_holds_a_model_that_opens(uninterrupted):
    _, folder, finished = uninterrupted
    opened = load_folder(folder / "model")
    assert opened.answers == finished.answers
    assert len(opened.tokenizer) == len(finished.tokenizer)
    trained = finished.model.state_dict()
    for name, value in opened.model.state_dict().items():
        torch.testing.assert_close(value, trained[name].half().float())


def test_a_model_that_was_opened_can_be_finetuned(uninterrupted, tmp_path):
    _, folder, _ = uninterrupted
    bundle = load_folder(folder / "model")
    recipe = finetuning(steps=2, learning_rate=1e-4, batch_size=8)
    records = list(train(recipe, tmp_path, bundle=bundle))
    assert len(records) == 2
    assert not any("naming" in record.losses for record in records)


def test_training_learns(tiny_recipe, tiny_bundle, tmp_path):
    stage = replace(tiny_recipe.stages[0], steps=40, batch_size=16, learning_rate=3e-3)
    recipe = replace(tiny_recipe, stages=(stage,))
    records = list(train(recipe, tmp_path, bundle=fresh(tiny_bundle)))
    first, last = (sum(r.losses["naming"] for r in part) for part in (records[:5], records[-5:]))
    assert last < 0.75 * first


def test_a_gradient_that_is_not_finite_stops_the_run_and_names_the_last_good_state(
    tiny_recipe, tiny_bundle, tmp_path, monkeypatch
):
    running = train(tiny_recipe, tmp_path, bundle=fresh(tiny_bundle), settings=OFTEN)
    for _ in range(2):
        next(running)
    good = (tmp_path / "run.pt").read_bytes()
    monkeypatch.setattr(
        step, "weighted_sum", lambda found, stage: sum(found.values()) * float("nan")
    )
    with pytest.raises(
        TrainingStopped, match=r"the gradient of step 1 of pretrain is not finite.*run\.pt"
    ):
        next(running)
    assert (tmp_path / "run.pt").read_bytes() == good


def test_states_that_are_not_finite_stop_a_run_of_alignment_too(tiny_recipe, tiny_bundle, tmp_path):
    """On a CPU the transport would refuse such costs, from within the step."""
    stage = replace(tiny_recipe.stages[1], mix={"captions": 1.0}, depth=None)
    bundle = fresh(tiny_bundle)
    bundle.model.encoder.norm.weight.data.fill_(float("nan"))
    running = train(replace(tiny_recipe, stages=(stage,)), tmp_path, bundle=bundle, settings=OFTEN)
    with pytest.raises(TrainingStopped, match=r"the gradient of step 1 of .* is not finite; no"):
        next(running)


def test_a_worker_that_is_lost_while_the_model_computes_is_told(
    tiny_recipe, tiny_bundle, tmp_path, monkeypatch
):
    """Torch raises from its handler of signals, wherever the main thread is."""

    def killed(*_, **__):
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")

    monkeypatch.setattr(loop, "update", killed)
    with pytest.raises(TrainingStopped, match="a process that prepares batches was lost"):
        next(train(tiny_recipe, tmp_path, bundle=fresh(tiny_bundle), settings=OFTEN))


def test_pairs_are_not_taken_in_parts(tiny_recipe, tiny_bundle, tmp_path):
    """Their negatives are the others of the batch: in parts there would be fewer, or none."""
    stage = replace(tiny_recipe.stages[-1], mix={"captions": 0.5, "pairs": 0.5})
    recipe = replace(tiny_recipe, stages=(stage,))
    with pytest.raises(ValueError, match="cannot be taken in 2 parts"):
        train(recipe, tmp_path, bundle=tiny_bundle, settings=Settings(device="cpu", accumulate=2))
    assert not list(tmp_path.iterdir())


def test_shards_of_several_stages_are_refused(tiny_recipe):
    with pytest.raises(ValueError, match=f"has {len(tiny_recipe.stages)}: leave it out"):
        loop._check_parts(tiny_recipe, parts=2, sharded=True)
    loop._check_parts(tiny_recipe, parts=2, sharded=False)
    loop._check_parts(replace(tiny_recipe, stages=tiny_recipe.stages[:1]), parts=2, sharded=True)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 1e308])
def test_a_scale_that_leaves_no_number_of_steps_is_refused(tiny_recipe, scale):
    with pytest.raises(ValueError, match="scale must be finite and greater than 0"):
        scaled(tiny_recipe, scale)


def test_a_state_of_another_model_is_refused(tiny_recipe, tiny_bundle, uninterrupted):
    _, folder, _ = uninterrupted
    other = replace(
        tiny_recipe, config=lambda **sizes: replace(tiny_recipe.config(**sizes), width=96)
    )
    bundle = new_bundle(other, tokenizer=tiny_bundle.tokenizer)
    with pytest.raises(ValueError, match=r"run\.pt is the state of another model"):
        next(train(other, folder, bundle=bundle))


def test_another_recipe_or_other_data_do_not_go_on_with_a_run(tiny_recipe, tiny_bundle, tmp_path):
    begun = train(tiny_recipe, tmp_path, bundle=fresh(tiny_bundle), settings=OFTEN)
    list(itertools.islice(begun, 2))
    first, *rest = tiny_recipe.stages
    other = replace(tiny_recipe, stages=(replace(first, batch_size=4), *rest))
    for recipe in (other, replace(tiny_recipe, seed=5)):
        with pytest.raises(ValueError, match=r"run\.pt was begun with another recipe"):
            next(train(recipe, tmp_path, bundle=fresh(tiny_bundle), settings=OFTEN))
    next(train(tiny_recipe, tmp_path, bundle=fresh(tiny_bundle), settings=OFTEN))


def longer(recipe: Recipe, steps: int) -> Recipe:
    """The same with so many steps in its last stage."""
    *stages, last = recipe.stages
    return replace(recipe, stages=(*stages, replace(last, steps=steps)))


@pytest.mark.parametrize("steps", [1, 9])
def test_a_finished_run_of_another_length_is_no_start(
    tiny_recipe, tiny_bundle, uninterrupted, steps
):
    _, folder, _ = uninterrupted
    said = rf"holds a finished run of 8 steps, and {5 + steps} are asked for: .*\(--to\)"
    with pytest.raises(ValueError, match=said):
        train(longer(tiny_recipe, steps), folder, bundle=fresh(tiny_bundle))


def test_a_stage_under_way_may_become_longer_but_not_shorter_than_it_is(
    tiny_recipe, tiny_bundle, tmp_path
):
    running = train(tiny_recipe, tmp_path, bundle=fresh(tiny_bundle), settings=OFTEN)
    list(itertools.islice(running, 7))  # two steps of the last stage
    running.close()
    for steps in (1, 2):
        said = rf"has done 2 steps of finetune, and {steps} are asked for: .*\(--to\)"
        with pytest.raises(ValueError, match=said):
            train(longer(tiny_recipe, steps), tmp_path, bundle=fresh(tiny_bundle))
    records = list(train(longer(tiny_recipe, 5), tmp_path, bundle=fresh(tiny_bundle)))
    assert [record.step for record in records] == [3, 4, 5]


def test_stages_that_are_over_keep_their_lengths(tiny_recipe, tiny_bundle, tmp_path):
    running = train(tiny_recipe, tmp_path, bundle=fresh(tiny_bundle), settings=OFTEN)
    list(itertools.islice(running, 4))
    running.close()
    with pytest.raises(ValueError, match="whose first stages had other lengths"):
        train(scaled(tiny_recipe, 10.0), tmp_path, bundle=fresh(tiny_bundle))


def test_a_run_that_began_with_another_model_is_not_gone_on_with(
    tiny_recipe, tiny_bundle, tmp_path
):
    running = train(tiny_recipe, tmp_path, bundle=fresh(tiny_bundle), settings=OFTEN)
    list(itertools.islice(running, 3))
    running.close()
    other = fresh(tiny_bundle)
    torch.nn.init.normal_(other.model.pooler.dense.weight)
    with pytest.raises(ValueError, match=r"run\.pt was begun with another model \(--from\)"):
        train(tiny_recipe, tmp_path, bundle=other)
    state = torch.load(tmp_path / "run.pt", weights_only=True)
    for name in ("start", "passed_over"):  # a state of old has none of these
        del state[name]
    torch.save(state, tmp_path / "run.pt")
    assert len(list(train(tiny_recipe, tmp_path, bundle=fresh(tiny_bundle)))) == 6


def test_a_run_that_learned_other_words_is_not_gone_on_with(
    tiny_recipe, tiny_bundle, uninterrupted, tokenizer
):
    _, folder, _ = uninterrupted
    with pytest.raises(ValueError, match=r"run\.pt was begun with other words"):
        next(train(tiny_recipe, folder, bundle=replace(tiny_bundle, tokenizer=tokenizer)))


def test_the_same_recipe_makes_the_same_model(tiny_recipe, tiny_bundle):
    again = new_bundle(tiny_recipe)
    assert again.tokenizer.backend.get_vocab() == tiny_bundle.tokenizer.backend.get_vocab()
    for one, other in zip(again.model.parameters(), tiny_bundle.model.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_recipes_scale_and_have_shares_that_sum_to_one(name):
    recipe: Recipe = RECIPES[name]()
    rehearsal: Recipe = RECIPES[name](scale=0.01)
    for stage, short in zip(recipe.stages, rehearsal.stages, strict=True):
        assert sum(stage.mix.values()) == pytest.approx(1)
        assert set(stage.mix) <= {"patches", "captions", "questions", "statements"}
        assert short.steps == round(stage.steps * 0.01)
        assert stage.horizon is None or stage.horizon >= stage.steps


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_a_scale_must_leave_something(scale):
    with pytest.raises(ValueError, match=f"scale must be finite and greater than 0, got {scale}"):
        RECIPES["vilt-mini"](scale=scale)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_asks_no_block_that_its_model_lacks(name):
    recipe = RECIPES[name]()
    config = recipe.config(vocab_size=940, answers=256)
    if recipe.prepare is not None:
        bundle = load_folder(SHIPPED)
        bundle = recipe.prepare(bundle)
        config = bundle.model.config
        assert all(getattr(bundle.model, head) is not None for head in TRAINING_HEADS)
        assert bundle.model.nlvr2 is not None
    depth = config.depth
    for stage in recipe.stages:
        depth = max(depth, stage.depth or 0)
        asked = [getattr(stage, f"{head}_depth") for head in TRAINING_HEADS]
        assert all(at <= depth for at in (*asked, stage.gathering_block) if at is not None)
        assert (stage.kept_patches or 1) <= config.grid**2


def test_every_recipe_can_be_typed():
    assert (
        set(get_args(get_type_hints(Train)["recipe"]))
        == RECIPES.keys() | RIVALS.keys() | FURTHER.keys() | PAPER.keys()
    )
