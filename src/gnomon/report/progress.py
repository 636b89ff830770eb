"""Progress of a run: bars on a terminal, plain lines everywhere else."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from gnomon.report.terminal import duration, show
from gnomon.watch import Watcher

SHOWN = ("reward", "accuracy", "loss")
COSTS: dict[str, Callable[[float], str]] = {
    "tokens_per_second": lambda speed: f"{speed:,.0f} tokens/s",
    "useful": lambda share: f"{share:.0%} of plain rows' tokens",
    "reuse": lambda times: f"images reused {times:.1f}x",
    "memory": lambda gigabytes: f"peak {gigabytes:.2f} GB",
}
"""What a step took beside its seconds, and how a line says it."""
REFRESHES_PER_SECOND = 4
LINES = 10
"""Without a terminal, a line is printed whenever another of so many parts of the steps is done."""
LONG = frozenset({"rollout", "update"})
"""A step with all these phases, one of reinforcement learning, is printed always: it takes long."""


@dataclass
class _Work:
    """Something under way; ``seconds`` are of this step's phases, ``last`` of the step before."""

    name: str
    total: int
    begun: int
    since: float
    bar: TaskID | None = None
    done: int = 0
    phase: str = ""
    phase_since: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)

    def enter(self, phase: str, now: float) -> None:
        """Add the time since the last call to the phase that ends, and begin ``phase``."""
        if self.phase:
            spent = self.seconds.get(self.phase, 0.0) + now - self.phase_since
            self.seconds[self.phase] = spent
        self.phase, self.phase_since = phase, now

    def step(self, done: int, values: Mapping[str, float], now: float) -> None:
        """Close a step; seconds that ``values`` hold under a phase's name replace ours."""
        self.enter("", now)
        self.last = {name: values.get(name, spent) for name, spent in self.seconds.items()}
        self.seconds = {}
        self.done = done
        self.values = {name: values[name] for name in SHOWN if _finite(values.get(name))}
        self.costs = {name: values[name] for name in COSTS if _finite(values.get(name))}

    @property
    def numbers(self) -> str:
        """The last step's reward, accuracy and loss."""
        return ", ".join(f"{name} {value:.3f}" for name, value in self.values.items())

    @property
    def phases(self) -> str:
        """How long each phase of the last step took, and what else it cost."""
        spent = [f"{name} {seconds:.1f} s" for name, seconds in self.last.items()]
        return ", ".join([*spent, *(COSTS[name](value) for name, value in self.costs.items())])

    def left(self, now: float) -> float | None:
        """Seconds until the end at the speed so far; None before the first step."""
        made = self.done - self.begun
        return (now - self.since) * (self.total - self.done) / made if made > 0 else None


class _Bars(Progress):
    """Progress bars with a line below about the phases of the innermost work."""

    below = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bars, then the line."""
        yield from super().get_renderables()
        if self.below:
            yield Text(self.below, style="dim", no_wrap=True, overflow="ellipsis")


class RichWatcher(Watcher):
    """Shows the events of a run on ``console``; as a context it leaves the terminal in order.

    On a terminal: a bar per work with its numbers, elapsed and remaining time, and below it the
    phase timing. Elsewhere: one plain line when work starts and ends and about every tenth of its
    steps, each step of reinforcement learning, without control codes.
    """

    def __init__(
        self, console: Console | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.console = console or Console(stderr=True)
        self.clock = clock
        self.works: list[_Work] = []
        self.bars = _make_bars(self.console, clock) if self.console.is_interactive else None

    def __enter__(self) -> RichWatcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.works.clear()
        if self.bars is not None:
            self.bars.stop()

    def started(self, name: str, total: int, done: int = 0) -> None:
        """Show that work begins."""
        work = _Work(name, total, done, self.clock(), done=done)
        self.works.append(work)
        if self.bars is not None:
            self.bars.start()
            work.bar = self.bars.add_task(name, total=total, completed=done, numbers="")
        else:
            going_on = f", {done} of them done before" if done else ""
            self._line(f"{name}: started, {total} steps{going_on}")

    def phase(self, name: str) -> None:
        """Measure the phases of the current step."""
        if not self.works:
            return
        self.works[-1].enter(name, self.clock())
        self._show_phases(self.works[-1])

    def advanced(self, done: int, values: Mapping[str, float]) -> None:
        """Show progress and the last step's numbers."""
        if not self.works:
            return
        work = self.works[-1]
        before = _tenths(work)
        work.step(done, values, self.clock())
        if self.bars is not None and work.bar is not None:
            self.bars.update(work.bar, completed=done, numbers=work.numbers)
            self._show_phases(work)
        elif (_tenths(work) > before or work.last.keys() >= LONG) and done < work.total:
            self._line(_progress_line(work, self.clock()))

    def finished(self, summary: str = "") -> None:
        """Close the work that was started last with one line."""
        if not self.works:
            return
        work = self.works.pop()
        spent = duration(self.clock() - work.since)
        facts = ", ".join(fact for fact in (f"done in {spent}", summary or work.numbers) if fact)
        if self.bars is not None and work.bar is not None:
            self.bars.remove_task(work.bar)
            self.bars.below = ""
            if not self.works:
                self.bars.stop()
        self._line(f"{work.name}: {facts}")

    def note(self, text: str) -> None:
        """Print a line that a person should read."""
        self._line(text)

    def _show_phases(self, work: _Work) -> None:
        if self.bars is not None:
            now = f"now {work.phase}" if work.phase else ""
            self.bars.below = "  ".join(fact for fact in (work.phases, now) if fact)

    def _line(self, text: str) -> None:
        show(self.console, text)


def _tenths(work: _Work) -> int:
    return work.done * LINES // max(work.total, 1)


def _progress_line(work: _Work, now: float) -> str:
    left = work.left(now)
    times = f"{duration(now - work.since)} elapsed"
    if left is not None:
        times += f", {duration(left)} left"
    facts = (f"{work.done}/{work.total}", work.numbers, work.phases, times)
    return f"{work.name}: {', '.join(fact for fact in facts if fact)}"


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _make_bars(console: Console, clock: Callable[[], float]) -> _Bars:
    return _Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TextColumn(
            "{task.fields[numbers]}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis"),
        ),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        refresh_per_second=REFRESHES_PER_SECOND,
        transient=True,
        get_time=clock,
    )
