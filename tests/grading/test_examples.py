from __future__ import annotations

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import gnomon.evaluation.grade_file
import gnomon.formats
import gnomon.grading


def modules() -> list[ModuleType]:
    names = [
        module.name
        for package in (gnomon.formats, gnomon.grading)
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    ]
    return [gnomon.evaluation.grade_file, *map(importlib.import_module, names)]


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__)
def test_the_examples_of_the_docstrings_are_true(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0
