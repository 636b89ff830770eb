from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from gnomon.recipe import Prefix
from gnomon.rl.aggregation import Totals, seq_mean_token_sum_norm
from gnomon.rl.guidance import (
    SHAPES,
    demonstration_prefix,
    luffy,
    prefix_ratios,
    shaped_ratio,
)
from gnomon.rl.meter import Meter

NEW = torch.tensor([[0.6, 0.4], [0.1, 0.9]]).log()
OLD = torch.tensor([[0.5, 0.5], [0.5, 0.5]]).log()
ADVANTAGES, MASK = torch.tensor([-0.125, 0.875]), torch.ones(2, 2)
TEACHER = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
SHAPED = 0.5 + 0.9  # f(.1) + f(.9)


def f(x: float, shape: str = "ratio", constant: float = 0.1) -> float:
    return float(SHAPES[shape](torch.tensor(x).log(), torch.tensor(0.5), constant))


@pytest.mark.parametrize(
    ("x", "value", "weight"),
    [(0.01, 0.0909, 0.0826), (0.2, 0.6667, 0.2222), (0.5, 0.8333, 0.1389), (0.9, 0.9, 0.09)],
)
def test_the_worked_example_of_the_shape(x: float, value: float, weight: float):
    logp = torch.tensor([[math.log(x)]], requires_grad=True)
    loss, _ = luffy(logp, torch.zeros(1, 1), torch.tensor([1.0]), MASK[:1, :1], TEACHER[1:, :1])
    (gradient,) = torch.autograd.grad(loss.sum(), logp)
    assert -loss.item() == pytest.approx(value, abs=1e-4)
    assert -gradient.item() == pytest.approx(weight, abs=1e-4)


def test_the_gradient_of_a_teachers_token_is_largest_at_gamma():
    logp = torch.linspace(-6, 0, 601, dtype=torch.float64)[:, None].requires_grad_()
    ones = torch.ones_like(logp)
    loss, _ = luffy(logp, torch.zeros_like(logp), ones[:, 0], ones, ones)
    (gradient,) = torch.autograd.grad(loss.sum(), logp)
    assert logp[gradient.argmin()].exp().item() == pytest.approx(0.1, abs=2e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_token_whose_probability_is_0_in_float32_has_a_finite_gradient(shape: str):
    logp = torch.tensor([[-110.0]], requires_grad=True)
    one, teacher = torch.ones(1), torch.ones(1, 1)
    loss, _ = luffy(logp, torch.zeros(1, 1), one, teacher, teacher, shaping=shape)  # type: ignore[arg-type]
    (gradient,) = torch.autograd.grad(loss.sum(), logp)
    assert loss.isfinite().all()
    assert gradient.isfinite().all()


def guided(loss: Tensor, teacher: Tensor) -> dict[str, float]:
    meter = Meter()
    known = {"logp": NEW, "old_logp": OLD, "mask": MASK, "off_policy": teacher}
    meter.add_guidance(known, loss)
    return meter.means()


def off_ratio(teacher: Tensor, **settings: Any) -> float:
    """What a step logs of the shaped ratio."""
    _, stats = luffy(NEW, OLD, ADVANTAGES, MASK, teacher, **settings)
    zeros = torch.zeros(2, 2)
    known = {"logp": NEW, "old_logp": OLD, "mask": MASK, "off_policy": teacher,
             "log_mismatch": zeros, "entropy": zeros}  # fmt: skip
    meter = Meter()
    meter.add_tokens(known, stats)
    return meter.means()["off_ratio"]


def test_the_worked_example_of_the_mixed_loss():
    loss, stats = luffy(NEW, OLD, ADVANTAGES, MASK, TEACHER)
    numbers = guided(loss, TEACHER)
    assert numbers == pytest.approx(
        {"on_loss": 0.125, "off_loss": -0.6125, "on_policy_prob": 0.5, "off_policy_prob": 0.5}
    )
    total = seq_mean_token_sum_norm(loss, MASK, Totals.of(MASK), length=2)
    assert total.item() == pytest.approx(-0.4875)
    assert stats["off_ratio"].sum().item() == pytest.approx(SHAPED)


def test_the_shaped_ratio_is_averaged_over_the_tokens_of_demonstrations_alone():
    assert off_ratio(TEACHER) == pytest.approx(SHAPED / 2)
    assert off_ratio(TEACHER, cap=(0.0, 0.6)) == pytest.approx((0.5 + 0.6) / 2)


def test_without_demonstrations_the_shaped_ratio_is_reported_as_0():
    assert off_ratio(torch.zeros(2, 2)) == 0.0


def test_the_worked_example_without_shaping():
    loss, _ = luffy(NEW, OLD, ADVANTAGES, MASK, TEACHER, shaping="none")
    assert loss[1].mean().item() == pytest.approx(-0.4375)
    total = seq_mean_token_sum_norm(loss, MASK, Totals.of(MASK), length=2)
    assert total.item() == pytest.approx(-0.3125)


def test_old_log_probabilities_of_a_demonstration_are_not_read():
    """The trap: never multiply the probability of a teacher's token by an on-policy ratio."""
    other = torch.where(TEACHER.bool(), torch.tensor(-99.0), OLD)
    one, _ = luffy(NEW, OLD, ADVANTAGES, MASK, TEACHER)
    assert luffy(NEW, other, ADVANTAGES, MASK, TEACHER)[0].equal(one)


def test_true_teacher_probabilities_are_the_denominator_when_they_are_known():
    loss, _ = luffy(NEW, OLD, ADVANTAGES, MASK, TEACHER, shaping="importance")
    assert loss[1].tolist() == pytest.approx([-0.875 * 0.2, -0.875 * 1.8], abs=1e-5)


def test_own_tokens_are_clipped_only_when_asked():
    new, old = torch.tensor([[0.9]]).log(), torch.tensor([[0.5]]).log()
    inputs = (new, old, torch.tensor([1.0]), MASK[:1, :1], torch.zeros(1, 1))
    free, stats = luffy(*inputs)
    assert (free.item(), stats["clip_high"].item()) == (pytest.approx(-1.8), 0)
    held, stats = luffy(*inputs, clip=(0.2, 0.2))
    assert (held.item(), stats["clip_high"].item()) == (pytest.approx(-1.2), 1)


def test_the_shaped_ratio_can_be_capped():
    loss, _ = luffy(NEW, OLD, ADVANTAGES, MASK, TEACHER, cap=(0.0, 0.6))
    assert loss[1].tolist() == pytest.approx([-0.875 * 0.5, -0.875 * 0.6])


def test_every_shape_is_its_formula():
    found = {shape: f(0.25, shape, 0.5) for shape in SHAPES}
    assert found == pytest.approx(
        {
            "ratio": 0.25 / 0.75, "none": 0.25, "log": 0.5 * math.log(0.25),
            "plus-log": 0.25 + 0.5 * math.log(0.25), "sqrt": 0.5, "power": 0.5,
            "importance": 0.25 / (0.5 + 1e-6),
        }
    )  # fmt: skip


def test_shaping_on_own_tokens_is_a_ratio_of_shapes():
    loss, _ = shaped_ratio(NEW[:1], OLD[:1], torch.tensor([1.0]), MASK[:1])
    assert loss[0].tolist() == pytest.approx([-f(0.6) / f(0.5), -f(0.4) / f(0.5)])


def test_padding_reaches_neither_value_nor_gradient():
    mask = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    logp = torch.where(mask.bool(), NEW, math.nan).requires_grad_()
    loss, _ = luffy(logp, OLD, ADVANTAGES, mask, TEACHER)
    (gradient,) = torch.autograd.grad(loss.sum(), logp)
    assert loss[:, 1].tolist() == gradient[:, 1].tolist() == [0.0, 0.0]
    assert gradient.isfinite().all()


def test_a_batch_without_demonstrations_reports_zeros():
    """The trap: shaping on an empty set divides by zero in the logging means."""
    nobody = torch.zeros(2, 2)
    loss, _ = luffy(NEW, OLD, ADVANTAGES, MASK, nobody)
    numbers = guided(loss, nobody)
    assert (numbers["off_loss"], numbers["off_policy_prob"]) == (0.0, 0.0)


# -- the prefix of a demonstration ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "ratio", "length"), [([5, 6, 7], 1.0, 4), ([5, 6, 7], 0.5, 2), ([], 1.0, 0)]
)
def test_the_worked_example_of_the_prefix(tokens: list[int], ratio: float, length: int):
    found = demonstration_prefix(tokens, 9, ratio)
    assert len(found) == length
    assert found == [*tokens, 9][:length]


def test_a_part_of_a_token_is_left_to_the_policy():
    """.7 of four tokens are 2.8."""
    assert demonstration_prefix([5, 6, 7], 9, 0.7) == [5, 6]


def test_a_ratio_outside_of_zero_and_one_is_refused():
    with pytest.raises(ValueError, match="share of the demonstration"):
        demonstration_prefix([1], 9, 1.5)


def ratios(strategy: str, step: int, count: int = 500, **settings: object) -> Tensor:
    generator = torch.Generator().manual_seed(step)
    how = Prefix(strategy=strategy, **settings).model_dump(exclude={"origins", "strategy"})
    return torch.tensor(prefix_ratios(strategy, count, step, generator, **how))


def test_the_linear_strategy_falls_to_nothing():
    assert [ratios("linear", step, 1).item() for step in (0, 150, 300, 400)] == pytest.approx(
        [0.8, 0.4, 0.0, 0.0]
    )


@pytest.mark.parametrize(
    ("step", "falling", "rising"),
    [(0, 0.8, 0.08), (30, 0.8, 0.08), (31, 0.72, 0.16), (999, 0.08, 0.8)],
)
def test_a_step_on_a_boundary_is_in_the_earlier_window(step, falling, rising):
    assert ratios("linear-max", step).max().item() == pytest.approx(falling, rel=0.02)
    assert ratios("reverse-linear", step).max().item() == pytest.approx(rising, rel=0.02)


def test_fixed_ratios_are_spread_over_the_bounds():
    assert ratios("fixed", 7, 3, bounds=(0.2, 0.6)).tolist() == pytest.approx([0.2, 0.4, 0.6])


def test_random_ratios_stay_within_the_bounds():
    assert ratios("random", 1).tolist() == [1.0] * 500
    found = ratios("random", 1, bounds=(0.2, 0.6))
    assert 0.2 <= found.min() < found.max() <= 0.6


@pytest.mark.parametrize("bounds", [(0.6, 0.2), (0.0, 1.1), (-0.1, 0.5)])
def test_bounds_that_are_no_shares_are_refused(bounds: tuple[float, float]):
    with pytest.raises(ValueError, match="two shares from 0 to 1"):
        Prefix(bounds=bounds)
