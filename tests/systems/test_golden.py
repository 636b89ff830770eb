"""Thirty steps of each recipe give the curves that are stored beside this file.

The first steps must agree closely, since a changed formula moves them: within .03 % (the KL, which
two updates have gone into, within .1 %), and 2e-6 about zero. Sums in another order, as by smaller
micro-batches or other instructions of the processor, were seen to move them by .008 %. Later a
token that is drawn the other way by rounding changes all that follows, so that only means over
windows are compared, and loosely.
After a change that is meant: make golden.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gnomon.catalogue import load_recipe
from golden_runs import (
    BASES,
    CURVES,
    EXACT,
    FIRST,
    NAMES,
    STEPS,
    WINDOWS,
    curves_of,
    golden_curves,
)

CLOSE = {"rel": 3e-4, "abs": 2e-6}
CLOSE_KL = {"rel": 1e-3, "abs": 2e-6}
CLOSE_IN_HALF = {"rel": 3e-2, "abs": 2e-6}
"""Of bfloat16, whose products one processor adds up in other steps than the next."""
APART = {"reward": 0.35, "loss": 0.35}
"""How far apart the means of a window may be; the others by their factor below."""
FACTOR = {"length": 1.5, "kl": 6.0, "grad_norm": 3.0}
LEAST = {"length": 1.0, "kl": 1e-3, "grad_norm": 1e-2}


def known(values: list[float | None]) -> list[float]:
    """What is not None, as it is where a step without a signal made no update."""
    return [value for value in values if value is not None]


def mean(values: list[float | None]) -> float:
    return sum(known(values)) / max(len(known(values)), 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_still_gives_its_golden_curves(name: str, tmp_path: Path) -> None:
    found, stored = curves_of(name, tmp_path), golden_curves(name)
    assert found.keys() == stored.keys()
    for curve, values in stored.items():
        assert len(found[curve]) == len(values) == STEPS
        near = CLOSE_KL if curve == "kl" else CLOSE
        one, other = found[curve][:EXACT], values[:EXACT]
        assert [value is None for value in one] == [value is None for value in other], curve
        assert known(one) == pytest.approx(known(other), **near), curve
        for start, end in WINDOWS:
            one, other = mean(found[curve][start:end]), mean(values[start:end])
            place = f"{curve}, steps {start + 1} to {end}: {one} beside {other}"
            if curve in APART:
                assert abs(one - other) <= APART[curve], place
            else:
                low, high = sorted((max(one, LEAST[curve]), max(other, LEAST[curve])))
                assert high <= FACTOR[curve] * low, place


@pytest.mark.parametrize("name", NAMES)
def test_the_golden_curves_of_a_recipe_say_something(name: str) -> None:
    """Groups whose members all fare alike would move nothing, whatever the formula."""
    stored = golden_curves(name)
    assert set(stored) <= set(CURVES)
    assert any(value for value in stored["grad_norm"][:EXACT])
    assert len(set(stored["reward"])) > 5


@pytest.mark.parametrize("name", BASES)
def test_a_base_model_still_begins_as_it_did(name: str, tmp_path: Path) -> None:
    found, stored = curves_of(name, tmp_path), golden_curves(name)
    half = load_recipe(name, "micro").model.dtype == "bfloat16"
    near = CLOSE_IN_HALF if half else CLOSE
    assert found.keys() == stored.keys() == {"loss", "grad_norm"}
    for curve, values in stored.items():
        assert len(found[curve]) == len(values) == FIRST
        assert found[curve][:EXACT] == pytest.approx(values[:EXACT], **near), curve
        for start in range(0, FIRST, 10):
            one, other = (mean(each[start : start + 10]) for each in (found[curve], values))
            assert one == pytest.approx(other, rel=0.1), f"{curve} from step {start + 1}"
    assert mean(stored["loss"][-10:]) < 0.85 * mean(stored["loss"][:10])
