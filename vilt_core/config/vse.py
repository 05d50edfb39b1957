"""VSE++ and its sizes."""

from dataclasses import dataclass, field

from vilt_core.config.cnn import CnnConfig, resnet152, resnet_mini


@dataclass(frozen=True, slots=True, kw_only=True)
class VseConfig:
    """VSE++ (Faghri et al., BMVC 2018): a CNN, a GRU and a dot product."""

    vocab_size: int = 11755  # of COCO's captions, words seen four times
    word_width: int = 300
    max_text_tokens: int = 40  # that it is given; a GRU would read on
    cnn: CnnConfig = field(default_factory=resnet152)
    image_size: int = 224  # pixels, that it is trained on; others can be read
    shared_width: int = 1024  # of the space where both meet, and of the GRU
    answers: int = 0  # classes of the VQA head on the joined vectors; 0 builds none
    patch_classes: int = 0  # classes of the cell-naming head of training; 0 builds none
    nlvr2: bool = False  # whether there is a head for statements about two pictures

    @property
    def patch_size(self) -> int:
        """Side of a cell of the CNN's grid, pixels."""
        return 2 ** (self.cnn.stages + 1)


def vse_resnet152(*, vocab_size: int = 11755, answers: int = 0) -> VseConfig:
    """VSE++ as published, with the best of its CNNs."""
    return VseConfig(vocab_size=vocab_size, answers=answers)


def vse_mini(*, vocab_size: int, answers: int, patch_classes: int = 0) -> VseConfig:
    """VSE++ for the sticker world: vilt-mini's pictures as 8 x 8 cells."""
    return VseConfig(
        vocab_size=vocab_size,
        answers=answers,
        patch_classes=patch_classes,
        nlvr2=True,
        word_width=192,
        cnn=resnet_mini(),
        image_size=128,
        shared_width=192,
    )
