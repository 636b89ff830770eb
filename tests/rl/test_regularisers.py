from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnomon.parts import part
from gnomon.rl.aggregation import Totals, seq_mean_token_mean, token_mean
from gnomon.rl.losses import ppo_clip
from gnomon.rl.regularisers import entropy_bonus, kl, kl_by_ratio, nll, sampled_entropy_bonus
from gnomon.rl.weights import difficulty_divergence

log_probabilities = st.floats(-12, 0)


def value_and_gradient(logp: float, reference: float, **settings) -> tuple[float, float]:
    x = torch.tensor([[logp]], dtype=torch.float64, requires_grad=True)
    value = kl(x, torch.tensor([[reference]], dtype=torch.float64), **settings)
    return value.item(), torch.autograd.grad(value.sum(), x)[0].item()


@pytest.mark.parametrize(
    ("estimator", "value", "gradient"),
    [("k1", 0.5, 1.0), ("abs", 0.5, 1.0), ("k2", 0.125, 0.5), ("k3", 0.106531, 0.393469)],
)
def test_the_worked_example_of_every_estimator(estimator: str, value: float, gradient: float):
    expected = pytest.approx((value, gradient), abs=1e-6)
    assert value_and_gradient(-1.0, -1.5, estimator=estimator) == expected


def test_k3_is_the_default():
    assert value_and_gradient(-1.0, -1.5) == value_and_gradient(-1.0, -1.5, estimator="k3")


def test_the_clamp_of_verl_bounds_the_value_and_stops_the_gradient():
    assert value_and_gradient(-30.0, -1.0, clamp=(20.0, 10.0)) == (10.0, 0.0)
    assert value_and_gradient(-1.0, -30.0, clamp=(20.0, 10.0)) == (10.0, 0.0)
    assert value_and_gradient(-1.0, -1.5, clamp=(20.0, 10.0)) == value_and_gradient(-1.0, -1.5)


def test_the_clamp_holds_the_log_ratio_before_the_exponential():
    expected = (pytest.approx(math.exp(2) - 3), 0.0)
    assert value_and_gradient(-4.0, -1.0, clamp=(2.0, 100.0)) == expected


def test_the_absolute_log_ratio_is_never_negative():
    assert value_and_gradient(-1.5, -1.0, estimator="abs") == (0.5, -1.0)


def test_without_a_clamp_the_value_is_exact():
    assert value_and_gradient(-1.0, -31.0, estimator="k1")[0] == 30


def test_a_small_difference_keeps_its_value_in_single_precision():
    value = kl(torch.tensor([[-1.0]]), torch.tensor([[-1.001]]))
    assert value.item() == pytest.approx(0.5e-6, rel=0.15)


def test_what_stands_under_the_mask_reaches_neither_value_nor_gradient():
    logp = torch.tensor([[-1.0, math.nan, -math.inf]], requires_grad=True)
    reference, mask = torch.tensor([[-1.5, -1.0, 0.0]]), torch.tensor([[1, 0, 0]])
    value = kl(logp, reference, mask)
    (gradient,) = torch.autograd.grad(token_mean(value, mask, Totals.of(mask)), logp)
    assert value[0, 1:].tolist() == gradient[0, 1:].tolist() == [0.0, 0.0]
    assert gradient[0, 0].item() == pytest.approx(0.393469, abs=1e-5)


def test_the_reference_gets_no_gradient():
    reference = torch.zeros(1, 1, requires_grad=True)
    assert not kl(torch.zeros(1, 1), reference).requires_grad


def test_the_entropy_bonus_rewards_entropy():
    entropy = torch.tensor([[0.5]], requires_grad=True)
    assert entropy_bonus(entropy).item() == -0.5
    assert torch.autograd.grad(entropy_bonus(entropy).sum(), entropy)[0].item() == -1


def distribution() -> torch.Tensor:
    return torch.tensor([1.0, 0.2, -0.5], dtype=torch.float64, requires_grad=True)


def test_the_sampled_bonus_has_the_value_of_the_entropy_but_no_expected_gradient():
    logits = distribution()
    logp = logits.log_softmax(0)
    p = logp.exp().detach()
    expected = (p * sampled_entropy_bonus(logp)).sum()
    entropy = -(logp.exp() * logp).sum()
    assert expected.item() == pytest.approx(-entropy.item())
    assert torch.autograd.grad(expected, logits, retain_graph=True)[0].abs().max() < 1e-12
    assert torch.autograd.grad(entropy_bonus(entropy), logits)[0].abs().max() > 0.01


def test_on_policy_k2_has_the_gradient_of_the_kl_and_k1_has_none():
    reference = torch.tensor([0.1, 0.3, 0.6], dtype=torch.float64).log()
    logits = distribution()
    logp = logits.log_softmax(0)
    p = logp.exp().detach()

    def gradient(value: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(value, logits, retain_graph=True)[0]

    exact = gradient((logp.exp() * (logp - reference)).sum())
    torch.testing.assert_close(gradient((p * kl(logp, reference, estimator="k2")).sum()), exact)
    assert gradient((p * kl(logp, reference, estimator="k1")).sum()).abs().max() < 1e-12
    assert (gradient((p * kl(logp, reference)).sum()) - exact).abs().max() > 0.01


def test_k1_and_k3_are_unbiased_under_the_policy():
    reference = torch.tensor([0.1, 0.3, 0.6], dtype=torch.float64).log()
    logp = distribution().detach().log_softmax(0)
    exact = (logp.exp() * (logp - reference)).sum()
    for estimator in ("k1", "k3"):
        estimate = (logp.exp() * kl(logp, reference, estimator=estimator)).sum()
        torch.testing.assert_close(estimate, exact)


def test_regularisers_are_reached_by_name():
    tokens = torch.full((1, 2), -1.0)
    available = {"logp": tokens, "reference_logp": tokens, "entropy": -tokens, "mask": tokens < 0}
    assert part("regulariser", "kl", estimator="k2").supply(available).tolist() == [[0.0, 0.0]]
    assert part("regulariser", "entropy-bonus").supply(available).tolist() == [[-1.0, -1.0]]
    assert part("regulariser", "sampled-entropy-bonus").supply(available).tolist() == [[-1.0, -1.0]]


@given(log_probabilities, log_probabilities)
def test_k3_is_never_negative_and_zero_only_where_the_two_agree(logp, reference):
    value, _ = value_and_gradient(logp, reference)
    assert value >= -1e-12
    assert value_and_gradient(logp, logp) == (0.0, 0.0)


def test_a_kl_times_the_ratio_is_the_plain_one_on_policy():
    logp, reference = torch.tensor([[-1.0, math.nan]]), torch.tensor([[-1.5, 0.0]])
    mask = torch.tensor([[1, 0]])
    found = kl_by_ratio(logp, reference, logp, mask)
    assert found.tolist() == kl(logp, reference, mask).tolist()
    moved = kl_by_ratio(logp, reference, logp - 0.5, mask, estimator="k1")
    assert moved.tolist() == [[pytest.approx(0.5 * math.exp(0.5)), 0.0]]


def test_on_policy_the_ratio_gives_k1_the_gradient_of_the_kl():
    reference = torch.tensor([[0.1, 0.3, 0.6]], dtype=torch.float64).log()
    logits = distribution()
    logp = logits.log_softmax(0)[None]
    p, everywhere = logp.exp().detach(), torch.ones(1, 3)
    exact = torch.autograd.grad((logp.exp() * (logp - reference)).sum(), logits, retain_graph=True)
    value = (p * kl_by_ratio(logp, reference, logp, everywhere, estimator="k1")).sum()
    torch.testing.assert_close(torch.autograd.grad(value, logits)[0], exact[0])


def test_the_likelihood_of_sampled_tokens_is_raised_by_minimising_nll():
    logp = torch.tensor([[-1.0, math.nan]], requires_grad=True)
    value = nll(logp, torch.tensor([[1, 0]]))
    (gradient,) = torch.autograd.grad(value.sum(), logp)
    assert (value.tolist(), gradient.tolist()) == ([[1.0, 0.0]], [[-1.0, 0.0]])


def test_the_worked_example_of_observe_r1_charges_each_token():
    logp, reference = torch.tensor([[-1.0, -2.0]]), torch.tensor([[-1.5, -1.8]])
    charged = -0.1 * kl(logp, reference, estimator="k1")
    assert charged[0].tolist() == pytest.approx([-0.05, 0.02], abs=1e-6)


def test_the_worked_example_of_apo_weighs_each_sequence():
    """k3 of the first sequence is .083726; its weight is that of d = .5 with a positive A."""
    logp = torch.tensor([[-1.0, -2.0], [-1.0, math.nan]])
    reference, mask = torch.tensor([[-1.2, -1.5], [-1.0, 0.0]]), torch.tensor([[1, 1], [1, 0]])
    value = kl(logp, reference, mask)
    assert value[0].mean().item() == pytest.approx(0.083726, abs=1e-6)
    accuracy, groups = torch.tensor([1.0, 0.0]), torch.zeros(2).long()
    weight = difficulty_divergence(torch.tensor([1.0, -1.0]), accuracy, groups)
    assert weight.tolist() == pytest.approx([0.743119, 1.0], abs=1e-6)
    whole = seq_mean_token_mean(value * weight[:, None], mask, Totals.of(mask))
    assert whole.item() == pytest.approx(0.031109, abs=1e-6)


def test_the_worked_example_of_vision_r1_sums_policy_loss_and_kl():
    logp, old = torch.tensor([[-0.5, -1.0]]), torch.tensor([[-0.7, -1.0]])
    reference, mask = torch.tensor([[-0.6, -1.2]]), torch.ones(1, 2)
    policy, _ = ppo_clip(logp, old, torch.tensor([1.0]), mask)
    whole = policy + 0.01 * kl(logp, reference, mask)
    value = seq_mean_token_mean(whole, mask, Totals.of(mask))
    assert value.item() == pytest.approx(-1.099882, abs=1e-6)


@pytest.mark.parametrize("estimator", ["k1", "abs", "k3"])
def test_a_kl_can_keep_its_value_and_take_the_gradient_of_k2(estimator):
    logp = torch.tensor([[-1.0]], requires_grad=True)
    reference = torch.tensor([[-1.5]])
    value = kl(logp, reference, estimator=estimator, gradient="k2")
    assert value.item() == pytest.approx(kl(logp, reference, estimator=estimator).item())
    (gradient,) = torch.autograd.grad(value.sum(), logp)
    assert gradient.item() == pytest.approx(0.5)
