from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.parts import part
from gnomon.rewards.combine import (
    cascade,
    gate,
    normalised_mean,
    outcome_table,
    product,
    scaled_sum,
    weighted_mean,
    weighted_sum,
)

NAN = float("nan")
values = st.floats(0, 1) | st.just(NAN)
tables = st.integers(0, 5).flatmap(
    lambda n: st.lists(st.lists(values, min_size=n, max_size=n), min_size=2, max_size=4)
)
NAMES = ["sum", "weighted-mean", "product", "gate", "scaled-sum"]


@pytest.mark.parametrize("name", NAMES)
@given(scores=tables)
def test_one_reward_per_rollout_and_nan_only_without_scores(
    name: str, scores: list[list[float]]
) -> None:
    rewards = part("combination", name)(scores, [0.5] * len(scores))
    columns = np.array(scores).reshape(len(scores), -1)
    assert rewards.shape == (columns.shape[1],)
    for reward, column in zip(rewards, columns.T, strict=True):
        if name not in ("gate", "scaled-sum"):
            assert math.isnan(reward) == bool(np.isnan(column).all())
        assert math.isnan(reward) or 0.0 <= reward <= len(scores)


@given(scores=tables)
def test_a_mean_lies_between_its_scores(scores: list[list[float]]) -> None:
    rewards = weighted_mean(scores, np.arange(1, len(scores) + 1))
    for reward, column in zip(rewards, np.array(scores).reshape(len(scores), -1).T, strict=True):
        present = column[~np.isnan(column)]
        if present.size:
            assert present.min() - 1e-9 <= reward <= present.max() + 1e-9


@given(scores=tables)
def test_the_order_of_terms_does_not_matter_to_a_sum(scores: list[list[float]]) -> None:
    weights = [0.1 * (n + 1) for n in range(len(scores))]
    forward, backward = weighted_sum(scores, weights), weighted_sum(scores[::-1], weights[::-1])
    np.testing.assert_allclose(forward, backward, atol=1e-12)


def test_a_missing_term_takes_its_weight_out_of_the_sum() -> None:
    rewards = weighted_sum([[1.0, 1.0], [1.0, NAN]], [0.9, 0.1])
    assert rewards.tolist() == pytest.approx([1.0, 0.9])


def test_a_mean_shares_the_weight_of_a_missing_term_out() -> None:
    assert weighted_mean([[1.0, 1.0], [0.0, NAN]], [0.5, 0.5]).tolist() == [0.5, 1.0]


def test_a_rollout_without_any_score_has_no_reward() -> None:
    assert np.isnan(weighted_sum([[NAN], [NAN]], [1.0, 1.0])).all()
    assert np.isnan(weighted_sum(np.zeros((0, 2)), [])).all()


def test_a_mean_without_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="sum to zero"):
        weighted_mean([[1.0], [NAN]], [0.0, 1.0])
    assert np.isnan(weighted_mean([[NAN]], [0.0])).all()


def test_a_product_takes_weights_as_exponents() -> None:
    assert product([[0.5], [0.5]], [1.0, 2.0]).tolist() == [0.125]
    assert product([[-1.0]], [2.0]).tolist() == [1.0]


@pytest.mark.parametrize(("score", "weight"), [(-1.0, 0.5), (0.0, -1.0)])
def test_a_product_refuses_what_has_no_power(score: float, weight: float) -> None:
    with pytest.raises(ValueError, match="use 'sum'"):
        product([[score]], [weight])


def test_a_gate_lets_the_rest_through_above_its_threshold() -> None:
    scores = [[1.0, 0.5, 0.0], [0.4, 0.4, 0.4]]
    assert gate(scores, [9.0, 2.0]).tolist() == pytest.approx([0.8, 0.8, 0.0])
    stricter = gate(scores, [9.0, 2.0], threshold=0.5, closed=-1.0)
    assert stricter.tolist() == pytest.approx([0.8, -1.0, -1.0])


def test_a_gate_that_does_not_apply_is_open() -> None:
    assert gate([[NAN], [0.4]], [1.0, 1.0]).tolist() == [0.4]


def test_a_gate_needs_something_to_let_through() -> None:
    with pytest.raises(ValueError, match="second term"):
        gate([[1.0]], [1.0])


@pytest.mark.parametrize("name", NAMES)
def test_shapes_that_do_not_fit_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"\[terms, N\]"):
        part("combination", name)([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match=r"\[terms, N\]"):
        part("combination", name)([[1.0], [2.0]], [1.0])


def test_a_rollout_that_lacks_a_score_can_be_left_out() -> None:
    rewards = weighted_sum([[1.0, 1.0], [1.0, NAN]], [0.9, 0.1], missing="leave-out")
    assert rewards[0] == pytest.approx(1.0)
    assert math.isnan(rewards[1])


def test_a_factor_multiplies_the_sum_of_the_rest() -> None:
    scores = [[2.0, NAN], [1.0, 1.0], [4.0, NAN]]
    assert scaled_sum(scores, [9.0, 10.0, 0.5]).tolist() == [24.0, 10.0]
    with pytest.raises(ValueError, match="second term"):
        scaled_sum([[1.0]], [1.0])


def test_a_table_gives_every_outcome_its_number() -> None:
    values = {"11": 1.0, "10": 0.5, "01": 0.2, "00": 0.0}
    scores = [[1, 1, 0, 0], [1, 0, 1, 0], [2, 2, 2, NAN]]
    found = outcome_table(scores, [1.0, 1.0, 0.5], values=values)
    assert found.tolist() == pytest.approx([2.0, 1.5, 1.2, 0.0])


def test_an_outcome_without_a_number_is_left_out() -> None:
    found = outcome_table([[1.0, NAN]], [1.0], values={"1": 1.0})
    assert found[0] == 1.0
    assert math.isnan(found[1])
    assert outcome_table([[NAN]], [1.0], values={"-": 0.3}).tolist() == [0.3]


@pytest.mark.parametrize("values", [{}, {"": 1.0}, {"1": 1.0, "11": 0.0}, {"x": 1.0}, {"111": 1.0}])
def test_a_table_whose_keys_do_not_fit_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="one mark"):
        outcome_table([[1.0], [1.0]], [1.0, 1.0], values=values)


def test_a_shut_gate_shuts_the_gates_behind_it() -> None:
    # context, logic, accuracy, format, as in HumanOmniV2
    scores = [[0.4, 0.8, 0.8, NAN], [1.0, 0.2, 0.6, 1.0], [1.0] * 4, [1.0] * 4]
    found = cascade(scores, [1.0] * 4)
    assert found.tolist() == pytest.approx([1.4, 2.0, 3.4, 3.0])


@pytest.mark.parametrize("settings", [{"gates": 0}, {"gates": 3}, {"gated": 9}])
def test_a_cascade_needs_its_terms(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        cascade([[1.0]] * 4, [1.0] * 4, **settings)


def test_the_worked_normalisations_of_jigsaw() -> None:
    scores = [[1.0, 1.0, 1.0, 0.0], [1.0, 0.0, 1.0, 0.0]]
    found = normalised_mean(scores, [1.0, 0.5], [0, 0, 0, 0])
    assert found.tolist() == pytest.approx([0.68281, -0.18291, 0.68281, -1.18271], abs=1e-5)


def test_normalising_takes_each_group_and_each_term_that_applies() -> None:
    found = normalised_mean([[1.0, 0.0, 5.0], [NAN, 3.0, NAN]], [1.0, 1.0], [0, 0, 1])
    assert found.tolist() == pytest.approx([0.70701, -0.353505, 0.0], abs=1e-5)
    with pytest.raises(ValueError, match="groups"):
        normalised_mean([[1.0]], [1.0], [0, 0])
