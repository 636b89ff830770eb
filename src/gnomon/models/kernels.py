"""Kernels of attention over rectangles of tokens, by the name that a model is loaded with.

Dimension suffixes: A heads, K heads of keys and values, D width of a head; R rectangles' rows, T
their tokens, U what they may look at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import scaled_dot_product_attention

CACHED = 2**19
"""Scores that are made at a time, which stay in a core's cache (1 MB in bfloat16, ours)."""
STRIP = 128
"""Queries of causal attention whose gradients are made together (ours)."""


class Kernel(Protocol):
    """Attention of rectangles.

    ``kernel(q_RATD, k_RKUD, v_RKUD, bias_R1TU)`` gives [R, A, T, D]. The bias is added to the
    scores, minus infinity where a query may not look. Without one attention is causal, or looks
    everywhere when ``causal`` is false.
    """

    def __call__(
        self,
        q_RATD: Tensor,
        k_RKUD: Tensor,
        v_RKUD: Tensor,
        bias_R1TU: Tensor | None,
        *,
        causal: bool = True,
    ) -> Tensor:
        """The attention's output."""


def gather(x_MAD: Tensor, index_RT: Tensor) -> Tensor:
    """The tokens of a rectangle as [R, A, T, D]."""
    taken = x_MAD.index_select(0, index_RT.flatten())
    return taken.view(*index_RT.shape, *x_MAD.shape[1:]).transpose(1, 2)


def sdpa(
    q_RATD: Tensor,
    k_RKUD: Tensor,
    v_RKUD: Tensor,
    bias_R1TU: Tensor | None,
    *,
    causal: bool = True,
) -> Tensor:
    """PyTorch's fused attention, which keeps no score matrix."""
    if bias_R1TU is not None and q_RATD.is_cuda:
        # With a mask and fewer key heads the fused kernels of CUDA are left for a slow one.
        k_RKUD, v_RKUD = (_repeated(x, q_RATD) for x in (k_RKUD, v_RKUD))
    if q_RATD.dtype == torch.bfloat16 and not q_RATD.is_cuda and q_RATD.requires_grad:
        return _InHalf.apply(  # type: ignore[no-untyped-call, no-any-return]
            q_RATD, k_RKUD, v_RKUD, bias_R1TU, causal
        )
    return _fused(q_RATD, k_RKUD, v_RKUD, bias_R1TU, causal)


def _fused(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, causal: bool) -> Tensor:
    causal = causal and bias is None
    return scaled_dot_product_attention(q, k, v, attn_mask=bias, is_causal=causal, enable_gqa=True)


class _InHalf(torch.autograd.Function):
    """Attention in bfloat16 on a CPU, whose fused backward pass takes thrice the time of this one.

    With P = softmax(q k / sqrt(D)), O = P v and G the gradient by O: dv = P^T G, and with
    dP = G v^T also dS = P * (dP - rowsum(P * dP)), dq = dS k / sqrt(D), dk = dS^T q / sqrt(D)
    (FlashAttention, arXiv 2205.14135, appendix B). Scores are made again, of few rectangles at a
    time so that they stay in the cache, and none is kept.
    """

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, causal: bool
    ) -> Tensor:
        ctx.save_for_backward(q, k, v)
        ctx.bias, ctx.causal = bias, causal
        return _fused(q, k, v, bias, causal)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, by_out: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v = ctx.saved_tensors
        by_q, by_k, by_v = (torch.zeros_like(x) for x in (q, k, v))
        causal = ctx.causal and ctx.bias is None
        for rows, asked, seen in _blocks(q.shape, k.shape[2], causal):
            bias = _ahead(q, asked, seen) if causal else ctx.bias
            bias = None if bias is None else bias[rows if len(bias) > 1 else slice(None)]
            found_q, found_k, found_v = _by_scores(
                q[rows, :, asked],
                by_out[rows, :, asked],
                k[rows, :, :seen],
                v[rows, :, :seen],
                bias,
            )
            by_q[rows, :, asked] = found_q
            by_k[rows, :, :seen] += found_k
            by_v[rows, :, :seen] += found_v
        return by_q, by_k, by_v, None, None


def _blocks(shape: torch.Size, width: int, causal: bool) -> Iterator[tuple[slice, slice, int]]:
    """Rows, queries and the number of keys of what is computed at a time.

    Causal attention is cut into strips of queries, which need no keys behind them.
    """
    count, heads, length, _ = shape
    strip = STRIP if causal else length
    for start in range(0, length, strip):
        end = min(start + strip, length)
        seen = end if causal else width
        size = max(1, CACHED // (heads * (end - start) * seen))
        for first in range(0, count, size):
            yield slice(first, first + size), slice(start, end), seen


def _ahead(q_RATD: Tensor, asked: slice, seen: int) -> Tensor:
    """Minus infinity where a key lies behind the query, as a bias [1, 1, T, U]."""
    full = q_RATD.new_full((asked.stop - asked.start, seen), -math.inf)
    return full.triu_(asked.start + 1)[None, None]


def _by_scores(
    q_RATD: Tensor,
    by_out: Tensor,
    k_RKUD: Tensor,
    v_RKUD: Tensor,
    bias_R1TU: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of attention by queries, keys and values.

    The query heads of one key head are one matrix, so that products sum over them.
    """
    rows, heads, width, size = k_RKUD.shape
    rise = 1 / math.sqrt(size)
    grouped = (rows * heads, -1, size)
    q, k, v, by_out = (x.reshape(grouped) for x in (q_RATD * rise, k_RKUD, v_RKUD, by_out))
    scores = q @ k.mT
    if bias_R1TU is not None:
        scores.view(rows, -1, q_RATD.shape[2], width).add_(bias_R1TU)
    p = scores.softmax(-1)
    by_scores = torch.ops.aten._softmax_backward_data(by_out @ v.mT, p, -1, p.dtype)
    by_q = (by_scores @ k).mul_(rise).view(q_RATD.shape)
    by_k, by_v = by_scores.mT @ q, p.mT @ by_out
    return by_q, by_k.view(k_RKUD.shape), by_v.view(k_RKUD.shape)


def eager(
    q_RATD: Tensor,
    k_RKUD: Tensor,
    v_RKUD: Tensor,
    bias_R1TU: Tensor | None,
    *,
    causal: bool = True,
) -> Tensor:
    """softmax(q k / sqrt(D) + bias) v written out: slow, and exact to compare with."""
    k_RAUD, v_RAUD = (_repeated(x, q_RATD) for x in (k_RKUD, v_RKUD))
    scores = q_RATD @ k_RAUD.mT / math.sqrt(q_RATD.shape[-1])
    if bias_R1TU is not None:
        scores = scores + bias_R1TU
    elif causal:
        width = q_RATD.shape[2]
        scores = scores + q_RATD.new_full((width, width), -math.inf).triu(1)
    return scores.softmax(-1, dtype=torch.float32).to(v_RAUD.dtype) @ v_RAUD


def _repeated(x_RKUD: Tensor, q_RATD: Tensor) -> Tensor:
    """Keys or values for every head of the queries."""
    return x_RKUD.repeat_interleave(q_RATD.shape[1] // x_RKUD.shape[1], 1)


KERNELS: dict[str, Kernel] = {"sdpa": sdpa, "eager": eager}
