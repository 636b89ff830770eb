from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.records import Sample
from gnomon.rewards.stops import (
    map_score,
    read_stop_list,
    stop_list,
    stop_list_bonus,
    structured_score,
)
from gnomon.rewards.transit import TransitMap, read_legs

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


BOTH = written(("North", "Ada", "Cantor"), ("South", "Cantor", "Fermat"))
OTHER = written(("West", "Ada", "Fermat"))


def asked(kind: str, end: str = "Darwin", **columns: Any) -> Sample:
    meta = {"type": kind, "station_1": "Ada", "station_2": end, "lines": LINES, **columns}
    return Sample("s", (), meta=meta)


def test_the_worked_stop_list() -> None:
    listed = read_stop_list("Stops: [Bode, Bode, and Euler.]")
    assert listed == ["Bode", "Bode", "Euler"]
    assert stop_list_bonus(listed, "Ada", "Darwin", MAP) == -0.5
    assert read_stop_list("stops: none") == read_stop_list("Stops: [a, b") == []
    with pytest.raises(ValueError, match="no line holds both"):
        stop_list_bonus([], "Ada", "Fermat", MAP)


def test_the_bonus_is_for_questions_of_stops_between_two_alone() -> None:
    said = r"Stops: [Bode, Cantor]. \boxed{C}"
    assert stop_list(said, asked("Counting1")) == 1.0
    assert stop_list(said, asked("Counting2")) is None
    assert stop_list("none", asked("Counting1")) == 0.0


def test_listing_every_stop_of_the_map_does_not_pay_here() -> None:
    every = ", ".join(name.split(" ")[0] for stops in LINES.values() for name in stops)
    assert stop_list(f"Stops: [{every}]", asked("Counting1")) < 0  # type: ignore[operator]


def test_the_map_score_takes_the_best_plan() -> None:
    legs, other = read_legs(BOTH), read_legs(OTHER)
    assert structured_score(legs, [other, legs], True) == 9 + 10
    assert structured_score([], [legs], False) == 0.0


def test_a_response_is_scored_against_the_plans_of_its_record() -> None:
    sample = asked("planning", "Fermat", plans=[OTHER, BOTH])
    assert map_score(BOTH, sample) == 9 + 10
    assert map_score(OTHER, sample) == 1 + 4  # agrees with a plan, but the map has no such line
    assert map_score("nothing", sample) == 0.0
    assert map_score(BOTH, asked("Counting1")) is None


def test_long_questions_count_twice() -> None:
    assert map_score(BOTH, asked("planning", "Fermat", plans=[BOTH]), long=True) == 9 + 20


@given(st.text(max_size=80))
def test_no_text_breaks_a_reader(text: Any) -> None:
    read_stop_list("stops:[" + text)


@pytest.mark.parametrize("piece", ["(", "Stops: [", ", "])
def test_reading_takes_linear_time(piece: str) -> None:
    start = time.process_time()
    read_stop_list("Stops: [" + piece * 10_000)
    assert time.process_time() - start < 1.5
