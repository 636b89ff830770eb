from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from gnomon.auxiliary.ahead import Ahead, beside_decoding
from gnomon.auxiliary.endpoint import EndpointReader
from gnomon.auxiliary.reader import ReaderError, Replies, Request, ask


class Loud:
    """A reader that gives the question in capitals, notes what it was asked, and can be held."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.free = threading.Event()
        self.free.set()
        self.fails = 0

    def __call__(self, requests: Sequence[Request]) -> Replies:
        texts = [request.messages[-1].text for request in requests]
        self.asked.append(texts)
        self.free.wait(10)
        if len(self.asked) <= self.fails:
            raise ReaderError("nobody answers")
        return [None if text == "unknown" else text.upper() for text in texts]


def asks(*texts: str) -> list[Request]:
    return [ask(text) for text in texts]


def test_replies_come_by_index_and_nothing_is_asked_twice() -> None:
    reader = Loud()
    ahead = Ahead(reader)
    assert ahead.early(asks("a", "b", "a")) == ["A", "B", "A"]
    assert ahead(asks("c", "b", "a")) == ["C", "B", "A"]
    assert reader.asked == [["a", "b"], ["c"]]


def test_a_failed_reply_is_remembered_as_any_other() -> None:
    reader = Loud()
    ahead = Ahead(reader)
    assert ahead(asks("unknown")) == ahead(asks("unknown")) == [None]
    assert reader.asked == [["unknown"]]


def test_a_request_that_is_on_its_way_is_waited_for() -> None:
    reader = Loud()
    ahead = Ahead(reader)
    reader.free.clear()
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(ahead, asks("a")) for _ in range(4)]
        reader.free.set()
        assert [each.result(10) for each in waiting] == [["A"]] * 4
    assert reader.asked == [["a"]]


def test_what_failed_early_is_asked_in_its_turn_and_not_before() -> None:
    reader = Loud()
    reader.fails = 1
    ahead = Ahead(reader)
    for _ in range(2):
        with pytest.raises(ReaderError, match="nobody answers"):
            ahead.early(asks("a"))
    assert reader.asked == [["a"]]
    assert ahead(asks("a")) == ["A"]


def test_a_reader_that_cannot_work_says_so_in_its_turn() -> None:
    reader = Loud()
    reader.fails = 9
    with pytest.raises(ReaderError, match="nobody answers"):
        Ahead(reader)(asks("a"))


def test_only_a_reader_that_computes_elsewhere_is_asked_beside_the_decoding() -> None:
    assert beside_decoding(EndpointReader.__new__(EndpointReader))
    assert not beside_decoding(Loud())
    assert not beside_decoding(None)
