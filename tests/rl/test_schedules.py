from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.parts import part
from gnomon.rl.schedules import (
    constant,
    cosine,
    delayed_decay,
    delayed_linear,
    linear,
    linear_ramp,
)

lengths = st.integers(1, 50)


def test_a_constant_stays():
    assert constant(0, value=1e-6) == constant(10**6, value=1e-6) == 1e-6


def test_the_worked_example_of_the_entropy_coefficient():
    values = [delayed_decay(step, warmup=2) for step in range(6)]
    assert values == pytest.approx([0, 0, 0.02, 0.0197, 0.019404, 0.019113], abs=1e-6)


def test_the_linear_entropy_coefficient_falls_by_equal_steps_down_to_its_minimum():
    values = [
        delayed_linear(step, 99, warmup=2, initial=0.02, minimum=0.01, total=2) for step in range(6)
    ]
    assert values == pytest.approx([0, 0, 0.02, 0.015, 0.01, 0.01])


def test_the_linear_entropy_coefficient_spreads_over_all_updates_unless_told():
    values = [delayed_linear(step, 5, warmup=1) for step in range(7)]
    assert values == pytest.approx([0, 0.02, 0.015, 0.01, 0.005, 0, 0])


def test_the_linear_entropy_coefficient_refuses_no_updates():
    with pytest.raises(ValueError, match="total=0"):
        delayed_linear(3, 5, warmup=0, total=0)


def test_a_cosine_is_halfway_down_at_half_time():
    assert cosine(5, 10, peak=1.0, floor=0.2) == pytest.approx(0.6)
    assert cosine(0, 10, peak=1.0) == 1.0


def test_a_line_falls_by_equal_steps():
    values = [linear(step, 4, peak=1.0, floor=0.2) for step in range(6)]
    assert values == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2, 0.2])


@pytest.mark.parametrize("schedule", [cosine, linear])
def test_the_warm_up_rises_by_equal_steps_to_the_peak(schedule):
    values = [schedule(step, 10, peak=0.4, warmup=3) for step in range(5)]
    assert values[:4] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert values[4] < 0.4


@pytest.mark.parametrize(("share", "updates"), [(0.05, 5), (0.07, 7), (0.001, 1), (0.0, 0)])
def test_a_share_of_the_steps_is_rounded_up_to_updates(share: float, updates: int):
    for step in range(100):
        by_share = cosine(step, 100, peak=1.0, warmup=share)
        assert by_share == cosine(step, 100, peak=1.0, warmup=updates)


def test_one_is_an_update_and_one_point_zero_is_everything():
    assert linear(0, 9, peak=1.0, warmup=1) == 0.5
    assert linear(0, 9, peak=1.0, warmup=1.0) == 0.1


@pytest.mark.parametrize(
    ("step", "warmup", "reason"),
    [(-1, 0, "step=-1"), (0, -1, "warmup=-1"), (0, 1.5, "whole number"), (0, math.nan, "share")],
)
def test_what_makes_no_sense_is_refused(step: int, warmup: float, reason: str):
    with pytest.raises(ValueError, match=reason):
        cosine(step, 10, peak=1.0, warmup=warmup)


def test_schedules_are_reached_by_name():
    available = {"step": 0, "steps": 10}
    settings = {
        "constant": {"value": 1.0},
        "cosine": {"peak": 1.0, "warmup": 0.05},
        "linear": {"peak": 1.0, "warmup": 1},
        "delayed-decay": {"warmup": 0},
        "delayed-linear": {"warmup": 0},
    }
    values = [part("schedule", name, **given).supply(available) for name, given in settings.items()]
    assert values == [1.0, 0.5, 0.5, 0.02, 0.02]


@given(st.integers(0, 99), lengths, st.integers(0, 60), st.sampled_from([cosine, linear]))
def test_a_rate_lies_above_zero_while_training_and_never_above_its_peak(step, steps, warmup, rate):
    value = rate(step, steps, peak=1.0, warmup=warmup)
    assert 0 <= value <= 1
    assert value > 0 or step >= steps


@given(lengths, st.integers(0, 20), st.sampled_from([cosine, linear]))
def test_a_rate_rises_and_then_falls(steps, warmup, rate):
    values = [rate(step, steps, peak=1.0, warmup=warmup, floor=0.1) for step in range(steps + 1)]
    top = min(warmup, steps)
    assert values[: top + 1] == sorted(values[: top + 1])
    assert values[top:] == sorted(values[top:], reverse=True)


def test_the_worked_example_of_the_ramp_of_papo():
    found = [linear_ramp(step, 20, start=0.02) for step in (3, 6, 9, 12)]
    assert found == pytest.approx([0.014, 0.008, 0.002, 0.0])


def test_a_ramp_over_less_than_one_update_ends_after_it():
    assert [linear_ramp(step, 1, start=1.0, share=0.5) for step in (0, 1)] == [1.0, 0.0]
