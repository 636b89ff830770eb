from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.replication.experiment import Experiment, Metric, ReplicationError, read_experiment
from gnomon.replication.jobs import Job
from gnomon.replication.results import (
    POINTS,
    by_task,
    curves,
    item_results,
    logged_mean,
    pack,
    read_results,
    store_failure,
    store_run,
    unpack,
)
from gnomon.run import Run


def declared(**changes: Any) -> Experiment:
    data = {
        "system": "small",
        "question": "Does it matter?",
        "registered": "2026-11-28",
        "recipe": "grpo",
        "metric": {"name": "accuracy"},
        "reference": "a",
        "arms": {"a": {"isolates": "plain"}, "b": {"isolates": "more"}},
        **changes,
    }
    return read_experiment(data, Path("small.yaml"))


def record(experiment: Experiment, arm: str = "a", seed: int = 0, **more: Any) -> dict[str, Any]:
    key = {"declaration": experiment.declaration, "budget": 1.0, "arm": arm, "seed": seed}
    return {**key, **more}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "runs", "r", "micro", "name: r\n")


@given(st.lists(st.sampled_from([0.0, 1.0, math.nan]), min_size=1, max_size=70))
def test_items_come_back_as_they_were_packed(right: list[float]) -> None:
    np.testing.assert_array_equal(unpack(json.loads(json.dumps(pack(right)))), right)


def test_half_a_thousand_items_take_a_hundred_characters() -> None:
    assert len(json.dumps(pack([1.0] * 512))) < 140


@pytest.mark.parametrize(
    "broken",
    [
        {"n": 3, "right": "!", "missing": []},
        {"n": 3, "missing": []},
        {"n": 3, "right": "gA==", "missing": [9]},
    ],
)
def test_damaged_items_are_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ReplicationError, match="cannot be read"):
        unpack(broken)


def evaluated(
    run: Run, outcomes: list[str], samples: int = 1, tasks: dict[str, Any] | None = None
) -> None:
    """An evaluation with these outcomes, and estimates of ``tasks``."""
    rows = [
        {
            "group": place // samples, "member": place % samples, "sample_id": str(place),
            "task": "count", "prompt": "",
            "images": [], "response": "model text", "stop": "end", "length": 1,
            "reference": "1", "outcome": outcome, "reason": "", "grader": "g", "reward": 0.0,
            "scores": {},
        }
        for place, outcome in enumerate(outcomes)
    ]  # fmt: skip
    items = len(outcomes) // samples
    told = {"n": items, "skipped": 1, "excluded": [], "by_task": tasks or {}}
    result = {"benchmarks": {"b": told}}
    run.write_evaluation(1, "rl", result, rows, {})


def test_items_are_right_wrong_or_not_graded(run: Run) -> None:
    evaluated(run, ["correct", "wrong", "no answer", "timeout"])
    np.testing.assert_array_equal(item_results(run)["rl"], [1.0, 0.0, 0.0, math.nan, math.nan])


def test_of_several_samples_the_most_decide(run: Run) -> None:
    evaluated(run, ["correct", "correct", "wrong", "correct", "wrong", "wrong"], samples=3)
    assert item_results(run)["rl"][:2] == [1.0, 0.0]


def test_of_a_task_its_items_accuracy_and_most_common_answer_are_kept(run: Run) -> None:
    assert by_task(run) == {}
    interval = {"low": 0.1, "high": 0.9}
    tasks = {
        "sum": {"n": 3, "accuracy": 0.5, "guess": 2 / 3, **interval},
        "late": {"n": 0, "accuracy": math.nan, "guess": math.nan, **interval},
    }
    evaluated(run, ["wrong"], tasks=tasks)
    assert by_task(run) == {
        "sum": {"items": 3, "accuracy": 0.5, "guess": 0.6667},
        "late": {"items": 0, "accuracy": None, "guess": None},
    }


def test_a_logged_metric_is_the_mean_of_the_last_steps_of_its_stage(run: Run) -> None:
    for step in range(1, 9):
        run.log("rl", 1, step, {"kl": float(step)})
    run.log("text", 2, 1, {"kl": 100.0})
    assert logged_mean(run, Metric(name="kl", last=0.25), "rl") == 7.5
    assert logged_mean(run, Metric(name="kl", stage="text"), "rl") == 100.0
    assert math.isnan(logged_mean(run, Metric(name="absent"), "rl"))


def test_a_logged_metric_of_a_short_stage_is_its_last_step(run: Run) -> None:
    run.log("rl", 1, 1, {"kl": 1.0})
    run.log("rl", 1, 2, {"kl": 3.0})
    assert logged_mean(run, Metric(name="kl", last=0.25), "rl") == 3.0


def test_a_long_curve_is_stored_as_a_few_means(run: Run) -> None:
    for step in range(1, 101):
        run.log("rl", 1, step, {"accuracy": float(step), "other": 1.0})
    stored = curves(run)
    assert list(stored) == ["accuracy"]
    assert stored["accuracy"] == [[3.0 + 5 * n, 3.0 + 5 * n] for n in range(20)]
    assert len(stored["accuracy"]) <= POINTS


def test_the_first_run_of_a_key_is_kept(tmp_path: Path) -> None:
    experiment = declared()
    assert store_run(tmp_path, experiment, record(experiment, value=1))
    assert not store_run(tmp_path, experiment, record(experiment, value=2))
    assert [run["value"] for run in read_results(tmp_path, "small")["runs"]] == [1]


def test_another_declaration_is_stored_beside_the_first(tmp_path: Path) -> None:
    first, second = declared(), declared(seeds=5)
    for experiment in (first, second):
        assert store_run(tmp_path, experiment, record(experiment))
    stored = read_results(tmp_path, "small")
    assert list(stored["declarations"]) == [first.declaration, second.declaration]
    assert len(stored["runs"]) == 2


def test_a_file_has_one_line_for_each_run(tmp_path: Path) -> None:
    experiment = declared()
    store_run(tmp_path, experiment, record(experiment))
    before = (tmp_path / "small.json").read_text().splitlines()
    store_run(tmp_path, experiment, record(experiment, seed=1))
    after = (tmp_path / "small.json").read_text().splitlines()
    assert len(after) == len(before) + 1


def test_values_that_json_lacks_are_null(tmp_path: Path) -> None:
    experiment = declared()
    store_run(tmp_path, experiment, record(experiment, logged={"kl": math.nan}))
    assert read_results(tmp_path, "small")["runs"][0]["logged"] == {"kl": None}


def test_a_failure_is_stored_once_with_its_first_line(tmp_path: Path) -> None:
    experiment = declared()
    job = Job("b", 1, None, tmp_path)  # type: ignore[arg-type]
    for _ in range(2):
        store_failure(tmp_path, experiment, job, 1.0, "Diverged: no finite loss\nand more")
    (failure,) = read_results(tmp_path, "small")["failures"]
    assert (failure["arm"], failure["reason"]) == ("b", "Diverged: no finite loss")


def test_a_damaged_file_is_refused_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "small.json").write_text("{")
    experiment = declared()
    with pytest.raises(ReplicationError, match="restore it from git"):
        store_run(tmp_path, experiment, record(experiment))
    assert (tmp_path / "small.json").read_text() == "{"


def test_without_a_file_there_are_no_runs(tmp_path: Path) -> None:
    assert read_results(tmp_path, "small")["runs"] == []
