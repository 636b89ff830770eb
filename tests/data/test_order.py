from __future__ import annotations

from collections import Counter, OrderedDict
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.data.order import BlockOrder, Blocks, permuted

SEEDS = st.integers(0, 2**63)
LENGTHS = st.integers(1, 300)
SIZES = st.lists(st.integers(0, 9), min_size=1, max_size=40).filter(any)


@given(LENGTHS, SEEDS, st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_each_epoch_visits_every_index_once(length: int, seed: int, epoch: int) -> None:
    places = [permuted(place, length, seed, epoch) for place in range(length)]
    assert sorted(places) == list(range(length))


def test_an_index_outside_the_epoch_is_refused() -> None:
    with pytest.raises(IndexError):
        permuted(5, 5, 0, 0)


def test_huge_sources_are_permuted_without_a_list() -> None:
    length = 10**15
    drawn = {permuted(place, length, 7, 0) for place in range(100)}
    assert len(drawn) == 100 and max(drawn) > length // 2


def test_orders_of_short_sources_are_about_equally_frequent() -> None:
    counts = Counter(tuple(permuted(p, 4, seed, 0) for p in range(4)) for seed in range(2400))
    assert len(counts) == 24
    assert sum((count - 100) ** 2 / 100 for count in counts.values()) < 60


def test_the_first_draw_is_spread_over_the_source() -> None:
    drawn = [permuted(0, 1000, seed, 0) for seed in range(400)]
    assert 430 < sum(drawn) / 400 < 570


# -- blocks -----------------------------------------------------------------------------------


def blocks_of(sizes: list[int], kept: int) -> Blocks:
    return Blocks((0, *accumulate(sizes[:-1])), kept)


def drawn(sizes: list[int], kept: int, seed: int, epoch: int = 0) -> list[int]:
    order = BlockOrder(blocks_of(sizes, kept), sum(sizes), seed, epoch)
    return [order[place] for place in range(sum(sizes))]


def reads(indices: list[int], sizes: list[int], kept: int) -> int:
    """Blocks that are read for ``indices`` when the ``kept`` ones used last are in memory."""
    ends = list(accumulate(sizes))
    cache: OrderedDict[int, None] = OrderedDict()
    count = 0
    for index in indices:
        block = next(n for n, end in enumerate(ends) if index < end)
        count += block not in cache
        cache[block] = None
        cache.move_to_end(block)
        if len(cache) > kept:
            cache.popitem(last=False)
    return count


@given(SIZES, st.integers(1, 8), SEEDS, st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_an_epoch_over_blocks_visits_every_index_once(
    sizes: list[int], kept: int, seed: int, epoch: int
) -> None:
    assert sorted(drawn(sizes, kept, seed, epoch)) == list(range(sum(sizes)))


@given(SIZES, st.integers(1, 8), SEEDS)
@settings(max_examples=100, deadline=None)
def test_every_block_is_read_once_an_epoch(sizes: list[int], kept: int, seed: int) -> None:
    assert reads(drawn(sizes, kept, seed), sizes, kept) == sum(size > 0 for size in sizes)


@given(SEEDS)
def test_blocks_that_are_all_kept_are_permuted_as_a_whole(seed: int) -> None:
    assert drawn([10] * 8, 8, seed) == [permuted(place, 80, seed, 0) for place in range(80)]


def test_a_batch_holds_items_of_all_blocks_of_its_window_and_not_of_neighbours() -> None:
    blocks = Counter(index // 100 for index in drawn([100] * 100, 8, seed=0)[:64])
    assert len(blocks) == 8
    assert max(blocks) - min(blocks) > 50


def test_epochs_seeds_and_windows_have_their_own_orders() -> None:
    orders = [drawn([20] * 20, 2, *key) for key in ((0, 0), (0, 1), (1, 0))]
    assert len(set(map(tuple, orders))) == 3
    first, second = orders[0][:40], orders[0][40:80]
    assert [i % 20 for i in first] != [i % 20 for i in second]


def test_a_place_outside_the_epoch_is_refused() -> None:
    with pytest.raises(IndexError):
        BlockOrder(Blocks((0, 5), 1), 10, 0, 0)[10]
