"""Literals of Python and JSON, read under limits; nothing is evaluated."""

from __future__ import annotations

import json
import re
from collections import deque
from typing import Any

MAX_CHARS = 100_000
MAX_DEPTH = 8
MAX_TOKENS = 20_000
MAX_DIGITS = 30
"""Limits of one literal (ours)."""

_TOKEN = re.compile(
    r"\s*+(?:(?P<mark>[\[\](){},:])"
    r"|(?P<number>[-+]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][-+]?[0-9]{1,2})?(?![\w.]))"
    r'|(?P<text>"(?:[^"\\\n]|\\.)*+"|\'(?:[^\'\\\n]|\\.)*+\')'
    r"|(?P<word>True|False|None|true|false|null)(?!\w))\s*+"
)
_WORDS = {"True": True, "true": True, "False": False, "false": False, "None": None, "null": None}
_CLOSING = {"[": "]", "(": ")", "{": "}"}
_Tokens = deque[tuple[str, str]]


class _NotRead(Exception):
    """The text is no literal."""


def literal(text: str) -> Any:
    """The value of a literal that is the whole text, or None.

    Lists, tuples, dictionaries with texts or numbers as keys, texts in either quotes, numbers, and
    the words of Python and JSON for true, false and none; a comma may stand before a closing
    bracket. None for anything else (a name, an operator, a comment, a set, a number that starts
    with a needless 0), for a key that stands twice, and beyond the limits. Linear.

    >>> literal("(('a', 1), ['b', 2.5],)"), literal("[" * 10_000), literal("f(1)")
    ((('a', 1), ['b', 2.5]), None, None)
    """
    try:
        tokens = _tokens(text)
        value = _value(tokens, 0)
    except _NotRead:
        return None
    return None if tokens else value


def _tokens(text: str) -> _Tokens:
    tokens: _Tokens = deque()
    place = 0
    while place < len(text) <= MAX_CHARS:
        match = _TOKEN.match(text, place)
        if match is None or len(tokens) >= MAX_TOKENS:
            raise _NotRead
        kind = match.lastgroup or ""
        tokens.append((kind, match[kind]))
        place = match.end()
    return tokens


def _value(tokens: _Tokens, depth: int) -> Any:
    kind, body = _next(tokens)
    if kind == "word":
        return _WORDS[body]
    if kind == "number":
        return _number(body)
    if kind == "text":
        return _text(body)
    if body not in _CLOSING or depth >= MAX_DEPTH:
        raise _NotRead
    return _dictionary(tokens, depth + 1) if body == "{" else _sequence(body, tokens, depth + 1)


def _next(tokens: _Tokens) -> tuple[str, str]:
    if not tokens:
        raise _NotRead
    return tokens.popleft()


def _closes(tokens: _Tokens, bracket: str) -> bool:
    if tokens and tokens[0] == ("mark", bracket):
        tokens.popleft()
        return True
    return False


def _sequence(opening: str, tokens: _Tokens, depth: int) -> Any:
    items: list[Any] = []
    comma = False
    while not _closes(tokens, _CLOSING[opening]):
        if items and not comma:
            raise _NotRead
        items.append(_value(tokens, depth))
        comma = _closes(tokens, ",")
    if opening == "[":
        return items
    return items[0] if len(items) == 1 and not comma else tuple(items)


def _dictionary(tokens: _Tokens, depth: int) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    comma = True
    while not _closes(tokens, "}"):
        key = _value(tokens, MAX_DEPTH)
        if not comma or key in found or not _closes(tokens, ":"):
            raise _NotRead
        found[key] = _value(tokens, depth)
        comma = _closes(tokens, ",")
    return found


def _number(body: str) -> int | float:
    digits = body.lstrip("+-")
    if len(body) > MAX_DIGITS or (digits[:1] == "0" and digits[1:2].isdigit()):
        raise _NotRead
    return int(body) if digits.isdigit() else float(body)


def _text(body: str) -> str:
    if body[0] == "'":
        return body[1:-1].replace("\\'", "'")
    try:
        return str(json.loads(body, strict=False))
    except ValueError:
        raise _NotRead from None
