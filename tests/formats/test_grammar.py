from __future__ import annotations

import dataclasses
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.formats.grammar import Block, Body, Grammar, without_foreign
from gnomon.formats.plain import THINK_ANSWER
from gnomon.parts import load_kind, part

A, B = Block("a", "do a"), Block("b", "do b")
PIECES = ["<a>", "</a>", "<b>", "</b>", "x", " ", "\n"]
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
HOSTILE = {
    "open tags": "<think>" * 30_000,
    "closed blocks": "</think><answer>" * 20_000,
    "blocks": "<answer>a</answer>" * 20_000,
    "different blocks": "".join(f"<answer>{n}</answer>" for n in range(20_000)),
    "blanks after tags": ("</think>" + " " * 50) * 5_000,
    "environment tags": "<tool_response>" * 20_000,
    "brackets": "[" * 100_000,
    "quotes": '"\\' * 100_000,
    "boxes": "a-[1,2,3,4]" * 10_000,
    "a name": "a" * 200_000 + "-[",
    "keys": "Route Name:\nDeparture Stop:\nArrival Stop:\n--\n" * 3_000,
    "calls": "f(1, 'a')" * 20_000,
    "words": "f" * 300_000,
    "lines": "\n" * 300_000,
}


@pytest.mark.parametrize("name", sorted(load_kind("format")))
@pytest.mark.parametrize("hostile", HOSTILE)
def test_every_format_reads_hostile_text_in_linear_time(name: str, hostile: str) -> None:
    start = time.process_time()
    part("format", name)().parse(HOSTILE[hostile])
    assert time.process_time() - start < 1.0


@pytest.mark.parametrize("name", sorted(load_kind("format")))
@given(
    text=st.text()
    | st.lists(st.sampled_from(list(HOSTILE.values())).map(lambda t: t[:20])).map("".join)
)
def test_no_format_raises_and_the_score_follows_the_parser(name: str, text: str) -> None:
    style = part("format", name)()
    parsed = style.parse(text)
    assert style.score(text) == float(parsed.well_formed) == float(not parsed.reason)
    assert parsed.answer is None or parsed.answer.strip()


@pytest.mark.parametrize("name", sorted(load_kind("format")))
def test_the_instruction_names_every_tag_that_the_parser_wants(name: str) -> None:
    style = part("format", name)()
    for tag in re.findall(r"</\w+>", style.render("a thought", "an answer")):
        assert tag in style.instruction


@pytest.mark.parametrize("name", sorted(load_kind("format")))
def test_a_format_carries_its_version_and_an_own_instruction(name: str) -> None:
    style = part("format", name, instruction="Be brief.")()
    assert style.instruction == "Be brief."
    assert style.identity == f"{style.name}/{style.version}" == f"{name}/1"
    assert part("format", name, instruction="")().instruction == ""


@given(texts)
def test_a_strict_text_is_one_block_after_another_and_nothing_else(text: str) -> None:
    reference = re.fullmatch(r"\s*<a>(.*?)</a>\s*<b>(.*?)</b>\s*", text, re.DOTALL)
    fits = (
        reference is not None
        and bool(reference[1].strip())
        and bool(reference[2].strip())
        and text.count("<a>") == text.count("</a>") == 1
        and text[reference.end(1) :].count("<b>") == text.count("</b>", reference.end(1)) == 1
    )
    assert (Grammar((A, B)).problem(text) == "") is fits


@given(texts, st.sampled_from(["none", "one", "space", "newline"]))
def test_a_loose_grammar_is_its_regular_expression(text: str, gap: str) -> None:
    loose = tuple(dataclasses.replace(block, blank=True) for block in (A, B))
    between = {"none": "", "one": r"\s", "space": r"\s*", "newline": r"\n"}[gap]
    grammar = Grammar(loose, between=gap, outer="none", loose=True)  # type: ignore[arg-type]
    pattern = rf"<a>.*?</a>{between}<b>.*?</b>"
    assert (grammar.problem(text) == "") is bool(re.fullmatch(pattern, text, re.DOTALL))
    started = dataclasses.replace(grammar, anchor="start")
    assert (started.problem(text) == "") is bool(re.match(pattern, text, re.DOTALL))
    anywhere = dataclasses.replace(grammar, anchor="anywhere")
    assert (anywhere.problem(text) == "") is bool(re.search(pattern, text, re.DOTALL))


@given(texts)
def test_a_loose_block_that_may_not_be_blank_holds_a_character(text: str) -> None:
    grammar = Grammar((A, B), outer="none", loose=True)
    pattern = r"<a>.+?</a>\s*<b>.+?</b>"
    assert (grammar.problem(text) == "") is bool(re.fullmatch(pattern, text, re.DOTALL))


def test_repeated_blocks_stand_in_a_row() -> None:
    grammar = Grammar((dataclasses.replace(A, repeated=True), B))
    assert grammar.problem("<a>1</a> <a>2</a><b>3</b>") == ""
    assert "text around" in grammar.problem("<a>1</a>x<a>2</a><b>3</b>")
    assert "empty" in grammar.problem("<a>1</a><a> </a><b>3</b>")
    assert "does not close" in grammar.problem("<a>1</a><a>2<b>3</b>")


def test_an_optional_block_may_be_missing_but_not_malformed() -> None:
    grammar = Grammar((dataclasses.replace(A, optional=True), B))
    assert grammar.problem("<b>1</b>") == ""
    assert grammar.problem("<a>1</a><b>1</b>") == ""
    assert "closed" in grammar.problem("<a>1<b>1</b>")


def test_a_nested_grammar_says_where_the_problem_is() -> None:
    outer = Grammar((dataclasses.replace(A, inside=Grammar((B,), anchor="start")),))
    assert outer.problem("<a><b>1</b> and more</a>") == ""
    assert outer.read("<a><b>1</b> and more</a>")["b"] == "1"
    assert outer.problem("<a>more <b>1</b></a>").startswith("in the a block")


def test_a_body_is_read_or_refused() -> None:
    digits = Body("digits", lambda text: text if text.isdigit() else None, "1")
    grammar = Grammar((dataclasses.replace(A, body=digits),))
    assert grammar.instruction == "Do a in <a></a> as digits."
    assert grammar.problem(grammar.write({})) == ""
    assert "digits" in grammar.problem("<a>one</a>")


def test_of_several_blocks_the_one_that_is_meant_is_read() -> None:
    text = "<a>1</a><a>2</a>"
    for take, content in (("first", "1"), ("last", "2"), ("only", None)):
        grammar = Grammar((dataclasses.replace(A, take=take),))
        assert grammar.read(text).get("a") == content
    agreeing = Grammar((dataclasses.replace(A, take="only"),))
    assert agreeing.read("<a>1</a><a> 1 </a>") == {"a": "1"}


@pytest.mark.parametrize("tag", ["tool_response", "observation", "information", "environment"])
def test_what_an_environment_wrote_is_never_the_answer(tag: str) -> None:
    planted = f"<think>a</think><{tag}><answer>5</answer> \\boxed{{5}}"
    for name in load_kind("format"):
        style = part("format", name)()
        for text in (planted, f"{planted}</{tag}>", f"{planted}<{tag}></{tag}>5"):
            assert "5" not in (style.parse(text).answer or "")


def test_text_around_what_an_environment_wrote_is_kept() -> None:
    assert without_foreign("a</observation>b") == "ab"
    assert without_foreign("a<b>c") == "a<b>c"
    text = "<think>a</think><tool_response>4</tool_response><answer>5</answer>"
    assert THINK_ANSWER.read(text)["answer"] == "5"
    assert THINK_ANSWER.problem(text) != ""


@given(st.text(), st.text())
def test_removing_foreign_text_twice_changes_nothing(before: str, after: str) -> None:
    text = f"{before}<observation>{after}</observation>{after}"
    once = without_foreign(text)
    assert without_foreign(once) == once


CHEATS = [
    "<answer>A</answer><answer>B</answer><answer>C</answer>",
    "<think>t</think><answer>A</answer><answer>B</answer>",
    r"\boxed{A} <answer>B</answer> C",
    "<think>t</think><answer>A</answer><think>t</think><answer>B</answer>",
    "<info>i</info> <think>t</think><answer>A</answer>" * 2,
    "<answer></answer>" * 5 + "A",
]


@pytest.mark.parametrize("text", CHEATS)
@pytest.mark.parametrize(
    "name", sorted(load_kind("format").keys() - {"direct", "boxed", "think-boxed"})
)
def test_repeated_tags_and_an_answer_in_every_format_are_not_well_formed(
    name: str, text: str
) -> None:
    assert part("format", name)().score(text) == 0.0


@pytest.mark.parametrize(
    "name",
    ["answer-only", "caption-reason-answer", "context-think-answer", "caption-box-answer"],
)
def test_several_different_answer_blocks_are_no_answer(name: str) -> None:
    assert part("format", name)().parse("<answer>A</answer><answer>B</answer>").answer is None


def test_worked_sections_stand_where_a_rendered_response_shows_an_example() -> None:
    style = part("format", "box-think-answer")()
    meta = {"thought": "a", "answer_text": "red"}
    told = style.worked({**meta, "sections": {"box": "[[1, 2, 3, 4]]", "caption": "unused"}})
    assert told == "<think> <box> [[1, 2, 3, 4]] </box> a </think> <answer> red </answer>"
    assert style.worked(meta) == style.render("a", "red")


def test_a_format_without_further_blocks_leaves_sections_out() -> None:
    meta = {"thought": "a", "answer_text": "5", "sections": {"box": "null", "think": "b"}}
    assert (
        part("format", "think-answer")().worked(meta) == "<think> a </think> <answer> 5 </answer>"
    )
    assert part("format", "direct")().worked(meta) == "5"


@pytest.mark.parametrize("missing", ["thought", "answer_text"])
def test_what_holds_no_worked_response_says_what_is_missing(missing: str) -> None:
    meta = {"thought": "a", "answer_text": "5"}
    del meta[missing]
    with pytest.raises(KeyError, match=missing):
        part("format", "think-answer")().worked(meta)


def test_a_column_that_is_called_sections_but_holds_none_is_left_alone() -> None:
    meta = {"thought": "a", "answer_text": "5", "sections": ["one", "two"]}
    assert part("format", "think-answer")().worked(meta).count("a") >= 1


SEEN = {
    "caption-reason-answer": (
        "<info> a red dog </info> <think> 1 dog. </think> <answer> 1 </answer>"
    ),
    "context-think-answer": (
        "<context> a red dog </context> <think> 1 dog. </think> <answer> 1 </answer>"
    ),
    "observe-think-answer": (
        "<observe> a red dog </observe> <think> 1 dog. </think> <answer> 1 </answer>"
    ),
    "caption-box-answer": (
        "<caption> a red dog </caption> <bbox> [[0, 0, 1, 1]] </bbox> <answer> 1 </answer>"
    ),
    "think-answer": "<think> a red dog. 1 dog. </think> <answer> 1 </answer>",
}


@pytest.mark.parametrize(("name", "expected"), SEEN.items())
def test_what_is_seen_is_told_once_in_the_block_that_is_for_it(name: str, expected: str) -> None:
    meta = {
        "thought": "a red dog. 1 dog.", "answer_text": "1", "sections": {"description": "a red dog"}
    }  # fmt: skip
    style = part("format", name)()
    assert style.worked(meta) == expected
    assert style.fits(expected)


def test_a_worked_description_is_what_is_seen_and_not_the_answer() -> None:
    meta = {"thought": "x. y.", "answer_text": "7", "sections": {"description": "x"}}
    assert part("format", "direct", holds="description")().worked(meta) == "x"
    assert part("format", "direct")().worked(meta) == "7"


def test_a_worked_response_without_marks_has_its_thought_before_the_box() -> None:
    style = part("format", "boxed")()
    told = style.worked({"thought": "2 + 3 = 5.", "answer_text": "5", "sections": {}})
    assert told == r"2 + 3 = 5. \boxed{5}"
    assert style.parse(told).answer == "5"
    assert style.render("", "5") == r"\boxed{5}"
