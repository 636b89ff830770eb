from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.records import Sample
from gnomon.rewards.evidence import (
    abstains,
    accepted_answer,
    evidence_boxes,
    evidence_first,
    evidence_format,
    evidence_margin,
    evidence_region,
    evidence_union,
    ranked_boxes,
    ranked_matches,
    released_v1,
    resized,
    satori_boxes,
    variant_answer,
    variant_of,
)

R = [10, 10, 50, 50]


def record(**meta: Any) -> Sample:
    return Sample("s", (), meta=meta)


@pytest.mark.parametrize(
    ("size", "limits", "found"),
    [
        ((480, 640), (200704, 401408), (476, 644)),
        ((1080, 1920), (200704, 401408), (448, 840)),
        ((300, 400), (200704, 401408), (392, 532)),
        ((1080, 1920), (3136, 12845056), (1092, 1932)),
    ],
)
def test_the_worked_sizes(
    size: tuple[int, int], limits: tuple[int, int], found: tuple[int, int]
) -> None:
    assert resized(*size, least=limits[0], most=limits[1]) == found


@pytest.mark.parametrize("size", [(0, 5), (1, 300), (300, 1)])
def test_a_shape_that_the_processor_refuses_is_an_error(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no size"):
        resized(*size, least=100, most=1000)


@pytest.mark.parametrize(
    ("side", "said", "gold", "value"),
    [
        ((448, 448), [[0, 0, 100, 100]], [[0, 0, 100, 100]], 1.0),
        ((640, 480), [[0, 0, 280, 280]], [[0, 0, 140, 280]], 0.498932),
        ((560, 560), [[10, 10, 20, 20], [15, 15, 30, 30]], [[10, 10, 30, 30]], 0.75),
        ((448, 448), [[100, 100, 0, 0]], [[0, 0, 100, 100]], 1.0),
        ((448, 448), [[5, 5, 5, 9]], [[0, 0, 100, 100]], 0.0),
    ],
)
def test_the_worked_unions_of_satori(
    side: tuple[int, int], said: Any, gold: Any, value: float
) -> None:
    sample = record(bboxs=gold, width=side[0], height=side[1])
    assert evidence_union(f"<bbox>{said}</bbox>", sample) == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize(
    "body",
    ["", "[]", "(1, 2, 3, 4)", "[[1, 2, 3]]", "[[1, 2, 3, 'a']]", "[[1, 2, 3, 4], 5]",
     "__import__('os')", '[["1", 2, 3, 4]]', "[1, 2, 3, 4, 5]", "[[1, 2, 3, NaN]]"],
)  # fmt: skip
def test_what_is_no_list_of_boxes_scores_zero(body: str) -> None:
    sample = record(bboxs=[R], width=448, height=448)
    assert evidence_union(f"<bbox>{body}</bbox>", sample) == 0.0
    assert satori_boxes(f"<bbox>{body}</bbox>") is None


def test_without_reference_boxes_the_term_does_not_apply() -> None:
    assert evidence_union("<bbox>[1,2,3,4]</bbox>", record(bboxs=[])) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<answer> cat </answer>", 1.0),
        ("<answer>Cat</answer>", 0.0),
        ("<answer>dog</answer><answer>cat</answer>", 0.0),
        ("cat", 0.0),
    ],
)
def test_the_worked_answers_of_satori(text: str, value: float) -> None:
    assert accepted_answer(text, record(possible_answers=["cat"])) == value


def test_an_empty_body_matches_an_empty_reference_only() -> None:
    assert accepted_answer("<answer></answer>", record(possible_answers=[""])) == 1.0
    assert accepted_answer("", record(possible_answers=[""])) == 0.0
    assert accepted_answer("<answer>x</answer>", record(possible_answers=None)) is None


@pytest.mark.parametrize(
    ("answer", "unknown"),
    [
        ("Unknown", True),
        ("It is unanswerable.", True),
        ("I cannot determine it", True),
        ("can’t tell", True),
        ("not sure", True),
        ("Insufficient information", True),
        ("无法判断", True),
        ("I know that", False),
        ("unknowns", False),
        ("not enough", False),
        ("", False),
    ],
)
def test_only_whole_phrases_abstain(answer: str, unknown: bool) -> None:
    assert abstains(answer) is unknown


@pytest.mark.parametrize(
    ("accurate", "abstained", "equal", "variant", "value"),
    [
        (1.0, False, True, "pos", 1.0),
        (0.0, True, False, "pos", -0.2),
        (1.0, False, False, "rand", 1.0),
        (0.0, True, False, "cf", 1.0),
        (0.0, False, False, "cf", -0.6),
        (0.0, False, True, "cf", -1.5),
    ],
)
def test_the_worked_answers_of_defacto(
    accurate: float, abstained: bool, equal: bool, variant: Any, value: float
) -> None:
    assert variant_answer(accurate, abstained, equal, variant) == pytest.approx(value)


@pytest.mark.parametrize(
    ("kind", "body", "value"),
    [
        ("pos", "[[10,10,50,50]]", 1.0),
        ("pos", "[[50,50,10,10]]", 1.0),
        ("pos", "[[10,10,50,50],[60,60,90,90]]", 0.0),
        ("rand", "null", -0.5),
        ("POS", "[10,10,50,50]", -0.5),
        ("cf", "[[10,10,50,50]]", 0.0),
    ],
)
def test_the_worked_regions_of_defacto(kind: str, body: str, value: float) -> None:
    sample = record(type=kind, r_plus_boxes=[R], r_minus_boxes=[[60, 60, 90, 90]])
    said = f"<think><box>{body}</box> so</think><answer>red</answer>"
    assert evidence_region(said, sample) == pytest.approx(value)


def test_a_region_without_distractors_has_only_its_gain() -> None:
    assert evidence_margin([(10, 10, 50, 50)], [R], []) == 1.0
    assert evidence_margin([], [R], []) == -0.5


def test_the_first_kind_of_box_tag_counts() -> None:
    text = "<box>[[1,2,3,4]]</box><BBOX>[[5,6,7,8]]</bbox>"
    assert evidence_boxes(text) == [(5, 6, 7, 8)]


def test_an_unknown_variant_is_an_error_and_a_missing_one_positive() -> None:
    assert variant_of(record(), "type") == "pos"
    with pytest.raises(ValueError, match="'neg' is not one of"):
        variant_of(record(type="neg"), "type")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<think><box>null</box> x</think> <answer>Unknown</answer>", 1.0),
        ("so <THINK> <boxes>[[]]</boxes>x</THINK>\n<ANSWER></ANSWER> ok", 1.0),
        ("<think>x <box>null</box></think><answer>5</answer>", 0.0),
        ("<think><box>null</bbox> x</think><answer>5</answer>", 0.0),
        ("<think><box>null</box></think> so <answer>5</answer>", 0.0),
        ("", 0.0),
    ],
)
def test_the_layout_of_defacto_may_stand_anywhere(text: str, value: float) -> None:
    assert evidence_format(text) == value


def test_the_first_release_finds_no_inside_not() -> None:
    think = "<think>it is not blue</think><answer>red</answer>"
    assert released_v1(think, "red", "pos") == -1.0
    assert not abstains(think)
    assert released_v1("<think>a</think><answer>Red</answer>", "red", "random") == 1.0
    assert released_v1("unknown", "red", "neg") == 1.0
    assert released_v1("red", "red", "neg") == -1.0


def test_the_confident_choose_first_in_the_first_release() -> None:
    gold = [(0, 0, 10, 10), (20, 20, 30, 30)]
    assert ranked_matches([((0, 0, 10, 10), 0.9), ((0, 0, 10, 9), 0.8)], gold) == 0.5
    assert ranked_matches([((0, 0, 10, 10), 0.9)], []) == 0.0


def first(answer: str, box: str = "[10, 10, 50, 50]", thought: str = "so") -> str:
    boxes = f"[{{'Position': {box}, 'Confidence': 0.9}}]"
    return f"<bbox>{boxes}</bbox><think>{thought}</think><answer>{answer}</answer>"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("pos", first("red"), 3.0),
        ("rand", first("red"), 3.0),
        ("pos", first("red", thought="it is not blue"), 1.0),
        ("pos", first("blue"), 2.0),
        ("pos", first("red", box="[60, 60, 90, 90]"), 1.0),
        ("pos", "red", 1.0),
        ("neg", first("unknown"), 3.0),
        ("cf", first("red"), -1.0),
        ("neg", "red", 0.0),
    ],
)
def test_the_first_release_adds_layout_answer_and_regions(
    kind: str, text: str, value: float
) -> None:
    sample = record(type=kind, y_star="red", r_plus_boxes=[R], r_minus_boxes=[[60, 60, 90, 90]])
    assert evidence_first(text, sample) == pytest.approx(value)


def test_the_first_release_refuses_a_type_of_neither() -> None:
    with pytest.raises(ValueError, match="'other' is not one of"):
        evidence_first("x", record(type="other", y_star="red"))


def test_boxes_of_the_first_release_need_place_and_confidence() -> None:
    for body in ("[{'Position': [1, 2, 3, 4]}]", "[[1, 2, 3, 4]]", "none", "[]", "[1]"):
        assert ranked_boxes(f"<bbox>{body}</bbox>") is None


@given(st.text(max_size=60))
def test_no_text_breaks_a_reader(text: str) -> None:
    satori_boxes(f"<bbox>{text}</bbox>")
    evidence_boxes(f"<box>{text}</box>")
    ranked_boxes(f"<bbox>{text}</bbox>")
    evidence_format(text)
    abstains(text)


@pytest.mark.parametrize("piece", ["<think><box>", "</box>", "<think> ", "</think>", "[[1,2,3,4],"])
def test_reading_evidence_takes_linear_time(piece: str) -> None:
    start = time.process_time()
    for text in (piece * 20_000, f"<bbox>{piece * 20_000}</bbox>"):
        satori_boxes(text)
        evidence_boxes(text)
        evidence_format(text)
    assert time.process_time() - start < 1.0
