from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.grading.structured import finite, read_json, split_elements, unfenced

leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
values: Any = st.recursive(
    leaves, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=4), v, max_size=3)
)


@given(values)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    assert read_json(json.dumps(value)) == value


@given(st.text(st.characters(exclude_characters="'\"\\", codec="utf-8"), max_size=12))
def test_single_quoted_text_is_read_where_it_is_allowed(text: str) -> None:
    assert read_json(f"['{text}']", quotes=True) == [text]
    assert read_json(f"['{text}']") is None


@pytest.mark.parametrize(
    "text",
    [
        "[1, NaN]",
        "[Infinity]",
        '{"a": 1, "a": 2}',
        "[" * 17 + "]" * 17,
        "[1,]",
        "",
        "{'a': 1}",
        "1 2",
    ],
)
def test_what_is_no_plain_json_is_none(text: str) -> None:
    assert read_json(text) is None


@given(st.text("[]{}'\"\\,:ab1 ", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    read_json(text)
    read_json(text, quotes=True)
    split_elements(text)


def test_a_fence_is_dropped_when_it_is_around_it_all() -> None:
    assert unfenced("```json\n[1]\n```") == "[1]"
    assert unfenced("``` [1] ```") == "``` [1] ```"


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        ([1, 2.5], (1.0, 2.5)),
        ([], ()),
        ([True], None),
        (["1"], None),
        ([1e13], None),
        ([float("nan")], None),
        ([10**400], None),
        ("12", None),
        ([0] * 5000, None),
    ],
)
def test_finite_numbers_are_numbers_within_bounds(value: Any, numbers: Any) -> None:
    assert finite(value) == numbers
