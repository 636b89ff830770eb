from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.parts import PartError, part
from gnomon.records import Answer
from gnomon.worlds.choosing import among_numbers, in_words


@given(number=st.integers(0, 500), seed=st.integers(0, 99))
def test_a_whole_number_stands_among_four_of_which_three_are_near(number: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    text, answer, thought = among_numbers(rng, "How many?", Answer("count", number), "a b.")
    shown = {letter: int(option) for letter, option in answer.options.items()}
    assert list(shown) == ["A", "B", "C", "D"]
    assert shown[answer.value] == number
    assert len(set(shown.values())) == 4
    assert all(n >= 0 and abs(n - number) <= max(4, number // 4) for n in shown.values())
    assert text == "How many?" + "".join(f"\n{letter}. {n}" for letter, n in shown.items())
    assert thought == "a b."


@pytest.mark.parametrize("answer", [Answer("text", "Tue"), Answer("choice", "B", {"B": "2"})])
def test_what_asks_for_no_number_stays_as_it_is(answer: Answer) -> None:
    asked = ("Which one?", answer, "a thought.")
    assert among_numbers(np.random.default_rng(0), *asked) == asked


def test_every_letter_is_right_as_often() -> None:
    settings = {"world": "charts", "tasks": ["value"], "options": "numbers"}
    source = part("source", "world", **settings)()
    right = [source[index].answer.value for index in range(200)]
    assert all(30 <= right.count(letter) <= 70 for letter in "ABCD")


def test_a_chart_is_the_same_with_options_and_without() -> None:
    settings = {"world": "charts", "tasks": ["value", "difference"], "answers": "worked"}
    plain = part("source", "world", **settings)()
    chosen = part("source", "world", **settings, options="numbers")()
    for index in range(20):
        one, other = plain[index], chosen[index]
        assert one.media == other.media
        assert other.answer.options[other.answer.value] == str(one.answer.value)
        assert other.meta["answer_text"] == other.answer.value
        assert f"<answer> {other.answer.value}" in other.messages[-1].text or (
            f"\\boxed{{{other.answer.value}}}" in other.messages[-1].text
        )


@pytest.mark.parametrize(
    "world, task",
    [
        ("exams", "choice"), ("metro", "Counting1"), ("jigsaw", "multiple"), ("jigsaw", "pair"),
        ("motion", "first-mover"), ("edits", "what-changed"),
    ],
)  # fmt: skip
def test_texts_stand_in_the_question_instead_of_letters(world: str, task: str) -> None:
    settings = {"world": world, "tasks": [task], "difficulty": (1, 2)}
    lettered = part("source", "world", **settings)()
    worded = part("source", "world", **settings, options="texts")()
    for index in range(4):
        one, other = lettered[index], worded[index]
        texts = one.answer.options
        assert other.answer == Answer(one.answer.kind, texts[one.answer.value])
        assert other.meta["answer_text"] == other.answer.value
        asked = other.messages[0].text
        assert asked.endswith(f" One of: {'; '.join(texts.values())}.")
        kept = asked.removesuffix(f" One of: {'; '.join(texts.values())}.")
        assert one.messages[0].text.startswith(kept + "\n")


def test_options_that_are_listed_otherwise_are_refused() -> None:
    answer = Answer("choice", "B", {"A": "a cat", "B": "a dog"})
    with pytest.raises(PartError, match=r"letters.*'\(A\) text'"):
        in_words("Which? [A] a cat [B] a dog", answer)


def test_a_question_without_options_keeps_its_words() -> None:
    asked = ("How many?", Answer("count", 3), "total 3.")
    assert in_words(*asked) == asked
