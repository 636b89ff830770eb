from __future__ import annotations

import math
import re
from typing import Any

import pytest

from gnomon.catalogue import load_recipe
from gnomon.problems import nearest, show
from gnomon.recipe import Recipe, RecipeError, make_recipe

RL = "stages.multimodal-rl"
SFT = "stages.cold-start"
INTERNALS = re.compile(
    r"validation error|https?://|\[type=|function-|input_value|pydantic|Value error|tagged-union|"
    r"\bUse\b|Sourced|Input should|dictionary|discriminator|NoneType"
)


@pytest.fixture(scope="module")
def base() -> Recipe:
    return load_recipe("revisual-r1", "micro")


def broken(base: Recipe, changes: dict[str, Any]) -> dict[str, Any]:
    """The recipe as data, with values set by path, or removed where the new one is `REMOVED`."""
    data = base.model_dump(mode="json")
    for path, value in changes.items():
        *parents, leaf = path.split(".")
        place: Any = data
        for step in parents:
            place = inside(place, step)
        if value is REMOVED:
            del place[leaf]
        else:
            place[leaf] = value
    return data


def inside(place: Any, step: str) -> Any:
    if not isinstance(place, list):
        return place[step]
    named = [item for item in place if item.get("name") == step]
    return named[0] if named else place[int(step)]


REMOVED = object()

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "unknown part": (
        {f"{RL}.loss": "ppo-clop"},
        f"{RL}.loss: 'ppo-clop': there is no loss named 'ppo-clop'; did you mean 'ppo-clip'?",
    ),
    "part of another kind": (
        {f"{RL}.loss": {"part": "grpo"}},
        f"{RL}.loss: there is no loss named 'grpo'; did you mean 'gspo'?",
    ),
    "misspelled setting of a part": (
        {f"{RL}.loss.clip_hihg": 0.3},
        f"{RL}.loss: loss 'ppo-clip' has no setting 'clip_hihg'; did you mean 'clip_high'?",
    ),
    "missing setting of a part": (
        {f"{RL}.rewards": [{"part": "length-ramp", "weight": 1}]},
        f"{RL}.rewards.length-ramp.part: 'length-ramp': "
        "reward 'length-ramp' needs a value for 'budget'",
    ),
    "wrong type of a setting": (
        {f"{RL}.loss.clip_low": "low"},
        f"{RL}.loss: loss 'ppo-clip': clip_low='low': must be a valid number",
    ),
    "true as a setting": (
        {f"{RL}.loss.clip_low": True},
        f"{RL}.loss: loss 'ppo-clip': clip_low=True: must not be true or false",
    ),
    "nan as a setting": (
        {f"{RL}.loss.clip_low": math.nan},
        f"{RL}.loss: loss 'ppo-clip': clip_low=nan: must be a number",
    ),
    "wrong choice of a setting": (
        {f"{RL}.data.modality": "picture"},
        f"{RL}.data: source 'microworld': modality='picture': must be 'image' or 'text'",
    ),
    "short pair of a setting": (
        {f"{RL}.data.difficulty": [1]},
        f"{RL}.data: source 'microworld' needs a value for 'difficulty.1'",
    ),
    "number as a part": (
        {f"{RL}.loss": 5},
        f"{RL}.loss: 5: must be a part: its name, or {{part: NAME, setting: value, ...}}",
    ),
    "nothing as a part": (
        {f"{RL}.loss": None},
        f"{RL}.loss: None: must be a part: its name, or {{part: NAME, setting: value, ...}}",
    ),
    "part without name": (
        {f"{RL}.loss": {"clip_low": 0.1}},
        f"{RL}.loss: a part needs its name, {{part: NAME, setting: value, ...}}",
    ),
    "number as the name of a part": (
        {f"{RL}.loss.part": 5},
        f"{RL}.loss.part: 5: must be a valid string",
    ),
    "misspelled field of a stage": (
        {f"{RL}.rolouts": 8},
        f"{RL}.rolouts: there is no such setting; did you mean 'rollouts'?",
    ),
    "field of the other kind of stage": (
        {f"{SFT}.rollouts": 8},
        f"{SFT}.rollouts: there is no such setting; known: at_once, batch_size, data, evaluate, "
        "format, freeze, kind, max_tokens, micro_batch_tokens, modality, name, optimizer, "
        "save_every, shuffle, steps, wise_ft, workers",
    ),
    "misspelled field of the model": (
        {"model.dtyp": "float32"},
        "model.dtyp: there is no such setting; did you mean 'dtype'?",
    ),
    "misspelled field of adapters": (
        {"model.lora": {"rnk": 3}},
        "model.lora.rnk: there is no such setting; did you mean 'rank'?",
    ),
    "misspelled field of the optimizer": (
        {f"{SFT}.optimizer.wieght_decay": 0.1},
        f"{SFT}.optimizer.wieght_decay: there is no such setting; did you mean 'weight_decay'?",
    ),
    "misspelled field of sampling": (
        {f"{RL}.sampling.temprature": 0.1},
        f"{RL}.sampling.temprature: there is no such setting; did you mean 'temperature'?",
    ),
    "misspelled field of a term": (
        {f"{RL}.rewards.0.wieght": 0.1},
        f"{RL}.rewards.accuracy.wieght: there is no such setting; did you mean 'weight'?",
    ),
    "misspelled field of a regulariser": (
        {"stages.text-rl.regularisers.0.coeficient": 0.1},
        "stages.text-rl.regularisers.kl.coeficient: there is no such setting; "
        "did you mean 'coefficient'?",
    ),
    "misspelled field of the evaluation": (
        {"evaluation.benchmark": []},
        "evaluation.benchmark: there is no such setting; did you mean 'benchmarks'?",
    ),
    "misspelled field of the recipe": (
        {"sed": 1},
        "sed: there is no such setting; did you mean 'seed'?",
    ),
    "missing field of the recipe": ({"model": REMOVED}, "model: a value is needed"),
    "missing field of a stage": ({f"{RL}.steps": REMOVED}, f"{RL}.steps: a value is needed"),
    "missing name of a stage": ({f"{RL}.name": REMOVED}, "stages.1.name: a value is needed"),
    "text as a number": ({f"{RL}.steps": "ten"}, f"{RL}.steps: 'ten': must be a valid integer"),
    "fraction as a count": (
        {f"{RL}.steps": 2.5},
        f"{RL}.steps: 2.5: must be a valid integer, got a number with a fractional part",
    ),
    "true as a count": ({f"{RL}.steps": True}, f"{RL}.steps: True: must not be true or false"),
    "number as text": ({"name": 5}, "name: 5: must be a valid string"),
    "text as a switch": (
        {f"{RL}.evaluate": "perhaps"},
        f"{RL}.evaluate: 'perhaps': must be a valid boolean",
    ),
    "text as a list": (
        {f"{RL}.sampling.stop": "end"},
        f"{RL}.sampling.stop: 'end': must be a list",
    ),
    "number as a block": (
        {f"{RL}.optimizer": 3},
        f"{RL}.optimizer: 3: must be a block, {{name: value, ...}}",
    ),
    "nothing as a block": ({"model": None}, "model: None: must be a block, {name: value, ...}"),
    "list as origins": (
        {"model.origins": [1]},
        "model.origins: [1]: must be a mapping, {name: value, ...}",
    ),
    "unknown origin": (
        {"model.origins": {"path": "papr"}},
        "model.origins.path: 'papr': must be 'paper', 'code', 'ours' or 'user'; "
        "did you mean 'paper'?",
    ),
    "number as a path": ({"data_root": 5}, "data_root: 5: must be a path"),
    "list that is too short": (
        {f"{RL}.optimizer.betas": [0.9]},
        f"{RL}.optimizer.betas.1: a value is needed",
    ),
    "list that is too long": (
        {f"{RL}.optimizer.betas": [0.9, 0.9, 0.9]},
        f"{RL}.optimizer.betas: [0.9, 0.9, 0.9]: has too many items",
    ),
    "wrong item of a list": (
        {f"{RL}.optimizer.betas": [0.9, "x"]},
        f"{RL}.optimizer.betas.1: 'x': must be a valid number",
    ),
    "zero as a count": (
        {f"{RL}.steps": 0},
        f"{RL}.steps: 0: must be greater than or equal to 1",
    ),
    "share above one": (
        {f"{RL}.sampling.top_p": 1.5},
        f"{RL}.sampling.top_p: 1.5: must be less than or equal to 1",
    ),
    "negative temperature": (
        {"evaluation.temperature": -1},
        "evaluation.temperature: -1: must be greater than or equal to 0",
    ),
    "infinite weight": (
        {f"{RL}.rewards.0.weight": math.inf},
        f"{RL}.rewards.accuracy.weight: inf: must be a finite number",
    ),
    "wrong choice": (
        {f"{RL}.modality": "imge"},
        f"{RL}.modality: 'imge': must be 'image', 'text' or 'any'; did you mean 'image'?",
    ),
    "wrong choice in a list": (
        {f"{RL}.freeze": ["vison"]},
        f"{RL}.freeze.0: 'vison': must be 'vision', 'audio', 'tower', 'connector', 'language', "
        "'embeddings' or 'head'; did you mean 'vision'?",
    ),
    "unknown scale": ({"scale": "big"}, "scale: 'big': must be 'micro' or 'full'"),
    "unknown kind of stage": (
        {f"{RL}.kind": "reinforced"},
        f"{RL}.kind: 'reinforced': there is no such kind of stage; did you mean 'reinforce'?",
    ),
    "number as a kind of stage": (
        {f"{RL}.kind": 5},
        f"{RL}.kind: '5': there is no such kind of stage; known: ocr, reinforce, sft",
    ),
    "missing kind of stage": (
        {f"{RL}.kind": REMOVED},
        f"{RL}.kind: a value is needed; known: ocr, reinforce, sft",
    ),
    "two stages of one name": (
        {f"{RL}.name": "text-rl"},
        "stages: two stages have one name, rename one of them: cold-start, text-rl, text-rl",
    ),
    "stage with the name of the base": (
        {f"{RL}.name": "base"},
        "stages.base.name: 'base': use small letters, digits and hyphens, and not 'base'",
    ),
    "stage with a name that is no folder": (
        {f"{RL}.name": "../rl"},
        "stages.../rl.name: '../rl': use small letters, digits and hyphens, and not 'base'",
    ),
    "no stage": ({"stages": []}, "stages: []: at least one stage is needed"),
    "number as stages": ({"stages": 5}, "stages: 5: must be a list"),
    "number as a stage": (
        {"stages": [5]},
        "stages.0: 5: must be a block, {name: value, ...}",
    ),
    "no term": ({f"{RL}.rewards": []}, f"{RL}.rewards: []: at least one reward term is needed"),
    "two terms of one name": (
        {f"{RL}.rewards": [{"part": "accuracy", "weight": 1}] * 2},
        f"{RL}.rewards: two reward terms have one name, keep one of them: accuracy, accuracy",
    ),
    "more updates than rollouts": (
        {f"{RL}.updates": 97, f"{RL}.prompts": 12},
        f"{RL}: updates=97 needs at least as many rollouts, there are 12 x 8",
    ),
    "greedy copies": (
        {"evaluation.samples": 4},
        "evaluation: samples=4 at temperature=0 are copies of one response; "
        "set a temperature such as 1.0",
    ),
    "long value": (
        {f"{RL}.steps": "x" * 1000},
        f"{RL}.steps: '{'x' * 37}...{'x' * 38}': must be a valid integer",
    ),
}


def complaint(data: Any) -> str:
    with pytest.raises(RecipeError) as caught:
        make_recipe(data)
    return str(caught.value)


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, base: Recipe) -> tuple[str, str]:
    """What a bad recipe is told, and what it should be."""
    changes, expected = CASES[request.param]
    return complaint(broken(base, changes)), expected


def test_each_bad_recipe_gives_one_line_with_place_value_reason_and_remedy(
    case: tuple[str, str],
) -> None:
    told, expected = case
    assert told == expected


def test_no_message_shows_the_inside_of_the_validation(case: tuple[str, str]) -> None:
    assert not INTERNALS.search(case[0]), case[0]


def test_no_message_is_longer_than_three_lines(case: tuple[str, str]) -> None:
    assert len(case[0]) <= 240


def test_all_problems_of_a_recipe_come_at_once(base: Recipe) -> None:
    names = ("misspelled field of the recipe", "misspelled field of a stage", "text as a number",
             "misspelled setting of a part", "misspelled field of the model",
             "misspelled field of the optimizer", "wrong choice", "greedy copies")  # fmt: skip
    changes = {path: value for name in names for path, value in CASES[name][0].items()}
    lines = complaint(broken(base, changes)).splitlines()
    assert sorted(lines) == sorted(CASES[name][1] for name in names)


def test_all_problems_of_one_part_come_in_one_line(base: Recipe) -> None:
    told = complaint(broken(base, {f"{RL}.loss.clip_low": "x", f"{RL}.loss.clp_high": 1}))
    assert told == (
        f"{RL}.loss: loss 'ppo-clip': clip_low='x': must be a valid number; "
        "loss 'ppo-clip' has no setting 'clp_high'; did you mean 'clip_high'?"
    )


def test_an_empty_recipe_says_what_it_needs() -> None:
    assert complaint({}).splitlines() == [
        "name: a value is needed",
        "scale: a value is needed",
        "model: a value is needed",
        "stages: a value is needed",
    ]


def test_a_number_is_no_name_of_a_setting(base: Recipe) -> None:
    data: dict[Any, Any] = {**base.model_dump(mode="json"), 5: 1}
    assert complaint(data) == "5: 5: is no name of a setting"


def test_what_is_no_recipe_at_all_is_refused() -> None:
    assert complaint(5) == "5: must be a block, {name: value, ...}"


# -- words ----------------------------------------------------------------------------------------


def test_the_nearest_name_is_offered() -> None:
    assert nearest("gpro", ["grpo", "rloo"]) == "; did you mean 'grpo'?"


def test_without_a_near_name_the_known_ones_are_listed() -> None:
    assert nearest("x", ["rloo", "grpo"]) == "; known: grpo, rloo"
    assert nearest("x", []) == ""


def test_a_long_list_of_names_is_cut() -> None:
    assert nearest("x", (f"{n:02}" for n in range(30))).endswith("18, 19 and 10 more")


def test_a_value_is_shown_on_one_line_and_cut() -> None:
    assert show("a\nb") == repr("a\nb")
    assert len(show("x" * 10_000)) < 100
    assert len(show([["x" * 100] * 100] * 100)) <= 120
