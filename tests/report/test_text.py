from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.report.text import clip, duration, finite, number, percent, points, readable, visible


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_visible_text_can_always_be_encoded(text: str) -> None:
    visible(text).encode()


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_making_text_visible_twice_changes_nothing(text: str) -> None:
    once = visible(text)
    assert visible(once) == once


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("\x00", "␀"),
        ("\x1b", "␛"),
        ("\x7f", "␡"),
        ("\r", "␍"),
        ("\x9b", "⟨U+009B⟩"),
        ("\u202e", "⟨U+202E⟩"),
        ("\u200b", "⟨U+200B⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
    ],
)
def test_what_hides_or_reorders_text_is_named(hidden: str, shown: str) -> None:
    assert visible(hidden) == shown


def test_ordinary_text_of_any_script_stays_as_it_is() -> None:
    text = "a\tb\nÄ 漢字 עברית العربية 👩\u200d🔬 ½ \\frac{1}{2}"
    assert visible(text) == text


def test_a_windows_line_end_is_a_line_end() -> None:
    assert visible("a\r\nb") == "a\nb"


@given(st.text(max_size=60), st.integers(0, 20), st.integers(0, 20))
def test_clipped_text_keeps_its_start_and_end(text: str, head: int, tail: int) -> None:
    shown = clip(text, head, tail)
    assert shown.startswith(text[:head])
    assert shown.endswith(text[len(text) - tail :] if tail < len(text) else text)
    assert shown == text or "left out" in shown


def test_readable_values_are_json_with_visible_texts() -> None:
    value = {"a\x00": ["b\x1b", math.nan, 1.5, 3, None, True, ("c",)]}
    assert readable(value) == {"a␀": ["b␛", None, 1.5, 3, None, True, ["c"]]}


@pytest.mark.parametrize("value", [None, math.nan, math.inf, "1", True, [1]])
def test_what_is_no_finite_number_is_none(value: object) -> None:
    assert finite(value) is None
    assert number(value) == percent(value) == points(value) == duration(value) == "–"


def test_a_change_of_nothing_has_no_sign() -> None:
    assert points(-0.0004) == "0.0"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0.0 s"), (75, "1 min 15 s"), (7380, "2 h 03 min"), (200_000, "2 d 07 h")],
)
def test_a_duration_has_its_two_largest_units(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
