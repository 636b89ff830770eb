from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.report.terminal import duration, safe_text, show
from report.consoles import plain_console, written

ESCAPE = "\x1b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]52;c;aGk=\x1b\\after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]never closed", "never closed"),
        ("\x9b31mred", "red"),
        ("\x1bPq#0\x1b\\x", "x"),
        ("\x1bcreset", "reset"),
        ("\x1b(0box", "box"),
        ("bell\x07back\x08", "bellback"),
        ("over\rwrite", "overwrite"),
        ("lines\n\tstay", "lines\n\tstay"),
        ("\u202egnp.exe", "gnp.exe"),
        ("lone \ud800", "lone "),
        ("naïve 語 🙂", "naïve 語 🙂"),
        ("ends with \x1b", "ends with "),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
    ],
)
def test_text_of_a_model_cannot_command_the_terminal(text: str, shown: str) -> None:
    assert safe_text(text) == shown


@given(st.text(st.characters() | st.sampled_from("\x1b[]\x07\x9b\\;m")))
def test_safe_text_never_holds_a_control_character(text: str) -> None:
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", safe_text(text))


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"])))
def test_text_without_controls_is_left_as_it_is(text: str) -> None:
    assert safe_text(text) == text


@pytest.mark.parametrize("piece", ["\x1b]", "\x9d", "\x9b0", "\x1b(", "\x1bPx", "\x90\x1b"])
def test_safe_text_takes_linear_time(piece: str) -> None:
    assert not re.search(r"[\x1b\x80-\x9f]", safe_text(piece * 300_000))


def test_text_is_shown_without_markup_or_folding() -> None:
    console = plain_console(width=20)
    show(console, "[red]" + "x" * 50 + "\x1b[31m")
    assert written(console) == "[red]" + "x" * 50 + "\n"


def test_durations_read_naturally() -> None:
    assert [duration(s) for s in (0.04, 59.94, 60, 3599.6, 7325)] == [
        "0.0 s", "59.9 s", "1:00", "1:00:00", "2:02:05",
    ]  # fmt: skip
