# SPDX-License-Identifier: MIT OR Apache-2.0
"""The learning rate: warm-up, a constant, then a straight fall over the last share of the plan.

While it is constant the plan may be made longer or shorter at any resume; a falling rate is
what makes the last stretch the best one.
"""

from __future__ import annotations

import torch


def rate(step: int, progress: float, peak: float, warmup: int, decay: float) -> float:
    """`progress` is the share of the plan that is done, `decay` the last share that falls."""
    warm = min(1.0, (step + 1) / warmup)
    left = max(0.0, (1 - progress) / decay)
    return peak * warm * min(1.0, left)


def times(u: torch.Tensor, noisy: float) -> torch.Tensor:
    """Uniform numbers u in 0..1 to times in 0..1, of which a share `noisy` lies in the upper half only.

    Shapes are decided there, and that is what a short training learns last.
    """
    below = (1 - noisy) / 2
    return torch.where(u < below, u * (0.5 / max(below, 1e-9)), 0.5 + (u - below) * 0.5 / (1 - below))


def apply(optimizer: torch.optim.Optimizer, value: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = value
