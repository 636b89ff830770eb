from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.records import Answer, Sample
from gnomon.rewards.choices import (
    chosen_letter,
    contains_option,
    fills_blank,
    final_answer,
    first_letter,
    leading_letter,
    lone_letter,
    meta_options,
    option_text,
    option_words,
    remapped_choice,
    rule_answer,
    verified_score,
)

BARE = Sample("s", ())
OPTIONS = {"A": "small dog", "B": "large dog", "C": "cat"}
ASKED = Sample("s", (), answer=Answer("choice", "A", OPTIONS))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<answer>dog barking</answer>", 1.0),
        ("dog barking", 1.0),
        ("<answer>Dog barking</answer>", 0.0),
        ("<answer>dog\nbarking</answer>", 0.0),
        ("<answer>a dog barking</answer>", 0.0),
        ("<answer>cat</answer><answer>dog barking</answer>", 0.0),
    ],
)
def test_the_worked_answers_of_r1_aqa(text: str, value: float) -> None:
    assert option_text(text, "dog barking", BARE) == value


def test_case_can_be_forgiven_and_a_label_means_its_text() -> None:
    assert option_text("<answer>DOG</answer>", "dog", BARE, any_case=True) == 1.0
    assert option_text("<answer>small dog</answer>", "A", ASKED) == 1.0
    assert option_text("dog", None, BARE) is None


def test_answers_that_share_a_number_do_not_match_through_it() -> None:
    assert option_text("<answer>a 3</answer>", "a 3 b", BARE) == 0.0


@pytest.mark.parametrize(
    ("said", "right"),
    [("a small dog barks", True), ("dog", False), ("small dog, not a cat", False), ("", False)],
)
def test_the_worked_answers_of_mmau(said: str, right: bool) -> None:
    assert contains_option(said, list(OPTIONS.values()), "small dog") is right
    assert option_words(f"<answer>{said}</answer>", "A", ASKED) == float(right)


def test_words_need_options() -> None:
    assert option_words("dog", "dog", BARE) is None


@pytest.mark.parametrize(
    ("text", "strict", "released"),
    [
        ("<think>x</think><answer>B. open tap</answer>", 1.0, 1.0),
        ("<answer>Because it is dirty</answer>", 0.0, 1.0),
        ("B", 0.0, 0.0),
        ("<answer>[B]</answer>", 0.0, 0.0),
        ("<answer>(B)</answer>", 1.0, 0.0),
        ("<answer></answer>", 0.0, 0.0),
    ],
)
def test_the_worked_letters_of_seed_bench(text: str, strict: float, released: float) -> None:
    assert first_letter(text, "B.") == strict
    assert first_letter(text, "B.", mode="released") == released


@pytest.mark.parametrize(
    ("text", "letter"),
    [("B", "B"), ("(b) the red one", "B"), ("b: x", "B"), ("the red one", None), ("", None),
     ("A red one", "A"), ("B) x", "B"), ("Be", None)],
)  # fmt: skip
def test_a_leading_letter_stands_alone(text: str, letter: str | None) -> None:
    assert leading_letter(text) == letter


def test_an_option_text_beats_the_letter_rule() -> None:
    assert chosen_letter("A red one", {"A": "blue", "B": "a  RED one"}) == "B"
    assert chosen_letter("A red one", {}) == "A"


def test_a_lone_letter_touches_no_other() -> None:
    assert [lone_letter(text) for text in ("B</answer>", "Be A", "ABC", "a")] == [
        "B",
        "A",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("body", "gold", "category", "value"),
    [
        ("B", "B", "multiple choice", 1.0),
        ("(b) the red one", "B", "multiple choice", 1.0),
        ("the red one", "B", "multiple choice", 0.0),
        ("1,200", "1200.0", "fill-in-the-blank", 1.0),
        ("Two  dogs.", "two dogs", "fill-in-the-blank", 1.0),
        ("long text", "ref", "descriptive", None),
        (" ", "ref", "descriptive", 0.0),
    ],
)
def test_the_worked_rules_of_wethink(
    body: str, gold: str, category: str, value: float | None
) -> None:
    text = f"<think>t</think>\n<answer>no</answer><answer>{body}</answer>"
    assert rule_answer(text, gold, category, {}) == value
    assert rule_answer("no tags", gold, category, {}) == 0.0


def test_another_category_is_an_error() -> None:
    with pytest.raises(ValueError, match="'open' has no rule"):
        rule_answer("<answer>x</answer>", "x", "open", {})
    assert not fills_blank("two", "2")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"so \boxed{x^{2}} then \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        ("Answer: 42\n", "42"),
        ("Answer: 42", None),
        ("The answer is: 3 apples\nFinal Answer: 4\n", "4"),
        (r"\boxed{a{b{c}}}", "a{b{c}}"),
        (r"\boxed{a{b{c{d}}}}", None),
        ("\\boxed{}\nSolution:\n 7 \n", "7"),
        ("Answer:\n", ""),
        ("Answer: 5<|im_end|>\n", "5"),
        ("so the answer: x, answer: y\n", "y"),
        ("nothing", None),
    ],
)
def test_the_worked_extractions_of_general_reasoner(text: str, found: str | None) -> None:
    assert final_answer(text) == found


@pytest.mark.parametrize(
    ("accepted", "found", "lengths", "score"),
    [
        (True, "x", (7, 5), 0.9),
        (False, "x", (7, 5), 0.0),
        (False, None, (2, 5), -0.5),
        (True, "x", (40, 3), 0.5),
        (True, None, (5, 5), 0.5),
    ],
)
def test_the_worked_scores_of_general_reasoner(
    accepted: bool, found: str | None, lengths: tuple[int, int], score: float
) -> None:
    assert verified_score(accepted, found, lengths) == pytest.approx(score)


def test_a_remapped_letter_means_what_it_showed() -> None:
    shown = {"A": "cat", "B": "small dog", "C": "large dog"}
    sample = Sample("s", (), answer=Answer("choice", "A", OPTIONS), meta={"shown_options": shown})
    assert remapped_choice("<answer>B</answer>", sample) == 1.0
    assert remapped_choice("<answer>A</answer>", sample) == 0.0
    assert remapped_choice("A B C", sample) == 0.0


def test_options_of_a_column_lose_their_prefixes() -> None:
    assert meta_options(Sample("s", (), meta={"options": ["A. cat", "B) dog"]})) == {
        "A": "cat",
        "B": "dog",
    }
    assert meta_options(ASKED) == OPTIONS
    assert meta_options(BARE) == {}


@given(st.text(max_size=60))
def test_no_text_breaks_a_reader(text: str) -> None:
    final_answer(text)
    chosen_letter(text, OPTIONS)
    rule_answer(f"<answer>{text}</answer>", "A", "multiple choice", OPTIONS)


@pytest.mark.parametrize("piece", ["\\boxed{", "{", "answer:", "answer: \n", " ", "\\boxed{a"])
def test_extraction_takes_linear_time(piece: str) -> None:
    start = time.process_time()
    final_answer(piece * 20_000)
    assert time.process_time() - start < 1.0
