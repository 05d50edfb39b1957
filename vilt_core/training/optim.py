"""AdamW with linear warm-up and linear decay, as the paper (section 4.2)."""

import torch
from torch import nn

from vilt_core.config import TASKS, TRAINING_HEADS
from vilt_core.training.stages import Stage

HEADS = (
    *TASKS, "vqa", "referring", "choice", "region_class", "region_features", *TRAINING_HEADS
)  # fmt: skip


def build_optimizer(model: nn.Module, stage: Stage) -> torch.optim.AdamW:
    """AdamW (0.9, 0.98); biases, norms and other single vectors are not decayed.

    Heads learn ``stage.head_rate`` times as fast: each group says so under "times".
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            times = stage.head_rate if name.split(".")[0] in HEADS else 1.0
            decay = stage.weight_decay if parameter.ndim >= 2 else 0.0
            groups.setdefault((times, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "weight_decay": decay, "times": times}
            for (times, decay), parameters in groups.items()
        ],
        lr=stage.learning_rate,
        betas=(0.9, 0.98),
        eps=1e-8,
        fused=True,
    )


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate of the next step, each group's own times it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["times"]


def learning_rate(stage: Stage, step: int) -> float:
    """The rate of step ``step``, counted from 0: up to the peak, then down to 0 at the horizon."""
    horizon = stage.horizon or stage.steps
    rise = max(round(stage.warmup * horizon), 1)
    if step < rise:
        return stage.learning_rate * (step + 1) / rise
    return stage.learning_rate * max(horizon - step, 0) / max(horizon - rise, 1)
