"""The command end to end: two arms and two seeds of two steps, trained once for the whole file."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gnomon.cli import app, run_command
from gnomon.disk import sha256_of
from gnomon.replication.results import read_results
from gnomon.replication.summary import summarise
from gnomon.run import Run
from gnomon.yaml_text import write_yaml


def quick(model: Path) -> dict[str, Any]:
    """Two arms of two steps of a tiny model."""
    return {
        "system": "quick",
        "question": "Does it run?",
        "registered": "2026-11-28",
        "recipe": "grpo",
        "start": ["cold-start"],
        "changes": {
            "model.path": str(model),
            "stages.cold-start.steps": 2,
            "stages.cold-start.batch_size": 2,
            "stages.cold-start.max_tokens": 512,
            "stages.rl.max_tokens": 512,
            "stages.rl.steps": 4,
            "stages.rl.prompts": 2,
            "stages.rl.rollouts": 2,
            "stages.rl.log_rollouts_every": 1,
            "stages.rl.sampling.max_new_tokens": 8,
            "evaluation.benchmarks.microworld-reasoning.items": 4,
            "evaluation.max_new_tokens": 8,
        },
        "metric": {"name": "accuracy", "margin": 0.02},
        "also": [{"name": "length", "better": "lower", "margin": 3.0}],
        "reference": "grpo",
        "arms": {
            "grpo": {"isolates": "plain"},
            "no-std": {
                "isolates": "no scale",
                "changes": {"stages.rl.advantage": {"part": "dr-grpo"}},
            },
        },
    }


@dataclass(frozen=True)
class Done:
    """A finished command, where it ran, and its arguments."""

    root: Path
    result: Result
    arguments: list[str]

    def runs(self) -> dict[str, Run]:
        found = self.root.glob("runs/quick/*/*/*/recipe.yaml")
        return {path.parent.parent.name: Run(path.parent) for path in found}

    def stored(self) -> dict[str, Any]:
        return read_results(self.root / "stored", "quick")


@pytest.fixture(scope="module")
def done(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    root = tmp_path_factory.mktemp("replicate")
    (root / "quick.yaml").write_text(write_yaml(quick(tiny_folder)))
    arguments = [
        "replicate", str(root / "quick.yaml"), "--seeds", "2", "--budget", "0.5", "--jobs", "2",
        "--out", str(root / "runs"), "--results", str(root / "stored"),
    ]  # fmt: skip
    yield Done(root, CliRunner().invoke(app, arguments), arguments)


def test_the_command_ends_well_and_shows_the_result(done: Done) -> None:
    assert done.result.exit_code == 0, done.result.output
    assert "quick, declaration" in done.result.output
    assert "inconclusive" in done.result.output


def test_every_run_is_an_ordinary_run_folder(done: Done) -> None:
    assert set(done.runs()) == {"grpo-0", "grpo-1", "no-std-0", "no-std-1"}
    for run in done.runs().values():
        assert Run.open(run.path).summary()["status"] == "done"
        assert (run.path / "report.html").is_file()
        assert len(run.metrics()) == 2


def test_the_shared_stages_run_once_for_each_seed(done: Done) -> None:
    starts = list(done.root.glob("runs/starts/*/*/*/summary.json"))
    assert sorted(path.parent.parent.name for path in starts) == ["seed-0", "seed-1"]


def test_all_arms_of_a_seed_begin_from_the_same_weights(done: Done) -> None:
    weights = {(run["seed"], *run["start"]["weights"]) for run in done.stored()["runs"]}
    assert len(weights) == 2
    assert len({weight for _, weight in weights}) == 2


def test_each_run_is_stored_with_a_hash_of_the_base_that_it_began_from(
    done: Done, tiny_folder: Path
) -> None:
    weights = [sha256_of(path) for path in sorted(tiny_folder.glob("*.safetensors"))]
    base = hashlib.sha256("".join(weights).encode()).hexdigest()
    assert [run["base"] for run in done.stored()["runs"]] == [base] * 4


def test_before_their_first_step_arms_of_a_seed_answer_alike(done: Done) -> None:
    for seed in (0, 1):
        one, other = (done.runs()[f"{arm}-{seed}"] for arm in ("grpo", "no-std"))
        first, second = (run.evaluation_rows(0, "base") for run in (one, other))
        assert [row["response"] for row in first] == [row["response"] for row in second]


def test_arms_of_a_seed_read_the_same_questions_and_another_seed_others(done: Done) -> None:
    asked = {
        name: [row["sample_id"] for row in run.rollouts(limit=100)]
        for name, run in done.runs().items()
    }
    assert asked["grpo-0"] == asked["no-std-0"]
    assert asked["grpo-1"] == asked["no-std-1"]
    assert asked["grpo-0"] != asked["grpo-1"]


def test_items_costs_and_curves_are_stored_and_no_text(done: Done) -> None:
    stored = done.stored()
    assert len(stored["runs"]) == 4
    for run in stored["runs"]:
        assert run["items"]["rl"]["n"] == 4
        assert run["cost"]["rollouts"] == 2 * 4
        assert run["cost"]["seconds"] > 0
        assert len(run["curves"]["length"]) == 2
        assert run["threads"] >= 1
    text = (done.root / "stored/quick.json").read_text()
    assert str(done.root) not in text.replace(str(quick(done.root)["changes"]["model.path"]), "")
    assert len(text) < 8000


def test_the_result_is_of_both_seeds(done: Done) -> None:
    (result,) = summarise(done.stored())
    assert result.seeds == (0, 1)
    [warning] = result.warnings  # no rollout of this model is right, so that no scale acts
    assert warning.startswith("grpo and no-std answered alike in every seed")
    assert result.arms[1].effects["accuracy"].seeds == 2


def test_the_same_command_again_runs_nothing(done: Done) -> None:
    before = (done.root / "stored/quick.json").read_bytes()
    assert CliRunner().invoke(app, done.arguments).exit_code == 0
    assert len(list(done.root.glob("runs/quick/*/*/*/recipe.yaml"))) == 4
    assert (done.root / "stored/quick.json").read_bytes() == before


def test_what_is_stored_is_shown_and_not_trained_again(done: Done, tmp_path: Path) -> None:
    shutil.copytree(done.root / "stored", tmp_path / "stored")
    arguments = [*done.arguments[:-4], "--out", f"{tmp_path}/runs", "--results"]
    result = CliRunner().invoke(app, [*arguments, f"{tmp_path}/stored"])
    assert result.exit_code == 0
    said = " ".join(result.output.split())
    assert "4 runs of this declaration are stored" in said
    assert "--results FOLDER" in said
    assert "quick, declaration" in said
    assert not list(tmp_path.glob("runs/**/recipe.yaml"))


def test_a_killed_experiment_goes_on_and_a_failed_run_leaves_the_others_alone(
    done: Done, tmp_path: Path
) -> None:
    shutil.copytree(done.root / "runs", tmp_path / "runs")
    folder = next((tmp_path / "runs/quick").iterdir())
    (stopped,) = folder.glob("grpo-1/*/summary.json")
    metrics = (stopped.parent / "metrics.jsonl").read_bytes()
    stopped.unlink()  # as a kill before the end leaves it
    (broken,) = folder.glob("no-std-0/*/recipe.yaml")
    (broken.parent / "summary.json").unlink()
    broken.write_text("name: [")
    arguments = [*done.arguments[:-4], "--out", f"{tmp_path}/runs", "--results", f"{tmp_path}/new"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "failed: no-std, seed 0" in result.output
    stored = read_results(tmp_path / "new", "quick")
    kept = {(run["arm"], run["seed"]) for run in stored["runs"]}
    assert kept == {("grpo", 0), ("grpo", 1), ("no-std", 1)}
    assert [(item["arm"], item["seed"]) for item in stored["failures"]] == [("no-std", 0)]
    assert (stopped.parent / "metrics.jsonl").read_bytes() == metrics


def test_the_list_names_every_experiment(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["replicate", "--list", "--results", str(tmp_path)])
    assert result.exit_code == 0
    assert "papo" in result.output
    assert "not run yet" in result.output


def test_a_dry_run_shows_the_arms_with_their_budgets(tmp_path: Path) -> None:
    arguments = ["replicate", "luffy", "--dry-run", "--out", str(tmp_path / "runs")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert "mixed-shaped" in result.output
    assert "5,120" in result.output
    assert list(tmp_path.iterdir()) == []


def test_without_a_system_the_command_says_what_to_do() -> None:
    result = CliRunner().invoke(app, ["replicate"])
    assert result.exit_code == 2
    assert "--list" in result.output


def test_unequal_arms_are_refused_before_anything_runs(
    tiny_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = quick(tiny_folder)
    data["arms"]["no-std"]["changes"]["stages.rl.rollouts"] = 4
    (tmp_path / "quick.yaml").write_text(write_yaml(data))
    assert run_command(["replicate", f"{tmp_path}/quick.yaml", "--out", f"{tmp_path}/runs"]) == 2
    assert "arm no-std: rollouts: 32 against 16 of grpo" in capfd.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_an_arm_that_training_refuses_is_named_before_anything_runs(
    tiny_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = quick(tiny_folder)
    data["arms"]["no-std"]["changes"] = {"stages.rl.loss.dual_clip": 0.5}
    (tmp_path / "quick.yaml").write_text(write_yaml(data))
    assert run_command(["replicate", f"{tmp_path}/quick.yaml", "--out", f"{tmp_path}/runs"]) == 2
    assert "quick: arm no-std: stages.rl.loss: " in capfd.readouterr().err
