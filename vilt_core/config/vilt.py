"""ViLT and its sizes."""

from dataclasses import dataclass, replace

from vilt_core.config.checks import check_patches

# Beside these there is the head of VQA, built where answers are counted.
TASKS = ("itm", "mlm", "mpp", "rank", "nlvr2")
# Heads that training on stickers has besides, where there are ``patch_classes``; none is shipped.
TRAINING_HEADS = ("naming", "mentioning", "locating", "comparing")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViltConfig:
    """The transformer of the paper and the sizes of its heads."""

    vocab_size: int
    width: int = 768  # H of the paper
    depth: int = 12  # D of the paper
    heads: int = 12
    mlp_ratio: float = 4.0  # hidden width of a block's MLP, in widths
    image_size: int = 384  # side of the picture that the position table was learned on, pixels
    patch_size: int = 32  # P of the paper, pixels
    max_text_tokens: int = 40
    max_patches: int = 200  # sampled at most while training; inference always sees them all
    modality_types: int = 2  # 3 for NLVR2: text, first image, second image
    segment_types: int = 2  # BERT's own sentence types inside the text embedding
    tasks: tuple[str, ...] = ("itm", "mlm")  # whose heads are built, of TASKS
    answers: int = 0  # classes of the VQA head; 0 builds none
    patch_classes: int = 0  # classes of the patch-naming head; 0 builds none of TRAINING_HEADS
    dropout: float = 0.1
    norm_eps: float = 1e-6  # of the blocks and the final norm
    text_norm_eps: float = 1e-12  # of the text embedding and the MLM transform

    @property
    def grid(self) -> int:
        """Side of the learned position grid, in patches."""
        return self.image_size // self.patch_size

    @property
    def mlp_width(self) -> int:
        """Hidden width of a block's MLP."""
        return round(self.mlp_ratio * self.width)

    def __post_init__(self):
        check_patches(self.image_size, self.patch_size)
        if self.width % self.heads:
            raise ValueError(
                f"width must be a multiple of heads, got {self.width} and {self.heads}"
            )
        if strange := sorted(set(self.tasks) - set(TASKS)):
            raise ValueError(f"tasks must be of {TASKS}, got {strange}")
        if "nlvr2" in self.tasks and self.modality_types < 3:
            raise ValueError(
                "nlvr2 needs 3 modality_types (text, first image, second image), "
                f"got {self.modality_types}"
            )


def with_task(config: ViltConfig, task: str) -> ViltConfig:
    """The same with one head more, in the order of ``TASKS``."""
    tasks = {*config.tasks, task}
    return replace(config, tasks=tuple(one for one in TASKS if one in tasks))


def vilt_b32(*, vocab_size: int = 30522, answers: int = 0) -> ViltConfig:
    """ViLT-B/32 as published: 87.4 M parameters in the blocks and the patch projection."""
    return ViltConfig(vocab_size=vocab_size, answers=answers)


def vilt_mini(*, vocab_size: int, answers: int, patch_classes: int = 0) -> ViltConfig:
    """Small enough for two CPU cores: 128 x 128 pictures in 16 x 16 patches, a grid of 8 x 8."""
    return ViltConfig(
        vocab_size=vocab_size,
        answers=answers,
        patch_classes=patch_classes,
        width=192,
        depth=6,
        heads=3,
        image_size=128,
        patch_size=16,
        segment_types=1,
        dropout=0.0,
    )


def vilt_mini_gpu(*, vocab_size: int, answers: int, patch_classes: int = 0) -> ViltConfig:
    """The paper's geometry at a smaller scale: 192 x 192 pictures give its grid of 12 x 12."""
    mini = vilt_mini(vocab_size=vocab_size, answers=answers, patch_classes=patch_classes)
    return replace(mini, image_size=192, tasks=("itm", "mlm", "nlvr2"), modality_types=3)


def vilt_small(*, vocab_size: int, tasks: tuple[str, ...]) -> ViltConfig:
    """Some 300,000 parameters: what one CPU core trains within minutes on a corner of the world.

    64 x 64 pictures in 8 x 8 patches, a grid of 8 x 8.
    """
    return ViltConfig(
        vocab_size=vocab_size,
        tasks=tasks,
        width=64,
        depth=3,
        heads=2,
        image_size=64,
        patch_size=8,
        segment_types=1,
        dropout=0.0,
    )
