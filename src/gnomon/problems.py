"""What is wrong with a recipe or a part: place, value, reason, and the nearest right name."""

from __future__ import annotations

import difflib
import re
import reprlib
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

Location = tuple[int | str, ...]
SHOWN_NAMES = 20
SHOWN_LENGTH = 120
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


class RecipeError(ValueError):
    """A recipe that cannot be run: each line names place, value, reason and remedy."""


def nearest(name: object, known: Iterable[str]) -> str:
    """The end of an error message: the nearest known name, or the known ones when none is near.

    >>> nearest("gpro", ["grpo", "rloo"])
    "; did you mean 'grpo'?"
    """
    known = sorted(known)
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    more = f" and {len(known) - SHOWN_NAMES} more" if len(known) > SHOWN_NAMES else ""
    return f"; known: {', '.join(known[:SHOWN_NAMES])}{more}" if known else ""


def refuse_truth(value: Any, hint: Any) -> Any:
    """``value``, unless it is true or false where ``hint`` wants something else: ValueError.

    Python takes true for the number 1, a person who writes it does not.
    """
    if isinstance(value, bool) and not _takes_truth(hint):
        raise ValueError("must not be true or false")
    return value


def problems(error: ValidationError, root: type[BaseModel], data: Any) -> list[str]:
    """One line for each problem that validating ``data`` as ``root`` met: place: value: reason.

    Stages and terms are called by name, as in the paths of ``--set``.
    """
    lines: dict[str, list[str]] = {}
    for item in error.errors(include_url=False):
        place, step = place_of(item, data), item["loc"][-1:]
        if item["type"] == "extra_forbidden":
            reason = "there is no such setting" + nearest(step[0], _fields(root, item["loc"][:-1]))
        elif item["type"] == "union_tag_invalid":
            # Of the stage, the part that is wrong is its kind.
            place, reason = f"{place}.kind", _wrong_kind(item, _kinds(root, item["loc"]))
        elif item["type"] == "union_tag_not_found":
            known = nearest("", _kinds(root, item["loc"]))
            place, reason = f"{place}.kind", f"a value is needed{known}"
        else:
            reason = _shown(item) + reason_of(item)
        lines.setdefault(place, []).append(reason)
    # The members of a union each give a reason for one place.
    return [
        ": ".join(filter(None, [place, " or ".join(dict.fromkeys(reasons))]))
        for place, reasons in lines.items()
    ]


def reason_of(item: Any) -> str:
    """Why one value was refused, from one item of pydantic's list, in this package's words."""
    made = {
        "missing": "a value is needed",
        "extra_forbidden": "there is no such setting",
        "model_type": "must be a block, {name: value, ...}",
        "model_attributes_type": "must be a block, {name: value, ...}",
        "dict_type": "must be a mapping, {name: value, ...}",
        "tuple_type": "must be a list",
        "list_type": "must be a list",
        "too_long": "has too many items",
        "finite_number": "must be a finite number",
        "path_type": "must be a path",
        "invalid_key": "is no name of a setting",
    }.get(item["type"])
    if made is not None:
        return made
    text = str(item["msg"]).removeprefix("Value error, ")
    text = re.sub(r"^(Input|String|Value|Keys) should\b", "must", text)
    text = re.sub(", unable to (parse|interpret).*", "", text)
    if item["type"] == "literal_error":
        close = nearest(item["input"], re.findall("'([^']*)'", item["ctx"]["expected"]))
        text += close if "did you mean" in close else ""
    return text


def place_of(item: Any, data: Any) -> str:
    """Path of a problem in ``data``, without pydantic's own names, which are not in the data."""
    steps: list[str] = []
    for number, step in enumerate(item["loc"], start=1):
        if isinstance(data, Sequence) and isinstance(step, int) and step < len(data):
            data = data[step]
            steps.append(name_of(data, step))
        elif isinstance(data, Mapping) and step in data:
            data = data[step]
            steps.append(str(step))
        elif number == len(item["loc"]) and item["type"] == "missing":
            steps.append(str(step))
    return ".".join(steps)


def name_of(item: Any, index: int) -> str:
    """What a path calls an item of a list: a stage by name, a term by its part, else its number."""
    name = item if isinstance(item, Mapping) else getattr(item, "name", None)
    while isinstance(name, Mapping):
        name = name.get("name", name.get("part"))
    return name if isinstance(name, str) else str(index)


def show(value: Any) -> str:
    """``value`` on one line, cut when it is long.

    >>> show("ten")
    "'ten'"
    """
    text = " ".join(_SHORT.repr(value).split())
    return text if len(text) <= SHOWN_LENGTH else f"{text[: SHOWN_LENGTH - 4]} ..."


def _shown(item: Any) -> str:
    """The refused value, unless it is a block, which would hide the reason behind it."""
    value = item["input"]
    first = value[0] if isinstance(value, Sequence) and value else value
    hidden = item["type"] == "missing" or isinstance(first, Mapping | BaseModel)
    return "" if hidden else f"{show(value)}: "


def _wrong_kind(item: Any, known: list[str]) -> str:
    tag = item["ctx"]["tag"]
    return f"{tag!r}: there is no such kind of stage{nearest(tag, known)}"


def _kinds(root: type[BaseModel], location: Location) -> list[str]:
    return [str(_tag(model)) for model in _blocks_at(root, location)]


def _fields(root: type[BaseModel], location: Location) -> list[str]:
    models = _blocks_at(root, location)
    return [name for model in models for name in model.model_fields if name != "origins"]


def _blocks_at(root: type[BaseModel], location: Location) -> list[type[BaseModel]]:
    """What can stand at ``location``: one kind of block, or each member of a union."""
    models = [root]
    for step in location:
        tagged = [model for model in models if _tag(model) == step]
        if tagged:
            models = tagged
        elif isinstance(step, str):
            fields = [model.model_fields[step] for model in models if step in model.model_fields]
            models = [found for field in fields for found in _models_in(field.annotation)]
    return models


def _tag(model: type[BaseModel]) -> Any:
    kind = model.model_fields.get("kind")
    return None if kind is None else kind.default


def _models_in(hint: Any) -> list[type[BaseModel]]:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return [hint]
    return [model for inner in typing.get_args(hint) for model in _models_in(inner)]


def _takes_truth(hint: Any) -> bool:
    return hint in (bool, Any, object, True, False) or any(map(_takes_truth, typing.get_args(hint)))
