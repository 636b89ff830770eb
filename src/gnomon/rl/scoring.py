"""Score whole rows without a gradient, some at a time.

What a rollout has computed is used again where that changes nothing. Its log-probabilities are the
old ones of an exactly on-policy step, so that such a step makes no forward pass for them (see
`gnomon.rl.experience.facts`); features of images are, while the vision tower is frozen (see
`gnomon.models.features`). Its keys and values are not. The training pass needs them with their
gradients: the loss depends on the weights through the keys and values of every earlier token too,
and taking them from the rollout as constants would drop that part of the gradient. What has no
gradient to lose has other weights (a reference), other images (corrupted ones), or is asked for
because the trainer is to compute it itself (corrections of the engine's mismatch).

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
