from __future__ import annotations

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gnomon.rl.moments import ema_grpo, scoped

NAN = math.nan
SKEWED = torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0])
TWO_GROUPS = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
MATH, TRACKING = torch.tensor([1.5, 0.6, 0.6, 1.5]), torch.tensor([0.8, 0.7, 0.9, 0.8])


def close(one: Tensor, other: Tensor | list[float], tolerance: float = 2e-5) -> None:
    torch.testing.assert_close(one, torch.as_tensor(other), atol=tolerance, rtol=tolerance)


# -- scopes (Lite PPO) ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("centre", "scale", "first", "last"),
    [
        ("group", "batch", 1.403119, -1.403119),
        ("group", "group", 1.499997, -1.499997),
        ("batch", "batch", 0.935413, -0.935413),
        ("group", "none", 0.75, -0.75),
        ("group", "centred", 1.620182, -1.620182),
        ("none", "none", 1.0, 0.0),
    ],
)
def test_the_worked_example_of_every_scope(centre, scale, first, last):
    found = scoped(SKEWED, TWO_GROUPS, {}, centre=centre, scale=scale)
    close(found[[0, 7]], [first, last])


def test_uniform_groups_have_an_advantage_under_the_batch_mean():
    rewards, groups = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0]), torch.tensor([0, 0, 0, 1, 1, 1])
    close(scoped(rewards, groups, {}, centre="batch", scale="batch")[[0, 3]], [0.912869, -0.912869])


def test_the_worked_example_of_running_moments():
    memory: dict[str, object] = {}
    first = scoped(SKEWED[:4], TWO_GROUPS[:4], memory, centre="running", scale="running")
    close(first, [1.499997, -0.499999, -0.499999, -0.499999])
    second = scoped(torch.ones(2), torch.zeros(2).long(), memory, centre="running", scale="running")
    close(second, [0.912869, 0.912869])


def test_a_group_scale_divides_by_the_own_group_whatever_the_centre():
    rewards, groups = torch.tensor([1.0, 0.0, 5.0, 1.0]), torch.tensor([0, 0, 1, 1])
    found = scoped(rewards, groups, {}, centre="batch", scale="group")
    stds = torch.tensor([rewards[:2].std()] * 2 + [rewards[2:].std()] * 2)
    close(found, (rewards - rewards.mean()) / (stds + 1e-6))


@given(st.lists(st.integers(-8, 8), min_size=4, max_size=12), st.integers(1, 3))
def test_pooled_moments_do_not_depend_on_how_rewards_were_split(numbers, cut):
    rewards, groups = torch.tensor(numbers) / 8, torch.zeros(len(numbers)).long()
    whole: dict[str, object] = {}
    parts: dict[str, object] = {}
    scoped(rewards, groups, whole, centre="running", scale="running")
    for piece in (rewards[:cut], rewards[cut:]):
        scoped(piece, groups[: len(piece)], parts, centre="running", scale="running")
    assert parts["pooled"] == pytest.approx(whole["pooled"])


@pytest.mark.parametrize("scale", ["group", "batch", "centred"])
def test_the_epsilon_of_a_scope_is_added_to_its_std(scale):
    rewards, groups = torch.tensor([1.0, 0.0]), torch.zeros(2).long()
    found = scoped(rewards, groups, {}, scale=scale, epsilon=0.5)
    close(found, [0.5 / (math.sqrt(0.5) + 0.5), -0.5 / (math.sqrt(0.5) + 0.5)])


def test_missing_rewards_are_not_pooled_and_get_zero():
    memory: dict[str, object] = {}
    rewards = torch.tensor([1.0, NAN, 0.0])
    found = scoped(rewards, torch.zeros(3).long(), memory, centre="running", scale="running")
    assert (found[1], memory["pooled"][0]) == (0, 2)
    assert scoped(torch.full((2,), NAN), torch.zeros(2).long(), {}, centre="running").tolist() == [
        0.0,
        0.0,
    ]


def test_scopes_that_do_not_run_leave_the_memory_alone():
    memory: dict[str, object] = {}
    scoped(SKEWED, TWO_GROUPS, memory)
    assert memory == {}


# -- EMA-GRPO (OneThinker) ------------------------------------------------------------------------


def ema(rewards: Tensor, tasks: list[str], memory: dict[str, object], **settings: object) -> Tensor:
    groups = torch.arange(len(rewards)) // 4
    return ema_grpo(rewards, groups, tasks, memory, **{"beta": 0.9, **settings})


def test_the_worked_example_of_ema_grpo():
    memory: dict[str, object] = {}
    first = ema(torch.cat([MATH, TRACKING]), ["math"] * 4 + ["tracking"] * 4, memory)
    close(first, [1.0, -1.0, -1.0, 1.0, 0.0, -1.4142, 1.4142, 0.0], 2e-4)
    second = ema(torch.tensor([1.5, 1.5, 1.5, 0.6]), ["math"] * 4, memory)
    assert memory["math"] == pytest.approx([1.0725, 1.35225])
    close(second, [0.50062, 0.50062, 0.50062, -1.50187])


def test_the_order_of_the_paper_uses_the_moments_before_they_move():
    memory = {"math": [1.05, 1.305]}
    rewards = torch.tensor([1.5, 1.5, 1.5, 0.6])
    found = ema(rewards, ["math"] * 4, memory, order="use-first")
    close(found, [0.5, 0.5, 0.5, -1.5])
    assert memory["math"] == pytest.approx([1.0725, 1.35225])


def test_a_new_task_starts_at_its_first_batch_in_both_orders():
    for order in ("update-first", "use-first"):
        close(ema(MATH, ["math"] * 4, {}, order=order), [1.0, -1.0, -1.0, 1.0], 1e-4)


def test_the_guard_scales_the_whole_group_by_its_own_population_std():
    memory = {"math": [1.0, 1.0001]}
    rewards = torch.tensor([1.5, 0.0, 0.0, 0.0])
    found = ema(rewards, ["math"] * 4, memory, order="use-first")
    std = float(rewards.std(correction=0))
    close(found, (rewards - rewards.mean()) / (std + 1e-6))


def test_the_guard_acts_as_soon_as_an_advantage_is_above_it():
    """Here the largest is 1.125 / .2 = 5.6."""
    rewards = torch.tensor([1.5, 0.0, 0.0, 0.0])
    found = ema(rewards, ["math"] * 4, {"math": [1.0, 1.04]}, order="use-first")
    close(found, (rewards - rewards.mean()) / (rewards.std(correction=0) + 1e-6))


def test_the_guard_of_the_paper_clips():
    memory = {"math": [1.0, 1.0001]}
    rewards = torch.tensor([1.5, 0.0, 0.0, 0.0])
    found = ema(rewards, ["math"] * 4, memory, order="use-first", beyond="clip")
    assert found.tolist() == [5.0, -5.0, -5.0, -5.0]


def test_without_a_guard_a_small_std_blows_up():
    memory = {"math": [1.0, 1.0]}
    rewards = torch.tensor([1.5, 0.0, 0.0, 0.0])
    found = ema(rewards, ["math"] * 4, memory, order="use-first", guard=None)
    assert float(found[0]) == pytest.approx(1.125 / (1e-3 + 1e-6))


def test_the_guard_of_one_group_leaves_the_others():
    memory = {"easy": [1.0, 1.0], "math": [1.05, 1.305]}
    rewards = torch.cat([torch.tensor([1.5, 0.0, 0.0, 0.0]), MATH])
    found = ema(rewards, ["easy"] * 4 + ["math"] * 4, memory, order="use-first")
    close(found[4:], [1.0, -1.0, -1.0, 1.0], 1e-4)


def test_tasks_do_not_mix_their_moments():
    memory: dict[str, object] = {}
    ema(torch.cat([MATH, TRACKING]), ["math"] * 4 + ["tracking"] * 4, memory)
    alone: dict[str, object] = {}
    ema(MATH, ["math"] * 4, alone)
    assert memory["math"] == alone["math"]


def test_a_sample_without_a_task_is_refused():
    with pytest.raises(ValueError, match="every sample needs a task"):
        ema(MATH, ["math", "", "math", "math"], {})


def test_a_missing_reward_moves_no_moment():
    memory: dict[str, object] = {}
    found = ema(torch.tensor([1.5, 0.6, NAN, 1.5, 0.6]), ["math"] * 5, memory)
    assert found[2] == 0
    assert memory["math"][0] == pytest.approx(1.05)
    unseen = ema(torch.full((4,), NAN), ["other"] * 4, memory)
    assert (unseen.tolist(), "other" in memory) == ([0.0] * 4, False)


def test_a_memory_goes_through_json_without_a_change():
    straight: dict[str, object] = {}
    stored: dict[str, object] = {}
    generator = torch.Generator().manual_seed(3)
    for _ in range(4):
        rewards = torch.rand(8, generator=generator)
        tasks = ["a"] * 4 + ["b"] * 4
        one, other = ema(rewards, tasks, straight), ema(rewards, tasks, stored)
        assert one.equal(other)
        stored = json.loads(json.dumps(stored))


@given(st.randoms(use_true_random=False), st.integers(0, 1000))
def test_reordering_the_rollouts_reorders_the_advantages(random, seed):
    rewards = torch.rand(8, generator=torch.Generator().manual_seed(seed))
    groups, tasks = torch.arange(8) // 4, ["a"] * 4 + ["b"] * 4
    order = random.sample(range(8), 8)
    one = ema_grpo(rewards, groups, tasks, {})
    other = ema_grpo(rewards[order], groups[order], [tasks[i] for i in order], {})
    close(other, one[order])
