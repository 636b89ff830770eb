"""Questions about metro maps and their line files, as RewardMap asks them.

Source: RewardMap, arXiv 2510.02240, with maps of our own (`gnomon.worlds.metro_map`). Facts are the
columns of RewardMap's records, with the line file itself as ``lines``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from gnomon.grading.routes import Segment, read_route, route_problem, write_route
from gnomon.media.image import open_image
from gnomon.records import Answer
from gnomon.worlds.asking import yes_no
from gnomon.worlds.metro_map import Metro, draw_metro
from gnomon.worlds.scene import COLOURS, pick, shuffled
from gnomon.worlds.talk import Talk, pose_about
from gnomon.worlds.world import Posed, WorldTask

Lines = Mapping[str, Sequence[str]]
LETTERS = "ABCD"


def routes_from(metro: Metro, start: str) -> dict[str, tuple[Segment, ...]]:
    """A route with the fewest lines to every other stop."""
    found: dict[str, tuple[Segment, ...]] = {start: ()}
    for place in (queue := [start]):
        for line in metro.lines_at(place):
            for stop in metro.lines[line]:
                if stop not in found:
                    found[stop] = (*found[place], Segment(line, place, stop))
                    queue.append(stop)
    del found[start]
    return found


def _facts(
    metro: Metro, kind: str, gold: int, ends: Sequence[str], transfers: int
) -> dict[str, Any]:
    one, other = (*ends, "", "")[:2]
    crossings = sum(len(metro.lines_at(stop)) > 1 for stop in metro.places)
    return {
        "type": kind, "answer": gold, "station_1": one, "station_2": other,
        "lines": {name: list(stops) for name, stops in metro.lines.items()},
        "stations": {stop: metro.pixel(stop) for stop in metro.places},
        "difficulty_city": metro.extent.city, "city_line_count": len(metro.lines),
        "city_transfer_count": crossings, "question_transfer_count": transfers,
    }  # fmt: skip


def _told(metro: Metro, names: Sequence[str]) -> str:
    return " ".join(f"{name}: {', '.join(metro.lines[name])}." for name in names)


def _posed(
    metro: Metro,
    kind: str,
    asked: str,
    answer: Answer,
    gold: int,
    thought: str,
    ends: Sequence[str] = (),
    **facts: Any,
) -> Posed:
    plain = yes_no(answer.value) if answer.kind == "yes-no" else str(answer.value)
    found = {**_facts(metro, kind, gold, ends, 0), **facts}
    return Posed(f"<image>{asked}", answer, plain, metro.key, thought, metro.show, found)


def same_line(rng: np.random.Generator, metro: Metro) -> Posed:
    """TorF1: are two stops on one line? Yes and no are as likely."""
    yes = rng.random() < 0.5
    pairs = [
        (a, b) for a in metro.places for b in metro.places
        if a != b and bool(metro.shared(a, b)) == yes
    ]  # fmt: skip
    one, other = pick(rng, pairs)
    lines = {stop: metro.lines_at(stop) for stop in (one, other)}
    thought = " ".join(f"{stop} is on {' and '.join(names)}." for stop, names in lines.items())
    thought += f" In common: {', '.join(metro.shared(one, other)) or 'none'}."
    asked = f"Are {one} and {other} on the same line? Answer yes or no."
    return _posed(metro, "TorF1", asked, Answer("yes-no", yes), int(yes), thought, (one, other))


def on_line(rng: np.random.Generator, metro: Metro) -> Posed:
    """TorF2: is a stop on a line? Yes and no are as likely."""
    yes = rng.random() < 0.5
    pairs = [
        (stop, line) for stop in metro.places for line in metro.lines
        if (stop in metro.lines[line]) == yes
    ]  # fmt: skip
    stop, line = pick(rng, pairs)
    asked = f"Is {stop} on the {line} line? Answer yes or no."
    thought = f"{_told(metro, [line])} {stop} is {'' if yes else 'not '}among them."
    answer = Answer("yes-no", yes)
    return _posed(metro, "TorF2", asked, answer, int(yes), thought, (stop,), line=line)


def stops_between(rng: np.random.Generator, metro: Metro) -> Posed:
    """Counting1: how many stops are strictly between two of one line? With four options."""
    pairs = [
        (a, b) for a in metro.places for b in metro.places
        if a != b and len(metro.shared(a, b)) == 1
    ]  # fmt: skip
    one, other = pick(rng, pairs)
    (line,) = metro.shared(one, other)
    stops = metro.lines[line]
    low, high = sorted((stops.index(one), stops.index(other)))
    passed, most = stops[low + 1 : high], max(metro.extent.stops, len(LETTERS))
    wrong = shuffled(rng, [n for n in range(most) if n != len(passed)])[: len(LETTERS) - 1]
    options = dict(zip(LETTERS, map(str, shuffled(rng, [len(passed), *wrong])), strict=True))
    gold = list(options.values()).index(str(len(passed)))
    listed = "\n".join(f"({letter}) {text}" for letter, text in options.items())
    asked = f"How many stops are between {one} and {other} on their line?\n{listed}"
    thought = f"{_told(metro, [line])} Between: {', '.join(passed) or 'none'}. total {len(passed)}."
    answer = Answer("choice", LETTERS[gold], options)
    return _posed(metro, "Counting1", asked, answer, gold, thought, (one, other), options=options)


def lines_through(rng: np.random.Generator, metro: Metro) -> Posed:
    """Counting2: how many lines call at a stop? Half of the stops asked for are interchanges."""
    wanted = rng.random() < 0.5
    stop = pick(rng, [s for s in metro.places if (len(metro.lines_at(s)) > 1) == wanted])
    names = metro.lines_at(stop)
    thought = f"{stop}: {', '.join(names)}. total {len(names)}."
    answer = Answer("count", len(names))
    asked = f"How many lines call at {stop}?"
    return _posed(metro, "Counting2", asked, answer, len(names), thought, (stop,))


def lines_in_all(rng: np.random.Generator, metro: Metro) -> Posed:
    """Counting3: how many lines has the map?"""
    count = len(metro.lines)
    thought = f"{', '.join(metro.lines)}. total {count}."
    asked = "How many lines are on this map?"
    return _posed(metro, "Counting3", asked, Answer("count", count), count, thought)


def _draw_ride(rng: np.random.Generator, metro: Metro) -> tuple[Segment, ...] | None:
    """A route with as many transfers as rides on a map of its extent have, None without any."""
    for start in shuffled(rng, tuple(metro.places)):
        routes = list(routes_from(metro, start).values())
        asked = [route for route in routes if len(route) == metro.extent.transfers + 1]
        if asked:
            return pick(rng, asked)
    return None


def planning(rng: np.random.Generator, metro: Metro) -> Posed | None:
    """Plan a ride with as few transfers as there can be."""
    route = _draw_ride(rng, metro)
    if route is None:
        return None
    start, end = route[0].departure, route[-1].arrival
    text = (
        f"<image>Plan a ride from {start} to {end}. Write each line on the way as three lines, "
        '"Route Name: ", "Departure Stop: ", "Arrival Stop: ", and "--" between two of them.'
    )
    trip = {"from": start, "to": end, "lines": {k: list(v) for k, v in metro.lines.items()}}
    steps = " ".join(f"{leg.line} from {leg.departure} to {leg.arrival}." for leg in route)
    told = _told(metro, [leg.line for leg in route])
    return Posed(
        text, Answer("route", trip), write_route(route), metro.key, f"{told} {steps}", metro.show,
        {
            **_facts(metro, "planning", -1, (start, end), len(route) - 1),
            "plans": [write_route(route)],
        },
    )  # fmt: skip


def describe(metro: Metro) -> Posed:
    """Every line with its stops in order."""
    lines = {name: min(stops, stops[::-1]) for name, stops in metro.lines.items()}
    told = " ".join(f"{name}: {', '.join(lines[name])}." for name in sorted(lines))
    asked = (
        "Give the stops of every line in their order, lines by the alphabet, and each line from "
        "that of its two ends which comes first in the alphabet."
    )
    return _posed(metro, "all", asked, Answer("text", told), -1, told)


# -- confirmation ---------------------------------------------------------------------------------


def fewest_transfers(lines: Lines, start: str, end: str) -> int | None:
    """Fewest changes of line on the way, by breadth-first search from stop to next stop.

    Staying on a line costs nothing and goes first. None when no way leads there.

    >>> fewest_transfers({"Red": ["a", "b", "c"], "Blue": ["b", "d"]}, "a", "d")
    1
    """
    queue = deque((0, start, name) for name, stops in lines.items() if start in stops)
    seen: set[tuple[str, str]] = set()
    while queue:
        cost, stop, name = queue.popleft()
        if stop == end:
            return cost
        if (stop, name) in seen:
            continue
        seen.add((stop, name))
        place = list(lines[name]).index(stop)
        near = [*lines[name][max(0, place - 1) : place], *lines[name][place + 1 : place + 2]]
        queue.extendleft((cost, other, name) for other in near)
        queue.extend((cost + 1, stop, other) for other in lines if stop in lines[other])
    return None


def walk(lines: Lines, start: str, end: str) -> int:
    """Stops strictly between two of the one line that has both, counted on the way.

    Raises ValueError where no line has both.
    """
    for stops in lines.values():
        if start in stops and end in stops:
            order = iter(stops)
            first = next(stop for stop in order if stop in (start, end))
            last = end if first == start else start
            return sum(1 for _ in iter(order.__next__, last))
    raise ValueError(f"no line holds both {start!r} and {end!r}")


def _confirm_route(posed: Posed) -> bool:
    facts, trip = posed.facts, posed.answer.value
    route = read_route(posed.answer_text)
    fewest = fewest_transfers(facts["lines"], facts["station_1"], facts["station_2"])
    right = route is not None and not route_problem(route, trip) and len(route) - 1 == fewest
    return right and fewest == facts["question_transfer_count"] and trip["lines"] == facts["lines"]


def _confirm_lines(posed: Posed) -> bool:
    """Whether the picture has as many of the colours of lines as the answer says."""
    pixels = np.asarray(open_image(posed.show()[0]))
    seen = sum(bool((pixels == ink).all(axis=-1).any()) for ink in COLOURS.values())
    return bool(seen == posed.answer.value)


def _confirm_same(posed: Posed) -> bool:
    facts = posed.facts
    changes = fewest_transfers(facts["lines"], facts["station_1"], facts["station_2"])
    return bool((changes == 0) == posed.answer.value == bool(facts["answer"]))


def _confirm_between(posed: Posed) -> bool:
    facts = posed.facts
    passed = walk(facts["lines"], facts["station_1"], facts["station_2"])
    told = posed.answer.options[posed.answer.value]
    return told == str(passed) and LETTERS[facts["answer"]] == posed.answer.value


def _confirm_on(posed: Posed) -> bool:
    line, stop = posed.facts["line"], posed.facts["station_1"]
    return bool(
        (fewest_transfers({line: posed.facts["lines"][line]}, stop, stop) == 0)
        == (posed.answer.value)
    )


def _confirm_through(posed: Posed) -> bool:
    calls = [stop for stops in posed.facts["lines"].values() for stop in stops]
    return bool(
        calls.count(posed.facts["station_1"]) == posed.answer.value == posed.facts["answer"]
    )


def effort(posed: Posed, legs: bool = False) -> float:
    """Stops to read, for each line of a planned ride."""
    stops = sum(map(len, posed.facts["lines"].values()))
    return float(stops * (posed.facts["question_transfer_count"] + 1 if legs else 1))


_ASKED: dict[str, tuple[Callable[[np.random.Generator, Metro], Posed], Callable[[Posed], bool]]]
_ASKED = {
    "TorF1": (same_line, _confirm_same),
    "TorF2": (on_line, _confirm_on),
    "Counting1": (stops_between, _confirm_between),
    "Counting2": (lines_through, _confirm_through),
    "Counting3": (lines_in_all, _confirm_lines),
}
TALKS = (
    Talk(
        draw_metro,
        {**{name: ask for name, (ask, _) in _ASKED.items()}, "planning": planning},
        describe,
    ),
)
_plan = pose_about(draw_metro, planning)
TASKS = (
    *(
        WorldTask(name, "multi", "image", pose_about(draw_metro, ask), confirm, effort)
        for name, (ask, confirm) in _ASKED.items()
    ),
    WorldTask("planning", "multi", "image", _plan, _confirm_route, partial(effort, legs=True)),
)
