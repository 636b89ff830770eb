"""Grading a file of answers, with one grader or with two side by side."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from gnomon.data.rows import JsonLines, ParquetRows, Rows
from gnomon.data.sources import answer_text, make_answer, option_texts
from gnomon.formats.grammar import Format
from gnomon.grading.respond import judge
from gnomon.grading.symbolic import WORKERS
from gnomon.parts import BoundPart, nearest, part
from gnomon.records import Answer, BadRecord, Verdict
from gnomon.watch import Watcher

NAMED = 20
"""Bad rows and disagreements that are kept with their text; all are counted."""
CHUNK = 256


class GradeFileError(ValueError):
    """A file that cannot be graded; the message says why and what to do."""


@dataclass(frozen=True)
class Pair:
    """One answer to grade: where it stands, its text (None for none), and its reference."""

    place: str
    prediction: str | None
    reference: Answer


@dataclass(frozen=True)
class Disagreement:
    """A pair that one of two graders finds right and the other does not."""

    pair: Pair
    one: Verdict
    other: Verdict


@dataclass
class GradedFile:
    """What grading a file came to.

    ``counts`` are verdicts by outcome for each grader; ``kinds`` are right answers and rows by kind
    of answer for the first. ``bad`` names the first unusable rows, ``bad_rows`` counts them all,
    and so do ``disagreements`` and ``differing`` for two graders.
    """

    names: tuple[str, ...]
    counts: tuple[Counter[str], ...]
    kinds: dict[str, list[int]] = field(default_factory=dict)
    rows: int = 0
    score: float = 0.0
    bad: list[str] = field(default_factory=list)
    bad_rows: int = 0
    disagreements: list[Disagreement] = field(default_factory=list)
    differing: int = 0

    def add(self, pair: Pair, verdicts: tuple[Verdict, ...]) -> None:
        """Count one graded pair."""
        self.rows += 1
        self.score += verdicts[0].score
        for counts, verdict in zip(self.counts, verdicts, strict=True):
            counts[verdict.outcome.value] += 1
        right_and_all = self.kinds.setdefault(pair.reference.kind, [0, 0])
        right_and_all[0] += verdicts[0].correct
        right_and_all[1] += 1
        if len({verdict.correct for verdict in verdicts}) > 1:
            self.differing += 1
            if len(self.disagreements) < NAMED:
                self.disagreements.append(Disagreement(pair, *verdicts))

    def refuse(self, reason: str) -> None:
        """Count one unusable row."""
        self.bad_rows += 1
        if len(self.bad) < NAMED:
            self.bad.append(reason)

    def to_dict(self) -> dict[str, Any]:
        """The counts as plain values, for a JSON file."""
        return {
            "rows": self.rows,
            "bad_rows": self.bad_rows,
            "mean_score": self.score / self.rows if self.rows else None,
            "outcomes": {n: dict(c) for n, c in zip(self.names, self.counts, strict=True)},
            "kinds": {kind: {"right": a, "rows": b} for kind, (a, b) in self.kinds.items()},
            "differing": self.differing if len(self.names) > 1 else None,
        }


def grader_of(text: str) -> BoundPart:
    """A grader by name, with settings behind a colon.

    >>> grader_of("strict:iou=0.7").settings["iou"]
    0.7
    """
    name, _, rest = text.partition(":")
    pairs = [item.partition("=") for item in rest.split(",") if item]
    return part("grader", name, **{key.strip(): value.strip() for key, _, value in pairs})


def grade_file(
    path: Path,
    grader: BoundPart,
    against: BoundPart | None = None,
    *,
    kind: str | None = None,
    style: Format | None = None,
    watcher: Watcher | None = None,
) -> GradedFile:
    """Grade every row of a JSON-lines or parquet file.

    A row holds ``prediction`` (text, or null for no answer), ``reference`` and, unless ``kind``
    names one for all, ``kind``; for a choice also ``options``. With ``style`` the prediction is a
    whole response, whose answer is read first. Rows without these, and references that cannot be
    used, are counted and named, never graded. Raises `GradeFileError` when the file cannot be read
    or no row is usable.
    """
    rows, watcher = _open(path), watcher or Watcher()
    graders = (grader,) if against is None else (grader, against)
    names = tuple(_name(each) for each in graders)
    graded = GradedFile(names, tuple(Counter[str]() for _ in graders))
    watcher.started(f"grading {path.name}", len(rows))
    with ThreadPoolExecutor(WORKERS) as threads:
        pairs = _pairs(rows, kind, style, graded)
        while chunk := list(islice(pairs, CHUNK)):
            for pair, verdicts in threads.map(lambda one: (one, _judged(one, graders)), chunk):
                graded.add(pair, verdicts)
            watcher.advanced(graded.rows + graded.bad_rows, {})
    watcher.finished(f"{graded.rows} rows, {graded.bad_rows} of them left out")
    if not graded.rows:
        reasons = "; ".join(graded.bad[:3]) or "it is empty"
        raise GradeFileError(f"{path} has no row that can be graded: {reasons}")
    return graded


def _name(grader: BoundPart) -> str:
    chosen = [str(value) for value in grader.settings.values() if isinstance(value, str)]
    return ":".join([grader.part.name, *chosen])


def _open(path: Path) -> Rows:
    if not path.is_file():
        beside = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
        raise GradeFileError(f"there is no file {path}{nearest(path.name, beside[:1000])}")
    try:
        return ParquetRows([path]) if path.suffix == ".parquet" else JsonLines([path])
    except ValueError as error:
        raise GradeFileError(str(error)) from None


def _pairs(
    rows: Rows, kind: str | None, style: Format | None, graded: GradedFile
) -> Iterator[Pair]:
    for index in range(len(rows)):
        place = rows.place(index)
        try:
            yield _pair(rows.row(index), place, kind, style)
        except BadRecord as error:
            graded.refuse(f"{place}: {error}")


def _pair(row: Mapping[str, Any], place: str, kind: str | None, style: Format | None) -> Pair:
    for name in ("prediction", "reference"):
        if name not in row:
            raise BadRecord(f"there is no column {name!r}{nearest(name, row)}")
    kind = kind or row.get("kind")
    if kind is None:
        raise BadRecord("there is no kind of answer; add a column kind, or give --kind")
    text = _text(row["reference"])
    reference = make_answer(text, str(kind), option_texts(row.get("options")))
    prediction = row["prediction"]
    if prediction is not None and not isinstance(prediction, str):
        prediction = _text(prediction)
    if prediction is not None and style is not None:
        prediction = style.parse(prediction).answer
    return Pair(place, prediction, reference)


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict) else answer_text(value)


def _judged(pair: Pair, graders: tuple[BoundPart, ...]) -> tuple[Verdict, ...]:
    return tuple(judge(pair.prediction, pair.reference, grader) for grader in graders)
