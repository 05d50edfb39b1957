"""Laws of the paper's recipes: its numbers, and a schedule that nothing cuts short."""

import pytest

from vilt_core.training import recipes
from vilt_core.training.begin import ANSWERED
from vilt_core.training.optim import learning_rate
from vilt_core.training.paper import PAPER

FINETUNED = sorted(set(PAPER) - {"vilt-b32-pretrain"})

# Section 4 of the paper, Tables 1 and 5, and the splits as they are published.
EXAMPLES = {
    "vilt-b32-pretrain": 567_000 + 5_410_000 + 3_010_000 + 867_000,
    "vilt-b32-vqav2": 443_757 + 214_354,
    "vilt-b32-nlvr2": 86_373,
    "vilt-b32-coco": 567_000,
    "vilt-b32-flickr30k": 5 * 29_000,
}
BATCHES = dict.fromkeys(PAPER, 256) | {"vilt-b32-pretrain": 4096, "vilt-b32-nlvr2": 128}


@pytest.mark.parametrize("name", sorted(PAPER))
def test_the_numbers_of_the_paper(name):
    paper = PAPER[name]()
    stage = paper.stage
    assert paper.recipe.name == name
    assert paper.examples == pytest.approx(EXAMPLES[name], rel=0.01)
    assert stage.batch_size == BATCHES[name]
    assert (stage.learning_rate, stage.weight_decay) == (1e-4, 1e-2)
    assert stage.augment == (name in FINETUNED)
    assert (stage.mask_rate, stage.mask_unit, stage.wpa_weight) == (0.15, "word", 0.1)
    assert stage.head_rate == (10 if name == "vilt-b32-vqav2" else 1)
    assert stage.negatives == 15
    assert stage.clip >= 1e9  # gradients are not clipped
    assert not stage.hard_negatives  # false pairs are those of other pictures
    assert not stage.mixgen
    sizes = paper.sizes
    assert (sizes.width, sizes.depth, sizes.patch_size, sizes.image_size) == (768, 12, 32, 384)
    assert sizes.max_patches == (228 if name in FINETUNED else 200)


@pytest.mark.parametrize("name", sorted(PAPER))
def test_recipes_are_a_function_each_among_those_of_the_lab(name):
    assert getattr(recipes, name.replace("-", "_")) is PAPER[name]


@pytest.mark.parametrize("steps", [100_000, 200_000])
def test_the_rate_rises_over_a_tenth_of_the_steps_and_ends_at_nothing(steps):
    stage = PAPER["vilt-b32-pretrain"](steps=steps).stage
    assert stage.steps == steps
    rates = [learning_rate(stage, at) for at in (0, steps // 10 - 1, 11 * steps // 20, steps - 1)]
    assert rates == pytest.approx([1e-4 / (steps // 10), 1e-4, 5e-5, 0], abs=2e-9)


@pytest.mark.parametrize("name", FINETUNED)
def test_a_finetuning_sees_everything_ten_times(name):
    """The 2021 code divides the steps of the schedule by the parts of a batch."""
    examples = 100 * BATCHES[name]
    paper = PAPER[name](examples=examples)
    assert paper.stage.steps == 1000
    assert paper.epochs == 10
    assert learning_rate(paper.stage, 999) > 0


def test_an_answer_of_vqa_is_that_of_nine_questions():
    assert ANSWERED == 9


def test_pretraining_sees_its_data_as_often_as_its_steps_say():
    assert PAPER["vilt-b32-pretrain"](examples=4096, steps=7).epochs == 7


@pytest.mark.parametrize("name", sorted(PAPER))
def test_a_rehearsal_is_shorter_and_nothing_else(name):
    whole, short = PAPER[name](), PAPER[name](scale=0.01)
    assert short.stage.steps == round(whole.stage.steps * 0.01)
    assert short.sizes == whole.sizes


def test_masked_patches_are_for_those_who_ask():
    plain, masking = (PAPER["vilt-b32-pretrain"](patch_masking=asked) for asked in (False, True))
    assert plain.stage.patch_mask_rate == 0
    assert masking.stage.patch_mask_rate == 0.15
    assert set(masking.sizes.tasks) - set(plain.sizes.tasks) == {"mpp"}


def test_mixgen_is_a_share_of_the_pairs():
    assert PAPER["vilt-b32-pretrain"](mixgen=0.25).stage.mixgen == 0.25
    with pytest.raises(ValueError, match=r"mixgen must be a share of the pairs, 0 to 1, got 2\.0"):
        PAPER["vilt-b32-pretrain"](mixgen=2.0)
