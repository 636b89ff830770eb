from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.rewards.replies import (
    bare_number,
    final_decision,
    json_score,
    listed_facts,
    one_or_zero,
    rubric_answer,
)

odd = st.text() | st.from_regex(
    r"(<info[0-9]>[0-9a-z.]*</info[0-9]>|Answer: ?[0-9./]+|[01.{}\[\]])*"
)


@given(odd | st.none())
def test_no_reply_breaks_a_reader(text: str | None) -> None:
    bare_number(text, low=0, high=5)
    one_or_zero(text)
    listed_facts(text)
    rubric_answer(text)
    json_score(text)
    final_decision(text)
    final_decision(text, exact=False)


@pytest.mark.parametrize(
    ("reply", "value"), [(" 4 ", 4.0), ("9", 5.0), ("-1", 0.0), ("4/5", None), ("4 points", None),
                         ("nan", None), ("", None), (None, None)]
)  # fmt: skip
def test_only_a_bare_number_counts_and_is_clamped(reply: str | None, value: float | None) -> None:
    assert bare_number(reply, low=0, high=5) == value


@pytest.mark.parametrize(
    ("reply", "value"),
    [("1", True), ("0", False), ("1. same", True), ("Verdict: 0", False), ("ten", None),
     ("it is 10", None), ("v1", None), ("0.5", False), (None, None)],
)  # fmt: skip
def test_a_decision_starts_the_reply_or_stands_alone(reply: str | None, value: bool | None) -> None:
    assert one_or_zero(reply) is value


@pytest.mark.parametrize(
    ("reply", "values"),
    [
        ("<info1>1</info1>\n<info2>0</info2>\n<info3>1</info3>", [1, 0, 1]),
        ("<info1>1</info1><info3>1</info3>", [1]),
        ("<info1>yes</info1><info2>2</info2>", [0, 1]),
        ("<info1></info1><info2>1</info2>", []),
        ("<info1>0</info1> or rather <info1>1</info1>", [1]),
        ("<info2>1</info2><info1>0</info1>", [0, 1]),
        ("", []),
        (None, []),
    ],
)
def test_facts_are_read_up_to_the_first_missing_number(
    reply: str | None, values: list[float]
) -> None:
    assert listed_facts(reply) == values


@pytest.mark.parametrize(
    "piece", ["<info1>", "</info1>", "Answer: ", "Final Decision: ", "{", "```"]
)
def test_replies_are_read_in_linear_time(piece: str) -> None:
    start = time.process_time()
    for read in (listed_facts, rubric_answer, json_score, one_or_zero, final_decision):
        read(piece * 10_000)
    assert time.process_time() - start < 1.0


@pytest.mark.parametrize(
    ("reply", "value"),
    [("Answer: 1", 1.0), ("Answer:0.5", 0.5), ("Answer: 0.75", 0.0), ("Answer: 1.0", 0.0),
     ("Answer: 10", 0.0), ("Answer: 01", 0.0), ("Answer: .5", 0.0), ("answer: 1", 0.0),
     ("Answer: 1.", 1.0), ("Answer: 1/2", 1.0), ("Answer: 0 Answer: 1", 0.0), (None, 0.0)],
)  # fmt: skip
def test_the_rubric_takes_exactly_one_and_a_half(reply: str | None, value: float) -> None:
    assert rubric_answer(reply) == value


@pytest.mark.parametrize(
    ("reply", "value"),
    [('{"score": 0.9}', 0.9), ('```json\n{"score": 1}\n```', 1.0), ("0.5", 0.5), ("2", None),
     ('{"score": "0.5"}', 0.5), ('{"score": true}', None), ("good", None), (None, None)],
)  # fmt: skip
def test_a_score_is_json_or_a_bare_number(reply: str | None, value: float | None) -> None:
    assert json_score(reply) == value


def test_the_released_decision_passes_what_the_exact_one_does_not() -> None:
    both = "Final Decision: Yes or No"
    assert final_decision(both, exact=False) is True
    assert final_decision(both) is None
    assert final_decision("So.\n**Final Decision: Yes**") is True
    assert final_decision("Final Decision: Yes. No: Final Decision: No") is False
    assert final_decision("Final Decision: Yes, then more") is None
    assert final_decision("", exact=False) is None
