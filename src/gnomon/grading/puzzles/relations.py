"""Families whose answer is a record: who owns what, slots, liars, attributes, grids of colours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gnomon.grading.puzzles.family import (
    MAX_FACTS,
    Facts,
    Family,
    Finding,
    Mode,
    Shape,
    compared,
    is_whole,
    unread,
)
from gnomon.grading.puzzles.literals import literal
from gnomon.grading.puzzles.reading import fenced, grid_of, narrow
from gnomon.grading.structured import read_json

_ANSWER_IS = re.compile(r"(?:the answer is|答案是)\s*+[:：=]?\s*+\*\*([^*]++)\*\*", re.IGNORECASE)
_BOLD = re.compile(r"\*\*([^*]++)\*\*")
_BETWEEN = re.compile(r"[\s,;]+")
_TOKENS = {
    **dict.fromkeys(("yes", "true", "truth", "是", "真话", "真"), "yes"),
    **dict.fromkeys(("no", "false", "lie", "否", "假话", "假", "谎"), "no"),
    **dict.fromkeys(("unknown", "未知"), "unknown"),
}
_ANYWHERE = re.compile("(yes|true|truth|是|真话|真)|no|false|lie|否|假话|假|谎")


def goods_exchange(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """A tuple of pairs (person, item) in the last python fence is the mapping, in any case.

    The same persons and no other. Strictly each stands once; ``released``: the last pair counts.
    """
    block = fenced(text, mode)
    found = None if block is None else owners(literal(block), repeats=mode == "released")
    if found is None:
        return unread("tuple of pairs (person, item)")
    return compared(found == owners(_pairs_of(facts["owns_after"])), found)


def owners(value: Any, *, repeats: bool = False) -> dict[str, str] | None:
    """Persons to items, in lower case and without outer blanks, of a list of pairs; or None.

    ``repeats``: a person may stand several times, and the last pair counts.

    >>> owners((("Ann", "Cup"), ("bob", "hat"))), owners((("a", "b"), ("A", "c")))
    ({'ann': 'cup', 'bob': 'hat'}, None)
    """
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MAX_FACTS:
        return None
    if len(value) == 2 and all(isinstance(one, str) for one in value):
        value = (value,)  # brackets round a single pair are no tuple
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in value):
        return None
    if not all(isinstance(one, str) for pair in value for one in pair):
        return None
    found = {person.strip().lower(): item.strip().lower() for person, item in value}
    return found if repeats or len(found) == len(value) else None


def _pairs_of(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(value.items())
    return literal(value) if isinstance(value, str) else value


def time_sequence(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """The last list of the text, its first two entries: longest minutes and number of options."""
    span = _last_list(narrow(text))
    found = None if span is None else literal(span)
    if not isinstance(found, list) or len(found) < 2:
        return unread("list of two numbers")
    answers = facts["records"]["answers"]
    wanted = [answers["answer_maxLen"], answers["answer_nums"]]
    given = found[:2]
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in given)
    return compared(numeric and given == wanted, given)


def _last_list(text: str) -> str | None:
    """The span from the last ``[`` that is closed to its ``]``."""
    end = text.rfind("]")
    start = text.rfind("[", 0, end) if end >= 0 else -1
    if start < 0:
        return None
    return text[start : text.find("]", start) + 1]


def _has_answers(value: Any) -> bool:
    answers = value.get("answers") if isinstance(value, Mapping) else None
    return isinstance(answers, Mapping) and all(
        is_whole(answers.get(name)) for name in ("answer_maxLen", "answer_nums")
    )


def web_of_lies(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """The tokens in "The answer is **yes, no**", the last; else in the first bold of the last line.

    yes, true, truth and no, false, lie, and the Chinese words; unknown is a token of its own.
    Strictly every word has to be a token, and the whole text counts where nothing is bold;
    ``released``: they are found anywhere in words, so that "unknown" is a no.
    """
    span = _verdict_span(text, mode)
    found = None if span is None else truths(span, mode)
    return compared(found == truths(gold, mode), found) if found else unread("list of yes and no")


def _verdict_span(text: str, mode: Mode) -> str | None:
    named = _ANSWER_IS.findall(text)
    if named:
        return str(named[-1])
    bold = _BOLD.search(text.strip().rpartition("\n")[2])
    if bold is not None:
        return bold[1]
    return text if mode == "strict" and "**" not in text else None


def truths(text: str, mode: Mode) -> list[str] | None:
    """The tokens of a list of verdicts, or None where strictly a word is none.

    >>> truths("Yes, unknown and lie", "strict"), truths("yes, unknown", "released")
    (['yes', 'unknown', 'no'], ['yes', 'no'])
    """
    plain = narrow(text).lower()
    if mode == "released":
        return ["yes" if match[1] else "no" for match in _ANYWHERE.finditer(plain)]
    parts = [part for part in _BETWEEN.split(plain.strip(" .。\n\t")) if part not in ("", "and")]
    return [_TOKENS[part] for part in parts] if all(part in _TOKENS for part in parts) else None


def _has_truths(facts: Facts, gold: str) -> str:
    return "" if truths(gold, "strict") else f"the gold text {gold!r:.80} is no list of yes and no"


def zebra_puzzle(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """JSON in the last json fence is the gold JSON, with its types: 1 and "1" differ."""
    block = fenced(text, "strict", "json")  # the released verifier needs no fence here
    found = None if block is None else read_json(block)
    return (
        unread("JSON object") if found is None else compared(alike(found, read_json(gold)), found)
    )


def alike(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal with all their types.

    >>> alike({"a": [1]}, {"a": [1]}), alike({"a": 1}, {"a": "1"}), alike(1, True), alike(1, 1.0)
    (True, False, False, False)
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)


def _is_record(facts: Facts, gold: str) -> str:
    return "" if isinstance(read_json(gold), dict) else f"the gold text {gold!r:.80} is no object"


def arc_agi(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """The grid of numbers in the last json fence is the gold grid."""
    block = fenced(text, "strict", "json")  # the released verifier needs no fence here
    found = None if block is None else grid_of(literal(block), _colour)
    wanted = grid_of(literal(gold), _colour)
    return unread("grid in a json block") if found is None else compared(found == wanted, found)


def _colour(cell: Any) -> bool:
    return is_whole(cell, 0, 99)


def _is_grid(facts: Facts, gold: str) -> str:
    grid = grid_of(literal(gold), _colour)
    return f"the gold text {gold!r:.80} is no grid of numbers" if grid is None else ""


RELATIONS: dict[str, Family] = {
    "goods_exchange": Family(
        goods_exchange,
        {
            "owns_after": Shape(
                "pairs (person, item), a mapping, or their text",
                lambda value: owners(_pairs_of(value)) is not None,
            )
        },
    ),
    "time_sequence": Family(
        time_sequence,
        {"records": Shape("a mapping with answers.answer_maxLen and answer_nums", _has_answers)},
    ),
    "web_of_lies": Family(web_of_lies, agree=_has_truths),
    "zebra_puzzle": Family(zebra_puzzle, agree=_is_record),
    "arc_agi": Family(arc_agi, agree=_is_grid),
}
