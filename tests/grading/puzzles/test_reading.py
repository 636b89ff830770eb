from __future__ import annotations

import pytest

from gnomon.grading.puzzles.family import cell_of
from gnomon.grading.puzzles.reading import (
    block_grid,
    boxed,
    double_bracketed,
    fenced,
    fences,
    grids,
    spaced_grid,
    whole,
)


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("```python\n1\n```", "python", ["1"]),
        ("```python 1 ```", "python", ["1"]),
        ("```json\n1\n```", "python", []),
        ("```json\n1\n```", "", ["1"]),
        ("```\n[[1]]\n```", "", ["[[1]]"]),
        ("```[[1]]```", "", ["[[1]]"]),
        ("```python\n1", "python", []),
        ("```python\n1\n```\n```python\n2\n```", "python", ["1", "2"]),
        ("no", "", []),
    ],
)
def test_fences_are_read_in_order(text: str, language: str, found: list[str]) -> None:
    assert fences(text, language) == found


def test_a_text_without_marks_is_the_answer_in_strict_mode_only() -> None:
    assert (fenced(" 5 ", "strict"), fenced("5", "released")) == ("5", None)
    assert (boxed(" 5 ", "strict"), boxed("5", "released")) == ("5", None)
    assert fenced("```json\n5\n```", "strict") is None
    assert boxed(r"5 \boxed{6", "strict") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[[1]]", ["[[1]]"]),
        ("[ [1],\n [2] ] [[3]]", ["[ [1],\n [2] ]", "[[3]]"]),
        ("[[[1]]]", ["[[[1]]"]),
        ("[[1]", []),
        ("[1] [2]", []),
        ("]] [[1]]", ["[[1]]"]),
    ],
)
def test_double_brackets_are_found_in_order(text: str, found: list[str]) -> None:
    assert double_bracketed(text) == found


def test_grids_are_rectangles_of_fitting_cells() -> None:
    text = "[[1,2],[3,4]] [[1,2],[3]] [['a']] [[5]]"
    assert list(grids(text, whole, last=False)) == [[[1, 2], [3, 4]], [[5]]]
    assert next(grids(text, whole, last=True)) == [[5]]
    assert block_grid("```\n[[7]]\n```" + text, whole) == [[7]]
    assert block_grid("```\nnone\n```" + text, whole) == [[5]]


def test_spaced_rows_may_differ_in_length() -> None:
    assert spaced_grid("[[1 2, 3]]") == [[1, 2], [3]]
    assert spaced_grid("[[]]") == [[]]
    assert spaced_grid("[[12345 1]]") is None


@pytest.mark.parametrize(
    ("value", "cell"),
    [("(1,2)", (1, 2)), ((0, 3), (0, 3)), ("1,2", None), ([1], None), ([True, 1], None), (5, None)],
)
def test_a_cell_is_a_pair_or_its_text(value: object, cell: tuple[int, int] | None) -> None:
    assert cell_of(value) == cell
