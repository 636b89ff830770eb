from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gnomon.cli import app, run_command

runner = CliRunner()


def test_an_evaluation_prints_a_table_and_writes_json(tiny_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    result = runner.invoke(
        app,
        [
            "evaluate",
            str(tiny_folder),
            "microworld-text",
            "--items",
            "3",
            "--format",
            "direct",
            "--samples",
            "2",
            "--json",
            str(file),
        ],
    )
    assert result.exception is None, result.output
    assert "pass@2" in result.stdout
    written = json.loads(file.read_text())
    assert written["n"] == 3
    assert written["benchmark"] == "microworld-text"


def test_samples_without_temperature_are_refused(
    tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "evaluate",
        str(tiny_folder),
        "microworld-text",
        "--samples",
        "2",
        "--temperature",
        "0",
    ]
    assert run_command(arguments) == 2
    assert "copies of one response" in " ".join(capsys.readouterr().err.split())


def test_an_unknown_benchmark_names_the_nearest_one(
    tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["evaluate", str(tiny_folder), "microworld-txt"]) == 2
    assert "did you mean 'microworld-text'?" in capsys.readouterr().err
