from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gnomon.formats.plain import direct
from gnomon.models import batch as batches
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.load import load_policy
from gnomon.models.policy import Policy
from gnomon.records import Media, Message, Sample

Paint = Callable[..., Media]
Sizes = list[int]


def example(encoder: Encoder, question: str, answer: str, *media: Media) -> Encoded:
    turns = (Message("user", "<image>" * len(media) + question), Message("assistant", answer))
    return encoder.example(Sample("s", turns, media), direct())


@pytest.fixture
def examples(tiny_encoder: Encoder, paint: Paint, film: Paint) -> list[Encoded]:
    red, blue = paint("red", 84, 56), paint("blue", 56, 112)
    return [
        example(tiny_encoder, "How many circles?", "Three.", red),
        example(tiny_encoder, "What?", "The square is blue and the circle is red."),
        example(tiny_encoder, "Both?", "Yes.", blue, red),
        example(tiny_encoder, "Which is red, this one or the other one?", "1", blue),
        example(tiny_encoder, "What changes?", "The colour.", film(3)),
        example(tiny_encoder, "Is it in the film?", "No.", red, film(2), blue),
    ]


@contextmanager
def counted(module: Any) -> Iterator[Sizes]:
    """Lengths of the first argument of every call of ``module``."""
    sizes: Sizes = []
    hook = module.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    yield sizes
    hook.remove()


def by_sequence(policy: Policy, rows: Sequence[Encoded]) -> list[Tensor]:
    """Log-probabilities of each row's next tokens, from one batch."""
    batch = policy.batch(rows)
    logp_MV = policy.logits(policy.hidden(batch)).log_softmax(-1)
    return [
        logp_MV[places[:-1]].gather(-1, batch.token_ids[places[1:], None]).squeeze(-1)
        for places in batch.rows
    ]


def by_transformers(policy: Policy, sequence: Encoded) -> Tensor:
    """The same for one sequence, by transformers' own forward pass."""
    ids = sequence.token_ids[None]
    images: dict[str, Tensor] = {}
    if sequence.percepts:
        images = {
            "pixel_values": torch.cat([picture.patches_PD for picture in sequence.percepts]),
            "image_grid_thw": torch.tensor([picture.grid for picture in sequence.percepts]),
            "mm_token_type_ids": (ids == policy.placeholder_id).int(),
        }
    output = policy.core(input_ids=ids, attention_mask=torch.ones_like(ids), **images)
    logp = output.logits[0, :-1].log_softmax(-1)
    return logp.gather(-1, ids[0, 1:, None]).squeeze(-1)


def gradients(policy: Policy, rows: Sequence[Encoded]) -> dict[str, Tensor]:
    policy.model.zero_grad()
    torch.cat(by_sequence(policy, rows)).sum().backward()
    return {name: p.grad.clone() for name, p in policy.trainable().items() if p.grad is not None}


def assert_close_gradients(one: dict[str, Tensor], other: dict[str, Tensor], limit: float) -> None:
    assert one.keys() == other.keys()
    for name in one:
        gap = (one[name] - other[name]).norm() / other[name].norm().clamp_min(1e-6)
        assert gap < limit, (name, float(gap))


def test_rows_of_a_batch_score_as_transformers_does_one_by_one(
    tiny_policy: Policy, examples: list[Encoded]
) -> None:
    with torch.no_grad():
        together = by_sequence(tiny_policy, examples)
        for one, logp in zip(examples, together, strict=True):
            torch.testing.assert_close(logp, by_transformers(tiny_policy, one), atol=1e-5, rtol=0)


def test_rows_of_a_batch_have_the_gradients_of_transformers(
    fresh_policy: Policy, examples: list[Encoded]
) -> None:
    together = gradients(fresh_policy, examples)
    fresh_policy.model.zero_grad()
    for one in examples:
        by_transformers(fresh_policy, one).sum().backward()
    single = {name: p.grad for name, p in fresh_policy.trainable().items()}
    assert_close_gradients(together, single, 1e-5)


def whole(row: Encoded) -> Encoded:
    """A row that continues others as one run of its own."""
    runs = row.chain()
    return Encoded(
        torch.cat([run.token_ids for run in runs]),
        torch.cat([run.train for run in runs]),
        torch.cat([run.positions for run in runs], dim=1),
        tuple(picture for run in runs for picture in run.percepts),
        row.next_position,
    )


@pytest.fixture
def continued(examples: list[Encoded]) -> list[Encoded]:
    """Responses to shared prompts with and without media, a second turn, and a plain row."""
    one, text, two, alone, video, _ = examples
    turn = two.extend([11, 12, 13], [1, 1, 1]).extend([14], [0])
    return [
        *(one.extend([30 + i] * (2 + 3 * i), [1] * (2 + 3 * i)) for i in range(4)),
        turn.extend([21, 22], [1, 1]),
        *(text.extend([50, 51 + i], [1, 1]) for i in range(2)),
        turn.extend([23], [1]),
        *(video.extend([60, 61 + i], [1, 1]) for i in range(2)),
        alone,
    ]


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_sharing_what_rows_continue_gives_the_scores_of_whole_rows(
    tiny_folder: Path, tiny_policy: Policy, continued: list[Encoded], attention: str
) -> None:
    policy = load_policy(str(tiny_folder), attention=attention)
    with torch.no_grad():
        shared = by_sequence(policy, continued)
        apart = by_sequence(tiny_policy, [whole(row) for row in continued])
    torch.testing.assert_close(torch.cat(shared), torch.cat(apart), atol=1e-5, rtol=0)


@pytest.mark.parametrize("strip", [1, 3, 128])
def test_sharing_what_rows_continue_gives_the_gradients_of_whole_rows(
    fresh_policy: Policy,
    continued: list[Encoded],
    monkeypatch: pytest.MonkeyPatch,
    strip: int,
) -> None:
    monkeypatch.setattr(batches, "STRIP", strip)
    fresh_policy.core.double()
    shared = gradients(fresh_policy, continued)
    apart = gradients(fresh_policy, [whole(row) for row in continued])
    assert_close_gradients(shared, apart, 1e-6)  # parts of the vision tower stay in float32


def test_single_precision_keeps_the_gradients_of_sharing_to_one_in_a_million(
    fresh_policy: Policy, continued: list[Encoded]
) -> None:
    shared = gradients(fresh_policy, continued)
    apart = gradients(fresh_policy, [whole(row) for row in continued])
    both = zip(shared.values(), apart.values(), strict=True)
    gap = torch.cat([(one - other).flatten() for one, other in both]).norm()
    assert gap / torch.cat([value.flatten() for value in apart.values()]).norm() < 1e-6


def test_a_shared_prompt_is_computed_once(tiny_policy: Policy, examples: list[Encoded]) -> None:
    rows = [examples[0].extend([30, 31], [1, 1]) for _ in range(8)]
    layer = tiny_policy.core.model.language_model.layers[0].mlp
    with counted(layer) as tokens, torch.no_grad():
        tiny_policy.hidden(tiny_policy.batch(rows))
    assert tokens == [len(examples[0]) + 8 * 2]


def test_an_image_that_rows_share_is_encoded_once(
    tiny_policy: Policy, examples: list[Encoded]
) -> None:
    rows = [*[examples[0].extend([9], [1])] * 4, examples[2], examples[3]]
    with counted(tiny_policy.core.model.visual.merger) as patches, torch.no_grad():
        tiny_policy.hidden(tiny_policy.batch(rows))
    assert patches == [24 + 32]


def test_text_alone_does_not_call_the_vision_tower(
    tiny_policy: Policy, examples: list[Encoded]
) -> None:
    with counted(tiny_policy.core.model.visual.merger) as patches, torch.no_grad():
        tiny_policy.hidden(tiny_policy.batch([examples[1]]))
    assert patches == []


def test_sharing_an_image_gives_the_gradients_of_encoding_it_again(
    fresh_policy: Policy, examples: list[Encoded]
) -> None:
    policy = fresh_policy.core.double() and fresh_policy
    prompt = examples[2]
    shared = gradients(policy, [prompt.extend([40 + i], [1]) for i in range(4)])
    policy.model.zero_grad()
    for i in range(4):
        by_sequence(policy, [prompt.extend([40 + i], [1])])[0].sum().backward()
    repeated = {name: p.grad for name, p in policy.trainable().items()}
    assert_close_gradients(shared, repeated, 1e-6)


def test_features_that_are_given_are_used(tiny_policy: Policy, examples: list[Encoded]) -> None:
    batch = tiny_policy.batch(examples)
    with torch.no_grad():
        features = tiny_policy.features(batch.percepts)
        with counted(tiny_policy.core.model.visual.merger) as patches:
            given = tiny_policy.hidden(batch, features)
        assert patches == []
        assert given.equal(tiny_policy.hidden(batch))
        assert not given.equal(tiny_policy.hidden(batch, features * 2))


def test_several_images_at_once_have_the_features_of_each_alone(
    tiny_policy: Policy, examples: list[Encoded]
) -> None:
    pictures = examples[2].percepts
    with torch.no_grad():
        together = tiny_policy.features(pictures)
        alone = torch.cat([tiny_policy.features([picture]) for picture in pictures])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_the_constants_are_those_of_the_model(tiny_policy: Policy) -> None:
    tokenizer = tiny_policy.processor.tokenizer
    assert tiny_policy.device == torch.device("cpu")
    assert tokenizer.decode([tiny_policy.placeholder_id]) == "<|image_pad|>"
    assert tokenizer.decode(list(tiny_policy.end_token_ids)) == "<|im_end|>"


def test_every_special_token_but_the_end_is_forbidden(tiny_policy: Policy) -> None:
    forbidden = tiny_policy.processor.tokenizer.decode(list(tiny_policy.forbidden_token_ids))
    for token in ("<|endoftext|>", "<|im_start|>", "<|image_pad|>", "<|video_pad|>"):
        assert token in forbidden
    assert not set(tiny_policy.end_token_ids) & set(tiny_policy.forbidden_token_ids)


def test_tokens_that_the_tokenizer_does_not_have_are_forbidden(fresh_policy: Policy) -> None:
    known = len(fresh_policy.processor.tokenizer)
    fresh_policy.core.resize_token_embeddings(known + 3)
    assert {known, known + 1, known + 2} <= set(fresh_policy.forbidden_token_ids)


# Freezing


def frozen(policy: Policy) -> set[str]:
    return {name for name, p in policy.core.named_parameters() if not p.requires_grad}


@pytest.mark.parametrize(
    ("part", "prefix"),
    [
        ("vision", "model.visual."),
        ("connector", "model.visual.merger."),
        ("language", "model.language_model."),
        ("embeddings", "model.language_model.embed_tokens."),
    ],
)
def test_a_frozen_part_is_exactly_its_parameters(
    fresh_policy: Policy, part: str, prefix: str
) -> None:
    every = {name for name, _ in fresh_policy.core.named_parameters()}
    fresh_policy.freeze([part])
    assert frozen(fresh_policy) == {name for name in every if name.startswith(prefix)} != set()
    assert fresh_policy.trainable().keys() == every - frozen(fresh_policy)


def test_a_frozen_tower_leaves_the_connector_alone_of_vision(fresh_policy: Policy) -> None:
    fresh_policy.freeze(["tower"])
    vision = {name for name, _ in fresh_policy.core.named_parameters() if ".visual." in name}
    assert vision - frozen(fresh_policy) == {name for name in vision if ".merger." in name} != set()
    assert frozen(fresh_policy) <= vision


def test_freezing_a_tied_head_freezes_the_weight_it_shares(fresh_policy: Policy) -> None:
    fresh_policy.freeze(["head"])
    assert frozen(fresh_policy) == {"model.language_model.embed_tokens.weight"}


def test_freezing_nothing_leaves_everything_trained(fresh_policy: Policy) -> None:
    fresh_policy.freeze([])
    assert frozen(fresh_policy) == set()


def test_frozen_parts_get_no_gradient_and_the_others_do(
    fresh_policy: Policy, examples: list[Encoded]
) -> None:
    fresh_policy.freeze(["vision"])
    found = gradients(fresh_policy, [examples[0]])
    assert found.keys() == fresh_policy.trainable().keys()
    assert not any("visual" in name for name in found)


# Precision and memory


def test_mixed_precision_keeps_float32_weights_gradients_and_logits(
    fresh_policy: Policy, examples: list[Encoded]
) -> None:
    exact = by_sequence(fresh_policy, examples)
    fresh_policy.mixed_precision = True
    batch = fresh_policy.batch(examples)
    assert fresh_policy.features(batch.percepts).dtype == torch.bfloat16
    assert fresh_policy.logits(fresh_policy.hidden(batch)).dtype == torch.float32
    rough = by_sequence(fresh_policy, examples)
    assert 0 < (torch.cat(rough) - torch.cat(exact)).abs().max() < 0.5
    torch.cat(rough).sum().backward()
    for name, parameter in fresh_policy.trainable().items():
        assert parameter.dtype == parameter.grad.dtype == torch.float32, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("parts", [[], ["embeddings"], ["vision"]])
def test_gradient_checkpointing_gives_the_same_gradients(
    fresh_policy: Policy, examples: list[Encoded], parts: list[str]
) -> None:
    fresh_policy.freeze(parts)
    fresh_policy.model.train()
    rows = examples[:3]
    plain = gradients(fresh_policy, rows)
    fresh_policy.checkpoint_activations()
    layer = fresh_policy.core.model.language_model.layers[0].mlp
    with counted(layer) as calls:
        again = gradients(fresh_policy, rows)
    assert len(calls) == 2  # once forward and once more in the backward pass
    assert_close_gradients(again, plain, 1e-6)
