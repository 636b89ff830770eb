from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.formats.grammar import Format
from gnomon.formats.plain import (
    boxed,
    boxed_or_phrase,
    direct,
    last_answer_block,
    think_answer,
    think_answer_boxed,
    think_boxed,
)
from gnomon.parts import PartError, part

FORMATS = [
    direct(),
    think_boxed(),
    think_boxed(mode="released"),
    *(think_answer(mode=mode) for mode in ("strict", "released", "once", "spaceless")),
    think_answer_boxed(mode="released"),
]
HOSTILE = {
    "ten thousand braces": "{" * 10_000,
    "open boxes": r"\boxed{" * 10_000,
    "nested boxes": r"\boxed{" * 10_000 + "}" * 10_000,
    "think tags": "<think>" * 10_000,
    "closed blocks": "</think><answer>" * 10_000,
    "a megabyte": "x" * 1_000_000,
    "a megabyte of blanks": " " * 1_000_000,
    "lines": "\n" * 1_000_000,
    "control characters": "\x00\ud800\u202e" * 1000,
}
PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="<>{}\\"), min_size=1).filter(
    lambda text: bool(text.strip())
)


@pytest.mark.parametrize("name", ["direct", "think-boxed", "think-answer"])
def test_every_format_is_a_part_under_its_own_name(name: str) -> None:
    assert part("format", name)().name == name


def test_the_instruction_is_a_setting() -> None:
    assert part("format", "direct", instruction="Be brief.")().instruction == "Be brief."
    with pytest.raises(PartError):
        part("format", "direct", instructions="Be brief.")


@pytest.mark.parametrize("style", FORMATS, ids=lambda style: style.name)
@given(thought=PLAIN, answer=PLAIN)
def test_a_rendered_response_is_well_formed_and_gives_its_answer_back(
    style: Format, thought: str, answer: str
) -> None:
    parsed = style.parse(style.render(thought, answer))
    assert parsed.well_formed, parsed.reason
    lines = answer.strip().split("\n")
    assert parsed.answer == (lines[-1].strip() if style.name == "direct" else answer.strip())


@pytest.mark.parametrize("style", FORMATS, ids=lambda style: style.name)
@given(text=st.text())
def test_a_parser_never_raises_and_says_why_a_text_is_not_well_formed(
    style: Format, text: str
) -> None:
    parsed = style.parse(text)
    assert parsed.well_formed == (parsed.reason == "")
    assert parsed.answer is None or parsed.answer == parsed.answer.strip() != ""


@pytest.mark.parametrize("style", FORMATS, ids=lambda style: style.name)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_parsed_in_linear_time(style: Format, name: str) -> None:
    start = time.process_time()
    style.parse(HOSTILE[name])
    assert time.process_time() - start < 1.0


def test_direct_renders_the_answer_alone_and_asks_for_nothing() -> None:
    assert direct().render("a thought", "5") == "5"
    assert direct().instruction == ""


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("5", "5"),
        ("Let me see.\n 5 \n\n", "5"),
        (r"So \boxed{\frac{1}{2}}. Done.", r"\frac{1}{2}"),
        ("<answer> 5 </answer> ok", "5"),
        ("<answer>1</answer> <answer>2</answer>", "2"),
        (r"\boxed{1} <answer>2</answer>", "1"),
        (r"\boxed{5", r"\boxed{5"),
        ("", None),
        (" \n ", None),
        (r"\boxed{ }", None),
    ],
)
def test_direct_takes_box_then_answer_block_then_last_line(text: str, answer: str | None) -> None:
    assert direct().parse(text).answer == answer


def test_think_boxed_renders_a_thought_and_a_box() -> None:
    assert think_boxed().render("2+3", "5") == r"<think> 2+3 </think> \boxed{5}"
    assert think_boxed().instruction == r"Think in <think></think>, then answer in \boxed{}."


@pytest.mark.parametrize(
    "text",
    [
        r"<think>a</think>\boxed{5}",
        "\n <think>a\nb</think>\n\nThe answer is \\boxed{5}.\n",
        r"<think>perhaps \boxed{4}</think>\boxed{5}",
    ],
)
def test_think_boxed_accepts_one_thought_and_one_box_after_it(text: str) -> None:
    parsed = think_boxed().parse(text)
    assert parsed.well_formed
    assert parsed.answer == "5"


@pytest.mark.parametrize(
    ("text", "answer", "reason"),
    [
        (r"\boxed{5}", "5", "no closed think"),
        (r"<think>a \boxed{5}", "5", "no closed think"),
        (r"</think><think>\boxed{5}", "5", "no closed think"),
        (r"Hm. <think>a</think>\boxed{5}", "5", "does not start"),
        (r"<think>a</think><think>b</think>\boxed{5}", "5", "more than one think"),
        (r"<think>a</think>b</think>\boxed{5}", "5", "more than one think"),
        (r"<think> </think>\boxed{5}", "5", "empty"),
        (r"<think>a</think>5", None, "no "),
        (r"<think>a \boxed{4}</think>5", "4", "no "),
        (r"<think>a</think>\boxed{4}\boxed{5}", "5", "2 "),
        (r"<think>a</think>\boxed{5", None, "does not close"),
        (r"<think>a \boxed{4}</think>\boxed{5", None, "does not close"),
        (r"<think>a</think>\boxed{}", None, "blank"),
        (r"<Think>a</Think>\boxed{5}", "5", "no closed think"),
        ("", None, "no closed think"),
    ],
)
def test_think_boxed_refuses_everything_else_but_still_finds_the_answer(
    text: str, answer: str | None, reason: str
) -> None:
    parsed = think_boxed().parse(text)
    assert not parsed.well_formed
    assert parsed.answer == answer
    assert reason in parsed.reason


def test_think_answer_renders_both_blocks() -> None:
    rendered = think_answer().render("2+3", "5")
    assert rendered == "<think> 2+3 </think> <answer> 5 </answer>"
    assert think_answer().parse(rendered).thought == "2+3"


@pytest.mark.parametrize(
    ("text", "answer", "reason"),
    [
        ("<answer>5</answer>", "5", "no closed think"),
        ("<think>a</think>5", None, "exactly one answer"),
        ("<think>a</think><answer>4</answer><answer>5</answer>", "5", "exactly one answer"),
        ("<think>a</think>So <answer>5</answer>", "5", "text around"),
        ("<think>a</think><answer>5</answer>!", "5", "text around"),
        ("<think>a</think><answer> </answer>", None, "empty"),
        ("<think><answer>4</answer></think>", "4", "exactly one answer"),
        ("<think>a</think></answer>5<answer>", None, "text around"),
    ],
)
def test_think_answer_refuses_everything_else_but_still_finds_the_answer(
    text: str, answer: str | None, reason: str
) -> None:
    parsed = think_answer().parse(text)
    assert not parsed.well_formed
    assert parsed.answer == answer
    assert reason in parsed.reason


@pytest.mark.parametrize(
    ("text", "answer", "fine"),
    [
        ("<think>a</think><answer>5</answer>", "5", True),
        ("Well. <think>a</think> So\n<answer>\n5\n</answer> Done.", "5", True),
        ("<think>a</think><answer>4</answer><answer>5</answer>", "4", True),
        ("<think>a <answer>4</answer></think><answer>5</answer>", "5", True),
        ("<think>a</think><answer>4</answer></think><answer>5</answer>", "4", True),
        ("<think>a</think></think><answer>5</answer>", None, True),
        ("<answer>4</answer><answer>5</answer>", "4", False),
        ("a</think><answer>5</answer>", "5", False),
        ("<think>a</think><answer>5", None, False),
        ("<think></think><answer></answer>", None, True),
        ("5", None, False),
    ],
)
def test_synlogic_extracts_the_first_answer_behind_the_first_thought(
    text: str, answer: str | None, fine: bool
) -> None:
    parsed = think_answer(mode="released").parse(text)
    assert (parsed.answer, parsed.well_formed) == (answer, fine)
    assert parsed.well_formed == (parsed.reason == "")


def test_the_last_closed_answer_block_counts() -> None:
    assert last_answer_block("<answer>1</answer><answer>2") == "1"
    assert last_answer_block("</answer><answer>") is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{x^{2}} then \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        ("Answer: 42\n", "42"),
        ("Answer: 42", None),
        ("The answer is: 3 apples\nFinal Answer: 4\n", "4"),
        ("Answer: 3\nAnswer: 4", "3"),
        ("I think the ANSWER:\n\n 5 \n", "5"),
        ("Answer:\n", ""),
        ("Answer: 5<|im_end|>\n", "5"),
        (r"\boxed{a{b{c}}}", "a{b{c}}"),
        (r"\boxed{1} \boxed{a{b{c{d}}}}", "1"),
        ("\\boxed{}\nSolution: 7\n", "7"),
        (r"\boxed{5", None),
        ("", None),
    ],
)
def test_general_reasoner_extracts_by_its_worked_examples(text: str, answer: str | None) -> None:
    assert boxed_or_phrase(text) == answer


@pytest.mark.parametrize(
    ("text", "strict", "released"),
    [("Answer: 42\n", None, "42"), (r"\boxed{5", None, None), (r"\boxed{ 5 }", "5", " 5 ")],
)
def test_the_released_boxed_format_knows_phrases(
    text: str, strict: str | None, released: str | None
) -> None:
    assert boxed().parse(text).answer == strict
    assert boxed(mode="released").parse(text).answer == released


@given(text=st.text("\\\\boxed{}answer:\\n 12", max_size=80))
def test_extraction_by_phrases_never_raises(text: str) -> None:
    boxed_or_phrase(text)


@pytest.mark.parametrize("name", HOSTILE)
def test_extraction_by_phrases_is_linear(name: str) -> None:
    start = time.process_time()
    boxed_or_phrase(HOSTILE[name])
    assert time.process_time() - start < 1.0


@pytest.mark.parametrize(
    ("text", "answer", "fits"),
    [
        ("<think>a</think><answer>\\boxed{7}</answer>", "7", True),
        ("<think>\na\n</think>\n\n<answer>\n7 kg\n</answer>", "7 kg", True),
        ("<think></think> <answer></answer>", None, True),
        ("<think>a<answer></think><answer>\\boxed{7}</answer>", "7", True),
        ("<think>a</think><answer>\\boxed{7}</answer>\n", "7", False),
        ("<think>\\boxed{7}</think>", None, False),
    ],
)
def test_vl_cogitos_layout(text: str, answer: str | None, fits: bool) -> None:
    """Blocks may be blank or hold tags, and an answer needs no box; nothing stands around."""
    parsed = think_answer_boxed(mode="released").parse(text)
    assert (parsed.answer, parsed.well_formed) == (answer, fits)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("text <think>a</think> <answer>7</answer> text", True),
        ("<think>\n</think><answer> </answer>", True),
        ("<think></think><answer>7</answer>", False),
        ("<think>a</think><answer>7</answer><answer>8</answer>", False),
        ("</answer><think>a</think><answer>7</answer>", False),
        ("<think>a</think> so <answer>7</answer>", False),
    ],
)
def test_apos_layout(text: str, fits: bool) -> None:
    """Each tag once, a character in each block, any text around."""
    assert think_answer(mode="once").parse(text).well_formed == fits


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("< think >a</ think> so \\boxed{7} and \\boxed{8}", True),
        ("<think></think>\\boxed{}", True),
        ("So <think>a</think>\\boxed{7}", False),
        ("<think>\\boxed{7}</think> 7", False),
    ],
)
def test_papos_layout(text: str, fits: bool) -> None:
    """A think block first, whose tags may have blanks in them, and a box somewhere behind it."""
    assert think_boxed(mode="released").parse(text).well_formed == fits


def test_papo_reads_the_last_box_of_all() -> None:
    style = think_boxed(mode="released")
    assert style.parse("<think>\\boxed{7}</think> 8").answer == "7"
    assert style.parse("<think>\\boxed{7}</think> \\boxed{8}, \\boxed{9}").answer == "9"
