from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.data.order import Blocks
from gnomon.data.stream import BadSource, Stream
from gnomon.records import BadRecord, Message, Sample

SEEDS = st.integers(0, 2**63)
LENGTHS = st.integers(1, 300)


@dataclass
class Numbers:
    """Its items are their own indices; those of ``bad`` are bad records."""

    length: int
    bad: frozenset[int] = field(default_factory=frozenset)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> int:
        if index in self.bad:
            raise BadRecord(f"line {index}: broken")
        return index


@given(LENGTHS, SEEDS, st.integers(0, 700), st.integers(0, 200))
@settings(max_examples=50, deadline=None)
def test_a_stream_resumed_at_any_position_has_the_same_tail(
    length: int, seed: int, start: int, count: int
) -> None:
    source = Numbers(length, frozenset(range(0, length, 7)) if length > 20 else frozenset())
    unbroken = Stream(source, seed=seed, position=start, max_bad_share=0.5)
    unbroken.take(count)
    resumed = Stream(source, seed=seed, position=unbroken.position, max_bad_share=0.5)
    assert resumed.take(30) == unbroken.take(30)
    assert resumed.position == unbroken.position


def test_epochs_and_seeds_have_their_own_orders() -> None:
    first, second = Stream(Numbers(50), seed=0), Stream(Numbers(50), seed=1)
    orders = [tuple(first.take(50)), tuple(first.take(50)), tuple(second.take(50))]
    assert len(set(orders)) == 3


def test_the_same_seed_gives_the_same_order() -> None:
    assert Stream(Numbers(50), seed=3).take(120) == Stream(Numbers(50), seed=3).take(120)


def test_the_order_is_the_same_in_every_version() -> None:
    assert Stream(Numbers(10), seed=0).take(10) == [3, 1, 7, 6, 9, 8, 0, 2, 4, 5]


def test_without_shuffling_the_order_of_the_source_is_kept() -> None:
    assert Stream(Numbers(3), seed=0, shuffle=False).take(7) == [0, 1, 2, 0, 1, 2, 0]


def test_a_source_of_one_record_repeats_it() -> None:
    assert Stream(Numbers(1), seed=0).take(3) == [0, 0, 0]


@dataclass
class Grouped(Numbers):
    """Numbers that are read ten at a time."""

    blocks: Blocks = field(default_factory=lambda: Blocks(range(0, 95, 10), kept=3))


@given(SEEDS, st.integers(0, 300))
@settings(max_examples=30, deadline=None)
def test_a_stream_over_blocks_is_resumed_at_any_position(seed: int, start: int) -> None:
    unbroken = Stream(Grouped(95), seed=seed)
    unbroken.take(start)
    assert Stream(Grouped(95), seed=seed, position=start).take(120) == unbroken.take(120)


def test_a_stream_over_blocks_reads_ahead_in_the_same_order() -> None:
    assert Stream(Grouped(95), seed=1, workers=2).take(200) == Stream(Grouped(95), seed=1).take(200)


def test_without_shuffling_blocks_change_nothing() -> None:
    assert Stream(Grouped(95), seed=0, shuffle=False).take(95) == list(range(95))


def test_iterating_gives_what_taking_gives() -> None:
    stream = Stream(Numbers(5), seed=0)
    assert [item for item, _ in zip(stream, range(8), strict=False)] == Stream(
        Numbers(5), seed=0
    ).take(8)


def test_samples_pass_through_as_they_are() -> None:
    samples = [Sample("a", (Message("user", "?"),))]
    assert Stream(samples, seed=0).take(1)[0] is samples[0]


def test_bad_records_are_passed_over_and_reported() -> None:
    skipped: list[tuple[str, str]] = []
    stream = Stream(
        Numbers(10, frozenset({4})),
        seed=0,
        shuffle=False,
        on_skip=lambda id, reason: skipped.append((id, reason)),
    )
    assert stream.take(9) == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert skipped == [("4", "line 4: broken")]
    assert stream.position == 10


def test_a_source_that_is_bad_throughout_stops_after_one_epoch() -> None:
    skipped: list[str] = []
    stream = Stream(
        Numbers(5, frozenset(range(5))), seed=0, on_skip=lambda id, _: skipped.append(id)
    )
    with pytest.raises(BadSource, match=r"all 5 records.*broken"):
        next(stream)
    assert sorted(skipped) == ["0", "1", "2", "3", "4"]


def test_too_large_a_share_of_bad_records_stops_with_the_share_and_the_reason() -> None:
    stream = Stream(Numbers(1000, frozenset(range(0, 1000, 3))), seed=0)
    with pytest.raises(BadSource, match=r"of the last 50 records are bad, allowed are 20%.*broken"):
        stream.take(1000)
    assert stream.position >= 50


def test_few_draws_are_not_judged() -> None:
    bad = frozenset(range(0, 40, 2))
    assert len(Stream(Numbers(1000, bad), seed=0, shuffle=False).take(20)) == 20


def test_a_share_below_the_limit_goes_on() -> None:
    stream = Stream(Numbers(1000, frozenset(range(0, 1000, 10))), seed=0, shuffle=False)
    assert len(stream.take(2000)) == 2000


def test_any_share_is_allowed_when_asked_for() -> None:
    stream = Stream(Numbers(100, frozenset(range(99))), seed=0, max_bad_share=1.0)
    assert stream.take(2) == [99, 99]


def test_one_good_record_in_every_epoch_is_enough_wherever_it_falls() -> None:
    stream = Stream(Numbers(3, frozenset({0, 1})), seed=0, position=1, max_bad_share=1.0)
    assert stream.take(100) == [2] * 100


def test_an_empty_source_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        Stream(Numbers(0), seed=0)


def test_a_negative_position_is_refused() -> None:
    with pytest.raises(ValueError, match="position=-1"):
        Stream(Numbers(3), seed=0, position=-1)


def test_a_share_that_is_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match="max_bad_share=20"):
        Stream(Numbers(3), seed=0, max_bad_share=20)


def test_a_fault_that_is_no_bad_record_passes_through() -> None:
    class Broken(Numbers):
        def __getitem__(self, index: int) -> int:
            raise KeyError(index)

    stream = Stream(Broken(3), seed=0)
    with pytest.raises(KeyError):
        next(stream)
    assert stream.position == 0


class WithBad:
    """Numbers; every seventh is bad."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> int:
        if index % 7 == 3:
            raise BadRecord(f"record {index} is bad")
        return index


def test_reading_ahead_in_other_processes_changes_nothing() -> None:
    def read(workers: int) -> tuple[list[int], list[tuple[str, str]], int]:
        skipped: list[tuple[str, str]] = []
        stream = Stream(
            WithBad(),
            seed=5,
            position=3,
            workers=workers,
            on_skip=lambda *told: skipped.append(told),
        )
        return stream.take(50), skipped, stream.position

    assert read(2) == read(0)
