from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gnomon.parts import part
from gnomon.rl.returns import (
    WHITENING_EPSILON,
    gae,
    generalised_advantages,
    place_rewards,
    reinforce_plus_plus,
    reinforce_plus_plus_baseline,
    returns,
    row_means,
    whiten,
)

NAN = math.nan
MASK = torch.tensor([[1, 1, 0], [1, 1, 1]])
FREE = torch.zeros(2, 3)


def close(one: Tensor, other: Tensor | list[list[float]], tolerance: float = 1e-4) -> None:
    torch.testing.assert_close(one, torch.as_tensor(other), atol=tolerance, rtol=tolerance)


def test_the_worked_example_of_reinforce_plus_plus():
    found = reinforce_plus_plus(torch.tensor([1.0, 0.0]), MASK, FREE)
    close(found, [[1.09545, 1.09545, 0.0], [-0.7303, -0.7303, -0.7303]])


def test_the_worked_example_of_gae_before_whitening():
    token_rewards, values = torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([[0.2, 0.5, 0.4]])
    found, targets = generalised_advantages(token_rewards, values, torch.tensor([[1, 0, 1]]), 1, 1)
    close(found, [[0.8, 0.0, 0.6]])
    close(targets, [[1.0, 0.0, 1.0]])


def test_gae_is_the_same_through_its_part():
    values, mask = torch.tensor([[0.2, 0.5, 0.4]]), torch.tensor([[1, 0, 1]])
    found = gae(torch.tensor([1.0]), values, mask, torch.zeros(1, 3), whitened=False)
    close(found, [[0.8, 0.0, 0.6]])
    whitened = gae(torch.tensor([1.0]), values, mask, torch.zeros(1, 3))
    close(whitened, [[0.70711, 0.0, -0.70711]])


def test_lambda_zero_leaves_the_one_step_error():
    values = torch.tensor([[0.2, 0.5]])
    found, _ = generalised_advantages(torch.tensor([[0.0, 1.0]]), values, torch.ones(1, 2), 0.9, 0)
    close(found, [[0.9 * 0.5 - 0.2, 0.5]])


def test_a_discount_falls_with_the_distance_from_the_end():
    close(returns(torch.tensor([[0.0, 0.0, 1.0]]), torch.ones(1, 3), 0.5), [[0.25, 0.5, 1.0]])


def test_the_tokens_of_a_tool_pass_the_return_on():
    """verl's loop sets the running return to 0 at a masked token, so earlier turns would get 0."""
    rewards, mask = torch.tensor([1.0, 0.0]), torch.tensor([[1, 0, 1], [1, 1, 0]])
    found = reinforce_plus_plus(rewards, mask, FREE)
    assert found[0, 0] == found[0, 2] > 0
    assert found[0, 1] == 0


def test_the_worked_example_of_a_kl_in_the_reward():
    """Observe-R1: A = 1 and q = [-.05, .02] give [.97, 1.02]."""
    penalties = torch.tensor([[0.05, -0.02]])
    close(1.0 - returns(penalties, torch.ones(1, 2)), [[0.97, 1.02]])


def test_penalties_are_charged_where_they_arise():
    penalties = torch.tensor([[0.0, 0.5, 9.0], [0.0, 0.0, 0.0]])
    plain = place_rewards(torch.tensor([1.0, 0.0]), MASK) - penalties
    close(returns(plain, MASK), [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]])
    charged = reinforce_plus_plus(torch.tensor([1.0, 0.0]), MASK, penalties)
    close(charged, whiten(returns(plain, MASK), MASK))


def test_long_responses_count_more_in_the_whitening_of_the_baseline_form():
    rewards, groups = torch.tensor([1.0, 0.0]), torch.zeros(2, dtype=torch.long)
    centred = torch.tensor([[0.5, 0.5, 0.0], [-0.5, -0.5, -0.5]])
    expected = (centred + 0.1) / math.sqrt(0.3 + 1e-8) * MASK
    close(reinforce_plus_plus_baseline(rewards, groups, MASK), expected)


def test_rewards_stand_on_the_last_trained_token():
    found = place_rewards(torch.tensor([2.0, 3.0]), torch.tensor([[1, 0, 1], [1, 1, 0]]))
    assert found.tolist() == [[0.0, 0.0, 2.0], [0.0, 3.0, 0.0]]
    nothing = place_rewards(torch.tensor([NAN, 1.0]), torch.tensor([[1, 1], [0, 0]]))
    assert not nothing.any()


def test_fewer_than_two_tokens_whiten_to_zero():
    assert whiten(torch.tensor([[3.0, 4.0]]), torch.tensor([[1, 0]])).tolist() == [[0.0, 0.0]]
    assert whiten(torch.full((1, 3), 0.1), torch.ones(1, 3)).tolist() == [[0.0, 0.0, 0.0]]


def test_a_missing_reward_leaves_the_statistics_as_without_it():
    rewards, mask = torch.tensor([1.0, 0.0, NAN]), torch.cat([MASK, torch.ones(1, 3).long()])
    found = reinforce_plus_plus(rewards, mask, torch.zeros(3, 3))
    close(found[:2], reinforce_plus_plus(rewards[:2], MASK, FREE))
    assert not found[2].any()


def test_row_means_take_trained_tokens_alone():
    values = torch.tensor([[1.0, 3.0, NAN], [NAN, NAN, NAN]])
    assert row_means(values, torch.tensor([[1, 1, 0], [0, 0, 0]])).tolist() == [2.0, 0.0]
    assert row_means(torch.tensor([5.0]), MASK).tolist() == [5.0]


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"must be \[N\]"):
        place_rewards(torch.zeros(3), MASK)


# -- properties -----------------------------------------------------------------------------------

NAMES = ["reinforce-plus-plus", "reinforce-plus-plus-baseline", "gae"]


@st.composite
def batches(draw: st.DrawFn) -> dict[str, Tensor]:
    lengths = draw(st.lists(st.integers(1, 4), min_size=2, max_size=5))
    seed = draw(st.integers(0, 1000))
    generator = torch.Generator().manual_seed(seed)
    rows, width = len(lengths), max(lengths)
    mask = torch.arange(width) < torch.tensor(lengths)[:, None]
    return {
        "rewards": torch.rand(rows, generator=generator, dtype=torch.float64),
        "groups": torch.arange(rows) // 2,
        "mask": mask.double(),
        "penalties": torch.rand(rows, width, generator=generator, dtype=torch.float64) * mask,
        "values": torch.rand(rows, width, generator=generator, dtype=torch.float64),
    }


@pytest.mark.parametrize("name", NAMES)
@given(batches(), st.integers(1, 3))
def test_padding_changes_nothing(name, batch, extra):
    padded = {
        key: torch.nn.functional.pad(value, (0, extra)) if value.ndim == 2 else value
        for key, value in batch.items()
    }
    found = part("advantage", name).supply(padded)
    close(found[:, :-extra], part("advantage", name).supply(batch), 1e-9)
    assert not found[:, -extra:].any()


@pytest.mark.parametrize("name", NAMES)
@given(batches(), st.randoms(use_true_random=False))
def test_reordering_the_rollouts_reorders_the_advantages(name, batch, random):
    order = random.sample(range(len(batch["rewards"])), len(batch["rewards"]))
    shuffled = {key: value[order] for key, value in batch.items()}
    expected = part("advantage", name).supply(batch)[order]
    close(part("advantage", name).supply(shuffled), expected, 1e-9)


@given(batches())
def test_whitened_tokens_have_mean_zero_and_variance_one_but_for_the_epsilon(batch):
    trained = batch["mask"].bool()
    found, before = whiten(batch["values"], batch["mask"])[trained], batch["values"][trained].var()
    assert float(found.mean()) == pytest.approx(0.0, abs=1e-9)
    assert float(found.var()) == pytest.approx(float(before / (before + WHITENING_EPSILON)))


PRICED = torch.tensor([[0.5, 0.25, 9.0], [0.0, 0.5, 0.25]])


def test_what_tokens_cost_is_taken_off_the_returns_of_reinforce_plus_plus():
    found = reinforce_plus_plus(torch.tensor([1.0, 0.0]), MASK, PRICED)
    close(found, whiten(torch.tensor([[0.25, 0.75, 0.0], [-0.75, -0.75, -0.25]]), MASK))


def test_reinforce_plus_plus_discounts_what_comes_later():
    found = reinforce_plus_plus(torch.tensor([1.0, 0.0]), MASK, FREE, gamma=0.5)
    close(found, whiten(torch.tensor([[0.5, 1.0, 0.0], [0.0, 0.0, 0.0]]), MASK))


def test_what_tokens_cost_is_taken_off_the_rewards_of_gae():
    values = torch.zeros(2, 3)
    found = gae(torch.tensor([1.0, 0.0]), values, MASK, PRICED, whitened=False)
    close(found, [[0.25, 0.75, 0.0], [-0.75, -0.75, -0.25]])
