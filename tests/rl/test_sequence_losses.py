from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gnomon.rl.aggregation import Totals, seq_mean_token_mean, seq_mean_token_sum, token_mean
from gnomon.rl.sequence_losses import gmpo, gspo, luspo, vespo, vespo_weight

NAN = math.nan
LOGP = torch.tensor([[-0.5, -1.0, -0.2], [-0.9, -0.3, NAN]])
OLD = torch.tensor([[-0.8, -1.0, -0.2], [-0.4, -0.3, NAN]])
MASK = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
ADVANTAGES = torch.tensor([1.0, -1.0])
TOTALS = Totals.of(MASK)
WIDE = {"clip_low": 0.2, "clip_high": 0.2}


def gradient(loss_of, logp: Tensor) -> Tensor:
    logp = logp.clone().requires_grad_()
    (found,) = torch.autograd.grad(loss_of(logp), logp)
    return found.nan_to_num(nan=0.0)


def test_the_worked_example_of_gspo():
    loss, _ = gspo(LOGP, OLD, ADVANTAGES, MASK, **WIDE)
    assert seq_mean_token_mean(loss, MASK, TOTALS).item() == pytest.approx(-0.152585, abs=1e-6)


def test_the_worked_example_of_gmpo():
    loss, _ = gmpo(LOGP, OLD, ADVANTAGES, MASK)
    assert seq_mean_token_mean(loss, MASK, TOTALS).item() == pytest.approx(-0.082051, abs=1e-6)


def test_the_worked_example_of_the_weight_of_vespo():
    half = torch.tensor(math.log(0.5))
    assert vespo_weight(half, 2.0, 3.0).item() == pytest.approx(1.120422, abs=1e-6)
    assert vespo_weight(half, 3.0, 2.0).item() == pytest.approx(0.339785, abs=1e-6)
    assert vespo_weight(torch.tensor(0.0), 2.0, 3.0).item() == 1


def test_the_token_form_of_gspo_spreads_the_gradient_of_the_sequence_evenly():
    found = gradient(lambda x: gspo(x, OLD, ADVANTAGES, MASK, **WIDE)[0].sum(), LOGP)
    s = math.exp(0.1)
    torch.testing.assert_close(found[0], torch.full((3,), -s))
    assert found[1].tolist() == [0.0, 0.0, 0.0]  # s = exp(-.25) is below the bound, with A < 0


def test_the_value_of_gspo_is_that_of_the_sequence_on_each_token():
    loss, stats = gspo(LOGP, OLD, ADVANTAGES, MASK, **WIDE)
    assert loss[0].tolist() == pytest.approx([-math.exp(0.1)] * 3)
    assert loss[1].tolist() == pytest.approx([0.8, 0.8, 0.0])
    assert stats["clip_low"].tolist() == [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0]]


def test_the_bounds_of_gspo_are_narrow_by_default():
    loss, stats = gspo(LOGP, OLD, ADVANTAGES, MASK)
    assert loss[0, 0].item() == pytest.approx(-1.0004)
    assert stats["clip_high"][0].tolist() == [1.0, 1.0, 1.0]


def test_the_log_ratio_of_gspo_has_a_ceiling():
    loss, _ = gspo(
        torch.tensor([[0.0]]), torch.tensor([[-30.0]]), torch.tensor([-1.0]), MASK[:1, :1]
    )
    assert loss.item() == pytest.approx(math.exp(10))


def test_luspo_is_the_sequence_loss_times_the_length():
    loss, _ = luspo(LOGP, OLD, ADVANTAGES, MASK)
    expected = (3 * -math.exp(0.1) + 2 * 0.8) / 2
    assert seq_mean_token_sum(loss, MASK, TOTALS).item() == pytest.approx(expected)


def test_luspo_has_the_gradient_of_the_sequence_form():
    def sequence_form(logp: Tensor) -> Tensor:
        log_ratio = torch.where(MASK.bool(), logp - OLD, 0.0)
        s = (log_ratio.sum(1) / MASK.sum(1)).exp()
        clipped = torch.maximum(-ADVANTAGES * s, -ADVANTAGES * s.clamp(0.8, 1.2))
        return (clipped * MASK.sum(1)).mean()

    def ours(logp: Tensor) -> Tensor:
        return seq_mean_token_sum(luspo(logp, OLD, ADVANTAGES, MASK)[0], MASK, TOTALS)

    torch.testing.assert_close(gradient(ours, LOGP), gradient(sequence_form, LOGP))


def test_clipped_tokens_of_gmpo_have_no_gradient():
    found = gradient(lambda x: gmpo(x, OLD, ADVANTAGES, MASK)[0].sum(), LOGP)
    assert found[0, 0] == found[1, 0] == 0
    assert found[0, 1] == found[0, 2] == pytest.approx(-math.exp(0.2 / 3))
    assert found[1, 1] == pytest.approx(math.exp(-0.1))


def test_the_other_side_of_gmpo_stays_open():
    far = torch.tensor([[-3.0]]), torch.tensor([[-1.0]])
    loss, _ = gmpo(*far, torch.tensor([1.0]), torch.ones(1, 1))
    assert loss.item() == pytest.approx(-math.exp(-2))
    loss, _ = gmpo(*far, torch.tensor([-1.0]), torch.ones(1, 1))
    assert loss.item() == pytest.approx(math.exp(-0.2))


def test_vespo_weighs_the_sequence_by_its_summed_ratio():
    loss, stats = vespo(LOGP, OLD, ADVANTAGES, MASK)
    high, low = (
        vespo_weight(torch.tensor(0.3), 2.0, 3.0).item(),
        vespo_weight(torch.tensor(-0.5), 3.0, 2.0).item(),
    )
    assert stats["weight"][0].tolist() == pytest.approx([high] * 3)
    assert stats["weight"][1].tolist() == pytest.approx([low, low, 0.0])
    expected = (-high * -1.7 + low * -1.2) / 5
    assert token_mean(loss, MASK, TOTALS).item() == pytest.approx(expected, abs=1e-6)


def test_an_advantage_of_zero_has_the_weight_of_a_positive_one():
    weight = vespo(LOGP, OLD, torch.zeros(2), MASK)[1]["weight"]
    expected = vespo_weight(torch.tensor(0.3), 2.0, 3.0).item()
    assert weight[0].tolist() == pytest.approx([expected] * 3)


def test_the_mismatch_of_the_engine_enters_the_weight_of_vespo():
    shift = torch.tensor([[-0.1, -0.1, -0.1], [0.0, 0.0, NAN]])
    moved = vespo(LOGP, OLD, ADVANTAGES, MASK, shift)[1]["weight"]
    assert moved[0, 0].item() == pytest.approx(1.0, abs=1e-6)  # log w = .3 - .3


def test_the_weight_of_vespo_has_no_gradient_and_a_floor():
    found = gradient(lambda x: vespo(x, OLD, ADVANTAGES, MASK)[0].sum(), LOGP)
    weight = vespo(LOGP, OLD, ADVANTAGES, MASK)[1]["weight"]
    torch.testing.assert_close(found, -weight * ADVANTAGES[:, None])
    loss, _ = vespo(torch.tensor([[-50.0]]), torch.zeros(1, 1), torch.tensor([1.0]), MASK[:1, :1])
    floor = float(vespo_weight(torch.tensor(math.log(1e-8)), 2.0, 3.0))
    assert loss.item() == pytest.approx(floor * 50, rel=1e-4, abs=0.0)


@pytest.mark.parametrize("loss_of", [gspo, luspo, gmpo, vespo])
def test_padding_reaches_neither_value_nor_gradient(loss_of):
    short = loss_of(LOGP[1:, :2], OLD[1:, :2], ADVANTAGES[1:], MASK[1:, :2])[0]
    whole = loss_of(LOGP[1:], OLD[1:], ADVANTAGES[1:], MASK[1:])[0]
    torch.testing.assert_close(whole[:, :2], short)
    assert whole[0, 2] == 0
    logp = LOGP.clone().requires_grad_()
    (found,) = torch.autograd.grad(loss_of(logp, OLD, ADVANTAGES, MASK)[0].sum(), logp)
    assert found[1, 2] == 0


@pytest.mark.parametrize("loss_of", [gspo, luspo, gmpo, vespo])
def test_an_empty_row_costs_nothing(loss_of):
    loss, _ = loss_of(LOGP, OLD, ADVANTAGES, torch.zeros(2, 3))
    assert not loss.any()
