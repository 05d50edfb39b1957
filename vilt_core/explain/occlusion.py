"""Occlusion: what an answer loses when a patch or a word is not there (Zeiler and Fergus, 2014).

"Visualizing and Understanding Convolutional Networks", ECCV, section 4.2, slides a grey square over
the picture. A transformer can also do without the patch: then nothing attends to it.
"""

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from vilt_core.explain.inquiry import Inquiry, chunks


def answer_occlusion(
    inquiry: Inquiry, answer: int, *, window: int = 1, fill: str = "remove"
) -> Float[Tensor, " s"]:
    """By how much log P(answer) falls without each patch, and without each word.

    Args:
        inquiry: the question.
        answer: its place among the model's answers.
        window: side of the square of patches around each that goes with it, an odd number.
        fill: "remove" takes patches out of the sequence, "grey" paints them; words always leave it.

    Returns:
        One number a token. A word's fall is shared evenly among its pieces; [CLS], [SEP] and the
        image's class are never taken away and get 0.

    Raises:
        ValueError: a window that is none, or another fill.
    """
    covered = squares(inquiry.patches.grid, window=window).to(inquiry.patches.mask.device)
    whole = _log_chance(inquiry.logits(), answer)
    if fill == "remove":
        without = _log_chance(inquiry.logits(kept=~covered), answer)
    elif fill == "grey":
        without = _log_chance(_greyed(inquiry, covered), answer)
    else:
        raise ValueError(f'fill must be "remove" or "grey", got {fill!r}')
    found = whole.new_zeros(inquiry.text_tokens + 1 + inquiry.patch_tokens)
    found[inquiry.text_tokens + 1 :] = whole - without
    said = without_words(inquiry)
    unsaid = _log_chance(inquiry.logits(said=said), answer)
    for word, fall in zip(inquiry.words, whole - unsaid, strict=True):
        found[list(word.tokens)] = fall / len(word.tokens)
    return found


def squares(grid: tuple[int, int], *, window: int) -> Bool[Tensor, "n n"]:
    """For every patch, which patches lie in the square around it; cut off at the border.

    Raises:
        ValueError: no odd side.
    """
    if window < 1 or window % 2 == 0:
        raise ValueError(f"window must be an odd number of patches, got {window}")
    rows, columns = (torch.arange(side) for side in grid)
    near_rows = (rows[:, None] - rows).abs() <= window // 2
    near_columns = (columns[:, None] - columns).abs() <= window // 2
    both = near_rows[:, None, :, None] & near_columns[None, :, None, :]
    return rearrange(both, "row column r c -> (row column) (r c)")


def without_words(inquiry: Inquiry) -> Bool[Tensor, "m l"]:
    """For every word, the mask of the text without it."""
    said = inquiry.text.mask.repeat(len(inquiry.words), 1)
    for row, word in zip(said, inquiry.words, strict=True):
        row[list(word.tokens)] = False
    return said


@torch.no_grad()
def _greyed(inquiry: Inquiry, covered: Bool[Tensor, "b n"]) -> Float[Tensor, "b k"]:
    joint, first = inquiry.joint(), inquiry.text_tokens + 1
    grey = inquiry.grey.tokens - inquiry.patches.tokens
    found = []
    for some in chunks(len(covered)):
        changed = joint.repeat(len(covered[some]), 1, 1)
        changed[:, first:] += covered[some, :, None] * grey
        found.append(inquiry.read(changed))
    return torch.cat(found)


def _log_chance(logits: Float[Tensor, "b k"], answer: int) -> Float[Tensor, " b"]:
    return logits.double().log_softmax(dim=-1)[:, answer]
