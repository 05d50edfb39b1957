"""The ablation of the paper's Table 5 in the sticker world: its arms, and their recipes.

Section 4.5 asks what more pre-training, whole-word masking, masked patches and augmentation in
fine-tuning do; this grid asks the same, and what word-patch alignment does besides. An arm is
pre-trained on captions from a start that all arms share, as the paper's one ViT, and fine-tuned
twice: on questions and on statements about two pictures. ablation_run.py runs it.

The shared start knows more than a ViT: its patches know their names, and whether a text speaks of
them. Without the second, matching stayed at chance for the 600 steps of 64 that two CPU cores can
afford an arm. It has seen neither a hidden word or patch, nor an alignment, nor an augmented
picture.

Within a seed all arms see the same scenes in the same order, as far as their steps go: what differs
between two arms is what their descriptions say, and not the luck of the draw. Seeds differ in
everything after the backbone.
"""

from dataclasses import dataclass, replace

from vilt_core import config
from vilt_core.config import ViltConfig
from vilt_core.training.stages import Recipe, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One row of the table."""

    name: str
    steps: int  # of pre-training
    whole_words: bool = False  # words are hidden whole, else piece by piece
    masked_patches: bool = False  # masked patch prediction beside the other objectives
    augmented: bool = False  # RandAugment, in fine-tuning alone
    aligned: bool = True  # word-patch alignment beside matching

    @property
    def pretraining(self) -> str:
        """The name of its pre-training, which arms share that differ in fine-tuning alone."""
        marks = {"words": self.whole_words, "patches": self.masked_patches}
        marks["unaligned"] = not self.aligned
        return "-".join([str(self.steps), *(mark for mark, there in marks.items() if there)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What all arms have in common, and by how much they are measured."""

    steps: int  # of pre-training: the paper's 100K
    finetune_steps: int  # on questions, and as many on statements
    backbone_steps: int  # of naming patches, once for all arms and seeds
    meeting_steps: int  # after those, of telling which patches a text speaks of
    batch_size: int  # of all of them
    gallery: int  # pictures, and captions, of retrieval
    hard_negatives: float = 0.0  # of the false pairs of matching: one word changed; the paper's: 0
    questions: int = 2000  # that are asked, of each set; likewise statements
    captions: int = 300  # whose nouns are pointed at
    width: int = 128
    vocab_size: int = 600

    def __post_init__(self):
        if self.steps < 4:
            raise ValueError(
                f"steps must be at least 4, of which a quarter is one, got {self.steps}"
            )


def table_five(steps: int) -> tuple[Arm, ...]:
    """The rows of Table 5, and one without word-patch alignment.

    Args:
        steps: the paper's 100K; rows of 25K, 50K and 200K have a quarter, half and twice of it.
    """
    return (
        Arm(name="quarter", steps=steps // 4),
        Arm(name="half", steps=steps // 2),
        Arm(name="whole", steps=steps),
        Arm(name="words", steps=steps, whole_words=True),
        Arm(name="words-patches", steps=steps, whole_words=True, masked_patches=True),
        Arm(name="words-augmented", steps=steps, whole_words=True, augmented=True),
        Arm(name="twice-words-augmented", steps=2 * steps, whole_words=True, augmented=True),
        Arm(name="words-unaligned", steps=steps, whole_words=True, aligned=False),
    )


def small_vilt(grid: Grid, *, vocab_size: int, answers: int, patch_classes: int = 0) -> ViltConfig:
    """Small enough for three times eight arms on two CPU cores: 96 x 96 pixels, a grid of 6 x 6.

    Heads are 64 wide, as the paper's. Four blocks learn what patches show; two more are put on top
    as texts join (training/growth.py), so that there are blocks left to use what is known.
    """
    whole = config.vilt_mini(vocab_size=vocab_size, answers=answers, patch_classes=patch_classes)
    return replace(whole, width=grid.width, heads=grid.width // 64, depth=4, image_size=96)


def backbone(grid: Grid) -> Recipe:
    """Patches that know their names: the part of the ViT that the paper starts from."""
    stage = Stage(
        name="backbone",
        steps=grid.backbone_steps,
        mix={"patches": 1.0},
        batch_size=grid.batch_size,
        learning_rate=2e-3,
        weight_decay=0.05,
    )
    return Recipe(
        name="ablation",
        stages=(stage,),
        config=lambda **sizes: small_vilt(grid, **sizes),
        vocab_size=grid.vocab_size,
    )


def meeting(grid: Grid) -> Recipe:
    """Texts and pictures meet: matching, and of every patch, whether the text speaks of it.

    This is the rest of what all arms start from.
    """
    stage = Stage(
        name="meeting",
        steps=grid.meeting_steps,
        mix={"captions": 1.0},
        batch_size=grid.batch_size,
        learning_rate=1e-3,
        warmup=0.03,
        mask_rate=0.0,
        noun_mask_rate=0.0,
        wpa=False,
        hard_negatives=0.0,
        naming_weight=0.5,
        naming_depth=3,
        mentioning_weight=1.0,
        mentioning_depth=5,
        depth=6,
    )
    return Recipe(name="ablation", stages=(stage,))


def pretraining(grid: Grid, arm: Arm, *, seed: int) -> Recipe:
    """Captions: matching and masked words, with what the arm says of the rest."""
    stage = Stage(
        name="pretraining",
        steps=arm.steps,
        mix={"captions": 1.0},
        batch_size=grid.batch_size,
        learning_rate=5e-4,
        mask_unit="word" if arm.whole_words else "piece",
        patch_mask_rate=0.15 if arm.masked_patches else 0.0,
        wpa=arm.aligned,
        hard_negatives=grid.hard_negatives,
    )
    return Recipe(name="ablation", stages=(stage,), seed=seed)


def finetuning(grid: Grid, arm: Arm, *, on: str, seed: int) -> Recipe:
    """Questions, or statements about two pictures, with the arm's augmentation.

    Args:
        grid: how long, and by how many.
        arm: whether pictures are augmented; nothing else of it is asked.
        on: "questions" or "statements".
        seed: of the scenes.
    """
    stage = Stage(
        name=f"finetuning on {on}",
        steps=grid.finetune_steps,
        mix={on: 1.0},
        batch_size=grid.batch_size,
        learning_rate=5e-4,
        augment=arm.augmented,
    )
    return Recipe(name="ablation", stages=(stage,), seed=seed)
