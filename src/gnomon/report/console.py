"""The tables that the command line shows."""

from __future__ import annotations

import inspect
import math
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gnomon.report.tables import ONE_ANSWER
from gnomon.report.terminal import duration, safe_text

if TYPE_CHECKING:
    from gnomon.doctor import Check
    from gnomon.parts import Part

ABSENT = "-"
STYLES = {"ok": "green", "missing": "yellow", "problem": "bold red"}


def stage_table(summary: Mapping[str, Any]) -> Table:
    """A run's ``summary.json`` as a table, one row per stage.

    Accuracy in per cent with its 95 % interval, the change against the stage 'base' in points, the
    number of items, the mean length of a response in tokens, and seconds. What was not measured is
    a hyphen.
    """
    title = f"{summary.get('recipe', '')}, {summary.get('scale', '')} scale"
    table = _table(safe_text(f"{title}, seed {summary.get('seed', 0)}"))
    table.add_column("stage", no_wrap=True)
    for name in ("accuracy", "95 % interval", "change", "items", "length", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    stages: Sequence[Mapping[str, Any]] = summary.get("stages", ())
    base = next((stage.get("accuracy") for stage in stages if stage.get("name") == "base"), None)
    for stage in stages:
        table.add_row(*_stage_row(stage, base))
    skipped = sum(int(stage.get("skipped") or 0) for stage in stages)
    if skipped:
        table.caption = f"{skipped} records were skipped; the report names each with its reason"
    return table


def benchmark_table(name: str, result: Mapping[str, Any]) -> Table:
    """One benchmark's result as a table: all items, each task, each difficulty, further metrics.

    ``result`` has the shape of one benchmark in a run's ``evaluations/*.json``. Beside a task
    stands what its most common answer would score if it were given to all items.
    """
    table = _table(safe_text(name))
    table.add_column("", no_wrap=True)
    for column in ("accuracy", "95 % interval", "items", ONE_ANSWER):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_row("all", *_scores(result), style="bold", end_section=True)
    for part, title in (("by_task", ""), ("by_difficulty", "difficulty ")):
        for key, values in (result.get(part) or {}).items():
            table.add_row(Text(safe_text(f"{title}{key}")), *_scores(values))
        table.add_section()
    for metric, value in (result.get("metrics") or {}).items():
        table.add_row(Text(safe_text(metric)), _percent(value), "", "", "")
    outcomes = ", ".join(f"{key}: {count}" for key, count in (result.get("outcomes") or {}).items())
    facts = [
        f"mean length {_number(result.get('mean_length'))} tokens",
        _seconds(result.get("seconds")),
    ]
    table.caption = safe_text("; ".join([*filter(None, [outcomes]), ", ".join(facts)]))
    return table


def checks_table(checks: Iterable[Check]) -> Table:
    """The checks of ``gnomon doctor``."""
    table = _table("")
    for column in ("check", "status", "detail", "what to do"):
        table.add_column(column, overflow="fold")
    for check in checks:
        status = Text(check.status, style=STYLES[check.status])
        table.add_row(check.name, status, Text(safe_text(check.detail)), Text(check.remedy))
    return table


def counts_table(counts: Mapping[str, int]) -> Table:
    """Kinds of part and how many there are of each."""
    table = _table("")
    table.add_column("kind")
    table.add_column("parts", justify="right")
    for kind, count in counts.items():
        table.add_row(kind, str(count))
    return table


def names_table(heading: str, lines: Mapping[str, str]) -> Table:
    """Names with one line about each."""
    table = _table("")
    table.add_column(heading, no_wrap=True)
    table.add_column("what it is", overflow="fold")
    for name in sorted(lines):
        table.add_row(Text(safe_text(name)), Text(safe_text(lines[name])))
    return table


def part_page(part: Part, meanings: Mapping[str, str]) -> RenderableType:
    """Everything about one part: signature, inputs and their meaning, settings, docstring."""
    hints = typing.get_type_hints(part.function)
    parameters = inspect.signature(part.function).parameters.values()
    settings = {
        item.name: _setting(item, hints) for item in parameters if item.kind is item.KEYWORD_ONLY
    }
    returns = readable_type(hints["return"]) if "return" in hints else "Any"
    arguments = [*part.inputs, *(["*"] if settings else []), *settings]
    blocks = [
        Text(f"{part.kind} {part.name}", style="bold"),
        Text(f"{part.function.__module__}.{part.function.__name__}({', '.join(arguments)})"),
        Text(f"returns {returns}"),
        *_lines("inputs", {name: meanings[name] for name in part.inputs}),
        *_lines("settings", settings),
        Text(),
        Text(inspect.getdoc(part.function) or ""),
    ]
    return Group(*blocks)


def readable_type(hint: Any) -> str:
    """A type hint as a person writes it; alternatives are separated by bars.

    >>> readable_type(typing.Literal["mean", "none"] | None)
    "'mean' | 'none' | None"
    """
    if typing.get_origin(hint) is typing.Literal:
        return " | ".join(map(repr, typing.get_args(hint)))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " | ".join(map(readable_type, typing.get_args(hint)))
    if hint is type(None):
        return "None"
    if isinstance(hint, type) and not typing.get_args(hint):
        return hint.__name__
    return str(hint).replace("typing.", "")


def _lines(heading: str, meanings: Mapping[str, str]) -> list[Text]:
    if not meanings:
        return []
    width = max(map(len, meanings))
    lines = [Text(f"  {name:<{width}}  {meaning}") for name, meaning in meanings.items()]
    return [Text(), Text(heading, style="bold"), *lines]


def _setting(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> str:
    written = readable_type(hints[parameter.name])
    if parameter.default is parameter.empty:
        return f"{written}, needed"
    return f"{written} = {parameter.default!r}"


def _table(title: str) -> Table:
    return Table(title=Text(title) if title else None, header_style="bold", title_justify="left")


def _stage_row(stage: Mapping[str, Any], base: float | None) -> list[RenderableType]:
    accuracy = stage.get("accuracy")
    change = ABSENT
    if _known(accuracy) and _known(base) and stage.get("name") != "base":
        change = f"{100 * (accuracy - base):+.1f}"
    return [
        Text(safe_text(str(stage.get("name", "")))),
        _percent(accuracy),
        _interval(stage),
        change,
        str(stage.get("n") or ABSENT),
        _number(stage.get("mean_length")),
        _seconds(stage.get("seconds")),
    ]


def _scores(values: Mapping[str, Any]) -> tuple[str, str, str, str]:
    guess = _percent(values["guess"]) if "guess" in values else ""
    return _percent(values.get("accuracy")), _interval(values), str(values.get("n", ABSENT)), guess


def _interval(values: Mapping[str, Any]) -> str:
    low, high = values.get("low"), values.get("high")
    return f"{100 * low:.1f} to {100 * high:.1f}" if _known(low) and _known(high) else ABSENT


def _percent(value: float | None) -> str:
    return f"{100 * value:.1f} %" if _known(value) else ABSENT


def _number(value: float | None) -> str:
    return f"{value:.1f}" if _known(value) else ABSENT


def _seconds(value: float | None) -> str:
    return duration(value) if _known(value) else ABSENT


def _known(value: float | None) -> TypeGuard[float]:
    """Whether a number was measured: not absent and not NaN."""
    return value is not None and math.isfinite(value)
