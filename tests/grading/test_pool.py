from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.grading.pool import Abandoned, Pool


def doubled(item: int) -> int:
    return 2 * item


def late(item: Any) -> str:
    return f"{item} was late"


def pool(work: Callable[[Any], Any], threads: int = 2, seconds: float = 30.0) -> Pool[Any, Any]:
    return Pool(work, late, threads=threads, seconds=seconds)


@settings(max_examples=8)
@given(st.lists(st.integers(), max_size=20), st.integers(1, 4))
def test_results_come_by_number_whoever_was_first(items: list[int], threads: int) -> None:
    with pool(doubled, threads) as made:
        for number in reversed(range(len(items))):
            made.submit(number, items[number])
        assert list(made.results().items()) == list(enumerate(2 * item for item in items))


def test_as_many_work_at_a_time_as_there_are_threads_and_no_more() -> None:
    both = threading.Barrier(2, timeout=10)
    busy: list[int] = []
    most: list[int] = []

    def meet(item: int) -> int:
        busy.append(item)
        most.append(len(busy))
        both.wait()
        busy.remove(item)
        return item

    with pool(meet, threads=2) as made:
        for number in range(6):
            made.submit(number, number)
        assert len(made.results()) == 6
    assert max(most) == 2


def test_what_hangs_is_late_and_delays_nothing_behind_it() -> None:
    free = threading.Event()

    def work(item: str) -> str:
        if item == "hangs":
            free.wait(60)
        return item

    begun = time.monotonic()
    with pool(work, threads=1, seconds=0.2) as made:
        for number, item in enumerate(["a", "hangs", "b", "c"]):
            made.submit(number, item)
        assert list(made.results().values()) == ["a", "hangs was late", "b", "c"]
    assert time.monotonic() - begun < 10
    free.set()


def test_what_is_late_is_given_up_while_nobody_asks_for_results() -> None:
    free, after = threading.Event(), threading.Event()
    with pool(lambda wait: free.wait(60) if wait else after.set(), threads=1, seconds=0.1) as made:
        made.submit(0, True)
        made.submit(1, False)
        assert after.wait(10)
    free.set()


def test_an_endless_loop_is_stopped() -> None:
    ended = threading.Event()

    def endless(item: str) -> None:
        try:
            while True:
                pass
        except Abandoned:
            ended.set()
            raise

    with pool(endless, seconds=0.05) as made:
        made.submit(0, "it")
        assert made.results() == {0: "it was late"}
    assert ended.wait(10)


def test_waiting_for_a_thread_is_no_part_of_the_time() -> None:
    with pool(lambda item: time.sleep(0.1), threads=1, seconds=0.35) as made:
        for number in range(6):
            made.submit(number, number)
        assert made.results() == dict.fromkeys(range(6))


def test_the_exception_of_the_smallest_number_is_raised() -> None:
    first = threading.Event()

    def fail(item: int) -> None:
        if item == 1:
            first.wait(10)
        first.set()
        raise ValueError(f"item {item}")

    with pool(fail) as made:
        made.submit(1, 1)
        made.submit(2, 2)
        with pytest.raises(ValueError, match="item 1"):
            made.results()


def test_leaving_gives_up_what_is_left() -> None:
    begun, ended = threading.Event(), threading.Event()
    done: list[int] = []

    def work(item: int) -> None:
        begun.set()
        try:
            while item == 0:
                time.sleep(0.001)
        finally:
            ended.set()
        done.append(item)

    with pool(work, threads=1) as made:
        made.submit(0, 0)
        made.submit(1, 1)
        assert begun.wait(10)
    assert ended.wait(10)
    assert done == []


@pytest.mark.parametrize(("threads", "seconds"), [(0, 1.0), (1, 0.0)])
def test_a_pool_that_could_do_nothing_is_refused(threads: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="give at least 1"):
        pool(doubled, threads, seconds)
