"""What one device computes and holds for one step of a stage, and what waits for it in memory.

FLOPs are those of forward and backward, counted by torch on the model without its values. Texts and
pictures count as the longest and largest there are, for the batches of a GPU are padded to about
that. Word-patch alignment and the optimiser, together less than a hundredth, are left out.
"""

from dataclasses import dataclass, replace

import torch
from torch import nn

from vilt_core.config import ViltConfig
from vilt_core.evaluation.cost import count_flops
from vilt_core.interop.weights import without_values
from vilt_core.models.vilt import Vilt
from vilt_core.training.batches import Batch
from vilt_core.training.loading import parts_held
from vilt_core.training.paper import most_patches
from vilt_core.training.stages import Stage
from vilt_core.training.step import losses
from vilt_core.types import ImageBatch, TextBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What lies on one device at the fullest moment of a step, in bytes."""

    parameters: int  # float32, and bfloat16 copies of the matrices
    gradients: int
    optimiser: int  # two moments of AdamW
    activations: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.parameters + self.gradients + self.optimiser + self.activations


def passes(stage: Stage) -> int:
    """How often the transformer reads a text and a picture for one example of a batch.

    Captions are read with words hidden, and whole for matching; a statement with either picture;
    of ranking a picture with every text.
    """
    [kind] = stage.mix
    return {"captions": 2, "questions": 1, "statements": 2, "ranking": 1 + stage.negatives}[kind]


def patches_read(sizes: ViltConfig) -> int:
    """At most, of one picture, in training."""
    return min(most_patches(sizes), sizes.max_patches)


def sequence(sizes: ViltConfig) -> int:
    """Tokens that the transformer reads at a time: text, patches and the image's [class]."""
    return sizes.max_text_tokens + patches_read(sizes) + 1


def example_flops(stage: Stage, sizes: ViltConfig, *, checkpointing: bool = False) -> int:
    """Forward and backward of one example of a batch, through all its passes and heads.

    Args:
        stage: what is asked.
        sizes: of the model.
        checkpointing: blocks are computed twice.
    """
    model = without_values(sizes).train()
    model.encoder.checkpointing = checkpointing
    return count_flops(lambda: _loss(model, stage).backward())


def memory(
    sizes: ViltConfig,
    *,
    stage: Stage,
    examples: int,
    devices: int = 1,
    checkpointing: bool = False,
    sharded: bool = False,
) -> Memory:
    """What one device holds, by a formula; the allocator's losses come on top, a tenth or so.

    A parameter takes 4 bytes, its gradient 4, AdamW's moments 8; sharded, a device keeps its part
    of them, and one block and all that is in no block whole. Its matrices are copied to bfloat16
    where they are used, 2 bytes a value. Activations are ``activation_bytes`` of what is read at a
    time.

    Args:
        sizes: of the model.
        stage: what is asked.
        examples: that the device reads at a time.
        devices: that share where ``sharded``.
        checkpointing: only what enters a block is kept.
        sharded: the weights.
    """
    model = without_values(sizes)
    total = _count(model)
    block = _count(model.encoder.blocks[0])
    kept, whole = total, 0
    if sharded:
        kept, whole = -(-total // devices), total - (len(model.encoder.blocks) - 1) * block
    matrices = sum(p.numel() for p in model.parameters() if p.ndim >= 2)
    rows, pictures = examples * passes(stage), examples * _pictures(stage)
    height, width = _largest(sizes)
    return Memory(
        parameters=4 * (kept + whole) + 2 * matrices,
        gradients=4 * kept,
        optimiser=8 * kept,
        activations=rows * activation_bytes(sizes, checkpointing=checkpointing)
        + 6 * pictures * 3 * height * width,  # pixels in float32 and bfloat16
    )


def waiting_bytes(
    sizes: ViltConfig, *, stage: Stage, examples: int, accumulate: int, workers: int
) -> int:
    """What the pictures that wait take of main memory, for one device.

    Of every pixel three bytes and one of the mask of what is no padding; where pairs are mixed, so
    that a picture may be none of bytes, three floats. Texts, less than a thousandth of that, are
    left out; so is what each of the processes takes for itself.

    Args:
        sizes: of the model.
        stage: what is asked.
        examples: of a part.
        accumulate: parts of a step.
        workers: processes that prepare parts.
    """
    height, width = _largest(sizes)
    a_pixel = 1 + 3 * (4 if stage.mixgen else 1)
    part = examples * _pictures(stage) * height * width * a_pixel
    return parts_held(accumulate=accumulate, workers=workers) * part


def activation_bytes(sizes: ViltConfig, *, checkpointing: bool = False) -> int:
    """What the blocks keep of one sequence for the backward pass, under bfloat16.

    Of every token, with a width of d and m within the MLP: the input of both norms (float32, 8 d),
    normalised twice (bfloat16, 4 d), query, key and value (6 d), what attention gives (2 d), the
    MLP before and after its GELU (4 m); under dropout three masks of a byte (2 d + m). Attention's
    weights are never kept. Checkpointed, a block keeps its input (4 d), and all of one block is
    there while it is computed anew.
    """
    d, m = sizes.width, sizes.mlp_width
    a_token = 20 * d + 4 * m + (2 * d + m if sizes.dropout else 0)
    kept = 4 * d * sizes.depth + a_token if checkpointing else a_token * sizes.depth
    return sequence(sizes) * kept


def _loss(model: Vilt, stage: Stage) -> torch.Tensor:
    """Of one example, whose values are nowhere: shapes are all that is counted."""
    [kind] = stage.mix
    sizes = model.config
    if kind == "captions":
        return _pair(model, stage)
    batch = Batch(kind=kind, image=_picture(sizes), text=_texts(sizes, 1))
    if kind == "questions":
        batch = replace(batch, scores=torch.zeros(1, sizes.answers, device="meta"))
    elif kind == "statements":
        truth = torch.zeros(1, dtype=torch.long, device="meta")
        batch = replace(batch, second=_picture(sizes), statements=truth)
    else:
        batch = replace(batch, text=_texts(sizes, passes(stage)))
    [loss] = losses(model, batch, stage).values()
    return loss


def _pair(model: Vilt, stage: Stage) -> torch.Tensor:
    """Both passes of a caption; without values no mask can pick what the heads read."""
    sizes = model.config
    masked = round(stage.mask_rate * (sizes.max_text_tokens - 2))
    hidden = model(_texts(sizes, 1), _picture(sizes))
    read = [model.head("mlm")(hidden.text[:, :masked])]
    if stage.patch_mask_rate:
        asked = round(stage.patch_mask_rate * hidden.image.shape[1])
        read.append(model.head("mpp")(hidden.image[:, :asked]))
    read.append(model.head("itm")(model(_texts(sizes, 1), _picture(sizes)).pooled))
    return torch.stack([logits.sum() for logits in read]).sum()


def _texts(sizes: ViltConfig, count: int) -> TextBatch:
    ids = torch.zeros(count, sizes.max_text_tokens, dtype=torch.long, device="meta")
    return TextBatch(ids=ids, mask=torch.ones_like(ids, dtype=torch.bool))


def _pictures(stage: Stage) -> int:
    """Of one example of a batch; of ranking one, however many texts it is read with."""
    return 1 if stage.mix.keys() == {"ranking"} else passes(stage)


def _picture(sizes: ViltConfig) -> ImageBatch:
    return ImageBatch(pixels=torch.zeros(1, 3, *_largest(sizes), device="meta"))


def _largest(sizes: ViltConfig) -> tuple[int, int]:
    """Height and width of the picture with the most patches."""
    return sizes.image_size, most_patches(sizes) // sizes.grid * sizes.patch_size


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
