from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.parts import part
from gnomon.records import Sample
from gnomon.rewards.text import (
    MEASURES,
    bleu4,
    caption_overlap,
    caption_similarity,
    common_subsequence,
    edit_distance,
    edit_similarity,
    repeated_ngrams,
    rouge_mean,
    rouge_tokens,
    stated_facts,
    text_similarity,
    word_error_rate,
)

letters = st.text("abc", max_size=12)
GOLD = "a black dog sits on green grass"


def slow_edits(one: Sequence[str], other: Sequence[str]) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row = row, [i]
        for j, b in enumerate(other, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b)))
    return row[-1]


def slow_common(one: Sequence[str], other: Sequence[str]) -> int:
    row = [0] * (len(other) + 1)
    for a in one:
        before, row = row, [0]
        for j, b in enumerate(other, 1):
            row.append(before[j - 1] + 1 if a == b else max(before[j], row[-1]))
    return row[-1]


@given(letters, letters)
def test_the_bits_count_what_the_tables_count(one: str, other: str) -> None:
    assert edit_distance(one, other) == slow_edits(one, other)
    assert common_subsequence(one, other) == slow_common(one, other)


@given(st.text(max_size=40), st.text(max_size=40))
def test_every_measure_is_between_zero_and_one(one: str, other: str) -> None:
    for name, measure in MEASURES.items():
        assert 0.0 <= measure(one, other) <= 1.0 + 1e-12, name


@pytest.mark.parametrize(
    ("said", "value"),
    [("a black dog sits on the grass", 0.750301), (GOLD, 1.0), ("two cats", 0.0), ("", 0.0)],
)
def test_the_worked_captions_of_satori(said: str, value: float) -> None:
    assert caption_overlap(said, GOLD) == pytest.approx(value, abs=1e-6)


def test_a_single_equal_word_is_smoothed() -> None:
    assert bleu4("blue", "blue") == pytest.approx(0.177828, abs=1e-6)
    assert caption_overlap("blue", "blue") == pytest.approx(0.588914, abs=1e-6)


def test_the_worked_rouge_of_visionary() -> None:
    assert rouge_mean("the cat sat", "a cat sat down") == pytest.approx(0.514286, abs=1e-6)


def test_words_over_three_letters_are_stemmed_and_others_are_not() -> None:
    assert rouge_tokens("Cats' running, 3 was") == ["cat", "run", "3", "was"]
    assert rouge_tokens("gas") == ["gas"]


def test_the_worked_edits() -> None:
    assert edit_similarity("helo world", "hello world") == pytest.approx(0.909091, abs=1e-6)
    assert edit_similarity("loblaw", "Loblaws") == pytest.approx(0.857143, abs=1e-6)
    assert 1 - word_error_rate("the cat", "the black cat") == pytest.approx(0.666667, abs=1e-6)
    assert 1 - word_error_rate("the cat", "the big cat") == pytest.approx(0.666667, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "size", "value"),
    [("a b c a b c a b", 2, -1.142857), ("a b", 3, 0.0), ("", 1, 0.0), ("  \n", 1, 0.0),
     ("A a", 1, -1.0)],
)  # fmt: skip
def test_repeated_phrases_cost_their_share(text: str, size: int, value: float) -> None:
    assert repeated_ngrams(text, size, -2.0) == pytest.approx(value, abs=1e-6)
    assert part("reward", "repeated-phrases", size=size)(text) == pytest.approx(value, abs=1e-6)


def test_a_single_word_shares_no_pair_of_words() -> None:
    assert rouge_mean("red", "red") == pytest.approx(2 / 3)


@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(1, 9))
def test_repeats_are_those_of_the_counted_runs(words: list[str], size: int) -> None:
    runs = [tuple(words[start : start + size]) for start in range(len(words) - size + 1)]
    wanted = -2.0 * (1 - len(set(runs)) / len(runs)) if runs else 0.0
    assert repeated_ngrams(" ".join(words), size, -2.0) == pytest.approx(wanted)


def record(**meta: Any) -> Sample:
    return Sample("s", (), meta=meta)


def test_the_caption_is_the_first_stripped_block() -> None:
    told = record(image_caption=GOLD)
    two = f"<caption>\n{GOLD} </caption><caption>no</caption>"
    assert caption_similarity(two, told) == 1.0
    assert caption_similarity(GOLD, told) == 0.0
    assert caption_similarity("<caption>x</caption>", record(image_caption=None)) is None


def test_the_caption_may_stand_in_another_block() -> None:
    told = record(scene=GOLD)
    text = f"<caption>no</caption><context>{GOLD}</context>"
    assert caption_similarity(text, told, column="scene", block="context") == 1.0


def test_the_reference_is_a_column_or_the_answer() -> None:
    assert text_similarity("<answer>a red cup</answer>", "a red cup", record()) == 1.0
    assert text_similarity("a red cup", None, record(gold="a red cup"), column="gold") == 1.0
    assert text_similarity("red", None, record()) is None
    assert text_similarity("", "red", record(), measure="wer") == 0.0


def test_every_fact_counts_alike_and_only_as_whole_words() -> None:
    told = record(scene="a1 digit 1; a2 digit 12; b1 red star; c1 word AB")
    assert stated_facts("a1 digit 12; a2 digit 12; b1 red star.", told) == 0.5
    assert stated_facts("", told) == 0.0
    assert stated_facts("c1 word AB", record(scene="")) is None
    assert stated_facts("x, y", record(facts="x, y"), column="facts", between=", ") == 1.0
