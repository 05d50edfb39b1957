"""The checkers of notebook 13: shuffled patches."""

from typing import Any

import numpy as np
import torch

from lesson.checking import Off, chosen, close, exercise, number, run, shaped, yes_or_no


@exercise("13.1")
def put_back(answer: Any) -> str:
    """Tokens home, on a grid that is not square."""
    order = np.random.default_rng(3).permutation(12)
    places = np.stack([order // 4, order % 4], axis=1)
    truth = np.arange(12.0).reshape(3, 4) ** 2
    heat = truth.ravel()[order]
    found = shaped(run(answer, heat.copy(), places.copy(), (3, 4)), (3, 4), what="the heatmap")
    if close(found, heat.reshape(3, 4)):
        raise Off("The tokens are still in the order in which they came.")
    if close(found, heat[order].reshape(3, 4)):
        raise Off("The inverse: token k goes *to* its place, home[place] = heat.")
    if close(found, truth[::-1]) or close(found, truth[:, ::-1]):
        raise Off("Upside down or mirrored: row 0 is the top, column 0 the left.")
    if not close(found, truth):
        raise Off("home[row, column] = heat, for every token's own (row, column).")
    return "Every token is where its patch is."


@exercise("13.2")
def stay(answer: Any) -> str:
    """Fixed points of a random order."""
    found = number(answer)
    if close(found, 1 / 144):
        raise Off("That is the chance of one patch. There are 144 of them.")
    if close(found, 0):
        raise Off("Each has a small chance to stay, and there are many.")
    if not close(found, 1):
        raise Off("Each of 144 stays with probability 1/144: add these up.")
    return "One, however many patches there are."


@exercise("13.3")
def changed(answer: Any) -> str:
    """What a shuffle changes."""
    found = chosen(answer, "abcde")
    if "a" in found:
        raise Off("a: the answer is read off [CLS], which listens to patches as a set.")
    if found & {"b", "d"}:
        raise Off("A mean and a maximum do not ask where: b and d stay.")
    if missing := {"c", "e"} - found:
        raise Off(f"{min(missing)} asks where a patch is, and that is what the shuffle destroys.")
    return "Whatever asks where is wrong, whatever asks how much is right."


@exercise("13.4")
def is_shuffled(answer: Any) -> str:
    """One set in two orders, or not."""
    draw = torch.Generator().manual_seed(4)
    one = torch.randn(64, 8, generator=draw)
    order = torch.randperm(64, generator=draw)
    noise = 1e-6 * torch.randn(64, 8, generator=draw)
    said = {
        "order": _says(answer, one, one[order] + noise),
        "same": _says(answer, one, one + noise),
        "other": _says(answer, one, torch.randn(64, 8, generator=draw)),
        "columns": _says(
            answer, one, one.flatten()[torch.randperm(512, generator=draw)].view(64, 8)
        ),
        "repeated": _says(answer, one, one[order.clamp(max=40)]),
    }
    if not said["order"]:
        raise Off("Rows in another order, with a rounding error of 1e-6, are a shuffle.")
    if said["same"]:
        raise Off("The same order is no shuffle: say False where nothing moved.")
    if said["other"]:
        raise Off("These are other numbers altogether, no shuffle.")
    if said["columns"]:
        raise Off("There the entries moved between rows: whole rows must reappear.")
    if said["repeated"]:
        raise Off("There some rows appear twice and others never: it must be a permutation.")
    return "It needs no knowledge of the code, only two runs."


def _says(answer: Any, one: torch.Tensor, other: torch.Tensor) -> bool:
    return yes_or_no(run(answer, one.clone(), other.clone()))
