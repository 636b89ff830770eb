from __future__ import annotations

import json

import pytest

from gnomon.grading.compound import read_parts
from gnomon.grading.grade import strict
from gnomon.grading.kinds import KINDS
from gnomon.records import Answer, Outcome

GOLD = Answer("parts", {"a": Answer("integer", 5), "b": Answer("box", (0, 0, 10, 10))})


def test_the_score_is_the_mean_of_the_parts() -> None:
    assert strict('{"a": 5, "b": [0, 0, 10, 10]}', GOLD).correct
    assert strict('{"a": 5, "b": [0, 0, 10, 6]}', GOLD).score == pytest.approx(0.8)
    half = strict('{"a": 5}', GOLD)
    assert (half.outcome, half.score) == (Outcome.WRONG, 0.5)
    assert "b: no answer" in half.reason


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("(a) 5\n(B) yes", {"a": "5", "b": "yes"}),
        ("a. 5\nb: yes", {"a": "5", "b": "yes"}),
        ("Here:\na) 5", {"a": "5"}),
        ('{"A": "5", "c": 1}', {"a": "5"}),
        ("a: 4\na: 5", None),
        ('{"a": 4, "A": 5}', None),
        ("5 and yes", None),
    ],
)
def test_parts_are_named_once(text: str, parts: dict[str, str] | None) -> None:
    assert read_parts(text, ("a", "b")) == parts


def test_references_of_parts_load_from_json() -> None:
    text = json.dumps(
        {
            "a": {"kind": "integer", "value": 5},
            "b": {"kind": "choice", "value": "A", "options": {"A": "red"}},
        }
    )
    loaded = KINDS["parts"].load(text)
    assert loaded == {"a": Answer("integer", 5), "b": Answer("choice", "A", {"A": "red"})}
    assert strict("a: 5\nb: red", Answer("parts", loaded)).correct


@pytest.mark.parametrize(
    "value",
    ['{"a": 5}', '{"a": {"kind": "integer"}}', '{"a": {"kind": "x", "value": 1}}', "5", "{}"],
)
def test_a_malformed_reference_of_parts_is_none(value: str) -> None:
    assert KINDS["parts"].load(value) is None
