"""Pixel-BERT and its sizes."""

from dataclasses import dataclass, field

from vilt_core.config.cnn import CnnConfig, resnet50, resnet_mini, resnext152


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelBertConfig:
    """Pixel-BERT (Huang et al., 2020): one BERT over words and the cells of a CNN's grid.

    As the paper describes it, with all four stages of the CNN, blocks, CNN and the linear map hold
    85.05 + 23.51 + 1.57 = 110.1 M parameters with ResNet-50 and 85.05 + 57.90 + 1.57 = 144.5 M with
    ResNeXt-152. ViLT's Table 6 gives 94.9 and 144.3: the former is near a ResNet-50 without its
    last stage, 85.05 + 8.54 + 0.79 = 94.4 or 95.0 with the pooler.
    """

    vocab_size: int = 30522
    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp_width: int = 3072
    max_text_tokens: int = 512
    cnn: CnnConfig = field(default_factory=resnet50)
    image_size: int = 800  # of the shorter side, pixels
    longest_side: int = 1333  # at most, pixels
    max_patches: int = 100  # cells sampled at most while pre-training; without, all are seen
    answers: int = 0  # classes of the VQA head; 0 builds none
    patch_classes: int = 0  # classes of the cell-naming head of training; 0 builds none
    nlvr2: bool = False  # whether there is a head for statements about two pictures
    ranking: bool = False  # whether there is one for retrieval, that scores pairs
    dropout: float = 0.1
    norm_eps: float = 1e-12

    @property
    def patch_size(self) -> int:
        """Side of a cell, pixels: that of the CNN's, twice."""
        return 2 ** (self.cnn.stages + 2)

    def __post_init__(self):
        if self.longest_side < self.image_size:
            raise ValueError(
                f"longest_side must be at least image_size, got {self.longest_side} and "
                f"{self.image_size}"
            )


def pixelbert_r50(*, vocab_size: int = 30522, answers: int = 0) -> PixelBertConfig:
    """Pixel-BERT as published, with ResNet-50."""
    return PixelBertConfig(vocab_size=vocab_size, answers=answers)


def pixelbert_x152(*, vocab_size: int = 30522, answers: int = 0) -> PixelBertConfig:
    """Pixel-BERT as published, with ResNeXt-152, which is shown smaller pictures."""
    return PixelBertConfig(
        vocab_size=vocab_size,
        answers=answers,
        cnn=resnext152(),
        image_size=600,
        longest_side=1000,
    )


def pixelbert_mini(*, vocab_size: int, answers: int, patch_classes: int = 0) -> PixelBertConfig:
    """Pixel-BERT for the sticker world: vilt-mini's pictures as 8 x 8 cells, all of them seen."""
    return PixelBertConfig(
        vocab_size=vocab_size,
        answers=answers,
        patch_classes=patch_classes,
        nlvr2=True,
        width=192,
        depth=4,
        heads=3,
        mlp_width=768,
        max_text_tokens=40,
        cnn=resnet_mini(stages=2),
        image_size=128,
        longest_side=128,
        max_patches=64,
        dropout=0.0,
    )
