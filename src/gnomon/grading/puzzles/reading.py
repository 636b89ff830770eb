"""Where in a text an answer stands: boxes, fences, double brackets; all in linear time.

In strict mode a mark may be missing where the text is the answer and nothing else, which is what a
format leaves that takes the box or the tags away; released verifiers ask for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from gnomon.grading.extract import last_boxed
from gnomon.grading.puzzles.family import Mode, is_rows, is_whole
from gnomon.grading.puzzles.literals import literal

Rows = list[list[Any]]
FENCE = "```"
_OPENING = re.compile(r"\[\s*+\[")
_CLOSING = re.compile(r"\]\s*+\]")
_INFO = re.compile(r"\w*[ \t]*\n")
_DIGITS = re.compile(r"[0-9]{1,4}")


def narrow(text: str) -> str:
    """The text with wide commas as plain ones."""
    return text.replace("，", ",").replace("、", ",")


def boxed(text: str, mode: Mode) -> str | None:
    r"""Content of the last ``\boxed{}``; strictly also the whole text when it has no box.

    >>> boxed(r"\boxed{a} or \boxed{b}", "strict"), boxed("b", "strict"), boxed("b", "released")
    ('b', 'b', None)
    """
    if r"\boxed{" in text or mode == "released":
        return last_boxed(text)
    return text.strip()


def fences(text: str, language: str = "") -> list[str]:
    """Contents of the closed fences of a language (of any, without one), stripped, in order."""
    found, place, mark = [], 0, FENCE + language
    while (start := text.find(mark, place)) >= 0:
        start += len(mark)
        end = text.find(FENCE, start)
        if end < 0:
            break
        info = None if language else _INFO.match(text, start, end)
        found.append(text[start if info is None else info.end() : end].strip())
        place = end + len(FENCE)
    return found


def fenced(text: str, mode: Mode, language: str = "python", *, first: bool = False) -> str | None:
    """The last fence of a language, or the first; strictly also the whole text without any fence.

    >>> fenced("```python\\n1\\n``` ```python\\n2\\n```", "strict"), fenced("3", "strict")
    ('2', '3')
    """
    found = fences(text, language)
    if found:
        return found[0 if first else -1]
    return None if FENCE in text or mode == "released" else text.strip()


def double_bracketed(text: str) -> list[str]:
    """Every span from ``[[`` to the next ``]]``, brackets included; blanks may stand between two.

    >>> double_bracketed("[[1]] and [ [2],\\n[3] ]")
    ['[[1]]', '[ [2],\\n[3] ]']
    """
    found, place = [], 0
    while (opening := _OPENING.search(text, place)) is not None:
        closing = _CLOSING.search(text, opening.end())
        if closing is None:
            break
        place = closing.end()
        found.append(text[opening.start() : place])
    return found


def grid_of(value: Any, cell: Callable[[Any], bool]) -> Rows | None:
    """A rectangle of rows of fitting cells as lists, or None."""
    return [list(row) for row in value] if is_rows(value, cell) else None


def grids(
    text: str,
    cell: Callable[[Any], bool],
    *,
    last: bool,
    read: Callable[[str], Any] = literal,
) -> Iterator[Rows]:
    """The rectangles that stand in double brackets as literals, from the first or from the last."""
    spans = double_bracketed(text)
    for span in reversed(spans) if last else spans:
        grid = grid_of(read(span), cell)
        if grid is not None:
            yield grid


def block_grid(text: str, cell: Callable[[Any], bool]) -> Rows | None:
    """The grid of the last fence of any kind; where that is none, of the last double brackets."""
    blocks, spans = fences(text), double_bracketed(text)
    for span in (*blocks[-1:], *spans[-1:]):
        grid = grid_of(literal(span), cell)
        if grid is not None:
            return grid
    return None


def spaced_grid(span: str) -> list[list[int]] | None:
    """Numbers of a span ``[[1 2,2 1]]``, rows by commas, columns by blanks; rows may differ.

    >>> spaced_grid("[[1 2,2 1]]"), spaced_grid("[[1,2],[2,1]]")
    ([[1, 2], [2, 1]], None)
    """
    inner = narrow(_CLOSING.sub("", _OPENING.sub("", span, count=1), count=1))
    rows = [row.split() for row in inner.split(",")]
    if not all(_DIGITS.fullmatch(token) for row in rows for token in row):
        return None
    return [[int(token) for token in row] for row in rows]


def whole(value: Any) -> bool:
    """Whether a cell is a number from 0 up."""
    return is_whole(value, 0)
