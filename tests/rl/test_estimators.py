from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gnomon.parts import part
from gnomon.rl.advantages import grpo
from gnomon.rl.estimators import (
    gdpo,
    gpg,
    grpo_vectorised,
    lite_ppo,
    on_policy_baseline,
    opo,
    pass_at_k,
    remax,
)

NAN = math.nan
ONE_RIGHT, ONE_GROUP = torch.tensor([1.0, 0.0, 0.0, 0.0]), torch.zeros(4, dtype=torch.long)
TWO_GROUPS = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
SKEWED = torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0])
EIGHT = torch.zeros(8, dtype=torch.long)

GROUPED = {
    "grpo": {}, "dr-grpo": {}, "rloo": {}, "lite-ppo": {}, "grpo-vectorised": {}, "opo": {},
    "gpg": {}, "pass-at-k": {}, "on-policy-baseline": {"scale": "group-std"}, "gdpo": {},
}  # fmt: skip
eighths = st.integers(-8, 8).map(lambda number: number / 8)


def close(one: Tensor, other: Tensor | list[float], tolerance: float = 2e-5) -> None:
    torch.testing.assert_close(one, torch.as_tensor(other), atol=tolerance, rtol=tolerance)


# -- the worked examples of the base family -------------------------------------------------------


def test_the_worked_example_of_gpg():
    close(gpg(ONE_RIGHT, ONE_GROUP), [3.0, -1.0, -1.0, -1.0])


def test_the_worked_example_of_opo():
    rewards, groups, lengths = torch.tensor([1.0, 0.0]), torch.zeros(2).long(), torch.tensor([2, 3])
    close(opo(rewards, groups, lengths), [0.6, -0.4])


def test_the_worked_example_of_pass_at_k_without_a_std():
    rewards, groups = torch.tensor([1.0, 0.4, 0.0]), torch.zeros(3).long()
    close(pass_at_k(rewards, groups, scale="none"), [0.6, 0.0, 0.0])


def test_pass_at_k_divides_the_lead_by_the_unbiased_std_of_the_group():
    rewards = torch.tensor([1.0, 0.4, 0.0])
    lead = 0.6 / (float(rewards.std()) + 1e-6)
    close(pass_at_k(rewards, torch.zeros(3).long()), [lead, 0.0, 0.0])


def test_remax_subtracts_the_reward_of_the_greedy_response():
    close(
        remax(torch.tensor([1.0, 0.0, NAN]), torch.tensor([0.25, 0.25, 0.25])), [0.75, -0.25, 0.0]
    )


def test_the_variance_of_vectorised_grpo_has_a_floor():
    """Rewards a ten-thousandth apart: std is at least 1e-3, so they are not blown up to 1.5."""
    rewards = ONE_RIGHT * 1e-4
    close(grpo_vectorised(rewards, ONE_GROUP)[:1], [0.75e-4 / (1e-3 + 1e-6)], 1e-4)
    close(grpo(rewards, ONE_GROUP)[:1], [1.5], 0.05)
    close(grpo_vectorised(ONE_RIGHT, ONE_GROUP), grpo(ONE_RIGHT, ONE_GROUP))


def test_the_epsilon_of_vectorised_grpo_is_added_to_the_std_as_well():
    found = grpo_vectorised(torch.tensor([1.0, 0.0]), torch.zeros(2).long(), epsilon=0.25)
    close(found, [0.5 / (math.sqrt(0.5) + 0.25), -0.5 / (math.sqrt(0.5) + 0.25)])


# -- Lite PPO -------------------------------------------------------------------------------------


def test_lite_ppo_can_divide_by_the_std_of_a_population():
    """Of one success among four it is sqrt(3) / 4."""
    found = lite_ppo(ONE_RIGHT, ONE_GROUP, bias="population")
    close(found[:1], [math.sqrt(3.0)])


def test_the_worked_example_of_lite_ppo():
    high, low = 1.403119, 0.467706
    close(lite_ppo(SKEWED, TWO_GROUPS), [high, -low, -low, -low, low, low, low, -high])


def test_two_uniform_groups_teach_nothing_under_the_group_mean():
    rewards = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    assert lite_ppo(rewards, torch.tensor([0, 0, 0, 1, 1, 1])).tolist() == [0.0] * 6


def test_the_batch_std_of_trl_has_its_own_epsilon():
    assert lite_ppo(ONE_RIGHT, ONE_GROUP, epsilon=1e-4)[0] == pytest.approx(1.4997, abs=1e-4)


# -- GDPO -----------------------------------------------------------------------------------------

SCORES = torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0]])


def test_gdpo_lets_no_term_count_more_for_its_spread():
    scores = SCORES * torch.tensor([[10.0], [1.0]])
    found = gdpo(scores, torch.tensor([1.0, 1.0]), scores.sum(0), ONE_GROUP)
    close(found, gdpo(SCORES, torch.tensor([1.0, 1.0]), SCORES.sum(0), ONE_GROUP), 1e-3)
    close(found[[1, 2]], [0.0, 0.0], 1e-3)


def test_gdpo_is_the_formula():
    weights, total = torch.tensor([2.0, 1.0]), torch.zeros(4)
    terms = [(row - row.mean()) / (row.std() + 1e-4) for row in SCORES]
    x = 2 * terms[0] + terms[1]
    expected = (x - x.mean()) / (x.std() + 1e-4)
    close(gdpo(SCORES, weights, total, ONE_GROUP), expected)


@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_the_epsilon_of_gdpo_is_in_both_normalisations(epsilon: float):
    terms = [(row - row.mean()) / (row.std() + epsilon) for row in SCORES]
    x = terms[0] + 0.5 * terms[1]
    expected = (x - x.mean()) / (x.std() + epsilon)
    weights = torch.tensor([1.0, 0.5])
    close(gdpo(SCORES, weights, torch.zeros(4), ONE_GROUP, epsilon=epsilon), expected)


def test_gdpo_normalises_the_sum_over_the_batch_and_not_the_group():
    """The second group differs in one term alone, so that its sum is spread less."""
    scores = torch.tensor([[1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 1.0, 1.0]])
    groups = torch.tensor([0, 0, 1, 1])
    unit = math.sqrt(0.5) / (1 + 1e-4 / math.sqrt(0.5))
    x = torch.tensor([2 * unit, -2 * unit, unit, -unit])
    expected = x / (x.std() + 1e-4)
    close(gdpo(scores, torch.ones(2), scores.sum(0), groups), expected)


def test_gpg_counts_every_reward_that_is_not_zero():
    """Two of four, whatever their size, so that the factor is 2."""
    rewards = torch.tensor([0.5, 0.25, 0.0, 0.0])
    close(gpg(rewards, ONE_GROUP), 2 * (rewards - rewards.mean()))


def test_gdpo_sums_the_terms_that_are_present_and_leaves_out_rollouts_without_a_reward():
    scores = torch.tensor([[1.0, 0.0, NAN, 5.0], [0.0, 1.0, 1.0, 5.0]])
    rewards = torch.tensor([1.0, 1.0, 1.0, NAN])
    found = gdpo(scores, torch.ones(2), rewards, ONE_GROUP)
    assert found[3] == 0
    without = gdpo(scores[:, :3], torch.ones(2), rewards[:3], ONE_GROUP[:3])
    close(found[:3], without, 0.0)


def test_gdpo_refuses_scores_of_another_shape():
    with pytest.raises(ValueError, match=r"must be \[terms, N\]"):
        gdpo(SCORES, torch.ones(3), torch.zeros(4), ONE_GROUP)


# -- demonstrations in the group (LUFFY) ----------------------------------------------------------


def test_the_worked_example_of_split_statistics():
    rewards, teacher = torch.tensor([1.0, 1.0, 0.0, 1.0]), torch.tensor([0, 0, 0, 1])
    close(on_policy_baseline(rewards, ONE_GROUP, teacher), [1 / 3, 1 / 3, -2 / 3, 1 / 3])


def test_the_union_of_a_group_is_its_baseline_in_luffy_itself():
    rewards = torch.tensor([0.0] * 7 + [1.0])
    advantages = grpo(rewards, EIGHT, scale="none")
    close(advantages, [-0.125] * 7 + [0.875])
    assert grpo(torch.ones(8), EIGHT, scale="none").tolist() == [0.0] * 8


def test_one_own_rollout_has_a_mean_of_zero_and_a_std_of_one():
    rewards, teacher = torch.tensor([0.5, 1.0]), torch.tensor([0, 1])
    found = on_policy_baseline(rewards, torch.zeros(2).long(), teacher, scale="group-std")
    assert found.tolist() == [0.5, 1.0]


def test_the_std_of_own_rollouts_is_unbiased_and_has_an_epsilon():
    rewards, teacher = torch.tensor([1.0, 0.0, 1.0]), torch.tensor([0, 0, 1])
    settings = {"scale": "group-std", "epsilon": 0.25}
    found = on_policy_baseline(rewards, torch.zeros(3).long(), teacher, **settings)
    close(found, torch.tensor([0.5, -0.5, 0.5]) / (math.sqrt(0.5) + 0.25))


def test_own_rollouts_without_a_spread_divide_by_one():
    rewards, teacher = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0, 0, 1])
    found = on_policy_baseline(rewards, torch.zeros(3).long(), teacher, scale="group-std")
    assert found.tolist() == [0.0, 0.0, 1.0]


# -- the examples of systems that take the plain estimator ----------------------------------------


def test_the_worked_example_of_univg_r1():
    rewards = torch.tensor([1.9, 1.5, 1.0, 0.0])
    close(grpo(rewards, ONE_GROUP, epsilon=1e-4), [0.9748, 0.4874, -0.1219, -1.3404], 1e-4)


def test_the_worked_examples_of_vision_r1():
    half = torch.tensor([1.0, 1.0, 0.0, 0.0])
    close(grpo(half, ONE_GROUP), [0.866024, 0.866024, -0.866024, -0.866024])
    sixteen = torch.tensor([1.0] + [0.0] * 15)
    found = grpo(sixteen, torch.zeros(16).long())
    close(found[:2], [3.749985, -0.249999])
    close(grpo(ONE_RIGHT, ONE_GROUP, bias="population")[:1], [1.732047])


def test_the_worked_example_of_skywork_r1v3():
    rewards = torch.tensor([1.0, 0.2, 0.2, 0.2])
    close(grpo(rewards, ONE_GROUP), [1.499996, -0.499999, -0.499999, -0.499999])


def test_the_worked_example_of_observe_r1_without_bonus_and_weight():
    rewards = torch.tensor([1.5, 1.5, 0.5, 0.0])
    close(grpo(rewards, ONE_GROUP, epsilon=1e-9), [0.833333, 0.833333, -0.5, -1.166667])


# -- edges and properties -------------------------------------------------------------------------


@pytest.mark.parametrize("single", ["keep", "zero"])
@pytest.mark.parametrize("name", ["opo", "gpg", "grpo-vectorised"])
def test_a_group_of_one_keeps_its_reward_or_gets_zero(name: str, single: str):
    found = supply(name, torch.tensor([0.7]), torch.tensor([0]), single=single)
    assert found.item() == pytest.approx(0.7 if single == "keep" else 0.0, abs=1e-5)


def test_pass_at_k_refuses_a_group_of_one_and_gives_a_tie_nothing():
    with pytest.raises(ValueError, match="at least 2"):
        pass_at_k(torch.tensor([1.0]), torch.tensor([0]))
    assert pass_at_k(torch.tensor([1.0, 1.0, 0.0]), torch.zeros(3).long()).tolist() == [0.0] * 3
    assert pass_at_k(torch.tensor([1.0, NAN]), torch.zeros(2).long()).tolist() == [0.0, 0.0]


def test_gpg_without_a_paid_rollout_gives_zeros():
    assert gpg(torch.zeros(4), ONE_GROUP).tolist() == [0.0] * 4


def test_responses_without_a_token_leave_opo_the_plain_mean():
    close(opo(ONE_RIGHT, ONE_GROUP, torch.zeros(4)), [0.75, -0.25, -0.25, -0.25])


def test_remax_refuses_shapes_that_differ():
    with pytest.raises(ValueError, match="must both be"):
        remax(torch.zeros(2), torch.zeros(3))


def supply(name: str, rewards: Tensor, groups: Tensor, **settings: object) -> Tensor:
    """An advantage by name on rewards alone; the other inputs follow from them."""
    known = {
        "rewards": rewards,
        "groups": groups,
        "lengths": (rewards.nan_to_num(nan=1.0).abs() * 8).long() + 1,
        "off_policy": rewards.nan_to_num(nan=0.0) == 1,
        "scores": torch.stack([rewards, rewards.abs()]),
        "weights": torch.tensor([1.0, 0.5]),
    }
    found: Tensor = part("advantage", name, **settings).supply(known)
    return found


@st.composite
def batches(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Groups of two to four members."""
    sizes = draw(st.lists(st.integers(2, 4), min_size=1, max_size=4))
    groups = [j for j, size in enumerate(sizes) for _ in range(size)]
    rewards = draw(st.lists(eighths, min_size=len(groups), max_size=len(groups)))
    return torch.tensor(rewards), torch.tensor(groups)


@pytest.mark.parametrize("name", GROUPED)
@given(batches(), st.randoms(use_true_random=False))
def test_reordering_the_rollouts_reorders_the_advantages(name, batch, random):
    rewards, groups = batch
    order = random.sample(range(len(rewards)), len(rewards))
    settings = GROUPED[name]
    expected = supply(name, rewards, groups, **settings)[order]
    close(supply(name, rewards[order], groups[order], **settings), expected, 1e-4)


@pytest.mark.parametrize("name", GROUPED)
@given(batches())
def test_missing_rewards_disturb_nothing_and_get_zero(name, batch):
    rewards, groups = batch
    padded = torch.cat([rewards, torch.full((2,), NAN)])
    more = torch.cat([groups, torch.tensor([0, 0])])
    found = supply(name, padded, more, **GROUPED[name])
    assert found[len(rewards) :].tolist() == [0.0, 0.0]
    close(found[: len(rewards)], supply(name, rewards, groups, **GROUPED[name]), 1e-4)


@given(batches())
def test_groups_of_equal_rewards_get_exactly_zero(batch):
    _, groups = batch
    for name in ("lite-ppo", "grpo-vectorised", "opo", "gpg", "pass-at-k"):
        assert not supply(name, torch.full((len(groups),), 0.1), groups).any(), name
