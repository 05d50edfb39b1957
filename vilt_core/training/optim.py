"""AdamW with linear warm-up and linear decay, as the paper (section 4.1)."""

import torch
from torch import nn

from vilt_core.training.recipes import Stage


def build_optimizer(model: nn.Module, stage: Stage) -> torch.optim.AdamW:
    """AdamW (0.9, 0.98); biases, norms and other single vectors are not decayed."""
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    decayed = [p for _, p in named if p.ndim >= 2]
    spared = [p for _, p in named if p.ndim < 2]
    return torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": stage.weight_decay},
            {"params": spared, "weight_decay": 0.0},
        ],
        lr=stage.learning_rate,
        betas=(0.9, 0.98),
        eps=1e-8,
        fused=True,
    )


def learning_rate(stage: Stage, step: int) -> float:
    """The rate of step ``step``, counted from 0: up to the peak, then down to 0 at the horizon."""
    horizon = stage.horizon or stage.steps
    rise = max(round(stage.warmup * horizon), 1)
    if step < rise:
        return stage.learning_rate * (step + 1) / rise
    return stage.learning_rate * max(horizon - step, 0) / max(horizon - rise, 1)
