from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gnomon.parts import find, part
from gnomon.rl.advantages import grpo
from gnomon.rl.weights import (
    band,
    clamp_advantage,
    difficulty_curve,
    difficulty_divergence,
    excess_length,
    group_accuracy,
    mean_score,
    not_truncated,
    overlong_by_reward,
    right_only,
    uncertainty,
)

NAN = math.nan


def of_accuracy(eighths: int) -> tuple[Tensor, Tensor]:
    """A group of eight with so many right."""
    return torch.tensor([1.0] * eighths + [0.0] * (8 - eighths)), torch.zeros(8).long()


def close(one: Tensor, other: list[float], tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(
        one.double(), torch.tensor(other, dtype=torch.float64), atol=tolerance, rtol=tolerance
    )


# -- VL-Cogito ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("curve", "values"),
    [
        ("easy", [0.0, 0.382683, 0.707107, 0.92388, 1.0, 1.0, 1.0]),
        ("medium", [0.0, 0.382683, 0.707107, 0.92388, 1.0, 0.707107, 0.0]),
        ("hard", [0.25, 1.0, 1.0, 1.0, 1.0, 0.707107, 0.0]),
        ("only-hard", [0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]),
        ("only-medium", [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0]),
        ("only-easy", [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
    ],
)
def test_the_worked_example_of_every_curve(curve: str, values: list[float]):
    """At accuracies 0, 1/8, 1/4, 3/8, 1/2, 3/4 and 1."""
    found = [
        float(difficulty_curve(*of_accuracy(n), curve=curve)[0]) for n in (0, 1, 2, 3, 4, 6, 8)
    ]
    assert found == pytest.approx(values, abs=1e-6)


def test_the_weight_of_a_group_that_is_all_wrong_can_be_set():
    assert difficulty_curve(*of_accuracy(0), curve="hard", all_wrong=0.0).tolist() == [0.0] * 8


def test_the_worked_example_of_weighted_advantages():
    rewards, groups = torch.tensor([1.5, 0.5, 0.5, 0.5]), torch.zeros(4).long()
    weight = difficulty_curve(torch.tensor([1.0, 0.0, 0.0, 0.0]), groups, curve="easy")
    close(grpo(rewards, groups) * weight, [1.060658, -0.353553, -0.353553, -0.353553])


# -- Observe-R1 -----------------------------------------------------------------------------------


def test_the_worked_example_of_the_dynamic_weight():
    found = [float(uncertainty(*of_accuracy(n))[0]) for n in range(9)]
    half = [0.0, 0.7875, 1.35, 1.6875, 1.8]
    assert found == pytest.approx([*half, *half[-2::-1]], abs=1e-6)


def test_the_worked_example_of_bonus_and_weight_together():
    rewards, groups = torch.tensor([1.5, 1.7, 0.5, 0.0]), torch.zeros(4).long()
    advantages = grpo(rewards, groups, epsilon=1e-9)
    close(advantages, [0.710021, 0.956985, -0.524798, -1.142208])
    weight = uncertainty(torch.tensor([1.0, 1.0, 0.0, 0.0]), groups)
    close(advantages * weight, [1.278037, 1.722572, -0.944636, -2.055974])


def test_the_dynamic_weight_of_a_group_counts_the_responses_that_were_judged():
    accuracy = torch.tensor([1.0, 0.0, 0.0, 0.0, NAN, NAN, NAN, NAN])
    assert group_accuracy(accuracy, torch.zeros(8).long()).tolist() == [0.25] * 8
    assert uncertainty(accuracy, torch.zeros(8).long()).tolist() == pytest.approx([1.35] * 8)


# -- UniVG-R1 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "score", "weight"),
    [("exp", 0.2, 2.2255), ("exp", 0.8, 1.2214), ("power", 0.2, 0.85), ("log", 0.2, 1.5141)],
)
def test_the_worked_example_of_every_form(form: str, score: float, weight: float):
    scores = torch.full((2,), score)
    assert float(mean_score(scores, torch.zeros(2).long(), form=form)[0]) == pytest.approx(
        weight, abs=1e-4
    )


def test_the_log_form_does_not_turn_the_gradient_around():
    solved, groups = torch.ones(2), torch.zeros(2).long()
    assert mean_score(solved, groups, form="log").tolist() == [0.0, 0.0]
    assert float(mean_score(solved, groups, form="log", floor=None)[0]) < 0


def test_the_mean_score_is_that_of_each_group():
    scores, groups = torch.tensor([0.0, 0.4, 0.8, 0.8]), torch.tensor([0, 0, 1, 1])
    close(mean_score(scores, groups), [math.exp(0.8)] * 2 + [math.exp(0.2)] * 2)


# -- APO ------------------------------------------------------------------------------------------

REWARDS = torch.tensor([1.5, 0.5, 0.5, 0.0])
RIGHT, LENGTHS = torch.tensor([1.0, 0.0, 0.0, 0.0]), torch.tensor([100, 1100, 80, 5100])
GROUP = torch.zeros(4).long()


def test_the_worked_example_of_the_excess_length():
    advantages = grpo(REWARDS, GROUP, epsilon=1e-9)
    close(advantages, [1.390759, -0.19868, -0.19868, -0.993399])
    weight = excess_length(RIGHT, GROUP, LENGTHS)
    close(weight, [1.0, 1.00995012, 1.0, 1.04877034], 1e-7)
    close(weight, [1.0, 1.00996351, 1.0, 1.04883492], 1e-4)  # as float32 gives it
    close(advantages * weight, [1.390759, -0.200659, -0.19868, -1.041912], 1e-4)


def test_without_a_right_answer_no_length_is_excess():
    assert excess_length(torch.zeros(4), GROUP, LENGTHS).tolist() == [1.0] * 4


def test_right_answers_are_never_weighed_by_their_length():
    assert excess_length(torch.tensor([1.0, 1.0, 0.0, 0.0]), GROUP, LENGTHS)[1] == 1


def test_a_base_of_one_is_refused():
    with pytest.raises(ValueError, match="above 1"):
        excess_length(RIGHT, GROUP, LENGTHS, base=1.0)


@pytest.mark.parametrize(("right", "value"), [(8, 1.0), (6, 0.869804), (4, 0.743119), (0, 1.0)])
def test_the_worked_example_of_the_kl_weight(right: int, value: float):
    accuracy, groups = of_accuracy(right)
    found = difficulty_divergence(torch.ones(8), accuracy, groups)
    assert found.tolist() == pytest.approx([value] * 8, abs=1e-6)


def test_the_kl_of_negative_samples_is_at_full_strength():
    accuracy, groups = of_accuracy(4)
    advantages = torch.tensor([1.0] * 4 + [-1.0, 0.0, -1.0, 0.0])
    found = difficulty_divergence(advantages, accuracy, groups)
    assert found[4:].tolist() == [1.0] * 4


def test_a_group_with_nobody_right_but_advantages_from_its_format_keeps_its_kl():
    """The worked example: rewards [.5, 0, .5, 0] give A = +-.866025 and weights of 1."""
    rewards, nobody = torch.tensor([0.5, 0.0, 0.5, 0.0]), torch.zeros(4)
    advantages = grpo(rewards, GROUP, epsilon=1e-9)
    close(advantages, [0.866025, -0.866025, 0.866025, -0.866025])
    assert difficulty_divergence(advantages, nobody, GROUP).tolist() == [1.0] * 4


@pytest.mark.parametrize("name", ["uncertainty", "excess-length", "difficulty-divergence"])
def test_correctness_is_a_bit_of_its_own_and_not_the_truncated_reward(name: str):
    """Truncation takes 1.5 - .6 for wrong and .9 + .2 for right."""
    inputs = find("weight", name).inputs
    assert "accuracy" in inputs
    assert "rewards" not in inputs


# -- masks and clamps -----------------------------------------------------------------------------


def test_the_worked_example_of_the_difficulty_mask():
    """Group means .75, .96 and .10 under (.1, .95), both strict: only the first is kept."""
    accuracy = torch.tensor([0.75, 0.75, 0.96, 0.96, 0.1, 0.1])
    groups = torch.tensor([0, 0, 1, 1, 2, 2])
    assert band(accuracy, groups, low=0.1).tolist() == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]


def test_with_one_rollout_of_each_question_the_mask_keeps_everything():
    assert band(torch.tensor([1.0, 0.0]), torch.tensor([0, 1])).tolist() == [1.0, 1.0]


def test_truncated_responses_have_no_weight():
    assert not_truncated(torch.tensor([1.0, 0.0])).tolist() == [0.0, 1.0]


def test_the_other_overlong_mask_keeps_exact_rewards_alone():
    rewards, lengths = torch.tensor([1.0, 0.0, 0.0, 0.5]), torch.tensor([99, 9, 10, 1])
    assert overlong_by_reward(rewards, lengths, limit=10).tolist() == [1.0, 1.0, 0.0, 0.0]


def test_advantages_are_clamped_by_a_factor():
    advantages = torch.tensor([4.0, -2.5, 1.0, 0.0])
    close(advantages * clamp_advantage(advantages), [2.0, -2.0, 1.0, 0.0])
    with pytest.raises(ValueError, match="above 0"):
        clamp_advantage(advantages, limit=0.0)


def test_right_answers_and_demonstrations_can_be_chosen():
    assert right_only(torch.tensor([1.0, 0.0, NAN])).tolist() == [1.0, 0.0, 0.0]
    chosen = part("weight", "demonstrations-only").supply({"off_policy": torch.tensor([0, 1])})
    assert chosen.tolist() == [0.0, 1.0]


# -- properties -----------------------------------------------------------------------------------

DIFFICULTY = ["difficulty-curve", "uncertainty", "mean-score", "excess-length",
              "difficulty-divergence", "band"]  # fmt: skip


@st.composite
def batches(draw: st.DrawFn) -> dict[str, Tensor]:
    sizes = draw(st.lists(st.integers(2, 4), min_size=1, max_size=4))
    groups = torch.tensor([j for j, size in enumerate(sizes) for _ in range(size)])
    bits = draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=len(groups), max_size=len(groups)))
    accuracy = torch.tensor(bits)
    lengths = draw(st.lists(st.integers(1, 99), min_size=len(bits), max_size=len(bits)))
    return {
        "accuracy": accuracy, "partial": accuracy * 0.7, "groups": groups,
        "lengths": torch.tensor(lengths), "advantages": accuracy - 0.5,
    }  # fmt: skip


@pytest.mark.parametrize("name", DIFFICULTY)
@given(batches(), st.randoms(use_true_random=False))
def test_reordering_the_rollouts_reorders_the_weights(name, batch, random):
    order = random.sample(range(len(batch["groups"])), len(batch["groups"]))
    found = part("weight", name).supply({key: value[order] for key, value in batch.items()})
    torch.testing.assert_close(found, part("weight", name).supply(batch)[order])


@pytest.mark.parametrize("name", DIFFICULTY)
@given(batches())
def test_undecided_rollouts_change_no_other_weight(name, batch):
    more = {key: torch.cat([value, value[:1]]) for key, value in batch.items()}
    for key in ("accuracy", "partial"):
        more[key][-1] = NAN
    found = part("weight", name).supply(more)
    torch.testing.assert_close(found[:-1], part("weight", name).supply(batch))
    assert found.isfinite().all()


def test_a_group_with_nobody_decided_has_weight_one():
    batch = {
        "accuracy": torch.full((2,), NAN), "partial": torch.full((2,), NAN),
        "groups": torch.zeros(2).long(), "lengths": torch.ones(2), "advantages": torch.ones(2),
    }  # fmt: skip
    assert group_accuracy(batch["accuracy"], batch["groups"]).isnan().all()
    for name in DIFFICULTY:
        assert part("weight", name).supply(batch).tolist() == [1.0, 1.0], name


def test_a_group_that_is_all_right_is_left_alone_by_apo():
    """The worked example: all rewards 1.5 give A = 0, weights of 1, d = 0 with weight 1."""
    everyone, lengths = torch.ones(4), torch.tensor([100, 1100, 80, 5100])
    assert not grpo(torch.full((4,), 1.5), GROUP, epsilon=1e-9).any()
    assert excess_length(everyone, GROUP, lengths).tolist() == [1.0] * 4
    assert difficulty_divergence(torch.zeros(4), everyone, GROUP).tolist() == [1.0] * 4
