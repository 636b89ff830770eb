from __future__ import annotations

import ast
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.grading.puzzles.literals import MAX_DEPTH, literal

scalars = st.one_of(
    st.integers(-(10**20), 10**20), st.booleans(), st.none(), st.text("ab '\"é,[", max_size=6)
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    ),
    max_leaves=6,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list | tuple) else 0


@settings(max_examples=50)
@given(values)
def test_what_python_prints_is_read_back(value: object) -> None:
    if depth(value) <= MAX_DEPTH and "\\" not in repr(value):
        assert literal(repr(value)) == value


@settings(max_examples=50)
@given(values.filter(lambda value: "(" not in repr(value)))
def test_what_json_writes_is_read_back(value: object) -> None:
    if depth(value) <= MAX_DEPTH:
        assert literal(json.dumps(value, ensure_ascii=False)) == value


@given(st.text("[](){},:'\"0123 .-eTrue\\", max_size=30))
def test_what_is_read_is_what_python_reads(text: str) -> None:
    value = literal(text)
    if value is not None and "true" not in text and "\\" not in text:
        assert value == ast.literal_eval(text.strip())


@pytest.mark.parametrize(
    "text",
    ["", "f(1)", "1 + 1", "{1, 2}", "[1 2]", "[1,,2]", "[,]", "05", "1_000", "[1", "1]", "[1)",
     '{"a": 1, "a": 2}', "{1}", '{[1]: 2}', "'a' 'b'", "[1] # one", "nan", "x", "9" * 31,
     "[" * 9 + "]" * 9, "[1]" * 2],
)  # fmt: skip
def test_other_text_is_no_literal(text: str) -> None:
    assert literal(text) is None


@pytest.mark.parametrize("text", ["[" * 10_000, "[1," * 30_000, "'" * 90_000, "9" * 90_000])
def test_a_flood_ends_at_once(text: str) -> None:
    start = time.process_time()
    assert literal(text) is None
    assert time.process_time() - start < 0.5
