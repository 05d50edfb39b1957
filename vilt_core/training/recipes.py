"""How models are trained: a recipe is a list of stages, a stage is one schedule.

python -m vilt_core train --recipe vilt-mini --to runs/vilt-mini

Those of the shipped models are here; those of the paper, which bring data, are of paper.py.
"""

from collections.abc import Callable
from dataclasses import replace

from vilt_core import config
from vilt_core.interop.bundle import Bundle
from vilt_core.training.paper import (
    vilt_b32_coco,
    vilt_b32_flickr30k,
    vilt_b32_nlvr2,
    vilt_b32_pretrain,
    vilt_b32_vqav2,
)
from vilt_core.training.stages import EVEN_QUESTIONS, Recipe, Stage, scaled
from vilt_core.training.transfer import add_heads, strengthen_positions
from vilt_core.training.truths import patch_classes

__all__ = [
    "RECIPES",
    "vilt_b32_coco",
    "vilt_b32_flickr30k",
    "vilt_b32_nlvr2",
    "vilt_b32_pretrain",
    "vilt_b32_vqav2",
    "vilt_mini",
    "vilt_mini_gpu",
    "vilt_mini_guests",
    "vilt_mini_longer",
    "vilt_mini_pairs",
    "vilt_mini_places",
]

# Whom stages of eight blocks ask, and after which of them: names first, then what is spoken of.
_TAUGHT = Stage(
    name="taught",
    steps=1,
    mix={},
    naming_depth=5,
    mentioning_depth=7,
    locating_weight=1.0,
    locating_depth=7,
    gathering_weight=0.5,
    gathering_block=6,
)


def vilt_mini(*, scale: float = 1.0) -> Recipe:
    """The shipped model, on two CPU cores in an hour and a half: 0.7 million pictures.

    The backbone first (the paper starts from a ViT trained on ImageNet), then captions, then
    questions with a share of captions, so that one checkpoint keeps every head. The last four
    stages are what it took to find out what works (docs/training.md), as they ran; but positions,
    which then began next to nothing, now begin as waves (layers/init.py).

    Args:
        scale: multiplies the steps of every stage.
    """
    backbone = Stage(
        name="backbone",
        steps=1700,
        horizon=3000,
        mix={"patches": 1.0},
        learning_rate=2e-3,
        weight_decay=0.05,
    )
    pretrain = Stage(
        name="pretrain",
        steps=900,
        horizon=5200,
        warmup=0.04,
        mix={"captions": 0.7, "questions": 0.3},
        learning_rate=8e-4,
        noun_mask_rate=0.4,
        naming_weight=0.5,
        inked=0.3,
    )
    questions = replace(
        pretrain,
        name="questions",
        steps=400,
        horizon=5000,
        warmup=0.01,
        mix={"captions": 0.35, "questions": 0.65},
        learning_rate=7e-4,
        hard_negatives=0.3,
        naming_weight=0.25,
        question_mix=EVEN_QUESTIONS | {"existence": 2.5, "spatial": 1.5, "count": 1.5},
    )
    mentions = replace(
        questions,
        name="mentions",
        steps=600,
        horizon=4000,
        mix={"captions": 0.3, "questions": 0.7},
        naming_weight=0.5,
        naming_depth=4,
        mentioning_weight=1.0,
        mentioning_depth=5,
        question_mix=EVEN_QUESTIONS | {"existence": 2.0, "spatial": 1.5, "count": 1.5},
    )
    grown = replace(
        mentions,
        name="grown",
        steps=500,
        horizon=2600,
        warmup=0.02,
        depth=8,
        naming_depth=6,
        mentioning_depth=7,
    )
    finetune = replace(grown, name="finetune", steps=700, horizon=1100, learning_rate=5e-4)
    ground = replace(
        grown, name="ground", steps=700, horizon=None, learning_rate=4e-4, grounding_weight=0.5
    )
    stages = (backbone, pretrain, questions, mentions, grown, finetune, ground)
    return scaled(Recipe(name="vilt-mini", stages=stages), scale)


def vilt_mini_pairs(*, scale: float = 1.0) -> Recipe:
    """The shipped model taught statements over two pictures, and more of everything else.

    Starts from ``vilt_mini``'s end (``--from``) with a fresh NLVR2 head: 0.1 million rows more.

    Args:
        scale: multiplies the steps of the stage.
    """
    stage = Stage(
        name="pairs",
        steps=750,
        warmup=0.04,
        mix={"captions": 0.25, "questions": 0.45, "statements": 0.3},
        learning_rate=4e-4,
        noun_mask_rate=0.4,
        hard_negatives=0.4,
        naming_weight=0.25,
        naming_depth=6,
        mentioning_weight=0.5,
        mentioning_depth=7,
        grounding_weight=0.5,
        inked=0.3,
        question_mix=EVEN_QUESTIONS | {"existence": 1.5, "spatial": 2.0, "count": 1.5},
    )
    return scaled(Recipe(name="vilt-mini", stages=(stage,), seed=2, prepare=_with_pairs), scale)


def _with_pairs(bundle: Bundle) -> Bundle:
    add_heads(bundle.vilt, nlvr2=True, patch_classes=patch_classes())
    return bundle


def vilt_mini_places(*, scale: float = 1.0) -> Recipe:
    """The shipped model taught where things are, which it had never learned: 0.4 million rows more.

    Starts from ``vilt_mini_pairs``' end (``--from``). Its table of positions was a fortieth of the
    patches that it is added to, and after two blocks no trace of it was left (docs/training.md).

    Args:
        scale: multiplies the steps of every stage.
    """
    places = replace(
        _TAUGHT,
        name="places",
        steps=1600,
        horizon=7000,
        warmup=0.02,
        mix={"captions": 0.3, "questions": 0.55, "statements": 0.15},
        batch_size=64,
        learning_rate=6e-4,
        mask_rate=0.25,
        noun_mask_rate=0.4,
        hard_negatives=0.5,
        naming_weight=0.25,
        mentioning_weight=0.5,
        grounding_weight=0.5,
        kept_patches=34,
        inked=0.4,
        question_mix=EVEN_QUESTIONS | {"spatial": 2.5, "count": 1.5, "relation": 1.5},
    )
    differences = replace(
        places,
        name="differences",
        steps=3200,
        horizon=4400,
        learning_rate=5e-4,
        comparing_weight=1.0,
        comparing_depth=7,
        retouched=0.5,
    )
    whole = replace(
        differences,
        name="whole",
        steps=1790,
        horizon=None,
        warmup=0.0,
        learning_rate=2e-4,
        kept_patches=None,
        inked=0.3,
        retouched=0.3,
        question_mix=EVEN_QUESTIONS | {"spatial": 1.5, "count": 1.5},
    )
    stages = (places, differences, whole)
    return scaled(Recipe(name="vilt-mini", stages=stages, seed=3, prepare=_with_places), scale)


def vilt_mini_longer(*, scale: float = 1.0) -> Recipe:
    """6,500 steps more of the same: scores were still rising as the places ended.

    Starts from ``vilt_mini_places``' end (``--from``), or from the model as it ships, whose heads
    of training begin anew. Half the patches first, which takes two thirds of the time, then whole
    pictures at a rate that ends at nothing.

    Args:
        scale: multiplies the steps of every stage.
    """
    _, differences, whole = vilt_mini_places().stages
    longer = replace(differences, name="longer", steps=4000, horizon=10000)
    settled = replace(whole, name="settled", steps=2500)
    stages = (longer, settled)
    return scaled(Recipe(name="vilt-mini", stages=stages, seed=4, prepare=_with_pairs), scale)


def vilt_mini_guests(*, scale: float = 1.0) -> Recipe:
    """The shipped model's last 4,500 steps, among four more artists: for styles it has not seen.

    Starts from ``vilt_mini_longer``'s end (``--from``), or from the model as it ships, whose heads
    of training begin anew. Half the patches first, then whole pictures, as before.

    Args:
        scale: multiplies the steps of every stage.
    """
    longer, settled = vilt_mini_longer().stages
    guests = replace(longer, name="guests", steps=3000, horizon=5000, guests=0.6)
    settled = replace(settled, name="at-home", steps=1500, guests=0.4)
    stages = (guests, settled)
    return scaled(Recipe(name="vilt-mini", stages=stages, seed=5, prepare=_with_pairs), scale)


def _with_places(bundle: Bundle) -> Bundle:
    strengthen_positions(_with_pairs(bundle).vilt)
    return bundle


def vilt_mini_gpu(*, scale: float = 1.0) -> Recipe:
    """The model to ship from one GPU in half an hour: a grid of 12 x 12, 20 million pictures.

    Args:
        scale: multiplies the steps of every stage.
    """
    stages = (
        Stage(
            name="backbone",
            steps=8000,
            horizon=12000,
            mix={"patches": 1.0},
            batch_size=512,
            learning_rate=2e-3,
            weight_decay=0.05,
            inked=0.3,
        ),
        replace(
            _TAUGHT,
            name="pretrain",
            steps=12000,
            horizon=24000,
            warmup=0.04,
            mix={"captions": 0.6, "questions": 0.25, "statements": 0.15},
            batch_size=512,
            learning_rate=1e-3,
            noun_mask_rate=0.3,
            hard_negatives=0.3,
            depth=8,
            naming_weight=0.5,
            mentioning_weight=1.0,
            inked=0.3,
        ),
        replace(
            _TAUGHT,
            name="finetune",
            steps=20000,
            warmup=0.02,
            mix={"captions": 0.25, "questions": 0.5, "statements": 0.25},
            batch_size=512,
            learning_rate=8e-4,
            naming_weight=0.25,
            mentioning_weight=0.5,
            grounding_weight=0.5,
            comparing_weight=1.0,
            comparing_depth=7,
            inked=0.3,
            guests=0.4,
        ),
    )
    return scaled(Recipe(name="vilt-mini-gpu", stages=stages, config=config.vilt_mini_gpu), scale)


RECIPES: dict[str, Callable[..., Recipe]] = {
    "vilt-mini": vilt_mini,
    "vilt-mini-pairs": vilt_mini_pairs,
    "vilt-mini-places": vilt_mini_places,
    "vilt-mini-longer": vilt_mini_longer,
    "vilt-mini-guests": vilt_mini_guests,
    "vilt-mini-gpu": vilt_mini_gpu,
}
