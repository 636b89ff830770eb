from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from gnomon.auxiliary.reader import Replies, Request
from gnomon.records import Answer, Graded, Group, Message, Outcome, Rollout, Sample, Verdict

Reply = Callable[[str], str | None] | str | None


class Recorder:
    """A reader that is a plain function, and what it was asked."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.requests: list[Request] = []

    def __call__(self, requests: Sequence[Request]) -> Replies:
        self.requests += requests
        reply = self.reply
        return [
            reply(request.messages[-1].text) if callable(reply) else reply for request in requests
        ]

    @property
    def texts(self) -> list[str]:
        """The user's turn of every request."""
        return [request.messages[-1].text for request in self.requests]


@pytest.fixture
def reader() -> type[Recorder]:
    """Makes readers that reply as a test says."""
    return Recorder


@pytest.fixture
def asked() -> Callable[..., list[Group]]:
    """Makes a batch of one group: the responses to one question."""

    def make(
        *texts: str, answer: Answer | None = None, question: str = "What is it?",
        correct: bool = False, **meta: Any,
    ) -> list[Group]:  # fmt: skip
        sample = Sample("s", (Message("user", question),), answer=answer, meta=meta)
        outcome = Outcome.CORRECT if correct else Outcome.WRONG
        members = (
            Graded(Rollout((n, n), (0.0, 0.0), text, "end"), Verdict(outcome, float(correct)))
            for n, text in enumerate(texts)
        )
        return [Group(sample, tuple(members))]

    return make
