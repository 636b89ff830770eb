from __future__ import annotations

from itertools import combinations
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.evaluation.metrics import majority, mean_at_k, pass_at_k, wilson

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def draws_of(most):
    return st.integers(1, most).flatmap(
        lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))
    )


draws, many_draws = draws_of(9), draws_of(2000)


@given(counts, st.floats(0.01, 0.999))
def test_the_wilson_interval_holds_the_share_and_stays_in_the_unit_interval(pair, confidence):
    successes, n = pair
    low, high = wilson(successes, n, confidence)
    assert 0 <= low <= successes / n <= high <= 1


@given(counts)
def test_the_wilson_interval_rises_with_the_successes(pair):
    successes, n = pair
    if successes < n:
        low, high = wilson(successes, n)
        next_low, next_high = wilson(successes + 1, n)
        assert low <= next_low and high <= next_high


@given(counts)
def test_the_wilson_interval_narrows_with_more_items_of_the_same_share(pair):
    successes, n = pair
    low, high = wilson(successes, n)
    more_low, more_high = wilson(4 * successes, 4 * n)
    assert more_high - more_low < high - low


@given(counts)
def test_the_wilson_interval_mirrors_when_successes_and_failures_swap(pair):
    successes, n = pair
    low, high = wilson(successes, n)
    assert wilson(n - successes, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_the_wilson_interval_agrees_with_scipy():
    from scipy.stats import binomtest

    for successes, n in ((0, 7), (3, 7), (7, 7), (255, 512)):
        expected = binomtest(successes, n).proportion_ci(0.9, method="wilson")
        assert wilson(successes, n, 0.9) == pytest.approx((expected.low, expected.high))


def test_no_items_say_nothing_about_the_share():
    assert wilson(0, 0) == (0.0, 1.0)


def test_item_means_count_as_fractions_of_a_success():
    low, high = wilson(2.5, 5)
    assert (low + high) / 2 == pytest.approx(0.5)


@pytest.mark.parametrize(("successes", "n"), [(-1, 3), (4, 3), (1, 0), (0, -1)])
def test_an_impossible_count_is_refused_with_its_values(successes, n):
    with pytest.raises(ValueError, match=f"successes={successes}, n={n}"):
        wilson(successes, n)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_outside_the_unit_interval_is_refused(confidence):
    with pytest.raises(ValueError, match=f"confidence={confidence}"):
        wilson(1, 2, confidence)


@given(draws)
def test_pass_at_k_equals_trying_every_draw(numbers):
    n, c, k = numbers
    drawn = list(combinations([True] * c + [False] * (n - c), k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, drawn)) / len(drawn))


@given(many_draws)
def test_pass_at_k_equals_the_binomial_form_for_large_counts(numbers):
    n, c, k = numbers
    assert pass_at_k(n, c, k) == pytest.approx(1 - comb(n - c, k) / comb(n, k), abs=1e-9)


@given(draws)
def test_pass_at_k_rises_with_right_responses_and_with_k(numbers):
    n, c, k = numbers
    value = pass_at_k(n, c, k)
    assert 0 <= value <= 1
    if c < n:
        assert value <= pass_at_k(n, c + 1, k) + 1e-12
    if k < n:
        assert value <= pass_at_k(n, c, k + 1) + 1e-12


@given(draws)
def test_pass_at_one_is_the_share_of_right_responses(numbers):
    n, c, _ = numbers
    assert pass_at_k(n, c, 1) == pytest.approx(c / n)


@pytest.mark.parametrize(("n", "c", "k"), [(4, 1, 5), (4, 1, 0), (0, 0, 1)])
def test_pass_at_k_of_too_few_responses_is_refused(n, c, k):
    with pytest.raises(ValueError, match=f"pass@{k} of {n} responses"):
        pass_at_k(n, c, k)


@pytest.mark.parametrize(("n", "c"), [(4, 5), (4, -1)])
def test_pass_at_k_refuses_an_impossible_number_of_right_responses(n, c):
    with pytest.raises(ValueError, match=f"n={n}, c={c}"):
        pass_at_k(n, c, 1)


@given(st.lists(st.floats(0, 1), min_size=1))
def test_mean_at_k_of_all_responses_is_their_mean(scores):
    assert mean_at_k(scores, len(scores)) == pytest.approx(sum(scores) / len(scores))


def test_mean_at_k_looks_at_the_first_k_only():
    assert mean_at_k([1.0, 1.0, 0.0], 2) == 1.0


@pytest.mark.parametrize("k", [0, 3])
def test_mean_at_k_of_too_few_responses_is_refused(k):
    with pytest.raises(ValueError, match=f"mean@{k} of 2 responses"):
        mean_at_k([1.0, 0.0], k)


@given(st.lists(st.sampled_from(["1", "2", "3", None])))
def test_the_majority_is_a_prediction_that_none_outvotes(predictions):
    winner = majority(predictions)
    given_answers = [item for item in predictions if item is not None]
    assert (winner is None) == (not given_answers)
    assert all(given_answers.count(item) <= given_answers.count(winner) for item in given_answers)


def test_a_tied_vote_goes_to_the_prediction_that_came_first():
    assert majority(["b", "a", "a", "b"]) == "b"


def test_responses_without_an_answer_have_no_vote():
    assert majority([None, None, "5"]) == "5"
