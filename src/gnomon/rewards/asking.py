"""Terms that ask a reader: one pass over the batch, one request per rollout that needs one.

A term plans for every rollout either a `Request`, or the score that needs no asking (None: the term
does not apply). All requests of the batch go to the reader at once; equal ones are asked once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gnomon.auxiliary.reader import Reader, Request, ask_once
from gnomon.records import Graded, Group, Sample

Plan = Callable[[Sample, Graded], Request | float | None]
Read = Callable[[Sample, Graded, str | None], float | None]
Table = list[list[float | None]]


def ask_about(groups: Sequence[Group], ask: Reader, plan: Plan, read: Read) -> Table:
    """Scores of every rollout: what ``plan`` says, or what ``read`` makes of the reader's reply.

    ``read`` is given None where the reader failed.
    """
    members = [(group.sample, member) for group in groups for member in group.members]
    plans = [plan(sample, member) for sample, member in members]
    asked = [index for index, planned in enumerate(plans) if isinstance(planned, Request)]
    replies = ask_once(ask, [request for request in plans if isinstance(request, Request)])
    scores: list[float | None] = [
        None if planned is None or isinstance(planned, Request) else float(planned)
        for planned in plans
    ]
    for index, reply in zip(asked, replies, strict=True):
        scores[index] = read(*members[index], reply)
    return _by_group(groups, scores)


def _by_group(groups: Sequence[Group], scores: Sequence[float | None]) -> Table:
    remaining = iter(scores)
    return [[next(remaining) for _ in group.members] for group in groups]


def question_of(sample: Sample) -> str:
    """Text of the last turn by the user, without its places for images, stripped."""
    turns = [message.text for message in sample.messages if message.role == "user"]
    return turns[-1].replace("<image>", "").strip() if turns else ""
