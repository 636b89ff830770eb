from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnomon.formats.plain import direct
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.load import load_policy
from gnomon.models.logprobs import by_row, score_tokens
from gnomon.models.policy import Policy
from gnomon.models.sampler import SamplingSettings, draw, sample, stream, truncate
from gnomon.records import Media, Message, Rollout, Sample

Paint = Callable[..., Media]


@pytest.fixture
def prompts(tiny_encoder: Encoder, paint: Paint) -> list[Encoded]:
    red, blue = paint("red", 84, 56), paint("blue", 56, 112)

    def asking(text: str, *media: Media) -> Encoded:
        message = Message("user", "<image>" * len(media) + text)
        return tiny_encoder.prompt(Sample("s", (message,), media), direct())

    return [
        asking("How many circles are red, and what is the colour of the square?"),
        asking("What?", red),
        asking("a"),
        asking("Which of the two is blue?", blue, red),
    ]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tokens(answers: list[list[Rollout]]) -> list[list[tuple[int, ...]]]:
    return [[rollout.token_ids for rollout in rollouts] for rollouts in answers]


@contextmanager
def shapes_seen(module: Any) -> Iterator[list[tuple[int, ...]]]:
    """Shapes of the first argument of every call of ``module``."""
    shapes: list[tuple[int, ...]] = []
    hook = module.register_forward_pre_hook(lambda _, args: shapes.append(tuple(args[0].shape)))
    yield shapes
    hook.remove()


@contextmanager
def biased(policy: Policy, token_ids: tuple[int, ...], bias: float) -> Iterator[None]:
    """Add ``bias`` to the logits of some tokens."""

    def add(_module: Any, _args: Any, logits: torch.Tensor) -> torch.Tensor:
        logits = logits.clone()
        logits[..., list(token_ids)] += bias
        return logits

    hook = policy.core.lm_head.register_forward_hook(add)
    yield
    hook.remove()


def generate(policy: Policy, prompt: Encoded, count: int) -> tuple[int, ...]:
    """Greedy response by transformers' own loop."""
    ids = prompt.token_ids[None]
    images: dict[str, Any] = {}
    if prompt.percepts:
        images = {
            "pixel_values": torch.cat([picture.patches_PD for picture in prompt.percepts]),
            "image_grid_thw": torch.tensor([picture.grid for picture in prompt.percepts]),
            "mm_token_type_ids": (ids == policy.placeholder_id).int(),
        }
    written = policy.core.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=count,
        do_sample=False,
        suppress_tokens=list(policy.forbidden_token_ids),
        **images,
    )
    return tuple(written[0, ids.shape[1] :].tolist())


# What is written


@pytest.mark.parametrize("bias", [0.0, 4.0])
def test_greedy_responses_are_those_of_transformers(
    tiny_policy: Policy, prompts: list[Encoded], bias: float
) -> None:
    with biased(tiny_policy, tiny_policy.end_token_ids, bias):
        ours = sample(tiny_policy, prompts, 1, SamplingSettings(16, temperature=0), seeded())
        theirs = [generate(tiny_policy, prompt, 16) for prompt in prompts]
    assert [row[0] for row in tokens(ours)] == theirs


def test_eager_attention_writes_what_sdpa_writes(
    tiny_folder: Path, tiny_policy: Policy, prompts: list[Encoded]
) -> None:
    eager = load_policy(str(tiny_folder), attention="eager")
    settings = SamplingSettings(8, temperature=0)
    for some in (prompts, prompts[:1]):  # with padding and without
        one, other = (sample(p, some, 2, settings, seeded()) for p in (eager, tiny_policy))
        assert tokens(one) == tokens(other)


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.0])
def test_log_probabilities_are_those_of_the_trainer(
    tiny_policy: Policy, prompts: list[Encoded], temperature: float
) -> None:
    settings = SamplingSettings(12, temperature=temperature, top_p=0.9, top_k=50)
    with biased(tiny_policy, tiny_policy.end_token_ids, 3.0):
        answers = sample(tiny_policy, prompts, 3, settings, seeded())
        rows = [
            prompt.extend(rollout.token_ids, rollout.train)
            for prompt, rollouts in zip(prompts, answers, strict=True)
            for rollout in rollouts
        ]
        batch = tiny_policy.batch(rows)
        with torch.no_grad():
            scores = score_tokens(tiny_policy, batch, temperature=settings.scale)
    written = [rollout.logp for rollouts in answers for rollout in rollouts]
    logp_NT, mask_NT = by_row(scores.logp, batch)
    assert mask_NT.sum(1).tolist() == [len(logp) for logp in written]
    sampled = torch.tensor([value for logp in written for value in logp])
    assert (logp_NT[mask_NT] - sampled).abs().max() < 1e-5


def test_the_same_seed_gives_the_same_responses_and_another_gives_others(
    tiny_policy: Policy, prompts: list[Encoded]
) -> None:
    first, again, other = (
        sample(tiny_policy, prompts, 2, SamplingSettings(8), seeded(seed)) for seed in (0, 0, 1)
    )
    assert first == again
    assert tokens(first) != tokens(other)


def test_the_responses_of_a_group_differ(tiny_policy: Policy, prompts: list[Encoded]) -> None:
    (group,) = tokens(sample(tiny_policy, prompts[:1], 4, SamplingSettings(8), seeded()))
    assert len(set(group)) == 4


def test_answers_come_in_the_order_of_the_prompts_whatever_the_chunk(
    tiny_policy: Policy, prompts: list[Encoded]
) -> None:
    whole, cut, single = (
        tokens(sample(tiny_policy, prompts, 2, SamplingSettings(6, 0.0, chunk=chunk), seeded()))
        for chunk in (128, 4, 1)
    )
    assert whole == cut == single
    assert all(one == other for one, other in whole)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_forbidden_tokens_are_never_written_however_likely(
    tiny_policy: Policy, prompts: list[Encoded], temperature: float
) -> None:
    forbidden = tiny_policy.forbidden_token_ids
    with biased(tiny_policy, forbidden, 50.0):
        settings = SamplingSettings(10, temperature, top_p=0.5, top_k=3)
        answers = sample(tiny_policy, prompts, 4, settings, seeded())
    written = {token for group in tokens(answers) for row in group for token in row}
    assert written
    assert not written & set(forbidden)


def test_top_k_one_is_greedy(tiny_policy: Policy, prompts: list[Encoded]) -> None:
    greedy = sample(tiny_policy, prompts, 1, SamplingSettings(6, temperature=0), seeded())
    first = sample(tiny_policy, prompts, 1, SamplingSettings(6, top_k=1), seeded())
    assert tokens(greedy) == tokens(first)


def test_samples_follow_the_distribution(tiny_policy: Policy, prompts: list[Encoded]) -> None:
    settings = SamplingSettings(1, temperature=0.7, top_k=4, chunk=4096)
    ((*rollouts,),) = sample(tiny_policy, prompts[2:3], 4000, settings, seeded())
    counts: dict[int, int] = {}
    probability: dict[int, float] = {}
    for rollout in rollouts:
        token = rollout.token_ids[0]
        counts[token] = counts.get(token, 0) + 1
        probability[token] = float(torch.tensor(rollout.logp[0]).exp())
    assert len(counts) == 4
    total = sum(probability.values())
    for token, count in counts.items():
        assert count / 4000 == pytest.approx(probability[token] / total, abs=0.04)


# How responses end


def test_a_response_ends_with_its_end_token_or_at_the_limit(
    tiny_policy: Policy, prompts: list[Encoded]
) -> None:
    end = tiny_policy.end_token_ids
    with biased(tiny_policy, end, 4.0):
        answers = sample(tiny_policy, prompts, 8, SamplingSettings(6), seeded())
    rollouts = [rollout for group in answers for rollout in group]
    assert {rollout.stop for rollout in rollouts} == {"end", "length"}
    for rollout in rollouts:
        assert end[0] not in rollout.token_ids[:-1]
        assert (rollout.token_ids[-1] == end[0]) == (rollout.stop == "end")
        assert len(rollout.token_ids) == 6 or rollout.stop == "end"
        assert rollout.train == (1,) * len(rollout.token_ids)


def test_an_end_token_at_the_limit_is_an_end(tiny_policy: Policy, prompts: list[Encoded]) -> None:
    with biased(tiny_policy, tiny_policy.end_token_ids, 50.0):
        ((rollout,),) = sample(tiny_policy, prompts[:1], 1, SamplingSettings(1), seeded())
    assert (rollout.stop, rollout.text, len(rollout.token_ids)) == ("end", "", 1)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_stop_string_ends_a_response_where_it_first_appears(
    tiny_policy: Policy, prompts: list[Encoded], size: int
) -> None:
    decode = tiny_policy.processor.tokenizer.decode
    settings = SamplingSettings(20, temperature=0)
    for prompt, (free,) in zip(
        prompts, sample(tiny_policy, prompts, 1, settings, seeded()), strict=True
    ):
        middle = len(free.text) // 2
        word = free.text[middle : middle + size]
        stopped = SamplingSettings(20, temperature=0, stop=("never written", word))
        ((found,),) = sample(tiny_policy, [prompt], 1, stopped, seeded())
        first = next(i for i in range(1, 21) if word in decode(free.token_ids[:i]))
        assert found.token_ids == free.token_ids[:first]
        assert found.stop == "stop"
        assert word in found.text


def test_a_stop_string_outside_ascii_is_found(fresh_policy: Policy, prompts: list[Encoded]) -> None:
    ids = fresh_policy.processor.tokenizer("aé", add_special_tokens=False)["input_ids"]
    turn = iter([*ids, ids[0]])
    forced = fresh_policy.core.lm_head.register_forward_hook(
        lambda _m, _a, logits: torch.zeros_like(logits).index_fill(
            -1, torch.tensor([next(turn)]), 99.0
        )
    )
    settings = SamplingSettings(9, temperature=0, stop=("é",))
    ((rollout,),) = sample(fresh_policy, prompts[:1], 1, settings, seeded())
    forced.remove()
    assert (rollout.text, rollout.stop, rollout.token_ids) == ("aé", "stop", tuple(ids))


def test_no_prompts_have_no_responses(tiny_policy: Policy) -> None:
    assert sample(tiny_policy, [], 4, SamplingSettings(5), seeded()) == []


def test_a_limit_of_no_tokens_gives_empty_responses(
    tiny_policy: Policy, prompts: list[Encoded]
) -> None:
    ((rollout,),) = sample(tiny_policy, prompts[:1], 1, SamplingSettings(0), seeded())
    assert (rollout.text, rollout.token_ids, rollout.stop) == ("", (), "length")


def test_a_count_below_one_is_refused(tiny_policy: Policy, prompts: list[Encoded]) -> None:
    with pytest.raises(ValueError, match="count=0"):
        sample(tiny_policy, prompts, 0, SamplingSettings(5), seeded())


# What it costs


def test_prompt_and_image_are_encoded_once_per_group(
    tiny_policy: Policy, prompts: list[Encoded]
) -> None:
    layer = tiny_policy.core.model.language_model.layers[0].mlp
    asked = [*prompts, prompts[1]]
    with shapes_seen(tiny_policy.core.model.visual.merger) as patches, shapes_seen(layer) as tokens:
        sample(tiny_policy, asked, 4, SamplingSettings(3), seeded())
    assert [shape[0] for shape in patches] == [24 + 32]
    unique = {id(prompt): len(prompt) for prompt in asked}
    assert [shape[0] for shape in tokens] == [sum(unique.values()), 20, 20]


@pytest.mark.parametrize("count", [1, 6])
@pytest.mark.parametrize("chunk", [6, 12, 128])
def test_ended_rows_soon_cost_nothing_more(
    tiny_policy: Policy, prompts: list[Encoded], count: int, chunk: int
) -> None:
    layer = tiny_policy.core.model.language_model.layers[0].mlp
    asked = prompts * 6
    with biased(tiny_policy, tiny_policy.end_token_ids, 4.5), shapes_seen(layer) as rows:
        answers = sample(tiny_policy, asked, count, SamplingSettings(24, chunk=chunk), seeded())
    lengths = [len(row) for group in tokens(answers) for row in group]
    spent = sum(shape[0] for shape in rows if shape[0] <= max(chunk, count))
    assert max(lengths) > 2 * min(lengths)
    assert spent < min(len(lengths) * max(lengths), 4 * sum(lengths))


def test_prompts_that_wait_take_the_lines_of_those_that_ended(
    tiny_policy: Policy, prompts: list[Encoded]
) -> None:
    layer = tiny_policy.core.model.language_model.layers[0].mlp
    with biased(tiny_policy, tiny_policy.end_token_ids, 4.0), shapes_seen(layer) as rows:
        answers = sample(tiny_policy, prompts * 8, 1, SamplingSettings(24, chunk=4), seeded())
    lengths = [len(row) for group in tokens(answers) for row in group]
    in_turn = sum(max(lengths[start : start + 4]) for start in range(0, len(lengths), 4))
    assert sum(shape[0] == 4 for shape in rows) < in_turn


def test_each_response_is_told_once_as_soon_as_it_has_ended(
    tiny_policy: Policy, prompts: list[Encoded]
) -> None:
    told: dict[tuple[int, int], Rollout] = {}
    places: list[int] = []

    def note(prompt: int, member: int, rollout: Rollout) -> None:
        assert (prompt, member) not in told
        told[prompt, member] = rollout
        places.append(len(rollout.token_ids))

    with biased(tiny_policy, tiny_policy.end_token_ids, 3.0):
        settings = SamplingSettings(16, chunk=64)
        answers = sample(tiny_policy, prompts, 3, settings, seeded(), note)
    assert told == {(p, m): r for p, rows in enumerate(answers) for m, r in enumerate(rows)}
    assert places == sorted(places)
    assert len(set(places)) > 1


def test_a_row_is_the_same_whatever_is_written_beside_it(
    tiny_policy: Policy, prompts: list[Encoded]
) -> None:
    with biased(tiny_policy, tiny_policy.end_token_ids, 3.0):
        whole, cut, single = (
            tokens(sample(tiny_policy, prompts * 3, 3, SamplingSettings(40, chunk=size), seeded(5)))
            for size in (128, 9, 1)
        )
    assert whole == cut == single


def test_the_last_token_is_not_run_through_the_model(
    tiny_policy: Policy, prompts: list[Encoded]
) -> None:
    with shapes_seen(tiny_policy.core.lm_head) as calls:
        sample(tiny_policy, prompts, 1, SamplingSettings(1), seeded())
    assert calls == [(4, 64)]


# The model afterwards


@pytest.mark.parametrize("training", [False, True])
def test_the_training_mode_is_as_before(
    fresh_policy: Policy, prompts: list[Encoded], training: bool
) -> None:
    fresh_policy.model.train(training)
    sample(fresh_policy, prompts, 1, SamplingSettings(2), seeded())
    assert fresh_policy.model.training is training


def test_the_training_mode_is_as_before_after_an_error(
    fresh_policy: Policy, prompts: list[Encoded]
) -> None:
    def fail(_module: Any, _args: Any) -> None:
        raise RuntimeError("out of memory")

    fresh_policy.model.train()
    fresh_policy.core.lm_head.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        sample(fresh_policy, prompts, 1, SamplingSettings(2), seeded())
    assert fresh_policy.model.training


def test_sampling_leaves_no_gradient_graph(fresh_policy: Policy, prompts: list[Encoded]) -> None:
    sample(fresh_policy, prompts, 1, SamplingSettings(2), seeded())
    assert all(parameter.grad is None for parameter in fresh_policy.trainable().values())


# Truncation

LOGITS = st.lists(
    st.integers(-60, 60), min_size=1, max_size=12, unique=True
).map(lambda values: torch.tensor([[value / 10 for value in values]]))  # fmt: skip


@given(LOGITS)
def test_without_limits_nothing_is_cut(logits: torch.Tensor) -> None:
    assert truncate(logits, 1.0, 0).equal(logits)


@given(LOGITS, st.integers(1, 15))
def test_top_k_keeps_the_k_largest(logits: torch.Tensor, top_k: int) -> None:
    kept = truncate(logits, 1.0, top_k)[0].isfinite()
    assert int(kept.sum()) == min(top_k, logits.shape[1])
    if not kept.all():
        assert logits[0][kept].min() > logits[0][~kept].max()


@given(LOGITS, st.floats(0.01, 0.99))
def test_top_p_keeps_the_smallest_set_that_reaches_p(logits: torch.Tensor, top_p: float) -> None:
    cut = truncate(logits, top_p, 0)[0]
    kept = cut.isfinite()
    mass = logits[0].softmax(-1)
    assert cut[kept].equal(logits[0][kept])
    assert mass[kept].sum() >= top_p - 1e-5
    assert mass[kept].sum() - mass[kept].min() < top_p + 1e-5
    if not kept.all():
        assert logits[0][kept].min() > logits[0][~kept].max()


@given(LOGITS, st.integers(1, 6), st.floats(0.01, 0.99))
def test_top_p_looks_at_what_top_k_left(logits: torch.Tensor, top_k: int, top_p: float) -> None:
    both = truncate(logits, top_p, top_k)
    assert both.equal(truncate(truncate(logits, 1.0, top_k), top_p, 0))
    assert both.isfinite().any()


def test_truncation_treats_each_row_alone() -> None:
    logits = torch.tensor([[3.0, 2.0, 1.0], [1.0, 1.1, 5.0]])
    assert truncate(logits, 0.6, 2).isfinite().tolist() == [[True, False, False],
                                                            [False, False, True]]  # fmt: skip


# Drawing


@given(LOGITS, st.floats(0, 1, exclude_max=True))
def test_a_number_draws_the_token_that_it_falls_on(logits: torch.Tensor, uniform: float) -> None:
    token = int(draw(logits, torch.tensor([uniform], dtype=torch.float32)))
    mass = logits[0].double().softmax(-1).cumsum(-1)
    before = float(mass[token - 1]) if token else 0.0
    assert before - 1e-5 <= uniform <= float(mass[token]) + 1e-5


@given(LOGITS, st.floats(0, 1), st.floats(0.01, 0.99))
def test_what_is_cut_is_never_drawn(logits: torch.Tensor, uniform: float, top_p: float) -> None:
    cut = truncate(logits, top_p, 0)
    assert cut[0, int(draw(cut, torch.tensor([uniform], dtype=torch.float32)))].isfinite()


# One token at a time


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_stream_gives_the_tokens_of_the_whole_response(
    tiny_policy: Policy, prompts: list[Encoded], temperature: float
) -> None:
    settings = SamplingSettings(12, temperature, top_p=0.9)
    with biased(tiny_policy, tiny_policy.end_token_ids, 2.0):
        for prompt in prompts:
            ((whole,),) = sample(tiny_policy, [prompt], 1, settings, seeded(3))
            *pieces, last = stream(tiny_policy, prompt, settings, seeded(3))
            assert tuple(token for token, _ in [*pieces, last]) == whole.token_ids
            assert last[1] == whole.stop
            assert all(reason is None for _, reason in pieces)


def test_a_stream_that_is_closed_gives_the_model_back(
    fresh_policy: Policy, prompts: list[Encoded]
) -> None:
    fresh_policy.model.train()
    tokens = stream(fresh_policy, prompts[0], SamplingSettings(9), seeded())
    next(tokens)
    assert not fresh_policy.model.training
    tokens.close()
    assert fresh_policy.model.training
