"""Metro maps with their line files, and RewardMap's questions about them.

Source: RewardMap, arXiv 2510.02240, with maps of our own: stops on a grid, lines that go from one
point of it to the next and never share a stretch, so that lines meet at stops alone. A line is
called by its colour, which the picture shows. Facts are the columns of RewardMap's records, with
the line file itself as ``lines``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from gnomon.grading.routes import Segment, read_route, route_problem, write_route
from gnomon.media.image import open_image, png_bytes
from gnomon.records import Answer, Media
from gnomon.worlds.asking import yes_no
from gnomon.worlds.lettering import BLACK, WHITE, write
from gnomon.worlds.scene import COLOURS, REDRAWS, between, pick, shuffled
from gnomon.worlds.world import Posed, WorldTask

Point = tuple[int, int]
Lines = Mapping[str, Sequence[str]]
NAMES = (
    "Oak", "Elm", "Ash", "Bay", "Hill", "Lake", "Park", "Mill", "Dock", "Fort", "Gate", "Moor",
    "Ford", "Cove", "Glen", "Vale", "Rose", "Star", "Moon", "Lion", "Bear", "Swan", "Crow",
    "Wolf", "Hawk", "Kiln", "Sand", "Salt", "Iron", "Gold", "Zinc", "Opal", "Ruby", "Jade",
    "Onyx", "Fern", "Reed", "Pine", "Palm", "Lime", "Plum", "Pear", "Corn", "Rice", "Sage",
    "Mint", "Dill", "Bell", "Drum", "Harp", "Lute", "Bow", "Ark", "Inn", "Hut", "Fen", "Dam",
    "Pier", "Quay", "Yew",
)  # fmt: skip
WIDE, HIGH, TEXT = 37, 28, 10
"""Pixels from stop to stop across and down, and the size of names."""
LETTERS = "ABCD"
STEPS: tuple[Point, ...] = ((1, 0), (0, 1), (-1, 0), (0, -1))


@dataclass(frozen=True)
class Extent:
    """How large a map is: lines, stops of each, grid, and transfers of a planned ride."""

    lines: int
    stops: int
    columns: int
    rows: int
    transfers: int
    city: str


EXTENTS = (
    Extent(2, 3, 3, 4, 0, "easy"),
    Extent(2, 4, 4, 4, 1, "easy"),
    Extent(3, 4, 4, 5, 1, "middle"),
    Extent(4, 5, 6, 7, 2, "hard"),
    Extent(5, 6, 7, 9, 2, "hard"),
)
"""Maps of difficulty 1 to 5."""


@dataclass(frozen=True)
class Metro:
    """A map: its line file, and the grid point of every stop."""

    lines: Mapping[str, tuple[str, ...]]
    places: Mapping[str, Point]
    extent: Extent

    @property
    def key(self) -> str:
        """What makes a map the same one: its line file, whichever way round lines are listed."""
        rows = (f"{name}: {min(stops, stops[::-1])}" for name, stops in self.lines.items())
        return "; ".join(sorted(rows))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture, multiples of 28."""
        return -(-WIDE * self.extent.columns // 28) * 28, HIGH * self.extent.rows

    def pixel(self, stop: str) -> Point:
        """Where a stop is drawn."""
        spare = self.size[0] - WIDE * self.extent.columns
        column, row = self.places[stop]
        return spare // 2 + WIDE * column + WIDE // 2, HIGH * row + 9

    def lines_at(self, stop: str) -> list[str]:
        """The lines that call at a stop, in the order of the file."""
        return [name for name, stops in self.lines.items() if stop in stops]

    def shared(self, one: str, other: str) -> list[str]:
        """The lines that call at both stops."""
        return [name for name in self.lines_at(one) if other in self.lines[name]]

    def show(self) -> tuple[Media, ...]:
        """The picture as a medium."""
        return (Media("image", data=png_bytes(draw_map(self))),)


def draw_map(metro: Metro) -> Image.Image:
    """The picture of a map: lines in their colours, interchanges larger, names below stops."""
    image = Image.new("RGB", metro.size, WHITE)
    draw = ImageDraw.Draw(image)
    for name, stops in metro.lines.items():
        draw.line(list(map(metro.pixel, stops)), COLOURS[name.lower()], 4, joint="curve")  # type: ignore[index]
    for stop in metro.places:
        x, y = metro.pixel(stop)
        radius = 5 if len(metro.lines_at(stop)) > 1 else 3
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(box, fill=WHITE, outline=BLACK, width=radius // 2)
    for stop in metro.places:
        x, y = metro.pixel(stop)
        write(image, (x, y + 4), stop, TEXT, anchor="centre", halo=WHITE)
    return image


# -- maps by lot ----------------------------------------------------------------------------------


def draw_metro(rng: np.random.Generator, level: int) -> Metro:
    """A connected map of a difficulty. Raises ValueError when the grid does not hold its lines."""
    return lay_out(rng, EXTENTS[level - 1])


def lay_out(rng: np.random.Generator, extent: Extent) -> Metro:
    """A connected map of an extent.

    Raises ValueError, saying what to change, for more lines than there are colours, more stops than
    names, and lines that do not fit on the grid.
    """
    points = extent.columns * extent.rows
    if not 1 <= extent.lines <= len(COLOURS) or not 2 <= extent.stops <= points:
        raise ValueError(
            f"{extent}: use 1 to {len(COLOURS)} lines of 2 to {points} stops, or a larger grid"
        )
    for _ in range(REDRAWS):
        paths = _draw_paths(rng, extent)
        stops = dict.fromkeys(point for path in paths for point in path)
        if paths and len(stops) <= len(NAMES):
            return _named(rng, paths, list(stops), extent)
    raise ValueError(f"{extent}: the lines do not fit on the grid; use a larger one or fewer stops")


def _named(
    rng: np.random.Generator, paths: list[list[Point]], stops: list[Point], extent: Extent
) -> Metro:
    names = dict(zip(stops, shuffled(rng, NAMES), strict=False))
    colours = [colour.capitalize() for colour in shuffled(rng, tuple(COLOURS))]
    lines = {
        colour: tuple(names[point] for point in path)
        for colour, path in zip(colours, paths, strict=False)
    }
    return Metro(lines, {names[point]: point for point in stops}, extent)


def _draw_paths(rng: np.random.Generator, extent: Extent) -> list[list[Point]]:
    """Lines as grid points, each beginning on an earlier one; empty when one got stuck."""
    paths: list[list[Point]] = []
    taken: set[frozenset[Point]] = set()
    for _ in range(extent.lines):
        served = [point for path in paths for point in path]
        corner = (between(rng, 0, extent.columns - 1), between(rng, 0, extent.rows - 1))
        path = _grow(rng, pick(rng, served) if served else corner, extent, taken, set(served))
        if len(path) < extent.stops:
            return []
        taken |= {frozenset(pair) for pair in pairwise(path)}
        paths.append(path)
    return paths


def _grow(
    rng: np.random.Generator,
    start: Point,
    extent: Extent,
    taken: set[frozenset[Point]],
    served: set[Point],
) -> list[Point]:
    """A path from ``start``, longer at either end by turns, rarely through another line's stop."""
    path = [start]
    while len(path) < extent.stops:
        if rng.random() < 0.5:
            path.reverse()
        x, y = path[-1]
        ways = [
            point for dx, dy in STEPS
            if 0 <= (point := (x + dx, y + dy))[0] < extent.columns
            and 0 <= point[1] < extent.rows
            and point not in path and frozenset((path[-1], point)) not in taken
            and (point not in served or rng.random() < 0.1)
        ]  # fmt: skip
        if not ways:
            return path
        ahead = (2 * x - path[-2][0], 2 * y - path[-2][1]) if len(path) > 1 else None
        path.append(ahead if ahead in ways and rng.random() < 0.6 else pick(rng, ways))  # type: ignore[arg-type]
    return path


# -- questions ------------------------------------------------------------------------------------


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


def same_line(rng: np.random.Generator, level: int) -> Posed:
    """TorF1: are two stops on one line? Yes and no are as likely."""
    metro, yes = draw_metro(rng, level), rng.random() < 0.5
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


def on_line(rng: np.random.Generator, level: int) -> Posed:
    """TorF2: is a stop on a line? Yes and no are as likely."""
    metro, yes = draw_metro(rng, level), rng.random() < 0.5
    pairs = [
        (stop, line) for stop in metro.places for line in metro.lines
        if (stop in metro.lines[line]) == yes
    ]  # fmt: skip
    stop, line = pick(rng, pairs)
    asked = f"Is {stop} on the {line} line? Answer yes or no."
    thought = f"{_told(metro, [line])} {stop} is {'' if yes else 'not '}among them."
    answer = Answer("yes-no", yes)
    return _posed(metro, "TorF2", asked, answer, int(yes), thought, (stop,), line=line)


def stops_between(rng: np.random.Generator, level: int) -> Posed:
    """Counting1: how many stops are strictly between two of one line? With four options."""
    metro = draw_metro(rng, level)
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


def lines_through(rng: np.random.Generator, level: int) -> Posed:
    """Counting2: how many lines call at a stop? Half of the stops asked for are interchanges."""
    metro, wanted = draw_metro(rng, level), rng.random() < 0.5
    stop = pick(rng, [s for s in metro.places if (len(metro.lines_at(s)) > 1) == wanted])
    names = metro.lines_at(stop)
    thought = f"{stop}: {', '.join(names)}. total {len(names)}."
    answer = Answer("count", len(names))
    asked = f"How many lines call at {stop}?"
    return _posed(metro, "Counting2", asked, answer, len(names), thought, (stop,))


def lines_in_all(rng: np.random.Generator, level: int) -> Posed:
    """Counting3: how many lines has the map?"""
    metro = draw_metro(rng, level)
    count = len(metro.lines)
    thought = f"{', '.join(metro.lines)}. total {count}."
    asked = "How many lines are on this map?"
    return _posed(metro, "Counting3", asked, Answer("count", count), count, thought)


def _draw_ride(rng: np.random.Generator, level: int) -> tuple[Metro, tuple[Segment, ...]]:
    """A map, and a route on it with the transfers of the difficulty."""
    for _ in range(REDRAWS):
        metro = draw_metro(rng, level)
        for start in shuffled(rng, tuple(metro.places)):
            routes = list(routes_from(metro, start).values())
            asked = [route for route in routes if len(route) == metro.extent.transfers + 1]
            if asked:
                return metro, pick(rng, asked)
    raise ValueError(f"no map of difficulty {level} has a ride with its transfers")


def planning(rng: np.random.Generator, level: int) -> Posed:
    """Plan a ride with as few transfers as there can be."""
    metro, route = _draw_ride(rng, level)
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
        _facts(metro, "planning", -1, (start, end), len(route) - 1),
    )  # fmt: skip


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
    colours = {
        tuple(rgb) for rgb in np.asarray(open_image(posed.show()[0])).reshape(-1, 3).tolist()
    }
    return len(colours & set(COLOURS.values())) == posed.answer.value


def _confirm_same(posed: Posed) -> bool:
    facts = posed.facts
    changes = fewest_transfers(facts["lines"], facts["station_1"], facts["station_2"])
    return (changes == 0) == posed.answer.value == bool(facts["answer"])


def _confirm_between(posed: Posed) -> bool:
    facts = posed.facts
    passed = walk(facts["lines"], facts["station_1"], facts["station_2"])
    told = posed.answer.options[posed.answer.value]
    return told == str(passed) and LETTERS[facts["answer"]] == posed.answer.value


def _confirm_on(posed: Posed) -> bool:
    line, stop = posed.facts["line"], posed.facts["station_1"]
    return (fewest_transfers({line: posed.facts["lines"][line]}, stop, stop) == 0) == (
        posed.answer.value
    )


def _confirm_through(posed: Posed) -> bool:
    calls = [stop for stops in posed.facts["lines"].values() for stop in stops]
    return calls.count(posed.facts["station_1"]) == posed.answer.value == posed.facts["answer"]


def effort(posed: Posed, legs: bool = False) -> float:
    """Stops to read, for each line of a planned ride."""
    stops = sum(map(len, posed.facts["lines"].values()))
    return float(stops * (posed.facts["question_transfer_count"] + 1 if legs else 1))


_CONFIRMED: dict[str, tuple[Callable[[np.random.Generator, int], Posed], Callable[[Posed], bool]]]
_CONFIRMED = {
    "TorF1": (same_line, _confirm_same),
    "TorF2": (on_line, _confirm_on),
    "Counting1": (stops_between, _confirm_between),
    "Counting2": (lines_through, _confirm_through),
    "Counting3": (lines_in_all, _confirm_lines),
}
TASKS = (
    *(
        WorldTask(name, "multi", "image", pose, confirm, effort)
        for name, (pose, confirm) in _CONFIRMED.items()
    ),
    WorldTask("planning", "multi", "image", planning, _confirm_route, partial(effort, legs=True)),
)
