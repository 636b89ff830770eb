from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gnomon.parts import part
from gnomon.rl.aggregation import Totals, seq_mean_token_mean, token_mean, trl_dr_grpo
from gnomon.rl.losses import (
    cispo,
    cispo_absolute,
    masked_log_ratio,
    per_token,
    ppo_clip,
    reinforce,
    sapo,
)

NAN = math.nan
LOGP = torch.tensor([[-0.5, -1.0, -0.2], [-0.9, -0.3, NAN]])
OLD = torch.tensor([[-0.8, -1.0, -0.2], [-0.4, -0.3, NAN]])
MASK = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
ADVANTAGES = torch.tensor([1.0, -1.0])
REVISUAL = {
    "clip_low": 0.2,
    "clip_high": 0.25,
    "dual_clip": 3.0,
    "log_ratio_clamp": (math.log(1e-3), math.log(1e3)),
}


def one_token(
    log_ratio: float, advantage: float, **settings
) -> tuple[float, dict[str, float], float]:
    """Loss, stats and gradient of a single token whose old log-probability is -1."""
    logp = torch.tensor([[-1.0 + log_ratio]], dtype=torch.float64, requires_grad=True)
    old, mask = torch.tensor([[-1.0]], dtype=torch.float64), torch.ones(1, 1)
    loss, stats = ppo_clip(logp, old, torch.tensor([advantage]).double(), mask, **settings)
    (gradient,) = torch.autograd.grad(loss.sum(), logp)
    return loss.item(), {name: value.item() for name, value in stats.items()}, gradient.item()


def test_the_worked_example_of_ppo_under_three_aggregations():
    loss, _ = ppo_clip(LOGP, OLD, ADVANTAGES, MASK)
    totals = Totals.of(MASK)
    assert token_mean(loss, MASK, totals).item() == pytest.approx(-0.28, abs=1e-6)
    assert seq_mean_token_mean(loss, MASK, totals).item() == pytest.approx(-0.083333, abs=1e-6)
    assert trl_dr_grpo(loss, MASK, totals, length=4).item() == pytest.approx(-0.175, abs=1e-6)


def test_the_worked_example_of_gpg():
    loss, stats = reinforce(LOGP, ADVANTAGES, MASK)
    assert token_mean(loss, MASK, Totals.of(MASK)).item() == pytest.approx(0.1, abs=1e-6)
    assert stats == {}


def test_the_worked_example_of_the_dual_clip():
    loss, stats, gradient = one_token(1.9, -1.0, dual_clip=3.0)
    assert loss == pytest.approx(3.0)
    assert stats["dual_clip"] == 1
    assert gradient == 0


def test_without_a_dual_clip_a_bad_token_that_became_likely_has_an_unbounded_loss():
    loss, stats, gradient = one_token(1.9, -1.0)
    assert loss == gradient == pytest.approx(math.exp(1.9))
    assert stats["dual_clip"] == 0


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "active"),
    [
        (1.5, 2.0, -2.5, "clip_high"),
        (1.24, 2.0, -2.48, None),
        (0.5, 2.0, -1.0, None),
        (0.5, -2.0, 1.6, "clip_low"),
        (0.9, -2.0, 1.8, None),
        (2.0, -2.0, 4.0, None),
        (4.0, -2.0, 6.0, "dual_clip"),
    ],
)
def test_each_bound_of_revisual_acts_on_its_side_only(ratio, advantage, loss, active):
    value, stats, gradient = one_token(math.log(ratio), advantage, **REVISUAL)
    assert value == pytest.approx(loss)
    indicators = {"clip_high", "clip_low", "dual_clip"}
    assert {name for name in indicators if stats[name]} == ({active} if active else set())
    assert gradient == pytest.approx(0.0 if active else -advantage * ratio)
    assert stats["ratio"] == pytest.approx(ratio)
    assert stats["log_ratio"] == pytest.approx(math.log(ratio))


@pytest.mark.parametrize(("log_ratio", "bound"), [(9.0, 1e3), (-9.0, 1e-3)])
def test_a_log_ratio_beyond_the_clamp_has_a_bounded_ratio_and_no_gradient(log_ratio, bound):
    clamp = (math.log(1e-3), math.log(1e3))
    advantage = math.copysign(1.0, -log_ratio)
    loss, stats, gradient = one_token(log_ratio, advantage, log_ratio_clamp=clamp)
    assert stats["ratio"] == pytest.approx(bound)
    assert loss == pytest.approx(-advantage * bound)
    assert gradient == 0


def test_without_a_clamp_the_log_ratio_is_kept():
    assert one_token(21.0, -1.0, log_ratio_clamp=None)[1]["log_ratio"] == 21
    assert one_token(21.0, -1.0)[1]["log_ratio"] == 20


def test_on_policy_the_gradient_is_that_of_reinforce():
    gradients = []
    for loss_of in (
        lambda x: ppo_clip(x, x, ADVANTAGES, MASK),
        lambda x: reinforce(x, ADVANTAGES, MASK),
    ):
        logp = LOGP.clone().requires_grad_()
        gradients.append(torch.autograd.grad(loss_of(logp)[0].sum(), logp)[0])
    torch.testing.assert_close(*gradients)


def test_the_gradient_is_that_of_the_formula():
    generator = torch.Generator().manual_seed(1)
    logp, old = (-torch.rand(2, 4, 6, generator=generator, dtype=torch.float64)).unbind()
    advantages = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    mask = (torch.rand(4, 6, generator=generator) > 0.3).double()
    logp.requires_grad_()

    def loss(x: Tensor) -> Tensor:
        return ppo_clip(x, old, advantages, mask, **REVISUAL)[0]

    assert torch.autograd.gradcheck(loss, (logp,))
    assert torch.autograd.gradcheck(lambda x: reinforce(x, advantages, mask)[0], (logp,))


def test_what_stands_under_the_mask_reaches_neither_loss_nor_gradient_nor_stats():
    for filling in (NAN, math.inf, -math.inf, 5.0):
        hidden = torch.tensor([[False] * 3, [False] * 2 + [True]])
        logp = LOGP.masked_fill(hidden, filling).requires_grad_()
        old, advantages = OLD.masked_fill(hidden, filling), ADVANTAGES[:, None].repeat(1, 3)
        loss, stats = ppo_clip(logp, old, advantages.masked_fill(hidden, filling), MASK.bool())
        plain, _ = reinforce(logp, advantages, MASK)
        (gradient,) = torch.autograd.grad((loss + plain).sum(), logp)
        assert loss[1, 2] == plain[1, 2] == gradient[1, 2] == 0
        assert gradient.isfinite().all()
        assert all(value[1, 2] == 0 for value in stats.values())


def test_stats_carry_no_gradient():
    logp = LOGP.clone().requires_grad_()
    stats = ppo_clip(logp, OLD, ADVANTAGES, MASK)[1]
    assert not any(value.requires_grad for value in stats.values())


def test_only_the_policy_gets_a_gradient():
    old, advantages = OLD.clone().requires_grad_(), ADVANTAGES.clone().requires_grad_()
    assert not ppo_clip(LOGP, old, advantages, MASK)[0].requires_grad


def test_advantages_per_token_equal_advantages_per_sequence():
    per_sequence = ppo_clip(LOGP, OLD, ADVANTAGES, MASK)[0]
    repeated = ppo_clip(LOGP, OLD, ADVANTAGES[:, None].repeat(1, 3), MASK)[0]
    assert per_sequence.tolist() == repeated.tolist()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"clip_low": -0.1}, "at least 0"),
        ({"clip_high": -0.1}, "at least 0"),
        ({"dual_clip": 1.0}, "above 1"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(settings: dict[str, float], reason: str):
    with pytest.raises(ValueError, match=reason):
        ppo_clip(LOGP, OLD, ADVANTAGES, MASK, **settings)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="one width"):
        masked_log_ratio(LOGP, OLD[:, :2], MASK)
    with pytest.raises(ValueError, match="one width"):
        reinforce(LOGP[0], ADVANTAGES, MASK[0])
    with pytest.raises(ValueError, match="one per rollout"):
        per_token(torch.zeros(3), MASK)
    with pytest.raises(ValueError, match="one per rollout"):
        per_token(torch.zeros(2, 2), MASK)


def test_losses_are_reached_by_name():
    available = {"logp": LOGP, "old_logp": OLD, "advantages": ADVANTAGES, "mask": MASK}
    assert part("loss", "ppo-clip", **REVISUAL).supply(available)[0].shape == (2, 3)
    assert part("loss", "reinforce").supply(available)[0].shape == (2, 3)


token = st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.floats(0, 0.9), st.floats(0, 2))


@given(token)
def test_the_clipped_loss_is_never_below_the_free_one(values):
    log_ratio, advantage, low, high = values
    loss, _, _ = one_token(log_ratio, advantage, clip_low=low, clip_high=high)
    assert loss >= -advantage * math.exp(log_ratio) - 1e-6


@given(token)
def test_the_dual_clip_bounds_the_loss_of_bad_tokens(values):
    log_ratio, advantage, low, high = values
    loss, stats, _ = one_token(log_ratio, advantage, clip_low=low, clip_high=high, dual_clip=3.0)
    assert loss <= max(-3 * advantage, 0.0) + 1e-6
    assert not (stats["dual_clip"] and advantage >= 0)


@given(st.integers(0, 3), st.integers(1, 4))
def test_padding_adds_zeros_and_changes_nothing_else(left, right):
    def padded(values: Tensor, filling: float) -> Tensor:
        return torch.nn.functional.pad(values, (left, right), value=filling)

    loss, stats = ppo_clip(LOGP, OLD, ADVANTAGES, MASK)
    wide, wide_stats = ppo_clip(padded(LOGP, NAN), padded(OLD, NAN), ADVANTAGES, padded(MASK, 0.0))
    torch.testing.assert_close(wide, padded(loss, 0.0))
    for name, value in stats.items():
        torch.testing.assert_close(wide_stats[name], padded(value, 0.0))


# -- CISPO, SAPO, delta ---------------------------------------------------------------------------

TOTALS = Totals.of(MASK)


def test_the_worked_example_of_cispo_as_verl_computes_it():
    logp = LOGP.clone().requires_grad_()
    loss, _ = cispo(logp, OLD, ADVANTAGES, MASK)
    value = token_mean(loss, MASK, TOTALS)
    (gradient,) = torch.autograd.grad(value, logp)
    assert value.item() == pytest.approx(0.156, abs=1e-6)
    assert gradient[0].tolist() == pytest.approx([-0.24, -0.2, -0.2])
    assert gradient[1].tolist() == pytest.approx([0.16, 0.2, 0.0])


def test_the_worked_example_of_cispo_as_trl_computes_it():
    loss, stats = cispo_absolute(LOGP, OLD, ADVANTAGES, MASK)
    assert token_mean(loss, MASK, TOTALS).item() == pytest.approx(0.20581, abs=1e-5)
    assert not stats["clip_high"].any()


def test_the_bound_of_trl_is_the_largest_weight_itself():
    loss, stats = cispo_absolute(LOGP, OLD, ADVANTAGES, MASK, bound=1.1)
    assert loss[0, 0].item() == pytest.approx(-1.1 * LOGP[0, 0].item())
    assert stats["clip_high"].tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("loss_of", "settings", "hint"),
    [(cispo, {"clip_high": 5.0}, "cispo-absolute"), (cispo_absolute, {"bound": 0.2}, "use cispo")],
)
def test_a_bound_in_the_wrong_convention_is_refused(loss_of, settings, hint):
    with pytest.raises(ValueError, match=hint):
        loss_of(LOGP, OLD, ADVANTAGES, MASK, **settings)


def test_cispo_keeps_a_gradient_where_the_ratio_is_clipped():
    _, stats = cispo(LOGP, OLD, ADVANTAGES, MASK)
    assert stats["clip_high"].tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    assert stats["clip_low"].tolist() == [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]


def test_the_worked_example_of_sapo():
    loss, _ = sapo(LOGP, OLD, ADVANTAGES, MASK)
    assert seq_mean_token_mean(loss, MASK, TOTALS).item() == pytest.approx(-0.202333, abs=1e-6)


def test_on_policy_the_gradient_of_sapo_is_that_of_reinforce():
    logp = torch.tensor([[-1.0], [-1.0]], requires_grad=True)
    loss, _ = sapo(logp, logp.detach(), ADVANTAGES, torch.ones(2, 1))
    (gradient,) = torch.autograd.grad(loss.sum(), logp)
    assert gradient[:, 0].tolist() == pytest.approx([-1.0, 1.0])


def test_a_tau_of_nothing_is_refused():
    with pytest.raises(ValueError, match="use above 0"):
        sapo(LOGP, OLD, ADVANTAGES, MASK, tau_positive=0.0)


def test_delta_caps_the_ratio_of_the_unclipped_branch():
    assert one_token(math.log(4.0), -1.0)[0] == pytest.approx(4.0)
    loss, _, gradient = one_token(math.log(4.0), -1.0, delta=2.5)
    assert (loss, gradient) == (pytest.approx(2.5), 0.0)
    assert one_token(math.log(4.0), 1.0, delta=2.5)[0] == pytest.approx(-1.2)


def test_a_delta_within_the_clip_is_refused():
    with pytest.raises(ValueError, match=r"delta=1\.1 must be above"):
        one_token(0.0, 1.0, delta=1.1)


@pytest.mark.parametrize(
    ("ratio", "advantage", "settings", "loss"),
    [
        (1.5, 1.0, {}, -1.2), (1.5, 1.0, {"clip_high": 0.28}, -1.28),
        (1.5, 1.0, {"clip_high": 0.32}, -1.32), (1.5, -1.0, {}, 1.5), (0.6, 1.0, {}, -0.6),
        (0.6, -1.0, {}, 0.8), (4.0, -1.0, {}, 4.0), (4.0, -1.0, {"dual_clip": 1.4}, 1.4),
        (4.0, -1.0, {"dual_clip": 3.0}, 3.0),
    ],
)  # fmt: skip
def test_the_worked_example_of_lite_ppo(ratio, advantage, settings, loss):
    assert one_token(math.log(ratio), advantage, **settings)[0] == pytest.approx(loss)


@pytest.mark.parametrize("loss_of", [cispo, cispo_absolute, sapo])
def test_padding_reaches_neither_value_nor_gradient_of_the_others(loss_of):
    logp = LOGP.clone().requires_grad_()
    loss, _ = loss_of(logp, OLD, ADVANTAGES, MASK)
    (gradient,) = torch.autograd.grad(loss.sum(), logp)
    assert loss[1, 2] == gradient[1, 2] == 0
