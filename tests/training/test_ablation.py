"""Laws of the ablation: arms differ in what they say alone, and the grid may stop anywhere."""

import json
import shutil
from dataclasses import asdict, fields, replace
from functools import partial
from itertools import islice

import pytest
import torch

from vilt_core.commands.ablate import Ablate
from vilt_core.commands.machine import Machine
from vilt_core.evaluation import text_only
from vilt_core.evaluation.ablation import FINDINGS, PAPER
from vilt_core.interop.lab import load_folder
from vilt_core.objectives.mlm import IGNORED
from vilt_core.training import ablation
from vilt_core.training.ablation import (
    Arm,
    Grid,
    backbone,
    finetuning,
    meeting,
    pretraining,
    table_five,
)
from vilt_core.training.ablation_run import chosen_arms, run_grid
from vilt_core.training.engine import Settings
from vilt_core.training.loop import source_of
from vilt_core.training.stages import Recipe

TINY = partial(
    Grid,
    steps=4,
    finetune_steps=2,
    backbone_steps=2,
    meeting_steps=2,
    batch_size=4,
    gallery=4,
    questions=8,
    captions=4,
    width=64,
    vocab_size=400,
)
OFTEN = Settings(device="cpu", save_every=2)
ARMS = ("whole", "words-patches")


def arm(name: str) -> Arm:
    return chosen_arms(100, (name,))[0]


def differing(one, other) -> set[str]:
    return {f.name for f in fields(one) if getattr(one, f.name) != getattr(other, f.name)}


def lessons(name: str, *, seed: int = 0) -> tuple[Recipe, ...]:
    """Pre-training and both fine-tunings of an arm."""
    grid, own = TINY(), arm(name)
    tuned = [finetuning(grid, own, on=on, seed=seed) for on in ("questions", "statements")]
    return pretraining(grid, own, seed=seed), *tuned


@pytest.fixture(scope="module", autouse=True)
def quick_baseline():
    """The text-only baseline learns from fewer questions here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_only, "FITTED_ON", 400)
        yield
    text_only.world_text_only.cache_clear()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A tiny grid of two arms, through the command."""
    folder = tmp_path_factory.mktemp("ablation")
    with pytest.MonkeyPatch.context() as patch:
        sizes = {
            name: TINY.keywords[name] for name in ("questions", "captions", "width", "vocab_size")
        }
        patch.setattr(ablation, "Grid", partial(Grid, **sizes))
        Ablate(
            to=folder / "runs",
            report=folder / "docs",
            only=ARMS,
            seeds=1,
            steps=4,
            finetune_steps=2,
            backbone_steps=2,
            meeting_steps=2,
            batch_size=4,
            gallery=4,
            machine=Machine(device="cpu"),
        ).run()
    return folder


def test_the_rows_are_the_papers_and_one_without_alignment():
    rows = table_five(100)
    assert [row.steps / 100 for row in rows] == [0.25, 0.5, 1, 1, 1, 1, 2, 1]
    marks = [(row.whole_words, row.masked_patches, row.augmented) for row in rows]
    assert marks == [  # x and O of Table 5
        (False, False, False),
        (False, False, False),
        (False, False, False),
        (True, False, False),
        (True, True, False),
        (True, False, True),
        (True, False, True),
        (True, False, False),
    ]
    assert [row.aligned for row in rows] == [True] * 7 + [False]
    assert [row.name for row in rows[:7]] == list(PAPER)


@pytest.mark.parametrize(
    ("one", "other", "pretrained", "tuned"),
    [
        ("quarter", "whole", {"steps"}, set()),
        ("half", "whole", {"steps"}, set()),
        ("whole", "words", {"mask_unit"}, set()),
        ("words", "words-patches", {"patch_mask_rate"}, set()),
        ("words", "words-augmented", set(), {"augment"}),
        ("words-augmented", "twice-words-augmented", {"steps"}, set()),
        ("words", "words-unaligned", {"wpa"}, set()),
    ],
)
def test_arms_differ_in_exactly_what_they_say(one, other, pretrained, tuned):
    for at, (mine, yours) in enumerate(zip(lessons(one), lessons(other), strict=True)):
        assert differing(mine, yours) <= {"stages"}
        (first,), (second,) = mine.stages, yours.stages
        assert differing(first, second) == (tuned if at else pretrained)
    assert (arm(one).pretraining == arm(other).pretraining) == (not pretrained)


def test_a_finding_compares_arms_that_differ_in_one_thing():
    for finding in FINDINGS:
        assert len(differing(arm(finding.before), arm(finding.after)) - {"name"}) == 1


def test_the_start_has_seen_nothing_that_arms_differ_in(tiny_bundle):
    for recipe in (backbone(TINY()), meeting(TINY())):
        (stage,) = recipe.stages
        assert (stage.mask_rate, stage.wpa) == (0, False) or "captions" not in stage.mix
        assert (stage.patch_mask_rate, stage.augment, stage.mixgen) == (0, False, 0)
        source = source_of(stage, bundle=tiny_bundle, data=None, seed=0)
        rows = source.rows(0, range(stage.batch_size))
        assert all(row.masked is None or (row.masked == IGNORED).all() for row in rows)


def test_nothing_of_the_worlds_truth_is_taught_after_the_start():
    for row in table_five(100):
        for recipe in lessons(row.name):
            (stage,) = recipe.stages
            weights = (stage.naming_weight, stage.mentioning_weight, stage.grounding_weight)
            assert weights == (0, 0, 0)
            assert stage.inked == 0


def pictures(recipe: Recipe, bundle) -> list[torch.Tensor]:
    """What the first step of a recipe shows."""
    (stage,) = recipe.stages
    source = source_of(stage, bundle=bundle, data=None, seed=recipe.seed)
    return [row.pixels for row in source.rows(0, range(stage.batch_size))]


def test_arms_of_a_seed_see_the_same_scenes_and_seeds_and_lessons_see_others(tiny_bundle):
    def seen(name: str, seed: int) -> list[list[torch.Tensor]]:
        return [pictures(recipe, tiny_bundle) for recipe in lessons(name, seed=seed)]

    first, same, other = seen("whole", 0), seen("words-patches", 0), seen("whole", 1)
    shown = [picture for batch in first for picture in batch]
    for shared in (backbone, meeting):
        shown += pictures(shared(TINY()), tiny_bundle)
    for one, two in zip(first, same, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    for batch in other:
        assert not any(torch.equal(one, two) for one in batch for two in shown)
    distinct = {picture.numpy().tobytes() for picture in shown}
    assert len(distinct) == len(shown)


def test_a_quarter_of_the_steps_sees_the_beginning_of_what_the_whole_sees(tiny_bundle):
    short, long = (pretraining(TINY(), arm(name), seed=0) for name in ("quarter", "whole"))
    for one, two in zip(pictures(short, tiny_bundle), pictures(long, tiny_bundle), strict=True):
        assert torch.equal(one, two)


def test_every_arm_starts_from_the_same_model(uninterrupted):
    runs = uninterrupted / "runs"
    named = load_folder(runs / "backbone" / "named" / "seeded").model
    start = load_folder(runs / "backbone" / "model").model
    plain, patches = (
        load_folder(runs / "pretraining" / arm.pretraining / "0" / "model").model
        for arm in chosen_arms(4, ARMS)
    )
    assert named.config.depth < start.config.depth
    assert plain.config == start.config
    assert patches.config == replace(plain.config, tasks=("itm", "mlm", "mpp"))
    extra = patches.state_dict().keys() - plain.state_dict().keys()
    assert {name.split(".")[0] for name in extra} == {"mpp", "patch_embedding"}
    assert sum(name.startswith("patch_embedding") for name in extra) == 1  # the mask token


def test_the_command_leaves_scores_and_a_page(uninterrupted):
    for arm in chosen_arms(4, ARMS):
        found = json.loads((uninterrupted / "runs" / arm.name / "0" / "results.json").read_text())
        assert found["arm"] == asdict(arm)
        assert found["retrieval"]["gallery"] == 4
        assert found["retrieval"]["head"] == "itm"
        assert {found[name]["examples"] for name in ("vqa", "vqa_style", "nlvr2")} == {8}
        assert found["vqa_style"]["data"] == "world:style"
        assert 0 <= found["alignment"]["pointing"]["ipot_mass"] <= 1
    page = (uninterrupted / "docs" / "ablation.md").read_text()
    assert "4 WWM (0 of 1)" in page
    assert "4 WWM + MPP" in page
    assert {path.suffix for path in (uninterrupted / "docs").iterdir()} == {".md", ".json", ".png"}


def test_a_grid_that_is_stopped_again_and_again_ends_as_if_it_had_not_been(uninterrupted, tmp_path):
    running = partial(run_grid, TINY(), tmp_path, arms=chosen_arms(4, ARMS[:1]), seeds=1)
    sittings = 0
    while not (tmp_path / "whole" / "0" / "results.json").is_file():
        sitting = running(settings=OFTEN)
        list(islice(sitting, 5))
        sitting.close()
        sittings += 1
    assert sittings > 2
    results = ("whole", "0", "results.json")
    expected = uninterrupted.joinpath("runs", *results).read_bytes()
    assert tmp_path.joinpath(*results).read_bytes() == expected
    assert not list(tmp_path.rglob("run.pt"))


def test_what_is_done_is_not_done_again(uninterrupted):
    runs = uninterrupted / "runs"
    assert list(run_grid(TINY(), runs, arms=chosen_arms(4, ARMS), seeds=1, settings=OFTEN)) == []


def test_a_larger_gallery_is_measured_and_nothing_is_trained_again(uninterrupted, tmp_path):
    runs = shutil.copytree(uninterrupted / "runs", tmp_path / "runs")
    questions = runs / "whole" / "0" / "questions" / "results.json"
    written = questions.stat().st_mtime_ns
    larger = replace(TINY(), gallery=6)
    assert list(run_grid(larger, runs, arms=chosen_arms(4, ARMS), seeds=1, settings=OFTEN)) == []
    for arm in ARMS:
        found = json.loads((runs / arm / "0" / "results.json").read_text())
        assert found["retrieval"]["gallery"] == 6
    assert questions.stat().st_mtime_ns == written
    models = [path.relative_to(runs) for path in runs.rglob("*.safetensors")]
    assert models
    for path in models:
        assert (runs / path).read_bytes() == (uninterrupted / "runs" / path).read_bytes()


def test_a_folder_of_another_grid_is_left_alone(uninterrupted):
    other = replace(TINY(), finetune_steps=3)
    runs = uninterrupted / "runs"
    with pytest.raises(ValueError, match=r"another grid \(finetune_steps 2 there and 3 here\)"):
        next(run_grid(other, runs, arms=chosen_arms(4), settings=OFTEN))


def test_the_grid_is_run_by_one_process(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="trains and measures in one process"):
        next(run_grid(TINY(), tmp_path, arms=chosen_arms(4), settings=OFTEN))
    assert not list(tmp_path.iterdir())


def test_arms_are_chosen_by_their_names():
    assert [arm.name for arm in chosen_arms(8, ("words", "half"))] == ["half", "words"]
    with pytest.raises(ValueError, match=r"arms are quarter, .*, got nonsense"):
        chosen_arms(8, ("nonsense",))
    with pytest.raises(ValueError, match="at least 4"):
        TINY(steps=3)
