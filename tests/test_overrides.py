from __future__ import annotations

from typing import Any

import pytest

from gnomon.catalogue import load_recipe
from gnomon.overrides import parse_changes
from gnomon.recipe import Lora, Recipe, RecipeError, ours, override, vary

RL = "stages.multimodal-rl"


@pytest.fixture(scope="module")
def base() -> Recipe:
    return load_recipe("revisual-r1", "micro")


def stage(recipe: Recipe, name: str = "multimodal-rl") -> Any:
    return next(stage for stage in recipe.stages if stage.name == name)


def set_(recipe: Recipe, *assignments: str) -> Recipe:
    """What ``--set`` makes of a recipe."""
    return override(recipe, parse_changes(list(assignments)))


# -- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-2.5", -2.5),
        ("1e-4", 1e-4),
        ("-1E+3", -1000.0),
        (".5e1", 5.0),
        ("true", True),
        ("null", None),
        ("", None),
        ("[1e-4, 2]", [1e-4, 2]),
        ("{part: pad, low: 3e-2}", {"part": "pad", "low": 0.03}),
        ("cosine", "cosine"),
        ('"3"', "3"),
        ('"1e-4"', "1e-4"),
        ("a=b", "a=b"),
        ("nan", "nan"),
        ("1e", "1e"),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "Qwen/Qwen2.5-VL-7B-Instruct"),
    ],
)
def test_a_value_is_yaml_with_numbers_as_people_write_them(text: str, value: Any) -> None:
    read = parse_changes([f"a.b={text}"])["a.b"]
    assert (read, type(read)) == (value, type(value))


def test_the_last_of_two_changes_of_one_leaf_holds() -> None:
    assert parse_changes(["seed=1", "seed=2"]) == {"seed": 2}


@pytest.mark.parametrize("assignment", ["seed", "=3", ""])
def test_a_change_without_path_or_value_says_how_to_write_it(assignment: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_changes([assignment])
    assert str(caught.value) == f"--set {assignment!r}: write path=value, such as seed=1"


def test_a_value_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(RecipeError) as caught:
        parse_changes(["seed=[1, 2"])
    assert str(caught.value).startswith("--set 'seed=[1, 2', line 1: cannot be read as YAML: ")


# -- paths ----------------------------------------------------------------------------------------


def test_a_leaf_is_set_by_the_name_of_its_stage(base: Recipe) -> None:
    changed = set_(base, f"{RL}.steps=7")
    assert stage(changed).steps == 7
    assert stage(changed, "text-rl") == stage(base, "text-rl")


def test_a_reward_term_is_called_by_its_part(base: Recipe) -> None:
    changed = set_(base, f"{RL}.rewards.self-critique.weight=1e-1")
    assert [term.weight for term in stage(changed).rewards] == [0.8, 0.1, 0.05, 0.05]


def test_a_regulariser_and_a_benchmark_are_called_by_their_part(base: Recipe) -> None:
    changed = set_(
        base,
        "stages.text-rl.regularisers.kl.coefficient.value=0.5",
        "evaluation.benchmarks.microworld-reasoning.items=16",
    )
    regulariser = stage(changed, "text-rl").regularisers[0]
    assert regulariser.coefficient.settings == {"value": 0.5}
    assert changed.evaluation.benchmarks[0].settings["items"] == 16


def test_a_number_calls_an_item_too(base: Recipe) -> None:
    assert set_(base, "stages.0.steps=3") == set_(base, "stages.cold-start.steps=3")


def test_an_item_of_a_plain_list_is_set_by_number_and_marks_the_list(base: Recipe) -> None:
    optimizer = stage(set_(base, f"{RL}.optimizer.betas.1=0.95")).optimizer
    assert optimizer.betas == (0.9, 0.95)
    assert optimizer.origins["betas"] == "user"


def test_a_whole_stage_can_be_replaced(base: Recipe) -> None:
    data = stage(base, "text-rl").model_dump(mode="json")
    changed = override(base, {"stages.text-rl": {**data, "steps": 1}})
    assert stage(changed, "text-rl").steps == 1


def test_null_removes_an_optional_block(base: Recipe) -> None:
    assert stage(set_(base, f"{RL}.resample=null")).resample is None


def test_an_empty_optional_block_can_be_filled(base: Recipe) -> None:
    assert set_(base, "model.lora={rank: 4}").model.lora.rank == 4  # type: ignore[union-attr]


# -- parts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [f"{RL}.advantage.part", f"{RL}.advantage"])
def test_another_part_starts_from_its_own_defaults(base: Recipe, path: str) -> None:
    advantage = stage(set_(base, f"{path}=rloo")).advantage
    assert (advantage.part, advantage.settings) == ("rloo", {"single": "keep"})


def test_the_same_part_by_name_starts_from_its_defaults_too(base: Recipe) -> None:
    loss = stage(set_(base, f"{RL}.loss.part=ppo-clip")).loss
    assert loss.settings["clip_high"] == 0.2
    assert loss.origins == {"part": "user"}


def test_settings_of_a_block_that_was_just_set_are_found(base: Recipe) -> None:
    assert set_(base, "model.lora={rank: 4}", "model.lora.alpha=8").model.lora == Lora(
        rank=4, alpha=8, origins={"alpha": "user"}
    )


def test_settings_after_another_part_are_those_of_the_new_part(base: Recipe) -> None:
    changed = set_(base, f"{RL}.loss={{part: ppo-clip}}", f"{RL}.loss.clip_high=0.3")
    assert stage(changed).loss.settings["clip_high"] == 0.3


def test_another_part_of_a_term_keeps_its_weight(base: Recipe) -> None:
    term = stage(set_(base, f"{RL}.rewards.repetition.part=format-match")).rewards[3]
    assert (term.part.part, term.weight) == ("format-match", 0.05)
    assert term.origins == {"weight": "code", "part": "user"}


def test_a_part_with_settings_is_set_whole(base: Recipe) -> None:
    changed = set_(base, f"{RL}.optimizer.learning_rate={{part: cosine, peak: 1e-3, warmup: 5}}")
    schedule = stage(changed).optimizer.learning_rate
    assert schedule.settings == {"peak": 1e-3, "warmup": 5, "floor": 0.0}
    assert stage(changed).optimizer.origins["learning_rate"] == "user"


# -- stages ---------------------------------------------------------------------------------------


def test_stages_are_chosen_and_reordered_by_name(base: Recipe) -> None:
    changed = set_(base, "stages=[text-rl, cold-start]")
    assert changed.stages == (base.stages[2], base.stages[0])
    assert changed.origins == {}


def test_a_change_after_the_choice_finds_the_stage(base: Recipe) -> None:
    changed = set_(base, "stages=[text-rl, cold-start]", "stages.cold-start.steps=1")
    assert [one.steps for one in changed.stages] == [base.stages[2].steps, 1]


def test_new_stages_replace_the_old_ones(base: Recipe) -> None:
    first = base.stages[0].model_copy(update={"name": "again"})
    changed = vary(base, {"stages": (base.stages[0], first)})
    assert [one.name for one in changed.stages] == ["cold-start", "again"]


def test_stages_that_are_no_list_of_names_are_refused(base: Recipe) -> None:
    with pytest.raises(RecipeError, match="write a list of stage names in the order to run"):
        set_(base, "stages=text-rl")


# -- paths that do not exist ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("sed=1", "sed: there is no 'sed'; did you mean 'seed'?"),
        ("modl.path=x", "modl.path: there is no 'modl'; did you mean 'model'?"),
        (
            "stages.cold.steps=1",
            "stages.cold.steps: there is no 'cold'; did you mean 'cold-start'?",
        ),
        (f"{RL}.stepz=1", f"{RL}.stepz: there is no 'stepz'; did you mean 'steps'?"),
        (
            f"{RL}.rewards.acuracy.weight=1",
            f"{RL}.rewards.acuracy.weight: there is no 'acuracy'; did you mean 'accuracy'?",
        ),
        (
            f"{RL}.loss.clip_hi=1",
            f"{RL}.loss.clip_hi: there is no 'clip_hi'; did you mean 'clip_high'?",
        ),
        (f"{RL}.optimizer.betas.2=1", f"{RL}.optimizer.betas.2: there is no '2'; known: 0, 1"),
        (f"{RL}.optimizer.betas.²=1", f"{RL}.optimizer.betas.²: there is no '²'; known: 0, 1"),
        (
            f"{RL}.loss.origins=1",
            f"{RL}.loss.origins: there is no 'origins'; "
            "known: clip_high, clip_low, delta, dual_clip, log_ratio_clamp, part",
        ),
        (
            f"{RL}.sampling.origins.top_p=paper",
            f"{RL}.sampling.origins.top_p: there is no 'origins'; "
            "known: chunk, max_new_tokens, stop, temperature, top_k, top_p",
        ),
        ("seed.x=1", "seed.x: seed is the single value 0; set that"),
        ("seed.x.y=1", "seed.x.y: seed is the single value 0; set that"),
        (
            "model.lora.rank=1",
            "model.lora.rank: nothing is set there; set it whole, such as model.lora={name: value}",
        ),
        (
            "stages=[cold-start, rl]",
            "stages: there is no 'rl'; known: cold-start, multimodal-rl, text-rl",
        ),
        ("=1", "--set '=1': write path=value, such as seed=1"),
    ],
)
def test_a_path_that_does_not_exist_gives_one_line_with_the_nearest_name(
    base: Recipe, assignment: str, message: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        set_(base, assignment)
    assert str(caught.value) == message


def test_a_value_that_does_not_fit_names_the_whole_path(base: Recipe) -> None:
    with pytest.raises(RecipeError) as caught:
        set_(base, f"{RL}.steps=many", "seed=1")
    assert str(caught.value) == f"{RL}.steps: 'many': must be a valid integer"


def test_a_marked_item_of_a_list_marks_the_list(base: Recipe) -> None:
    optimizer = stage(vary(base, {f"{RL}.optimizer.betas.0": ours(0.8)})).optimizer
    assert (optimizer.betas[0], optimizer.origins["betas"]) == (0.8, "ours")
