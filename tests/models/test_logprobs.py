from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gnomon.formats.plain import direct
from gnomon.models import logprobs
from gnomon.models.batch import Batch
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.logprobs import by_row, score_tokens, spans
from gnomon.models.policy import Policy
from gnomon.records import Media, Message, Sample

Paint = Callable[..., Media]


@pytest.fixture
def rows(tiny_encoder: Encoder, paint: Paint) -> list[Encoded]:
    def asking(text: str, *media: Media) -> Encoded:
        sample = Sample("s", (Message("user", "<image>" * len(media) + text),), media)
        return tiny_encoder.prompt(sample, direct())

    return [
        asking("How many?", paint()).extend([20, 40, 60, 2], [1, 1, 0, 1]),
        asking("What is the colour of the square?").extend([70, 80], [1, 1]),
        asking("a").extend([90], [1]),
        asking("b", paint("blue")).extend([91, 92], [1, 1]),
    ]


def naive(
    policy: Policy, batch: Batch, temperature: float = 1.0, *, entropy: bool = False
) -> tuple[Tensor, Tensor]:
    """Log-softmax of every position over the whole vocabulary."""
    logp_MV = (policy.logits(policy.hidden(batch)) / temperature).log_softmax(-1)
    spread_M = -(logp_MV.exp() * logp_MV).sum(-1)
    taken = logp_MV[batch.sources_K].gather(-1, batch.token_ids[batch.targets_K, None])
    return taken.squeeze(-1), spread_M[batch.sources_K]


def gradient(policy: Policy, loss: Tensor) -> Tensor:
    policy.model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in policy.trainable().values() if p.grad is not None])


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_scores_equal_the_full_log_softmax(
    tiny_policy: Policy, rows: list[Encoded], temperature: float
) -> None:
    batch = tiny_policy.batch(rows)
    with torch.no_grad():
        scores = score_tokens(tiny_policy, batch, temperature=temperature)
        logp, spread = naive(tiny_policy, batch, temperature)
    torch.testing.assert_close(scores.logp, logp, atol=1e-5, rtol=0)
    torch.testing.assert_close(scores.entropy, spread, atol=1e-5, rtol=1e-5)
    assert scores.logp.shape == (8,)
    assert scores.logp.dtype == torch.float32


@pytest.mark.parametrize("kept", [0, 2**25])
@pytest.mark.parametrize("entropy", [False, True])
@pytest.mark.parametrize("chunk", [1, 3, 8])
def test_chunks_change_neither_values_nor_gradients(
    fresh_policy: Policy,
    rows: list[Encoded],
    monkeypatch: pytest.MonkeyPatch,
    chunk: int,
    entropy: bool,
    kept: int,
) -> None:
    batch = fresh_policy.batch(rows)
    logp, spread = naive(fresh_policy, batch, 0.7)
    expected = gradient(fresh_policy, logp.sum() + (0.3 * spread.sum() if entropy else 0.0))
    monkeypatch.setattr(logprobs, "CHUNK", chunk)
    monkeypatch.setattr(logprobs, "KEPT", kept)
    scores = score_tokens(fresh_policy, batch, temperature=0.7, entropy=entropy)
    torch.testing.assert_close(scores.logp, logp, atol=1e-5, rtol=0)
    torch.testing.assert_close(scores.entropy, spread, atol=1e-5, rtol=1e-5)
    found = gradient(fresh_policy, scores.logp.sum() + 0.3 * scores.entropy.sum())
    assert (found - expected).norm() / expected.norm() < 1e-5


@pytest.mark.parametrize("entropy", [False, True])
@pytest.mark.parametrize("frozen", [[], ["head"], ["vision", "language"]])
def test_a_written_out_gradient_is_that_of_calling_the_head(
    fresh_policy: Policy, rows: list[Encoded], entropy: bool, frozen: list[str]
) -> None:
    fresh_policy.freeze(frozen)
    if len(frozen) > 1:
        untie(fresh_policy)
    found = weighted_gradient(fresh_policy, rows, entropy)
    fresh_policy.core.lm_head.register_forward_hook(lambda *_: None)
    called = weighted_gradient(fresh_policy, rows, entropy)
    assert (found - called).norm() / called.norm() < 1e-5


def test_a_written_out_gradient_in_bfloat16_is_near_that_of_calling_the_head(
    fresh_policy: Policy, rows: list[Encoded]
) -> None:
    exact = weighted_gradient(fresh_policy, rows, entropy=True)
    fresh_policy.mixed_precision = True
    found = weighted_gradient(fresh_policy, rows, entropy=True)
    fresh_policy.core.lm_head.register_forward_hook(lambda *_: None)
    called = weighted_gradient(fresh_policy, rows, entropy=True)
    assert (found - called).norm() < (called - exact).norm()


@pytest.mark.parametrize(
    ("chances", "entropy"),
    [([0.5, 0.25, 0.25], 1.039721), ([0.25] * 4, 1.386294), ([1.0], 0.0)],
)
def test_the_worked_entropies_of_skywork_r1v3(
    fresh_policy: Policy, rows: list[Encoded], chances: list[float], entropy: float
) -> None:
    """Of a head that gives every position these chances and the rest of the vocabulary none."""

    def told(module: torch.nn.Module, inputs: tuple[Tensor, ...], logits: Tensor) -> Tensor:
        fixed = torch.full_like(logits, -200.0)
        fixed[..., : len(chances)] = torch.tensor(chances).log()
        return fixed

    fresh_policy.core.lm_head.register_forward_hook(told)
    with torch.no_grad():
        found = score_tokens(fresh_policy, fresh_policy.batch(rows)).entropy
    assert found.tolist() == pytest.approx([entropy] * 8, abs=1e-6)


def weighted_gradient(policy: Policy, rows: list[Encoded], entropy: bool) -> Tensor:
    """Gradient of a sum in which every token counts differently."""
    scores = score_tokens(policy, policy.batch(rows), temperature=1.3, entropy=entropy)
    weights = torch.linspace(-1, 2, len(scores.logp))
    loss = (weights * scores.logp).sum()
    return gradient(policy, loss + (weights.flip(0) * scores.entropy).sum() if entropy else loss)


def untie(policy: Policy) -> None:
    """Give the head a weight of its own, so that it alone is trained."""
    policy.core.lm_head.weight = torch.nn.Parameter(policy.core.lm_head.weight.detach().clone())


@pytest.mark.parametrize("count", [1, 128, 700])
@pytest.mark.parametrize("vocabulary", [8, 2048, 152_000])
def test_chunks_cover_every_position_once(count: int, vocabulary: int) -> None:
    for cuda in (False, True):
        covered = [place for span in spans(count, vocabulary, cuda) for place in range(count)[span]]
        assert covered == list(range(count))


def test_the_entropy_has_a_gradient_only_when_asked(
    tiny_policy: Policy, rows: list[Encoded]
) -> None:
    batch = tiny_policy.batch(rows)
    assert not score_tokens(tiny_policy, batch).entropy.requires_grad
    assert score_tokens(tiny_policy, batch, entropy=True).entropy.requires_grad
    with torch.no_grad():
        assert not score_tokens(tiny_policy, batch, entropy=True).entropy.requires_grad


@pytest.mark.parametrize("chunk", [3, 4096])
def test_no_logits_are_made_for_prompt_positions(
    tiny_policy: Policy, rows: list[Encoded], monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(logprobs, "CHUNK", chunk)
    sizes: list[tuple[int, ...]] = []
    hook = tiny_policy.core.lm_head.register_forward_pre_hook(
        lambda _, args: sizes.append(tuple(args[0].shape))
    )
    with torch.no_grad():
        score_tokens(tiny_policy, tiny_policy.batch(rows))
    hook.remove()
    assert sum(size[0] for size in sizes) == 8
    assert all(len(size) == 2 and size[0] <= chunk for size in sizes)


def test_given_features_are_used(tiny_policy: Policy, rows: list[Encoded]) -> None:
    batch = tiny_policy.batch(rows)
    with torch.no_grad():
        features = tiny_policy.features(batch.percepts)
        given = score_tokens(tiny_policy, batch, features_FH=features).logp
        assert given.equal(score_tokens(tiny_policy, batch).logp)
        assert not given.equal(score_tokens(tiny_policy, batch, features_FH=2 * features).logp)


def test_a_batch_that_trains_nothing_scores_nothing_and_still_has_a_gradient(
    fresh_policy: Policy, tiny_encoder: Encoder
) -> None:
    prompt = tiny_encoder.prompt(Sample("s", (Message("user", "a"),)), direct())
    batch = fresh_policy.batch([prompt])
    scores = score_tokens(fresh_policy, batch)
    assert scores.logp.shape == scores.entropy.shape == (0,)
    assert not gradient(fresh_policy, scores.logp.sum()).any()
    assert by_row(scores.logp, batch)[0].shape == (1, 0)


def test_values_are_laid_out_by_row(tiny_policy: Policy, rows: list[Encoded]) -> None:
    batch = tiny_policy.batch(rows)
    values_NT, mask_NT = by_row(torch.arange(1.0, 9.0), batch)
    assert values_NT.tolist() == [[1, 2, 3], [4, 5, 0], [6, 0, 0], [7, 8, 0]]
    assert mask_NT.sum(1).tolist() == [3, 2, 1, 2]


def test_the_layout_passes_gradients_back(tiny_policy: Policy, rows: list[Encoded]) -> None:
    values = torch.ones(8, requires_grad=True)
    values_NT, _ = by_row(values, tiny_policy.batch(rows))
    (values_NT * torch.arange(12.0).view(4, 3)).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [0, 1, 2, 3, 4, 6, 9, 10]
