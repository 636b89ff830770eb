from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnomon.parts import part
from gnomon.rl.filters import accuracy_band, drop_truncated, score_band

NAN = math.nan


def test_groups_within_the_band_are_kept_whole():
    accuracy = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    assert accuracy_band(accuracy, torch.tensor([0, 0, 1, 1, 2, 2])).tolist() == [0, 1]


def test_both_bounds_are_strict():
    accuracy, groups = torch.tensor([1.0, 0.0, 0.0, 0.0]), torch.zeros(4).long()
    assert accuracy_band(accuracy, groups, low=0.25).tolist() == []
    assert accuracy_band(accuracy, groups, high=0.25).tolist() == []
    assert accuracy_band(accuracy, groups, low=0.24, high=0.26).tolist() == [0, 1, 2, 3]


def test_undecided_answers_do_not_count():
    accuracy = torch.tensor([1.0, NAN, NAN, NAN, 1.0, 0.0])
    assert accuracy_band(accuracy, torch.tensor([0, 0, 1, 1, 2, 2])).tolist() == [4, 5]


def test_a_group_of_one_is_kept_unless_it_is_undecided():
    assert accuracy_band(torch.tensor([1.0, NAN]), torch.tensor([0, 1])).tolist() == [0]


def test_bounds_that_let_nothing_through_are_refused():
    with pytest.raises(ValueError, match="let nothing through"):
        accuracy_band(torch.zeros(2), torch.zeros(2).long(), low=0.5, high=0.5)


def test_the_mean_score_of_the_named_terms_decides_which_groups_stay():
    """Half-right boxes stay; a group that earns its layout alone goes, as a perfect one does."""
    names, groups = ["accuracy", "grounding", "format"], torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    scores = torch.tensor(
        [
            [NAN, NAN, 0.0, 0.0, 1.0, 1.0, NAN, NAN],
            [0.5, 0.5, NAN, NAN, NAN, NAN, NAN, NAN],
            [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0],
        ]
    )
    assert score_band(scores, names, groups, terms=("accuracy", "grounding")).tolist() == [0, 1]
    assert score_band(scores, names, groups, terms=("format",)).tolist() == list(range(8))


def test_a_band_of_a_term_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"no reward term 'acuracy'.*accuracy"):
        score_band(torch.zeros(1, 2), ["accuracy"], torch.zeros(2).long(), terms=("acuracy",))
    with pytest.raises(ValueError, match="let nothing through"):
        score_band(torch.zeros(1, 2), ["a"], torch.zeros(2).long(), terms=("a",), low=1, high=0)


def test_truncated_responses_are_dropped_one_by_one():
    assert drop_truncated(torch.tensor([0.0, 1.0, 0.0])).tolist() == [0, 2]


BAND = {"terms": ("a",)}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("accuracy-band", {}),
        ("score-band", BAND),
        ("drop-truncated", {}),
        ("drop-zero-variance", {}),
    ],
)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 1.0, NAN])), min_size=1),
    st.randoms(),
)
def test_reordering_the_rollouts_keeps_the_same_ones(name, settings, rollouts, random):
    """Whatever stands beside a group, and wherever its members stand."""
    keep = part("resampler", name, **settings)

    def kept(rows):
        groups, bits = (torch.tensor([rollouts[i][k] for i in rows]) for k in (0, 1))
        known = {"groups": groups, "accuracy": bits, "rewards": bits, "truncated": bits == 1}
        known |= {"scores": bits[None], "names": ["a"]}
        return {rows[i] for i in keep.supply(known).tolist()}

    order = list(range(len(rollouts)))
    shuffled = random.sample(order, len(order))
    assert kept(shuffled) == kept(order)
