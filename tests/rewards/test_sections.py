from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.records import Sample
from gnomon.rewards.sections import (
    any_case_block,
    column_of,
    finite,
    first_block,
    has_layout,
    last_block,
    read_json,
    section,
    target,
)

tagged = st.lists(
    st.sampled_from(["<a>", "</a>", "<b>", "</b>", "<c>", "</c>", "x", " ", "\n"]), max_size=14
).map("".join)


@given(tagged)
def test_the_first_block_is_that_of_the_regular_expression(text: str) -> None:
    wanted = re.search("<a>(.*?)</a>", text, re.DOTALL)
    assert first_block(text, "a") == (wanted and wanted.group(1))
    line = re.search("<a>(.*?)</a>", text)
    assert first_block(text, "a", one_line=True) == (line and line.group(1))
    assert any_case_block(text.upper(), "a") == (wanted and wanted.group(1).upper())


@given(tagged)
def test_a_layout_is_that_of_the_regular_expression(text: str) -> None:
    wanted = re.fullmatch(r"<a>.*?</a>\s*<b>.*?</b>\s*<c>.*?</c>", text, re.DOTALL) is not None
    assert has_layout(text, ["a", "b", "c"]) == wanted


def test_a_final_line_break_fails_a_whole_layout() -> None:
    assert has_layout("<a></a><b></b>", ["a", "b"])
    assert not has_layout("<a></a><b></b>\n", ["a", "b"])


@given(tagged)
def test_the_last_block_starts_at_its_nearest_opening(text: str) -> None:
    body = last_block(text, "a")
    assert body is None or ("<a>" not in body and f"<a>{body}</a>" in text)


def test_a_section_without_its_tag_is_the_whole_text() -> None:
    assert section(" <answer> 5 </answer> 6", "answer") == "5"
    assert section(" 5 ", "answer") == "5"
    assert section("<answer>5</answer>", "") == "<answer>5</answer>"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1,", "{'a': 1}", '{"a": 1, "a": 2}', "NaN", "[Infinity]", "[" * 100 + "]" * 100,
     "9" * 30_000, "__import__('os')"],
)  # fmt: skip
def test_what_is_no_plain_json_is_none(text: str) -> None:
    assert read_json(text) is None


@given(st.text(max_size=60))
def test_no_text_breaks_a_reader(text: str) -> None:
    read_json(text)
    finite(text)
    first_block(text, "a")


@pytest.mark.parametrize(
    "value", ["nan", "inf", "1_0", "x", "", True, None, [1], "9" * 500, 10**400]
)
def test_what_is_no_finite_number_is_none(value: object) -> None:
    assert finite(value) is None


def test_a_missing_column_names_those_that_there_are() -> None:
    sample = Sample("s", (), meta={"b": 1, "a": None})
    assert column_of(sample, "a") is None
    with pytest.raises(ValueError, match=r"no column 'c' \(it has: a, b\)"):
        column_of(sample, "c")
    assert target(sample, 5, "") == "5"
    assert target(sample, 5, "a") is None


@pytest.mark.parametrize("piece", ["<a>", "</a>", "<a></a>", "<a>\n", " ", "</a> <b>", "[", "{"])
def test_readers_take_linear_time(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    start = time.process_time()
    for tag in ("a", "b"):
        first_block(text, tag)
        first_block(text, tag, one_line=True)
        any_case_block(text, tag)
        last_block(text, tag)
    has_layout(text, ["a", "b"])
    has_layout("<a>" + text, ["a", "b", "a"])
    read_json(text)
    assert time.process_time() - start < 1.0
