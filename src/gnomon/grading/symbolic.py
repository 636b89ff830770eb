"""Symbolic comparison of answers under hard limits of size, time and memory.

Cheap checks come first: equal text, exact values, a static estimate of the work, values that differ
for certain. What is left goes to math-verify in a worker process that is killed at its deadline and
replaced at the next request, from any thread. The worker is a plain subprocess: it does not import
the caller's main module again, and nothing is pickled.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
import weakref
from fractions import Fraction
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Literal, Protocol

from gnomon.grading.closed_form import differ
from gnomon.grading.extract import read_fraction
from gnomon.grading.size import size_problem
from gnomon.records import Outcome

WORKERS = 2
PATIENCE = 5.0
_START_SECONDS = 60.0
_WORKER = Path(__file__).with_name("symbolic_worker.py")
_ROOTS = (re.compile(r"√ ?\(([^()]*)\)"), re.compile(r"√ ?([0-9]+|[A-Za-z])"))
_SIGNS = str.maketrans({"π": r"\pi ", "×": r"\times ", "·": r"\cdot ", "−": "-", "∞": r"\infty "})
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "HOME", "TMPDIR")

Mode = Literal["latex", "difference", "whole", "tagged"]
Finding = tuple[Outcome, str]


class Verifier(Protocol):
    """Whatever compares two expressions that passed `size_problem`."""

    def compare(self, prediction: str, reference: str, mode: Mode = "latex") -> Finding:
        """Outcome and reason, as `SymbolicVerifier.compare` gives them."""


class SymbolicVerifier:
    """One killable worker process for symbolic comparison; lazily started, safe in any thread.

    ``seconds`` is the hard limit of one request, of the worker's processor time where the system
    tells it (Linux), and `PATIENCE` times that by the clock; so that a machine that is busy with
    training makes no timeouts. ``megabytes`` is the limit of the worker's address space. The time
    that a worker takes to start does not count. Requests of several threads wait for each other.
    """

    def __init__(self, *, seconds: float = 2.0, megabytes: int = 1024) -> None:
        self.seconds = seconds
        self.megabytes = megabytes
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        _VERIFIERS.add(self)

    def compare(self, prediction: str, reference: str, mode: Mode = "latex") -> Finding:
        """Compare two expressions; the outcome is typed and comes with its reason in words.

        Both texts must have passed `size_problem`. ``mode="latex"`` asks math-verify (0.9);
        ``"difference"`` asks whether the difference of two plain expressions simplifies to 0;
        ``"whole"`` asks math-verify with its own search, on texts of any size; ``"tagged"`` is the
        rule of View-R1 on an answer with its tags, of any size. Gives TIMEOUT past the limit and
        CRASH when the worker dies or fails; the next request finds a new worker.
        """
        request = {"mode": mode, "prediction": prediction, "reference": reference}
        message = json.dumps(request | {"seconds": PATIENCE * self.seconds}).encode()
        with self._lock:
            try:
                return self._ask(message)
            except (EOFError, OSError, ValueError) as error:
                self._kill()
                return Outcome.CRASH, f"the worker for symbolic comparison ended: {error!r}"

    @property
    def running(self) -> bool:
        """Whether a worker process is alive."""
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """End the worker, if there is one. The verifier may be used again afterwards."""
        with self._lock:
            self._kill()

    def _ask(self, message: bytes) -> Finding:
        connection = self._connect()
        connection.send_bytes(message)
        if not self._wait(connection):
            self._kill()
            return Outcome.TIMEOUT, f"no result within {self.seconds:g} s"
        outcome, reason = json.loads(connection.recv_bytes(65_536))
        return Outcome(outcome), reason

    def _wait(self, connection: Connection) -> bool:
        """Whether the worker answers in time; a busy machine does not take time from it."""
        assert self._process is not None
        pid, begun = self._process.pid, time.monotonic()
        worked = processor_seconds(pid)
        left = self.seconds
        while not connection.poll(left):
            spent = processor_seconds(pid) - worked
            waited = time.monotonic() - begun
            if spent >= 0.95 * self.seconds or waited >= PATIENCE * self.seconds:
                return False
            left = max(0.05, self.seconds - spent)
        return True

    def _connect(self) -> Connection:
        if self._connection is None or not self.running:
            self._kill()
            self._start()
        assert self._connection is not None
        return self._connection

    def _start(self) -> None:
        ours, theirs = Pipe()
        self._connection = ours
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_WORKER), str(theirs.fileno()), str(self.megabytes)],
                pass_fds=[theirs.fileno()],
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        if not ours.poll(_START_SECONDS):
            raise OSError(f"it did not start within {_START_SECONDS:g} s")
        ours.recv_bytes(64)

    def _kill(self) -> None:
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if connection is not None:
            connection.close()
        if process is not None:
            process.kill()
            process.wait()

    def _forget(self) -> None:
        """In a forked child: leave worker, pipe and a lock that may be held to the parent."""
        if self._process is not None:
            self._process.returncode = 0  # settled: this process cannot wait for it
        self._process = self._connection = None
        self._lock = threading.Lock()


class VerifierPool:
    """Several workers behind one `compare`, for threads that compare at the same time.

    A request takes the worker that was used last of those that are free, so that no second one is
    started before two requests overlap; it waits when all are busy, which does not count as its
    time. ``asked`` counts the requests that reached a worker. Safe in any thread and after a fork.
    """

    def __init__(
        self, workers: int = WORKERS, *, seconds: float = 2.0, megabytes: int = 1024
    ) -> None:
        if workers < 1:
            raise ValueError(f"a pool needs at least one worker, not {workers}")
        self.seconds = seconds
        self.asked = 0
        self._verifiers = [
            SymbolicVerifier(seconds=seconds, megabytes=megabytes) for _ in range(workers)
        ]
        self._forget()
        _VERIFIERS.add(self)

    def compare(self, prediction: str, reference: str, mode: Mode = "latex") -> Finding:
        """`SymbolicVerifier.compare` by the next free worker."""
        verifier = self._free.get()
        try:
            self.asked += 1
            return verifier.compare(prediction, reference, mode)
        finally:
            self._free.put(verifier)

    @property
    def running(self) -> bool:
        """Whether a worker process is alive."""
        return any(verifier.running for verifier in self._verifiers)

    def warm(self) -> None:
        """Start every worker now, at once; each takes a second or two to load its library."""
        starting = [
            threading.Thread(target=verifier.compare, args=("1", "1"))
            for verifier in self._verifiers
        ]
        for thread in starting:
            thread.start()
        for thread in starting:
            thread.join()

    def close(self) -> None:
        """End the workers. The pool may be used again afterwards."""
        for verifier in self._verifiers:
            verifier.close()

    def _forget(self) -> None:
        """Make the queue anew: one that was copied in the middle of a request would be locked."""
        self._free: queue.LifoQueue[SymbolicVerifier] = queue.LifoQueue()
        for verifier in reversed(self._verifiers):
            self._free.put(verifier)


_VERIFIERS: weakref.WeakSet[SymbolicVerifier | VerifierPool] = weakref.WeakSet()


def _forget_workers() -> None:
    # A forked child shares the pipes of its parent's workers and must not use them.
    for verifier in _VERIFIERS:
        verifier._forget()


os.register_at_fork(after_in_child=_forget_workers)


@functools.cache
def default_verifier() -> VerifierPool:
    """The verifier that the graders share: 2 workers, 2 s, 1 GiB; they end with the process."""
    verifier = VerifierPool()
    atexit.register(verifier.close)
    return verifier


def compare_expressions(
    prediction: str,
    reference: str,
    *,
    tolerance: float = 0.0,
    verifier: Verifier | None = None,
) -> Finding:
    r"""Outcome and reason for two expressions in LaTeX or plain text, the cheapest check first.

    Equal text without blanks; exact values with a relative ``tolerance``; then `size_problem`; then
    values that differ for certain (`closed_form`); then math-verify in the worker of ``verifier``
    (default: `default_verifier`). A prediction that is refused for its size is UNPARSEABLE_ANSWER,
    a reference UNPARSEABLE_REFERENCE.

    >>> compare_expressions(r"\frac12", "0.5")
    (<Outcome.CORRECT: 'correct'>, 'equal values')
    """
    if "".join(prediction.split()) == "".join(reference.split()) != "":
        return Outcome.CORRECT, "equal text"
    one, other = read_fraction(prediction), read_fraction(reference)
    if one is not None and other is not None:
        same = numbers_agree(one, other, tolerance)
        return (Outcome.CORRECT, "equal values") if same else (Outcome.WRONG, "different values")
    for text, outcome, role in (
        (reference, Outcome.UNPARSEABLE_REFERENCE, "reference"),
        (prediction, Outcome.UNPARSEABLE_ANSWER, "answer"),
    ):
        problem = size_problem(text)
        if problem is not None:
            return outcome, f"the {role} is not compared: {problem}"
    if differ(prediction, reference, tolerance):
        return Outcome.WRONG, "different values"
    return (verifier or default_verifier()).compare(_as_latex(prediction), _as_latex(reference))


def processor_seconds(pid: int) -> float:
    """Processor time that a process has used, or the clock where the system does not tell it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return time.monotonic()


def _as_latex(text: str) -> str:
    for root in _ROOTS:
        text = root.sub(r"\\sqrt{\1}", text)
    return text.translate(_SIGNS).strip(" $")


def numbers_agree(one: Fraction, other: Fraction, tolerance: float = 0.0) -> bool:
    """Whether two exact values differ by at most ``tolerance`` times the absolute second value."""
    # In whole numbers, which is exact too and several times faster than with fractions.
    units, per = tolerance.as_integer_ratio()
    gap = abs(one.numerator * other.denominator - other.numerator * one.denominator)
    return gap * per <= units * abs(other.numerator) * one.denominator
