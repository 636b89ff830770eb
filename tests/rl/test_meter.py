from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from gnomon.rl.meter import Meter

LOGP = torch.tensor([[-1.0, -2.0, -3.0], [-1.0, -1.0, 9.0]])
MASK = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])


def known(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "logp": LOGP, "old_logp": LOGP, "mask": MASK, "off_policy": torch.zeros(2, 3),
        "log_mismatch": torch.zeros(2, 3), "entropy": torch.ones(2, 3),
    }  # fmt: skip
    return given | changes


def measured(*batches: dict[str, Any]) -> dict[str, float]:
    meter = Meter()
    for batch in batches:
        meter.add_tokens(batch, {})
    return {k: v for k, v in meter.means().items() if k.startswith("mismatch")}


def test_an_engine_that_agrees_has_no_mismatch() -> None:
    assert set(measured(known()).values()) == {0.0}


def test_the_worked_mismatch_of_five_tokens() -> None:
    gap = torch.tensor([[0.5, -1.0, 0.0], [0.0, 0.8, 99.0]])
    found = measured(known(old_logp=LOGP - gap))
    assert found["mismatch"] == pytest.approx(1.0)
    assert found["mismatch_mean"] == pytest.approx(2.3 / 5)
    assert found["mismatch_outside"] == pytest.approx(2 / 5)  # e^-1 and e^.8
    k3 = sum(math.expm1(x) - x for x in (0.5, -1.0, 0.8))
    assert found["mismatch_kl"] == pytest.approx(k3 / 5)


def test_what_a_correction_took_for_old_is_put_back() -> None:
    """With a correction old_logp is the trainer's; the sampler's is log_mismatch below it."""
    gap = torch.full((2, 3), 0.5)
    assert measured(known(log_mismatch=gap)) == measured(known(old_logp=LOGP - gap))


def test_demonstrations_have_no_mismatch() -> None:
    off = torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    gap = torch.tensor([[5.0, 5.0, 5.0], [0.1, 0.1, 0.1]])
    assert measured(known(old_logp=LOGP - gap, off_policy=off))["mismatch"] == pytest.approx(0.1)


def test_the_kl_to_the_reference_is_that_of_own_tokens_alone() -> None:
    """The trap: no token that a teacher wrote is in a statistic of the KL."""
    off = torch.tensor([[1.0, 1.0, 1.0], [0.0, 1.0, 0.0]])
    x = torch.tensor([[9.0, 9.0, 9.0], [0.5, 9.0, 9.0]])
    meter = Meter()
    meter.add_tokens(known(reference_logp=LOGP - x, off_policy=off), {})
    assert meter.means()["kl"] == pytest.approx(math.exp(-0.5) - 1 + 0.5)


def test_all_micro_batches_of_the_first_update_count() -> None:
    one, other = (known(old_logp=LOGP - gap) for gap in (0.1, 0.3))
    found = measured(one, other)
    assert found["mismatch"] == pytest.approx(0.3)
    assert found["mismatch_mean"] == pytest.approx(0.2)


def test_later_updates_have_moved_and_do_not_count() -> None:
    meter = Meter()
    meter.add_tokens(known(), {})
    meter.updates += 1
    meter.add_tokens(known(old_logp=LOGP - 1.0), {})
    assert meter.means()["mismatch"] == 0.0


@example([-10.72776985168457] * 3)  # whose mean in float32 is above each
@given(st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=9))
def test_the_kl_is_never_negative_and_always_finite(gaps: list[float]) -> None:
    logp = torch.full((1, len(gaps)), -40.0)
    rows = {name: torch.zeros(1, len(gaps)) for name in ("off_policy", "log_mismatch", "entropy")}
    found = measured(
        known(
            logp=logp, old_logp=logp - torch.tensor([gaps]), mask=torch.ones(1, len(gaps)), **rows
        )
    )
    assert 0 <= found["mismatch_kl"] < math.inf
    assert 0 <= found["mismatch_mean"] <= found["mismatch"] * (1 + 1e-6) <= 20 * (1 + 1e-6)


def test_without_own_tokens_nothing_is_measured() -> None:
    assert set(measured(known(off_policy=torch.ones(2, 3))).values()) == {0.0}


def test_the_divergence_from_the_masked_policy_is_measured_where_it_is_known() -> None:
    """x = masked_logp - logp is -1 on three tokens and 0 on two: d = e^-1 or 0."""
    masked = LOGP - torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 5.0]])
    meter = Meter()
    meter.add_tokens(known(old_masked_logp=masked), {})
    found = meter.means()
    assert found["perception"] == pytest.approx(3 / 5 * math.exp(-1))
    assert found["masked_entropy"] == pytest.approx((2 + 3 + 4 + 1 + 1) / 5)
    meter = Meter()
    meter.add_tokens(known(), {})
    assert not {"perception", "masked_entropy"} & set(meter.means())
