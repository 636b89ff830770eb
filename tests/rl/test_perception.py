from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gnomon.rl.aggregation import Totals, token_mean
from gnomon.rl.losses import ppo_clip
from gnomon.rl.perception import (
    collapse_monitor,
    collapse_signs,
    divergence,
    masked_nll,
    masked_nll_live,
    perception_kl,
    perception_kl_live,
    top_of_rows,
)
from gnomon.rl.regularisers import nll
from gnomon.rl.schedules import linear_ramp

LOGP, OLD = torch.tensor([[-0.4, -0.8, -0.2]]), torch.tensor([[-0.5, -0.8, -0.2]])
MASKED, MASK = torch.tensor([[-0.9, -0.8, -2.2]]), torch.ones(1, 3)
TOTALS = Totals.of(MASK)


def mean(values: Tensor) -> float:
    return float(token_mean(values, MASK, TOTALS))


def policy_loss() -> float:
    loss, _ = ppo_clip(LOGP, OLD, torch.tensor([1.0]), MASK, clip_high=0.3, dual_clip=3.0)
    return mean(loss)


@pytest.mark.parametrize(
    ("logp", "masked", "value"),
    [
        (-0.5, -1.5, 0.367879),
        (-1.5, -0.5, 0.718282),
        (-0.1, -8.0, 6.900371),
        (-8.0, -0.1, 10.0),
        (-1.0, -1.0, 0.0),
    ],
)
def test_the_worked_example_of_the_divergence(logp: float, masked: float, value: float):
    found = divergence(torch.tensor([[logp]]), torch.tensor([[masked]]), torch.ones(1, 1))
    assert found.item() == pytest.approx(value, abs=1e-5)


def test_the_worked_example_of_the_whole_loss():
    assert policy_loss() == pytest.approx(-1.035057, abs=1e-6)
    perception = mean(perception_kl(LOGP, MASKED, MASK))
    assert perception == pytest.approx(-0.413955, abs=1e-6)
    assert policy_loss() + 0.02 * perception == pytest.approx(-1.043336, abs=1e-6)


def test_the_worked_example_with_both_entropies_and_its_annealing():
    """The trap: the divergence is subtracted, the entropies are added, that is minimised."""

    def total(done: int) -> float:
        gamma, eta = (linear_ramp(done, 20, start=value) for value in (0.02, 0.05))
        perception = mean(perception_kl(LOGP, MASKED, MASK))
        entropies = mean(nll(LOGP, MASK)) + mean(masked_nll(MASKED, MASK))
        return policy_loss() + gamma * perception + eta * entropies

    assert mean(nll(LOGP, MASK)) == pytest.approx(0.466667, abs=1e-6)
    assert mean(masked_nll(MASKED, MASK)) == pytest.approx(1.3, abs=1e-6)
    assert total(0) == pytest.approx(-0.955003, abs=1e-6)
    assert total(5) == pytest.approx(-0.99503, abs=1e-6)


def test_the_worked_example_of_the_top_share_and_the_ceiling():
    top = mean(perception_kl(LOGP, MASKED, MASK, share=0.34))
    assert top == pytest.approx(-0.378445, abs=1e-6)
    assert policy_loss() + 0.02 * top == pytest.approx(-1.042626, abs=1e-6)
    capped = mean(perception_kl(LOGP, MASKED, MASK, ceiling=0.2))
    assert capped == pytest.approx(-0.102177, abs=1e-6)
    assert policy_loss() + 0.02 * capped == pytest.approx(-1.0371, abs=1e-6)


def test_the_two_directions_are_clamped_at_different_ends():
    logp, masked, one = torch.tensor([[-0.1]]), torch.tensor([[-8.0]]), torch.ones(1, 1)
    assert divergence(logp, masked, one).item() == pytest.approx(6.900371, abs=1e-5)
    assert divergence(logp, masked, one, "paper").item() == 10
    assert divergence(masked, logp, one, "paper").item() == pytest.approx(6.900371, abs=1e-5)


def gradients(regulariser, **settings) -> tuple[Tensor, Tensor | None]:
    logp, masked = LOGP.clone().requires_grad_(), MASKED.clone().requires_grad_()
    value = regulariser(logp, masked, MASK, **settings).sum()
    found = torch.autograd.grad(value, (logp, masked), allow_unused=True)
    return found[0], found[1]


def test_by_default_the_masked_policy_has_no_gradient():
    own, masked = gradients(perception_kl)
    x = MASKED - LOGP
    torch.testing.assert_close(own, x.exp() - 1)
    assert masked is None


def test_the_live_form_has_the_same_value_and_both_gradients():
    own, masked = gradients(perception_kl_live)
    torch.testing.assert_close(own, -masked)
    assert perception_kl_live(LOGP, MASKED, MASK).equal(perception_kl(LOGP, MASKED, MASK))


def test_minimising_the_live_form_drives_the_two_apart():
    own, masked = gradients(perception_kl_live)
    better = perception_kl_live(LOGP - 0.01 * own, MASKED - 0.01 * masked, MASK)
    assert mean(better) < mean(perception_kl_live(LOGP, MASKED, MASK))


def test_the_masked_entropy_acts_only_when_it_is_recomputed():
    """The trap: with the old policy the term only shifts the logged loss."""
    masked = MASKED.clone().requires_grad_()
    assert not masked_nll(masked, MASK).requires_grad
    (gradient,) = torch.autograd.grad(masked_nll_live(masked, MASK).sum(), masked)
    assert gradient.tolist() == [[-1.0, -1.0, -1.0]]


def test_the_quantile_is_that_of_each_response_and_of_trained_tokens():
    values = torch.tensor([[1.0, 2.0, 3.0, 99.0], [40.0, 30.0, 20.0, 10.0]])
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]])
    assert top_of_rows(values, mask, 0.34).int().tolist() == [[0, 0, 1, 0], [1, 1, 0, 0]]


def test_a_share_out_of_range_is_refused():
    with pytest.raises(ValueError, match="share=0"):
        perception_kl(LOGP, MASKED, MASK, share=0.0)


@pytest.mark.parametrize("regulariser", [perception_kl, perception_kl_live])
def test_padding_reaches_neither_value_nor_gradient(regulariser):
    mask = torch.tensor([[1, 1, 0]])
    logp = torch.tensor([[-0.4, -0.8, math.nan]], requires_grad=True)
    value = regulariser(logp, MASKED, mask)
    (gradient,) = torch.autograd.grad(value.sum(), logp)
    assert value[0, 2] == gradient[0, 2] == 0


# -- the monitor ----------------------------------------------------------------------------------

FLAT = [0.1] * 20
RISING = [0.1] * 10 + [0.3] * 10


CALM = {"perception": RISING, "clip_high": FLAT, "entropy": RISING, "masked_entropy": FLAT}
COLLAPSE = {**CALM, "masked_entropy": RISING}


def looked_at(curves: dict[str, list[float]], memory: dict[str, Any], **settings: Any) -> Any:
    """What the monitor logs, and the lines it notes."""
    notes: list[str] = []
    return collapse_monitor(curves, notes.append, memory, **settings), notes


def test_two_rising_curves_are_signs_and_no_collapse() -> None:
    assert collapse_signs(CALM) == ("perception", "entropy")
    assert looked_at(CALM, {}) == ({"collapse/signs": 2.0, "collapse/seen": 0.0}, [])


def test_three_rising_curves_are_a_collapse_that_is_told_once() -> None:
    memory: dict[str, Any] = {}
    values, notes = looked_at(COLLAPSE, memory)
    assert values == {"collapse/signs": 3.0, "collapse/seen": 1.0}
    assert len(notes) == 1
    assert "perception, entropy, masked_entropy rise together" in notes[0]
    longer = {name: [*curve, curve[-1]] for name, curve in COLLAPSE.items()}
    assert looked_at(longer, memory)[1] == []


def test_a_collapse_between_two_looks_is_seen() -> None:
    calm_again = {name: [*curve, *[curve[-1]] * 20] for name, curve in COLLAPSE.items()}
    memory: dict[str, Any] = {}
    values, notes = looked_at(calm_again, memory)
    assert values == {"collapse/signs": 0.0, "collapse/seen": 1.0}
    assert memory["step"] <= 20 < len(calm_again["entropy"]) == memory["looked"]
    assert len(notes) == 1


@given(st.lists(st.floats(0, 10), min_size=2, max_size=40), st.integers(1, 39))
def test_looking_twice_sees_what_one_look_sees(curve: list[float], cut: int) -> None:
    curves = dict.fromkeys(COLLAPSE, curve)
    once: dict[str, Any] = {}
    twice: dict[str, Any] = {}
    expected = looked_at(curves, once, window=3)[0]
    looked_at({name: values[:cut] for name, values in curves.items()}, twice, window=3)
    assert looked_at(curves, twice, window=3)[0]["collapse/seen"] == expected["collapse/seen"]
    assert once == twice


def test_a_number_that_was_not_logged_is_no_sign() -> None:
    assert collapse_signs({"entropy": [math.nan] * 10 + [0.3] * 10}) == ()


def test_a_curve_that_rises_less_than_the_factor_is_no_sign():
    assert collapse_signs({"entropy": [0.1] * 10 + [0.14] * 10}) == ()


def test_short_or_missing_curves_give_no_sign():
    assert collapse_signs({"entropy": RISING[5:]}) == ()
    assert collapse_signs({"clip_high": [0.0] * 20}) == ()
