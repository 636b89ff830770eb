"""What a stage is given, and what each of its steps gives back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from gnomon.data.order import Blocks
from gnomon.data.stream import Stream
from gnomon.models.counters import Counts
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.policy import Policy
from gnomon.records import BadRecord, Sample
from gnomon.run import Run
from gnomon.stages.updates import Updater
from gnomon.watch import Watcher

if TYPE_CHECKING:
    from gnomon.rl.critic import Critic
    from gnomon.stages.heads import SideHead

Prepared = tuple[Sample, Encoded]


@dataclass(frozen=True)
class StepResult:
    """Numbers of one step that are the same in every repetition, and how many tokens it took."""

    values: dict[str, float]
    tokens: int


StepFunction = Callable[[int], StepResult]
"""Makes step number 1, 2, ... of a stage."""


@dataclass
class Clock:
    """Seconds per phase of the current step; entering a phase tells the watcher."""

    watcher: Watcher
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time of this block to phase ``name``."""
        self.watcher.phase(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def restart(self) -> dict[str, float]:
        """The seconds so far, which start again from nothing."""
        seconds, self.seconds = self.seconds, {}
        return seconds


@dataclass
class StageContext:
    """A stage under way: where it writes, what it trains, what it reads; ``step`` is being made.

    ``memory`` holds JSON values by part: what stateful estimators keep from step to step. It is
    part of every checkpoint. ``counts`` are of the step that is being made. ``critic`` and
    ``letters`` are there where the stage trains one.
    """

    run: Run
    name: str
    index: int
    seed: int
    policy: Policy
    parent: str
    encoder: Encoder
    updater: Updater
    stream: Stream
    clock: Clock
    step: int = 0
    counts: Counts = field(default_factory=Counts)
    memory: dict[str, dict[str, Any]] = field(default_factory=dict)
    critic: Critic | None = None
    letters: SideHead | None = None

    def remembered(self, part: str) -> dict[str, Any]:
        """The memory of one part, which it may change."""
        return self.memory.setdefault(part, {})

    def take(self, count: int) -> list[Prepared]:
        """The next ``count`` usable samples with their encodings."""
        with self.clock.phase("data"):
            taken: list[Any] = self.stream.take(count)
            return taken

    def skip(self, place: str, id: str, reason: str) -> None:
        """Record something that was left out of the current step."""
        self.run.skip(self.name, self.index, self.step, place, id, reason)


Item = TypeVar("Item")


class Prepare:
    """A source whose samples come with their encodings.

    What cannot be encoded is a bad record as well, and its reason names the sample.
    """

    def __init__(self, source: Any, encode: Callable[[Sample], Encoded]) -> None:
        self.source = source
        self.encode = encode

    def __len__(self) -> int:
        return len(self.source)

    @property
    def blocks(self) -> Blocks | None:
        """What the source reads at once, if it says so."""
        return getattr(self.source, "blocks", None)

    def __getitem__(self, index: int) -> Prepared:
        sample = self.source[index]
        try:
            return sample, self.encode(sample)
        except BadRecord as error:
            named = sample.id in str(error)
            raise BadRecord(str(error) if named else f"sample {sample.id}: {error}") from None
