from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gnomon.grading.extract import (
    last_boxed,
    proper_box,
    read_box,
    read_choice,
    read_fraction,
    read_integer,
    read_number,
    read_text,
    read_yes_no,
    to_float,
)

OPTIONS = {"A": "red", "B": "blue", "C": "dark red"}
READERS: dict[str, Callable[..., Any]] = {
    "integer": read_integer,
    "number": read_number,
    "fraction": read_fraction,
    "choice": lambda text, whole: read_choice(text, OPTIONS, whole=whole),
    "yes-no": read_yes_no,
    "text": read_text,
    "box": read_box,
}
HOSTILE = {
    "braces": "{" * 100_000,
    "boxes": r"\boxed{" * 14_000,
    "blanks": " " * 100_000,
    "digits": "1" * 100_000,
    "spaced digits": "1 " * 50_000,
    "commas": "1,111" * 20_000,
    "fractions": r"\frac{1" * 14_000,
    "slashes": "1/" * 50_000,
    "open lists": "[1," * 33_000,
    "nested json": '{"bbox_2d":[' * 8_000,
    "labels": "A B " * 25_000,
    "yes": "yesno " * 16_000,
    "nul": "\x00" * 100_000,
    "expanding": "\ufdfa" * 20_000,
}
texts = st.text() | st.text('0123456789.,-+/eE%$[]{}()\\frac bx_2d":ABredyesno\n', max_size=60)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("name", READERS)
@given(text=texts)
@example("1/0")
@example(r"\frac{1}{0}")
@example(r"\frac{1.2.3}{1}")
@example("1e999")
@example("9" * 110)
@example("²")
@example("[1e400, NaN, 1, 2]")
@example('{"bbox_2d": [NaN, Infinity, 1, 2]}')
def test_no_reader_raises_on_any_text(name: str, whole: bool, text: str) -> None:
    READERS[name](text, whole=whole)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", READERS)
def test_every_reader_is_fast_on_hostile_text(name: str, hostile: str, whole: bool) -> None:
    start = time.process_time()
    READERS[name](HOSTILE[hostile], whole=whole)
    assert time.process_time() - start < 1.0


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("text", ["", " ", "\n", "...", "???"])
def test_empty_text_reads_as_none(name: str, text: str) -> None:
    assert READERS[name](text, whole=True) is None
    assert READERS[name](text, whole=False) is None


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"\boxed{5}", "5"),
        (r"\boxed{1} then \boxed{ 2 }", "2"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\boxed{5}}", "5"),
        ("\\boxed{a\nb}", "a\nb"),
        (r"\boxed{}", ""),
        (r"\boxed{1} \boxed{2", None),
        (r"\boxed 5", None),
        ("5", None),
    ],
)
def test_the_last_box_counts_with_balanced_braces(text: str, content: str | None) -> None:
    assert last_boxed(text) == content


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", Fraction(5)),
        (" -5. ", Fraction(-5)),
        ("−5", Fraction(-5)),
        ("+ 5", Fraction(5)),
        ("1,000", Fraction(1000)),
        ("1,234,567.5", Fraction(2469135, 2)),
        ("1e-2", Fraction(1, 100)),
        (".5", Fraction(1, 2)),
        ("3/4", Fraction(3, 4)),
        ("-3 / 4", Fraction(-3, 4)),
        ("7 3/4", Fraction(31, 4)),
        ("-7 3/4", Fraction(-31, 4)),
        (r"\frac{3}{4}", Fraction(3, 4)),
        (r"\dfrac{-3}{4}", Fraction(-3, 4)),
        (r"\tfrac12", Fraction(1, 2)),
        (r"7\frac{3}{4}", Fraction(31, 4)),
        ("50%", Fraction(50)),
        (r"50\%", Fraction(50)),
        ("5 cm", Fraction(5)),
        ("5cm^2", Fraction(5)),
        ("30 square meters", Fraction(30)),
        (r"5 \text{ apples}", Fraction(5)),
        (r"90^\circ", Fraction(90)),
        (r"90^{\circ}", Fraction(90)),
        ("90°", Fraction(90)),
        ("90 degrees", Fraction(90)),
        ("$5$", Fraction(5)),
        (r"\(5\)", Fraction(5)),
        ("$1,200", Fraction(1200)),
        (r"\$5", Fraction(5)),
        ("x = 5", Fraction(5)),
        ("1,00", None),
        ("1,0000", None),
        ("5 apples", None),
        ("5 m", None),
        ("A5", None),
        ("1 2", None),
        ("1/0", None),
        ("5 or 6", None),
        ("1e5000", None),
        ("9" * 121, None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_a_whole_number_is_read_exactly(text: str, value: Fraction | None) -> None:
    assert read_fraction(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("There are 3 + 2 = 5 circles.", 5),
        ("x=-4", -4),
        ("from 3 to 3.5", 3.5),
        ("about 1,234 people", 1234),
        (r"so \frac{1}{2}", 0.5),
        ("it is 3/4.", 0.75),
        ("on page A4 there is 2nd", 2),
        ("v1.5", None),
        ("nothing", None),
        ("7 then 1/0", 7),
    ],
)
def test_the_last_number_in_a_text_counts(text: str, value: float | None) -> None:
    assert read_number(text, whole=False) == value


@given(st.fractions(max_denominator=10**6))
def test_a_written_fraction_is_read_back(value: Fraction) -> None:
    assert read_fraction(str(value)) == value
    sign = "-" if value < 0 else ""
    latex = rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"
    assert read_fraction(latex) == value


@given(st.integers(-(10**18), 10**18))
def test_an_integer_is_read_with_and_without_thousands_commas(value: int) -> None:
    assert read_integer(str(value)) == read_integer(f"{value:,}") == value
    assert read_integer(f"The answer is {value:,}.", whole=False) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_read_back(value: float) -> None:
    assert read_number(repr(value)) == value


def test_a_value_beyond_floats_is_none() -> None:
    assert to_float(Fraction(10**400)) is None
    assert read_number("1e400") is None


@pytest.mark.parametrize(
    ("text", "value"), [("5.0", 5), ("5.5", None), ("10/2", 5), ("1/2", None), ("five", None)]
)
def test_only_an_integral_value_is_an_integer(text: str, value: int | None) -> None:
    assert read_integer(text) == value


def test_the_last_integral_number_counts() -> None:
    assert read_integer("5 circles cover 2.5 units", whole=False) == 5


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("A", "A"),
        ("b", "B"),
        ("(A)", "A"),
        ("[B].", "B"),
        ("**C**", "C"),
        ("Option A", "A"),
        (r"\text{A}", "A"),
        ("A. red", "A"),
        ("(c) Dark  Red", "C"),
        ("red", "A"),
        ("Dark red.", "C"),
        ("A. blue", None),
        ("A or B", None),
        ("A, B", None),
        ("D", None),
        ("D. red", None),
        ("reddish", None),
    ],
)
def test_a_whole_choice_is_one_label_or_its_text(text: str, label: str | None) -> None:
    assert read_choice(text, OPTIONS) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("The answer is (B).", "B"),
        ("B is better than A", "A"),
        ("It is dark red", "C"),
        ("Blue, I think", "B"),
        ("It is RED or blue", "B"),
        ("A circle near B", "B"),
        ("A is right", "A"),
        ("a bored crowd", None),
        ("A's", None),
    ],
)
def test_the_last_choice_in_a_text_counts(text: str, label: str | None) -> None:
    assert read_choice(text, OPTIONS, whole=False) == label


def test_a_text_shared_by_two_options_names_neither() -> None:
    options = {"A": "red", "B": "Red"}
    assert read_choice("red", options) is None
    assert read_choice("red", options, whole=False) is None
    assert read_choice("B, red", options, whole=False) == "B"


def test_without_options_there_is_no_choice_to_read() -> None:
    assert read_choice("A", {}) is None
    assert read_choice("A", {}, whole=False) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("Yes", True), ("no.", False), (" **No** ", False), ("yes, no", None), ("I know", None)],
)
def test_a_whole_yes_or_no(text: str, value: bool | None) -> None:
    assert read_yes_no(text) is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Yes, it is", True),
        ("yes ... wait, NO!", False),
        ("I know nothing", None),
        ("no-one knows", None),
        ("yesterday", None),
    ],
)
def test_only_whole_words_are_yes_or_no(text: str, value: bool | None) -> None:
    assert read_yes_no(text, whole=False) is value


def test_text_is_compared_without_case_space_and_outer_punctuation() -> None:
    assert read_text('"Dark \n RED".') == read_text(r"\text{dark red}") == "dark red"
    assert read_text("Ｆull width") == "full width"
    assert read_text("first\n second \n", whole=False) == "second"


@given(st.text("abcXYZ .,!\n", max_size=30))
def test_case_and_outer_blanks_never_matter_to_text(text: str) -> None:
    assert read_text(f" {text.upper()}\n") == read_text(text.lower())


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2, 30, 40]",
        " [1.0,2,30,40] ",
        '{"bbox_2d": [1, 2, 30, 40]}',
        '[{"bbox_2d": [1, 2, 30, 40], "label": "cup"}]',
        '```json\n[{"bbox_2d": [1, 2, 30, 40]}]\n```',
    ],
)
def test_a_whole_box_is_a_list_or_json(text: str) -> None:
    assert read_box(text) == (1.0, 2.0, 30.0, 40.0)


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2, 3]",
        "[1, 2, 3, 4, 5]",
        "[30, 2, 1, 40]",
        "[1, 2, 1, 40]",
        "at [1, 2, 30, 40]",
        '{"bbox_2d": [30, 2, 1, 40]}',
        '{"bbox_2d": ["1", 2, 30, 40]}',
        '{"bbox_2d": [true, 2, 30, 40]}',
        '{"bbox_2d": [1, 2, 3, 4], "bbox_2d": [1, 2, 30, 40]}',
        '[{"bbox_2d": [1, 2, 3, 4]}, {"bbox_2d": [1, 2, 30, 40]}]',
        '{"bbox_2d": [1, 2, NaN, Infinity]}',
        '{"bbox": [1, 2, 30, 40]}',
        "[" * 1000,
        "5",
        '{"bbox_2d": [1, 2, 30, 40]' + " " * 5000 + "}",
    ],
)
def test_a_degenerate_doubtful_or_malformed_box_is_none(text: str) -> None:
    assert read_box(text) is None


def test_the_last_list_of_four_numbers_in_a_text_counts() -> None:
    text = "From [0, 0, 5, 5] to [1, 2, 30, 40] in [9]."
    assert read_box(text, whole=False) == (1.0, 2.0, 30.0, 40.0)
    assert read_box("[1, 2, 30, 40] and [5, 5, 1, 1]", whole=False) is None


def test_a_proper_box_needs_four_finite_numbers() -> None:
    assert proper_box((0, 0, 1, 1)) == (0.0, 0.0, 1.0, 1.0)
    assert proper_box((0, 0, float("inf"), 1)) is None
    assert proper_box("abcd") is None
