"""The objective of a recipe as text for the console."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gnomon.report.terminal import safe_text
from gnomon.rl.objective import Comparison, StageObjective, Term

_MARKS = {True: "=", False: "#", None: " "}


def objective_text(stages: Sequence[StageObjective]) -> str:
    """Formulas, constants and the conformance table of every stage; a line without any."""
    if not stages:
        return "No stage of this recipe learns by reinforcement.\n"
    return "\n".join(line.rstrip() for stage in stages for line in _stage(stage))


def _stage(stage: StageObjective) -> Iterator[str]:
    yield f"Stage {stage.stage}"
    yield f"  {safe_text(stage.loss)}"
    yield ""
    for term in stage.terms:
        yield from _term(term)
    yield ""
    yield "  Beside the defaults of others, on the same numbers (= agrees, # differs):"
    yield from _table(stage.conformance)
    yield ""


def _term(term: Term) -> Iterator[str]:
    yield f"  {term.place}: {safe_text(term.part)}"
    yield f"      {safe_text(term.formula)}"
    if term.settings:
        constants = ", ".join(f"{name}={value}" for name, value in term.settings.items())
        yield f"      with {safe_text(constants)}"


def _table(rows: Sequence[Comparison]) -> Iterator[str]:
    names = list(rows[0].peers)
    cells = [["", "here", *names]]
    for row in rows:
        peers = [f"{_MARKS[row.agrees.get(name)]} {row.peers[name]}" for name in names]
        cells.append([row.aspect, row.ours, *peers])
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    for line in cells:
        pairs = zip(line, widths, strict=True)
        yield "  " + "  ".join(f"{cell:<{width}}" for cell, width in pairs)
