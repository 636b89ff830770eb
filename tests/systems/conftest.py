from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gnomon.catalogue import load_recipe
from gnomon.plan import constants

Told = dict[str, tuple[Any, str]]


@pytest.fixture(scope="session")
def told() -> Callable[[str], Told]:
    """The constants of a system's full scale: value and origin by place, the stages' in front."""

    def constants_of(name: str) -> Told:
        recipe = load_recipe(name, "full")
        return {
            place.removeprefix("stages."): (value, origin)
            for place, value, origin in constants(recipe)
        }

    return constants_of
