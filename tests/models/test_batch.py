from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnomon.formats.plain import direct
from gnomon.models import batch as batches
from gnomon.models.batch import FILLED, STRIP, STRIPS, Batch, in_parts, make_batch, strips
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.percepts import feature_count
from gnomon.records import Media, Message, Sample

Paint = Callable[..., Media]
LENGTHS = st.lists(st.integers(1, 60), max_size=60)


def asking(encoder: Encoder, text: str, *media: Media) -> Encoded:
    sample = Sample("s", (Message("user", "<image>" * len(media) + text),), media)
    return encoder.prompt(sample, direct())


def batch_of(encoder: Encoder, *rows: Encoded) -> Batch:
    return make_batch(rows, placeholder_id=encoder.placeholder_id)


def run_of(length: int, before: Encoded | None = None) -> Encoded:
    ids = torch.arange(1, length + 1)
    return Encoded(ids, torch.ones(length).bool(), ids.expand(3, length), (), length, before)


def forest(lengths: list[int], families: list[int]) -> list[Encoded]:
    """Rows that continue one of a few prompts, or nothing."""
    prompts = [run_of(3), run_of(11), None]
    return [run_of(n, prompts[f]) for n, f in zip(lengths, families, strict=False)]


def plain(rows: list[Encoded]) -> Batch:
    return make_batch(rows, placeholder_id=-1)


FORESTS = st.lists(st.tuples(st.integers(1, 20), st.integers(0, 2)), min_size=1, max_size=20).map(
    lambda pairs: forest([n for n, _ in pairs], [f for _, f in pairs])
)


@given(LENGTHS, st.integers(1, 80))
def test_micro_batches_use_every_row_once_and_keep_the_limit(lengths: list[int], most: int) -> None:
    parts = in_parts(lengths, most)
    assert sorted(index for part in parts for index in part) == list(range(len(lengths)))
    for part in parts:
        assert len(part) == 1 or sum(lengths[index] for index in part) <= most


@given(LENGTHS)
def test_there_are_at_most_twice_the_micro_batches_that_the_tokens_fill(lengths: list[int]) -> None:
    parts = in_parts(lengths, 60)
    assert len(parts) <= 2 * sum(lengths) / 60 + 1


def test_rows_lie_end_to_end_without_padding(tiny_encoder: Encoder) -> None:
    short, long = asking(tiny_encoder, "a"), asking(tiny_encoder, "a b c d")
    batch = batch_of(tiny_encoder, short, long)
    assert batch.token_ids.equal(torch.cat([short.token_ids, long.token_ids]))
    assert batch.positions.equal(torch.cat([short.positions, long.positions], dim=1))
    assert [places.tolist() for places in batch.rows] == [
        list(range(len(short))), list(range(len(short), len(short) + len(long))),
    ]  # fmt: skip


def test_what_rows_continue_is_held_once(tiny_encoder: Encoder) -> None:
    prompt = asking(tiny_encoder, "a b c")
    rows = [prompt.extend([20 + i], [1]) for i in range(4)]
    batch = batch_of(tiny_encoder, *rows)
    assert len(batch) == len(prompt) + 4
    assert [batch.token_ids[places].tolist() for places in batch.rows] == [
        [*prompt.token_ids.tolist(), 20 + i] for i in range(4)
    ]


def test_a_turn_of_a_conversation_continues_all_before_it(tiny_encoder: Encoder) -> None:
    prompt = asking(tiny_encoder, "a")
    first = prompt.extend([20, 21], [1, 1])
    tool = first.extend([30], [0])
    rows = [tool.extend([40], [1]), tool.extend([50, 51], [1, 1])]
    batch = batch_of(tiny_encoder, *rows)
    assert len(batch) == len(prompt) + 2 + 1 + 1 + 2
    assert batch.token_ids[batch.targets_K].tolist() == [20, 21, 40, 20, 21, 50, 51]
    assert batch.counts == (3, 4)


def test_the_first_token_of_a_row_is_never_trained() -> None:
    batch = plain([run_of(2), run_of(2)])
    assert (batch.targets_K.tolist(), batch.sources_K.tolist()) == ([1, 3], [0, 2])


def test_the_first_token_of_a_response_is_predicted_by_the_end_of_its_prompt() -> None:
    prompt = run_of(5)
    batch = plain([run_of(2, prompt), run_of(1, prompt)])
    assert batch.sources_K[batch.targets_K == 5].tolist() == [4]
    assert batch.sources_K[batch.targets_K == 7].tolist() == [4]


@given(FORESTS, st.integers(1, 8))
def test_every_token_sees_its_own_row_up_to_itself_and_nothing_else(
    rows: list[Encoded], strip: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "STRIP", strip)
        batch = plain(rows)
    outputs = []
    for box in batch.rectangles:
        width = box.queries_RT.shape[1]
        assert box.queries_RT.numel()
        hidden = box.hidden_RTU
        if hidden is None:
            hidden = torch.ones(width, width).bool().triu(1).expand(len(box.queries_RT), -1, -1)
        for line in range(len(box.queries_RT)):
            outputs += [box.keys_RU[line][~hidden[line, t]].tolist() for t in range(width)]
    for places in batch.rows:
        for number, token in enumerate(places.tolist()):
            assert outputs[int(batch.order_M[token])] == places[: number + 1].tolist()


@given(st.integers(1, 3000))
def test_strips_lie_end_to_end(width: int) -> None:
    cut = strips(width)
    assert (cut[0][0], cut[-1][1]) == (0, width)
    assert all(one[1] == other[0] for one, other in itertools.pairwise(cut))
    assert len(cut) <= STRIPS
    assert len(cut) == 1 or min(last - first for first, last in cut) >= STRIP


@given(st.integers(1, 2000), st.integers(512, 6000))
def test_attention_of_rows_that_share_is_never_much_more_than_that_of_whole_rows(
    shared: int, own: int
) -> None:
    pairs = sum((last - first) * (shared + last) for first, last in strips(own))
    whole = (shared + own) * (shared + own + 1) / 2
    assert pairs <= 1.251 * whole
    assert own > 2 * shared or pairs <= 1.001 * whole


@given(FORESTS)
def test_rectangles_are_filled(rows: list[Encoded]) -> None:
    batch = plain(rows)
    assert 0 <= batch.padding <= 1 - FILLED + 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_attention_pads_little_on_a_realistic_mix(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    drawn = (torch.randn(256, generator=generator) * 0.6 + 5).exp().long().clamp(16, 1024)
    assert plain([run_of(length) for length in drawn.tolist()]).padding < 0.2


def test_an_image_of_many_rows_is_held_once(tiny_encoder: Encoder, paint: Paint) -> None:
    red, blue = paint("red", 84, 56), paint("blue")
    rows = [
        asking(tiny_encoder, "a", red),
        asking(tiny_encoder, "b", blue, red),
        asking(tiny_encoder, "c", blue),
    ]
    batch = batch_of(tiny_encoder, *rows)
    assert [picture.key for picture in batch.percepts] == [red.key, blue.key]
    six, four = list(range(6)), list(range(6, 10))
    assert batch.features_index.tolist() == [*six, *four, *six, *four]
    assert int(batch.placeholders.sum()) == 20


def test_each_placeholder_takes_the_feature_of_its_own_image(
    tiny_encoder: Encoder, paint: Paint
) -> None:
    media = [paint("red", 56 * (1 + i), 56) for i in range(3)]
    rows = [asking(tiny_encoder, "a", *media[:2]), asking(tiny_encoder, "a", media[2])]
    batch = batch_of(tiny_encoder, *rows)
    counts = [feature_count(picture.grid, 2) for picture in batch.percepts]
    owner = torch.arange(3).repeat_interleave(torch.tensor(counts))
    assert owner[batch.features_index].tolist() == [0] * 4 + [1] * 8 + [2] * 12


def test_text_alone_has_no_features(tiny_encoder: Encoder) -> None:
    batch = batch_of(tiny_encoder, asking(tiny_encoder, "a"))
    assert batch.percepts == ()
    assert (batch.features_index.numel(), batch.features_index.dtype) == (0, torch.long)


def test_placeholders_that_differ_from_the_features_are_refused(
    tiny_encoder: Encoder, paint: Paint
) -> None:
    encoded = asking(tiny_encoder, "a", paint())
    cut = Encoded(encoded.token_ids, encoded.train, encoded.positions, (), encoded.next_position)
    with pytest.raises(ValueError, match="4 placeholders but 0 features"):
        batch_of(tiny_encoder, cut)


def test_a_batch_of_no_rows_is_refused(tiny_encoder: Encoder) -> None:
    with pytest.raises(ValueError, match="at least one row"):
        batch_of(tiny_encoder)


def test_a_response_of_no_tokens_takes_no_place() -> None:
    prompt = run_of(4)
    batch = plain([run_of(0, prompt), run_of(2, prompt)])
    assert (len(batch), batch.counts) == (6, (3, 5))


def test_moving_a_batch_keeps_its_content(tiny_encoder: Encoder, paint: Paint) -> None:
    prompt = asking(tiny_encoder, "a", paint())
    batch = batch_of(tiny_encoder, prompt.extend([20], [1]))
    moved = batch.to(torch.device("cpu"))
    assert moved.percepts is batch.percepts
    assert len(moved.rectangles) == len(batch.rectangles) == 2
    for name, value in vars(batch).items():
        if isinstance(value, torch.Tensor):
            assert getattr(moved, name).equal(value)
