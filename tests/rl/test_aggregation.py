from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gnomon.parts import part
from gnomon.rl.aggregation import (
    Totals,
    masked,
    seq_mean_token_mean,
    seq_mean_token_sum,
    seq_mean_token_sum_norm,
    token_mean,
    trl_dr_grpo,
)

VALUES = torch.tensor([[1.0, 2.0, 3.0], [4.0, 8.0, math.nan], [math.nan] * 3])
MASK = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 0, 0]])
TOTALS = Totals.of(MASK)

MODES = {
    "token-mean": {},
    "seq-mean-token-mean": {},
    "seq-mean-token-sum": {},
    "seq-mean-token-sum-norm": {},
    "trl-dr-grpo": {"length": 5},
}
modes = st.sampled_from(sorted(MODES))


@st.composite
def masks(draw: st.DrawFn) -> Tensor:
    rows, width = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    bits = st.lists(st.booleans(), min_size=width, max_size=width)
    return torch.tensor(draw(st.lists(bits, min_size=rows, max_size=rows)))


def values_for(mask: Tensor) -> Tensor:
    values = torch.linspace(-1, 2, mask.numel(), dtype=torch.float64).reshape(mask.shape)
    return values.requires_grad_()


def aggregate(mode: str, values: Tensor, mask: Tensor, totals: Totals) -> Tensor:
    return part("aggregation", mode, **MODES[mode])(values, mask, totals)


def test_the_totals_of_a_mask():
    assert Totals(tokens=5, sequences=2, width=3, rows=3) == TOTALS


def test_totals_of_micro_batches_add_up():
    assert Totals.of(MASK[:1, :2]) + Totals.of(MASK[1:]) == Totals(4, 2, 3, 3)


def test_totals_without_a_number_of_rows_count_the_sequences():
    assert Totals(5, 2, 3).all_rows == 2
    assert (Totals(5, 2, 3) + TOTALS).all_rows == 5


def test_every_aggregation_divides_by_its_own_total():
    assert token_mean(VALUES, MASK, TOTALS).item() == pytest.approx(18 / 5)
    assert seq_mean_token_mean(VALUES, MASK, TOTALS).item() == pytest.approx((2 + 6) / 2)
    assert seq_mean_token_sum(VALUES, MASK, TOTALS).item() == pytest.approx(18 / 2)
    assert seq_mean_token_sum_norm(VALUES, MASK, TOTALS).item() == pytest.approx(18 / 3)
    assert seq_mean_token_sum_norm(VALUES, MASK, TOTALS, length=9).item() == pytest.approx(18 / 9)
    assert trl_dr_grpo(VALUES, MASK, TOTALS, length=9).item() == pytest.approx(18 / 27)


@pytest.mark.parametrize("mode", sorted(MODES))
def test_a_batch_without_trained_tokens_gives_zero_and_no_gradient(mode: str):
    values, mask = torch.ones(2, 3, requires_grad=True), torch.zeros(2, 3)
    loss = aggregate(mode, values, mask, Totals.of(mask))
    (gradient,) = torch.autograd.grad(loss, values)
    assert loss.item() == 0
    assert gradient.abs().sum() == 0


@pytest.mark.parametrize("length", [0, -1])
def test_a_length_below_one_is_refused(length: int):
    for aggregation in (seq_mean_token_sum_norm, trl_dr_grpo):
        with pytest.raises(ValueError, match="at least 1"):
            aggregation(VALUES, MASK, TOTALS, length=length)


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"must both be \[N, T\]"):
        masked(VALUES, MASK[:, :2])


@given(masks(), modes, st.data())
def test_micro_batches_of_any_split_and_padding_add_up_in_value_and_gradient(mask, mode, data):
    totals, values = Totals.of(mask), values_for(mask)
    whole = aggregate(mode, values, mask, totals)
    (expected,) = torch.autograd.grad(whole, values)
    order = data.draw(st.permutations(range(len(mask))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(mask)), max_size=3)))
    value, gradient = 0.0, torch.zeros_like(values)
    for start, end in zip([0, *cuts], [*cuts, len(mask)], strict=True):
        rows, padding = (
            order[start:end],
            (data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))),
        )
        part_values = torch.nn.functional.pad(values[rows], padding, value=math.nan)
        part_mask = torch.nn.functional.pad(mask[rows], padding)
        loss = aggregate(mode, part_values, part_mask, totals)
        value += loss.item()
        gradient += torch.autograd.grad(loss, values)[0]
    assert value == pytest.approx(whole.item(), abs=1e-9)
    torch.testing.assert_close(gradient, expected)


@given(masks(), modes)
def test_empty_sequences_change_nothing_but_the_row_count_of_trl(mask, mode):
    values = values_for(mask).detach()
    with_empty = torch.cat([mask, torch.zeros_like(mask)])
    totals, more = Totals.of(mask), Totals.of(with_empty)
    one = aggregate(mode, values, mask, totals)
    other = aggregate(mode, torch.cat([values, values]), with_empty, more)
    factor = 2 if mode == "trl-dr-grpo" else 1
    torch.testing.assert_close(one, other * factor)


@given(masks())
def test_the_token_mean_of_a_constant_is_that_constant(mask):
    expected = 3.0 if mask.any() else 0.0
    constant = torch.full(mask.shape, 3.0)
    for mode in ("token-mean", "seq-mean-token-mean"):
        assert aggregate(mode, constant, mask, Totals.of(mask)).item() == pytest.approx(expected)


def test_the_worked_example_of_lite_ppo():
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1]])
    values, totals = torch.tensor([[1.0, 1.0, 9.0, 9.0], [2.0] * 4]), Totals.of(mask)
    found = [
        aggregation(values, mask, totals).item()
        for aggregation in (
            token_mean, seq_mean_token_sum, seq_mean_token_mean, seq_mean_token_sum_norm,
        )
    ]  # fmt: skip
    assert found == pytest.approx([10 / 6, 5.0, 1.5, 2.5])


def test_the_normed_sum_of_verl_since_0_9_is_over_the_sequences_too():
    """verl 0.8 and LUFFY's fork leave that out; the empty third row does not count."""
    plain = seq_mean_token_sum_norm(VALUES, MASK, TOTALS, length=9)
    both = seq_mean_token_sum_norm(VALUES, MASK, TOTALS, length=9, divide="sequences")
    assert (plain.item(), both.item()) == (pytest.approx(2.0), pytest.approx(1.0))
