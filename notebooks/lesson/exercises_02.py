"""The checkers of notebook 2: the transformer."""

from typing import Any

import torch

from lesson.checking import Off, close, exercise, number, run, shaped


@exercise("02.1")
def parameters(answer: Any) -> str:
    """The size of a block of ViLT-B/32."""
    d, hidden = 768, 3072
    weights = 4 * d * d + 2 * d * hidden
    truth = weights + 4 * d + hidden + d + 4 * d
    found = number(answer)
    if found == weights:
        raise Off("The weights are right. Now the biases, and the two norms.")
    if found == truth - 4 * d:
        raise Off(
            "3,072 are missing: the two norms (4 x 768), or the four biases of attention "
            "(4 x 768), or the bias of the MLP's wide layer?"
        )
    if found == truth - 2 * d:
        raise Off("There are two norms, and each has a scale *and* a shift.")
    if found == truth - d * d - d:
        raise Off("The matrix that puts the heads together is missing.")
    if found == 12 * truth:
        raise Off("That is all twelve blocks: one is asked for.")
    if found != truth:
        raise Off("Four matrices of 768 x 768, two of 768 x 3072, a bias each, and two norms.")
    return "7,087,872; twelve of them are 85 million."


@exercise("02.2")
def masked_attention(answer: Any) -> str:
    """Attention that does not listen to the filling."""
    draw = torch.Generator().manual_seed(2)
    Q, K, V = (torch.randn(5, 4, generator=draw) for _ in range(3))
    mask = torch.tensor([True, True, True, False, False])
    found = torch.tensor(shaped(run(answer, Q, K, V, mask), (5, 4)))
    real = Q @ K[:3].T
    truth = (real / 2).softmax(dim=-1) @ V[:3]
    if not found.isfinite().all():
        raise Off("There are NaNs: is the whole row masked, or is the mask the wrong way round?")
    if close(found, (real / 2).softmax(dim=-2) @ V[:3]):
        raise Off("The softmax runs over the queries; each query's shares over the keys sum to 1.")
    if close(found, real.softmax(dim=-1) @ V[:3]) or close(found, (real / 4).softmax(-1) @ V[:3]):
        raise Off("Divide the scores by the square root of the width, here 2.")
    everything = (Q @ K.T / 2).softmax(dim=-1)
    if close(found, everything @ V):
        raise Off("The mask has no effect.")
    if close(found, everything[:, :3] @ V[:3]):
        raise Off("Masked after the softmax: the shares of a row no longer sum to 1.")
    if close(found, (Q @ K.T / 2).masked_fill(mask, -torch.inf).softmax(-1) @ V):
        raise Off("The mask is the wrong way round: True is a real token.")
    if close(found, (Q @ K.T / 2).masked_fill(~mask, 0.0).softmax(-1) @ V):
        raise Off("A score of 0 is not silence, exp(0) is 1: use minus infinity.")
    if not close(found, truth):
        raise Off("softmax(Q K^T / sqrt(d)) over the real keys, times V.")
    Q, K, V = (torch.randn(5, 9, generator=draw) for _ in range(3))
    mask = torch.tensor([True, False, True, True, False])  # holes, not an end
    found = torch.tensor(shaped(run(answer, Q, K, V, mask), (5, 9)))
    if close(found, (Q @ K[mask].T / 2).softmax(dim=-1) @ V[mask]):
        raise Off("Right for a width of 4, wrong for 9: is the square root of d fixed at 2?")
    if not close(found, (Q @ K[mask].T / 3).softmax(dim=-1) @ V[mask]):
        raise Off("Right where the first keys are real, wrong where others are: look at each key.")
    return "Minus infinity before the softmax is silence after it."


@exercise("02.3")
def tokens(answer: Any) -> str:
    """Where attention overtakes the MLP."""
    found = number(answer)
    if found == 768:
        raise Off("Set 2 s^2 d = 8 s d^2 and divide both sides by 2 s d.")
    if found in (4, 192):
        raise Off("The ratio is right, but in which direction? s = 4 d.")
    if found not in (3072, 3073):  # equal at 3,072, dearer from 3,073 on
        raise Off("Solve 2 s^2 d = 8 s d^2 for s, with d = 768.")
    return "s = 4 d = 3072, ten times more than ViLT reads."


@exercise("02.4")
def silent_block(answer: Any) -> str:
    """A block that adds nothing."""
    z = torch.arange(6.0).reshape(2, 3)
    found = shaped(run(answer, z.clone()), (2, 3))
    if close(found, torch.zeros(2, 3)):
        raise Off("Both parts give 0, but they are added to z.")
    if close(found, 2 * z):
        raise Off("z itself is added to nothing: it is not doubled.")
    if close(found.mean(axis=1), (0, 0)):
        raise Off("The norm stands before the parts; what they are added to is not normalised.")
    if not close(found, z):
        raise Off("Put 0 for MSA and MLP in equations 4 and 5.")
    return "The identity: so a deep stack starts out harmless."
