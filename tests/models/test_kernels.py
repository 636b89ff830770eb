from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gnomon.models.kernels import eager, sdpa

Given = tuple[Tensor, Tensor, Tensor, Tensor | None]


@st.composite
def rectangles(draw: st.DrawFn) -> Given:
    """Queries of few heads, keys and values of fewer, and at times what may not be looked at."""
    rows, keys, groups = (draw(st.integers(1, 3)) for _ in range(3))
    length = draw(st.sampled_from([1, 5, 64, 127, 128, 129, 300]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    q, k, v = (
        torch.randn(rows, heads, length, 16, generator=generator)
        for heads in (keys * groups, keys, keys)
    )
    if not draw(st.booleans()):
        return q, k, v, None
    hidden = torch.rand(rows, 1, length, length, generator=generator) > 0.6
    hidden[..., 0] = False
    return q, k, v, torch.zeros(hidden.shape).masked_fill(hidden, -math.inf)


def gradients(kernel: object, given: Given, dtype: torch.dtype, causal: bool) -> list[Tensor]:
    """The output and its gradients by queries, keys and values, in float64."""
    *parts, bias = given
    parts = [part.to(dtype).requires_grad_() for part in parts]
    out = kernel(*parts, None if bias is None else bias.to(dtype), causal=causal)  # type: ignore[operator]
    loss = (out.double() * torch.linspace(-1, 1, out.numel()).view(out.shape)).sum()
    return [out.double(), *(g.double() for g in torch.autograd.grad(loss, parts))]


@settings(max_examples=40, deadline=None)
@given(given=rectangles(), causal=st.booleans())
def test_attention_in_bfloat16_has_the_gradients_of_the_one_written_out(
    given: Given, causal: bool
) -> None:
    exact = [part.bfloat16().double() if part is not None else None for part in given]
    ours = gradients(sdpa, given, torch.bfloat16, causal)
    theirs = gradients(eager, exact, torch.float64, causal)  # type: ignore[arg-type]
    for one, other in zip(ours, theirs, strict=True):
        assert (one - other).norm() <= 0.02 * other.norm() + 0.02


@settings(max_examples=20, deadline=None)
@given(given=rectangles(), causal=st.booleans())
def test_the_fused_kernel_is_the_one_written_out(given: Given, causal: bool) -> None:
    ours = gradients(sdpa, given, torch.float32, causal)
    theirs = gradients(eager, given, torch.float32, causal)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_attention_in_bfloat16_keeps_no_scores() -> None:
    q, k, v = (torch.randn(2, 4, 200, 16).bfloat16().requires_grad_() for _ in range(3))
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda x: kept.append(x.numel()) or x, lambda x: x
    ):
        sdpa(q, k, v, None)
    assert kept == [q.numel(), k.numel(), v.numel()]


@pytest.mark.parametrize("length", [1, 3])
def test_without_a_bias_and_not_causal_every_key_is_looked_at(length: int) -> None:
    q, k, v = (torch.randn(1, 1, length, 8) for _ in range(3))
    expected = (q @ k.mT / math.sqrt(8)).softmax(-1) @ v
    torch.testing.assert_close(sdpa(q, k, v, None, causal=False), expected)
    torch.testing.assert_close(eager(q, k, v, None, causal=False), expected)
