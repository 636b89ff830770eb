from __future__ import annotations

import pytest
import torch

from gnomon.formats.plain import direct
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.logprobs import score_tokens
from gnomon.models.policy import Policy
from gnomon.records import Message, Sample
from gnomon.rl.meter import Meter
from gnomon.rl.scoring import mask_of, pad_rows, score_rows


@pytest.fixture
def rows(tiny_encoder: Encoder) -> list[Encoded]:
    asked = Sample("s", (Message("user", "How many?"),))
    prompt = tiny_encoder.prompt(asked, direct())
    return [prompt.extend(range(300, 300 + n), [1] * n) for n in (3, 1, 4)]


def test_rows_are_scored_the_same_however_many_share_a_pass(
    rows: list[Encoded], tiny_policy: Policy
) -> None:
    one = score_rows(tiny_policy, rows, temperature=0.7, at_once=1)
    all_at_once = score_rows(tiny_policy, rows, temperature=0.7, at_once=9)
    for each, other in zip(one, all_at_once, strict=True):
        assert each.shape == (3, 4)
        torch.testing.assert_close(each, other, rtol=1e-4, atol=1e-5)


def test_scores_are_those_of_the_training_pass_without_its_gradient(
    rows: list[Encoded], tiny_policy: Policy
) -> None:
    logp, entropy = score_rows(tiny_policy, rows[:1], temperature=1.0, at_once=4)
    scores = score_tokens(tiny_policy, tiny_policy.batch(rows[:1]))
    torch.testing.assert_close(logp[0], scores.logp.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(entropy[0], scores.entropy.detach(), rtol=1e-4, atol=1e-5)
    assert not logp.requires_grad


def test_rows_are_padded_with_zeros_at_the_right() -> None:
    padded = pad_rows([torch.tensor([1.0]), torch.tensor([2.0, 3.0])])
    assert padded.tolist() == [[1.0, 0.0], [2.0, 3.0]]
    assert pad_rows([]).shape == (0, 0)
    assert mask_of(torch.tensor([1, 0, 2]), 2).tolist() == [[1, 0], [0, 0], [1, 1]]


def test_a_meter_takes_the_mean_of_trained_tokens() -> None:
    meter = Meter()
    meter.add_mean("x", torch.tensor([[1.0, 3.0, 99.0]]), torch.tensor([[1, 1, 0]]))
    meter.add_mean("x", torch.tensor([[5.0]]), torch.tensor([[1]]))
    meter.add("y", 0.0, 0)
    assert meter.means() == {"x": 3.0, "y": 0.0}
