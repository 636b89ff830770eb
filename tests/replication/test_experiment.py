from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gnomon.catalogue import recipe_names
from gnomon.recipe import make_recipe, override, parse_changes
from gnomon.replication.experiment import (
    Experiment,
    ReplicationError,
    arm_changes,
    arm_recipe,
    as_settings,
    experiment_files,
    load_experiment,
    read_experiment,
    recipe_hash,
)
from gnomon.yaml_text import write_yaml


def small(**changes: Any) -> dict[str, Any]:
    """An experiment with two arms, as a file says it."""
    arms = {
        "grpo": {"isolates": "plain"},
        "no-std": {"isolates": "no scale", "changes": {"stages.rl.advantage": {"part": "dr-grpo"}}},
    }
    return {
        "system": "small",
        "question": "Does it matter?",
        "registered": "2026-11-28",
        "recipe": "grpo",
        "start": ["cold-start"],
        "metric": {"name": "accuracy", "margin": 0.02},
        "reference": "grpo",
        "arms": arms,
        **changes,
    }


def read(**changes: Any) -> Experiment:
    return read_experiment(small(**changes), Path("small.yaml"))


def test_every_recipe_but_those_without_a_claim_of_their_own_has_an_experiment() -> None:
    bases = {"grpo", "rewarded", "gnomon-micro-base", "gnomon-micro-audio", "gnomon-micro-v2"}
    assert set(experiment_files()) == set(recipe_names()) - bases


@pytest.mark.parametrize("name", experiment_files())
def test_a_declared_experiment_says_what_it_must(name: str) -> None:
    experiment = load_experiment(name)
    assert experiment.seeds >= 3
    for arm_name, arm in experiment.arms.items():
        assert arm.isolates
        if arm_name != experiment.reference:
            assert arm.claim is not None
            assert arm.claim.where


def test_layout_and_comments_do_not_change_a_declaration(tmp_path: Path) -> None:
    text = write_yaml(small())
    (tmp_path / "small.yaml").write_text(f"# a comment\n{text}\n\n")
    assert load_experiment(str(tmp_path / "small.yaml")).declaration == read().declaration


@pytest.mark.parametrize(
    "change",
    [
        {"metric": {"name": "accuracy", "margin": 0.03}},
        {"metric": {"name": "reward", "margin": 0.02}},
        {"seeds": 4},
        {"changes": {"stages.rl.steps": 10}},
        {"question": "Does it help?"},
    ],
)
def test_whatever_is_said_otherwise_is_another_declaration(change: dict[str, Any]) -> None:
    assert read(**change).declaration != read().declaration


def test_fewer_than_three_seeds_cannot_be_declared() -> None:
    with pytest.raises(ReplicationError, match=r"small.yaml: seeds: 2"):
        read(seeds=2)


def test_a_misspelled_reference_gives_the_nearest_arm() -> None:
    with pytest.raises(ReplicationError, match=r"did you mean 'grpo'"):
        read(reference="grop")


def test_one_arm_is_no_experiment() -> None:
    with pytest.raises(ReplicationError, match="at least one arm beside the reference"):
        read(arms={"grpo": {"isolates": "plain"}})


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(ReplicationError, match=r"arms\.grpo\.chnges: there is no such setting"):
        read(arms={"grpo": {"isolates": "x", "chnges": {}}, "b": {"isolates": "y"}})


def test_a_file_is_called_after_its_system() -> None:
    with pytest.raises(ReplicationError, match=r"call the file small\.yaml"):
        read_experiment(small(), Path("other.yaml"))


def test_a_misspelled_system_gives_the_nearest_one() -> None:
    with pytest.raises(ReplicationError, match="did you mean 'papo'"):
        load_experiment("pappo")


def test_a_change_that_does_not_fit_names_arm_and_place() -> None:
    arms = {"grpo": {"isolates": "x"}, "b": {"isolates": "y", "changes": {"stages.rl.stps": 1}}}
    with pytest.raises(ReplicationError, match=r"arm b: stages\.rl\.stps.*did you mean 'steps'"):
        arm_recipe(read(arms=arms), "b")


def test_an_arms_own_change_wins_over_the_common_one() -> None:
    arms = {"grpo": {"isolates": "x"}, "b": {"isolates": "y", "changes": {"seed": 2}}}
    assert arm_changes(read(arms=arms, changes={"seed": 1}), "b") == {"seed": 2}


def test_the_budget_scales_the_arms_own_stages_and_not_the_shared_ones() -> None:
    steps = {stage.name: stage.steps for stage in arm_recipe(read(), "grpo", budget=0.1).stages}
    assert steps == {"cold-start": 300, "rl": 8}


def test_a_budget_leaves_one_step_at_least() -> None:
    assert arm_recipe(read(), "grpo", budget=0.001).stages[-1].steps == 1


def test_the_hash_of_a_recipe_does_not_depend_on_its_seed() -> None:
    recipe = arm_recipe(read(), "grpo")
    assert recipe_hash(recipe) == recipe_hash(recipe.model_copy(update={"seed": 5}))
    assert recipe_hash(recipe) != recipe_hash(arm_recipe(read(), "no-std"))


@pytest.mark.parametrize("name", experiment_files())
def test_the_settings_of_an_arm_can_be_typed_as_a_command(name: str) -> None:
    experiment = load_experiment(name)
    for arm in experiment.arms:
        changes = arm_changes(experiment, arm)
        assert parse_changes(as_settings(changes)) == changes


def test_stages_can_be_named_and_added_in_one_list() -> None:
    recipe = arm_recipe(read(), "grpo")
    added = {**recipe.stages[0].model_dump(mode="json"), "name": "more"}
    stages = override(recipe, {"stages": ["cold-start", added]}).stages
    assert [stage.name for stage in stages] == ["cold-start", "more"]
    assert make_recipe(recipe.model_dump(mode="json")) == recipe
