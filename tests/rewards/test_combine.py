from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.parts import part
from gnomon.rewards.combine import gate, product, weighted_mean, weighted_sum

NAN = float("nan")
values = st.floats(0, 1) | st.just(NAN)
tables = st.integers(0, 5).flatmap(
    lambda n: st.lists(st.lists(values, min_size=n, max_size=n), min_size=2, max_size=4)
)
NAMES = ["sum", "weighted-mean", "product", "gate"]


@pytest.mark.parametrize("name", NAMES)
@given(scores=tables)
def test_one_reward_per_rollout_and_nan_only_without_scores(
    name: str, scores: list[list[float]]
) -> None:
    rewards = part("combination", name)(scores, [0.5] * len(scores))
    columns = np.array(scores).reshape(len(scores), -1)
    assert rewards.shape == (columns.shape[1],)
    for reward, column in zip(rewards, columns.T, strict=True):
        if name != "gate":
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
