from __future__ import annotations

from typing import Any

import pytest

from gnomon.parts import PartError, register


def complaint(function: Any, *args: Any) -> str:
    with pytest.raises(PartError) as caught:
        function(*args)
    return str(caught.value)


def test_a_setting_without_type_hint_is_refused_with_an_example() -> None:
    def bad(response: str, *, words=3) -> float:  # type: ignore[no-untyped-def]
        return 0.0

    assert complaint(register("reward"), bad) == (
        "reward 'bad': setting 'words' needs a type hint, such as words: float"
    )


def test_an_input_that_the_kind_cannot_supply_is_refused_with_the_nearest() -> None:
    def bad(respons: str) -> float:
        return 0.0

    assert complaint(register("reward"), bad) == (
        "reward 'bad': a reward cannot be given 'respons'; did you mean 'response'? "
        "(settings are keyword-only, after a '*')"
    )


@pytest.mark.parametrize("source", ["lambda *values: 0", "lambda **values: 0"])
def test_parameters_without_names_are_refused(source: str) -> None:
    function = {"lambda *values: 0": lambda *values: 0, "lambda **values: 0": lambda **values: 0}
    message = complaint(register("reward", "bad"), function[source])
    assert message == (
        "reward 'bad': a part names its parameters; replace *values by those it takes"
    )


def test_an_input_without_a_keyword_is_refused() -> None:
    def bad(response: str, /) -> float:
        return 0.0

    assert complaint(register("reward"), bad) == (
        "reward 'bad': inputs are given by name; remove the '/' after 'response'"
    )


@pytest.mark.parametrize("name", ["part", "origins", "settings", "json", "copy", "_hidden"])
def test_a_setting_with_a_name_that_recipes_need_is_refused(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def bad(response: str, *, {name}: float = 0.0): ...", namespace)
    assert complaint(register("reward"), namespace["bad"]) == (
        f"reward 'bad': {name!r} cannot be a setting's name; choose another"
    )


def test_a_type_hint_that_is_not_imported_is_refused_with_advice() -> None:
    def bad(response: str, *, words: Missing = 3) -> float:  # type: ignore[name-defined]  # noqa: F821
        return 0.0

    message = complaint(register("reward"), bad)
    assert message.startswith("reward 'bad': a type hint cannot be read: name 'Missing'")
    assert message.endswith("import it at the top of the file, outside of 'if TYPE_CHECKING'")
