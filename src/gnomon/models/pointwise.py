"""Norms and rotary embeddings with their gradients written out: few passes, little kept.

Dimension suffixes: M tokens, A heads, D width of a head, H hidden width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

PLAIN = ("Qwen2RMSNorm", "Qwen2_5_VLRMSNorm")
"""Classes of norms whose formula is `_Norm`'s."""


def normed(norm: Any, x_MH: Tensor) -> Tensor:
    """``norm(x)`` for an RMSNorm of Qwen2 (arXiv 1910.07467), in the type of what reads it.

    Under autocast that is the type of products, which would cast it once each. A norm that is not
    plain, as one with hooks, is called.
    """
    plain = type(norm).__name__ in PLAIN and type(norm.weight) is nn.Parameter
    if not plain or norm._forward_hooks or norm._forward_pre_hooks:
        return norm(x_MH)  # type: ignore[no-any-return]
    device = x_MH.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x_MH.dtype
    return _Norm.apply(x_MH, norm.weight, norm.variance_epsilon, dtype)  # type: ignore[no-untyped-call, no-any-return]


class _Norm(torch.autograd.Function):
    """y = w * n with n = x r and r = 1 / sqrt(mean(x^2) + eps).

    With g = w * dy: dx = r (g - n mean(g n)) and dw = sum(dy n). Kept are x and r.
    """

    @staticmethod
    def forward(ctx: Any, x_MH: Tensor, weight_H: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
        x = exactly(x_MH)
        rate_M1 = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_()
        rate_M1.div_(x.shape[-1]).add_(eps).rsqrt_()
        ctx.save_for_backward(x_MH, rate_M1, weight_H)
        y: Tensor = (x * rate_M1).mul_(weight_H).to(dtype)
        return y

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, by_y: Tensor) -> tuple[Tensor | None, ...]:
        x_MH, rate_M1, weight_H = ctx.saved_tensors
        n, by_y, weight = x_MH * rate_M1, exactly(by_y), exactly(weight_H)
        both = by_y * n
        by_weight = both.sum(0).to(weight_H.dtype) if ctx.needs_input_grad[1] else None
        shared_M1 = (both @ weight).div_(x_MH.shape[-1])[:, None]
        by_x = torch.addcmul(by_y * weight, n, shared_M1, value=-1).mul_(rate_M1)
        return by_x.to(x_MH.dtype), by_weight, None, None


def exactly(x: Tensor) -> Tensor:
    """``x`` in float32, or in float64 if it is."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def rotate(x_MAD: Tensor, cos_M1D: Tensor, sin_M1D: Tensor) -> Tensor:
    """Rotary embedding (arXiv 2104.09864) with the two halves of a head as pairs, in float32.

    The result has the type of ``x_MAD``. The halves of ``cos_M1D`` and ``sin_M1D`` are equal.
    """
    return _Turn.apply(x_MAD, cos_M1D, sin_M1D)  # type: ignore[no-untyped-call, no-any-return]


class _Turn(torch.autograd.Function):
    """Turns each pair by its angle; the gradient is turned back."""

    @staticmethod
    def forward(ctx: Any, x_MAD: Tensor, cos_M1D: Tensor, sin_M1D: Tensor) -> Tensor:
        ctx.save_for_backward(cos_M1D, sin_M1D)
        return _turned(x_MAD, cos_M1D, sin_M1D)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, by_y: Tensor) -> tuple[Tensor | None, ...]:
        cos_M1D, sin_M1D = ctx.saved_tensors
        return _turned(by_y, cos_M1D, -sin_M1D), None, None


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    one, two = x[..., :half], x[..., half:]
    cos, sin = exactly(cos[..., :half]), exactly(sin[..., :half])
    out = torch.empty_like(x)
    out[..., :half] = torch.addcmul(one * cos, two, sin, value=-1)
    out[..., half:] = torch.addcmul(two * cos, one, sin)
    return out
