"""Auxiliary rollouts: a second model reads what the policy wrote, in one interface.

A *reader* is any function from requests to replies::

    reader(requests) -> replies      # by index; None where there is no reply

Judges, verifiers, solvers of captions and second passes of the policy itself are all readers, so a
reward term that uses one is tested with a plain function. Readers work without gradient and in
batches; a request that fails gives None and is counted, and the term that asked says what it scores
then. The parts of kind "reader" are the policy itself, a frozen copy, another local model, and an
OpenAI-compatible endpoint.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields

from gnomon.records import Media, Message


class ReaderError(RuntimeError):
    """A reader that cannot work at all; the message says what to do."""


@dataclass(frozen=True)
class Request:
    """One question to a reader.

    ``messages`` end with the user's turn; each ``<image>`` in them stands for the next of
    ``media``. The reply goes on from ``prefix``, which is not repeated in it.
    """

    messages: tuple[Message, ...]
    media: tuple[Media, ...] = ()
    prefix: str = ""

    @property
    def key(self) -> str:
        """SHA-256 of everything that is asked, images by content."""
        turns = [[message.role, message.text] for message in self.messages]
        asked = [turns, [medium.key for medium in self.media], self.prefix]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


Replies = list[str | None]
Reader = Callable[[Sequence[Request]], Sequence[str | None]]


@dataclass
class Counts:
    """What a reader has done so far, and in tokens what it cost.

    ``asked`` requests came; ``cached`` replies were known, ``failed`` are None. Tokens are those of
    the requests that a model answered.
    """

    asked: int = 0
    cached: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    reply_tokens: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, **amounts: int) -> None:
        """Add to the counts, from any thread."""
        with self._lock:
            for name, amount in amounts.items():
                setattr(self, name, getattr(self, name) + amount)

    def summary(self) -> dict[str, float]:
        """Every count by name."""
        names = [item.name for item in fields(self) if not item.name.startswith("_")]
        return {name: float(getattr(self, name)) for name in names}


def ask(user: str, *, system: str = "", media: Sequence[Media] = (), prefix: str = "") -> Request:
    """A request of one user's turn, and a system text where there is one.

    >>> ask("Is it red?", system="Answer yes or no.").messages[0].role
    'system'
    """
    turns = [Message("system", system)] if system else []
    return Request((*turns, Message("user", user)), tuple(media), prefix)


def ask_once(reader: Reader, requests: Sequence[Request]) -> Replies:
    """Replies by index, equal requests being asked only once.

    Raises `ReaderError` when the reader gives another number of replies than it was asked.
    """
    places: dict[str, list[int]] = {}
    for index, request in enumerate(requests):
        places.setdefault(request.key, []).append(index)
    unique = [requests[indices[0]] for indices in places.values()]
    replies = list(reader(unique)) if unique else []
    if len(replies) != len(unique):
        raise ReaderError(f"a reader gave {len(replies)} replies to {len(unique)} requests")
    table: Replies = [None] * len(requests)
    for reply, indices in zip(replies, places.values(), strict=True):
        for index in indices:
            table[index] = reply
    return table


def summary_of(reader: Reader) -> dict[str, float]:
    """Counts of a reader; empty for a plain function."""
    counts = getattr(reader, "counts", None)
    return counts.summary() if isinstance(counts, Counts) else {}
