"""Peers are compared with in tests; the package itself does without them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "gnomon"
PEERS = {"trl", "verl"}
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def imported(file: str, *, inside: bool) -> Iterator[str]:
    """The packages that a file imports, ``inside`` functions too."""
    waiting: list[ast.AST] = [ast.parse((PACKAGE / file).read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (item.name.partition(".")[0] for item in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module).partition(".")[0]
        elif inside or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += ast.iter_child_nodes(node)


def test_no_module_imports_trl_or_verl_when_it_is_imported() -> None:
    found = {file: PEERS.intersection(imported(file, inside=False)) for file in FILES}
    assert {file for file, names in found.items() if names} == set()


@pytest.mark.parametrize("room", ["rl", "stages", "recipes"])
def test_the_objectives_never_import_a_peer(room: str) -> None:
    files = [file for file in FILES if file.startswith(f"{room}/")]
    assert files
    found = {file: PEERS.intersection(imported(file, inside=True)) for file in files}
    assert {file for file, names in found.items() if names} == set()
