"""Changes to a recipe by path, as ``--set stages.cold-start.steps=10`` makes them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from gnomon.blocks import Origin, Sourced, plain
from gnomon.problems import RecipeError, name_of, nearest
from gnomon.yaml_text import read_yaml


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
    if path == "stages" and _names_stages(value):
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


def _names_stages(value: Any) -> bool:
    """Whether some stages stay as they are; a list of blocks alone replaces them all."""
    blocks = isinstance(value, list) and value and all(isinstance(i, Mapping) for i in value)
    return not blocks


def _choose_stages(stages: list[Any], names: Any) -> list[Any]:
    """The named stages in that order; a block among the names is a stage of its own."""
    if not isinstance(names, list) or not all(isinstance(name, str | Mapping) for name in names):
        raise RecipeError(f"stages={names!r}: write a list of stage names in the order to run")
    return [
        copy.deepcopy(
            stages[_list_index(stages, name, "stages")] if isinstance(name, str) else name
        )
        for name in names
    ]
