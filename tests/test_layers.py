"""Imports of the package, read from its text, at the head of a module or inside a function."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import gnomon

ROOT = Path(gnomon.__file__).parent
IMPORT = re.compile(r"^\s*from (gnomon[\w.]*) import (\([^)]*\)|[^\n]*)", re.MULTILINE)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """The modules that each module imports; the door ``gnomon`` itself hands on names only."""
    texts = {module_name(path): path.read_text() for path in ROOT.rglob("*.py")}
    found: dict[str, set[str]] = {}
    for module, text in texts.items():
        taken = set()
        for source, names in IMPORT.findall(text):
            inner = {f"{source}.{name}" for name in re.findall(r"\w+", names)} & texts.keys()
            taken |= inner or {source}
        found[module] = (taken & texts.keys()) - {module, "gnomon"}
    del found["gnomon"]
    return found


def test_no_module_imports_itself_through_others(imports: dict[str, set[str]]) -> None:
    assert set(TopologicalSorter(imports).static_order()) == set(imports)  # CycleError names it


def test_commands_are_imported_by_the_command_line_alone(imports: dict[str, set[str]]) -> None:
    users = {
        module
        for module, taken in imports.items()
        if any(name.startswith("gnomon.commands") for name in taken)
    }
    assert {name for name in users if not name.startswith("gnomon.commands")} == {"gnomon.cli"}


def test_no_base_of_recipes_imports_a_system(imports: dict[str, set[str]]) -> None:
    bases = {"gnomon.recipes.grpo", "gnomon.recipes.rewarded"}
    taken = {name for base in bases for name in imports[base]}
    assert {name for name in taken if name.startswith("gnomon.recipes")} <= bases
