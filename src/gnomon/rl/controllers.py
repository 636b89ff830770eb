"""Coefficients that follow what they regulate: schedules with a memory.

The loop asks once for each update and tells what was ``measured`` at the last one: the token mean
of the value that the coefficient multiplies, None before the first. ``memory`` is changed in place
and is part of every checkpoint.
"""

from __future__ import annotations

from typing import Any

from gnomon.parts import register

LARGEST_ERROR = 0.2
"""The relative error of the KL is clipped to this on both sides."""


@register("schedule")
def adaptive_kl(
    measured: float | None,
    rows: int,
    memory: dict[str, Any],
    *,
    initial: float = 1e-3,
    target: float = 0.1,
    horizon: int = 10000,
) -> float:
    """A KL coefficient that rises while the KL is above ``target`` and falls while it is below.

    Formula: beta <- beta * (1 + clip(KL / {target} - 1, -0.2, 0.2) * rows / {horizon}), first
    {initial}

    ``rows`` is the number of rollouts of the last update. Raises ValueError for a target or a
    horizon that is not above 0. The defaults are verl's. Source: arXiv 1909.08593, section 2.2.
    """
    if target <= 0 or horizon <= 0:
        raise ValueError(f"target={target} and horizon={horizon} must be above 0")
    coefficient = float(memory.get("coefficient", initial))
    if measured is not None:
        error = min(max(measured / target - 1, -LARGEST_ERROR), LARGEST_ERROR)
        coefficient *= 1 + error * rows / horizon
    memory["coefficient"] = coefficient
    return coefficient


@register("schedule")
def adaptive_entropy(
    measured: float | None,
    memory: dict[str, Any],
    *,
    initial: float = 0.0,
    target: float = 0.2,
    change: float = 0.005,
    least: float = 0.0,
    most: float = 1.0,
) -> float:
    """A coefficient of `entropy_bonus` that grows while the entropy is at most ``target``.

    Formula: c <- clip(c +- {change}, {least}, {most}), + while H <= {target}; the coefficient is c
    while H <= {target}, else 0

    H is the token mean of the entropy at the last update, that is minus what is ``measured``.
    Source: TRL, use_adaptive_entropy.
    """
    coefficient = float(memory.get("coefficient", initial))
    low = True
    if measured is not None:
        low = -measured <= target
        coefficient = min(max(coefficient + (change if low else -change), least), most)
    memory["coefficient"] = coefficient
    return coefficient if low else 0.0
