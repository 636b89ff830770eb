from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from gnomon.auxiliary.reader import (
    Counts,
    ReaderError,
    Replies,
    Request,
    ask,
    ask_once,
    summary_of,
)
from gnomon.records import Media, Message


def test_a_request_is_told_apart_by_all_that_is_asked(paint: Callable[..., Media]) -> None:
    turn = (Message("user", "<image>?"),)
    requests = [
        Request(turn, (paint("red"),)),
        Request(turn, (paint("blue"),)),
        Request(turn, (paint("red"),), "<think>"),
        Request((Message("system", "x"), *turn), (paint("red"),)),
    ]
    assert len({request.key for request in requests}) == 4
    assert Request(turn, (paint("red"),)).key == requests[0].key


def test_a_request_has_a_system_turn_only_when_there_is_a_text() -> None:
    assert [turn.role for turn in ask("?").messages] == ["user"]
    assert [turn.role for turn in ask("?", system="x").messages] == ["system", "user"]


def test_equal_requests_are_asked_once_and_all_get_the_reply() -> None:
    seen: list[int] = []

    def reader(requests: Sequence[Request]) -> Replies:
        seen.append(len(requests))
        return [request.messages[-1].text.upper() for request in requests]

    assert ask_once(reader, [ask("a"), ask("b"), ask("a")]) == ["A", "B", "A"]
    assert seen == [2]


def test_nothing_is_asked_for_nothing() -> None:
    def never(requests: Sequence[Request]) -> Replies:
        raise AssertionError

    assert ask_once(never, []) == []


def test_a_reader_that_loses_replies_is_an_error() -> None:
    with pytest.raises(ReaderError, match="0 replies to 1 requests"):
        ask_once(lambda requests: [], [ask("a")])


def test_counts_are_summed_and_a_plain_function_has_none() -> None:
    counts = Counts()
    counts.add(asked=2, failed=1)
    counts.add(asked=3)
    assert counts.summary()["asked"] == 5
    assert set(counts.summary()) == {"asked", "cached", "failed", "prompt_tokens", "reply_tokens"}
    assert summary_of(lambda requests: []) == {}
