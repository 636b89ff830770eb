from __future__ import annotations

from typing import Any

import pytest

from gnomon.formats.plain import answer_only, boxed, think_answer_boxed
from gnomon.formats.tagged import (
    box_think_answer,
    caption_box_answer,
    caption_reason_answer,
    context_think_answer,
    observe_think_answer,
)

BOTH: list[Any] = ["strict", "released"]


@pytest.mark.parametrize("mode", BOTH)
@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("<info>a</info> <think>b</think><answer>c</answer>", 1),
        ("<info>a</info>\n<think>b</think>\n\n<answer>c</answer>", 1),
        ("<info>a</info><think>b</think><answer>c</answer>", 0),
        ("<info>a</info>\n\n<think>b</think><answer>c</answer>", 0),
        ("x<info>a</info> <think>b</think><answer>c</answer>", 0),
        ("<info>a</info> <think>b</think><answer>c</answer>\n", 0),
        ("<think>b</think><answer>c</answer>", 0),
    ],
)
def test_caption_reason_answer_wants_one_blank_after_the_caption(
    text: str, score: int, mode: Any
) -> None:
    assert caption_reason_answer(mode=mode).score(text) == score


def test_the_released_caption_format_lets_blocks_be_blank_and_tags_repeat() -> None:
    blank = "<info></info> <think></think><answer></answer>"
    twice = "<info>a</info> <think>b</think><answer>c</answer><answer>d</answer>"
    for text in (blank, twice):
        assert caption_reason_answer().score(text) == 0
        assert caption_reason_answer(mode="released").score(text) == 1
    assert caption_reason_answer(mode="released").parse(twice).answer == "c"
    assert caption_reason_answer().parse(twice).answer is None


def test_a_caption_of_several_lines_is_read_whole() -> None:
    text = "<info>a\nb</info> <think>c</think><answer>d</answer>"
    assert caption_reason_answer().parse(text).sections["info"] == "a\nb"


LAYOUT = "<caption>a dog</caption>\n<bbox>[[1,2,3,4]]</bbox>\n<answer>dog</answer>"


@pytest.mark.parametrize(
    ("text", "strict", "released"),
    [
        (LAYOUT, 1, 1),
        (LAYOUT.replace("[[1,2,3,4]]", "[1,2,3,4]"), 0, 0),
        (LAYOUT + " ok", 0, 0),
        (LAYOUT + "\nok", 0, 1),
        (LAYOUT + " \n", 1, 1),
        ("So: " + LAYOUT, 0, 0),
        (LAYOUT.replace("\n<bbox>", " and <bbox>"), 0, 0),
        (LAYOUT.replace("[[1,2,3,4]]", "[[nothing]]"), 0, 1),
        (LAYOUT.replace("<bbox>[[", "<bbox> [["), 1, 1),
        (LAYOUT + "<answer>cat</answer>", 0, 1),
    ],
)
def test_caption_box_answer_by_its_worked_examples(text: str, strict: int, released: int) -> None:
    assert caption_box_answer(mode="released").score(text) == released
    assert caption_box_answer().score(text) == strict


def test_the_first_answer_counts_as_released_and_none_when_they_differ() -> None:
    text = LAYOUT + "<answer>cat</answer>"
    assert caption_box_answer(mode="released").parse(text).answer == "dog"
    assert caption_box_answer().parse(text).answer is None


def test_context_think_answer_is_anchored_at_its_start() -> None:
    text = "<context>a</context>\n<think>b</think> <answer>c</answer>"
    assert context_think_answer().score(text) == 1
    assert context_think_answer().score(text + " bye") == 0
    assert context_think_answer(mode="released").score(text + " bye") == 1
    assert context_think_answer(mode="released").score(" " + text) == 0
    assert context_think_answer(mode="released").score("Hm. " + text) == 0


OBSERVED = "<observe>o</observe> <think>t</think> <answer>A</answer>"
NESTED = "<think>a<observe>o</observe>b</think><answer>A</answer>"


@pytest.mark.parametrize(
    ("text", "strict", "released"),
    [
        (OBSERVED, 1, 1),
        (NESTED, 1, 1),
        ("<think>t</think><answer>A</answer>", 0, 0),
        ("<think>t</think><observe>o</observe><answer>A</answer>", 0, 0),
        (OBSERVED + "<answer>B</answer>", 0, 0),
        (NESTED + "<answer>B</answer>", 0, 1),
        ("Well. " + OBSERVED + " Bye.", 1, 1),
        ("<think><observe>o</observe>b</think><answer>A</answer>", 0, 0),
    ],
)
def test_observe_think_answer_has_two_layouts(text: str, strict: int, released: int) -> None:
    assert observe_think_answer().score(text) == strict
    assert observe_think_answer(mode="released").score(text) == released


def test_the_observation_is_a_section_in_both_layouts() -> None:
    for text in (OBSERVED, NESTED):
        parsed = observe_think_answer().parse(text)
        assert parsed.sections["observe"] == "o"
        assert parsed.answer == "A"


@pytest.mark.parametrize(
    ("box", "score"),
    [("[[1, 2, 3, 4]]", 1), ("null", 1), ("[]", 0), ("[1, 2]", 0), ("Null", 0), ("", 0)],
)
def test_evidence_boxes_open_the_thought(box: str, score: int) -> None:
    text = f"<think>\n<box>{box}</box> Because.</think>\n<answer>red</answer>"
    assert box_think_answer().score(text) == score
    late = f"<think>Because <box>{box}</box></think><answer>red</answer>"
    assert box_think_answer().score(late) == 0


EXACT = "<think>\na\n</think>\n<answer>\nso \\boxed{14}\n</answer>"


@pytest.mark.parametrize(
    ("text", "score", "answer"),
    [
        (EXACT, 1, "14"),
        (EXACT.replace("\n", " "), 0, None),
        (EXACT + "\n", 0, "14"),
        (EXACT.replace(r"\boxed{14}", "14"), 0, None),
        (EXACT.replace("a", r"\boxed{13}", 1), 1, "14"),
        (EXACT.replace(r"\boxed{14}", r"\boxed{14} or \boxed{15}"), 0, "15"),
    ],
)
def test_think_answer_boxed_wants_its_lines(text: str, score: int, answer: str | None) -> None:
    parsed = think_answer_boxed().parse(text)
    assert parsed.well_formed is bool(score)
    assert parsed.answer == answer


def test_boxed_wants_one_box_and_reads_the_last() -> None:
    assert boxed().score(r"so \boxed{B}") == 1
    assert boxed().score(r"\boxed{3}, no \boxed{4}") == 0
    assert boxed().parse(r"\boxed{3}, no \boxed{4}").answer == "4"
    assert boxed().parse("12").answer is None


def test_an_answer_alone_has_no_thought() -> None:
    assert answer_only().score("<answer>dog barking</answer>") == 1
    assert answer_only().score("<think>a</think><answer>dog</answer>") == 0
