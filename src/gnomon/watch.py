"""What a run tells whoever watches it: a console, a test, or nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Watcher:
    """Receives the events of a run; this one ignores them all. Subclasses override what they
    show."""

    def started(self, name: str, total: int, done: int = 0) -> None:
        """Work called ``name`` (a stage, an evaluation) begins, ``done`` of ``total`` steps are
        made."""

    def phase(self, name: str) -> None:
        """The current step enters a phase: 'rollout', 'grade', 'update', 'save' ..."""

    def advanced(self, done: int, values: Mapping[str, float]) -> None:
        """``done`` steps are complete; ``values`` are the last step's numbers: reward, loss,
        seconds of each phase, and what it cost (tokens_per_second, useful, reuse, memory in GB)."""

    def finished(self, summary: str = "") -> None:
        """The work that was started last is over; ``summary`` is a short line about it."""

    def note(self, text: str) -> None:
        """Something a person should read: a skipped record, a resumed run, a stop."""


def pick(values: Mapping[str, Any], *names: str) -> dict[str, float]:
    """The named numbers that are present."""
    return {name: float(values[name]) for name in names if values.get(name) is not None}
