from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnomon.formats.plain import direct
from gnomon.models.batch import Batch, make_batch, pack
from gnomon.models.encode import Encoded, Encoder, feature_count
from gnomon.records import Media, Message, Sample

Paint = Callable[..., Media]
LENGTHS = st.lists(st.integers(1, 60), max_size=60)


def asking(encoder: Encoder, text: str, *media: Media) -> Encoded:
    sample = Sample("s", (Message("user", "<image>" * len(media) + text),), media)
    return encoder.prompt(sample, direct())


def batch_of(encoder: Encoder, *rows: list[Encoded]) -> Batch:
    return make_batch(
        rows, pad_id=0, merge_size=encoder.merge_size, image_token_id=encoder.image_token_id
    )


@given(LENGTHS, st.integers(1, 80))
def test_packing_uses_every_sequence_once_and_keeps_the_capacity(
    lengths: list[int], capacity: int
) -> None:
    rows = pack(lengths, capacity)
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    for row in rows:
        assert len(row) == 1 or sum(lengths[index] for index in row) <= capacity


@given(LENGTHS)
def test_packing_needs_at_most_twice_the_rows_that_the_tokens_fill(lengths: list[int]) -> None:
    rows = pack(lengths, 60)
    assert len(rows) <= 2 * sum(lengths) / 60 + 1


@pytest.mark.parametrize("seed", range(5))
def test_packing_a_realistic_mix_pads_less_than_five_percent(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    drawn = (torch.randn(256, generator=generator) * 0.6 + 5).exp().long().clamp(16, 1024)
    lengths = drawn.tolist()
    rows = pack(lengths, 1024)
    assert 1 - sum(lengths) / (1024 * len(rows)) < 0.05


def test_rows_are_padded_on_the_right(tiny_encoder: Encoder) -> None:
    short, long = asking(tiny_encoder, "a"), asking(tiny_encoder, "a b c d")
    batch = batch_of(tiny_encoder, [short], [long])
    assert batch.token_ids.shape == (2, len(long))
    assert batch.segments[0].tolist() == [1] * len(short) + [0] * (len(long) - len(short))
    assert batch.token_ids[0, : len(short)].equal(short.token_ids)
    assert batch.token_ids[0, len(short) :].eq(0).all()
    assert batch.padding == pytest.approx((len(long) - len(short)) / (2 * len(long)))
    assert not batch.packed


def test_a_packed_row_holds_its_sequences_end_to_end(tiny_encoder: Encoder) -> None:
    one = asking(tiny_encoder, "a").extend([20, 21], [1, 1])
    two = asking(tiny_encoder, "a b c").extend([22], [1])
    batch = batch_of(tiny_encoder, [one, two])
    assert batch.token_ids[0].equal(torch.cat([one.token_ids, two.token_ids]))
    assert batch.train[0].equal(torch.cat([one.train, two.train]))
    assert batch.positions[:, 0].equal(torch.cat([one.positions, two.positions], dim=1))
    assert batch.segments[0].tolist() == [1] * len(one) + [2] * len(two)
    assert batch.packed
    assert batch.padding == 0


def test_the_first_token_of_a_sequence_is_never_trained(tiny_encoder: Encoder) -> None:
    whole = Encoded(
        torch.tensor([20, 21]), torch.tensor([True, True]), torch.zeros(3, 2).long(), (), 2
    )
    batch = batch_of(tiny_encoder, [whole, whole])
    assert batch.train.tolist() == [[False, True, False, True]]


def test_an_image_of_many_rows_is_held_once(tiny_encoder: Encoder, paint: Paint) -> None:
    red, blue = paint("red", 84, 56), paint("blue")
    rows = [
        [asking(tiny_encoder, "a", red), asking(tiny_encoder, "b", blue, red)],
        [asking(tiny_encoder, "c", blue)],
    ]
    batch = batch_of(tiny_encoder, *rows)
    assert [picture.key for picture in batch.pictures] == [red.key, blue.key]
    six, four = list(range(6)), list(range(6, 10))
    assert batch.features_index.tolist() == [*six, *four, *six, *four]
    assert int(batch.placeholders.sum()) == 20


def test_each_placeholder_takes_the_feature_of_its_own_image(
    tiny_encoder: Encoder, paint: Paint
) -> None:
    media = [paint("red", 56 * (1 + i), 56) for i in range(3)]
    rows = [[asking(tiny_encoder, "a", *media[:2])], [asking(tiny_encoder, "a", media[2])]]
    batch = batch_of(tiny_encoder, *rows)
    counts = [feature_count(picture.grid, 2) for picture in batch.pictures]
    owner = torch.arange(3).repeat_interleave(torch.tensor(counts))
    assert owner[batch.features_index].tolist() == [0] * 4 + [1] * 8 + [2] * 12


def test_text_alone_has_no_features(tiny_encoder: Encoder) -> None:
    batch = batch_of(tiny_encoder, [asking(tiny_encoder, "a")])
    assert batch.pictures == ()
    assert (batch.features_index.numel(), batch.features_index.dtype) == (0, torch.long)


def test_placeholders_that_differ_from_the_features_are_refused(
    tiny_encoder: Encoder, paint: Paint
) -> None:
    encoded = asking(tiny_encoder, "a", paint())
    cut = Encoded(encoded.token_ids, encoded.train, encoded.positions, (), encoded.next_position)
    with pytest.raises(ValueError, match="4 image placeholders but 0 image features"):
        batch_of(tiny_encoder, [cut])


def test_a_batch_of_no_rows_is_refused(tiny_encoder: Encoder) -> None:
    with pytest.raises(ValueError, match="at least one row"):
        batch_of(tiny_encoder)


def test_moving_a_batch_keeps_its_content(tiny_encoder: Encoder, paint: Paint) -> None:
    batch = batch_of(tiny_encoder, [asking(tiny_encoder, "a", paint())])
    moved = batch.to(torch.device("cpu"))
    assert moved.pictures is batch.pictures
    for name, value in vars(batch).items():
        if isinstance(value, torch.Tensor):
            assert getattr(moved, name).equal(value)
