from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnomon.rl.covariance import clip_cov, covariances, kl_cov
from gnomon.rl.losses import ppo_clip
from gnomon.rl.survey import Survey

NAN = math.nan
LOGP = torch.tensor([[-0.5, -4.0, -0.2], [-0.9, -6.0, NAN]])
OLD = torch.tensor([[-0.8, -4.0, -0.2], [-0.4, -6.3, NAN]])
MASK = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
ADVANTAGES = torch.tensor([1.0, -1.0])


def test_covariances_are_of_the_trained_tokens():
    found = covariances(LOGP, ADVANTAGES[:, None].expand(2, 3), MASK)
    mean_logp, mean_a = (-0.5 - 4.0 - 0.2 - 0.9 - 6.0) / 5, 0.2
    assert found[0].tolist() == pytest.approx(
        [(1 - mean_a) * (x - mean_logp) for x in (-0.5, -4.0, -0.2)], abs=1e-5
    )
    assert found[1, 2] == 0
    assert not covariances(LOGP, ADVANTAGES[:, None].expand(2, 3), torch.zeros(2, 3)).any()


def test_clip_cov_zeroes_a_token_of_the_band_and_leaves_the_rest():
    loss, stats = clip_cov(LOGP, OLD, ADVANTAGES, MASK)
    plain, _ = ppo_clip(LOGP, OLD, ADVANTAGES, MASK)
    dropped = stats["dropped"].bool()
    assert dropped.sum() == 1
    cov = covariances(LOGP, ADVANTAGES[:, None].expand(2, 3), MASK)[dropped]
    assert 1 < cov.item() < 5
    assert not loss[dropped].any()
    torch.testing.assert_close(loss[~dropped], plain[~dropped])


def test_clip_cov_drops_the_share_of_tokens_and_no_more_than_the_band_holds():
    _, stats = clip_cov(LOGP, OLD, ADVANTAGES, MASK, share=0.4)
    assert stats["dropped"].sum() == 2
    _, none = clip_cov(LOGP, OLD, ADVANTAGES, MASK, low=90.0, high=99.0)
    assert not none["dropped"].any()


def test_the_bounds_of_the_band_are_strict():
    logp, mask = torch.tensor([[0.0, -2.0]]), torch.ones(1, 2)
    advantages = torch.tensor([[1.0, -1.0]])  # both covariances are exactly 1
    _, stats = clip_cov(logp, logp, advantages, mask)
    assert not stats["dropped"].any()


def test_kl_cov_adds_a_penalty_on_the_tokens_of_top_covariance():
    loss, stats = kl_cov(LOGP, OLD, ADVANTAGES, MASK)
    free = -ADVANTAGES[:, None] * torch.where(MASK.bool(), LOGP - OLD, 0.0).exp() * MASK
    chosen = stats["penalised"].bool()
    assert chosen.nonzero().tolist() == [[1, 1]]
    assert (loss - free)[chosen].item() == pytest.approx(0.1 * 0.3, abs=1e-6)
    torch.testing.assert_close(loss[~chosen], free[~chosen])


def test_rounding_of_equal_weights_chooses_no_sign_of_the_penalty():
    old = OLD[:, :2]
    logp = (old + 1e-7).requires_grad_()
    loss, _ = kl_cov(logp, old, ADVANTAGES, MASK[:, :2], share=1.0, coefficient=100.0)
    (found,) = torch.autograd.grad(loss.sum(), logp)
    torch.testing.assert_close(found, -ADVANTAGES[:, None].expand(2, 2))


def test_kl_cov_does_not_clip():
    loss, _ = kl_cov(
        torch.tensor([[0.0]]), torch.tensor([[-1.0]]), torch.tensor([1.0]), MASK[:1, :1]
    )
    assert loss.item() == pytest.approx(-math.e + 0.1, abs=1e-5)


@given(st.integers(0, 500), st.integers(1, 3), st.sampled_from([clip_cov, kl_cov]))
def test_the_choice_does_not_depend_on_the_micro_batch(seed, rows, loss_of):
    generator = torch.Generator().manual_seed(seed)
    logp, old = (-4 * torch.rand(2, 6, 5, generator=generator)).unbind()
    advantages = torch.randn(6, generator=generator)
    mask = (torch.rand(6, 5, generator=generator) > 0.2).float()
    survey = Survey.of(logp, advantages, mask)
    whole, _ = loss_of(logp, old, advantages, mask, survey, share=0.1)
    for start in range(0, 6, rows):
        span = slice(start, start + rows)
        here = survey.with_rows(torch.arange(6)[span])
        piece, _ = loss_of(logp[span], old[span], advantages[span], mask[span], here, share=0.1)
        torch.testing.assert_close(piece, whole[span])


@pytest.mark.parametrize("loss_of", [clip_cov, kl_cov])
def test_a_batch_without_trained_tokens_costs_nothing(loss_of):
    loss, _ = loss_of(LOGP, OLD, ADVANTAGES, torch.zeros(2, 3))
    assert not loss.any()


def test_a_survey_hands_out_the_rows_and_the_width_of_the_micro_batch():
    survey = Survey.of(LOGP, ADVANTAGES, MASK).with_rows(torch.tensor([1]))
    assert survey.here(survey.advantages, 2).tolist() == [[-1.0, -1.0]]
    assert not survey.entropy.any()


def test_the_band_of_clip_cov_has_an_upper_end():
    """The largest covariance of these tokens is 4.4, the next one 2.96."""
    cov = covariances(LOGP, ADVANTAGES[:, None].expand(2, 3), MASK)
    high = float(cov.max()) - 0.1
    _, stats = clip_cov(LOGP, OLD, ADVANTAGES, MASK, share=1.0, low=-99.0, high=high)
    assert not stats["dropped"][cov >= high].any()
    assert stats["dropped"].sum() == MASK.sum() - (cov >= high).sum()


def test_the_share_of_clip_cov_is_of_trained_tokens():
    """Half of five is two, and would be three of the six places."""
    _, stats = clip_cov(LOGP, OLD, ADVANTAGES, MASK, share=0.5, low=-99.0, high=99.0)
    assert stats["dropped"].sum() == 2


def test_kl_cov_penalises_the_size_of_the_log_ratio():
    """The penalised token has become less likely."""
    old = torch.where(MASK.bool(), LOGP + 0.5, NAN)
    loss, stats = kl_cov(LOGP, old, ADVANTAGES, MASK, coefficient=0.1, share=1.0)
    plain, _ = kl_cov(LOGP, old, ADVANTAGES, MASK, coefficient=0.0, share=1.0)
    assert stats["penalised"].equal(MASK)
    torch.testing.assert_close(loss - plain, 0.05 * MASK)
