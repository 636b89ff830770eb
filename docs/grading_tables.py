"""Stored figures of grading and rewards as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from run_tables import NOT_MEASURED, table

Row = tuple[str, str, str]
"""What, its value, and what it should be."""


def figures(rewards: Mapping[str, Any], grading: Mapping[str, Any]) -> str:
    """What verdicts and rewards cost, and how far the verdicts agree with math-verify's."""
    rows = [*_speed(grading), *_bombs(grading), *_published(grading), *_rewards(rewards)]
    if not rows:
        return f"{NOT_MEASURED}\n"
    measured = [one for one in (*grading.values(), rewards) if one]
    places = sorted({f"{one['machine']}, commit {one['commit']}" for one in measured})
    return f"{table(('what', 'measured', 'wanted'), rows)}\nMeasured on {'; '.join(places)}.\n"


def _speed(grading: Mapping[str, Any]) -> Iterator[Row]:
    found = grading.get("speed")
    if found is None:
        return
    pairs = f"{found['pairs']:,} pairs of boxed integers and fractions"
    ours, peer = f"{found['ours_per_second']:,}", f"{found['math_verify_per_second']:,}"
    yield f"{pairs}: pairs a second of one core, math-verify's", f"{ours}, {peer}: {found['times']:g}x", "10x"
    yield "the same verdict as math-verify's", f"{100 * found['equal_verdicts']:.2f} %", "99.5 %"
    wrong = found["math_verify_wrong"]
    yield "wrong answers accepted; wrong verdicts of math-verify", f"{found['false_accepts']}; {wrong}", "0"


def _bombs(grading: Mapping[str, Any]) -> Iterator[Row]:
    found = grading.get("bombs")
    if found is None:
        return
    what = f"{found['completions']} completions with {found['bombs']} LaTeX bombs, {found['workers']} workers, "
    what += f"best and median of {found['rounds']}"
    yield what, f"{found['seconds_best']:.2f} s, {found['seconds_median']:.2f} s", "1.5 s"


def _published(grading: Mapping[str, Any]) -> Iterator[Row]:
    found = grading.get("published")
    if found is None:
        return
    share, alone = (f"{100 * found[name]:.1f} %" for name in ("agreement", "agreement_alone"))
    what = f"{found['pairs']} pairs of math-verify's own tests (commit {found['of']}): the verdict that they expect"
    yield what, share, ""
    yield f"the same for the {found['pairs_alone']} that are an expression a side, without text around it", alone, ""


def _rewards(rewards: Mapping[str, Any]) -> Iterator[Row]:
    size = f"{rewards.get('completions')} completions of {rewards.get('tokens')} tokens, "
    for row in rewards.get("mixes", ()):
        wanted = "50 ms" if row["mix"].endswith("repetition") else ""
        times = f"{row['cpu_ms']:.1f} ms, {row['wall_ms']:.1f} ms by the clock"
        yield f"{size}{row['texts']}: {row['mix']}", times, wanted
