"""Asking ahead: a reader is asked about a group as soon as it is written, while others still are.

A term that asks about one group alone makes the requests that it makes about the whole batch. So it
is run on each group as that ends, through a reader that remembers what was replied, and once more
on the batch, whose requests are then answered from memory. What is scored is what the run on the
batch gives; the runs before it only save its waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future

from gnomon.auxiliary.reader import Reader, ReaderError, Replies, Request, ask_once


class Ahead:
    """A reader that asks each request once and answers it from memory then, from any thread.

    A request that is on its way is waited for, not sent again. Nothing is remembered of a call in
    which the reader raised.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._replies: dict[str, Future[str | None]] = {}
        self._problem: ReaderError | None = None

    def __call__(self, requests: Sequence[Request]) -> Replies:
        """Replies by index."""
        keys = [request.key for request in requests]
        new: dict[str, Request] = {}
        with self._lock:
            for key, request in zip(keys, requests, strict=True):
                if key not in self._replies:
                    self._replies[key] = Future()
                    new[key] = request
            awaited = [self._replies[key] for key in keys]
        if new:
            self._ask(new)
        return [reply.result() for reply in awaited]

    def early(self, requests: Sequence[Request]) -> Replies:
        """The same, until the reader raises: it is not tried again then before its real turn."""
        if self._problem is not None:
            raise self._problem
        try:
            return self(requests)
        except ReaderError as error:
            self._problem = error
            raise

    def _ask(self, new: dict[str, Request]) -> None:
        try:
            replies = ask_once(self._reader, list(new.values()))
        except BaseException as error:  # whoever waits for a reply gets it, and it is raised
            with self._lock:
                failed = [self._replies.pop(key) for key in new]
            for awaited in failed:
                awaited.set_exception(error)
            raise
        for key, reply in zip(new, replies, strict=True):
            self._replies[key].set_result(reply)


def beside_decoding(reader: Reader | None) -> bool:
    """Whether a reader may be asked while the policy writes: one that computes elsewhere.

    A reader says so by an attribute of that name. Those that run on the policy's own device would
    only take its time, so they are asked about the whole batch at once, when all is written.
    """
    return bool(getattr(reader, "beside_decoding", False))
