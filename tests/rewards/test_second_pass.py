from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.records import Answer, Group, Media, Message, Sample
from gnomon.rewards.second_pass import (
    HACKED,
    answer_consistency,
    bare_question,
    caption_credit,
    caption_success,
    caption_sufficiency,
    consistency_credit,
    moved_options,
    reworded,
    shown_options,
    shuffle_agreement,
    solved,
)

OPTIONS = {"A": "cat", "B": "dog", "C": "cow", "D": "hen"}
CHOICE = Answer("choice", "A", OPTIONS)


@pytest.mark.parametrize(
    ("reply", "gold", "kind", "value"),
    [
        (HACKED, "12", "numerical", 0.0),
        ("12", "12", "numerical", 1.0),
        ("loblaw", "Loblaws", "OCR", 0.857143),
        (None, "12", "numerical", 0.0),
    ],
)
def test_the_worked_captions_of_visionary(
    reader: Any, asked: Any, reply: str | None, gold: str, kind: str, value: float
) -> None:
    batch = asked("<info>two\nlines</info>", answer=Answer("text", gold), problem_type=kind)
    assert caption_sufficiency(batch, reader(reply)) == [[pytest.approx(value, abs=1e-6)]]


def test_a_final_stop_lets_a_hacked_caption_through_only_as_released() -> None:
    said, gold = f"{HACKED}.", "Hacking it"
    assert caption_credit(said, gold, "OCR") == 0.0
    assert caption_credit(said, gold, "OCR", mode="released") > 0.0
    assert caption_credit(" 12 ", "12", "multiple choice") == 1.0


def test_the_reader_sees_caption_and_question_alone(reader: Any, asked: Any) -> None:
    judge = reader("red")
    text = "<info>a {question} <image></info><think>secret</think>"
    caption_sufficiency(
        asked(text, "none", answer=Answer("text", "red"), question="Which?",
              problem_type="numerical"), judge,
    )  # fmt: skip
    [request] = judge.requests
    assert request.media == ()
    assert "Which?" in judge.texts[0]
    assert "a {question} < image>" in judge.texts[0]
    assert "secret" not in judge.texts[0]


def test_each_caption_is_scored_at_its_own_place(reader: Any, asked: Any) -> None:
    judge = reader(lambda text: "red" if "first" in text else "blue")
    texts = ("<info>first</info>", "no caption", "<info>second</info>", "<info>first</info>")
    batch = asked(*texts, answer=Answer("text", "red"), problem_type="numerical")
    assert caption_sufficiency(batch, judge) == [[1.0, 0.0, 0.0, 1.0]]
    assert len(judge.requests) == 2
    assert caption_sufficiency(asked("<info>a</info>"), judge) == [[None]]


@pytest.mark.parametrize(
    ("reply", "gold", "value"),
    [
        (r"so \boxed{B}", "B", 1.0),
        (r"\boxed{0.5}", r"\frac{1}{2}", 1.0),
        (r"\boxed{12 cm}", "12", 1.0),
        ("12", "12", 0.0),
        (r"\boxed{3}, no \boxed{4}", "4", 1.0),
        (r"\boxed{B", "B", 0.0),
        (None, "B", 0.0),
    ],
)
def test_the_worked_solutions_of_racro(reply: str | None, gold: str, value: float) -> None:
    assert solved(reply, gold) == value


def test_a_label_with_a_value_is_not_the_label() -> None:
    # A comparison that a busy machine cuts off is None, never right.
    assert solved(r"\boxed{A. 12}", "A") in (0.0, None)


def test_the_reasoner_reads_the_caption_before_the_question(reader: Any, asked: Any) -> None:
    judge = reader(lambda text: r"\boxed{red}" if "a red cup" in text else "no")
    batch = asked("a red cup", "x", answer=Answer("text", "red"), question="Why? HINT")
    assert caption_success(batch, judge, hint="HINT") == [[1.0, 0.0]]
    assert "HINT" not in judge.texts[0]
    assert judge.texts[0].index("a red cup") < judge.texts[0].index("Why?")
    assert judge.requests[0].messages[0].role == "system"
    assert caption_success(asked("x"), judge) == [[None]]


def test_a_caption_can_be_cut(reader: Any, asked: Any) -> None:
    judge = reader("no")
    caption_success(asked("abcdef", answer=Answer("text", "red")), judge, most_chars=3)
    assert "abc\n" in judge.texts[0]


def test_a_hint_is_deleted_wherever_it_stands() -> None:
    sample = Sample("s", (Message("user", "HINT Why? HINT"),))
    assert bare_question(sample, "HINT") == " Why? "
    assert bare_question(sample, "") == "HINT Why? HINT"


@pytest.mark.parametrize(
    ("first", "second", "value"),
    [(True, True, 1.0), (True, False, 0.5), (False, True, 0.2), (False, False, 0.0)],
)
def test_the_worked_table_of_acre(first: bool, second: bool, value: float) -> None:
    assert consistency_credit(first, second) == value


@given(st.text(max_size=8), st.sampled_from("ABCD"))
def test_the_gold_option_always_moves(seed: str, gold: str) -> None:
    shown = moved_options(OPTIONS, gold, seed)
    assert shown is not None
    assert shown[gold] != OPTIONS[gold]
    assert sorted(shown.values()) == sorted(OPTIONS.values())
    assert shown == moved_options(OPTIONS, gold, seed)


def test_all_permutations_that_move_the_gold_are_drawn_alike() -> None:
    three = {"A": "x", "B": "y", "C": "z"}
    drawn = Counter(tuple((moved_options(three, "A", str(n)) or {}).values()) for n in range(2000))
    assert len(drawn) == 4
    assert min(drawn.values()) > 400


def test_a_single_option_cannot_move() -> None:
    assert moved_options({"A": "x"}, "A", "") is None


def choice(*texts: str, asked: Any, **settings: Any) -> list[Group]:
    question = "Which? A. cat B. dog C. cow D. hen"
    groups: list[Group] = asked(*texts, answer=CHOICE, question=question, **settings)
    return groups


def following(groups: list[Group], content: str) -> Any:
    """A reader that answers with the letter that shows ``content``."""

    def reply(requests: Any) -> list[str]:
        shown = [shown_options(groups[0].sample, member) or {} for member in groups[0].members]
        letters = [{text: key for key, text in one.items()}[content] for one in shown]
        return letters[: len(requests)]

    return reply


@pytest.mark.parametrize(
    ("first", "second", "value"), [("A", "cat", 1.0), ("A", "cow", 0.5), ("B", "cat", 0.2),
                                   ("C", "cow", 0.0)]
)  # fmt: skip
def test_the_worked_answers_of_acre(asked: Any, first: str, second: str, value: float) -> None:
    groups = choice(f"<think>it mews</think><answer>{first}</answer>", asked=asked)
    assert answer_consistency(groups, following(groups, second)) == [[value]]


def test_an_unparsed_second_answer_is_wrong(reader: Any, asked: Any) -> None:
    groups = choice("<think>t</think><answer>A</answer>", "<answer>A</answer>", asked=asked)
    judge = reader("hm")
    assert answer_consistency(groups, judge) == [[0.5, 0.5]]
    assert len(judge.requests) == 1
    assert answer_consistency(groups, reader(None)) == [[0.5, 0.5]]
    assert answer_consistency(groups, reader("Z")) == [[0.5, 0.5]]


def test_the_second_pass_goes_on_from_the_thought_below_other_options(
    reader: Any, paint: Any, asked: Any
) -> None:
    judge = reader("A")
    groups = choice("<think>it mews</think><answer>A</answer>", asked=asked)
    answer_consistency(groups, judge, instruction="Think first.")
    [request] = judge.requests
    assert request.prefix == "<think>it mews</think><answer>"
    assert request.messages[0].text == "Think first."
    shown = shown_options(groups[0].sample, groups[0].members[0]) or {}
    assert request.messages[-1].text == "Which? " + " ".join(f"{k}. {v}" for k, v in shown.items())


def test_media_stay_with_the_question(reader: Any, paint: Any, asked: Any) -> None:
    import dataclasses

    [group] = choice("<think>t</think><answer>A</answer>", asked=asked)
    turn = (Message("user", "<image>" + group.sample.messages[0].text),)
    media: tuple[Media, ...] = (paint(),)
    sample = dataclasses.replace(group.sample, messages=turn, media=media)
    judge = reader("A")
    answer_consistency([Group(sample, group.members)], judge)
    assert judge.requests[0].media == media


def test_a_question_that_is_no_choice_is_as_graded(reader: Any, asked: Any) -> None:
    judge = reader("A")
    assert answer_consistency(asked("5", answer=Answer("integer", 5), correct=True), judge) == [
        [1.0]
    ]
    assert answer_consistency(asked("5"), judge) == [[None]]
    assert judge.requests == []


def test_options_that_the_question_does_not_show_are_listed() -> None:
    assert reworded("Which?", {"A": "x", "B": "y"}, {"A": "y", "B": "x"}) == "Which?\nA. y\nB. x"
    with pytest.raises(ValueError, match="only the options A"):
        reworded("Which? A. x", {"A": "x", "B": "y"}, {"A": "y", "B": "x"})


def test_options_of_any_written_form_are_replaced() -> None:
    text = "Which?\n(A) x\n(B) x y"
    assert (
        reworded(text, {"A": "x", "B": "x y"}, {"A": "x y", "B": "x"}) == "Which?\n(A) x y\n(B) x"
    )


def test_agreement_counts_contents() -> None:
    assert shuffle_agreement([("cat", "cat"), ("cow", "cow"), ("cat", None)]) == pytest.approx(
        2 / 3
    )
    assert shuffle_agreement([]) == 0.0


def test_what_the_reader_is_told_can_be_said_otherwise(reader: Any, asked: Any) -> None:
    judge = reader("7")
    batch = asked("<info>a digit 7</info>", answer=Answer("text", "7"), question="Which?")
    told = "Scene: {caption}.\n{question}"
    assert caption_sufficiency(batch, judge, column=None, told=told) == [[1.0]]
    assert judge.texts == ["Scene: a digit 7.\nWhich?"]


def test_a_reply_with_an_answer_block_is_scored_by_it_but_not_as_released() -> None:
    reply = "<think> 3 and 4 </think> <answer> 7 </answer>"
    assert caption_credit(reply, "7", "numerical") == 1.0
    assert caption_credit(reply, "7", "numerical", mode="released") == 0.0


@pytest.mark.parametrize(("reply", "value"), [("7", 1.0), ("8", 0.0), ("", 0.0), (None, 0.0)])
def test_a_reasoner_that_answers_at_once_needs_no_box(
    reader: Any, asked: Any, reply: str | None, value: float
) -> None:
    judge = reader(reply)
    batch = asked("a digit 7", answer=Answer("integer", 7), question="Which?")
    told = {"told": "Scene: {caption}.\n{question}", "system": "", "boxed": False}
    assert caption_success(batch, judge, **told) == [[value]]
    assert judge.texts == ["Scene: a digit 7.\nWhich?"]
