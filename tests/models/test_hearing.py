"""A model that hears is a policy like one that sees: transformers' numbers, and once each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gnomon.formats.plain import direct
from gnomon.media.audio import open_audio
from gnomon.models.counters import counting
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.load import add_lora, load_policy, quiet_transformers, save_policy
from gnomon.models.logprobs import score_tokens
from gnomon.models.policy import Policy
from gnomon.models.prefixes import PrefixCache
from gnomon.models.sampler import SamplingSettings, sample
from gnomon.recipe import Lora
from gnomon.records import Media, Message, Sample

Play = Callable[..., Media]
LOW, HIGH = 12_000, 20_001
"""Samples of the two sounds: 9 and 16 features of 80 ms."""


@pytest.fixture(scope="session")
def hearing_encoder(tiny_hearing: Policy) -> Encoder:
    return Encoder(tiny_hearing.processor, max_tokens=512)


@pytest.fixture
def asked(play: Play) -> list[Sample]:
    """Questions about one sound, two, the same two the other way round, and none."""
    low, high = play(300.0, LOW), play(900.0, HIGH)

    def ask(text: str, *media: Media) -> Sample:
        return Sample("s", (Message("user", "<image>" * len(media) + text),), media)

    return [
        ask("How many circles?", low),
        ask("What?"),
        ask("Which is red, this one or the other one?", high, low),
        ask("Both?", low, high),
    ]


@pytest.fixture
def prompts(hearing_encoder: Encoder, asked: list[Sample]) -> list[Encoded]:
    return [hearing_encoder.prompt(sample, direct()) for sample in asked]


def padded(policy: Policy, encoder: Encoder, samples: Sequence[Sample]) -> dict[str, Tensor]:
    """The batch that transformers' own processor makes of the same prompts, padded on the left."""
    waves = [open_audio(medium) for sample in samples for medium in sample.media]
    texts = [encoder._render(sample.messages, generate=True) for sample in samples]
    made = policy.processor(
        text=texts, audio=waves, return_tensors="pt", padding=True, sampling_rate=16_000
    )
    return dict(made)


def by_sequence(policy: Policy, rows: Sequence[Encoded]) -> list[Tensor]:
    """Logits of each row's tokens, from one batch without padding."""
    batch = policy.batch(rows)
    logits_MV = policy.logits(policy.hidden(batch))
    return [logits_MV[places] for places in batch.rows]


def without_padding(logits_NTV: Tensor, batch: dict[str, Tensor]) -> list[Tensor]:
    pairs = zip(logits_NTV, batch["attention_mask"], strict=True)
    return [row[mask.bool()] for row, mask in pairs]


def gradients(policy: Policy) -> dict[str, Tensor]:
    found = {name: p.grad for name, p in policy.trainable().items()}
    assert all(gradient is not None for gradient in found.values())
    return found  # type: ignore[return-value]


def assert_close(one: dict[str, Tensor], other: dict[str, Tensor], limit: float) -> None:
    assert one.keys() == other.keys()
    for name in one:
        gap = (one[name] - other[name]).norm() / other[name].norm().clamp_min(1e-3)
        assert gap < limit, (name, float(gap))


@contextmanager
def counted(policy: Policy, features: int) -> Iterator[None]:
    with counting(policy) as counts:
        yield
    assert counts.patches == features


# The same numbers as transformers


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_batch_has_the_logits_of_the_padded_one_of_transformers(
    tiny_hearing_folder: Path,
    hearing_encoder: Encoder,
    asked: list[Sample],
    prompts: list[Encoded],
    attention: str,
) -> None:
    policy = load_policy(str(tiny_hearing_folder), attention=attention)
    batch = padded(policy, hearing_encoder, asked)
    with torch.no_grad():
        theirs = without_padding(policy.core(**batch).logits, batch)
        ours = by_sequence(policy, prompts)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=5e-5, rtol=1e-5)
        assert other.std() > 0.5


def test_the_processor_of_transformers_gives_the_same_tokens(
    tiny_hearing: Policy, hearing_encoder: Encoder, asked: list[Sample], prompts: list[Encoded]
) -> None:
    batch = padded(tiny_hearing, hearing_encoder, asked)
    pairs = zip(batch["input_ids"], batch["attention_mask"], strict=True)
    rows = [ids[mask.bool()] for ids, mask in pairs]
    assert all(row.equal(prompt.token_ids) for row, prompt in zip(rows, prompts, strict=True))


def test_a_batch_has_the_gradients_of_the_padded_one_of_transformers(
    fresh_hearing: Policy, hearing_encoder: Encoder, asked: list[Sample], prompts: list[Encoded]
) -> None:
    fresh_hearing.core.double()
    batch = padded(fresh_hearing, hearing_encoder, asked)
    weights = torch.linspace(-1, 1, fresh_hearing.core.lm_head.out_features, dtype=torch.float64)
    logits = fresh_hearing.core(**batch).logits
    torch.cat(without_padding(logits, batch)).matmul(weights).sum().backward()
    theirs = {name: gradient.clone() for name, gradient in gradients(fresh_hearing).items()}
    fresh_hearing.model.zero_grad()
    ours = torch.cat(by_sequence(fresh_hearing, prompts)).double()
    ours.matmul(weights).sum().backward()
    assert_close(gradients(fresh_hearing), theirs, 1e-5)


def test_rows_with_sounds_and_without_score_as_each_alone(
    tiny_hearing: Policy, prompts: list[Encoded]
) -> None:
    with torch.no_grad():
        together = by_sequence(tiny_hearing, prompts)
        for prompt, logits in zip(prompts, together, strict=True):
            [alone] = by_sequence(tiny_hearing, [prompt])
            torch.testing.assert_close(logits, alone, atol=5e-5, rtol=1e-5)


def test_the_order_of_two_sounds_matters(tiny_hearing: Policy, prompts: list[Encoded]) -> None:
    features = tiny_hearing.batch(prompts[2:]).features_index
    low, high = 9, 16
    assert features.tolist()[:high] == features.tolist()[-high:]
    assert features.tolist()[high : high + low] == features.tolist()[high + low : high + 2 * low]


# Once each


def test_a_sound_that_rows_share_is_encoded_once(
    tiny_hearing: Policy, prompts: list[Encoded]
) -> None:
    rows = [prompt.extend([20, 21 + i], [1, 1]) for prompt in prompts for i in range(3)]
    with counted(tiny_hearing, 9 + 16), torch.no_grad():
        tiny_hearing.hidden(tiny_hearing.batch(rows))


def test_text_alone_does_not_call_the_tower(tiny_hearing: Policy, prompts: list[Encoded]) -> None:
    with counted(tiny_hearing, 0), torch.no_grad():
        tiny_hearing.hidden(tiny_hearing.batch([prompts[1]]))


@pytest.mark.parametrize(
    ("parts", "runs"),
    [(["audio"], 1), (["tower", "connector"], 1), (["tower"], 2), (["connector"], 2), ([], 2)],
)
def test_features_are_kept_while_the_whole_tower_is_frozen(
    fresh_hearing: Policy, prompts: list[Encoded], parts: list[str], runs: int
) -> None:
    fresh_hearing.freeze(parts)
    batch = fresh_hearing.batch(prompts)
    with counted(fresh_hearing, runs * (9 + 16)):
        first = score_tokens(fresh_hearing, batch).states
        again = score_tokens(fresh_hearing, batch).states
    torch.testing.assert_close(first, again, atol=1e-6, rtol=0)


def test_a_changed_weight_of_a_frozen_tower_makes_its_features_new(
    fresh_hearing: Policy, prompts: list[Encoded]
) -> None:
    fresh_hearing.freeze(["audio"])
    sounds = prompts[0].percepts
    before = fresh_hearing.features(sounds)
    with torch.no_grad():
        fresh_hearing.core.model.multi_modal_projector.linear.weight.mul_(1.5)
    with counted(fresh_hearing, 9):
        assert not fresh_hearing.features(sounds).equal(before)


def test_a_reference_shares_a_frozen_tower_that_is_equal(
    fresh_hearing: Policy, tiny_hearing_folder: Path, prompts: list[Encoded]
) -> None:
    reference = load_policy(str(tiny_hearing_folder))
    reference.core.requires_grad_(False)
    assert not reference.share_tower(fresh_hearing)
    fresh_hearing.freeze(["audio"])
    fresh_hearing.features(prompts[0].percepts)
    assert reference.share_tower(fresh_hearing)
    with counted(reference, 0):
        reference.features(prompts[0].percepts)
    assert reference.core.model.audio_tower is fresh_hearing.core.model.audio_tower


# Freezing, adapters, memory


@pytest.mark.parametrize(
    ("part", "prefixes"),
    [
        ("audio", ("model.audio_tower.", "model.multi_modal_projector.")),
        ("tower", ("model.audio_tower.",)),
        ("connector", ("model.multi_modal_projector.",)),
        ("language", ("model.language_model.",)),
        ("embeddings", ("model.language_model.embed_tokens.",)),
        ("head", ("lm_head.",)),
    ],
)
def test_a_frozen_part_is_exactly_its_parameters(
    fresh_hearing: Policy, part: str, prefixes: tuple[str, ...]
) -> None:
    trained = set(fresh_hearing.trainable())
    fresh_hearing.freeze([part])
    frozen = trained - set(fresh_hearing.trainable())
    assert frozen == {name for name in trained if name.startswith(prefixes)} != set()


def test_a_part_of_another_kind_of_model_is_refused(fresh_hearing: Policy) -> None:
    with pytest.raises(ValueError, match=r"no part 'vision' to freeze: audio, tower, connector"):
        fresh_hearing.freeze(["vision"])


def test_the_positions_of_the_tower_are_never_trained(tiny_hearing: Policy) -> None:
    assert not any("embed_positions" in name for name in tiny_hearing.trainable())


def test_adapters_are_saved_merged_and_hear_the_same(
    fresh_hearing: Policy, prompts: list[Encoded], tmp_path: Path
) -> None:
    policy = add_lora(fresh_hearing, rank=4, alpha=8.0, targets=Lora().targets, seed=0)
    with torch.no_grad():
        for name, parameter in policy.trainable().items():
            if "lora_B" in name:
                parameter.normal_(std=0.05)
        expected = by_sequence(policy, prompts)
        save_policy(policy, tmp_path)
        found = by_sequence(load_policy(str(tmp_path)), prompts)
    torch.testing.assert_close(torch.cat(found), torch.cat(expected), atol=1e-4, rtol=1e-4)


def test_gradient_checkpointing_gives_the_same_gradients(
    fresh_hearing: Policy, prompts: list[Encoded]
) -> None:
    fresh_hearing.model.train()
    torch.cat(by_sequence(fresh_hearing, prompts)).square().mean().backward()
    plain = {name: gradient.clone() for name, gradient in gradients(fresh_hearing).items()}
    fresh_hearing.model.zero_grad()
    fresh_hearing.checkpoint_activations()
    torch.cat(by_sequence(fresh_hearing, prompts)).square().mean().backward()
    assert_close(gradients(fresh_hearing), plain, 1e-5)


def test_mixed_precision_keeps_float32_weights_and_logits(
    fresh_hearing: Policy, prompts: list[Encoded]
) -> None:
    exact = torch.cat(by_sequence(fresh_hearing, prompts))
    fresh_hearing.mixed_precision = True
    assert fresh_hearing.features(prompts[0].percepts).dtype == torch.bfloat16
    rough = torch.cat(by_sequence(fresh_hearing, prompts))
    assert rough.dtype == torch.float32
    assert 0 < (rough - exact).abs().mean() < 0.1
    rough.square().mean().backward()
    assert all(gradient.isfinite().all() for gradient in gradients(fresh_hearing).values())


# Writing


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def generate(policy: Policy, batch: dict[str, Tensor], count: int) -> list[tuple[int, ...]]:
    """Greedy responses by transformers' own loop over a padded batch."""
    written = policy.core.generate(
        **batch,
        max_new_tokens=count,
        min_new_tokens=count,
        do_sample=False,
        suppress_tokens=[*policy.forbidden_token_ids, *policy.end_token_ids],
    )
    return [tuple(row) for row in written[:, batch["input_ids"].shape[1] :].tolist()]


def test_greedy_responses_are_those_of_transformers(
    tiny_hearing: Policy, hearing_encoder: Encoder, asked: list[Sample], prompts: list[Encoded],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    barred = (*tiny_hearing.forbidden_token_ids, *tiny_hearing.end_token_ids)
    monkeypatch.setitem(tiny_hearing.__dict__, "forbidden_token_ids", barred)
    with torch.no_grad():
        theirs = generate(tiny_hearing, padded(tiny_hearing, hearing_encoder, asked), 12)
    ours = sample(tiny_hearing, prompts, 2, SamplingSettings(12, temperature=0), seeded())
    assert [[row.token_ids for row in rows] for rows in ours] == [[each] * 2 for each in theirs]


def test_sampled_log_probabilities_are_those_of_scoring(
    tiny_hearing: Policy, prompts: list[Encoded]
) -> None:
    written = sample(tiny_hearing, prompts, 3, SamplingSettings(9), seeded())
    rows = [
        prompt.extend(rollout.token_ids, [1] * len(rollout.token_ids))
        for prompt, rollouts in zip(prompts, written, strict=True)
        for rollout in rollouts
    ]
    with torch.no_grad():
        scored = score_tokens(tiny_hearing, tiny_hearing.batch(rows)).logp
    said = torch.tensor([x for rollouts in written for one in rollouts for x in one.logp])
    torch.testing.assert_close(said, scored, atol=2e-4, rtol=1e-4)


def test_a_second_turn_forwards_its_own_sound_alone(
    tiny_hearing: Policy, prompts: list[Encoded]
) -> None:
    cache = PrefixCache()
    [[first]] = sample(tiny_hearing, prompts[:1], 1, SamplingSettings(4), seeded(), None, cache)
    row = prompts[0].extend(first.token_ids, [1] * len(first.token_ids))
    following = Encoded(
        prompts[2].token_ids,
        torch.zeros_like(prompts[2].train),
        prompts[2].positions + row.next_position,
        prompts[2].percepts[:1] + prompts[0].percepts,
        row.next_position + len(prompts[2]),
        row,
    )
    settings = SamplingSettings(6, temperature=0)
    with counted(tiny_hearing, 9 + 16):
        kept = sample(tiny_hearing, [following], 1, settings, seeded(), None, cache)
    plain = sample(tiny_hearing, [following], 1, settings, seeded())
    assert kept[0][0].token_ids == plain[0][0].token_ids


# Saving


def test_an_ordinary_folder_comes_back_through_transformers_alone(
    tiny_hearing: Policy, hearing_encoder: Encoder, asked: list[Sample], prompts: list[Encoded],
    tmp_path: Path,
) -> None:  # fmt: skip
    from transformers import AutoModelForMultimodalLM, AutoProcessor

    save_policy(tiny_hearing, tmp_path)
    with quiet_transformers():
        model: Any = AutoModelForMultimodalLM.from_pretrained(tmp_path)
        processor = AutoProcessor.from_pretrained(tmp_path)
    processor.tokenizer.padding_side = "left"
    assert type(model).__name__ == "Qwen2AudioForConditionalGeneration"
    other = Policy(model, model, processor)
    batch = padded(other, Encoder(processor, max_tokens=512), asked)
    with torch.no_grad():
        theirs = without_padding(model(**batch).logits, batch)
        ours = by_sequence(tiny_hearing, prompts)
    torch.testing.assert_close(torch.cat(theirs), torch.cat(ours), atol=5e-5, rtol=1e-5)
