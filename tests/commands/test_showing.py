from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gnomon.cli import app, run_command

runner = CliRunner()


def test_recipes_are_listed_with_what_they_are() -> None:
    output = runner.invoke(app, ["recipes"]).output
    assert "revisual-r1" in output and "ReVisual-R1" in output


def test_kinds_are_listed_with_counts() -> None:
    from gnomon.parts import kinds

    output = runner.invoke(app, ["parts"]).output
    assert all(kind in output for kind in kinds())


def test_the_parts_of_a_kind_are_listed_with_their_summary() -> None:
    output = runner.invoke(app, ["parts", "format"]).output
    assert "think-boxed" in output and "think block" in output


def test_one_part_is_shown_whole() -> None:
    output = runner.invoke(app, ["parts", "reward", "length-ramp"]).output
    assert "inputs" in output and "settings" in output and "Source:" in output


def test_a_report_is_made_anew(finished: tuple[Path, str, str]) -> None:
    run, _, _ = finished
    (run / "report.html").unlink()
    result = runner.invoke(app, ["report", str(run)])
    assert result.exception is None
    assert f"Report: {run / 'report.html'}" in result.stdout
    assert (run / "report.html").is_file()


def test_a_report_can_be_opened(
    finished: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _, _ = finished
    opened: list[str] = []
    monkeypatch.setattr("typer.launch", opened.append)
    runner.invoke(app, ["report", str(run), "--open"])
    assert opened == [(run / "report.html").resolve().as_uri()]


def test_a_report_of_what_is_no_run_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["report", str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err


def test_the_doctor_shows_a_table() -> None:
    result = runner.invoke(app, ["doctor"])
    assert result.exit_code in (0, 1)
    for name in ("python", "torch", "memory", "chromium"):
        assert name in result.stdout
