from __future__ import annotations

import json
import threading
from multiprocessing import Pipe

import pytest
import sympy

from gnomon.grading import symbolic_worker
from gnomon.grading.symbolic_worker import (
    compare_difference,
    compare_latex,
    compare_tagged,
    compare_whole,
    parse_plain,
    serve,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1+2*3", 7),
        ("2(3)", 6),
        ("1/2/2", sympy.Rational(1, 4)),
        ("-2^2", -4),
        ("2^-1", sympy.Rational(1, 2)),
        ("2^3^2", 512),
        ("--5", 5),
        (".5", sympy.Rational(1, 2)),
        ("sqrt(4)", 2),
        ("sqrt12", 2 * sympy.sqrt(3)),
        ("2pi", 2 * sympy.pi),
        ("xy", sympy.Symbol("x") * sympy.Symbol("y")),
    ],
)
def test_plain_expressions_are_parsed(text: str, value: object) -> None:
    assert sympy.simplify(parse_plain(text) - value) == 0


@pytest.mark.parametrize(
    "text", ["", "1+", "(1", "1)", "*1", "1,2", "x.y", "__import__('os')", "a[0]", "^2", "sqrt"]
)
def test_anything_else_is_refused_by_the_closed_grammar(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_plain(text)


def test_a_difference_of_zero_is_correct() -> None:
    assert compare_difference("(x+1)^2", "x^2+2x+1")[0] == "correct"
    assert compare_difference("x", "y")[0] == "wrong"
    assert compare_difference("x..", "y")[0] == "wrong"
    assert compare_difference("1/0", "1/0")[0] == "wrong"


def test_latex_is_compared_by_math_verify() -> None:
    assert compare_latex(r"\sqrt{12}", r"2\sqrt{3}")[0] == "correct"
    assert compare_latex(r"\sqrt{11}", r"2\sqrt{3}")[0] == "wrong"
    assert compare_latex("x+", "5")[0] == "unparseable answer"
    assert compare_latex("5", "x+")[0] == "unparseable reference"


def test_whole_texts_are_searched_by_math_verify_itself() -> None:
    assert compare_whole(r"so \boxed{0.5}", r"\boxed{\frac{1}{2}}")[0] == "correct"
    assert compare_whole(r"\boxed{1}", r"\boxed{2}")[0] == "wrong"
    assert compare_whole("nothing", r"\boxed{2}")[0] == "unparseable answer"
    assert compare_whole("5", "nothing")[0] == "unparseable reference"


@pytest.mark.parametrize(
    ("answer", "gold", "outcome"),
    [
        ("( B )", "B", "correct"),
        ("A or B", "A", "wrong"),
        ("0.5", r"$\frac{1}{2}$", "wrong"),
        ("0.5", r"\frac{1}{2}", "wrong"),
        ("1/2", "1/2", "correct"),
        ("B", "B", "correct"),
        ("it is B", "B", "correct"),
        ("bad", "B", "wrong"),
        ("", "B", "wrong"),
    ],
)
def test_the_worked_answers_of_view_r1_and_observe_r1(answer: str, gold: str, outcome: str) -> None:
    assert compare_tagged(f"<answer>{answer}</answer>", gold)[0] == outcome


def test_an_answer_without_tags_is_judged_too() -> None:
    assert compare_tagged("so the result is 7", "$7$")[0] == "correct"


def test_an_answer_over_several_lines_keeps_its_closing_tag() -> None:
    assert compare_tagged("\nB\n</answer>", "B")[0] == "correct"


def test_without_its_tags_two_choices_are_the_first_one() -> None:
    assert compare_tagged("A or B", "A")[0] == "correct"


@pytest.mark.parametrize("answer", ["0.5", "1/2"])
def test_a_number_is_read_inside_tags_only_with_blanks_around_it(answer: str) -> None:
    """It is the tag that hides the number, not the order of the arguments."""
    assert compare_tagged(f"<answer>{answer}</answer>", r"$\frac{1}{2}$")[0] == "wrong"
    assert compare_tagged(f"<answer> {answer} </answer>", r"$\frac{1}{2}$")[0] == "correct"


def test_the_letter_rule_fails_where_a_word_has_another_of_its_letters() -> None:
    """The blanks of "( B ) because" let math-verify read the letter before the rule is asked."""
    assert compare_tagged("<answer>(B) because</answer>", "B")[0] == "wrong"
    assert compare_tagged("<answer>( B ) because</answer>", "B")[0] == "correct"


def test_a_letter_beyond_d_is_no_gold_that_view_r1_can_read() -> None:
    assert compare_tagged("<answer>E</answer>", "E")[0] == "unparseable reference"
    assert compare_tagged("<answer>it is E</answer>", "$E$")[0] == "correct"


@pytest.mark.parametrize("error", [MemoryError, RecursionError, SystemError])
def test_a_lack_of_memory_while_parsing_is_no_unreadable_text(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(text: str) -> object:
        raise error("out")

    monkeypatch.setattr("math_verify.parser.parse_latex_cached", fail)
    with pytest.raises(error):
        compare_latex("5", "5")


@pytest.mark.parametrize("error", [MemoryError, RecursionError, OSError])
def test_whatever_a_library_raises_is_a_typed_crash(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(prediction: str, reference: str) -> tuple[str, str]:
        raise error("odd")

    monkeypatch.setitem(symbolic_worker._MODES, "latex", fail)
    answer = symbolic_worker._answer({"mode": "latex", "prediction": "1", "reference": "1"})
    assert answer[0] == "crash"


def test_the_worker_says_ready_answers_and_ends_with_the_pipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(symbolic_worker.resource, "setrlimit", lambda *limits: None)
    monkeypatch.setattr(symbolic_worker.logging, "disable", lambda level: None)
    request = {"mode": "difference", "prediction": "x", "reference": "x", "seconds": 2.0}
    received: list[bytes] = []
    ours, theirs = Pipe()

    def ask() -> None:
        with ours:
            received.append(ours.recv_bytes())
            ours.send_bytes(json.dumps(request).encode())
            received.append(ours.recv_bytes())

    asking = threading.Thread(target=ask)
    asking.start()
    with theirs:
        serve(theirs, 512)
    asking.join()
    assert received == [b"ready", b'["correct", "the difference simplifies to 0"]']
