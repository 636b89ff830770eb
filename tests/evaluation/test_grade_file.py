from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from typer.testing import CliRunner

from examples import EXAMPLES
from gnomon.cli import app
from gnomon.evaluation.grade_file import GradeFileError, grade_file, grader_of
from gnomon.grading.grade import reference_text
from gnomon.parts import PartError, part
from gnomon.records import Outcome
from gnomon.report.grading import disagreement_table, kind_table, verdict_table
from gnomon.watch import Watcher

ROWS: list[dict[str, Any]] = [
    {"prediction": "5", "reference": "5", "kind": "integer"},
    {"prediction": "6", "reference": 5, "kind": "integer"},
    {"prediction": None, "reference": "5", "kind": "integer"},
    {"prediction": "five", "reference": "5", "kind": "integer"},
    {"prediction": "Because", "reference": "B", "kind": "choice", "options": ["red", "blue"]},
    {"prediction": "[0, 0, 10, 5]", "reference": [0, 0, 10, 10], "kind": "box"},
    {"prediction": "5", "reference": "five", "kind": "integer"},
    {"prediction": "5", "reference": "5", "kind": "intger"},
    {"prediction": "5"},
    {"prediction": "5", "reference": "5"},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "answers.jsonl", ROWS)


def shown(table: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(table)
    return out.getvalue()


def test_every_row_is_counted_once_and_bad_ones_are_named(file: Path) -> None:
    graded = grade_file(file, grader_of("strict"))
    assert graded.counts[0] == {
        "correct": 2, "wrong": 1, "no answer": 1, "unparseable answer": 2,
    }  # fmt: skip
    assert (graded.rows, graded.bad_rows) == (6, 4)
    assert [reason.partition(":")[0] for reason in graded.bad] == [
        f"answers.jsonl, line {line}" for line in (7, 8, 9, 10)
    ]
    assert "integer" in graded.bad[0]
    assert "did you mean 'integer'" in graded.bad[1]
    assert "no column 'reference'" in graded.bad[2]
    assert "--kind" in graded.bad[3]
    assert graded.score == pytest.approx(1.5)


def test_a_kind_for_all_replaces_the_column(file: Path) -> None:
    graded = grade_file(file, grader_of("strict"), kind="text")
    assert graded.bad_rows == 1
    assert set(graded.kinds) == {"text"}


def test_two_graders_are_compared_row_by_row(file: Path) -> None:
    other = grader_of("released:system=seed-bench-r1")
    graded = grade_file(file, grader_of("strict"), other)
    assert graded.names == ("strict", "released:seed-bench-r1")
    assert graded.differing == len(graded.disagreements) == 3
    found = {each.pair.prediction: each for each in graded.disagreements}
    assert found["Because"].other.correct
    assert not found["Because"].one.correct
    assert found["5"].other.outcome is Outcome.UNPARSEABLE_REFERENCE


def test_math_verify_is_a_second_grader(tmp_path: Path) -> None:
    rows = [
        {"prediction": r"\frac{1}{2}", "reference": "0.5", "kind": "number"},
        {"prediction": "5 cm", "reference": "5", "kind": "number"},
    ]
    path = write(tmp_path / "a.jsonl", rows)
    graded = grade_file(path, grader_of("strict"), grader_of("math-verify"))
    assert sum(graded.counts[1].values()) == 2
    assert graded.counts[0]["correct"] == 2


def test_parquet_is_read_like_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "answers.parquet"
    rows = [{"prediction": "5", "reference": "5", "kind": "integer"}] * 300
    pq.write_table(pa.Table.from_pylist(rows), path)
    graded = grade_file(path, grader_of("lenient"))
    assert graded.counts[0] == {"correct": 300}
    assert graded.kinds == {"integer": [300, 300]}


def test_a_response_is_read_by_its_format_first(tmp_path: Path) -> None:
    text = "<think>6</think><answer>5</answer>"
    path = write(tmp_path / "a.jsonl", [{"prediction": text, "reference": 5, "kind": "integer"}])
    assert grade_file(path, grader_of("strict")).counts[0]["correct"] == 0
    style = part("format", "think-answer")()
    assert grade_file(path, grader_of("strict"), style=style).counts[0]["correct"] == 1


def test_references_of_every_kind_can_stand_in_a_file(tmp_path: Path) -> None:
    rows = []
    for answer, right, _ in EXAMPLES:
        text = reference_text(answer)
        if answer.kind in ("route", "puzzle"):
            text = answer.value  # objects of the file
        elif answer.kind == "parts":
            text = json.dumps(
                {"a": {"kind": "integer", "value": 5}, "b": {"kind": "yes-no", "value": "yes"}}
            )
        options = dict(answer.options) or None
        rows.append(
            {"prediction": right, "reference": text, "kind": answer.kind, "options": options}
        )
    graded = grade_file(write(tmp_path / "all.jsonl", rows), grader_of("strict"))
    assert graded.bad == []
    assert graded.counts[0]["correct"] >= len(EXAMPLES) - 2  # text keeps the first of two


def test_a_grader_that_fails_is_a_crash_of_that_row(file: Path) -> None:
    from gnomon.parts import forget, register

    @register("grader")
    def always_fails(prediction: str | None) -> None:
        """Raises."""
        raise RuntimeError("no")

    try:
        assert grade_file(file, grader_of("always-fails")).counts[0] == {"crash": 6}
    finally:
        forget(__name__)


def test_progress_reaches_the_number_of_rows(file: Path) -> None:
    class Seen(Watcher):
        done = 0

        def advanced(self, done: int, values: Any) -> None:
            self.done = done

    watcher = Seen()
    grade_file(file, grader_of("strict"), watcher=watcher)
    assert watcher.done == len(ROWS)


@pytest.mark.parametrize(
    ("content", "reason"), [("", "empty"), ("[]\n", "JSON list"), ('{"a": 1}', "prediction")]
)
def test_a_file_without_a_usable_row_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(content)
    with pytest.raises(GradeFileError, match=reason):
        grade_file(path, grader_of("strict"))


def test_a_missing_or_damaged_file_is_explained(tmp_path: Path) -> None:
    write(tmp_path / "answers.jsonl", ROWS)
    with pytest.raises(GradeFileError, match=r"did you mean 'answers.jsonl'"):
        grade_file(tmp_path / "answer.jsonl", grader_of("strict"))
    damaged = tmp_path / "a.parquet"
    damaged.write_bytes(b"PAR1")
    with pytest.raises(GradeFileError, match="whole parquet"):
        grade_file(damaged, grader_of("strict"))


def test_a_grader_is_named_with_its_settings() -> None:
    assert grader_of("strict: iou=0.7, tolerance=0.1").settings["tolerance"] == 0.1
    with pytest.raises(PartError, match="did you mean 'strict'"):
        grader_of("stric")
    with pytest.raises(PartError, match="iou"):
        grader_of("strict:iou=much")


def test_the_tables_show_counts_shares_and_disagreements(file: Path) -> None:
    graded = grade_file(file, grader_of("strict"), grader_of("released:system=seed-bench-r1"))
    assert "33.3%" in shown(verdict_table(graded))
    assert "no answer" in shown(verdict_table(graded))
    assert "timeout" not in shown(verdict_table(graded))
    assert "choice" in shown(kind_table(graded))
    table = shown(disagreement_table(graded))
    assert "Because" in table
    assert "answers.jsonl, line 5" in table


def test_text_of_a_file_is_not_obeyed_by_the_terminal(tmp_path: Path) -> None:
    evil = "[bold]\x1b[31mA\x07[/bold] " + "x" * 500
    row = {"prediction": evil, "reference": evil.lower(), "kind": "text"}
    path = write(tmp_path / "a.jsonl", [row])
    graded = grade_file(path, grader_of("strict"), grader_of("released:system=r1-aqa"))
    table = shown(disagreement_table(graded))
    assert "\x1b[31m" not in table
    assert "[bold]A" in table


def test_the_command_prints_tables_and_writes_json(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "counts.json"
    command = ["grade", str(file), "--against", "lenient", "--json", str(out)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "6 answers, 4 rows left out" in result.output
    assert "judged differently" in result.output
    assert "left out: answers.jsonl, line 7" in result.output
    found = json.loads(out.read_text())
    assert found["outcomes"]["strict"]["correct"] == 2
    assert found["differing"] == 0
