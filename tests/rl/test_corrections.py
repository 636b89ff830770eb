from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gnomon.rl.corrections import (
    combine_corrections,
    effective_share,
    reject,
    trl_mismatch,
    truncate,
)

NAN = math.nan
LR = torch.tensor([[0.5, 0.4, 0.1], [1.0, -0.5, NAN]])
MASK = torch.tensor([[1, 1, 1], [1, 1, 0]])
ROLLOUT = torch.full((2, 3), -2.0)
OLD = ROLLOUT + LR


def close(one: Tensor, other: list[list[float]]) -> None:
    torch.testing.assert_close(one, torch.tensor(other), atol=1e-5, rtol=1e-5)


def pair(*lr: float) -> tuple[Tensor, Tensor, Tensor]:
    rollout = torch.full((1, len(lr)), -3.0, dtype=torch.float64)
    return rollout + torch.tensor([lr], dtype=torch.float64), rollout, torch.ones(1, len(lr))


def test_the_worked_example_of_verl_by_token():
    weights, kept = truncate(OLD, ROLLOUT, MASK, level="token")
    close(weights, [[1.648721, 1.491825, 1.105171], [2.0, 0.606531, 0.0]])
    assert kept.equal(MASK.bool())


def test_the_worked_example_of_verl_by_sequence():
    weights, _ = truncate(OLD, ROLLOUT, MASK)
    close(weights, [[2.0, 2.0, 2.0], [1.648721, 1.648721, 0.0]])


def test_the_worked_example_of_trl():
    weights, kept = trl_mismatch(OLD, ROLLOUT, MASK)
    close(weights, [[2.718282] * 3, [1.648721, 1.648721, 0.0]])
    assert kept.equal(MASK.bool())


def test_trl_zeroes_a_sequence_above_its_bound_and_keeps_it_in_the_denominators():
    weights, kept = trl_mismatch(OLD + 0.1, ROLLOUT, MASK)
    assert not weights[0].any()
    assert kept[0].all()


@pytest.mark.parametrize(
    ("mode", "first"),
    [
        ("token-mask", [0.0, 1.491825, 1.105171]),
        ("token-truncate", [1.6, 1.491825, 1.2]),
        ("sequence-truncate", [1.6, 1.6, 1.6]),
        ("sequence-mask", [0.0, 0.0, 0.0]),
    ],
)
def test_every_mode_of_trl(mode: str, first: list[float]):
    low = 1.2 if mode == "token-truncate" else None
    weights, _ = trl_mismatch(OLD[:1], ROLLOUT[:1], MASK[:1], mode=mode, high=1.6, low=low)
    close(weights, [first])


def test_a_lower_bound_of_trl_masks_from_below():
    assert not trl_mismatch(*pair(-0.5), mode="token-mask", low=0.7)[0].any()


def test_the_mean_of_the_weights_is_over_tokens_or_over_sequences():
    tokens, _ = truncate(OLD, ROLLOUT, MASK, level="token", normalised=True)
    assert float(tokens[MASK.bool()].mean()) == pytest.approx(1.0)
    sequences, _ = truncate(OLD, ROLLOUT, MASK, normalised=True)
    mean = (2.0 + 1.648721) / 2
    close(sequences, [[2.0 / mean] * 3, [1.648721 / mean, 1.648721 / mean, 0.0]])


@pytest.mark.parametrize(
    ("lr", "kept"),
    [([0.5, -0.5], True), ([0.6, 0.3], False), ([-0.3, -0.5], True), ([-0.5, -0.5], False)],
)
def test_asymmetric_bounds_act_on_the_inverse_ratio(lr: list[float], kept: bool):
    """The worked example: bounds .7 to 1.5 on the mean of -lr; log .7 = -.357, log 1.5 = .405."""
    weights, keeps = reject(*pair(*lr), bounds=(0.7, 1.5))
    assert bool(keeps.all()) == bool(keeps.any()) == kept
    assert weights.equal(keeps.double())


@pytest.mark.parametrize(
    ("level", "divergence", "bound", "kept"),
    [
        ("token", "k2", 0.1, [True, False]),
        ("token", "k3", 0.1, [True, False]),
        ("seq-sum", "k2", 0.21, [True, True]),
        ("seq-sum", "k2", 0.20, [False, False]),
        ("seq-mean", "k2", 0.11, [True, True]),
        ("seq-mean", "k2", 0.10, [False, False]),
        ("seq-max", "k2", 0.19, [True, True]),
        ("seq-max", "k2", 0.17, [False, False]),
    ],
)
def test_every_level_of_rejection(level: str, divergence: str, bound: float, kept: list[bool]):
    """lr .2 and .6: k2 is .02 and .18."""
    found = reject(*pair(0.2, 0.6), level=level, divergence=divergence, bounds=bound)[1]
    assert found[0].tolist() == kept


def test_the_mean_of_a_sequence_leaves_its_padding_out():
    """k2 of lr .6 is .18 in the mean over one token, and would be .09 over two."""
    old, rollout = torch.tensor([[-1.4, 0.0]]), torch.tensor([[-2.0, 0.0]])
    mask = torch.tensor([[1, 0]])
    assert not reject(old, rollout, mask, divergence="k2", bounds=0.1)[1].any()


def test_one_number_bounds_k1_on_both_sides():
    assert reject(*pair(0.6, 0.6), bounds=2.0)[1].all()
    assert not reject(*pair(0.7, 0.7), bounds=2.0)[1].any()
    assert not reject(*pair(-0.7, -0.7), bounds=2.0)[1].any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": "seq-max"}, "seq-max has no k1"),
        ({"bounds": (1.5, 0.7)}, "0 < low <= high"),
        ({"divergence": "k3", "bounds": (0.1, 0.2)}, "takes one number above 0"),
        ({"divergence": "k2", "bounds": -1.0}, "takes one number above 0"),
    ],
)
def test_bounds_that_do_not_fit_are_refused(settings: dict, message: str):
    with pytest.raises(ValueError, match=message):
        reject(*pair(0.1), **settings)


def test_settings_of_no_meaning_are_refused():
    with pytest.raises(ValueError, match="cap=0"):
        truncate(*pair(0.1), cap=0.0)
    with pytest.raises(ValueError, match="bounds of a ratio"):
        trl_mismatch(*pair(0.1), high=2.0, low=3.0)


def test_corrections_multiply_and_must_all_keep():
    first = (torch.tensor([[2.0, 2.0]]), torch.tensor([[True, True]]))
    second = (torch.tensor([[1.0, 0.0]]), torch.tensor([[True, False]]))
    weights, kept = combine_corrections([first, second], torch.ones(1, 2))
    assert (weights.tolist(), kept.tolist()) == ([[2.0, 0.0]], [[True, False]])


def test_without_a_correction_everything_stays():
    weights, kept = combine_corrections([], MASK)
    assert weights.equal(torch.ones(2, 3))
    assert kept.equal(MASK.bool())


def test_the_effective_share_of_the_weights():
    assert effective_share(torch.tensor([[2.0, 2.0, 9.0]]), torch.tensor([[1, 1, 0]])) == 1
    assert effective_share(torch.tensor([[4.0, 0.0]]), torch.ones(1, 2)) == 0.5
    assert effective_share(torch.zeros(1, 2), torch.ones(1, 2)) == 0


@given(st.sampled_from([truncate, trl_mismatch, reject]))
def test_engines_that_agree_are_left_alone(correction):
    weights, kept = correction(ROLLOUT, ROLLOUT, MASK)
    assert weights.equal(MASK.float())
    assert kept.equal(MASK.bool())
