"""Families of brackets: a tail to close, the first error, the wrong steps of a trace."""

from __future__ import annotations

import re

from gnomon.grading.puzzles.family import (
    Facts,
    Family,
    Finding,
    Mode,
    Shape,
    compared,
    is_list,
    is_whole,
    text_fact,
    unread,
)
from gnomon.grading.puzzles.reading import narrow

_VERDICTS = ("valid", "correct", "合法")
_VERDICT = re.compile(r"(?<![\w-])(?:valid|correct)(?![\w-])|(?<!不)合法")
_DENIED = re.compile(
    r"(?<!\w)(?:not|never|no|neither|nor|cannot|\w+n['’]t|in-?(?:valid|correct))(?!\w)|不"
)
_INTEGER = re.compile(r"[-+]?[0-9]{1,9}")
_NONE = frozenset(
    ("", "no", "no error", "no errors", "no mistakes", "all correct", "无问题", "无错误")
)


def dyck_language(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """The whole text, without white space and one pair of outer quotes, is the full sequence."""
    plain = "".join(text.split())
    if plain[:1] == plain[-1:] and plain[:1] in ("'", '"', "`") and len(plain) > 1:
        plain = plain[1:-1]
    return compared(plain == "".join(facts["full_sequence"].split()), plain)


def dyck_language_errors(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """The whole stripped text is the position of the first error, from 1; -1 for a valid sequence.

    Numbers are not searched for. A text that says valid or correct counts as -1: strictly as a word
    of its own and without any negation in the text; ``released``: anywhere, so that "incorrect"
    and "not valid" count too.
    """
    wanted = -1 if facts["is_valid"] else facts["first_error_pos"]
    plain = text.strip()
    if _INTEGER.fullmatch(plain):
        return compared(int(plain) == wanted, plain)
    if _says_valid(plain.lower(), mode):
        return compared(wanted == -1, plain)
    return unread("position")


def _says_valid(text: str, mode: Mode) -> bool:
    if mode == "released":
        return any(word in text for word in _VERDICTS)
    return _VERDICT.search(text) is not None and _DENIED.search(text) is None


def _first_error(facts: Facts, gold: str) -> str:
    known = facts["is_valid"] or is_whole(facts["first_error_pos"], 1)
    return "" if known else "first_error_pos has to be a position from 1"


def dyck_language_reasoning_errors(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """The numbers of the wrong lines, as a set; a phrase such as "no errors" for none of them.

    Every whole number of the text counts. ``released``: everything but digits and commas is
    dropped before the text is split at commas, so that "5 and 12" is 512; what then is empty means
    none.
    """
    plain = narrow(text).strip()
    if mode == "released":
        kept = re.sub("[^0-9,]", "", plain)
        found = {part.lstrip("0") for part in kept.split(",") if part}
    else:
        found = {digits.lstrip("0") for digits in re.findall("[0-9]+", plain)}
        if not found and plain.lower().rstrip(".!") not in _NONE:
            return unread("list of numbers")
    wanted = {str(number).lstrip("0") for number in facts["error_indices"]}
    return compared(found == wanted, sorted(found))


def write_lines(gold: str) -> str:
    """The gold list of lines, "no errors" where it is empty."""
    return gold if gold.strip() else "no errors"


TRACES: dict[str, Family] = {
    "dyck_language": Family(dyck_language, {"full_sequence": text_fact()}),
    "dyck_language_errors": Family(
        dyck_language_errors,
        {
            "is_valid": Shape("true or false", lambda value: isinstance(value, bool)),
            "first_error_pos": Shape(
                "a position from 1, or nothing", lambda v: v is None or is_whole(v, -1)
            ),
        },
        _first_error,
    ),
    "dyck_language_reasoning_errors": Family(
        dyck_language_reasoning_errors,
        {
            "error_indices": Shape(
                "a list of line numbers", lambda v: is_list(v, lambda item: is_whole(item, 0))
            )
        },
        write=write_lines,
    ),
}
