from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.parts import part
from gnomon.records import Sample
from gnomon.rewards.transit import (
    TransitMap,
    detail_credit,
    difficulty_factor,
    difficulty_weight,
    map_answer,
    normalise_stop,
    read_legs,
    route,
    route_details,
    short_answer,
    short_answer_is_right,
)

LINES = {
    "North": ["Ada (Transfer Station)", "Bode", "Cantor", "Darwin"],
    "South": ["Cantor", "Euler", "Fermat"],
}
MAP = TransitMap.of(LINES)


def written(*legs: tuple[str, str, str]) -> str:
    return "\n--\n".join(
        f"Route Name: {line}\nDeparture Stop: {start}\nArrival Stop: {end}"
        for line, start, end in legs
    )


def planning(transfers: int, level: str, end: str = "Fermat") -> Sample:
    meta = {
        "type": "planning", "station_1": "Ada", "station_2": end, "lines": LINES, "answer": -1,
        "question_transfer_count": transfers, "difficulty_city": level,
    }  # fmt: skip
    return Sample("s", (), meta=meta)


BOTH = written(("North", "Ada", "Cantor"), ("South", "Cantor", "Fermat"))
CASES = [
    (written(("North", "Ada", "Darwin")), planning(0, "easy", "Darwin"), 1, 1, 1.0, 10.5),
    (BOTH, planning(1, "hard"), 1, 4, 2.0, 24.0),
    (BOTH.replace("South", "West"), planning(1, "hard"), 0, 1, 2.0, 2.0 * 0.5),
    (written(("North", "Ada", "Cantor")), planning(1, "middle"), 0, 0, 1.7, 0.0),
]


@pytest.mark.parametrize(("text", "sample", "right", "detail", "weight", "total"), CASES)
def test_the_worked_routes(
    text: str, sample: Sample, right: int, detail: int, weight: float, total: float
) -> None:
    assert route(text, sample) == right
    assert route_details(text, sample) == detail
    assert difficulty_factor(sample) == pytest.approx(weight)
    scores = [[weight], [float(right)], [float(detail)]]
    combined = part("combination", "scaled-sum")(scores, [1.0, 10.0, 0.5])
    assert combined.tolist() == pytest.approx([total])


@pytest.mark.parametrize(
    ("text", "kind", "gold", "level", "total"),
    [
        (r"\boxed{Yes}", "TorF1", 1, "hard", 15.0),
        (r"\boxed{4}", "Counting2", 3, "middle", 0.0),
        (r"\boxed{C}", "Counting1", 2, "easy", 10.0),
    ],
)
def test_the_worked_questions(text: str, kind: str, gold: int, level: str, total: float) -> None:
    sample = Sample("s", (), meta={"type": kind, "answer": gold, "difficulty_city": level})
    right = map_answer(text, sample)
    assert right is not None
    assert difficulty_factor(sample) * 10 * right == pytest.approx(total)
    assert route(text, sample) is None
    assert route_details(text, sample) == 0.0


def test_the_paper_counts_transfers_from_zero() -> None:
    legs = read_legs(BOTH)
    assert detail_credit(legs, "Ada", "Fermat", MAP, 1) == 4
    assert detail_credit(legs, "Ada", "Fermat", MAP, 1, count="transfers") == 9


def test_details_are_capped_above_and_not_below() -> None:
    legs = read_legs(written(*[("North", "Ada", "Darwin")] * 6))
    assert detail_credit(legs, "Ada", "Darwin", MAP, 0) == 2 - 30 + 24
    joined = written(*[("North", "Ada", "Bode"), ("North", "Bode", "Ada")] * 4)
    assert detail_credit(read_legs(joined), "Ada", "Ada", MAP, 9) == 10


@pytest.mark.parametrize(
    "text",
    [
        "",
        BOTH + "\nGood luck",
        written(("North", "Ada", "Cantor")),
        written(("North", "Ada", "Bode"), ("South", "Cantor", "Fermat")),
        BOTH.replace("Route Name: South", "Route Name:South"),
        BOTH.lower(),
    ],
)
def test_a_route_with_any_fault_is_wrong(text: str) -> None:
    assert route(text, planning(1, "easy")) == 0.0


def test_a_key_in_another_case_reads_as_wrong_but_keeps_its_block() -> None:
    legs = read_legs("route name: North\nDeparture Stop: Ada\nArrival Stop: Bode", any_case=True)
    assert [leg.line for leg in legs] == ["Wrong"]
    assert read_legs("route name: North\nDeparture Stop: Ada\nArrival Stop: Bode") == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("King's Cross Station (Transfer)", "kingscross"),
        ("Foo Metro station", "foo"),
        ("Univ. of X", "universityersityofx"),
        ("East-Road（B）", "eastlu"),
        ("Asian Games Village", "yayuncun"),
        ("中关村站", "中关村"),
        ("a (b", "a(b"),
    ],
)
def test_stops_are_normalised(name: str, found: str) -> None:
    assert normalise_stop(name) == found


def test_the_beijing_aliases_are_known() -> None:
    network = TransitMap.of({"Line 1": ["A"], "Line 4": ["B"]})
    assert network.stops("八通线") == ("a",)
    assert network.stops("大兴线") == ("b",)
    assert network.stops("Line 9") is None


def test_an_unknown_difficulty_is_an_error() -> None:
    with pytest.raises(ValueError, match="'odd' is not one of"):
        difficulty_weight("odd", 0, planning=False)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        (r"\boxed{No} or \boxed{Yes.}", "yes"),
        (r"so x = \boxed{n = 5 km}", "5"),
        (r"\boxed{\text{yes}}", "yes"),
        ("Hm. The answer is Yes. It is.", "yes"),
        ("the final answer is 4\nso", "4"),
        ("Yes", "yes"),
        ("", ""),
    ],
)
def test_short_answers_are_read_from_box_or_phrase(text: str, body: str) -> None:
    assert short_answer(text) == body


def test_a_number_with_a_point_is_no_count() -> None:
    assert short_answer_is_right(r"\boxed{5}", 5, "Counting3")
    assert not short_answer_is_right(r"\boxed{5.0}", 5, "Counting3")
    assert not short_answer_is_right(r"\boxed{AC}", 0, "Counting1")
    assert short_answer_is_right(r"\boxed{no}", 0, "TorF2")


@given(st.text(max_size=80))
def test_no_text_breaks_a_reader(text: Any) -> None:
    read_legs(text, any_case=True)
    normalise_stop(text)
    short_answer(text)


@pytest.mark.parametrize("piece", ["(", "Arrival Stop:", "oxed{", "}", "--", "the answer is"])
def test_reading_takes_linear_time(piece: str) -> None:
    start = time.process_time()
    text = piece * 10_000
    read_legs(text, any_case=True)
    normalise_stop(text)
    short_answer(text)
    assert time.process_time() - start < 1.5
