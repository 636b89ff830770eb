from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm

from gnomon.models.pointwise import normed, rotate


def norm_of(width: int, seed: int) -> Any:
    norm = Qwen2RMSNorm(width)
    with torch.no_grad():
        norm.weight.normal_(generator=torch.Generator().manual_seed(seed))
    return norm.double()


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 9), width=st.integers(1, 40), seed=st.integers(0, 99))
@example(rows=3, width=1, seed=49)
def test_a_norm_and_its_gradients_are_those_of_transformers(
    rows: int, width: int, seed: int
) -> None:
    norm = norm_of(width, seed)
    x = torch.randn(rows, width, generator=torch.Generator().manual_seed(seed)).double()
    # Both round to float32 within, and a gradient takes that error times the inverse of the size.
    x += 0.1 * x.sign()
    results = []
    for compute in (lambda x: normed(norm, x), norm):
        given = x.clone().requires_grad_()
        out = compute(given)
        loss = (out * torch.linspace(-1, 2, out.numel()).view(out.shape)).sum()
        results.append([out.double(), *torch.autograd.grad(loss, [given, norm.weight])])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_a_norm_with_a_hook_is_called() -> None:
    norm, seen = norm_of(4, 0).float(), []
    norm.register_forward_pre_hook(lambda *_: seen.append(1))
    normed(norm, torch.randn(2, 4))
    assert seen == [1]


def test_another_norm_is_called() -> None:
    norm = nn.LayerNorm(4)
    x = torch.randn(2, 4)
    assert torch.equal(normed(norm, x), norm(x))


def test_under_autocast_a_norm_gives_what_products_take() -> None:
    norm = norm_of(8, 0).float()
    x = torch.randn(3, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(normed(norm, x), norm(x).bfloat16())


def written_out(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    one, two = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-two, one), dim=-1) * sin


def angles(tokens: int, width: int) -> tuple[Tensor, Tensor]:
    half = torch.arange(tokens * width // 2).view(tokens, 1, -1).double() * 0.37
    both = torch.cat((half, half), -1)
    return both.cos(), both.sin()


@pytest.mark.parametrize("tokens", [1, 6])
def test_turning_has_the_values_and_gradients_of_the_formula(tokens: int) -> None:
    x = torch.randn(tokens, 3, 8).double().requires_grad_()
    cos, sin = angles(tokens, 8)
    weight = torch.randn(tokens, 3, 8).double()
    for turn in (rotate, written_out):
        torch.testing.assert_close(turn(x, cos, sin), written_out(x, cos, sin))
    ours, theirs = (
        torch.autograd.grad((turn(x, cos, sin) * weight).sum(), x)[0]
        for turn in (rotate, written_out)
    )
    torch.testing.assert_close(ours, theirs)


def test_turning_keeps_the_type_and_computes_in_float32() -> None:
    x = torch.randn(5, 2, 8).bfloat16()
    cos, sin = (each.float() for each in angles(5, 8))
    exact = written_out(x.float(), cos, sin).bfloat16()
    assert torch.equal(rotate(x, cos, sin), exact)
