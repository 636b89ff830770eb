from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gnomon.data.stream import Stream
from gnomon.recipe import build
from gnomon.replication.experiment import (
    Experiment,
    ReplicationError,
    arm_recipe,
    experiment_files,
    load_experiment,
    read_experiment,
)
from gnomon.replication.matching import (
    after_start,
    estimated_seconds,
    resolve,
    responses_of,
    rollouts_of,
    shared_start,
    start_key,
    updates_of,
)
from gnomon.training import check

ACCURATE = {"part": {"part": "accuracy"}, "weight": 1.0}
MINUTES = 15
"""What an experiment may take on two cores."""
SINCE = 1.25
"""How much longer one that was run before may take now: a declaration is kept as it was run, while
its base model and the questions of its recipe have grown."""
ROOT = Path(__file__).parents[2]


def experiment(changes: dict[str, Any], **settings: Any) -> Experiment:
    """Plain GRPO and one other arm with ``changes``; ``settings`` are of that arm."""
    data = {
        "system": "small",
        "question": "Does it matter?",
        "registered": "2026-11-28",
        "recipe": "grpo",
        "start": ["cold-start"],
        "metric": {"name": "accuracy"},
        "reference": "grpo",
        "arms": {
            "grpo": {"isolates": "plain"},
            "other": {"isolates": "something", "changes": changes, **settings},
        },
    }
    return read_experiment(data, Path("small.yaml"))


@pytest.mark.parametrize("name", experiment_files())
def test_a_declared_experiment_compares_like_with_like_and_can_be_trained(name: str) -> None:
    for recipe in resolve(load_experiment(name)).values():
        check(recipe)


@pytest.mark.parametrize("name", experiment_files())
def test_a_declared_experiment_takes_no_more_than_a_quarter_of_an_hour(name: str) -> None:
    declared = load_experiment(name)
    run_before = (ROOT / "replications" / f"{name}.json").exists()
    limit = MINUTES * (SINCE if run_before else 1)
    assert estimated_seconds(declared, resolve(declared)) <= 2 * 60 * limit


@pytest.mark.parametrize("name", experiment_files())
def test_all_arms_of_a_seed_read_the_same_questions_in_the_same_order(name: str) -> None:
    declared = load_experiment(name)
    recipes = resolve(declared)
    alike = [arm for arm in recipes if "data" not in declared.arms[arm].differs]
    orders = {str(order(declared, recipes[arm].model_copy(update={"seed": 3}))) for arm in alike}
    assert len(orders) == 1


def order(declared: Experiment, recipe: Any) -> list[Any]:
    """What each of an arm's own stages reads first, by the rule of `stages.drive.open_stream`."""
    own = after_start(declared, recipe, "gnomon-micro")
    found = []
    for index, stage in enumerate(own.stages, 1):
        stream = Stream(build("source", stage.data)(), seed=own.seed + index)
        found.append((stage.data.model_dump(), [stream.index_at(place) for place in range(20)]))
    return found


def test_another_seed_reads_in_another_order() -> None:
    declared = load_experiment("papo")
    recipe = arm_recipe(declared, "papo")
    first, second = (order(declared, recipe.model_copy(update={"seed": seed})) for seed in (0, 1))
    assert first != second


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stages.rl.steps": 79}, r"arm other: rollouts: 10112 against 10240 of grpo"),
        ({"stages.rl.rollouts": 4}, r"rollouts: 5120 against 10240"),
        ({"stages.rl.updates": 2}, r"updates: 460 against 380"),
        ({"stages.rl.epochs": 2}, r"updates: 460 against 380"),
        ({"stages.rl.refill": 1}, r"rollouts: 20480 against 10240"),
        ({"stages.rl.data.tasks": ["count"]}, r"data: "),
        ({"stages.cold-start.steps": 10}, r"start: "),
        ({"model.dtype": "bfloat16"}, r"start: "),
        ({"evaluation.benchmarks.microworld-reasoning.items": 9}, r"the same benchmark"),
        ({"evaluation.max_new_tokens": 9}, r"the same benchmark"),
    ],
)
def test_arms_with_unequal_budgets_are_refused_with_the_number(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ReplicationError, match=message):
        resolve(experiment(changes))


def test_a_difference_that_is_declared_with_its_reason_is_let_through() -> None:
    declared = experiment({"stages.rl.rollouts": 4}, differs={"rollouts": "it is what is tested"})
    assert rollouts_of(resolve(declared)["other"]) == 5120


def test_a_demonstration_is_no_sampled_rollout() -> None:
    recipes = resolve(load_experiment("luffy"))
    assert rollouts_of(recipes["on-policy"]) == 40 * 16 * 8
    assert rollouts_of(recipes["luffy"]) == 40 * 16 * 7


def test_arms_are_equal_when_their_groups_are_whoever_wrote_them() -> None:
    recipes = resolve(load_experiment("luffy"))
    assert {responses_of(recipe) for recipe in recipes.values()} == {40 * 16 * 8}


def test_a_declared_difference_that_is_none_is_refused() -> None:
    with pytest.raises(ReplicationError, match=r"differs\.rollouts: it does not differ"):
        resolve(experiment({"seed": 0}, differs={"rollouts": "no longer"}))


def test_two_benchmarks_are_refused_because_items_are_paired() -> None:
    both = ["microworld-reasoning", "microworld-text"]
    declared = experiment({"evaluation.benchmarks": both})
    with pytest.raises(ReplicationError, match="exactly one is needed"):
        resolve(declared)


def test_the_last_stage_has_to_be_measured() -> None:
    with pytest.raises(ReplicationError, match=r"stages\.rl\.evaluate: the metric needs it"):
        resolve(experiment({"stages.rl.evaluate": False}))


def test_a_metric_of_a_reward_term_needs_that_term_in_every_arm() -> None:
    arms = {
        "grpo": {"isolates": "plain"},
        "other": {"isolates": "another", "changes": {"stages.rl.rewards": [ACCURATE]}},
    }
    data = {**experiment({}).model_dump(mode="json"), "metric": {"name": "reward/format-match"}}
    declared = read_experiment({**data, "arms": arms}, Path("small.yaml"))
    with pytest.raises(
        ReplicationError, match=r"arm other: metric reward/format-match: stages\.rl"
    ):
        resolve(declared)


def test_an_arm_needs_a_stage_of_its_own() -> None:
    with pytest.raises(ReplicationError, match="start leaves nothing to train"):
        resolve(experiment({"stages": ["cold-start"]}))


def test_an_arm_without_a_shared_stage_is_refused() -> None:
    with pytest.raises(ReplicationError, match="it has no stage 'cold-start'"):
        resolve(experiment({"stages": ["rl"]}))


def test_the_shared_start_is_trained_alone_and_measured_by_nobody() -> None:
    declared = experiment({})
    start = shared_start(declared, arm_recipe(declared, "grpo"))
    assert start is not None
    assert [stage.name for stage in start.stages] == ["cold-start"]
    assert start.evaluation.benchmarks == ()


def test_an_arm_goes_on_from_the_shared_model_and_is_asked_in_its_form() -> None:
    declared = experiment({})
    own = after_start(declared, arm_recipe(declared, "grpo"), "some/model")
    assert [stage.name for stage in own.stages] == ["rl"]
    assert own.model.path == "some/model"
    assert own.evaluation.base_format == own.evaluation.format
    assert own.evaluation.base_grader == own.evaluation.grader


def test_without_shared_stages_a_recipe_is_run_as_it_is() -> None:
    declared = load_experiment("lite-ppo")
    recipe = arm_recipe(declared, "lite-ppo")
    assert shared_start(declared, recipe) is None
    assert after_start(declared, recipe, "elsewhere") == recipe


def test_experiments_that_teach_the_same_form_share_the_start() -> None:
    starts = []
    for name in ("papo", "revisual-r1"):
        declared = load_experiment(name)
        start = shared_start(declared, arm_recipe(declared, declared.reference))
        assert start is not None
        starts.append(start.stages[0].model_copy(update={"origins": {}}).data)
    assert starts[0] == starts[1]


def test_a_start_is_known_by_what_it_trains_and_not_by_its_seed() -> None:
    declared = experiment({})
    start = shared_start(declared, arm_recipe(declared, "grpo"))
    assert start is not None
    assert start_key(start) == start_key(start.model_copy(update={"seed": 9}))


def test_other_weights_of_the_base_begin_other_shared_stages(tmp_path: Path) -> None:
    start = shared_start(experiment({}), arm_recipe(experiment({}), "grpo"))
    assert start is not None
    keys = set()
    for weights in (b"one", b"two"):
        (tmp_path / "model.safetensors").write_bytes(weights)
        model = start.model.model_copy(update={"path": str(tmp_path)})
        keys.add(start_key(start.model_copy(update={"model": model})))
    assert len(keys) == 2


def test_updates_count_every_stage() -> None:
    assert updates_of(arm_recipe(experiment({"stages.rl.updates": 2}), "other")) == 300 + 160


def test_the_estimate_counts_shared_stages_once_a_seed() -> None:
    declared = experiment({})
    recipes = resolve(declared)
    one = estimated_seconds(declared, recipes, seeds=1)
    assert estimated_seconds(declared, recipes) == pytest.approx(3 * one)
    alone = estimated_seconds(declared, {"grpo": recipes["grpo"]}, seeds=1)
    assert one < 2 * alone


@pytest.mark.parametrize("name", ["effort", "example_effort"])
def test_an_estimate_grows_with_what_a_rollout_and_an_example_cost(name: str) -> None:
    declared = load_experiment("defacto")
    dearer = declared.model_copy(update={name: 2 * getattr(declared, name)})
    recipes = resolve(declared)
    assert estimated_seconds(dearer, recipes) > estimated_seconds(declared, recipes)
