"""Stored runs as tables in Markdown: one run stage by stage, and every recipe once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NOT_MEASURED = "Not measured yet."


def stage_table(run: Mapping[str, Any]) -> str:
    """Accuracy after each stage of one run, with its command and where it ran."""
    if not run:
        return f"{NOT_MEASURED}\n"
    stages = run["stages"]
    base = stages[0]["accuracy"]
    lines = [
        (
            stage["name"], percent(stage["accuracy"]), interval(stage),
            f"{100 * (stage['accuracy'] - base):+.1f}" if index else "-",
            str(stage["n"]), f"{stage['mean_length']:.1f}", f"{stage['seconds']:.0f} s",
        )
        for index, stage in enumerate(stages)
    ]  # fmt: skip
    head = ("stage", "accuracy", "95 % interval", "change", "items", "mean length", "training")
    return f"{table(head, lines)}\n`{run['command']}`, {run['place']}.\n"


def micro_table(results: Mapping[str, Any]) -> str:
    """What each stage of every recipe came to in its one stored run."""
    runs = results.get("runs", ())
    if not runs:
        return f"{NOT_MEASURED}\n"
    rows = [
        [
            run["recipe"],
            percent(run["stages"][0]["accuracy"]),
            ", ".join(f"{s['name']} {percent(s['accuracy'])}" for s in run["stages"][1:]),
            interval(run["stages"][-1]),
            str(run["stages"][-1]["n"]),
            f"{sum(s['seconds'] for s in run['stages']) / 60:.1f} min",
        ]
        for run in runs
    ]
    head = ("recipe", "base", "after each stage", "95 % interval of the last", "items", "training")
    commits = ", ".join(sorted({run["commit"][:8] for run in runs}))
    return f"{table(head, rows)}\nAccuracy in per cent. Machine: {results['machine']}. Commit: {commits}.\n"


def percent(value: float) -> str:
    """A share in per cent with one decimal.

    >>> percent(0.4567)
    '45.7'
    """
    return f"{100 * value:.1f}"


def interval(stage: Mapping[str, Any]) -> str:
    """The ends of a stage's interval."""
    return f"{percent(stage['low'])} to {percent(stage['high'])}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; bars within cells are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(
        f"| {' | '.join(c.replace('|', chr(92) + '|') for c in row)} |\n" for row in lines
    )
