"""Token means of one step, over all its updates and micro-batches."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Meter:
    """Token means of one step, over all its updates."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.counts: dict[str, float] = {}
        self.largest: dict[str, float] = {}

    def add(self, name: str, total: float, count: float) -> None:
        """Add to a mean."""
        self.sums[name] = self.sums.get(name, 0.0) + total
        self.counts[name] = self.counts.get(name, 0.0) + count

    def add_mean(self, name: str, values: Tensor, mask: Tensor) -> None:
        """Add the values [N, T] of trained tokens to a mean."""
        chosen = values.detach()[mask.bool()]
        self.add(name, float(chosen.sum()), len(chosen))

    def add_tokens(self, known: dict[str, Any], stats: dict[str, Tensor]) -> None:
        """Entropy, clipping, KL and mismatch of one micro-batch."""
        mask_NT = known["mask"]
        count = float(mask_NT.sum())
        values = {"entropy": known["entropy"], **stats}
        values.pop("ratio", None)
        if "reference_logp" in known:
            x_NT = known["logp"] - known["reference_logp"]
            values["kl"] = torch.expm1(-x_NT) + x_NT
        for name, value_NT in values.items():
            self.add(name, float((value_NT.detach() * mask_NT).sum()), count)
        own_NT = mask_NT * (1 - known["off_policy"])
        gap = ((known["logp"].detach() - known["old_logp"]) * own_NT).abs().max()
        # Only the first update of a step sees the weights that wrote the rollouts.
        self.largest.setdefault("mismatch", float(gap))

    def means(self) -> dict[str, float]:
        """Every mean and largest value by name."""
        return {
            **{name: self.sums[name] / max(self.counts[name], 1) for name in self.sums},
            **self.largest,
        }
