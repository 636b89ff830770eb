from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gnomon.replication.experiment import Experiment, read_experiment
from gnomon.replication.results import read_results, store_failure, store_run
from gnomon.replication.summary import Result, summarise
from replication.stored import made_record, store_made


def declared(**changes: Any) -> Experiment:
    data = {
        "system": "small",
        "question": "Does it matter?",
        "registered": "2026-11-28",
        "recipe": "grpo",
        "metric": {"name": "accuracy", "margin": 0.02},
        "also": [{"name": "length", "better": "lower", "margin": 1.0}],
        "reference": "plain",
        "arms": {
            "plain": {"isolates": "nothing"},
            "better": {"isolates": "more"},
            "same": {"isolates": "a word"},
            "worse": {"isolates": "less"},
        },
        **changes,
    }
    return read_experiment(data, Path("small.yaml"))


SHARES = {"plain": 0.5, "better": 0.6, "same": 0.5, "worse": 0.4}


def results(folder: Path) -> list[Result]:
    return summarise(read_results(folder, "small"))


def test_verdicts_follow_from_the_stored_items(tmp_path: Path) -> None:
    store_made(tmp_path, declared(), SHARES)
    (result,) = results(tmp_path)
    said = {arm.name: arm.verdict for arm in result.arms}
    assert said == {
        "plain": None, "better": "helps", "same": "no effect seen", "worse": "hurts"
    }  # fmt: skip
    assert result.done
    assert result.warnings == ()


def test_effects_are_against_the_reference(tmp_path: Path) -> None:
    store_made(tmp_path, declared(), SHARES)
    arms = {arm.name: arm for arm in results(tmp_path)[0].arms}
    assert arms["better"].effects["accuracy"].effect == pytest.approx(0.1)
    assert arms["better"].effects["length"].effect == pytest.approx(1.0)
    assert arms["plain"].effects == {}
    assert arms["better"].values["accuracy"] == {0: 0.6, 1: 0.6, 2: 0.6}


def test_arms_that_are_not_the_reference_are_compared_with_each_other(tmp_path: Path) -> None:
    store_made(tmp_path, declared(), SHARES)
    (result,) = results(tmp_path)
    assert {pair: round(effect.effect, 3) for pair, effect in result.between.items()} == {
        ("same", "better"): -0.1, ("worse", "better"): -0.2, ("worse", "same"): -0.1
    }  # fmt: skip


def test_a_copy_of_an_arm_does_not_make_an_effect_surer(tmp_path: Path) -> None:
    found = []
    for folder, copied in ((tmp_path / "one", ()), (tmp_path / "other", ("same", "worse"))):
        experiment = declared()
        for seed, shares in enumerate(((0.5, 0.6), (0.5, 0.5), (0.45, 0.6))):
            for arm, share in zip(("plain", "better"), shares, strict=True):
                store_run(folder, experiment, made_record(experiment, arm, seed, share))
            for arm in copied:
                store_run(folder, experiment, made_record(experiment, arm, seed, shares[1]))
        (result,) = results(folder)
        found.append(result.arms[1].effects["accuracy"])
    assert found[0] == found[1]


def test_two_arms_without_a_seed_in_common_are_not_compared(tmp_path: Path) -> None:
    experiment = declared()
    store_run(tmp_path, experiment, made_record(experiment, "better", 0, 0.6))
    store_run(tmp_path, experiment, made_record(experiment, "same", 1, 0.5))
    assert results(tmp_path)[0].between == {}


def test_only_seeds_that_both_arms_have_are_compared(tmp_path: Path) -> None:
    experiment = declared()
    store_made(tmp_path, experiment, {"plain": 0.5})
    store_run(tmp_path, experiment, made_record(experiment, "better", 1, 0.6))
    (result,) = results(tmp_path)
    arm = result.arms[1]
    assert (arm.effects["accuracy"].seeds, arm.verdict) == (1, "inconclusive")
    assert not result.done


def test_an_arm_without_the_reference_has_no_effect(tmp_path: Path) -> None:
    store_made(tmp_path, declared(), {"better": 0.6})
    assert results(tmp_path)[0].arms[0].effects == {}


def test_a_later_declaration_is_declared_again_and_not_mixed_in(tmp_path: Path) -> None:
    first, second = declared(), declared(metric={"name": "accuracy", "margin": 0.2})
    store_made(tmp_path, first, SHARES)
    store_made(tmp_path, second, {"plain": 0.5, "better": 0.9})
    one, other = results(tmp_path)
    assert (one.again, other.again) == (False, True)
    assert one.declaration == first.declaration
    assert one.arms[1].values["accuracy"][0] == pytest.approx(0.6)


def test_another_budget_stands_apart(tmp_path: Path) -> None:
    store_made(tmp_path, declared(), SHARES)
    store_made(tmp_path, declared(), SHARES, budget=0.5)
    assert [result.budget for result in results(tmp_path)] == [1.0, 0.5]


def test_arms_that_began_from_different_weights_are_told(tmp_path: Path) -> None:
    experiment = declared()
    store_made(tmp_path, experiment, {"plain": 0.5})
    other = made_record(experiment, "better", 0, 0.6)
    other["start"] = {**other["start"], "weights": ["others"]}
    store_run(tmp_path, experiment, other)
    assert results(tmp_path)[0].warnings == ("the arms of seed 0 began from different weights",)


def test_runs_that_began_from_another_base_are_told(tmp_path: Path) -> None:
    experiment = declared()
    store_made(tmp_path, experiment, {"plain": 0.5}, seeds=1)
    store_run(tmp_path, experiment, made_record(experiment, "plain", 1, 0.5, base="another"))
    (result,) = results(tmp_path)
    assert result.warnings == ("its runs began from different base models",)
    assert result.bases == ("another", "fedcba9876543210")


def test_arms_that_nothing_sets_apart_are_told(tmp_path: Path) -> None:
    experiment = declared()
    for seed in range(2):
        for arm, share in {"plain": 0.5, "better": 0.6, "same": 0.6}.items():
            curves = {"length": [[1.0, 10.0 * seed], [2.0, 20.0]]}
            store_run(
                tmp_path, experiment, made_record(experiment, arm, seed, share, curves=curves)
            )
    (result,) = results(tmp_path)
    assert result.warnings == (
        "better and same answered alike in every seed, rollouts included: what sets them apart did "
        "not act",
    )


def test_the_same_answers_after_other_rollouts_are_no_idle_arm(tmp_path: Path) -> None:
    experiment = declared()
    for arm, length in {"plain": 9.0, "same": 9.5}.items():
        curves = {"length": [[1.0, length]]}
        store_run(tmp_path, experiment, made_record(experiment, arm, 0, 0.5, curves=curves))
    assert results(tmp_path)[0].warnings == ()


def test_a_recipe_that_changed_between_seeds_is_told(tmp_path: Path) -> None:
    experiment = declared()
    store_made(tmp_path, experiment, {"plain": 0.5}, seeds=1)
    store_run(tmp_path, experiment, made_record(experiment, "plain", 1, 0.5, recipe="another"))
    assert results(tmp_path)[0].warnings == ("the recipe of plain changed between its runs",)


def test_a_failed_run_is_shown_until_it_succeeds(tmp_path: Path) -> None:
    from gnomon.replication.jobs import Job

    experiment = declared()
    store_made(tmp_path, experiment, {"plain": 0.5})
    job = Job("worse", 1, None, tmp_path)  # type: ignore[arg-type]
    store_failure(tmp_path, experiment, job, 1.0, "Diverged")
    assert results(tmp_path)[0].arms[1].failures == ("seed 1: Diverged",)
    store_run(tmp_path, experiment, made_record(experiment, "worse", 1, 0.4))
    assert results(tmp_path)[0].arms[1].failures == ()


def in_tasks(**accuracies: float) -> dict[str, dict[str, float]]:
    return {
        task: {"items": 200, "accuracy": accuracy, "guess": 0.5}
        for task, accuracy in accuracies.items()
    }


def test_each_task_has_the_mean_of_the_seeds_of_every_arm(tmp_path: Path) -> None:
    experiment = declared()
    for seed, accuracy in enumerate((0.4, 0.8)):
        tasks = in_tasks(count=accuracy, sum=0.1)
        store_run(tmp_path, experiment, made_record(experiment, "plain", seed, 0.5, tasks=tasks))
    (result,) = results(tmp_path)
    assert result.tasks["count"].accuracy == {"plain": pytest.approx(0.6)}
    assert (result.tasks["sum"].items, result.tasks["sum"].guess) == (200, 0.5)


def test_a_task_of_which_an_arm_has_nothing_graded_has_none_for_it(tmp_path: Path) -> None:
    experiment = declared()
    tasks: dict[str, Any] = in_tasks(count=0.4, sum=0.1)
    store_run(tmp_path, experiment, made_record(experiment, "plain", 0, 0.5, tasks=tasks))
    timed_out = {**tasks, "sum": {**tasks["sum"], "accuracy": float("nan")}}
    store_run(tmp_path, experiment, made_record(experiment, "same", 0, 0.5, tasks=timed_out))
    (result,) = results(tmp_path)
    assert dict(result.tasks["sum"].accuracy) == {"plain": 0.1}
    assert dict(result.tasks["count"].accuracy) == {"plain": 0.4, "same": 0.4}


@pytest.mark.parametrize(("count", "guessed"), [(0.52, True), (0.53, False)])
def test_arms_that_are_no_better_than_guessing_in_any_task_are_told(
    tmp_path: Path, count: float, guessed: bool
) -> None:
    store_made(tmp_path, declared(), SHARES, tasks=in_tasks(count=count, sum=0.1))
    (result,) = results(tmp_path)
    assert result.guessed == guessed
    said = {arm.verdict for arm in result.arms if arm.verdict is not None}
    assert (said == {"inconclusive"}) == guessed


def test_without_stored_tasks_nothing_is_said_of_guessing(tmp_path: Path) -> None:
    store_made(tmp_path, declared(), SHARES)
    (result,) = results(tmp_path)
    assert (result.tasks, result.guessed) == ({}, False)


def test_curves_have_the_range_of_the_seeds(tmp_path: Path) -> None:
    store_made(tmp_path, declared(), {"plain": 0.5})
    points = results(tmp_path)[0].arms[0].curves["accuracy"]
    assert points[1] == (2.0, pytest.approx(0.51), pytest.approx(0.5), pytest.approx(0.52))


def test_a_metric_that_an_arm_does_not_log_has_no_effect(tmp_path: Path) -> None:
    experiment = declared()
    store_made(tmp_path, experiment, {"plain": 0.5}, logged={"length": None})
    store_made(tmp_path, experiment, {"better": 0.6})
    assert list(results(tmp_path)[0].arms[1].effects) == ["accuracy"]


def test_nothing_stored_gives_no_result(tmp_path: Path) -> None:
    assert results(tmp_path) == []


def test_an_arm_that_does_not_log_the_metric_itself_is_told(tmp_path: Path) -> None:
    experiment = declared(metric={"name": "kl", "margin": 0.1})
    store_made(tmp_path, experiment, {"plain": 0.5}, logged={"kl": 0.1})
    store_made(tmp_path, experiment, {"better": 0.6}, logged={})
    (result,) = results(tmp_path)
    assert result.warnings == ("better has no kl",)
    assert result.arms[1].verdict is None
