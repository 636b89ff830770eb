from __future__ import annotations

import json
from pathlib import Path

import pytest

from gnomon.recipe import make_recipe
from gnomon.replication.experiment import Experiment, ReplicationError, load_experiment
from gnomon.replication.jobs import LOG, RECIPE, Job, choose_arms, plan_jobs
from gnomon.replication.matching import resolve
from gnomon.run import Run
from gnomon.yaml_text import read_yaml_file


def finish(job: Job, status: str = "done", message: str = "") -> Run:
    """A run folder as a finished run leaves it."""
    run = Run.create(job.folder, job.recipe.name, "micro", job.recipe.to_yaml())
    run.write_summary({"status": status, "message": message, "model": "the/model"})
    return run


def test_shared_stages_come_first_then_whole_seeds(planned: list[Job]) -> None:
    assert [job.arm for job in planned[:3]] == ["start", "start", "start"]
    assert [(job.arm, job.seed) for job in planned[3:8]] == [
        ("grpo", 0), ("papo", 0), ("gamma-doubled", 0), ("semantic-masks", 0), ("grpo", 1)
    ]  # fmt: skip
    assert len(planned) == 3 + 12


def test_all_arms_of_a_seed_wait_for_the_same_start(planned: list[Job]) -> None:
    for job in planned[3:]:
        assert job.start is planned[job.seed]


def test_no_two_jobs_share_a_name_or_a_folder(tmp_path: Path) -> None:
    experiment = load_experiment("skywork-r1v3")  # where an arm has a start of its own
    jobs = plan_jobs(experiment, resolve(experiment), tmp_path)
    assert len({job.name for job in jobs}) == len({job.folder for job in jobs}) == len(jobs)
    assert len([job for job in jobs if job.arm == "start"]) == 6


def test_the_reference_runs_with_whatever_arm_is_asked_for(papo: Experiment) -> None:
    assert choose_arms(papo, ["gamma-doubled"]) == ["grpo", "gamma-doubled"]


def test_a_misspelled_arm_gives_the_nearest(papo: Experiment) -> None:
    with pytest.raises(ReplicationError, match="did you mean 'gamma-doubled'"):
        choose_arms(papo, ["gama-doubled"])


def test_another_declaration_and_another_budget_have_folders_of_their_own(
    papo: Experiment, tmp_path: Path
) -> None:
    later = papo.model_copy(update={"seeds": 4})
    folders = {
        plan_jobs(papo, resolve(papo), tmp_path)[-1].folder.parent,
        plan_jobs(papo, resolve(papo), tmp_path, budget=0.5)[-1].folder.parent,
        plan_jobs(later, resolve(later), tmp_path)[-1].folder.parent,
    }
    assert len(folders) == 3


def test_a_run_begins_from_the_shared_model(papo: Experiment, planned: list[Job]) -> None:
    finish(planned[0])
    arguments = planned[3].arguments(papo)
    assert arguments[1:] == ["--out", str(planned[3].folder)]
    recipe = make_recipe(read_yaml_file(planned[3].folder / RECIPE))
    assert (recipe.model.path, recipe.seed) == ("the/model", 0)
    assert [stage.name for stage in recipe.stages] == ["rl"]


def test_a_run_that_was_stopped_goes_on(papo: Experiment, planned: list[Job]) -> None:
    run = finish(planned[0], "failed", "KeyboardInterrupt: ")
    assert planned[0].arguments(papo) == ["--resume", str(run.path)]
    assert not planned[0].done


def test_steps_are_counted_while_a_run_writes(planned: list[Job]) -> None:
    run = finish(planned[3], "running")
    (run.path / "metrics.jsonl").write_text('{"a": 1}\n{"a": 2}\n{"a"')
    assert (planned[3].made, planned[3].steps) == (2, 40)


def test_the_reason_of_a_failure_is_the_runs_own_message(planned: list[Job]) -> None:
    finish(planned[0], "failed", "Diverged: no finite loss")
    assert planned[0].reason(2) == "Diverged: no finite loss"


def test_without_a_message_the_log_tells_the_reason(planned: list[Job]) -> None:
    planned[0].folder.mkdir(parents=True)
    assert planned[0].reason(9) == "it ended with exit code 9"
    (planned[0].folder / LOG).write_text("one\nOut of memory\n")
    assert planned[0].reason(9) == "Out of memory"


def test_a_damaged_summary_does_not_hide_that_a_run_failed(planned: list[Job]) -> None:
    run = finish(planned[0])
    (run.path / "summary.json").write_text(json.dumps({"status": "done"})[:5])
    assert planned[0].reason(3) == "it ended with exit code 3"
