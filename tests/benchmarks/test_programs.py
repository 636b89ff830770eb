"""Every program that measures can be begun: what it imports is there."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from gnomon.catalogue import recipe_names

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("name", sorted(path.stem for path in BENCHMARKS.glob("*.py")))
def test_it_finds_what_it_imports(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    importlib.import_module(name)


def test_the_recipes_that_are_run_once_are_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    program = importlib.import_module("micro_recipes")
    assert set(program.micro_recipes()) | program.LEFT_OUT == set(recipe_names())
