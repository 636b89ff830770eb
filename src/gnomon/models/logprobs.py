"""Log-probabilities and entropies of chosen tokens, never of a whole prompt.

Dimension suffixes: N rows, T tokens of the longest response, K trained tokens, C those of a chunk,
H hidden width, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from gnomon.models.batch import Batch
from gnomon.models.decoder import untouched
from gnomon.models.policy import Policy

CHUNK = 4096
"""Positions whose logits exist at one time: 4,096 x 152k x 4 bytes = 2.5 GB for Qwen2.5."""
CACHED = 2**19
"""Logits of a chunk on a CPU, which is quickest while they stay in its cache (2 MB, ours)."""
KEPT = 2**25
"""A head keeps at most so many log-probabilities for the backward pass (128 MB, ours)."""


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
    Chunks of at most `CHUNK` positions are recomputed in the backward pass, so that memory does not
    grow with the vocabulary times the number of tokens.
    """
    states = policy.hidden(batch, features_FH).index_select(0, batch.sources_K)
    targets = batch.token_ids[batch.targets_K]
    if not len(targets):
        empty = states.sum(-1)
        return TokenScores(empty, empty, states)
    head = policy.core.lm_head
    if untouched(head) and head.bias is None:
        dtype = torch.bfloat16 if policy.mixed_precision else head.weight.dtype
        logp, spread = _Head.apply(  # type: ignore[no-untyped-call]
            states, head.weight, targets, temperature, dtype
        )
        return TokenScores(logp, spread if entropy else spread.detach(), states)
    return _by_module(policy, states, targets, temperature, entropy)


def _by_module(
    policy: Policy, states: Tensor, targets: Tensor, temperature: float, entropy: bool
) -> TokenScores:
    """The scores by calling the head, which may be more than one product (see `untouched`)."""

    def score(states: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return _score(policy.logits(states) / temperature, targets, entropy)

    pieces = []
    for start in range(0, len(targets), CHUNK):
        span = slice(start, start + CHUNK)
        if len(targets) <= CHUNK or not torch.is_grad_enabled():
            pieces.append(score(states[span], targets[span]))
        else:
            pieces.append(checkpoint(score, states[span], targets[span], use_reentrant=False))
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


class _Head(torch.autograd.Function):
    """log p(target) and entropy under softmax(h W^T / t), with its gradient written out.

    With p the distribution and H its entropy, the gradient by the logits z = h W^T / t is
    d log p(y) / dz = [z is y's] - p and dH / dz = -p (log p + H). So a chunk's [C, V] is passed
    over few times. What is kept for the backward pass is h, and log p where all of it is small;
    else a chunk's logits are made again. Products are in ``dtype``, sums in float32. Source: ours,
    after the losses in chunks of Liger (arXiv 2410.10989).
    """

    @staticmethod
    def forward(
        ctx: Any,
        states_KH: Tensor,
        weight_VH: Tensor,
        targets_K: Tensor,
        temperature: float,
        dtype: torch.dtype,
    ) -> tuple[Tensor, Tensor]:
        weight = weight_VH.to(dtype)
        keeps = ctx.needs_input_grad[0] and len(states_KH) * len(weight) <= KEPT
        kept = []
        # Made before the chunks: small results that stay between large ones that go would keep the
        # allocator from using the room of a chunk for the next one.
        logp_K, entropy_K = states_KH.new_empty((2, len(states_KH)), dtype=torch.float32)
        for span in spans(len(states_KH), len(weight), states_KH.is_cuda):
            logp_CV = _log_softmax(states_KH[span], weight, temperature)
            logp_K[span] = logp_CV.gather(-1, targets_K[span, None]).squeeze(-1)
            entropy_K[span] = logp_CV.exp().mul_(logp_CV).sum(-1).neg_()
            if keeps:
                kept.append(logp_CV)
        ctx.save_for_backward(states_KH, weight_VH, targets_K, entropy_K, *kept)
        ctx.temperature, ctx.dtype = temperature, dtype
        ctx.set_materialize_grads(False)
        return logp_K, entropy_K

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(
        ctx: Any, by_logp_K: Tensor | None, by_entropy_K: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        states_KH, weight_VH, targets_K, entropy_K, *kept = ctx.saved_tensors
        weight, dtype = weight_VH.to(ctx.dtype), ctx.dtype
        states_grad = torch.empty_like(states_KH)
        weight_grad = torch.zeros_like(weight_VH) if ctx.needs_input_grad[1] else None
        if by_logp_K is None:
            by_logp_K = torch.zeros_like(entropy_K)
        for number, span in enumerate(spans(len(states_KH), len(weight), states_KH.is_cuda)):
            logp_CV = (
                kept[number] if kept else _log_softmax(states_KH[span], weight, ctx.temperature)
            )
            by_logp = by_logp_K[span, None] / ctx.temperature
            grad_CV = logp_CV.exp().mul_(-by_logp)
            grad_CV.scatter_add_(-1, targets_K[span, None], by_logp)
            if by_entropy_K is not None:
                by_entropy = by_entropy_K[span, None] / ctx.temperature
                grad_CV -= logp_CV.exp().mul_(logp_CV + entropy_K[span, None]).mul_(by_entropy)
            grad_CV = grad_CV.to(dtype)
            states_grad[span] = grad_CV @ weight
            if weight_grad is not None:
                weight_grad += grad_CV.t() @ states_KH[span].to(dtype)
        return states_grad, weight_grad, None, None, None


def _log_softmax(states_CH: Tensor, weight_VH: Tensor, temperature: float) -> Tensor:
    logits_CV = (states_CH.to(weight_VH.dtype) @ weight_VH.t()).float()
    return (logits_CV if temperature == 1 else logits_CV / temperature).log_softmax(-1)


def spans(count: int, vocabulary: int, cuda: bool) -> list[slice]:
    """Chunks of ``count`` positions: small ones on a CPU, large ones on a GPU."""
    size = CHUNK if cuda else min(CHUNK, max(128, CACHED // vocabulary))
    return [slice(start, start + size) for start in range(0, count, size)]
