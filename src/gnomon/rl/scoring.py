"""Score whole rows without a gradient, some at a time.

Dimension suffixes: N rows, T trained tokens of the row that has most.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gnomon.models.encode import Encoded
from gnomon.models.logprobs import by_row, score_tokens
from gnomon.models.policy import Policy


@torch.no_grad()
def score_rows(
    policy: Policy, rows: Sequence[Encoded], *, temperature: float, at_once: int
) -> tuple[Tensor, Tensor]:
    """Log-probability and entropy of the trained tokens of every row, each [N, T], on the CPU.

    0 on the padding at the right. ``at_once`` rows share a forward pass.
    """
    logp: list[Tensor] = []
    entropy: list[Tensor] = []
    for start in range(0, len(rows), at_once):
        batch = policy.batch(rows[start : start + at_once])
        scores = score_tokens(policy, batch, temperature=temperature)
        logp += list(by_row(scores.logp, batch)[0].cpu())
        entropy += list(by_row(scores.entropy, batch)[0].cpu())
    return pad_rows(logp), pad_rows(entropy)


def pad_rows(rows: Sequence[Tensor]) -> Tensor:
    """Rows of different lengths as [N, T], with zeros at the right."""
    if not rows:
        return torch.zeros(0, 0)
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)


def mask_of(lengths: Tensor, width: int) -> Tensor:
    """[N, T], 1 on the first ``lengths`` [N] tokens of each row."""
    return (torch.arange(width) < lengths[:, None]).float()
