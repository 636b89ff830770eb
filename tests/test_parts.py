from __future__ import annotations

import importlib.util
import inspect
import json
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gnomon.blocks import plain
from gnomon.parts import (
    INPUTS,
    Part,
    PartError,
    find,
    forget,
    kinds,
    load_kind,
    part,
    register,
)


@pytest.fixture(autouse=True)
def leaves_no_parts() -> Iterator[None]:
    yield
    forget(__name__)


def complaint(function: Any, *args: Any, **settings: Any) -> str:
    with pytest.raises(PartError) as caught:
        function(*args, **settings)
    return str(caught.value)


# -- using a part ---------------------------------------------------------------------------------


def test_a_part_is_a_callable_on_plain_values() -> None:
    box, shifted = (0.0, 0.0, 2.0, 2.0), (1.0, 0.0, 3.0, 2.0)
    assert part("reward", "iou", threshold=0.5)(box, shifted) == 0.0
    assert part("reward", "iou", threshold=0.0)(box, reference=shifted) == pytest.approx(1 / 3)


def test_settings_are_completed_and_converted() -> None:
    settings = part("source", "microworld", tasks=["count"], difficulty=[1, 3]).settings
    assert settings["difficulty"] == (1, 3)
    assert settings["split"] == "train"


def test_supply_gives_a_part_only_what_it_names() -> None:
    available = {"length": 950, "response": "...", "stop": "end", "verdict": None}
    assert part("reward", "length-ramp", budget=1000).supply(available) == 0.75


def test_a_default_of_another_type_is_converted_as_a_setting_would_be() -> None:
    @register("reward")
    def whole_default(length: int, *, scale: float = 1) -> float:
        """Scales."""
        return scale * length

    scale = part("reward", "whole-default").settings["scale"]
    assert isinstance(scale, float)


def test_infinity_is_a_setting_but_true_is_no_number() -> None:
    assert part("schedule", "constant", value=float("inf")).settings == {"value": float("inf")}
    assert complaint(part, "schedule", "constant", value=True) == (
        "schedule 'constant': value=True: must not be true or false"
    )


def test_a_part_that_wants_true_or_false_gets_it() -> None:
    assert part("reward", "accuracy", partial=True).settings == {"partial": True}


def test_a_setting_may_be_called_kind_or_name() -> None:
    @register("reward")
    def oddly_named(length: int, *, kind: str = "a", name: str = "b") -> float:
        """Takes names that the door to parts takes too."""
        return float(kind == name)

    assert part("reward", "oddly-named", kind="x", name="x")(3) == 1.0


# -- looking up -----------------------------------------------------------------------------------


def test_an_unknown_part_names_the_nearest_one() -> None:
    assert complaint(find, "advantage", "gpro") == (
        "there is no advantage named 'gpro'; did you mean 'grpo'?"
    )


def test_a_name_that_is_near_none_lists_what_there_is() -> None:
    assert complaint(find, "advantage", "zzzzz").startswith(
        "there is no advantage named 'zzzzz'; known: dr-grpo, ema-grpo"
    )


def test_an_unknown_kind_names_the_nearest_one() -> None:
    assert complaint(load_kind, "rewards") == (
        "there is no kind of part named 'rewards'; did you mean 'reward'?"
    )


def test_an_unknown_setting_names_the_nearest_one() -> None:
    assert complaint(part, "loss", "ppo-clip", clip_hi=0.3) == (
        "loss 'ppo-clip' has no setting 'clip_hi'; did you mean 'clip_high'?"
    )


def test_a_missing_setting_is_named() -> None:
    assert complaint(part, "reward", "length-ramp") == (
        "reward 'length-ramp' needs a value for 'budget'"
    )


def test_a_wrong_type_shows_setting_value_and_reason() -> None:
    assert complaint(part, "loss", "ppo-clip", clip_low="much") == (
        "loss 'ppo-clip': clip_low='much': must be a valid number"
    )


def test_a_wrong_item_of_a_list_is_named_by_its_number() -> None:
    assert complaint(part, "source", "microworld", tasks=["count"], difficulty=(1, "x")) == (
        "source 'microworld': difficulty.1='x': must be a valid integer"
    )


def test_a_wrong_choice_names_the_nearest_one() -> None:
    assert complaint(part, "source", "microworld", tasks=["count"], split="tran") == (
        "source 'microworld': split='tran': must be 'train' or 'test'; did you mean 'train'?"
    )


def test_a_setting_of_two_types_gives_one_message() -> None:
    assert complaint(part, "schedule", "cosine", peak=1.0, warmup="long") == (
        "schedule 'cosine': warmup='long': must be a valid number or must be a valid integer"
    )


def test_all_problems_of_a_part_come_at_once() -> None:
    message = complaint(part, "reward", "length-ramp", alpha="x", bugdet=3)
    assert message.count("; ") == 3  # three problems, one with "; did you mean"
    for piece in ("no setting 'bugdet'; did you mean 'budget'?", "value for 'budget'", "alpha='x'"):
        assert piece in message


# -- registering ----------------------------------------------------------------------------------


def test_the_name_defaults_to_the_functions_with_hyphens() -> None:
    @register("reward")
    def two_words(length: int) -> float:
        """Two."""
        return 2.0

    assert find("reward", "two-words").function is two_words
    assert two_words(3) == 2.0


def test_a_part_can_have_another_name_than_its_function() -> None:
    @register("reward", "other")
    def some_function(length: int) -> float:
        """Other."""
        return 1.0

    assert find("reward", "other").summary == "Other."


def test_a_part_without_docstring_has_an_empty_summary() -> None:
    @register("reward")
    def silent(length: int) -> float:
        return 1.0

    assert find("reward", "silent").summary == ""


def test_an_unknown_kind_is_refused_before_the_function_is_looked_at() -> None:
    assert "did you mean 'reward'?" in complaint(register, "rewerd")


def test_register_without_a_kind_says_how_to_write_it() -> None:
    def bad(response: str) -> float:
        return 0.0

    assert complaint(register, bad).startswith("write the kind of the part: @register('reward')")


# -- names that are taken -------------------------------------------------------------------------

MINE = '''
from gnomon import register

@register("reward")
def mine(length: int, *, scale: float = {scale}) -> float:
    """Mine."""
    return scale * length
'''


def run_file(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def module_names() -> Iterator[tuple[str, str]]:
    names = ("user_file_one", "user_file_two")
    yield names
    for name in names:
        forget(name)
        sys.modules.pop(name, None)


def test_a_file_that_is_read_again_registers_its_parts_again(
    tmp_path: Path, module_names: tuple[str, str]
) -> None:
    path = tmp_path / "mine.py"
    for scale in (2.0, 3.25):
        path.write_text(MINE.format(scale=scale))
        run_file(path, module_names[0])
    assert part("reward", "mine")(4) == 13.0


def test_a_name_that_another_file_has_taken_is_refused(
    tmp_path: Path, module_names: tuple[str, str]
) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    for path in (one, two):
        path.write_text(MINE.format(scale=1.0))
    run_file(one, module_names[0])
    assert complaint(run_file, two, module_names[1]) == (
        f"reward 'mine' is already defined in {one}: give yours another name, such as "
        "@register('reward', 'my-mine')"
    )


def test_the_name_of_a_part_of_ours_is_taken_in_a_fresh_process_too() -> None:
    code = """
from gnomon.parts import PartError, register
try:
    @register("format")
    def direct(): ...
except PartError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith("format 'direct' is already defined in gnomon.formats.plain: ")


def test_a_module_can_be_forgotten() -> None:
    @register("reward")
    def passing(length: int) -> float:
        """Passing."""
        return 1.0

    forget(__name__)
    assert "passing" not in load_kind("reward")
    assert "accuracy" in load_kind("reward")


# -- every part of the package --------------------------------------------------------------------

SENTENCE = re.compile(r"[`A-Z0-9(].*[.:]$")


@pytest.fixture(params=kinds())
def ours(request: pytest.FixtureRequest) -> list[Part]:
    """The package's own parts of one kind."""
    made = load_kind(request.param).values()
    return [one for one in made if one.function.__module__.startswith("gnomon.")]


def test_every_kind_says_what_it_can_supply_and_has_parts(ours: list[Part]) -> None:
    assert ours
    assert all(INPUTS[ours[0].kind].values())


def test_every_part_begins_its_docstring_with_a_sentence(ours: list[Part]) -> None:
    for one in ours:
        paragraph = (inspect.getdoc(one.function) or "").partition("\n\n")[0]
        assert SENTENCE.fullmatch(paragraph.replace("\n", " ")), (one.name, paragraph)


def test_every_part_is_named_in_lower_case_with_hyphens(ours: list[Part]) -> None:
    for one in ours:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one.name), one.name


def test_every_part_states_the_type_of_what_it_returns(ours: list[Part]) -> None:
    for one in ours:
        assert "return" in typing.get_type_hints(one.function), one.name


def test_every_default_is_valid_and_can_be_written_down(ours: list[Part]) -> None:
    for one in ours:
        fields = one.settings.model_fields
        values = {
            name: example(field.annotation) if field.is_required() else field.default
            for name, field in fields.items()
        }
        checked = one.check(values)
        read = one.check(json.loads(json.dumps(plain(checked))))
        assert (read, plain(read)) == (checked, plain(checked)), one.name


def example(hint: Any) -> Any:
    """A value of a required setting's type."""
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)[0]
    values = {int: 1, float: 0.5, str: "text", Path: Path("data.jsonl")}
    empty = {list: list, tuple: tuple, dict: dict}.get(typing.get_origin(hint) or hint)
    return values[hint] if empty is None else empty()
