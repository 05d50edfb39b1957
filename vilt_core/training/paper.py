"""The trainings of the paper at full size, on its own data: one function each, with its command.

Numbers are those of section 4 of the paper. Where paper and published code differ:

- warm-up: a tenth of the steps, as the paper; the code warms up 2,500 steps whatever their number;
- the schedule of a fine-tuning: ``epochs * examples / batch`` steps. The code divides that once
  more by the parts in which a batch is accumulated, so that the rate is at 0 before the end;
- the rate of the new head: ten times that of the model for VQA, as the code; the paper is silent;
- dropout of 0.1, as the code, whatever a checkpoint says; the paper is silent;
- betas 0.9 and 0.98, no clipping of gradients, as the code; the paper is silent;
- pictures: the longer side up to 608 pixels, as the code makes of the paper's 640;
- training data of Flickr30k: the split of that name; the code adds the validation split to it;
- answers of VQA v2: those of nine questions of train and val, as the code, which counts those about
  the 1,000 pictures that are kept out, too: 3,129; the paper names their number;
- texts that need more than 40 tokens: fine-tuning makes room for them, up to 128; both cut them;
- false texts and pictures are those of other pictures, of the same of several data sets, as the
  code; it may draw the true one.

PRETRAINED is the folder that pre-training leaves, runs/vilt-b32-pretrain/model, or a published
checkpoint such as vilt_200k_mlm_itm.ckpt. A global batch may be taken in parts: ``--accumulate 8``
on one GPU learns what 8 GPUs learn. ``--plan`` tells what any of them takes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from vilt_core import config
from vilt_core.config import ViltConfig
from vilt_core.data.image import LONGEST_OVER_SHORTEST
from vilt_core.training.stages import Recipe, Stage, scaled

VIT = "timm/vit_base_patch32_384.augreg_in21k_ft_in1k"  # ImageNet-21k, then 1k; later than 2021's
PRETRAINED = "runs/vilt-b32-pretrain/model"
EPOCHS = 10  # of every fine-tuning
B32 = config.vilt_b32()

# Published sizes of the training data, in captions, questions and statements.
CAPTIONS = {"coco": 566_747, "visual genome": 5_410_000, "conceptual": 3_010_000, "sbu": 867_000}
QUESTIONS = 443_757 + round(214_354 * (1 - 1_000 / 40_504))  # 1,000 pictures of val are kept out
STATEMENTS = 86_373
FLICKR_CAPTIONS = 145_000

_NO_CLIP = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRecipe:
    """A recipe of one stage, and what it asks for besides."""

    recipe: Recipe
    sizes: ViltConfig  # of the model that is trained
    kind: str  # of the data
    split: str = "train"  # of the data
    held_out: str = "val"  # a split of the data that is scored on the way and not learned
    data: str  # what the paper trains on, for a person
    examples: int  # captions, questions or statements that make an epoch
    task: Literal["vqa", "nlvr2", "retrieval"] | None  # None: a ViT is pre-trained
    start: str  # the ViT, or the pre-trained model

    @property
    def stage(self) -> Stage:
        """The one stage."""
        return self.recipe.stages[0]

    @property
    def epochs(self) -> float:
        """How often every example is seen."""
        return self.stage.steps * self.stage.batch_size / self.examples


def vilt_b32_pretrain(
    *,
    examples: int = sum(CAPTIONS.values()),
    steps: int = 200_000,
    patch_masking: bool = False,
    mixgen: float = 0.0,
    scale: float = 1.0,
    sizes: ViltConfig = B32,
) -> PaperRecipe:
    """Pre-training: matching, words masked whole, word-patch alignment (section 4.2 and Table 5).

    accelerate launch -m vilt_core train --recipe vilt-b32-pretrain --data DATA --steps 200000

    DATA holds coco/, vg/, conceptual/ and sbu/. The paper trained 100,000 and 200,000 steps on 64
    V100. ``--mpp`` is the row of Table 5 with masked patches, which the published code cannot run.

    Args:
        examples: captions that make an epoch.
        steps: of the optimiser.
        patch_masking: predict masked patches besides.
        mixgen: share of the pairs that are mixed with another (Hao et al., WACV 2023); the paper
            had none.
        scale: multiplies the steps.
        sizes: of the model.

    Raises:
        ValueError: a share beyond 0 to 1.
    """
    if not 0 <= mixgen <= 1:
        raise ValueError(f"mixgen must be a share of the pairs, 0 to 1, got {mixgen}")
    stage = Stage(
        name="pretrain",
        steps=steps,
        mix={"captions": 1.0},
        batch_size=4096,
        learning_rate=1e-4,
        weight_decay=0.01,
        warmup=0.1,
        clip=_NO_CLIP,
        hard_negatives=0.0,
        patch_mask_rate=0.15 if patch_masking else 0.0,
        mixgen=mixgen,
    )
    tasks = ("itm", "mlm", "mpp") if patch_masking else ("itm", "mlm")
    return PaperRecipe(
        recipe=_recipe("vilt-b32-pretrain", stage, scale),
        sizes=replace(sizes, tasks=tasks),
        kind="captions",
        data="COCO, Visual Genome, Conceptual Captions and SBU",
        examples=examples,
        task=None,
        start=VIT,
    )


def vilt_b32_vqav2(
    *, examples: int = QUESTIONS, scale: float = 1.0, sizes: ViltConfig = B32
) -> PaperRecipe:
    """Questions of VQA v2: 3,129 answers, train and val but for 1,000 pictures (section 4.3).

    accelerate launch -m vilt_core train --recipe vilt-b32-vqav2 --data vqav2 --from PRETRAINED

    The paper: 71.26 on test-dev after 200,000 steps of pre-training.
    """
    stage = _finetuning("questions", 256, examples, head_rate=10.0)
    return PaperRecipe(
        recipe=_recipe("vilt-b32-vqav2", stage, scale),
        sizes=replace(sizes, answers=3129, max_patches=most_patches(sizes)),
        kind="questions",
        split="trainval",
        held_out="rest_val",  # most of "val" is trained on
        data="VQA v2",
        examples=examples,
        task="vqa",
        start=PRETRAINED,
    )


def vilt_b32_nlvr2(
    *, examples: int = STATEMENTS, scale: float = 1.0, sizes: ViltConfig = B32
) -> PaperRecipe:
    """Statements of NLVR2 about two pictures, by the pair method (section 4.3).

    accelerate launch -m vilt_core train --recipe vilt-b32-nlvr2 --data nlvr2 --from PRETRAINED

    The paper: 75.70 on dev and 76.13 on test-P after 200,000 steps of pre-training.
    """
    stage = _finetuning("statements", 128, examples)
    tasks = ("itm", "mlm", "nlvr2")
    most = most_patches(sizes)
    return PaperRecipe(
        recipe=_recipe("vilt-b32-nlvr2", stage, scale),
        sizes=replace(sizes, tasks=tasks, modality_types=3, max_patches=most),
        kind="statements",
        data="NLVR2",
        examples=examples,
        task="nlvr2",
        start=PRETRAINED,
    )


def vilt_b32_coco(
    *, examples: int = CAPTIONS["coco"], scale: float = 1.0, sizes: ViltConfig = B32
) -> PaperRecipe:
    """Retrieval on COCO: the true caption among 15 of other pictures (section 4.4).

    accelerate launch -m vilt_core train --recipe vilt-b32-coco --data coco --from PRETRAINED

    The paper: recall at 1 among 5,000 pictures of 61.5 (texts) and 42.7 (pictures) after 200,000
    steps of pre-training.
    """
    return _retrieval("vilt-b32-coco", "COCO", examples, scale, sizes)


def vilt_b32_flickr30k(
    *, examples: int = FLICKR_CAPTIONS, scale: float = 1.0, sizes: ViltConfig = B32
) -> PaperRecipe:
    """Retrieval on Flickr30k, as on COCO (section 4.4).

    accelerate launch -m vilt_core train --recipe vilt-b32-flickr30k --data F30K --from PRETRAINED

    The paper: recall at 1 among 1,000 pictures of 83.5 (texts) and 64.4 (pictures) after 200,000
    steps of pre-training.
    """
    return _retrieval("vilt-b32-flickr30k", "Flickr30k", examples, scale, sizes)


PAPER: dict[str, Callable[..., PaperRecipe]] = {
    "vilt-b32-pretrain": vilt_b32_pretrain,
    "vilt-b32-vqav2": vilt_b32_vqav2,
    "vilt-b32-nlvr2": vilt_b32_nlvr2,
    "vilt-b32-coco": vilt_b32_coco,
    "vilt-b32-flickr30k": vilt_b32_flickr30k,
}


def most_patches(sizes: ViltConfig) -> int:
    """How many patches a picture has at most: only pre-training drops some of them."""
    longest = int(LONGEST_OVER_SHORTEST * sizes.image_size)
    return sizes.grid * (longest // sizes.patch_size)


def _finetuning(kind: str, batch_size: int, examples: int, *, head_rate: float = 1.0) -> Stage:
    return Stage(
        name="finetune",
        steps=max(round(EPOCHS * examples / batch_size), 1),
        mix={kind: 1.0},
        batch_size=batch_size,
        learning_rate=1e-4,
        head_rate=head_rate,
        weight_decay=0.01,
        warmup=0.1,
        clip=_NO_CLIP,
        hard_negatives=0.0,
        augment=True,
        negatives=15,
    )


def _retrieval(name: str, data: str, examples: int, scale: float, sizes: ViltConfig) -> PaperRecipe:
    most = most_patches(sizes)
    return PaperRecipe(
        recipe=_recipe(name, _finetuning("ranking", 256, examples), scale),
        sizes=replace(sizes, tasks=("itm", "mlm", "rank"), max_patches=most),
        kind="captions",
        data=data,
        examples=examples,
        task="retrieval",
        start=PRETRAINED,
    )


def _recipe(name: str, stage: Stage, scale: float) -> Recipe:
    return scaled(Recipe(name=name, stages=(stage,)), scale)
