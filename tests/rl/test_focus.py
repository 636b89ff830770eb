from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnomon.rl.focus import off_policy_sequences, quantile, top_entropy
from gnomon.rl.survey import Survey

ENTROPY = torch.tensor([[0.1, 0.9, 0.3], [0.7, 0.5, 99.0]])
MASK = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])


def survey(entropy: torch.Tensor = ENTROPY, mask: torch.Tensor = MASK) -> Survey:
    return Survey.of(torch.zeros_like(entropy), torch.zeros(len(entropy)), mask, entropy)


def test_the_tokens_above_the_quantile_are_kept_and_equality_keeps():
    """Of .1 .3 .5 .7 .9 the quantile .75 is .7."""
    found = top_entropy(MASK, survey(), share=0.25)
    assert found.tolist() == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]


def test_the_whole_share_keeps_every_trained_token():
    assert top_entropy(MASK, survey(), share=1.0).equal(MASK)


@pytest.mark.parametrize("share", [0.0, 1.2])
def test_a_share_out_of_range_is_refused(share: float):
    with pytest.raises(ValueError, match="must be in"):
        top_entropy(MASK, survey(), share=share)


@given(st.integers(0, 500), st.integers(1, 3))
def test_the_quantile_is_of_the_whole_batch_whatever_the_micro_batch(seed, rows):
    entropy = torch.rand(6, 4, generator=torch.Generator().manual_seed(seed))
    mask, whole = torch.ones(6, 4), survey(entropy, torch.ones(6, 4))
    expected = top_entropy(mask, whole)
    for start in range(0, 6, rows):
        span = slice(start, start + rows)
        here = whole.with_rows(torch.arange(6)[span])
        assert top_entropy(mask[span], here).equal(expected[span])


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.floats(0, 1))
def test_the_quantile_interpolates_linearly(values, share):
    found = quantile(torch.tensor(values, dtype=torch.float64), share)
    assert float(found) == pytest.approx(float(np.quantile(values, share)), abs=1e-9)


def test_nothing_trained_keeps_nothing():
    assert not top_entropy(torch.zeros(2, 3), survey(mask=torch.zeros(2, 3))).any()


def test_bad_responses_that_the_policy_left_are_masked():
    old, logp = (
        torch.full((4, 2), -1.0),
        torch.tensor([[-3.0, -1.0], [-2.0, -1.0], [-3.0, -1.0], [-3.0, -9.0]]),
    )
    advantages, mask = torch.tensor([-1.0, -1.0, 1.0, -1.0]), torch.ones(4, 2)
    mask[3, 1] = 0
    found = off_policy_sequences(logp, old, advantages, mask, threshold=0.6)
    assert found.tolist() == [[0.0, 0.0], [1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]
