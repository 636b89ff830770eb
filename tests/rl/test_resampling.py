from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gnomon.parts import part
from gnomon.rl.advantages import grpo
from gnomon.rl.resampling import drop_zero_variance, largest_advantage, pad, pad_probabilities

WORKED = torch.tensor([0.02, 0.5, 0.9, 2.4])
NAN = math.nan


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def resample(advantages: Tensor, seed: int = 0, progress: float = 0.0, **settings) -> Tensor:
    groups = settings.pop("groups", torch.zeros(len(advantages), dtype=torch.long))
    return pad(advantages, seeded(seed), progress, groups, **settings)


advantage_lists = st.lists(
    st.floats(-3, 3, width=32, allow_subnormal=False), min_size=0, max_size=20
).map(lambda values: torch.tensor(values, dtype=torch.float32))
modes = st.sampled_from(["strict", "released"])


def test_the_worked_example_of_the_released_code():
    kept, p, k = pad_probabilities(WORKED, mode="released")
    assert (kept.tolist(), k) == ([1, 2], 6)
    assert p.tolist() == pytest.approx([0.29283, 0.70717], abs=1e-5)


def test_the_worked_example_of_the_paper():
    kept, p, k = pad_probabilities(WORKED, low=0.1, high=1.0, temperature=0.3, ratio=0.5)
    assert (kept.tolist(), k) == ([1, 2], 2)
    assert p.tolist() == pytest.approx([0.208609, 0.791391], abs=1e-6)


def test_the_sign_of_an_advantage_does_not_matter():
    assert pad_probabilities(-WORKED)[1].tolist() == pad_probabilities(WORKED)[1].tolist()


def test_the_paper_keeps_a_threshold_and_the_code_drops_it():
    edges = torch.tensor([0.25, 0.5, 0.75])
    assert pad_probabilities(edges, low=0.25, high=0.75)[0].tolist() == [0, 1, 2]
    assert pad_probabilities(edges, mode="released", low=0.25, high=0.75)[0].tolist() == [1]


def test_the_paper_rounds_the_number_of_draws_up_and_the_code_down():
    halves = torch.full((5,), 0.5)
    assert pad_probabilities(halves, ratio=0.5)[2] == 3
    assert pad_probabilities(halves, mode="released", ratio=0.5)[2] == 2


def test_a_rounding_error_does_not_add_a_draw():
    assert pad_probabilities(torch.full((100,), 0.5), ratio=0.07)[2] == 7


def test_the_paper_draws_each_rollout_at_most_once():
    drawn = resample(torch.full((10,), 0.5), ratio=0.8)
    assert len(set(drawn.tolist())) == len(drawn) == 8


def test_the_code_draws_more_often_than_there_are_rollouts():
    drawn = resample(WORKED, mode="released")
    assert len(drawn) == 6
    assert set(drawn.tolist()) <= {1, 2}


def test_the_code_without_replacement_draws_each_kept_rollout_once():
    drawn = resample(WORKED, mode="released", replacement=False)
    assert sorted(drawn.tolist()) == [1, 2]


def test_the_paper_with_replacement_may_repeat():
    drawn = torch.stack([resample(WORKED, seed, ratio=1.0, replacement=True) for seed in range(20)])
    assert any(len(set(row.tolist())) == 1 for row in drawn)


def test_nothing_kept_gives_an_empty_batch_in_the_paper_and_the_whole_one_in_the_code():
    assert resample(torch.zeros(3)).tolist() == []
    assert resample(torch.zeros(3), mode="released").tolist() == [0, 1, 2]


def test_no_draws_asked_give_an_empty_batch():
    assert resample(WORKED, mode="released", ratio=0.1).tolist() == []


def test_the_probability_of_a_rollout_is_its_share_of_first_draws():
    counts = torch.zeros(4)
    for seed in range(2000):
        counts[resample(WORKED, seed, low=0.1, high=1.0, ratio=0.25)] += 1
    assert counts[2] / 2000 == pytest.approx(0.791391, abs=0.04)


def test_a_probability_that_vanishes_is_drawn_last():
    drawn = resample(torch.tensor([0.1, 1000.0, 999.9]), high=math.inf, ratio=1.0)
    assert drawn[-1] == 0
    assert sorted(drawn.tolist()) == [0, 1, 2]


def test_a_huge_advantage_does_not_overflow():
    for settings in ({}, {"mode": "released"}):
        p = pad_probabilities(torch.tensor([1e30, 1.0]), high=math.inf, **settings)[1]
        assert p.tolist() == pytest.approx([1.0, 0.0])


def test_an_infinite_temperature_and_a_zero_alpha_are_uniform():
    wide = {"low": 0.0, "high": math.inf}
    uniform = pytest.approx([0.25] * 4)
    assert pad_probabilities(WORKED, temperature=math.inf, **wide)[1].tolist() == uniform
    assert pad_probabilities(WORKED, mode="released", alpha=0, **wide)[1].tolist() == uniform


def test_the_temperature_falls_with_progress():
    halves, fixed = torch.tensor([0.2, 0.9, 0.5, 0.7]), {"ratio": 1.0}
    for progress, temperature in ((0.0, 1.0), (0.5, 0.65), (1.0, 0.3)):
        for seed in range(10):  # one order of draws would fit several temperatures
            annealed = resample(halves, seed, progress, temperature_start=1.0, **fixed)
            expected = resample(halves, seed, temperature=temperature, **fixed)
            assert annealed.tolist() == expected.tolist()


def test_the_released_thresholds_drop_the_one_success_among_eight():
    rewards = torch.tensor([1.0] + [0.0] * 7)
    advantages = grpo(rewards, torch.zeros(8, dtype=torch.long))
    assert 0 not in pad_probabilities(advantages, mode="released")[0]


@pytest.mark.parametrize("mode", ["strict", "released"])
def test_relative_thresholds_keep_the_one_success_among_any_number(mode: str):
    for size in (2, 8, 16, 64):
        rewards, groups = torch.eye(size)[0], torch.zeros(size, dtype=torch.long)
        advantages = grpo(rewards, groups, epsilon=0.0)
        drawn = [
            resample(
                advantages, s, mode=mode, groups=groups, relative=True, ratio=1.0, low=0.0,
                replacement=False,
            )
            for s in range(3)
        ]  # fmt: skip
        assert all(0 in row for row in drawn)


def test_a_relative_threshold_is_a_share_of_the_largest_advantage_of_the_group():
    groups = torch.tensor([0] * 8 + [1, 1])
    advantages = torch.tensor([2.4] + [0.3] * 7 + [0.7, 0.3])
    drawn = resample(advantages, groups=groups, relative=True, low=0.5, high=0.9, ratio=1.0)
    assert drawn.tolist() == []
    drawn = resample(advantages, groups=groups, relative=True, low=0.5, ratio=1.0)
    assert sorted(drawn.tolist()) == [0, 8]


def test_the_largest_advantage_of_a_group():
    largest = largest_advantage(torch.tensor([0] * 8 + [1]))
    assert largest.tolist() == pytest.approx([2.474874] * 8 + [0.0], rel=1e-4)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"mode": "released", "temperature": 0.3}, "temperature belongs to mode 'strict'"),
        ({"mode": "released", "temperature_start": 1.0}, "temperature belongs to mode 'strict'"),
        ({"alpha": 1.5}, "alpha belongs to mode 'released'"),
        ({"temperature": 0.0}, "must be above 0"),
        ({"ratio": -1.0}, "at least 0"),
        ({"ratio": math.nan}, "at least 0"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, object], reason: str):
    with pytest.raises(ValueError, match=reason):
        resample(WORKED, **settings)


def test_only_groups_with_different_rewards_are_kept():
    rewards = torch.tensor([1.0, 0.1, 0.0, 0.1, NAN, 0.1, 0.5, NAN])
    groups = torch.tensor([0, 1, 0, 1, 0, 1, 2, 3])
    assert drop_zero_variance(rewards, groups).tolist() == [0, 2, 4, 6]
    assert drop_zero_variance(rewards, groups, single="drop").tolist() == [0, 2, 4]


def test_no_rollouts_are_resampled_to_none():
    nothing = torch.zeros(0, dtype=torch.long)
    assert drop_zero_variance(torch.zeros(0), nothing).tolist() == []
    assert resample(torch.zeros(0)).tolist() == []
    assert resample(torch.zeros(0), mode="released").tolist() == []


def test_resamplers_are_reached_by_name():
    available = {
        "advantages": WORKED,
        "rewards": WORKED,
        "groups": torch.zeros(4, dtype=torch.long),
        "generator": seeded(),
        "progress": 0.5,
    }
    assert len(part("resampler", "pad", mode="released").supply(available)) == 6
    assert part("resampler", "drop-zero-variance").supply(available).tolist() == [0, 1, 2, 3]


@given(advantage_lists, modes, st.integers(0, 1000), st.booleans())
def test_indices_are_in_range_and_the_same_for_the_same_seed(advantages, mode, seed, replacement):
    settings = {"mode": mode, "replacement": replacement, "high": 2.0}
    drawn = resample(advantages, seed, **settings)
    assert drawn.dtype is torch.long
    assert all(0 <= index < len(advantages) for index in drawn.tolist())
    assert drawn.tolist() == resample(advantages, seed, **settings).tolist()


@given(advantage_lists, modes)
def test_probabilities_are_positive_and_sum_to_one_over_what_is_kept(advantages, mode):
    kept, p, k = pad_probabilities(advantages, mode=mode)
    assert len(p) == len(kept)
    assert (p >= 0).all()
    assert float(p.sum()) == pytest.approx(1.0 if len(kept) else 0.0, abs=1e-5)
    assert 0 <= k <= math.ceil(1.5 * len(advantages))


@given(advantage_lists, modes)
def test_a_larger_advantage_is_never_less_likely(advantages, mode):
    kept, p, _ = pad_probabilities(advantages, mode=mode)
    order = advantages[kept].abs().argsort()
    assert (p[order].diff() >= -1e-6).all()
