"""The kind of answer that is a route on a transit map: line segments from one stop to another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gnomon.grading.comparison import Kind, Switches, by_whole_text, decided
from gnomon.grading.structured import read_json
from gnomon.records import Answer, Verdict

MAX_SEGMENTS = 64
KEYS = ("Route Name:", "Departure Stop:", "Arrival Stop:")
_SPLIT = re.compile(r"^[ \t]*-{2,}[ \t]*$", re.MULTILINE)
_BRACKETED = re.compile(r"\([^()]*\)|（[^（）]*）")
_BLANKS = re.compile(r"[\s-]+")
_SWAPS = (
    *((word, "") for word in ("Metro", "metro", ",", "*", "\n", "'", "’")),
    *(("Univ.", "University"), ("Univ", "University"), ("Tech.", "Technology")),
    *(("Tech", "Technology"), ("road", "lu"), ("Road", "lu"), ("Station", ""), ("station", "")),
    ("Asian Games Village", "yayuncun"),
)


@dataclass(frozen=True)
class Segment:
    """A ride on one line."""

    line: str
    departure: str
    arrival: str


def stop_name(text: str) -> str:
    """The normal form of a stop's name, for both sides of a comparison.

    Drops Metro, Station, punctuation, brackets, whitespace and hyphens; spells out abbreviations.
    "Univ." becomes University and its start is replaced again, on both sides alike. Source: arXiv
    2510.02240 (RewardMap), released code.

    >>> stop_name("King's Cross Station (Transfer)")
    'kingscross'
    """
    for old, new in _SWAPS:
        text = text.replace(old, new)
    text = _BRACKETED.sub("", text.strip().removesuffix("站"))
    return _BLANKS.sub("", text).lower()


def read_route(text: str) -> tuple[Segment, ...] | None:
    """The segments of a route, one to `MAX_SEGMENTS`, or None.

    Blocks are separated by lines of two or more hyphens. Each holds the three keys once, in their
    order, each value up to the end of its line; a block that lacks one makes the route unreadable.
    Text around the blocks is not read, so that a closing remark does not change the last stop. None
    also for an empty value. Linear.

    >>> route = "Route Name: North" + chr(10) + "Departure Stop: Ada" + chr(10)
    >>> read_route(route + "Arrival Stop: Darwin" + chr(10) + "Good luck")
    (Segment(line='North', departure='Ada', arrival='Darwin'),)
    """
    blocks = [block for block in _SPLIT.split(text) if any(key in block for key in KEYS)]
    segments = [_segment(block) for block in blocks[: MAX_SEGMENTS + 1]]
    if not 0 < len(segments) <= MAX_SEGMENTS or not all(segments):
        return None
    return tuple(segment for segment in segments if segment is not None)


def _segment(block: str) -> Segment | None:
    places = [block.find(key) for key in KEYS]
    if min(places) < 0 or places != sorted(places) or any(block.count(key) > 1 for key in KEYS):
        return None
    values = [
        block[place + len(key) :].partition("\n")[0].strip()
        for place, key in zip(places, KEYS, strict=True)
    ]
    return Segment(*values) if all(values) else None


def write_route(segments: Sequence[Segment]) -> str:
    """The canonical text of a route."""
    blocks = ["\n".join(f"{key} {value}" for key, value in zip(KEYS, one, strict=True))
              for one in ((s.line, s.departure, s.arrival) for s in segments)]  # fmt: skip
    return "\n--\n".join(blocks)


def route_problem(segments: Sequence[Segment], trip: Mapping[str, Any]) -> str:
    """Why a route does not solve ``trip``, or "".

    ``trip`` has ``from``, ``to`` and ``lines`` (name to stops). Ends must match, every line must be
    known by its exact name with both stops on it, and each ride begins where the last ended.
    """
    if stop_name(segments[0].departure) != stop_name(trip["from"]):
        return "it does not start at the right stop"
    if stop_name(segments[-1].arrival) != stop_name(trip["to"]):
        return "it does not end at the right stop"
    place = segments[0].departure
    for segment in segments:
        stops = {stop_name(stop) for stop in trip["lines"].get(segment.line, ())}
        if not stops:
            return f"there is no line {segment.line[:80]!r}"
        if stop_name(segment.departure) != stop_name(place):
            return f"it does not change at {place[:80]!r}"
        if not {stop_name(segment.departure), stop_name(segment.arrival)} <= stops:
            return f"a stop is not on the line {segment.line[:80]!r}"
        place = segment.arrival
    return ""


def _valid_trip(value: Any) -> bool:
    if not isinstance(value, Mapping) or not isinstance(value.get("lines"), Mapping):
        return False
    ends = all(isinstance(value.get(key), str) and stop_name(value[key]) for key in ("from", "to"))
    lines = value["lines"].values()
    return ends and all(isinstance(s, list | tuple) and all(map(_is_name, s)) for s in lines)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _route_value_problem(answer: Answer) -> str | None:
    if not _valid_trip(answer.value):
        return f"a route needs from, to and lines with their stops, not {answer.value!r:.120}"
    return None if _shortest(answer.value) else "no lines lead from the one stop to the other"


def _shortest(trip: Mapping[str, Any]) -> list[Segment]:
    """A route with the fewest lines, by breadth-first search over stops; empty when there is none.

    >>> _shortest({"from": "a", "to": "c", "lines": {"1": ["a", "b"], "2": ["b", "c"]}})[1].line
    '2'
    """
    goal, start = stop_name(trip["to"]), stop_name(trip["from"])
    reached: dict[str, list[Segment]] = {start: []}
    names = {stop_name(stop): stop for stops in trip["lines"].values() for stop in stops}
    lines = {line: [stop_name(stop) for stop in stops] for line, stops in trip["lines"].items()}
    queue = [start]
    for place in queue:
        for line, places in lines.items():
            for other in places if place in places else ():
                if other not in reached:
                    reached[other] = [*reached[place], Segment(line, names[place], names[other])]
                    queue.append(other)
    return reached.get(goal, [])


def _write_route(answer: Answer) -> str:
    return write_route(_shortest(answer.value))


def _load_route(text: str) -> Any:
    found = read_json(text)
    return found if _valid_trip(found) else None


def _compare_route(value: Sequence[Segment], reference: Answer, switches: Switches) -> Verdict:
    problem = route_problem(value, reference.value)
    return decided(not problem, value, problem or "a route that leads there")


ROUTE_KINDS: dict[str, Kind] = {
    "route": Kind(
        _route_value_problem, _write_route, _load_route, by_whole_text(read_route), _compare_route
    )
}
