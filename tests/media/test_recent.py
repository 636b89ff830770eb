from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.media.recent import Recent


@given(st.lists(st.integers(0, 9), max_size=60))
def test_values_are_right_and_within_the_limit_whatever_is_asked(keys: list[int]) -> None:
    recent: Recent[bytes] = Recent(12, len)
    for key in keys:
        assert recent.get(key, lambda size=key: bytes(size)) == bytes(key)
        assert recent.bytes <= 12
        assert recent.bytes == sum(map(len, recent._kept.values()))


def test_a_value_that_is_asked_for_again_is_the_same_object() -> None:
    recent: Recent[list[int]] = Recent(2, len)
    first = recent.get("a", lambda: [1])
    assert recent.get("a", lambda: [1]) is first


def test_what_was_used_longest_ago_goes_first() -> None:
    recent: Recent[str] = Recent(2, len)
    for key in "abac":
        recent.get(key, lambda: "x")
    made: list[str] = []
    for key in "ac":
        recent.get(key, lambda: made.append("again") or "x")  # type: ignore[func-returns-value]
    assert (made, len(recent)) == ([], 2)


def test_a_value_over_the_limit_is_given_and_not_kept() -> None:
    recent: Recent[str] = Recent(2, len)
    assert recent.get("a", lambda: "xxx") == "xxx"
    assert len(recent) == 0


def test_what_cannot_be_made_is_not_kept() -> None:
    recent: Recent[str] = Recent(2, len)
    with pytest.raises(ZeroDivisionError):
        recent.get("a", lambda: str(1 / 0))
    assert recent.get("a", lambda: "x") == "x"


def test_bytes_are_counted_right_whatever_threads_ask_at_once() -> None:
    recent: Recent[bytes] = Recent(60, len)

    def ask(start: int) -> None:
        for step in range(2000):
            size = (start + step * (start + 1)) % 23
            assert recent.get(size, lambda size=size: bytes(size)) == bytes(size)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(ask, range(4)))
    assert recent.bytes == sum(map(len, recent._kept.values())) <= 60
