"""Changes to a recipe by path, as ``--set stages.cold-start.steps=10`` makes them; safe YAML."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from gnomon.blocks import Origin, Sourced, plain
from gnomon.problems import RecipeError, name_of, nearest

MAX_YAML_BYTES = 2**20


class _Loader(yaml.SafeLoader):
    """YAML with 1e-4 as a number, keys once, and no aliases, with which a small file grows huge."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(
                problem="write the block out, '*' is not read", problem_mark=mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{key.value!r} stands there twice", problem_mark=key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def read_yaml(text: str, place: str) -> Any:
    """The plain data in ``text``; raises `RecipeError` with ``place`` and line.

    Tags that make objects, aliases, and keys that stand twice are refused.
    """
    if len(text) > MAX_YAML_BYTES:
        raise RecipeError(f"{place}: more than {MAX_YAML_BYTES} characters are no recipe")
    try:
        return yaml.load(text, _Loader)  # a safe loader with fewer rights
    except yaml.YAMLError as error:
        raise RecipeError(f"{place}{_yaml_problem(error)}") from None
    except RecursionError:
        raise RecipeError(f"{place}: too deeply nested to be a recipe") from None
    except ValueError as error:  # such as a month of 13 in a date
        raise RecipeError(f"{place}: cannot be read: {error}") from None


def _yaml_problem(error: yaml.YAMLError) -> str:
    if not isinstance(error, yaml.MarkedYAMLError):
        return f": cannot be read as YAML: {' '.join(str(error).split())}"
    mark = error.problem_mark
    line = f", line {mark.line + 1}" if mark is not None else ""
    return f"{line}: cannot be read as YAML: {error.problem}"


def parse_changes(assignments: list[str]) -> dict[str, Any]:
    """``["seed=1", "stages.rl.steps=5"]`` as a mapping.

    Values are YAML: numbers (1e-4 too), true, null, [lists], {mappings: 1}, "quoted" text. Raises
    `RecipeError` for what has no path or cannot be read.
    """
    changes: dict[str, Any] = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path:
            raise RecipeError(f"--set {assignment!r}: write path=value, such as seed=1")
        changes[path] = read_yaml(text, f"--set {assignment!r}")
    return changes


def change(data: dict[str, Any], path: str, value: Any, default: Origin | None) -> None:
    """Replace one leaf or block of a recipe as plain data.

    A value without an origin gets the ``default`` one; None leaves it without. Raises
    `RecipeError` with the nearest name for a path that does not exist.
    """
    value = plain(value)
    if path == "stages" and not _holds_blocks(value):
        data["stages"] = _choose_stages(data["stages"], value)
        return
    origin = value.origin if isinstance(value, Sourced) else default
    *parents, leaf = path.split(".")
    place: Any = data
    block, key = data, leaf
    for depth, step in enumerate(parents):
        if isinstance(place, dict):
            block, key = place, step
        place = _descend(place, step, path, ".".join(parents[:depth]))
    bare = value.value if isinstance(value, Sourced) else value
    if isinstance(place, list):
        # The origin belongs to the list, which stands in a block.
        place[_list_index(place, leaf, path)] = bare
        _mark(block, key, origin)
    else:
        _set_item(_as_block(place, path, ".".join(parents)), leaf, bare, origin, path)


def _set_item(
    block: dict[str, Any], leaf: str, value: Any, origin: Origin | None, path: str
) -> None:
    if leaf == "origins" or leaf not in block:
        raise RecipeError(f"{path}: there is no {leaf!r}{_nearest_key(leaf, block)}")
    if leaf == "part" and isinstance(block["part"], str):
        block.clear()  # settings of one part mean nothing to another
    block[leaf] = value
    _mark(block, leaf, origin)


def _mark(block: dict[str, Any], name: str, origin: Origin | None) -> None:
    origins = {**block.get("origins", {}), name: origin}
    block["origins"] = {known: source for known, source in origins.items() if source is not None}


def _descend(place: Any, step: str, path: str, above: str) -> Any:
    if isinstance(place, list):
        return place[_list_index(place, step, path)]
    block = _as_block(place, path, above)
    if step == "origins" or step not in block:
        raise RecipeError(f"{path}: there is no {step!r}{_nearest_key(step, block)}")
    return block[step]


def _as_block(place: Any, path: str, above: str) -> dict[str, Any]:
    if isinstance(place, dict):
        return place
    if place is None:
        remedy = f"nothing is set there; set it whole, such as {above}={{name: value}}"
    else:
        remedy = f"{above} is the single value {place!r}; set that"
    raise RecipeError(f"{path}: {remedy}")


def _nearest_key(name: str, block: Mapping[str, Any]) -> str:
    return nearest(name, (str(key) for key in block if key != "origins"))


def _list_index(items: list[Any], step: str, path: str) -> int:
    names = [name_of(item, index) for index, item in enumerate(items)]
    if step in names:
        return names.index(step)
    if step.isdecimal() and int(step) < len(items):
        return int(step)
    raise RecipeError(f"{path}: there is no {step!r}{nearest(step, names)}")


def _holds_blocks(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)


def _choose_stages(stages: list[Any], names: Any) -> list[Any]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RecipeError(f"stages={names!r}: write a list of stage names in the order to run")
    return [copy.deepcopy(stages[_list_index(stages, name, "stages")]) for name in names]


def read_yaml_file(path: Path) -> Any:
    """The plain data in a file, as `read_yaml`; raises `RecipeError` too when there is none."""
    try:
        if path.stat().st_size > MAX_YAML_BYTES:
            raise RecipeError(f"{path}: more than {MAX_YAML_BYTES} bytes are no recipe")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        beside = [item.name for item in path.parent.glob("*.y*ml")]
        raise RecipeError(f"there is no file {path}{nearest(path.name, beside)}") from None
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RecipeError(f"{path} is not a text file") from None
    return read_yaml(text, str(path))
