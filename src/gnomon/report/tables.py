"""The tables of the report, as plain values: stages, accuracies, phases, skipped records."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gnomon.records import Outcome
from gnomon.report.text import finite

MAX_SKIP_ROWS = 40
EXAMPLES = 3
PHASES = ("rollout", "grade", "update")
_OUTCOMES = [outcome.value for outcome in Outcome]


@dataclass(frozen=True)
class Estimate:
    """A share in [0, 1] with its 95 % interval, and of how many."""

    accuracy: float
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class StageRow:
    """One line of the table of stages.

    ``change`` is against the base; ``clear`` says that the two intervals are apart.
    """

    index: int
    name: str
    estimate: Estimate | None
    n: int | None
    mean_length: float | None
    seconds: float | None
    skipped: int
    change: float | None = None
    clear: bool = False


ONE_ANSWER = "one answer"
"""Heads what a task's most common answer would score as the answer to all of its items."""


@dataclass(frozen=True)
class Heat:
    """A table of shares: one column per stage, one row per task, difficulty, outcome or metric."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Estimate | None, ...]], ...]
    percent: bool = True

    @property
    def note(self) -> str:
        """What a column means that does not say it by its name."""
        known = ONE_ANSWER in self.columns
        return "One answer: what a task's most common answer would score." if known else ""


@dataclass(frozen=True)
class PhaseBar:
    """Seconds of one stage by phase, and the mean of its tokens per second."""

    stage: str
    phases: tuple[tuple[str, float], ...]
    tokens_per_second: float | None

    @property
    def total(self) -> float:
        """All seconds."""
        return sum(seconds for _, seconds in self.phases)


@dataclass(frozen=True)
class SkipRow:
    """Records that were skipped at one place for one reason; ``examples`` are their ids."""

    stage: str
    place: str
    reason: str
    count: int
    examples: tuple[str, ...]


def estimate_of(values: Any) -> Estimate | None:
    """The estimate that a mapping with ``accuracy``, ``low``, ``high`` and ``n`` holds, if any."""
    if not isinstance(values, Mapping) or (accuracy := finite(values.get("accuracy"))) is None:
        return None
    n = finite(values.get("n"))
    low, high = finite(values.get("low")), finite(values.get("high"))
    return Estimate(accuracy, low, high, None if n is None else int(n))


def stage_rows(
    summary: Mapping[str, Any],
    evaluations: Sequence[Mapping[str, Any]],
    logs: Sequence[Mapping[str, Any]],
    timings: Sequence[Mapping[str, Any]],
    skipped: Sequence[Mapping[str, Any]],
) -> list[StageRow]:
    """One row for every stage that left a trace, in order.

    The summary counts; what it does not hold yet is taken from the first benchmark of the stage's
    evaluation, from the timings and from the skipped records.
    """
    entries = by_index(mappings(summary.get("stages")))
    results = by_index(evaluations)
    names = {
        **_names(logs),
        **_names(timings),
        **_names(results.values()),
        **_names(entries.values(), "name"),
    }
    counts = Counter(line.get("index") for line in skipped)
    rows = [
        _stage_row(index, names[index], entries.get(index, {}), results.get(index, {}), timings)
        for index in sorted(names)
    ]
    rows = [_with_skips(row, entries.get(row.index, {}), counts[row.index]) for row in rows]
    base = next((row.estimate for row in rows if row.index == 0), None)
    return [_with_change(row, base) for row in rows]


def _names(lines: Iterable[Mapping[str, Any]], key: str = "stage") -> dict[int, str]:
    return {line["index"]: str(line.get(key, "")) for line in lines if _has_index(line)}


def _has_index(line: Mapping[str, Any]) -> bool:
    return isinstance(line.get("index"), int)


def by_index(lines: Iterable[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """The lines that have a stage's index, by it; the last one of a stage counts."""
    return {line["index"]: line for line in lines if _has_index(line)}


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """The mappings in ``value`` if it is a list, else none."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def benchmarks_of(evaluation: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The benchmarks of one evaluation by name."""
    found = evaluation.get("benchmarks")
    if not isinstance(found, Mapping):
        return {}
    return {str(name): value for name, value in found.items() if isinstance(value, Mapping)}


def _stage_row(
    index: int,
    name: str,
    entry: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    timings: Sequence[Mapping[str, Any]],
) -> StageRow:
    first: Mapping[str, Any] = next(iter(benchmarks_of(evaluation).values()), {})
    estimate = estimate_of(entry) or estimate_of(first)
    n, length = (_first(entry.get(key), first.get(key)) for key in ("n", "mean_length"))
    spent = _first(entry.get("seconds"), _spent(index, evaluation, timings))
    return StageRow(index, name, estimate, None if n is None else int(n), length, spent, 0)


def _first(*values: Any) -> float | None:
    return next((found for found in map(finite, values) if found is not None), None)


def _spent(
    index: int, evaluation: Mapping[str, Any], timings: Sequence[Mapping[str, Any]]
) -> float | None:
    trained = [sum(phases_of(line).values()) for line in timings if line.get("index") == index]
    asked = [finite(each.get("seconds")) or 0.0 for each in benchmarks_of(evaluation).values()]
    return sum(trained) + sum(asked) if trained or asked else None


def _with_skips(row: StageRow, entry: Mapping[str, Any], counted: int) -> StageRow:
    known = finite(entry.get("skipped"))
    return replace(row, skipped=counted if known is None else int(known))


def _with_change(row: StageRow, base: Estimate | None) -> StageRow:
    if row.index == 0 or base is None or row.estimate is None:
        return row
    return replace(
        row, change=row.estimate.accuracy - base.accuracy, clear=_apart(row.estimate, base)
    )


def _apart(one: Estimate, other: Estimate) -> bool:
    if None in (one.low, one.high, other.low, other.high):
        return False
    return bool(one.low > other.high or other.low > one.high)  # type: ignore[operator]


# -- heat tables ----------------------------------------------------------------------------------


def heat_tables(evaluations: Sequence[Mapping[str, Any]]) -> list[Heat]:
    """Accuracy by benchmark, by task and by difficulty, other metrics and outcomes, across stages.

    Tables with nothing in them are left out, as is that of benchmarks when there is only one.
    """
    columns = tuple(str(each.get("stage", "")) for each in evaluations)
    results = [benchmarks_of(each) for each in evaluations]
    names = list(dict.fromkeys(name for result in results for name in result))
    whole = _heat("Benchmarks", columns, [dict(result) for result in results])
    made = [whole] if len(names) > 1 else []
    for name in names:
        prefix = f"{name} · " if len(names) > 1 else ""
        made += _tables_of(prefix, columns, [result.get(name, {}) for result in results])
    return [heat for heat in made if heat.rows]


def _tables_of(
    prefix: str, columns: tuple[str, ...], results: Sequence[Mapping[str, Any]]
) -> list[Heat]:
    tasks = [_mapping(result.get("by_task")) for result in results]
    difficulties = [_mapping(result.get("by_difficulty")) for result in results]
    metrics = [
        {name: {"accuracy": value} for name, value in _mapping(result.get("metrics")).items()}
        for result in results
    ]
    guesses = {
        name: {"accuracy": cell.get("guess")}
        for column in tasks
        for name, cell in column.items()
        if isinstance(cell, Mapping) and finite(cell.get("guess")) is not None
    }
    by_task = (columns, tasks) if not guesses else ((*columns, ONE_ANSWER), [*tasks, guesses])
    return [
        _heat(f"{prefix}By task", *by_task),
        _heat(f"{prefix}By difficulty", columns, difficulties),
        _heat(f"{prefix}Outcomes", columns, list(map(_outcome_shares, results))),
        _heat(f"{prefix}Other metrics", columns, metrics, percent=False),
    ]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _outcome_shares(result: Mapping[str, Any]) -> Mapping[str, Any]:
    counts = {name: finite(n) or 0.0 for name, n in _mapping(result.get("outcomes")).items()}
    total = sum(counts.values()) or 1.0
    return {name: {"accuracy": count / total, "n": count} for name, count in counts.items()}


def _heat(
    title: str,
    columns: tuple[str, ...],
    cells: Sequence[Mapping[str, Any]],
    percent: bool = True,
) -> Heat:
    names = sorted({str(name) for column in cells for name in column}, key=_rank)
    rows = ((name, tuple(estimate_of(column.get(name)) for column in cells)) for name in names)
    return Heat(title, columns, tuple(row for row in rows if any(row[1])), percent)


def _rank(name: str) -> tuple[float, str]:
    """Numbers by value, outcomes in their own order, other names by letter."""
    if name in _OUTCOMES:
        return _OUTCOMES.index(name), name
    try:
        return float(name), name
    except ValueError:
        return math.inf, name


# -- time and skipped records ---------------------------------------------------------------------


def phases_of(line: Mapping[str, Any]) -> dict[str, float]:
    """Seconds by phase in one line of ``timings.jsonl``; negative and missing ones are left out."""
    known = {str(name): finite(value) for name, value in _mapping(line.get("seconds")).items()}
    return {name: value for name, value in known.items() if value is not None and value >= 0}


def phase_bars(timings: Sequence[Mapping[str, Any]]) -> list[PhaseBar]:
    """Seconds by phase of every stage that logged any, in order."""
    bars = []
    for index, stage in sorted(_names(timings).items()):
        lines = [line for line in timings if line.get("index") == index]
        total: Counter[str] = Counter()
        for line in lines:
            total.update(phases_of(line))  # type: ignore[arg-type]
        speeds = [speed for line in lines if (speed := finite(line.get("tokens_per_second")))]
        mean = sum(speeds) / len(speeds) if speeds else None
        if sum(total.values()) > 0:
            bars.append(PhaseBar(stage, tuple(total.items()), mean))
    return bars


def phase_names(bars: Sequence[PhaseBar]) -> list[str]:
    """All phases, those of a step in their order, then others as they first occur."""
    found = dict.fromkeys(name for bar in bars for name, _ in bar.phases)
    return [name for name in PHASES if name in found] + [n for n in found if n not in PHASES]


def skip_rows(skipped: Sequence[Mapping[str, Any]]) -> list[SkipRow]:
    """Skipped records by stage, place and reason, most frequent first.

    Reasons that differ in numbers only count as one; the first is shown.
    """
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for line in skipped:
        reason = re.sub(r"\d+", "#", str(line.get("reason", "")))
        key = (str(line.get("stage", "")), str(line.get("place", "")), reason)
        groups.setdefault(key, []).append(line)
    rows = [
        SkipRow(stage, place, str(lines[0].get("reason", "")), len(lines), _examples(lines))
        for (stage, place, _), lines in groups.items()
    ]
    return sorted(rows, key=lambda row: -row.count)


def _examples(lines: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(line.get("id", "")) for line in lines))[:EXAMPLES]
