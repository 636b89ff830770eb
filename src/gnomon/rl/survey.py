"""What an optimiser batch holds as a whole, for statistics that no micro-batch can know.

A loss that picks "the top share of all tokens" must look at all tokens of the update, or its choice
would change with the micro-batch size. The loop makes a survey, by a pass without gradient before
the update, when some part asks for one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Survey:
    """All rows of an optimiser batch [B, W] before its update, and which of them are at hand.

    ``logp``, ``entropy``, ``advantages`` and ``mask`` are [B, W]; ``rows`` [N] says where the rows
    of the micro-batch stand. ``seed`` makes random choices that all micro-batches agree on.
    """

    logp: Tensor
    entropy: Tensor
    advantages: Tensor
    mask: Tensor
    rows: Tensor
    seed: int = 0

    @classmethod
    def of(
        cls, logp: Tensor, advantages: Tensor, mask: Tensor, entropy: Tensor | None = None
    ) -> Survey:
        """The survey in which the given rows are the whole batch."""
        wide = advantages[:, None] if advantages.ndim == 1 else advantages
        spread = torch.zeros_like(logp) if entropy is None else entropy
        return cls(
            logp.detach(), spread.detach(), wide.expand_as(logp), mask, torch.arange(len(logp))
        )

    def here(self, values: Tensor, width: int) -> Tensor:
        """The part of [B, W] ``values`` that belongs to the micro-batch, [N, width]."""
        return values[self.rows.to(values.device)][:, :width]

    def with_rows(self, rows: Tensor) -> Survey:
        """The same survey for another micro-batch."""
        return Survey(self.logp, self.entropy, self.advantages, self.mask, rows, self.seed)
