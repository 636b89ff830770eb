"""Tables about a graded file: verdict counts, and where two graders disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from gnomon.records import Outcome, Verdict
from gnomon.report.terminal import safe_text

if TYPE_CHECKING:
    from gnomon.evaluation.grade_file import GradedFile

SHOWN = 60


def verdict_table(graded: GradedFile) -> Table:
    """One row for each outcome, with count and share for each grader."""
    title = f"{graded.rows} answers, {graded.bad_rows} rows left out"
    table = Table(title=title, title_justify="left")
    table.add_column("verdict", no_wrap=True)
    for name in graded.names:
        table.add_column(safe_text(name), justify="right")
        table.add_column("share", justify="right")
    for outcome in Outcome:
        counts = [counts[outcome.value] for counts in graded.counts]
        if any(counts):
            cells = [(str(count), f"{count / graded.rows:.1%}") for count in counts]
            table.add_row(outcome.value, *(cell for pair in cells for cell in pair))
    table.caption = f"mean score of {safe_text(graded.names[0])}: {graded.score / graded.rows:.4f}"
    return table


def kind_table(graded: GradedFile) -> Table:
    """One row for each kind of answer, by the first grader."""
    table = Table(title=f"right by kind, {safe_text(graded.names[0])}", title_justify="left")
    for name in ("kind", "rows", "right"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for kind, (right, rows) in sorted(graded.kinds.items()):
        table.add_row(kind, str(rows), f"{right / rows:.1%}")
    return table


def disagreement_table(graded: GradedFile) -> Table:
    """The first pairs that one of two graders finds right and the other does not."""
    one, other = map(safe_text, graded.names)
    title = f"{graded.differing} of {graded.rows} answers judged differently"
    table = Table(title=title, title_justify="left")
    for name in ("row", "answer", "reference", one, other):
        table.add_column(name)
    for found in graded.disagreements:
        answer = found.pair.prediction
        table.add_row(
            safe_text(found.pair.place),
            _cut("-" if answer is None else answer),
            _cut(str(found.pair.reference.value)),
            _said(found.one),
            _said(found.other),
        )
    return table


def _said(verdict: Verdict) -> str:
    return _cut(f"{verdict.outcome.value}: {verdict.reason}")


def _cut(text: str) -> str:
    text = " ".join(safe_text(text[: 4 * SHOWN]).split())
    # A bracket would be read as the markup of a style.
    return (text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}...").replace("[", r"\[")
