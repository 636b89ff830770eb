from __future__ import annotations

import gc
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from gnomon.formats.plain import direct
from gnomon.models.batch import unique_runs
from gnomon.models.cache import GridCache
from gnomon.models.counters import Counts, counting, patches
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.logprobs import score_tokens
from gnomon.models.policy import Policy
from gnomon.models.prefixes import prefill
from gnomon.models.sampler import SamplingSettings, sample
from gnomon.parts import forget, register
from gnomon.recipe import Use
from gnomon.records import Group, Media, Message, Sample
from rl_steps import ROLLOUTS, ROWS, one_step, open_context, stage_of

Paint = Callable[..., Media]
G, T = 4, 6
RED, BLUE = 6 * 4, 4 * 8
"""Patches of 14 pixels in the two images."""
CALLS = 475
"""Of functions, for one token of all rows in a decoder of two layers."""


def prompt(encoder: Encoder, text: str, *media: Media) -> Encoded:
    message = Message("user", "<image>" * len(media) + text)
    return encoder.prompt(Sample("s", (message,), media), direct())


@pytest.fixture
def prompts(tiny_encoder: Encoder, paint: Paint) -> list[Encoded]:
    """One image, two of which one is known, none: 24 + 32 unique patches, 80 a rollout."""
    red, blue = paint("red", 84, 56), paint("blue", 56, 112)
    return [
        prompt(tiny_encoder, "What?", red),
        prompt(tiny_encoder, "Which of the two is blue?", blue, red),
        prompt(tiny_encoder, "How many circles are red?"),
    ]


@pytest.fixture
def endless(fresh_policy: Policy) -> Policy:
    """A policy that writes to the limit, so that every number below is exact."""
    ends = list(fresh_policy.end_token_ids)

    def never(_module: Any, _args: Any, logits: torch.Tensor) -> torch.Tensor:
        return logits.index_fill(-1, torch.tensor(ends), -99.0)

    fresh_policy.core.lm_head.register_forward_hook(never)
    return fresh_policy


def write(policy: Policy, prompts: list[Encoded], count: int, limit: int) -> list[Encoded]:
    seeded = torch.Generator().manual_seed(0)
    groups = sample(policy, prompts, count, SamplingSettings(limit), seeded)
    return [
        one.extend(rollout.token_ids, rollout.train)
        for one, rollouts in zip(prompts, groups, strict=True)
        for rollout in rollouts
    ]


def train(policy: Policy, rows: list[Encoded]) -> None:
    score_tokens(policy, policy.batch(rows)).logp.sum().backward()


# What a step encodes and forwards


def test_rollouts_encode_each_patch_once_and_forward_no_token_twice(
    endless: Policy, prompts: list[Encoded]
) -> None:
    with counting(endless) as counts:
        rows = write(endless, prompts, G, T)
    assert [len(row) for row in rows] == [T] * 3 * G
    assert counts.patches == RED + BLUE
    # The last token of a row is chosen and never run.
    assert counts.tokens == sum(map(len, unique_runs(rows))) - len(rows)


def test_training_encodes_each_patch_once_and_forwards_each_token_once(
    endless: Policy, prompts: list[Encoded]
) -> None:
    rows = write(endless, prompts, G, T)
    with counting(endless) as counts:
        train(endless, rows)
    assert counts == Counts(RED + BLUE, sum(map(len, unique_runs(rows))))


def test_recomputing_layers_forwards_no_token_more_and_encodes_no_patch_more(
    endless: Policy, prompts: list[Encoded]
) -> None:
    rows = write(endless, prompts, G, T)
    endless.model.train()
    endless.checkpoint_activations()
    with counting(endless) as counts:
        train(endless, rows)
    assert counts == Counts(RED + BLUE, sum(map(len, unique_runs(rows))))


def test_with_a_frozen_tower_training_encodes_no_patch_in_any_epoch(
    endless: Policy, prompts: list[Encoded]
) -> None:
    endless.freeze(["vision"])
    with counting(endless) as counts:
        rows = write(endless, prompts, G, T)
    assert counts.patches == RED + BLUE
    unique = sum(map(len, unique_runs(rows)))
    with counting(endless) as counts:
        for _ in range(2):
            train(endless, rows)
    assert counts == Counts(0, 2 * unique)


def test_rollouts_about_a_video_encode_each_frame_once(
    endless: Policy, tiny_encoder: Encoder, film: Paint
) -> None:
    asked = [prompt(tiny_encoder, text, film(3, 56)) for text in ("What?", "Which?")]
    with counting(endless) as counts:
        rows = write(endless, asked, G, T)
    assert counts.patches == 3 * 4 * 4
    with counting(endless) as counts:
        train(endless, rows)
    assert counts.patches == 3 * 4 * 4


def test_text_alone_encodes_nothing(endless: Policy, prompts: list[Encoded]) -> None:
    with counting(endless) as counts:
        rows = write(endless, prompts[2:], G, T)
        train(endless, rows)
    assert counts.patches == 0
    assert "reuse" not in counts.shares(rows)


def test_nothing_is_counted_outside_of_the_block(endless: Policy, prompts: list[Encoded]) -> None:
    with counting(endless) as counts:
        pass
    write(endless, prompts, 1, 1)
    assert counts == Counts()


def test_an_error_ends_the_counting(endless: Policy, prompts: list[Encoded]) -> None:
    with pytest.raises(KeyError), counting(endless) as counts:
        raise KeyError
    write(endless, prompts, 1, 1)
    assert counts == Counts()


# Shares of the work of plain rows


def test_shares_are_those_of_rows_that_each_encode_and_forward_everything(
    endless: Policy, prompts: list[Encoded]
) -> None:
    with counting(endless) as counts:
        rows = write(endless, prompts, G, T)
        train(endless, rows)
    own = sum(map(len, prompts))
    shares = counts.shares(rows)
    assert sum(map(patches, prompts)) == RED + BLUE + RED
    assert shares["reuse"] == G * (RED + BLUE + RED) / (RED + BLUE)
    assert shares["useful"] == (own + 3 * G * T) / (G * own + 3 * G * T)


def test_rows_that_share_nothing_have_no_reuse_and_only_useful_tokens(
    endless: Policy, prompts: list[Encoded]
) -> None:
    with counting(endless) as counts:
        train(endless, prompts[:1])
    assert counts.shares(prompts[:1], passes=1) == {"reuse": 1.0, "useful": 1.0}


def test_without_rows_there_are_no_shares() -> None:
    assert Counts(4, 4).shares([]) == {}


def fixed(groups: list[Group]) -> list[list[float]]:
    return [[float(place) for place, _ in enumerate(group.members)] for group in groups]


@pytest.fixture
def fixed_reward() -> Iterator[None]:
    register("reward", "numbered")(fixed)
    yield
    forget(__name__)


@pytest.mark.usefixtures("fixed_reward")
def test_a_whole_step_encodes_each_image_once_to_write_and_once_to_train(
    fresh_policy: Policy, tiny_folder: Path, tmp_path: Path
) -> None:
    stage = stage_of(data=Use("microworld", tasks=["count"], modality="image"))
    context = open_context(stage, fresh_policy, tiny_folder, tmp_path)
    with counting(fresh_policy) as context.counts:
        values = one_step(stage, context)
    assert values["reuse"] == ROLLOUTS
    assert 1 / ROLLOUTS < values["useful"] < 1
    assert len(context.run.rollouts()) == ROWS


@pytest.mark.usefixtures("fixed_reward")
def test_a_whole_step_encodes_frames_once_and_those_that_stand_still_no_more(
    fresh_policy: Policy, tiny_folder: Path, tmp_path: Path
) -> None:
    data = Use("world", world="motion", tasks=["direction"], difficulty=(1, 1))
    stage = stage_of(data=data)
    context = open_context(stage, fresh_policy, tiny_folder, tmp_path)
    with counting(fresh_policy) as context.counts:
        values = one_step(stage, context)
    assert values["reuse"] > ROLLOUTS


@pytest.mark.usefixtures("fixed_reward")
def test_a_whole_step_with_a_frozen_tower_encodes_each_image_once(
    fresh_policy: Policy, tiny_folder: Path, tmp_path: Path
) -> None:
    fresh_policy.freeze(["vision"])
    stage = stage_of(data=Use("microworld", tasks=["count"], modality="image"))
    context = open_context(stage, fresh_policy, tiny_folder, tmp_path)
    with counting(fresh_policy) as context.counts:
        values = one_step(stage, context)
    assert values["reuse"] == 2 * ROLLOUTS  # two passes of plain rows, one of ours


# What a decoded token costs


def calls_of_each_step(policy: Policy, prompts: list[Encoded], count: int) -> list[int]:
    """Calls of functions, Python's and C's, from one decoded token of all rows to the next.

    The first steps are left out, because they do some things once, and so is the end of the rows.
    """
    calls = 0
    marks: list[int] = []

    def profile(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    hook = policy.core.lm_head.register_forward_pre_hook(lambda *_: marks.append(calls))
    gc.disable()  # whose callbacks are calls too
    sys.setprofile(profile)
    try:
        write(policy, prompts, count, 8)
    finally:
        sys.setprofile(None)
        gc.enable()
        hook.remove()
    return [after - before for before, after in itertools.pairwise(marks[2:])]


def test_python_calls_of_a_decoded_token_do_not_grow_with_the_rows(
    endless: Policy, prompts: list[Encoded]
) -> None:
    write(endless, prompts, 1, 2)  # what is done once is done
    calls = {
        (len(asked), count): set(calls_of_each_step(endless, asked, count))
        for asked, count in ((prompts[:1], 2), (prompts[:1], 8), (prompts, 8))
    }
    assert len(set.union(*calls.values())) == 1, calls
    assert set.union(*calls.values()).pop() <= CALLS, calls


def test_the_cache_holds_a_prompt_once_and_each_row_its_own_tokens(
    tiny_policy: Policy, prompts: list[Encoded]
) -> None:
    decoder = tiny_policy.core.config.get_text_config()
    heads, width = decoder.num_key_value_heads, decoder.hidden_size // decoder.num_attention_heads
    token = 2 * decoder.num_hidden_layers * heads * width * 4  # keys and values in float32
    with torch.no_grad():
        _, prefix = prefill(tiny_policy, prompts)
    cache = GridCache(prefix, G, T)
    prompt_bytes = sum(x.nbytes for x in (*prefix.keys, *prefix.values))
    row_bytes = sum(x.nbytes for x in (*cache.keys, *cache.values))
    assert prompt_bytes == len(prompts) * max(map(len, prompts)) * token
    assert row_bytes == len(prompts) * G * T * token
    assert cache.prefix is prefix
