"""RewardMap: scores of transit maps that its reward leaves out, to be added or watched.

Source: arXiv 2510.02240, its released code, and its benchmark ReasonMap. Routes are read as in
`gnomon.rewards.transit`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gnomon.parts import register
from gnomon.records import Sample
from gnomon.rewards.sections import column_of, optional
from gnomon.rewards.transit import (
    Leg,
    TransitMap,
    is_planning,
    normalise_stop,
    read_legs,
    route_is_right,
)


def read_stop_list(text: str) -> list[str]:
    """Stops listed behind "Stops:" and a bracket, in any case; empty without a closed list.

    Split at commas outside round brackets; blanks, then ".", then ";" at the ends go, then a
    leading word "and"; empty items and "..." are dropped.

    >>> read_stop_list("Stops: [Ada (A, B), and Bode.; , ...]")
    ['Ada (A, B)', 'Bode']
    """
    place = text.lower().find("stops:")
    start = text.find("[", place) if place >= 0 else -1
    end = _closing(text, start) if start >= 0 else -1
    if end < 0:
        return []
    items = _outside_commas(text[start + 1 : end])
    cleaned = (re.sub(r"^and\s+", "", item.strip(" ").strip(".").strip(";")) for item in items)
    kept = (item.strip(" ").strip(".") for item in cleaned)
    return [item for item in kept if item and item != "..."]


def _closing(text: str, start: int) -> int:
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] == "[") - (text[place] == "]")
        if depth == 0:
            return place
    return -1


def _outside_commas(text: str) -> list[str]:
    items, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth <= 0:
            items.append("")
        else:
            items[-1] += character
    return [item.strip() for item in items]


def stop_list_bonus(listed: Sequence[str], start: str, end: str, network: TransitMap) -> float:
    """0.5 for each new stop strictly between the two on the first line with both, else -0.5.

    Raises ValueError where no line holds both stops. Source: arXiv 2510.02240; released but not
    added to the reward.
    """
    ends = normalise_stop(start), normalise_stop(end)
    line = next((stops for stops in network.lines.values() if set(ends) <= set(stops)), None)
    if line is None:
        raise ValueError(f"no line holds both {start!r} and {end!r}; correct the record")
    first, last = sorted(map(line.index, ends))
    wanted, total = set(line[first + 1 : last]), 0.0
    for name in map(normalise_stop, listed):
        total += 0.5 if name in wanted else -0.5
        wanted.discard(name)
    return total


@register("reward")
def stop_list(response: str, sample: Sample) -> float | None:
    """Bonus for the stops that a Counting1 response lists, see `stop_list_bonus`; else None.

    Columns ``type``, ``station_1``, ``station_2``, ``lines``. The first list behind "Stops:" counts
    alone; a stop that is not between the two costs what a right one earns, so that listing the
    whole map pays only where most of it lies between. Off in the release. Source: RewardMap, arXiv
    2510.02240, code.

    >>> lines = {"North": ["Ada", "Bode", "Cantor", "Darwin"]}
    >>> ends = {"type": "Counting1", "station_1": "Ada", "station_2": "Darwin", "lines": lines}
    >>> stop_list("Stops: [Bode, Bode, Euler]", Sample("a", (), meta=ends))
    -0.5
    """
    if optional(sample.meta, "type", "") != "Counting1":
        return None
    ends = str(column_of(sample, "station_1")), str(column_of(sample, "station_2"))
    network = TransitMap.of(column_of(sample, "lines"))
    return stop_list_bonus(read_stop_list(response), *ends, network)


def structured_score(
    legs: Sequence[Leg], plans: Sequence[Sequence[Leg]], right: bool, *, long: bool = False
) -> float:
    """Map score of ReasonMap: best over reference plans, 10 (20 for long questions) more if right.

    Per plan 1 for the ends, 2 for each line, 1 for each departure and 1 for each arrival that
    agree leg by leg, capped at 10 (20). Via-stop terms of long questions are left out. Source:
    arXiv 2510.02240, benchmark.
    """
    cap = 20.0 if long else 10.0

    def one(plan: Sequence[Leg]) -> float:
        if not legs or not plan:
            return 0.0
        ends = (legs[0].departure, legs[-1].arrival) == (plan[0].departure, plan[-1].arrival)
        shared = sum(
            2 * (a.line == b.line) + (a.departure == b.departure) + (a.arrival == b.arrival)
            for a, b in zip(legs, plan, strict=False)
        )
        return min(cap, float(ends + shared))

    return max(map(one, plans), default=0.0) + cap * right


@register("reward")
def map_score(
    response: str, sample: Sample, *, column: str = "plans", long: bool = False
) -> float | None:
    """ReasonMap's score of a route against reference plans, at most 20, or 40 if ``long``.

    None off planning. ``column`` holds the plans as texts in the layout of answers; else the
    columns of `gnomon.rewards.transit.route`. Legs beyond those of a plan earn nothing. Source:
    arXiv 2510.02240, benchmark.
    """
    if not is_planning(sample):
        return None
    legs = read_legs(response)
    ends = str(column_of(sample, "station_1")), str(column_of(sample, "station_2"))
    right = route_is_right(legs, *ends, TransitMap.of(column_of(sample, "lines")))
    plans = [read_legs(str(plan)) for plan in column_of(sample, column) or ()]
    return structured_score(legs, plans, right, long=long)
