"""Kinds of answer that are words: choice, yes-no, text, code."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

from gnomon.grading import extract
from gnomon.grading.comparison import Kind, Switches, by_text, decided, same_value, write_value
from gnomon.grading.structured import MAX_ITEMS
from gnomon.records import Answer, Verdict

_LETTERS = dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "")
_FENCE = re.compile(r"^[ \t]*```[^\n`]*$", re.MULTILINE)


def shuffled(answer: Answer, order: Sequence[int]) -> Answer:
    """The same choice with its options in another order: position k shows option ``order[k]``.

    The labels keep their places and get other texts; the right label moves with its text. Raises
    ValueError unless the answer is a choice with options and ``order`` a permutation of them.
    Source: arXiv 2510.10104 (ACRE).

    >>> gold = Answer("choice", "A", {"A": "cat", "B": "dog", "C": "cow", "D": "hen"})
    >>> shuffled(gold, [2, 0, 3, 1]).value
    'B'
    """
    labels, texts = list(answer.options), list(answer.options.values())
    if answer.kind != "choice" or sorted(order) != list(range(len(labels))) or not labels:
        raise ValueError(f"{list(order)} is no order of the {len(labels)} options of a choice")
    options = {label: texts[place] for label, place in zip(labels, order, strict=True)}
    return Answer("choice", labels[list(order).index(labels.index(answer.value))], options)


def _choice_problem(answer: Answer) -> str | None:
    if not isinstance(answer.value, str) or extract.read_text(answer.value) is None:
        return f"a choice needs a label, not {answer.value!r}"
    if answer.options and answer.value not in answer.options:
        return f"label {answer.value!r} is not among the options {', '.join(answer.options)}"
    return None


def _read_choice(text: str, reference: Answer, whole: bool) -> Any:
    if reference.options:
        return extract.read_choice(text, reference.options, whole=whole)
    if reference.value not in _LETTERS:
        return _read_text(text, reference, whole)
    if whole:
        found = extract.read_text(text)
        return found and (found.strip("()[]") or found)
    return extract.read_choice(text, _LETTERS, whole=False)


def _compare_choice(value: Any, reference: Answer, switches: Switches) -> Verdict:
    return (same_value if reference.options else _compare_text)(value, reference, switches)


def _load_choice(text: str) -> str | None:
    return text.strip("(). ") or None


def accepted_texts(answer: Answer) -> tuple[str, ...]:
    """The texts that a text answer accepts: its value, or each of several."""
    return (answer.value,) if isinstance(answer.value, str) else tuple(answer.value)


def _text_problem(answer: Answer) -> str | None:
    value = answer.value
    several = isinstance(value, list | tuple) and 0 < len(value) <= MAX_ITEMS
    texts = list(value) if several else [value]
    if all(isinstance(text, str) and extract.read_text(text) is not None for text in texts):
        return None
    return f"a text answer needs text with a letter or digit, not {value!r}"


def _write_text(answer: Answer) -> str:
    return accepted_texts(answer)[0]


def _read_text(text: str, reference: Answer, whole: bool) -> Any:
    found = extract.read_text(text, whole=whole)
    if whole or found is None:
        return found
    golds = (extract.read_text(gold) for gold in accepted_texts(reference))
    return next((gold for gold in golds if gold is not None and found.endswith(" " + gold)), found)


def _compare_text(value: Any, reference: Answer, switches: Switches) -> Verdict:
    read = extract.read_text(value)
    right = any(read == extract.read_text(gold) for gold in accepted_texts(reference))
    return decided(right, value, "equal text" if right else "different text")


def _yes_no_problem(answer: Answer) -> str | None:
    if isinstance(answer.value, bool):
        return None
    return f"a yes-no answer needs true or false, not {answer.value!r}"


def _write_yes_no(answer: Answer) -> str:
    return "yes" if answer.value else "no"


def _load_yes_no(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text, extract.read_yes_no(text))


def read_code(text: str, *, whole: bool = True) -> str | None:
    """Code in a normal form for comparison, or None when there is none.

    ``whole=True``: the whole text, or one fenced block that is the whole text. ``whole=False``: the
    last fenced block, else the whole text. Common indentation, trailing blanks, and blank lines are
    dropped. The code is never run. Linear.

    >>> read_code("```python" + chr(10) + "  x = 1  " + chr(10) + "```")
    'x = 1'
    """
    fences = list(_FENCE.finditer(text))
    last = len(fences) // 2 * 2
    if whole and fences:
        outside = text[: fences[0].start()] + text[fences[-1].end() :]
        if len(fences) != 2 or outside.strip():
            return None
    if last:
        text = text[fences[last - 2].end() : fences[last - 1].start()]
    lines = [line.rstrip() for line in text.expandtabs(4).splitlines()]
    return textwrap.dedent("\n".join(line for line in lines if line)) or None


def _code_problem(answer: Answer) -> str | None:
    if isinstance(answer.value, str) and read_code(answer.value) is not None:
        return None
    return f"a code answer needs a text of code, not {answer.value!r}"


def _compare_code(value: Any, reference: Answer, switches: Switches) -> Verdict:
    right = value == read_code(reference.value)
    return decided(right, value, "equal code" if right else "different code")


def _load_text(text: str) -> str | None:
    return text or None


CHOICE_KINDS: dict[str, Kind] = {
    "choice": Kind(_choice_problem, write_value, _load_choice, _read_choice, _compare_choice),
    "yes-no": Kind(
        _yes_no_problem, _write_yes_no, _load_yes_no, by_text(extract.read_yes_no), same_value
    ),
    "text": Kind(_text_problem, _write_text, _load_text, _read_text, _compare_text),
    "code": Kind(_code_problem, write_value, _load_text, by_text(read_code), _compare_code),
}
