from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.records import Sample
from gnomon.rewards.typed import (
    TABLES,
    System,
    first_number,
    relative_accuracy,
    relative_closeness,
    typed_answer,
    typed_score,
)


@pytest.mark.parametrize(
    ("system", "kind", "said", "gold", "value"),
    [
        ("visionary", "numerical", "45%", "0.45", 1.0),
        ("visionary", "numerical", "about 12 apples", "12", 1.0),
        ("visionary", "numerical", "YES", "yes", 1.0),
        ("visionary", "numerical", "30%", "30", 0.0),
        ("visionary", "numerical", "1,200", "1200", 0.0),
        ("visionary", "OCR", "helo world", "hello world", 0.909091),
        ("visionary", "OCR", "", "", 0.0),
        ("visionary", "OCR", "no number", "5", 0.0),
        ("visionary", "free-form", "the cat sat", "a cat sat down", 0.514286),
        ("humanomni", "emer_ov_mc", "B,E", "B,E", 1.0),
        ("humanomni", "emer_ov_mc", "B,E,F", "B,E", 0.8),
        ("humanomni", "emer_ov_mc", "B, E", "B,E", 0.5),
        ("humanomni", "numerical", "42", "42.0", 0.0),
        ("humanomni", "numerical", "1,000.5", "1000.50", 1.0),
        ("humanomni", "numerical", "x", "1", 0.0),
        ("humanomni", "OCR", "the cat", "the black cat", 0.666667),
        ("humanomni", "regression", "8", "10", 0.8),
        ("humanomni", "regression", "8", "0", 0.0),
        ("humanomni", "multiple choice", "B", "B", 1.0),
        ("humanomni", "multiple choice", "B.", "B", 0.0),
        ("humanomni", "judge", "Yes, it is", "yes", 1.0),
        ("onethinker", "numerical", "3.141", "3.14", 1.0),
        ("onethinker", "regression", "1,050", "1000", 1.0),
        ("onethinker", "ocr", "the cat", "the big cat", 0.666667),
        ("onethinker", "multiple choice", "50%", "50", 1.0),
        ("onethinker", "multiple choice", "A.", "A", 0.0),
    ],
)
def test_the_worked_answers(system: System, kind: str, said: str, gold: str, value: float) -> None:
    assert typed_score(said, gold, kind, system=system) == pytest.approx(value, abs=1e-6)


def test_no_is_found_inside_know_only_as_released() -> None:
    said, gold = "I know", "no"
    assert typed_score(said, gold, "judge", system="humanomni") == 0.0
    assert typed_score(said, gold, "judge", system="humanomni", mode="released") == 1.0


@pytest.mark.parametrize(("said", "value"), [(9, 0.9), (10, 1.0), (5, 0.0), (0, 0.0), (1e30, 0.0)])
def test_the_worked_relative_accuracies(said: float, value: float) -> None:
    assert relative_accuracy(said, 10) == pytest.approx(value)


def test_an_error_on_a_threshold_is_decided_by_float32() -> None:
    assert relative_accuracy(1050, 1000) == pytest.approx(1.0)
    assert relative_closeness(8, 10) == pytest.approx(0.8)


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_answer_breaks_a_scorer_and_every_score_is_in_range(said: str, gold: str) -> None:
    for system, table in TABLES.items():
        for kind in table:
            if kind != "math":
                assert 0.0 <= typed_score(said, gold, kind, system=system) <= 1.0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "value"), [("-3.5kg", -3.5), (".5", 0.5), ("50 %", 0.5), ("none", None), ("", None)]
)
def test_the_first_number_counts(text: str, value: float | None) -> None:
    assert first_number(text) == value


def asked(**meta: object) -> Sample:
    return Sample("s", (), meta=meta)


def test_types_of_one_batch_may_differ_and_unknown_ones_are_refused() -> None:
    said = "<answer> 5 </answer>"
    for kind in ("OCR", "multiple choice", "numerical"):
        assert typed_answer(said, asked(problem_type=kind), "5", system="visionary") == 1.0
    with pytest.raises(ValueError, match="no type of question 'ocr'; known: OCR"):
        typed_answer(said, asked(problem_type="ocr"), "5", system="visionary")


def test_the_gold_may_stand_in_an_answer_block() -> None:
    sample = asked(problem_type="OCR", solution="<answer> Yes </answer>")
    found = typed_answer(
        "<answer>yes</answer>", sample, None, system="visionary", solution="solution"
    )
    assert found == 1.0


def test_without_an_answer_block_only_onethinker_reads_the_whole_text() -> None:
    assert typed_answer("5", asked(problem_type="numerical"), "5", system="visionary") == 0.0
    assert typed_answer("5", asked(problem_type="numerical"), "5", system="onethinker") == 1.0
    assert typed_answer("5", asked(problem_type="numerical"), None, system="onethinker") is None


def test_an_empty_column_means_the_task_of_the_sample() -> None:
    sample = Sample("a", (), task="numerical")
    assert typed_answer("5.001", sample, "5", system="onethinker", column="") == 1.0
