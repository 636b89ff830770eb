from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gnomon.replication.statistics import Effect, band, paired_effect, verdict

TABLES = st.tuples(st.integers(2, 4), st.integers(2, 12), st.integers(0, 10_000))


def draw(seeds: int, items: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(number)
    return rng.integers(0, 2, (seeds, items)), rng.integers(0, 2, (seeds, items))


def simulated(
    rng: np.random.Generator, *, seeds: int, items: int, gain: float, between: float, arms: int
) -> list[np.ndarray]:
    """Right and wrong answers to items of all difficulties, by models that differ by seed.

    The first arm is better by ``gain`` on average, by more or less on each item.
    """
    chance_I = rng.uniform(0.3, 0.6, items)
    gain_I = gain + rng.uniform(-0.2, 0.2, items)

    def answers(shift_I: np.ndarray | float) -> np.ndarray:
        noise_S = rng.normal(0, between / math.sqrt(2), (seeds, 1))
        return rng.random((seeds, items)) < chance_I + shift_I + noise_S

    return [answers(gain_I), *(answers(0.0) for _ in range(arms - 1))]


def coverage(seeds: int, between: float, arms: int, repetitions: int = 250) -> float:
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(repetitions):
        arm, reference, *others = simulated(
            rng, seeds=seeds, items=200, gain=0.05, between=between, arms=arms
        )
        found = paired_effect(arm, reference, others, draws=400)
        hits += found.low <= 0.05 <= found.high
    return hits / repetitions


@pytest.mark.parametrize(("seeds", "arms"), [(3, 2), (3, 5), (5, 2)])
@pytest.mark.parametrize("between", [0.0, 0.02, 0.1])
def test_the_interval_covers_the_truth_as_often_as_it_says(
    seeds: int, between: float, arms: int
) -> None:
    # 250 repetitions of 95 % have a standard error of 1.4 %.
    assert 0.91 <= coverage(seeds, between, arms) <= 0.985


def test_an_arm_that_scatters_alone_does_not_borrow_the_calm_of_the_others() -> None:
    rng = np.random.default_rng(6)
    hits = 0
    for _ in range(250):
        calm = simulated(rng, seeds=3, items=200, gain=0.0, between=0.002, arms=5)
        (wild, *_) = simulated(rng, seeds=3, items=200, gain=0.05, between=0.15, arms=2)
        found = paired_effect(wild, calm[1], calm[2:], draws=400)
        hits += found.low <= 0.05 <= found.high
    # Not 95 %: where its three seeds happen to be close, the others are believed. All arms together
    # cover it in three of four.
    assert hits / 250 >= 0.87


def test_further_arms_make_the_interval_of_few_seeds_narrower() -> None:
    rng = np.random.default_rng(2)
    tables = [
        simulated(rng, seeds=3, items=200, gain=0.05, between=0.02, arms=5) for _ in range(40)
    ]

    def width(*, pooled: bool) -> float:
        found = [paired_effect(t[0], t[1], t[2:] if pooled else (), draws=400) for t in tables]
        return float(np.mean([one.high - one.low for one in found]))

    assert width(pooled=True) < 0.75 * width(pooled=False)


def test_three_seeds_drawn_with_replacement_would_cover_far_too_seldom() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        means_S = rng.normal(0, 1, 3)
        drawn = means_S[rng.integers(0, 3, (400, 3))].mean(axis=1)
        low, high = np.quantile(drawn, [0.025, 0.975])
        hits += low <= 0 <= high
    assert hits / 400 < 0.85


@given(TABLES)
def test_equal_arms_give_exactly_zero(shape: tuple[int, int, int]) -> None:
    arm, _ = draw(*shape)
    found = paired_effect(arm, arm, draws=50)
    assert (found.effect, found.low, found.high, found.swap) == (0.0, 0.0, 0.0, 1.0)


@given(TABLES)
def test_swapping_the_arms_turns_the_effect_round(shape: tuple[int, int, int]) -> None:
    arm, reference = draw(*shape)
    one, other = (paired_effect(*pair, draws=100) for pair in [(arm, reference), (reference, arm)])
    assert one.effect == -other.effect
    assert one.low == pytest.approx(-other.high, abs=1e-12)
    assert one.high == pytest.approx(-other.low, abs=1e-12)
    assert (one.swap, one.agree) == (other.swap, other.agree)


@given(TABLES)
@example((3, 5, 249))  # whose items have nothing in common but rounding
def test_the_order_of_the_seeds_does_not_matter(shape: tuple[int, int, int]) -> None:
    arm, reference = draw(*shape)
    one = paired_effect(arm, reference, draws=100)
    other = paired_effect(arm[::-1], reference[::-1], draws=100)
    assert one.effect == pytest.approx(other.effect, abs=1e-12)
    assert one.low == pytest.approx(other.low, abs=1e-9)


@settings(max_examples=20)
@given(TABLES)
def test_the_same_numbers_give_the_same_interval(shape: tuple[int, int, int]) -> None:
    assert paired_effect(*draw(*shape), draws=60) == paired_effect(*draw(*shape), draws=60)


def test_pairing_over_items_makes_a_steady_gain_certain() -> None:
    rng = np.random.default_rng(1)
    reference = rng.integers(0, 2, (1, 400)).repeat(3, axis=0)
    arm = reference.copy()
    arm[:, np.flatnonzero(reference[0] == 0)[:20]] = 1
    found = paired_effect(arm, reference)
    assert found.effect == pytest.approx(20 / 400)
    assert 0.02 < found.low < found.high < 0.08
    assert found.agree == 3


def test_items_that_are_not_graded_anywhere_are_left_out() -> None:
    arm = np.array([[1.0, math.nan, 1.0], [1.0, 0.0, 1.0]])
    found = paired_effect(arm, np.zeros((2, 3)))
    assert (found.effect, found.items) == (1.0, 2)


def test_a_metric_without_items_has_the_interval_of_t() -> None:
    from scipy import stats

    difference_S = np.array([0.1, 0.2, 0.4])
    found = paired_effect(difference_S[:, None], np.zeros((3, 1)))
    half = stats.t.ppf(0.975, 2) * difference_S.std(ddof=1) / math.sqrt(3)
    assert found.high - found.effect == pytest.approx(half, rel=0.02)
    assert math.isnan(found.swap)


def test_one_seed_has_an_effect_and_no_interval() -> None:
    found = paired_effect([[1, 0, 1]], [[0, 0, 1]])
    assert found.effect == pytest.approx(1 / 3)
    assert math.isnan(found.low)


def test_the_swap_test_is_rare_for_a_gain_on_every_item_and_not_for_noise() -> None:
    assert paired_effect(np.ones((3, 40)), np.zeros((3, 40))).swap < 0.001
    arm, reference = draw(3, 40, 7)
    assert paired_effect(arm, reference).swap > 0.05


@pytest.mark.parametrize(
    ("arm", "reference"), [([[1, 0]], [[1]]), ([1, 0], [1, 0]), ([[math.nan]], [[1.0]])]
)
def test_tables_that_cannot_be_paired_are_refused(arm: object, reference: object) -> None:
    with pytest.raises(ValueError, match=r"both need|no item"):
        paired_effect(arm, reference)


def found(low: float, high: float, seeds: int = 3) -> Effect:
    return Effect((low + high) / 2, low, high, seeds, 100, seeds, 0.5)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.05, "helps"),
        (-0.05, -0.01, "hurts"),
        (-0.01, 0.015, "no effect seen"),
        (0.005, 0.015, "no effect seen"),
        (0.0, 0.0, "no effect seen"),
        (-0.01, 0.05, "inconclusive"),
        (-0.3, 0.2, "inconclusive"),
    ],
)
def test_a_verdict_follows_from_interval_and_margin(low: float, high: float, said: str) -> None:
    assert verdict(found(low, high), 0.02, "higher") == said


def test_where_lower_is_better_a_fall_helps() -> None:
    assert verdict(found(-0.05, -0.03), 0.02, "lower") == "helps"
    assert verdict(found(0.03, 0.05), 0.02, "lower") == "hurts"


def test_fewer_than_three_seeds_are_inconclusive() -> None:
    assert verdict(found(0.1, 0.2, seeds=2), 0.02, "higher") == "inconclusive"


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0.001, 0.5))
def test_swapping_the_arms_swaps_helps_and_hurts(low: float, width: float, margin: float) -> None:
    one = verdict(found(low, low + width), margin, "higher")
    other = verdict(found(-low - width, -low), margin, "higher")
    assert {"helps": "hurts", "hurts": "helps"}.get(one, one) == other


def test_a_band_is_mean_and_range_where_every_seed_has_a_point() -> None:
    curves = [[(1.0, 0.0), (2.0, 1.0)], [(1.0, 1.0), (2.0, 2.0), (3.0, 5.0)]]
    assert band(curves) == [(1.0, 0.5, 0.0, 1.0), (2.0, 1.5, 1.0, 2.0)]
