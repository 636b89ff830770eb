from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gnomon.formats.plain import direct
from gnomon.models.counters import Counts, counting
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.features import FeatureCache
from gnomon.models.load import load_policy
from gnomon.models.logprobs import score_tokens
from gnomon.models.percepts import Picture
from gnomon.models.policy import Policy
from gnomon.models.sampler import SamplingSettings, sample
from gnomon.records import Media, Message, Sample

Paint = Callable[..., Media]
RED, BLUE = 6 * 4, 4 * 8
"""Patches of 14 pixels in the two images."""


@pytest.fixture
def prompts(tiny_encoder: Encoder, paint: Paint) -> list[Encoded]:
    """Two images of different sizes, several frames of a video as images, and none."""
    red, blue = paint("red", 84, 56), paint("blue", 56, 112)

    def asking(text: str, *media: Media) -> Encoded:
        message = Message("user", "<image>" * len(media) + text)
        return tiny_encoder.prompt(Sample("s", (message,), media), direct())

    return [asking("What?", red), asking("Which is it?", blue, red), asking("How many?")]


@pytest.fixture
def frozen(fresh_policy: Policy) -> Policy:
    fresh_policy.freeze(["vision"])
    return fresh_policy


def pictures_of(prompts: Sequence[Encoded]) -> list[Picture]:
    return list({p.key: p for prompt in prompts for p in prompt.percepts}.values())


@contextmanager
def counted(policy: Policy, patches: int) -> Iterator[None]:
    with counting(policy) as counts:
        yield
    assert counts.patches == patches


def rows_of(prompts: Sequence[Encoded]) -> list[Encoded]:
    return [prompt.extend([20, 21 + i], [1, 1]) for prompt in prompts for i in range(3)]


def gradients(policy: Policy, rows: Sequence[Encoded]) -> dict[str, Tensor]:
    policy.model.zero_grad()
    score_tokens(policy, policy.batch(rows)).logp.sum().backward()
    return {name: p.grad.clone() for name, p in policy.trainable().items() if p.grad is not None}


def test_a_frozen_tower_encodes_in_the_rollout_and_never_in_training(
    frozen: Policy, prompts: list[Encoded]
) -> None:
    with counted(frozen, RED + BLUE):
        sample(frozen, prompts, 2, SamplingSettings(3), torch.Generator().manual_seed(0))
    with counting(frozen) as counts:
        for _epoch in range(2):
            for row in rows_of(prompts):
                score_tokens(frozen, frozen.batch([row])).logp.sum().backward()
    assert counts.patches == 0
    assert counts != Counts()


def test_kept_features_give_the_scores_and_gradients_of_encoding_again(
    frozen: Policy, prompts: list[Encoded]
) -> None:
    rows = rows_of(prompts)
    batch = frozen.batch(rows)
    known = gradients(frozen, rows)
    again = gradients(frozen, rows)
    plain = score_tokens(frozen, batch, features_FH=frozen._encode(batch.percepts)).logp
    assert score_tokens(frozen, batch).logp.equal(plain)
    for name in known:
        torch.testing.assert_close(known[name], again[name], atol=0, rtol=0)


@pytest.mark.parametrize("parts", [[], ["tower"], ["connector"], ["language"]])
def test_a_tower_of_which_anything_is_trained_is_run_again(
    fresh_policy: Policy, prompts: list[Encoded], parts: list[str]
) -> None:
    fresh_policy.freeze(parts)
    for _ in range(2):
        with counted(fresh_policy, RED + BLUE):
            score_tokens(fresh_policy, fresh_policy.batch(prompts))


def test_a_changed_weight_makes_everything_new(frozen: Policy, prompts: list[Encoded]) -> None:
    pictures = pictures_of(prompts)
    before = frozen.features(pictures)
    weight = next(frozen.core.model.visual.parameters())
    with torch.no_grad():
        weight.mul_(1.5)
    with counted(frozen, RED + BLUE):
        after = frozen.features(pictures)
    assert not after.equal(before)
    assert after.equal(frozen._encode(pictures))


def test_an_optimiser_step_of_an_unfrozen_tower_is_a_change(
    frozen: Policy, prompts: list[Encoded]
) -> None:
    pictures = pictures_of(prompts)
    frozen.features(pictures)
    tower = frozen.core.model.visual
    for parameter in tower.parameters():
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(tower.parameters(), lr=0.1, fused=True)
    frozen.features(pictures).sum().backward()
    optimizer.step()
    frozen.freeze(["vision"])
    with counted(frozen, RED + BLUE):
        frozen.features(pictures)


def test_only_pictures_that_are_missing_are_encoded(frozen: Policy, prompts: list[Encoded]) -> None:
    red, blue = pictures_of(prompts)
    frozen.features([red])
    with counted(frozen, BLUE):
        both = frozen.features([blue, red])
    torch.testing.assert_close(both, frozen._encode([blue, red]), atol=1e-5, rtol=0)


def test_the_cache_keeps_its_bound_and_drops_what_was_used_longest_ago(
    frozen: Policy, prompts: list[Encoded]
) -> None:
    red, blue = pictures_of(prompts)
    room = max(frozen._encode([picture]).nbytes for picture in (red, blue))
    frozen.encoded = FeatureCache(room)
    frozen.features([red])
    frozen.features([blue])
    assert frozen.encoded.bytes <= room
    with counted(frozen, RED):
        frozen.features([red])


def test_pictures_that_do_not_fit_together_are_still_all_there(
    frozen: Policy, prompts: list[Encoded]
) -> None:
    pictures = pictures_of(prompts)
    frozen.encoded = FeatureCache(1)
    for _ in range(2):
        assert frozen.features(pictures).equal(frozen._encode(pictures))
    assert frozen.encoded.bytes == 0


def test_a_reference_encodes_nothing_that_the_frozen_tower_of_the_policy_has_encoded(
    tiny_folder: Path, frozen: Policy, prompts: list[Encoded]
) -> None:
    reference = load_policy(str(tiny_folder))
    reference.core.requires_grad_(False)
    alone = score_tokens(reference, reference.batch(prompts)).logp
    assert reference.share_tower(frozen)
    frozen.features(pictures_of(prompts))
    with counted(reference, 0), torch.no_grad():
        assert score_tokens(reference, reference.batch(prompts)).logp.equal(alone)


def test_a_tower_that_is_trained_or_differs_is_not_shared(
    tiny_folder: Path, fresh_policy: Policy
) -> None:
    reference = load_policy(str(tiny_folder))
    reference.core.requires_grad_(False)
    assert not reference.share_tower(fresh_policy)
    fresh_policy.freeze(["vision"])
    with torch.no_grad():
        next(fresh_policy.core.model.visual.parameters()).add_(1.0)
    assert not reference.share_tower(fresh_policy)
    assert reference.core.model.visual is not fresh_policy.core.model.visual
