"""Schedules: a learning rate or a coefficient as a function of the updates done.

``step`` counts the updates done in this stage, so the first update has step 0; ``steps`` is the
number planned.
"""

from __future__ import annotations

import math

from gnomon.parts import register


@register("schedule")
def constant(step: int, *, value: float) -> float:
    """``value`` at every step.

    Formula: {value}"""
    return value


@register("schedule")
def cosine(
    step: int, steps: int, *, peak: float, warmup: float | int = 0, floor: float = 0.0
) -> float:
    """Linear warm-up to ``peak``, then half a cosine down to ``floor``.

    Formula: {peak} * (step + 1) / (warmup + 1), then {floor} + ({peak} - {floor}) * (1 +
    cos(pi * done)) / 2; warmup {warmup}

    ``warmup`` is a number of updates (int) or a share of ``steps`` (float, rounded up). Neither the
    first nor the last update is lost: warm-up step s gives peak * (s + 1) / (warmup + 1), the peak
    comes right after it, and the floor would come at step ``steps``. Later steps stay there. Raises
    ValueError for a negative step and for a warm-up out of range. Source: arXiv 1608.03983,
    equation 5, one cycle.
    """
    rising, done = _phase(step, steps, warmup)
    if rising < 1:
        return peak * rising
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * done))


@register("schedule")
def linear(
    step: int, steps: int, *, peak: float, warmup: float | int = 0, floor: float = 0.0
) -> float:
    """As `cosine`, with a straight line from ``peak`` down to ``floor``.

    Formula: {peak} * (step + 1) / (warmup + 1), then {peak} + ({floor} - {peak}) * done; warmup
    {warmup}
    """
    rising, done = _phase(step, steps, warmup)
    return peak * rising if rising < 1 else peak + (floor - peak) * done


@register("schedule")
def delayed_decay(step: int, *, warmup: int, initial: float = 0.02, decay: float = 0.985) -> float:
    """0 for ``warmup`` updates, then ``initial``, then times ``decay`` at every update.

    Formula: 0 for {warmup} updates, then {initial} * {decay}^(step - {warmup})

    The entropy coefficient of ReVisual-R1's text stage: warm-up 140 updates in the paper, 20 in the
    code. Source: arXiv 2506.04207.
    """
    return 0.0 if step < warmup else initial * decay ** (step - warmup)


@register("schedule")
def delayed_linear(
    step: int,
    steps: int,
    *,
    warmup: int,
    initial: float = 0.02,
    minimum: float = 0.0,
    total: int | None = None,
) -> float:
    """0 for ``warmup`` updates, then ``initial``, then less by an equal amount at every update.

    Formula: 0 for {warmup} updates, then from {initial} down to {minimum} in {total} equal steps

    The amount is (initial - minimum) / total. It never goes below ``minimum``. ``total`` None means
    all updates after the warm-up. The linear choice for ReVisual-R1's entropy coefficient. Source:
    arXiv 2506.04207, code; the defaults of ``minimum`` and ``total`` are ours.
    """
    if step < warmup:
        return 0.0
    updates = max(steps - warmup, 1) if total is None else total
    if updates < 1:
        raise ValueError(f"total={total} must be at least 1: the updates from initial to minimum")
    return max(initial - (initial - minimum) / updates * (step - warmup), minimum)


@register("schedule")
def linear_ramp(
    step: int, steps: int, *, start: float, end: float = 0.0, share: float = 0.5
) -> float:
    """A straight line from ``start`` to ``end`` over a share of the updates, then ``end``.

    Formula: {start} + ({end} - {start}) * min(step / max(1, floor({share} * steps)), 1)

    PAPO's schedule of its coefficients. Source: arXiv 2507.06448, code.
    """
    updates = max(1, math.floor(round(share * steps, 9)))
    return start + (end - start) * min(step / updates, 1.0)


def _phase(step: int, steps: int, warmup: float | int) -> tuple[float, float]:
    """Share of the warm-up (1 after it) and share of what follows it, both in [0, 1]."""
    if step < 0:
        raise ValueError(f"step={step} must be at least 0: the updates done so far")
    updates = _warmup_updates(steps, warmup)
    rising = min((step + 1) / (updates + 1), 1.0)
    return rising, min(max(step - updates, 0) / max(steps - updates, 1), 1.0)


def _warmup_updates(steps: int, warmup: float | int) -> int:
    if isinstance(warmup, int):
        if warmup < 0:
            raise ValueError(f"warmup={warmup} must be at least 0 updates")
        return warmup
    if not 0 <= warmup <= 1:
        raise ValueError(
            f"warmup={warmup} is a share of the steps, in [0, 1]; give a whole number for updates"
        )
    return math.ceil(round(warmup * steps, 9))
