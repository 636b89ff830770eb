from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import textwrap
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gnomon.checkpoint import write_checkpoint
from gnomon.records import BadRecord
from gnomon.rollouts import COLUMNS
from gnomon.run import LOGS, Run, RunError


@pytest.fixture
def created(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "runs", "grpo", "micro", "name: grpo\n")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "runs" / "grpo-micro").mkdir(parents=True)
    (tmp_path / "runs" / "grpo-micro" / "recipe.yaml").write_text("name: grpo\n")
    return Run.open(tmp_path / "runs" / "grpo-micro")


def encoded(kind: str = "PNG", colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), colour).save(buffer, format=kind)
    return buffer.getvalue()


def row(**changes: Any) -> dict[str, Any]:
    return {
        "group": 0,
        "member": 1,
        "sample_id": "world/1",
        "task": "count",
        "prompt": "<image>How many?",
        "images": [],
        "response": "<answer>3</answer>",
        "stop": "end",
        "length": 9,
        "reference": "3",
        "outcome": "correct",
        "reason": "",
        "reward": 1.0,
        "scores": {"accuracy": 1.0, "format": None},
    } | changes


# -- making and opening -----------------------------------------------------------------------


def test_a_new_run_holds_its_recipe_and_its_environment(created: Run) -> None:
    assert (created.path / "recipe.yaml").read_text() == "name: grpo\n"
    assert json.loads((created.path / "environment.json").read_text())["python"]


def test_a_run_is_named_after_recipe_scale_and_time(created: Run) -> None:
    recipe, scale, day, second = created.path.name.split("-")
    assert (recipe, scale, len(day), len(second)) == ("grpo", "micro", 8, 6)


def test_runs_of_the_same_second_get_folders_of_their_own(tmp_path: Path) -> None:
    runs = {Run.create(tmp_path, "grpo", "micro", "").path for _ in range(4)}
    assert len(runs) == 4


def test_a_recipe_of_a_file_gives_a_name_without_slashes(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "../my recipes/a.py:main", "micro", "")
    assert run.path.parent == tmp_path
    assert run.path.name.startswith("my-recipes-a.py-main-micro-")


def test_a_folder_full_of_runs_of_the_same_second_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise FileExistsError

    monkeypatch.setattr(Path, "mkdir", lambda self, **options: None if options else refuse())
    with pytest.raises(RunError, match="start again"):
        Run.create(tmp_path, "grpo", "micro", "")


def test_a_run_is_opened_by_its_path(run: Run) -> None:
    assert Run.open(str(run.path)) == run


def test_opening_something_else_names_the_nearest_run(run: Run) -> None:
    with pytest.raises(RunError, match=rf"no recipe\.yaml; did you mean '{run.path.name}'"):
        Run.open(run.path.with_name(run.path.name + "x"))


def test_opening_the_folder_of_runs_lists_them(run: Run) -> None:
    with pytest.raises(RunError, match=f"it holds runs, name one of them: {run.path.name}"):
        Run.open(run.path.parent)


def test_a_new_run_reads_as_empty(created: Run) -> None:
    run = created
    assert run.metrics() == run.timings() == run.skipped() == run.evaluations() == []
    assert run.rollouts() == run.checkpoints(1, "rl") == run.evaluation_rows(0, "base") == []
    assert run.summary() == {}


# -- logs -------------------------------------------------------------------------------------


def test_logged_values_come_back_in_order(run: Run) -> None:
    run.log("rl", 1, 1, {"reward": 0.5, "event": "update"})
    run.log("rl", 1, 2, {"reward": 0.75})
    assert run.metrics() == [
        {"stage": "rl", "index": 1, "step": 1, "reward": 0.5, "event": "update"},
        {"stage": "rl", "index": 1, "step": 2, "reward": 0.75},
    ]


def test_times_and_skips_have_logs_of_their_own(run: Run) -> None:
    run.time("rl", 1, 1, {"rollout": 1.5}, 99.0)
    run.time("rl", 1, 2, {"rollout": 1.5})
    run.skip("rl", 1, 1, "source", "17", "no image")
    assert run.timings()[0]["seconds"] == {"rollout": 1.5}
    assert [line["tokens_per_second"] for line in run.timings()] == [99.0, None]
    assert run.skipped()[0]["place"] == "source" and run.skipped()[0]["id"] == "17"
    assert run.metrics() == []


class Kind(Enum):
    ONE = "one"


@pytest.mark.parametrize(
    ("value", "logged"),
    [
        (float("nan"), None),
        (float("inf"), None),
        (-float("inf"), None),
        (np.float32(0.5), 0.5),
        (np.float64("nan"), None),
        (np.int64(3), 3),
        (torch.tensor(0.25), 0.25),
        (torch.tensor(float("inf")), None),
        (True, True),
        (None, None),
        (Kind.ONE, "one"),
        (Path("a/b"), "a/b"),
        ((1, float("nan")), [1, None]),
        ({"a": {"b": float("nan")}}, {"a": {"b": None}}),
    ],
)
def test_values_are_logged_as_json_knows_them(run: Run, value: Any, logged: Any) -> None:
    run.log("rl", 1, 1, {"x": value})
    assert run.metrics()[0]["x"] == logged


@given(st.floats())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_every_finite_number_is_logged_without_loss(run: Run, value: float) -> None:
    run.log("rl", 1, 1, {"x": value})
    assert run.metrics()[-1]["x"] == (value if np.isfinite(value) else None)


def test_a_value_that_json_cannot_hold_is_refused(run: Run) -> None:
    with pytest.raises(RunError, match="cannot be logged"):
        run.log("rl", 1, 1, {"x": object()})
    assert run.metrics() == []


def test_a_value_with_the_name_of_the_place_is_refused(run: Run) -> None:
    with pytest.raises(RunError, match="cannot be named 'step'"):
        run.log("rl", 1, 1, {"step": 3})


def test_a_line_is_on_disk_when_logging_returns(run: Run) -> None:
    code = f"""
        import os, signal
        from gnomon.run import Run
        Run.open({str(run.path)!r}).log("rl", 1, 1, {{"reward": 1}})
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert len(run.metrics()) == 1


def test_a_line_that_is_being_written_is_not_read(run: Run) -> None:
    run.log("rl", 1, 1, {"reward": 1})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "rl", "ind')
    assert len(run.metrics()) == 1


def test_logging_after_a_torn_line_drops_it(run: Run) -> None:
    for torn_first in (True, False):
        with (run.path / "metrics.jsonl").open("a") as file:
            file.write('{"stage": "rl", "ind')
        run.log("rl", 1, int(torn_first), {})
    assert [line["step"] for line in run.metrics()] == [1, 0]


@pytest.mark.parametrize("text", ["rubbish", "[1]", "3"])
def test_a_damaged_line_is_named(run: Run, text: str) -> None:
    run.log("rl", 1, 1, {})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write(text + "\n")
    with pytest.raises(RunError, match=r"metrics\.jsonl, line 2: not a JSON object"):
        run.metrics()


# -- rollouts ---------------------------------------------------------------------------------


def test_rollouts_come_back_with_all_columns(run: Run) -> None:
    run.write_rollouts(1, "rl", 3, [row(difficulty=2, prediction="3", advantage=-0.5)], {})
    (back,) = run.rollouts()
    assert list(back) == list(COLUMNS)
    assert (back["stage"], back["index"], back["step"]) == ("rl", 1, 3)
    assert (back["difficulty"], back["prediction"], back["advantage"]) == (2.0, "3", -0.5)
    assert json.loads(back["scores"]) == {"accuracy": 1.0, "format": None}


def test_columns_that_may_be_left_out_have_defaults(run: Run) -> None:
    run.write_rollouts(1, "rl", 1, [row()], {})
    (back,) = run.rollouts()
    assert [back[name] for name in ("difficulty", "prediction", "advantage")] == [None] * 3
    assert back["kept"] == 1


def test_values_of_rollouts_that_are_not_finite_are_null(run: Run) -> None:
    nan = float("nan")
    run.write_rollouts(1, "rl", 1, [row(reward=nan, scores={"x": nan})], {})
    (back,) = run.rollouts()
    assert back["reward"] is None and json.loads(back["scores"]) == {"x": None}


def test_predictions_of_any_type_are_stored_as_text(run: Run) -> None:
    run.write_rollouts(1, "rl", 1, [row(prediction=(1.0, 2.0)), row(prediction=True)], {})
    assert [back["prediction"] for back in run.rollouts()] == ["[1.0, 2.0]", "True"]


def test_scores_may_be_text_already(run: Run) -> None:
    run.write_rollouts(1, "rl", 1, [row(scores='{"x": 1}')], {})
    assert run.rollouts()[0]["scores"] == '{"x": 1}'


def test_text_that_is_no_valid_unicode_can_be_stored(run: Run) -> None:
    run.write_rollouts(1, "rl", 1, [row(response="a\ud83db")], {})
    assert run.rollouts()[0]["response"] == "a?b"


def test_the_file_lies_where_the_contract_says(run: Run) -> None:
    path = run.write_rollouts(2, "rl", 7, [row()], {})
    assert path == run.path / "rollouts" / "2-rl" / "000007.parquet"


def test_images_are_stored_once_under_their_hash(run: Run) -> None:
    images = {"a": encoded(), "b": encoded(), "c": encoded(colour="blue")}
    run.write_rollouts(1, "rl", 1, [row(images=["a", "b"]), row(images=["c"])], images)
    run.write_rollouts(1, "rl", 2, [row(images=["z"])], {"z": encoded()})
    first, second, later = (back["images"] for back in run.rollouts())
    assert first[0] == first[1] == later[0] != second[0]
    stored = run.path / "rollouts" / "images"
    assert (stored / first[0]).read_bytes() == encoded()
    assert len(list(stored.iterdir())) == 2


def test_the_ending_of_an_image_follows_its_content(run: Run) -> None:
    images = {"a.jpg": encoded("PNG"), "b.png": encoded("JPEG"), "c": encoded("WEBP")}
    run.write_rollouts(1, "rl", 1, [row(images=list(images))], images)
    (back,) = run.rollouts()
    assert [Path(name).suffix for name in back["images"]] == [".png", ".jpg", ".png"]


def test_bytes_that_are_no_image_are_a_bad_record(run: Run) -> None:
    with pytest.raises(BadRecord):
        run.write_rollouts(1, "rl", 1, [row(images=["a"])], {"a": b"<svg></svg>"})


def test_a_row_may_name_an_image_that_is_stored_already(run: Run) -> None:
    run.write_rollouts(1, "rl", 1, [row(images=["a"])], {"a": encoded()})
    name = run.rollouts()[0]["images"][0]
    run.write_rollouts(1, "rl", 2, [row(images=[name])], {})
    assert run.rollouts()[1]["images"] == [name]


@pytest.mark.parametrize("name", ["b", "../../recipe.yaml", "/etc/hosts", ""])
def test_a_row_with_an_unknown_image_is_refused(run: Run, name: str) -> None:
    run.write_rollouts(1, "rl", 1, [row(images=["a"])], {"a": encoded()})
    with pytest.raises(RunError, match="which was not given"):
        run.write_rollouts(1, "rl", 2, [row(images=[name])], {"a": encoded()})


def test_an_unknown_column_gives_the_nearest(run: Run) -> None:
    with pytest.raises(RunError, match="no column 'rewards'; did you mean 'reward'"):
        run.write_rollouts(1, "rl", 1, [row(rewards=1)], {})


def test_a_missing_column_is_named(run: Run) -> None:
    incomplete = row()
    del incomplete["outcome"]
    with pytest.raises(RunError, match="needs the column 'outcome'"):
        run.write_rollouts(1, "rl", 1, [incomplete], {})


@pytest.mark.parametrize(
    "change",
    [
        {"length": "many"},
        {"length": 1.5},
        {"images": [3]},
        {"images": "a"},
        {"kept": True},
        {"group": None},
        {"reward": "1"},
        {"length": 2**70},
    ],
)
def test_a_value_of_a_wrong_type_is_refused(run: Run, change: dict[str, Any]) -> None:
    with pytest.raises(RunError, match=f"column '{next(iter(change))}' of a rollout cannot hold"):
        run.write_rollouts(1, "rl", 1, [row(**change)], {})


@pytest.mark.parametrize("stage", ["", "a/b", "../x", "-rl", "a b"])
def test_a_stage_that_is_no_file_name_is_refused(run: Run, stage: str) -> None:
    with pytest.raises(RunError, match="a stage's name"):
        run.write_rollouts(1, stage, 1, [row()], {})


def test_rollouts_are_read_in_order_of_stage_and_step_up_to_a_limit(run: Run) -> None:
    for index, stage, step in [(10, "b", 1), (2, "a", 30), (2, "a", 4)]:
        run.write_rollouts(index, stage, step, [row(), row()], {})
    assert [(back["index"], back["step"]) for back in run.rollouts()][::2] == [
        (2, 4),
        (2, 30),
        (10, 1),
    ]
    assert [back["step"] for back in run.rollouts(limit=3)] == [4, 4, 30]
    assert [back["step"] for back in run.rollouts(10, "b")] == [1, 1]
    assert [back["step"] for back in run.rollouts(2, limit=1)] == [4]
    assert run.rollouts(limit=0) == run.rollouts(1, "a") == []


# -- evaluations, summary, checkpoints --------------------------------------------------------


def test_an_evaluation_has_a_result_and_rows(run: Run) -> None:
    result = {"step": 5, "benchmarks": {"world": {"accuracy": 0.5, "low": float("nan")}}}
    path = run.write_evaluation(1, "rl.v2", result, [row(images=["a"])], {"a": encoded()})
    run.write_evaluation(0, "base", {"benchmarks": {}}, [], {})
    base, trained = run.evaluations()
    assert (base["index"], base["stage"], base["step"]) == (0, "base", 0)
    assert trained["benchmarks"]["world"] == {"accuracy": 0.5, "low": None}
    assert path == run.path / "evaluations" / "1-rl.v2.json"
    (back,) = run.evaluation_rows(1, "rl.v2")
    assert back["step"] == 5 and back["advantage"] is None
    assert (run.path / "rollouts/images" / back["images"][0]).is_file()
    assert run.evaluation_rows(0, "base") == []


def test_the_summary_is_replaced_as_a_whole(run: Run) -> None:
    run.write_summary({"status": "running", "extra": 1})
    run.write_summary({"status": "done"})
    assert run.summary() == {"status": "done"}


def test_checkpoints_are_listed_oldest_first(run: Run) -> None:
    for step in (20, 3):
        write_checkpoint(run.checkpoint_path(1, "rl", step), lambda _: None)
    assert [path.name for path in run.checkpoints(1, "rl")] == ["step-000003", "step-000020"]


# -- rewinding --------------------------------------------------------------------------------


def write_step(run: Run, index: int, stage: str, step: int) -> None:
    run.log(stage, index, step, {"loss": 1 / (step + index + 1)})
    run.time(stage, index, step, {"update": 0.1})
    run.skip(stage, index, step, "rollout", "x", "empty")
    run.write_rollouts(index, stage, step, [row()], {})


def contents(run: Run) -> dict[str, bytes]:
    files = (path for path in run.path.rglob("*") if path.is_file())
    return {str(path.relative_to(run.path)): path.read_bytes() for path in files}


STEPS = [(1, "sft", 1), (1, "sft", 2), (2, "rl", 1), (2, "rl", 2), (2, "rl", 3)]


@pytest.mark.parametrize("kept", range(len(STEPS) + 1))
def test_rewinding_gives_the_run_as_it_was_at_that_step(run: Run, kept: int) -> None:
    write_step(run, 0, "base", 0)
    for place in STEPS[:kept]:
        write_step(run, *place)
    before = contents(run)
    for place in STEPS[kept:]:
        write_step(run, *place)
    index, _, step = STEPS[kept - 1] if kept else (0, "base", 0)
    run.rewind(index, step)
    after = contents(run)
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == set()


def test_going_on_after_rewinding_gives_the_bytes_of_an_unbroken_run(run: Run) -> None:
    for place in STEPS:
        write_step(run, *place)
    unbroken = contents(run)
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"torn')
    run.rewind(1, 2)
    for place in STEPS[2:]:
        write_step(run, *place)
    assert contents(run) == unbroken


def test_rewinding_removes_later_evaluations_and_keeps_earlier_ones(run: Run) -> None:
    for index, stage, step in [(0, "base", 0), (1, "sft", 5), (2, "rl", 9)]:
        run.write_evaluation(index, stage, {"step": step}, [row()], {})
    run.rewind(1, 5)
    assert [item["stage"] for item in run.evaluations()] == ["base", "sft"]
    run.rewind(1, 4)
    assert [item["stage"] for item in run.evaluations()] == ["base"]
    assert len(list((run.path / "evaluations").iterdir())) == 2


def test_rewinding_removes_an_evaluation_that_a_kill_left_without_result(run: Run) -> None:
    path = run.write_evaluation(1, "sft", {"step": 5}, [row()], {})
    path.unlink()
    run.rewind(1, 5)
    assert list((run.path / "evaluations").iterdir()) == []


def test_rewinding_removes_what_was_not_in_place_yet(run: Run) -> None:
    write_step(run, 1, "sft", 1)
    rests = ["rollouts/1-sft", "rollouts/images", "evaluations", "."]
    for folder in rests:
        (run.path / folder).mkdir(exist_ok=True)
        (run.path / folder / f".tmp-x-{os.getpid()}").write_bytes(b"half")
    run.rewind(1, 1)
    assert not list(run.path.rglob(".tmp-*"))


def test_rewinding_drops_damaged_lines(run: Run) -> None:
    run.log("rl", 1, 1, {})
    with (run.path / "metrics.jsonl").open("ab") as file:
        file.write(b"\x00\x00\x00\n{}\n[]\n")
    run.log("rl", 1, 2, {})
    run.rewind(1, 2)
    assert [line["step"] for line in run.metrics()] == [1, 2]


def test_rewinding_leaves_checkpoints_and_recipe_alone(run: Run) -> None:
    write_checkpoint(run.checkpoint_path(1, "rl", 9), lambda folder: None)
    before = contents(run)
    run.rewind(0, 0)
    assert contents(run) == before


def test_rewinding_a_run_to_its_end_does_not_touch_the_logs(run: Run) -> None:
    write_step(run, 1, "rl", 1)
    before = [(run.path / name).stat().st_mtime_ns for name in LOGS]
    run.rewind(1, 1)
    assert [(run.path / name).stat().st_mtime_ns for name in LOGS] == before
