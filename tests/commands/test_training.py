from __future__ import annotations

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gnomon.cli import app, run_command
from gnomon.commands.training import newest_run

runner = CliRunner()


def test_a_run_prints_its_table_report_and_model(finished: tuple[Path, str, str]) -> None:
    run, output, _ = finished
    lines = output.splitlines()
    assert any("cold-start" in line and "%" in line for line in lines)
    assert f"Report: {run / 'report.html'}" in lines
    [model] = [line.removeprefix("Model: ") for line in lines if line.startswith("Model: ")]
    assert (Path(model) / "config.json").is_file()
    assert (run / "report.html").is_file()


def test_progress_goes_to_stderr_as_plain_lines(finished: tuple[Path, str, str]) -> None:
    _, _, progress = finished
    assert "cold-start: started, 1 steps" in progress
    assert "cold-start: done in" in progress
    assert "\x1b" not in progress


def test_changes_and_seed_reach_the_recipe(
    recipes: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    result = runner.invoke(
        app,
        [
            "train",
            f"{recipes}:tiny",
            "--out",
            str(tmp_path),
            "--seed",
            "7",
            "--model",
            str(tiny_folder),
            "--set",
            "stages.cold-start.steps=1",
            "--set",
            "evaluation.benchmarks=[]",
        ],
    )
    assert result.exception is None, result.output
    [run] = tmp_path.iterdir()
    text = (run / "recipe.yaml").read_text()
    assert "\nseed: 7\n" in text and "steps: 1\n" in text


def test_a_given_model_is_where_a_run_starts_although_the_recipe_makes_one(
    tiny_folder: Path, tmp_path: Path
) -> None:
    arguments = ["train", "gnomon-micro-v2", "--out", str(tmp_path), "--model", str(tiny_folder)]
    changes = [
        "stages=[settle]", "stages.settle.steps=1", "stages.settle.batch_size=1",
        "stages.settle.workers=0", "evaluation.benchmarks=[]",
    ]  # fmt: skip
    result = runner.invoke(app, [*arguments, *(word for c in changes for word in ("--set", c))])
    assert result.exception is None, result.output
    [run] = tmp_path.iterdir()
    text = (run / "recipe.yaml").read_text()
    assert f"path: {tiny_folder}" in text and "architecture: null" in text
    assert not (run / "checkpoints" / "0-base").exists()


def test_a_finished_run_can_be_resumed_and_stays_as_it_is(
    finished: tuple[Path, str, str],
) -> None:
    run, _, _ = finished
    before = (run / "metrics.jsonl").read_bytes()
    result = runner.invoke(app, ["train", "--resume", str(run)])
    assert result.exception is None, result.output
    assert "Report: " in result.stdout
    assert (run / "metrics.jsonl").read_bytes() == before


def test_a_dry_run_shows_the_plan_and_runs_nothing(recipes: Path, tmp_path: Path) -> None:
    result = runner.invoke(app, ["train", f"{recipes}:tiny", "--dry-run", "--out", str(tmp_path)])
    assert result.exception is None, result.output
    assert "Dry run of tiny" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_with_a_problem_exits_with_code_2(recipes: Path) -> None:
    freeze = "stages.cold-start.freeze=[vision, connector, language, embeddings, head]"
    result = runner.invoke(app, ["train", f"{recipes}:tiny", "--dry-run", "--set", freeze])
    assert result.exit_code == 2
    assert "nothing is left to train" in result.stdout


def test_an_interrupt_says_how_to_go_on(
    recipes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["train", f"{recipes}:interrupted", "--out", str(tmp_path)]) == 130
    [run] = tmp_path.iterdir()
    assert f"Interrupted. Go on with: gnomon train --resume {run}" in capsys.readouterr().err


def test_an_interrupt_before_the_run_began_says_so(
    recipes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["train", f"{recipes}:interrupted_early", "--out", str(tmp_path)]) == 130
    assert "Interrupted. The run had not begun." in capsys.readouterr().err


def test_an_interrupted_resume_names_the_same_run(
    recipes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_command(["train", f"{recipes}:interrupted", "--out", str(tmp_path)])
    [run] = tmp_path.iterdir()
    assert run_command(["train", "--resume", str(run)]) == 130
    assert capsys.readouterr().err.count(f"--resume {run}") == 2


def test_only_runs_made_since_then_are_named(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.yaml").touch()
    assert newest_run(tmp_path, time.time()) is not None
    assert newest_run(tmp_path, time.time() + 60) is None


def test_a_recipe_or_a_run_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["train"]) == 2
    assert "name a RECIPE" in capsys.readouterr().err


def test_a_resumed_run_keeps_its_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["train", "revisual-r1", "--resume", "runs/x"]) == 2
    assert "keeps its recipe" in capsys.readouterr().err


def test_resuming_what_is_no_run_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["train", "--resume", str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err


def test_an_objective_is_printed_with_its_constants_and_its_peers() -> None:
    arguments = ["objective", "revisual-r1", "--set", "stages.text-rl.loss.clip_high=0.28"]
    output = runner.invoke(app, arguments).output
    assert "Stage text-rl" in output and "1 + 0.28" in output
    assert all(peer in output for peer in ("verl", "TRL", "EasyR1"))
