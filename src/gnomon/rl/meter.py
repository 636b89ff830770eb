"""Token means of one step, over all its updates and micro-batches."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from gnomon.rl.losses import CLAMP
from gnomon.rl.perception import divergence

FAR = math.log(2.0)
"""A log-ratio beyond this, either way, is a ratio outside of [0.5, 2]."""


class Meter:
    """Token means of one step, over all its ``updates``."""

    def __init__(self) -> None:
        self.updates = 0
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
        """Entropy, clipping, KL, perception and mismatch of one micro-batch.

        All are means over all trained tokens, but for ``kl``, to the reference, which is that of
        the policy's own tokens, and ``off_ratio``, the shaped ratio of `gnomon.rl.guidance.luffy`,
        which is that of the tokens of demonstrations; either is 0 without such tokens (LUFFY, arXiv
        2504.14945, whose off_ratio_mean it is). ``perception`` is the divergence from the policy
        that sees the corrupted image, and ``masked_entropy`` what that one's entropy is estimated
        to be, by -masked_logp.
        """
        mask_NT = known["mask"]
        other_NT = mask_NT * known["off_policy"]
        over = {"kl": mask_NT - other_NT, "off_ratio": other_NT}
        values = {"entropy": known["entropy"], **stats}
        values.pop("ratio", None)
        if "reference_logp" in known:
            x_NT = known["logp"] - known["reference_logp"]
            values["kl"] = torch.expm1(-x_NT) + x_NT
        masked_NT = known.get("masked_logp", known.get("old_masked_logp"))
        if masked_NT is not None:
            values["perception"] = divergence(known["logp"].detach(), masked_NT.detach(), mask_NT)
            values["masked_entropy"] = -masked_NT
        for name, value_NT in values.items():
            chosen_NT = over.get(name, mask_NT)
            total = float((value_NT.detach() * chosen_NT).sum())
            self.add(name, total, float(chosen_NT.sum()))
        # Only the first update of a step sees the weights that wrote the rollouts.
        if self.updates == 0:
            self.add_mismatch(known)

    def add_guidance(self, known: dict[str, Any], loss_NT: Tensor) -> None:
        """How likely own and demonstrated tokens are, and what each cost, over those tokens alone.

        ``on_policy_prob``: pi_old of own tokens; ``off_policy_prob``: pi of those of
        demonstrations; ``on_loss`` and ``off_loss``; each 0 without such tokens. Source: LUFFY,
        arXiv 2504.14945.
        """
        other_NT = known["mask"] * known["off_policy"]
        own_NT = known["mask"] - other_NT
        self.add_mean("on_policy_prob", known["old_logp"].exp(), own_NT)
        self.add_mean("off_policy_prob", known["logp"].exp(), other_NT)
        self.add_mean("on_loss", loss_NT, own_NT)
        self.add_mean("off_loss", loss_NT, other_NT)

    def add_mismatch(self, known: dict[str, Any]) -> None:
        """How far what sampled was from the trainer, on the tokens of the policy's own rollouts.

        Formula: lr = logp - what the sampler reported; mismatch = max |lr|, mismatch_mean =
        mean |lr|, mismatch_kl = mean(exp(lr) - 1 - lr), mismatch_outside = share outside of
        [ln .5, ln 2]

        The KL is that from the sampler to the trainer by the estimator k3 (Schulman 2020), unbiased
        as the sampler wrote the tokens. lr is clamped to +-20.
        """
        own_NT = (known["mask"] * (1 - known["off_policy"])).bool()
        lr_NT = known["logp"].detach() - known["old_logp"] + known["log_mismatch"]
        lr = lr_NT[own_NT].clamp(*CLAMP)
        size, count = lr.abs(), len(lr)
        largest = float(size.max()) if count else 0.0
        self.largest["mismatch"] = max(self.largest.get("mismatch", 0.0), largest)
        self.add("mismatch_mean", float(size.sum()), count)
        self.add("mismatch_kl", float((torch.expm1(lr) - lr).clamp(min=0).sum()), count)
        self.add("mismatch_outside", float((size > FAR).sum()), count)

    def means(self) -> dict[str, float]:
        """Every mean and largest value by name."""
        return {
            **{name: self.sums[name] / max(self.counts[name], 1) for name in self.sums},
            **self.largest,
        }
