"""Every number of the lab that a person may want to change, one small dataclass a concern.

Presets are functions. No module of ``layers`` ever sees one of these objects: builders unpack them.
"""

from dataclasses import dataclass, replace

# Beside these there is the head of VQA, built where answers are counted.
TASKS = ("itm", "mlm", "mpp", "rank", "nlvr2")
# Heads that training on stickers has besides, where there are ``patch_classes``; none is shipped.
TRAINING_HEADS = ("naming", "mentioning", "locating", "comparing")


def _check_patches(image_size: int, patch_size: int) -> None:
    if image_size % patch_size:
        raise ValueError(
            f"image_size must be a multiple of patch_size, got {image_size} and {patch_size}"
        )


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
        _check_patches(self.image_size, self.patch_size)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipConfig:
    """CLIP with a vision transformer (Radford et al., ICML 2021): two towers and a dot product."""

    vocab_size: int = 49408
    text_width: int = 512
    text_depth: int = 12
    text_heads: int = 8
    max_text_tokens: int = 77
    width: int = 768  # of the image's tower
    depth: int = 12
    heads: int = 12
    mlp_ratio: float = 4.0  # of both towers
    image_size: int = 224  # pixels
    patch_size: int = 32  # pixels
    shared_width: int = 512  # of the space where both meet
    answers: int = 0  # classes of the VQA head on the joined vectors; 0 builds none
    norm_eps: float = 1e-5

    def __post_init__(self):
        _check_patches(self.image_size, self.patch_size)


def clip_b32(*, vocab_size: int = 49408, answers: int = 0) -> ClipConfig:
    """CLIP ViT-B/32 as published: 151.3 M parameters in all."""
    return ClipConfig(vocab_size=vocab_size, answers=answers)


def clip_mini(*, vocab_size: int, answers: int) -> ClipConfig:
    """CLIP for the sticker world: vilt-mini's pictures, patches and width, in both towers."""
    return ClipConfig(
        vocab_size=vocab_size,
        answers=answers,
        text_width=192,
        text_depth=4,
        text_heads=3,
        max_text_tokens=40,
        width=192,
        depth=6,
        heads=3,
        image_size=128,
        patch_size=16,
        shared_width=192,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UniterConfig:
    """UNITER (Chen et al., ECCV 2020): one BERT over words and a detector's regions."""

    vocab_size: int = 28996  # BERT's, cased
    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp_width: int = 3072
    max_text_tokens: int = 512
    region_width: int = 2048  # of the detector's features
    region_classes: int = 1601  # of the detector, background included
    answers: int = 0  # classes of the VQA head; 0 builds none
    dropout: float = 0.1
    norm_eps: float = 1e-12


def uniter_base(*, vocab_size: int = 28996, answers: int = 0) -> UniterConfig:
    """UNITER-base as published."""
    return UniterConfig(vocab_size=vocab_size, answers=answers)


def uniter_mini(*, vocab_size: int, answers: int) -> UniterConfig:
    """UNITER for the sticker world, as wide and deep as vilt-mini began."""
    return UniterConfig(
        vocab_size=vocab_size,
        answers=answers,
        width=192,
        depth=6,
        heads=3,
        mlp_width=768,
        max_text_tokens=40,
        region_width=256,
        region_classes=200,
        dropout=0.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VilbertConfig:
    """ViLBERT (Lu et al., NeurIPS 2019): a stream each for words and regions, which meet often."""

    vocab_size: int = 30522
    text_width: int = 768
    text_depth: int = 12
    text_heads: int = 12
    text_mlp_width: int = 3072
    max_text_tokens: int = 512
    image_width: int = 1024
    image_depth: int = 6  # and as many co-attentional layers, one before each
    image_heads: int = 8
    image_mlp_width: int = 1024
    meeting_width: int = 1024  # of the heads by which the streams ask each other
    meeting_heads: int = 8
    pooled_width: int = 1024
    region_width: int = 2048  # of the detector's features
    region_classes: int = 1601  # of the detector, background included
    answers: int = 0  # classes of the VQA head; 0 builds none
    dropout: float = 0.1
    norm_eps: float = 1e-12

    def __post_init__(self):
        if self.image_depth > self.text_depth:
            raise ValueError(
                f"text_depth must be at least image_depth, got {self.text_depth} and "
                f"{self.image_depth}"
            )


def vilbert_base(*, vocab_size: int = 30522, answers: int = 0) -> VilbertConfig:
    """ViLBERT as published: six layers of regions, six meetings, BERT-base for the words."""
    return VilbertConfig(vocab_size=vocab_size, answers=answers)


def vilbert_mini(*, vocab_size: int, answers: int) -> VilbertConfig:
    """ViLBERT for the sticker world: the published proportions at an eighth of the width."""
    return VilbertConfig(
        vocab_size=vocab_size,
        answers=answers,
        text_width=128,
        text_depth=4,
        text_heads=2,
        text_mlp_width=512,
        max_text_tokens=40,
        image_width=160,
        image_depth=2,
        image_heads=2,
        image_mlp_width=160,
        meeting_width=160,
        meeting_heads=2,
        pooled_width=160,
        region_width=256,
        region_classes=200,
        dropout=0.0,
    )
