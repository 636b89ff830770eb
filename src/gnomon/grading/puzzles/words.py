"""Families of words and letters: options, ciphers, sorted words, names."""

from __future__ import annotations

import json

from gnomon.grading.puzzles.family import Facts, Family, Finding, Mode, compared, unread
from gnomon.grading.puzzles.literals import literal
from gnomon.grading.puzzles.reading import boxed, fenced, narrow


def boolean_expressions(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    r"""The letters in the last ``\boxed{A,C}`` are the gold ones, as a set and in any case."""
    content = boxed(text, mode)
    if not content:
        return unread("letters in a box")
    one, other = _parts(content.lower()), _parts(gold.lower())
    return compared(set(one) == set(other), one)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in narrow(text).split(",")]


def cipher(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """``[["TEXT"]]`` in the last python fence; the gold text is stored as ``[[TEXT]]``.

    The gold string without its first two and last two characters is the text, with its case.
    """
    block = fenced(text, "strict")  # the released verifier needs no fence here
    found = None if block is None else literal(block)
    return unread('list [["TEXT"]]') if found is None else compared(found == [[gold[2:-2]]], found)


def write_cipher(gold: str) -> str:
    """The answer to a gold string ``[[TEXT]]``."""
    return json.dumps([[gold[2:-2]]], ensure_ascii=False)


def _enclosed(facts: Facts, gold: str) -> str:
    return "" if len(gold) > 4 else f"the gold text {gold!r:.80} has no text between its brackets"


def word_sorting(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    r"""The words in the last ``\boxed{a,b}``, in order and with their case; blanks are dropped."""
    content = boxed(text, mode)
    if not content:
        return unread("words in a box")
    one, other = _bare(content), _bare(gold)
    return compared(one == other, one)


def _bare(text: str) -> list[str]:
    return "".join(narrow(text).split()).split(",")


def word_sorting_mistake(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    r"""The number of the first wrong thought in the last ``\boxed{}``, or No, in any case.

    An empty gold text means No.
    """
    content = boxed(text, mode)
    if not content:
        return unread("number or No in a box")
    return compared(content.strip().lower() == (gold.strip() or "No").lower(), content)


def write_mistake(gold: str) -> str:
    """The gold number, No where there is none."""
    return gold.strip() or "No"


def space_reasoning(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    r"""The item in the last ``\boxed{}``, or unknown, in any case."""
    content = boxed(text, mode)
    if not content:
        return unread("item in a box")
    return compared(content.strip().lower() == gold.strip().lower(), content)


def space_reasoning_tree(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    r"""The names in the last ``\boxed{a, b}``, as a set with their case; blanks are dropped."""
    content = boxed(text, mode)
    if not content:
        return unread("names in a box")
    one, other = _bare(content), _bare(gold)
    return compared(set(one) == set(other), one)


def _not_blank(facts: Facts, gold: str) -> str:
    return "" if narrow(gold).strip(" ,") else "the gold text is empty"


WORDS: dict[str, Family] = {
    "boolean_expressions": Family(boolean_expressions, agree=_not_blank),
    "cipher": Family(cipher, agree=_enclosed, write=write_cipher),
    "word_sorting": Family(word_sorting, agree=_not_blank),
    "word_sorting_mistake": Family(word_sorting_mistake, write=write_mistake),
    "space_reasoning": Family(space_reasoning, agree=_not_blank),
    "space_reasoning_tree": Family(space_reasoning_tree, agree=_not_blank),
}
