from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.rl.controllers import adaptive_entropy, adaptive_kl


def test_the_coefficient_starts_where_it_is_told():
    memory: dict[str, Any] = {}
    assert adaptive_kl(None, 8, memory, initial=0.02) == 0.02
    assert memory == {"coefficient": 0.02}


@pytest.mark.parametrize(("kl", "error"), [(0.1, 0.0), (0.105, 0.05), (9.0, 0.2), (0.0, -0.2)])
def test_the_adaptive_kl_of_verl_moves_by_a_clipped_relative_error(kl: float, error: float):
    memory = {"coefficient": 0.001}
    found = adaptive_kl(kl, 512, memory)
    assert found == pytest.approx(0.001 * (1 + error * 512 / 10000))
    assert memory["coefficient"] == found


@given(st.lists(st.floats(0, 3), min_size=1, max_size=20))
def test_the_kl_coefficient_stays_positive_and_goes_the_right_way(measured):
    memory: dict[str, Any] = {}
    before = adaptive_kl(None, 64, memory)
    for kl in measured:
        after = adaptive_kl(kl, 64, memory)
        assert after > 0
        assert (after > before, after < before) == (kl > 0.1, kl < 0.1)
        before = after


def test_a_target_of_nothing_is_refused():
    with pytest.raises(ValueError, match="must be above 0"):
        adaptive_kl(None, 8, {}, target=0.0)


def test_the_adaptive_entropy_of_trl_grows_while_entropy_is_low():
    """The bonus is -H, so H = .1 is measured as -.1."""
    memory: dict[str, Any] = {}
    assert adaptive_entropy(None, memory) == 0
    assert adaptive_entropy(-0.1, memory) == pytest.approx(0.005)
    assert adaptive_entropy(-0.2, memory) == pytest.approx(0.01)  # equality counts as low


def test_the_adaptive_entropy_of_trl_is_off_while_entropy_is_high_and_remembers():
    memory: dict[str, Any] = {"coefficient": 0.1}
    assert adaptive_entropy(-0.5, memory) == 0
    assert memory["coefficient"] == pytest.approx(0.095)
    assert adaptive_entropy(-0.1, memory) == pytest.approx(0.1)


def test_the_entropy_coefficient_keeps_its_bounds():
    memory: dict[str, Any] = {"coefficient": 1.0}
    assert adaptive_entropy(-0.1, memory) == 1
    memory = {"coefficient": 0.0}
    adaptive_entropy(-0.5, memory)
    assert memory["coefficient"] == 0


@pytest.mark.parametrize("controller", [adaptive_kl, adaptive_entropy])
def test_a_memory_goes_through_json_without_a_change(controller):
    straight: dict[str, Any] = {}
    stored: dict[str, Any] = {}
    extra = (8,) if controller is adaptive_kl else ()
    for measured in (None, 0.07, 0.3, -0.1, 0.11):
        one = controller(measured, *extra, straight)
        assert controller(measured, *extra, stored) == one
        stored = json.loads(json.dumps(stored))
