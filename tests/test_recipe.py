from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.blocks import plain
from gnomon.catalogue import load_recipe
from gnomon.recipe import (
    Evaluation,
    Lora,
    Model,
    Optimizer,
    Recipe,
    RecipeError,
    Regulariser,
    Reinforce,
    Reward,
    Sampling,
    Sft,
    Use,
    build,
    code,
    make_recipe,
    ours,
    override,
    paper,
    vary,
)
from gnomon.yaml_text import read_yaml
from published import PUBLISHED

RL = "stages.multimodal-rl"


@pytest.fixture(scope="module")
def base() -> Recipe:
    return load_recipe("revisual-r1", "micro")


@pytest.fixture(params=PUBLISHED, ids=lambda pair: "-".join(pair))
def published(request: pytest.FixtureRequest) -> Recipe:
    return load_recipe(*request.param)


def stage(recipe: Recipe, name: str) -> Any:
    return next(stage for stage in recipe.stages if stage.name == name)


def reloaded(recipe: Recipe) -> Recipe:
    return make_recipe(read_yaml(recipe.to_yaml(), "recipe"))


# -- the resolved form ----------------------------------------------------------------------------


def test_every_recipe_reloads_from_its_yaml_to_an_equal_recipe(published: Recipe) -> None:
    assert reloaded(published) == published


def test_the_yaml_of_every_recipe_is_stable(published: Recipe) -> None:
    assert reloaded(published).to_yaml() == published.to_yaml()


def test_the_yaml_of_every_recipe_is_plain(published: Recipe) -> None:
    text = published.to_yaml()
    assert "!!" not in text and "*id" not in text
    assert make_recipe(yaml.safe_load(text)) == published


def test_every_recipe_has_the_scale_that_was_asked_for() -> None:
    for name, scale in PUBLISHED:
        assert load_recipe(name, scale).scale == scale


def uses(value: Any) -> Iterator[dict[str, Any]]:
    """Every part that plain data names."""
    if isinstance(value, dict):
        if isinstance(value.get("part"), str):
            yield value
        for item in value.values():
            yield from uses(item)
    elif isinstance(value, list):
        for item in value:
            yield from uses(item)


def test_the_resolved_form_writes_out_every_setting_of_every_part(base: Recipe) -> None:
    data = yaml.safe_load(base.to_yaml())
    loss = data["stages"][1]["loss"]
    assert set(loss) == {
        "part", "clip_low", "clip_high", "dual_clip", "log_ratio_clamp", "delta", "origins"
    }  # fmt: skip
    assert data["stages"][1]["aggregate"] == {"part": "token-mean"}
    assert data["evaluation"]["base_format"]["part"] == "direct"
    assert len(list(uses(data))) > 20


def test_the_resolved_form_writes_out_every_field_of_every_block(base: Recipe) -> None:
    data = yaml.safe_load(base.to_yaml())
    blocks = {Recipe: data, Model: data["model"], Evaluation: data["evaluation"]}
    blocks |= {Sft: data["stages"][0], Reinforce: data["stages"][1]}
    blocks |= {Optimizer: data["stages"][1]["optimizer"], Sampling: data["stages"][1]["sampling"]}
    for block, values in blocks.items():
        assert set(values) == set(block.model_fields)


@settings(max_examples=40)
@given(
    value=st.floats(allow_nan=False, allow_infinity=False),
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    seed=st.integers(-(2**62), 2**62),
)
def test_any_number_and_any_text_survive_the_yaml(value: float, text: str, seed: int) -> None:
    schedule = Use("constant", value=value)
    recipe = small(name=text, seed=seed, optimizer=Optimizer(learning_rate=schedule))
    assert reloaded(recipe) == recipe
    assert reloaded(recipe).to_yaml() == recipe.to_yaml()


def small(**changes: Any) -> Recipe:
    """A recipe of one short stage; ``changes`` go to the stage where it has such a field."""
    values: dict[str, Any] = {
        "name": "sft",
        "data": Use("microworld", tasks=["count"], modality="text"),
        "format": Use("think-boxed"),
        "steps": 2,
        "optimizer": Optimizer(learning_rate=Use("constant", value=1e-4)),
        "batch_size": 2,
        "micro_batch_tokens": 64,
    }
    of_recipe = {"name": "small", "seed": 0}
    of_recipe |= {key: changes.pop(key) for key in of_recipe if key in changes}
    return Recipe(
        **of_recipe, scale="micro", model=Model(path="m"), stages=(Sft(**{**values, **changes}),)
    )


def test_all_optional_blocks_survive_the_yaml() -> None:
    recipe = small()
    recipe = override(recipe, {"model.lora": Lora(rank=2), "data_root": "data"})
    assert recipe.model.lora == Lora(rank=2)
    assert recipe.data_root == Path("data")
    assert reloaded(recipe) == recipe


def test_a_folder_beside_an_architecture_is_refused() -> None:
    with pytest.raises(RecipeError, match="set architecture to null to start from a folder"):
        Model(path="runs/model", architecture=Use("gnomon-micro"))


def test_a_recipe_cannot_be_changed(base: Recipe) -> None:
    with pytest.raises(ValueError, match="frozen"):
        base.seed = 3


def test_build_gives_the_part_with_its_settings(base: Recipe) -> None:
    rate = stage(base, "text-rl").optimizer.learning_rate
    assert build("schedule", rate)(0) == rate.settings["value"]


# -- where constants come from --------------------------------------------------------------------


def test_origins_are_unwrapped_in_fields_settings_and_nested_blocks(base: Recipe) -> None:
    rl = stage(base, "multimodal-rl")
    assert (rl.rollouts, rl.origins["rollouts"]) == (8, "paper")
    assert (rl.loss.settings["clip_high"], rl.loss.origins["clip_high"]) == (0.25, "code")
    assert (rl.sampling.top_p, rl.sampling.origins["top_p"]) == (0.95, "paper")
    schedule = stage(base, "cold-start").optimizer.learning_rate
    assert schedule.origins == {"peak": "ours", "warmup": "paper"}


@pytest.mark.parametrize(("mark", "origin"), [(paper, "paper"), (code, "code"), (ours, "ours")])
def test_each_mark_states_its_origin(mark: Any, origin: str) -> None:
    assert Sampling(max_new_tokens=mark(5)).origins == {"max_new_tokens": origin}


def test_origins_are_unwrapped_in_blocks_that_are_written_as_mappings() -> None:
    optimizer: Any = {
        "learning_rate": {"part": "constant", "value": paper(1.0)},
        "grad_clip": code(2),
    }
    made = small(optimizer=optimizer).stages[0].optimizer
    assert made.origins == {"grad_clip": "code"}
    assert made.learning_rate.origins == {"value": "paper"}


def test_a_whole_block_and_the_name_of_a_part_can_have_an_origin() -> None:
    reward = Reward(part=ours(Use(paper("accuracy"))), weight=1)
    assert reward.origins == {"part": "ours"}
    assert reward.part.origins == {"part": "paper"}
    assert reward.part.settings == {"partial": False}


def test_origins_survive_the_yaml(base: Recipe) -> None:
    again = reloaded(base)
    assert stage(again, "multimodal-rl").loss.origins == stage(base, "multimodal-rl").loss.origins
    assert stage(again, "text-rl").origins == stage(base, "text-rl").origins


@pytest.mark.parametrize(
    "make",
    [
        lambda: Optimizer(learning_rate=Use("constant", value=1.0), betas=(paper(0.9), 0.95)),
        lambda: Use("microworld", tasks=[ours("count")]),
        lambda: Use("jsonl", path="x", columns={"answer": ours("solution")}),
    ],
)
def test_an_origin_inside_a_list_is_refused_with_the_way_to_write_it(make: Any) -> None:
    with pytest.raises(RecipeError, match=r"an origin holds for the whole value, as in \w+=paper"):
        make()


# -- variants -------------------------------------------------------------------------------------


def test_a_variant_is_a_relation_that_keeps_all_other_origins(base: Recipe) -> None:
    dapo = vary(base, {"name": "dapo", f"{RL}.loss.clip_high": paper(0.28)})
    before, after = stage(base, "multimodal-rl"), stage(dapo, "multimodal-rl")
    assert after.loss.settings == {**before.loss.settings, "clip_high": 0.28}
    assert after.loss.origins == {**before.loss.origins, "clip_high": "paper"}
    assert after.model_copy(update={"loss": before.loss}) == before
    assert dapo.model_copy(update={"name": base.name, "stages": base.stages}) == base


def test_a_variant_without_a_mark_has_no_origin(base: Recipe) -> None:
    loss = stage(vary(base, {f"{RL}.loss.clip_high": 0.28}), "multimodal-rl").loss
    assert "clip_high" not in loss.origins
    assert vary(base, {"name": "dapo"}).origins == {}


def test_what_a_user_sets_has_the_origin_user(base: Recipe) -> None:
    changed = override(base, {"seed": 3, f"{RL}.loss.clip_high": 0.28})
    assert changed.origins == {"seed": "user"}
    assert stage(changed, "multimodal-rl").loss.origins["clip_high"] == "user"


def test_a_mark_is_stronger_than_the_user(base: Recipe) -> None:
    assert override(base, {"seed": ours(3)}).origins == {"seed": "ours"}


def test_a_block_can_be_given_as_a_part_or_as_terms(base: Recipe) -> None:
    terms = (
        Reward(part=Use("accuracy"), weight=ours(0.9)),
        Reward(part=Use("format-match"), weight=0.1),
    )
    changed = stage(
        vary(
            base, {f"{RL}.rewards": terms, f"{RL}.resample": None, f"{RL}.loss": Use("reinforce")}
        ),
        "multimodal-rl",
    )
    assert [(term.part.part, term.weight) for term in changed.rewards] == [
        ("accuracy", 0.9), ("format-match", 0.1)
    ]  # fmt: skip
    assert changed.rewards[0].origins == {"weight": "ours"}
    assert changed.resample is None
    assert changed.loss.part == "reinforce"


def test_a_variant_leaves_its_base_alone(base: Recipe) -> None:
    before = base.to_yaml()
    override(base, {f"{RL}.loss": "reinforce", "stages": ["text-rl"]})
    assert base.to_yaml() == before


# -- what a block refuses -------------------------------------------------------------------------


def complaint(make: Any) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        make()
    return str(caught.value).splitlines()


def test_a_block_in_python_lists_all_that_is_wrong_with_it() -> None:
    lines = complaint(lambda: Sampling(max_new_tokens="ten", top_q=1, top_p=3.0))
    assert lines == [
        "Sampling: max_new_tokens: 'ten': must be a valid integer",
        "Sampling: top_p: 3.0: must be less than or equal to 1",
        "Sampling: top_q: there is no such setting; did you mean 'top_p'?",
    ]


def test_a_stage_in_python_is_called_by_its_name() -> None:
    assert complaint(lambda: small(steps=0)) == [
        "Sft('sft'): steps: 0: must be greater than or equal to 1"
    ]


def test_settings_without_a_name_are_refused() -> None:
    assert complaint(lambda: Use("constant", 3.0)) == [
        "Use('constant'): write the settings as name=value"
    ]
    assert complaint(lambda: Sampling(3)) == ["Sampling(3): write its settings as name=value"]


def test_a_part_needs_a_name() -> None:
    assert complaint(lambda: Use()) == [
        "Use: a part needs its name, {part: NAME, setting: value, ...}"
    ]


def test_nan_is_no_setting() -> None:
    assert complaint(lambda: Reward(part=Use("accuracy"), weight=math.nan)) == [
        "Reward: weight: nan: must be a finite number"
    ]
    assert complaint(lambda: Optimizer(learning_rate=Use("constant", value=math.nan))) == [
        "Optimizer: learning_rate: schedule 'constant': value=nan: must be a number"
    ]


def test_a_regulariser_is_not_a_reward() -> None:
    lines = complaint(
        lambda: Regulariser(part=Use("accuracy"), coefficient=Use("constant", value=1.0))
    )
    assert lines[0].startswith("Regulariser: part: there is no regulariser named 'accuracy'")


# -- plain ----------------------------------------------------------------------------------------


def test_plain_keeps_origins_and_writes_paths_and_tuples_as_yaml_can() -> None:
    value = {"a": ours((1, Path("x"))), "b": Use("accuracy", partial=paper(True))}
    assert plain(value) == {
        "a": ours([1, "x"]),
        "b": {"part": "accuracy", "partial": True, "origins": {"partial": "paper"}},
    }


def test_a_term_that_asks_needs_a_reader_and_no_other_takes_one() -> None:
    asks = Use("answer-consistency")
    assert "asks a second model" in complaint(lambda: Reward(part=asks, weight=1.0))[0]
    given = complaint(lambda: Reward(part=Use("accuracy"), weight=1.0, reader=Use("policy")))
    assert "asks nobody" in given[0]
    term = Reward(part=asks, weight=1.0, reader=Use("policy", stop=["</answer>"]))
    assert Reward.model_validate(term.model_dump(mode="json")) == term
