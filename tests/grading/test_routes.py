from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import ROUTE, TRIP
from gnomon.grading.grade import reference_text, strict
from gnomon.grading.routes import read_route, route_problem, stop_name, write_route
from gnomon.records import Answer

GOLD = Answer("route", TRIP)


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("King's Cross Station (Transfer)", "kingscross"),
        ("  St. Mary-Road ", "st.marylu"),
        ("西直门站", "西直门"),
        ("Asian Games Village", "yayuncun"),
        ("Metro City（Branch）", "city"),
        ("Univ. Park", "universityersitypark"),  # replaced twice, on both sides alike
    ],
)
def test_a_stop_has_a_normal_form(name: str, normal: str) -> None:
    assert stop_name(name) == normal


@given(st.text(max_size=60))
def test_any_text_has_a_normal_form_in_lower_case(text: str) -> None:
    assert stop_name(text) == stop_name(text).lower()


@pytest.mark.parametrize(
    ("route", "right"),
    [
        (ROUTE, True),
        (ROUTE.replace("Ada", "ada station"), True),
        (ROUTE + "\nGood luck", True),
        ("Here it is:\n" + ROUTE, True),
        (ROUTE.replace("South", "Line 9"), False),
        (ROUTE.replace("Departure Stop: Cantor", "Departure Stop: Euler"), False),
        (ROUTE.partition("\n--")[0], False),
        (ROUTE.replace("Arrival Stop: Fermat", "Arrival Stop: Euler"), False),
        (ROUTE.replace("Route Name: North", "Route Name: south"), False),
        (ROUTE + "\n--\n" + ROUTE, False),
        (ROUTE.replace("Arrival Stop: Cantor", "arrival stop: Cantor"), False),
        ("", False),
    ],
)
def test_a_route_leads_from_stop_to_stop_on_known_lines(route: str, right: bool) -> None:
    assert strict(route, GOLD).correct is right


def test_the_canonical_route_uses_the_fewest_lines() -> None:
    text = reference_text(GOLD)
    segments = read_route(text)
    assert segments is not None
    assert [segment.line for segment in segments] == ["North", "South"]
    assert write_route(segments) == text


def test_the_reason_says_what_is_wrong_with_a_route() -> None:
    segments = read_route(ROUTE.replace("South", "East"))
    assert segments is not None
    assert "no line 'East'" in route_problem(segments, TRIP)


@pytest.mark.parametrize(
    "text",
    [
        ROUTE.replace("Arrival Stop: Cantor", ""),
        ROUTE.replace("North", ""),
        ROUTE.replace("\n--\n", "\n"),
        "Route Name: a",
    ],
)
def test_a_block_that_lacks_a_value_makes_the_route_unreadable(text: str) -> None:
    assert read_route(text) is None
