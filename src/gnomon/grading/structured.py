"""Readers of structured text under limits: JSON, lists of numbers, elements of a list."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

MAX_CHARS = 1_000_000
MAX_DEPTH = 16
MAX_ITEMS = 4096
"""Limits of what is read as structured text (ours): size, nesting, elements of one list."""

# A string that never closes is matched to the end, so that each character is looked at once.
_DOUBLE = r"\"(?:[^\"\\]|\\.)*+(?:\"|\\?\Z)"
_STRING = re.compile(rf"{_DOUBLE}|'((?:[^'\\]|\\.)*+)(?:'|\\?\Z)", re.DOTALL)
_BRACKETS = re.compile(rf"{_DOUBLE}|([\[{{(])|([\]}})])", re.DOTALL)
_AND = re.compile(r"\s+and\s+|\s+&\s+")
_PAIRS = {"[": "]", "(": ")", "{": "}"}


def read_json(text: str, *, quotes: bool = False) -> Any:
    """The JSON value that is the whole text, without a Markdown fence, or None.

    ``quotes``: strings may stand in single quotes, as Python prints them. None for malformed text,
    NaN and infinities, a key that stands twice, and text beyond `MAX_CHARS` or `MAX_DEPTH`. Nothing
    is evaluated.

    >>> read_json('{"a": [1, 2]}'), read_json("[{'a': 1}]", quotes=True), read_json("[1, NaN]")
    ({'a': [1, 2]}, [{'a': 1}], None)
    """
    text = unfenced(text)
    if len(text) > MAX_CHARS or _depth(text) > MAX_DEPTH:
        return None
    if quotes:
        text = _STRING.sub(_double_quoted, text)
    return strict_json(text)


def strict_json(text: str) -> Any:
    """The JSON value that the text is, or None: also for NaN, infinities, a key that stands twice.

    Its size and nesting are to be checked before.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def unfenced(text: str) -> str:
    """The text inside one Markdown fence around it all, stripped; else the stripped text."""
    text = text.strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        text = text[text.index("\n") : -3].strip()
    return text


def finite(values: Any, count: int | None = None) -> tuple[float, ...] | None:
    """A list of (``count``) finite numbers below 1e12 as floats, or None; true and false are none.

    >>> finite([1, 2.5], 2), finite([1, True]), finite("12")
    ((1.0, 2.5), None, None)
    """
    if not isinstance(values, list | tuple) or len(values) > MAX_ITEMS:
        return None
    if count is not None and len(values) != count:
        return None
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if not abs(value) < 1e12 or math.isnan(value):
            return None
    return tuple(float(value) for value in values)


def split_elements(text: str) -> list[str] | None:
    """The elements of a list that is the whole text, stripped, or None.

    Outer brackets are dropped; elements are separated by semicolons, else by commas, outside of
    inner brackets, and the last ones by "and". None for an empty element, unbalanced brackets and
    more than `MAX_ITEMS` elements. Linear.

    >>> split_elements("[a, (b, c)]"), split_elements("red, green and blue"), split_elements("a,")
    (['a', '(b, c)'], ['red', 'green', 'blue'], None)
    """
    text = text.strip().removesuffix(".").strip()
    if _PAIRS.get(text[:1]) == text[-1:] != "" and _encloses(text):
        text = text[1:-1]
    parts = _split(text, ";" if ";" in text else ",")
    if parts is None or len(parts) > MAX_ITEMS:
        return None
    parts = [*parts[:-1], *_AND.split(parts[-1].strip().removeprefix("and "))]
    parts = [part.strip().strip("\"'“”`") for part in parts]
    return parts if all(parts) else None


def _split(text: str, separator: str) -> list[str] | None:
    parts, depth, start = [], 0, 0
    for place, character in enumerate(text):
        depth += 1 if character in "([{" else -1 if character in ")]}" else 0
        if depth < 0:
            return None
        if depth == 0 and character == separator:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]] if depth == 0 else None


def _encloses(text: str) -> bool:
    depth = 0
    for character in text[:-1]:
        depth += 1 if character in "([{" else -1 if character in ")]}" else 0
        if depth == 0:
            return False
    return True


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in _BRACKETS.finditer(text):
        depth += (match.group(1) is not None) - (match.group(2) is not None)
        deepest = max(deepest, depth)
    return deepest


def _double_quoted(match: re.Match[str]) -> str:
    inner = match.group(1)
    return match.group() if inner is None else json.dumps(inner.replace("\\'", "'"))


def _unique_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number")
