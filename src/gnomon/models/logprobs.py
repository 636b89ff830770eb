"""Log-probabilities and entropies of chosen tokens, never of a whole prompt.

Dimension suffixes: N rows, T tokens of the longest response, K trained tokens, V vocabulary,
H hidden width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from gnomon.models.batch import Batch
from gnomon.models.policy import Policy

CHUNK = 4096
"""Positions whose logits exist at one time: 4,096 x 152k x 4 bytes = 2.5 GB for Qwen2.5."""


@dataclass(frozen=True)
class TokenScores:
    """``logp`` and ``entropy`` [K] of the trained tokens, row by row, in nats.

    The entropy is that of the full next-token distribution. ``states`` [K, H] are the hidden states
    that predict the tokens, for a value head.
    """

    logp: Tensor
    entropy: Tensor
    states: Tensor


def score_tokens(
    policy: Policy,
    batch: Batch,
    *,
    temperature: float = 1.0,
    entropy: bool = False,
    features_FH: Tensor | None = None,
) -> TokenScores:
    """Score the trained tokens of a batch, in float32.

    The logits of a position predict the next token, so the hidden state before each trained token
    is used and no logits are made for any other position. ``temperature`` divides the logits, as in
    sampling. The entropy carries a gradient only when ``entropy`` asks for one.
    Chunks of `CHUNK` positions are recomputed in the backward pass, so that memory does not grow
    with the vocabulary times the number of tokens.
    """
    states = policy.hidden(batch, features_FH).index_select(0, batch.sources_K)
    targets = batch.token_ids[batch.targets_K]

    def score(states: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return _score(policy.logits(states) / temperature, targets, entropy)

    pieces = []
    for start in range(0, len(targets), CHUNK):
        span = slice(start, start + CHUNK)
        if len(targets) <= CHUNK or not torch.is_grad_enabled():
            pieces.append(score(states[span], targets[span]))
        else:
            pieces.append(checkpoint(score, states[span], targets[span], use_reentrant=False))
    if not pieces:
        empty = states.sum(-1)
        return TokenScores(empty, empty, states)
    logp, spread = zip(*pieces, strict=True)
    return TokenScores(torch.cat(logp), torch.cat(spread), states)


def by_row(values_K: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Values of the trained tokens as [N, T], zero on the padding at the right, and their mask."""
    counts = torch.tensor(batch.counts, device=values_K.device)
    width = max(batch.counts)
    mask = torch.arange(width, device=counts.device) < counts[:, None]
    rows = values_K.new_zeros(mask.shape)
    return rows.masked_scatter(mask, values_K), mask


def _score(logits_KV: Tensor, targets: Tensor, entropy: bool) -> tuple[Tensor, Tensor]:
    logp_KV = logits_KV.log_softmax(-1)
    logp = logp_KV.gather(-1, targets[:, None]).squeeze(-1)
    with torch.set_grad_enabled(entropy and torch.is_grad_enabled()):
        spread = -(logp_KV.exp() * logp_KV).sum(-1)
    return logp, spread
