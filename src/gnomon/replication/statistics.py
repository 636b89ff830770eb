"""How sure an effect is: paired over seeds and held-out items, with a 95 % interval.

Dimension suffixes: S seeds, I items, B draws. All functions are pure; the same numbers give the
same interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtri, stdtrit

Floats = NDArray[np.float64]
Verdict = Literal["helps", "no effect seen", "hurts", "inconclusive"]
Point = tuple[float, float, float, float]
"""Of a curve with its band: x, mean, least, most."""
DRAWS = 4000
SEED = 20_250_601
LEAST_SEEDS = 3


@dataclass(frozen=True)
class Effect:
    """An arm minus the reference.

    ``low`` and ``high`` are the 95 % interval, NaN with fewer than two seeds. ``agree`` counts the
    seeds whose own difference has the sign of ``effect``. ``swap`` is the p-value of the
    permutation that swaps the two arms item by item, NaN for a metric without items.
    """

    effect: float
    low: float
    high: float
    seeds: int
    items: int
    agree: int
    swap: float


def paired_effect(
    arm_SI: Any,
    reference_SI: Any,
    others: Sequence[Any] = (),
    *,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Effect:
    """The mean difference of two tables of equal seeds and items, with its interval.

    Values are right (1) or wrong (0), or any number; a metric that has one value a seed is a table
    of one column. Items that are NaN in one of the two are left out. The interval is a hierarchical
    bootstrap over both ways in which the result could have been another one:

    - items: drawn with replacement, the same draw for every seed, as all seeds answer the same.
      Their deviations are shrunk to the part that is common to the seeds, since the rest is in the
      spread of the seeds already;
    - seeds: t times sqrt(v / S), v the variance of the seeds' differences. Three seeds drawn with
      replacement have ten means and an interval that is far too narrow; this one covers the truth
      as often as it says, see the tests.

    ``others`` are the tables of the further arms of the experiment, with the same seeds. They make
    v surer: it is then twice the residual of the table of seeds and arms, with (A - 1)(S - 1)
    degrees of freedom for A arms in place of S - 1. That takes it that seeds scatter alike in all
    arms, so the two stand alone where they plainly scatter more. Every draw of the seeds is used
    with both signs, so that swapping the arms turns the interval round exactly. Equal tables give 0
    with the interval 0 to 0. Raises ValueError for tables of other shapes, and when no item is
    left. Source: ours; the crossed bootstrap after arXiv 0712.1111 (Owen), the residual as in a
    randomised block design.
    """
    difference_SI = _difference(arm_SI, reference_SI)
    seeds, items = difference_SI.shape
    mean_S = difference_SI.mean(axis=1)
    effect = float(mean_S.mean())
    agree = int((np.sign(mean_S) == np.sign(effect)).sum())
    rng = np.random.default_rng(seed)
    item_I = difference_SI.mean(axis=0)
    swap = _swap_test(item_I, draws, rng) if items > 1 else math.nan
    if not difference_SI.any():
        return Effect(0.0, 0.0, 0.0, seeds, items, agree, swap)
    if seeds < 2:
        return Effect(effect, math.nan, math.nan, seeds, items, agree, swap)
    half = draws // 2
    counts_BI = rng.multinomial(items, np.full(items, 1 / items), size=half)
    item_B = (counts_BI @ item_I / items - effect) * _common_share(difference_SI)
    variance, freedom = _seed_variance(arm_SI, reference_SI, others)
    # One draw from each of so many equal shares of the distribution: no tail is left to luck.
    t_B = stdtrit(freedom, (rng.permutation(half) + 0.5) / half)
    seed_B = t_B * math.sqrt(variance / seeds)
    drawn = effect + np.concatenate([item_B + seed_B, item_B - seed_B])
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Effect(effect, float(low), float(high), seeds, items, agree, swap)


def verdict(effect: Effect, margin: float, better: Literal["higher", "lower"]) -> Verdict:
    """What an interval says, in words.

    ``no effect seen`` when it lies within +-``margin``; ``helps`` or ``hurts`` when it lies on one
    side of zero; ``inconclusive`` when it holds zero and reaches beyond the margin, or when there
    are fewer than three seeds. Source: ours.
    """
    if effect.seeds < LEAST_SEEDS or math.isnan(effect.low):
        return "inconclusive"
    if -margin <= effect.low and effect.high <= margin:
        return "no effect seen"
    if effect.low <= 0 <= effect.high:
        return "inconclusive"
    return "helps" if (effect.low > 0) == (better == "higher") else "hurts"


def band(
    curves: Sequence[Sequence[tuple[float, float]]],
) -> list[tuple[float, float, float, float]]:
    """Mean and range over the seeds of a curve: (x, mean, least, most) for each x of all seeds."""
    by_x: dict[float, list[float]] = {}
    for curve in curves:
        for x, value in curve:
            by_x.setdefault(x, []).append(value)
    return [
        (x, float(np.mean(values)), min(values), max(values))
        for x, values in sorted(by_x.items())
        if len(values) == len(curves)
    ]


def _difference(arm_SI: Any, reference_SI: Any) -> Floats:
    first: Floats = np.asarray(arm_SI, dtype=float)
    second: Floats = np.asarray(reference_SI, dtype=float)
    if first.ndim != 2 or first.shape != second.shape:
        raise ValueError(
            f"tables of {first.shape} and {second.shape}: both need [seeds, items], the same"
        )
    difference_SI: Floats = first - second
    difference_SI = difference_SI[:, np.isfinite(difference_SI).all(axis=0)]
    if not difference_SI.size:
        raise ValueError("no item has a value in both arms and every seed")
    return difference_SI


def _seed_variance(arm: Any, reference: Any, others: Sequence[Any]) -> tuple[float, int]:
    """Variance of a seed's difference of two arms, and its degrees of freedom.

    From all arms, unless the two scatter more than the others with the calmer one of them, by an F
    test at 5 %: then from these two alone.
    """
    own, freedom = _pooled_variance([arm, reference])
    if not others:
        return own, freedom
    rest, degrees = min(_pooled_variance([one, *others]) for one in (arm, reference))
    if own > rest * fdtri(freedom, degrees, 0.95):
        return own, freedom
    return _pooled_variance([arm, reference, *others])


def _pooled_variance(arms: Sequence[Any]) -> tuple[float, int]:
    """Twice the residual variance of arms and seeds, and its degrees of freedom."""
    mean_AS = np.array([np.nanmean(np.asarray(table, dtype=float), axis=1) for table in arms])
    rest_AS = mean_AS - mean_AS.mean(axis=0) - mean_AS.mean(axis=1)[:, None] + mean_AS.mean()
    freedom = (mean_AS.shape[0] - 1) * (mean_AS.shape[1] - 1)
    return 2 * float((rest_AS**2).sum()) / freedom, freedom


def _common_share(difference_SI: Floats) -> float:
    """How much of the standard deviation of the items' means is common to all seeds, 0 to 1."""
    seeds, items = difference_SI.shape
    if items < 2:
        return 0.0
    mean_I = difference_SI.mean(axis=0)
    rest_SI = difference_SI - mean_I - difference_SI.mean(axis=1)[:, None] + mean_I.mean()
    noise = float((rest_SI**2).sum()) / ((seeds - 1) * (items - 1)) / seeds
    total = float(mean_I.var(ddof=1))
    common = 1 - noise / total if total > 0 else 0.0
    # Where nothing is common rounding leaves 1e-16, whose root would be seen.
    return math.sqrt(common) if common > 1e-12 else 0.0


def _swap_test(item_I: Floats, draws: int, rng: np.random.Generator) -> float:
    """Share of random sign flips whose mean is at least as far from zero as the observed one."""
    signs_BI = rng.integers(0, 2, size=(draws, len(item_I)), dtype=np.int8) * 2 - 1
    means_B = np.abs(signs_BI @ item_I)
    # The observed assignment is one of the permutations; sums differ in their last bits.
    reached = int((means_B >= abs(item_I.sum()) - 1e-9).sum())
    return (1 + reached) / (1 + draws)
