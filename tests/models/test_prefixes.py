from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from gnomon.formats.plain import direct
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.policy import Policy
from gnomon.models.prefixes import Kept, PrefixCache, prefill
from gnomon.models.sampler import SamplingSettings, sample
from gnomon.records import Media, Message, Sample

Paint = Callable[..., Media]
SETTINGS = SamplingSettings(6)


@pytest.fixture
def asking(tiny_encoder: Encoder) -> Callable[..., Encoded]:
    def ask(text: str, *media: Media) -> Encoded:
        message = Message("user", "<image>" * len(media) + text)
        return tiny_encoder.prompt(Sample("s", (message,), media), direct())

    return ask


@pytest.fixture
def prompts(asking: Callable[..., Encoded], paint: Paint) -> list[Encoded]:
    return [asking("How many circles are red?", paint("red", 84, 56)), asking("What?")]


def followed(row: Encoded, ids: tuple[int, ...], told: Encoded) -> Encoded:
    """The row, its response, and what the environment tells then, as one run each."""
    after = row.extend(ids, [1] * len(ids))
    moved = told.positions + after.next_position
    return Encoded(
        told.token_ids, torch.zeros_like(told.train), moved, told.percepts,
        told.next_position + after.next_position, after,
    )  # fmt: skip


@contextmanager
def tokens_forwarded(policy: Policy) -> Iterator[list[int]]:
    """Tokens of every call of the first layer's norm of the decoder."""
    seen: list[int] = []
    norm = policy.core.model.language_model.layers[0].input_layernorm
    hook = norm.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[0]))
    yield seen
    hook.remove()


def turns(
    policy: Policy, prompts: list[Encoded], told: Encoded, cache: PrefixCache | None
) -> tuple[list[Encoded], Any]:
    """Two responses to each prompt, and all rows as they go on after what is told."""
    generator = torch.Generator().manual_seed(0)
    first = sample(policy, prompts, 2, SETTINGS, generator, None, cache)
    rows = [
        followed(prompt, rollout.token_ids, told)
        for prompt, rollouts in zip(prompts, first, strict=True)
        for rollout in rollouts
    ]
    return rows, first


@pytest.mark.parametrize("picture", [False, True])
def test_a_second_turn_is_that_of_forwarding_everything_again(
    tiny_policy: Policy, prompts: list[Encoded], asking: Any, paint: Paint, picture: bool
) -> None:
    told = asking("Look again.", *([paint("blue", 56, 112)] if picture else []))
    cache = PrefixCache()
    rows, _ = turns(tiny_policy, prompts, told, cache)
    with torch.no_grad():
        logits, prefix = prefill(tiny_policy, rows, cache)
        plain_logits, plain_prefix = prefill(tiny_policy, rows)
    torch.testing.assert_close(logits, plain_logits, rtol=1e-4, atol=1e-5)
    assert prefix.lengths == plain_prefix.lengths == [row.total for row in rows]
    for mine, theirs in zip(prefix.keys, plain_prefix.keys, strict=True):
        for line, length in enumerate(prefix.lengths):
            torch.testing.assert_close(
                mine[line, :, :length], theirs[line, :, :length], rtol=1e-4, atol=1e-5
            )


def test_a_second_turn_writes_the_same_tokens_with_and_without(
    tiny_policy: Policy, prompts: list[Encoded], asking: Any
) -> None:
    written = []
    for cache in (PrefixCache(), None):
        rows, _ = turns(tiny_policy, prompts, asking("And now?"), cache)
        generator = torch.Generator().manual_seed(1)
        answers = sample(tiny_policy, rows, 1, SETTINGS, generator, None, cache)
        written.append([rollout.token_ids for (rollout,) in answers])
    assert written[0] == written[1]


def test_a_second_turn_forwards_what_was_added_and_the_last_token_before_it(
    tiny_policy: Policy, prompts: list[Encoded], asking: Any
) -> None:
    cache, told = PrefixCache(), asking("Look again.")
    rows, _ = turns(tiny_policy, prompts, told, cache)
    with torch.no_grad(), tokens_forwarded(tiny_policy) as seen:
        prefill(tiny_policy, rows, cache)
    assert seen == [len(rows) * (len(told) + 1)]


def test_images_of_earlier_turns_are_not_encoded_again(
    tiny_policy: Policy, prompts: list[Encoded], asking: Any, paint: Paint
) -> None:
    cache, told = PrefixCache(), asking("Look.", paint("blue", 56, 112))
    rows, _ = turns(tiny_policy, prompts, told, cache)
    seen: list[int] = []
    hook = tiny_policy.core.model.visual.merger.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(len(args[0])), with_kwargs=True
    )
    with torch.no_grad():
        prefill(tiny_policy, rows, cache)
    hook.remove()
    assert seen == [len(told.percepts[0].patches_PD)]


def test_rows_that_are_not_kept_are_forwarded_whole_beside_those_that_are(
    tiny_policy: Policy, prompts: list[Encoded], asking: Any, paint: Paint
) -> None:
    cache = PrefixCache()
    rows, _ = turns(tiny_policy, prompts, asking("And?"), cache)
    mixed = [rows[0], asking("New.", paint("red", 56, 56)), rows[3]]
    with torch.no_grad():
        logits, _ = prefill(tiny_policy, mixed, cache)
        plain, _ = prefill(tiny_policy, mixed)
    torch.testing.assert_close(logits, plain, rtol=1e-4, atol=1e-5)


def test_after_an_update_nothing_is_kept(
    tiny_policy: Policy, prompts: list[Encoded], asking: Any
) -> None:
    cache = PrefixCache()
    rows, _ = turns(tiny_policy, prompts, asking("And?"), cache)
    assert cache.longest(rows[0])[0] is not None
    cache.forget()
    assert cache.longest(rows[0]) == (None, rows[0])


def kept(length: int) -> Kept:
    return Kept((torch.zeros(1, length, 4),), (torch.zeros(1, length, 4),))


def test_the_rows_used_least_recently_make_room(asking: Any) -> None:
    rows = [asking(text) for text in ("one", "two", "three")]
    cache = PrefixCache(max_bytes=2 * kept(3).bytes)
    told = asking("next")
    for row in rows[:2]:
        cache.put(row, [5], kept(3))
    assert cache.longest(followed(rows[0], (5, 6), told))[0] is not None
    cache.put(rows[2], [5], kept(3))
    held = [cache.longest(followed(row, (5, 6), told))[0] is not None for row in rows]
    assert held == [True, False, True]


def test_a_row_larger_than_the_cache_is_not_kept(asking: Any) -> None:
    cache, row = PrefixCache(max_bytes=10), asking("one")
    cache.put(row, [5], kept(3))
    assert cache.longest(followed(row, (5, 6), asking("next")))[0] is None


def test_the_same_tokens_with_another_picture_are_another_row(asking: Any, paint: Paint) -> None:
    cache = PrefixCache()
    one, other = (asking("What?", paint(colour, 56, 56)) for colour in ("red", "blue"))
    cache.put(one, [5], kept(3))
    assert cache.longest(followed(one, (5, 6), asking("next")))[0] is not None
    assert cache.longest(followed(other, (5, 6), asking("next")))[0] is None
