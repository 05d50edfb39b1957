"""The checkers of notebook 12: sizes, parameters and names of the published model."""

from typing import Any

import numpy as np
import torch

from lesson.checking import Off, chosen, close, exercise, number, run, shaped


@exercise("12.1")
def vectors(answer: Any) -> str:
    """The length of the list for a wide photograph."""
    found = number(answer)
    if found in (12 * 24 + 9, 12 * 24 + 7):
        raise Off("The longer side is held at 639 pixels: 768 are too many.")
    if found in (12 * 19 + 9, 12 * 19 + 7):
        raise Off("Where the longer side is held, the shorter one shrinks with it, below 384.")
    if found == 9 * 19 + 9:
        raise Off("The shorter side comes to 319.5 pixels, and is rounded to 320 before the cut.")
    if found == 10 * 19:
        raise Off("Those are the patches. The words and the special tokens are in the list too.")
    if found in (197, 198, 196):
        raise Off(f"You miss {199 - found:.0f} of these: [CLS], [SEP], the picture's own class.")
    if found > 1000:
        raise Off("The list holds patches, not pixels.")
    if found != 199:
        raise Off("Patches (rows x columns), one class, six pieces, [CLS] and [SEP].")
    return "A picture of 320 x 608 pixels gives 10 x 19 patches; their class, and 8 pieces."


@exercise("12.2")
def parameters(answer: Any) -> str:
    """The size of the head for questions."""
    first, norm, last = 768 * 1536 + 1536, 2 * 1536, 1536 * 3129 + 3129
    found = number(answer)
    if found == first + last:
        raise Off("The norm is missing: a scale and a shift of 1,536.")
    if found == first + last + 1536:
        raise Off("The norm has a scale *and* a shift.")
    if found == 768 * 1536 + 1536 * 3129 + norm or found == 768 * 1536 + 1536 * 3129:
        raise Off("Both layers have biases, too.")
    if found == 768 * 3129 + 3129:
        raise Off("There is a layer between: 768 to 1,536, and only then to the answers.")
    if found != first + norm + last:
        raise Off("Two linear layers with their biases, and a norm of 1,536 between them.")
    return "5,990,457 + 3,072: about 6 million."


@exercise("12.3")
def keys_of_head(answer: Any) -> str:
    """Rows of a joined matrix, on sizes that tell mistakes apart."""
    d, heads, head = 12, 3, 1
    draw = torch.Generator().manual_seed(12)
    parts = [torch.randn(d, d, generator=draw) for _ in range(3)]
    found = shaped(run(answer, *parts, head, heads), (2,), what="the pair of rows")
    if close(found, (4, 8)):
        raise Off("Those are the queries of the head: the keys come after all of the queries.")
    if close(found, (28, 32)):
        raise Off("Those are its values: the keys lie between queries and values.")
    if close(found, (16, 19)):
        raise Off("The second number is the one after the last row, as slices have it.")
    if close(found, (12, 24)):
        raise Off("Those are the keys of all heads. Each head has d / heads of them.")
    if close(found, (15, 18)):
        raise Off("A head is d / heads rows high, not as many as there are heads.")
    if not close(found, (16, 20)):
        raise Off(
            f"With d = 12 and 3 heads, head 1 has its keys in rows 16 to 19, not {_said(found)}."
        )
    if not close(run(answer, *parts, 0, 1), (12, 24)):
        raise Off("Right for three heads, wrong for one.")
    return "All queries, then all keys, then all values; within each, head after head."


def _said(pair: np.ndarray) -> str:
    return f"{pair[0]:.0f} to {pair[1] - 1:.0f}"


@exercise("12.4")
def silent(answer: Any) -> str:
    """What fits in name and shape, and is wrong."""
    found = chosen(answer, "abcde")
    if "b" in found:
        raise Off("b: the names of that block are missing, and strict loading lists them.")
    if "d" in found:
        raise Off("d: the projection would have another shape, and loading says so.")
    if "a" not in found:
        raise Off("a: queries and keys have the same shapes, so an exchange fits.")
    if missing := {"c", "e"} - found:
        raise Off(f"{min(missing)}: loading sees weights only, not what they will be fed with.")
    return "Only numbers that are known beforehand catch these."
