"""Work beside the decoding: each piece in a thread of a pool, within a limit of time.

Graders read text that a model wrote and may wait for a worker process, a sandbox or a network, all
of which leave the interpreter free for the decoding. What does not end within its limit is given
up: its thread is told to stop at its next line of Python and another takes its place, so that what
waits behind it goes on. Results are collected by number, whatever the order they came in.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

GLANCE = 0.01
"""Seconds that a thread is watched to see whether it computes; above the interpreter's switch."""
Item = TypeVar("Item")
Result = TypeVar("Result")


class Abandoned(SystemExit):
    """Raised in a thread whose work has run out of time; threads end on it without a word."""


class _Running(Generic[Item]):
    """A piece of work that a thread is at."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.begun = time.monotonic()
        self.thread = threading.current_thread()


class Pool(Generic[Item, Result]):
    """Does ``work`` on items in up to ``threads`` threads, each within ``seconds`` by the clock.

    As a context it gives up what is left at its end. ``late`` makes the result of an item whose
    time ran out, in the place of ``work``. An exception of ``work`` is raised by `results`, the one
    of the smallest number where there are several, so that it does not depend on who was first. A
    call into C that neither returns nor lets the interpreter go cannot be given up; the parsers and
    comparisons of this package make none. Raises ValueError for fewer than one thread or a limit
    that is not above 0; an infinite one is none. Source: ours.
    """

    def __init__(
        self,
        work: Callable[[Item], Result],
        late: Callable[[Item], Result],
        *,
        threads: int,
        seconds: float,
    ) -> None:
        if threads < 1 or seconds <= 0:
            raise ValueError(f"threads={threads} and seconds={seconds}: give at least 1, above 0")
        self.work, self.late = work, late
        self.threads, self.seconds = threads, seconds
        self._waiting: deque[tuple[int, Item]] = deque()
        self._running: dict[int, _Running[Item]] = {}
        self._done: dict[int, Result | BaseException] = {}
        self._alive = self._idle = 0
        self._watcher: threading.Thread | None = None
        # Entered by itself: an exception that comes from outside cannot fall between the lock and
        # its release, as it could within the methods of a condition.
        self._lock = threading.Lock()
        self._offered, self._ended = (threading.Condition(self._lock) for _ in range(2))
        self._closed = threading.Event()

    def __enter__(self) -> Pool[Item, Result]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        with self._lock:
            self._waiting.clear()
            for running in self._running.values():
                _interrupt(running.thread)
            self._running.clear()
            self._offered.notify_all()

    def submit(self, number: int, item: Item) -> None:
        """Let an item be worked on as soon as a thread is free; the call does not wait."""
        with self._lock:
            self._waiting.append((number, item))
            self._watcher = self._watcher or _start(self._watch)
            self._hire()
            self._offered.notify()

    def results(self) -> dict[int, Result]:
        """The result of every item so far by its number, waiting until all have one."""
        with self._lock:
            while self._waiting or self._running:
                self._give_up_late()
                self._ended.wait(self._patience())
            done = dict(sorted(self._done.items()))
        for outcome in done.values():
            if isinstance(outcome, BaseException):
                raise outcome
        return done  # type: ignore[return-value]

    def _hire(self) -> None:
        if self._idle < len(self._waiting) and self._alive < self.threads:
            self._alive += 1
            _start(self._serve)

    def _serve(self) -> None:
        """What each thread does until the pool closes, or until it has been given up."""
        while (taken := self._take()) is not None:
            number, running = taken
            try:
                outcome: Result | BaseException = self.work(running.item)
            except BaseException as error:  # noqa: BLE001 - whoever collects the results raises it
                outcome = error
            with self._lock:
                if self._running.get(number) is not running:
                    return  # given up, and another thread has taken this one's place
                del self._running[number]
                self._done[number] = outcome
                self._ended.notify_all()

    def _take(self) -> tuple[int, _Running[Item]] | None:
        """The next item, which is being worked on from now on; None when the pool closes."""
        with self._lock:
            self._idle += 1
            while not self._waiting and not self._closed.is_set():
                self._offered.wait()
            self._idle -= 1
            if self._closed.is_set():
                return None
            number, item = self._waiting.popleft()
            self._running[number] = running = _Running(item)
            return number, running

    def _watch(self) -> None:
        """Give up what is late while nobody waits for the results."""
        while not self._closed.wait(min(self.seconds / 4, threading.TIMEOUT_MAX)):
            with self._lock:
                self._give_up_late()

    def _give_up_late(self) -> None:
        now = time.monotonic()
        for number, running in list(self._running.items()):
            if now - running.begun >= self.seconds:
                del self._running[number]
                self._done[number] = self.late(running.item)
                _interrupt(running.thread)
                self._alive -= 1
                self._hire()
                self._ended.notify_all()

    def _patience(self) -> float:
        """Seconds until the next item can be late."""
        begun = min((running.begun for running in self._running.values()), default=None)
        left = self.seconds if begun is None else begun + self.seconds - time.monotonic()
        return min(max(left, 0.001), threading.TIMEOUT_MAX)


def _start(target: Callable[[], None]) -> threading.Thread:
    # Daemons: what hangs in one of them must not keep the process from ending.
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def _interrupt(thread: threading.Thread) -> None:
    """Raise `Abandoned` in a thread at its next line of Python, if it is computing.

    One that waits in C would hear of it when it returns, and ends then anyway; until then, under
    a tracer, Python 3.11 would keep every other thread from entering a function.
    """
    if thread.ident is not None and _computes(thread.ident):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(Abandoned)
        )


def _computes(ident: int) -> bool:
    """Whether a thread uses the processor; taken as so where the system does not tell."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return True
    clock = time.pthread_getcpuclockid(ident)
    before = time.clock_gettime(clock)
    time.sleep(GLANCE)
    return time.clock_gettime(clock) > before
