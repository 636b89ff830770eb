"""RewardMap: partial credit for transit routes, and rewards multiplied by difficulty.

Source: arXiv 2510.02240 and its released code. A route is written as blocks separated by "--", each
with the keys "Route Name:", "Departure Stop:" and "Arrival Stop:" on lines of their own. The map is
a mapping from line names to ordered stops.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from gnomon.parts import register
from gnomon.records import Sample
from gnomon.rewards.sections import column_of, optional

Lines = Mapping[str, Sequence[str]]
KEYS = ("Route Name:", "Departure Stop:", "Arrival Stop:")
MISSING = "Wrong"
"""What the released reader gives for a key without its value."""
_DELETED = re.compile(r"[Mm]etro|[,*\n']")
_ASIDE = re.compile(r"[（(].*?[)）]")
_VALUE = {key: re.compile(re.escape(key) + r" (.*)") for key in KEYS[:2]}
_REPLACED = (
    ("Univ.", "University"),
    ("Univ", "University"),
    ("Tech.", "Technology"),
    ("Tech", "Technology"),
    ("road", "lu"),
    ("Road", "lu"),
)
_ALIASES = (("八通", "Line 1"), ("大兴", "Line 4"))
DIFFICULTY = {"easy": 1.0, "middle": 1.2, "hard": 1.5}
PLANNING_BONUS = 0.5


@dataclass(frozen=True)
class Leg:
    """One ride: its line, and the normalised names of its two stops."""

    line: str
    departure: str
    arrival: str


def normalise_stop(name: str) -> str:
    """A stop's name in the form in which two are compared.

    Deletes "Metro", commas, asterisks, line breaks, apostrophes, "Station", a final 站, and what
    stands in brackets; "Univ" and "Tech" are written out (twice over, on both sides alike), "road"
    becomes "lu"; then whitespace, hyphens and case go.

    >>> normalise_stop("King's Cross Station (Transfer)")
    'kingscross'
    """
    name = _DELETED.sub("", name)
    for short, long in _REPLACED:
        name = name.replace(short, long)
    name = re.sub("[Ss]tation", "", name).replace("Asian Games Village", "yayuncun")
    name = name.removesuffix("站")
    closed = max(name.rfind(")"), name.rfind("）")) + 1
    name = _ASIDE.sub("", name[:closed]) + name[closed:]
    return re.sub(r"[\s-]", "", name).lower()


def read_legs(text: str, *, any_case: bool = False) -> list[Leg]:
    """The legs of a written route; blocks that lack a key are skipped.

    Line and departure are what follows the key and exactly one space, up to the line's end; without
    that "Wrong". The arrival is everything behind the block's last "Arrival Stop:", so a closing
    remark becomes part of it. ``any_case`` keeps blocks whose keys have other letters' cases; their
    values are read with the exact spelling still.

    >>> read_legs("Route Name: North\\nDeparture Stop: Ada\\nArrival Stop: Bode")
    [Leg(line='North', departure='ada', arrival='bode')]
    """
    legs = []
    for block in text.split("--"):
        seen = block.lower() if any_case else block
        if all((key.lower() if any_case else key) in seen for key in KEYS):
            line, departure = (_value(block, key) for key in KEYS[:2])
            _, found, arrival = block.rpartition(KEYS[2])
            stops = (normalise_stop(name) for name in (departure, arrival if found else MISSING))
            legs.append(Leg(line.strip(), *stops))
    return legs


def _value(block: str, key: str) -> str:
    match = _VALUE[key].search(block)
    return MISSING if match is None else match.group(1)


@dataclass(frozen=True)
class TransitMap:
    """Lines by name, each the ordered normalised names of its stops."""

    lines: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, lines: Lines) -> TransitMap:
        """From stops as written; markers such as "(Transfer Station)" go with their brackets."""
        return cls({name: tuple(map(normalise_stop, stops)) for name, stops in lines.items()})

    def stops(self, line: str) -> tuple[str, ...] | None:
        """Stops of the line of exactly this name (or of its Beijing alias), None if there is none.

        >>> TransitMap.of({"Line 1": ["Ada"]}).stops("Line 八通")
        ('ada',)
        """
        for part, name in _ALIASES:
            line = name if part in line else line
        return self.lines.get(line)


def route_is_right(legs: Sequence[Leg], start: str, end: str, network: TransitMap) -> bool:
    """Whether the legs lead from ``start`` to ``end`` along lines of the map, each joined on.

    Names are normalised first. False without legs.
    """
    if not legs or not _reaches(legs, start, end):
        return False
    joined = all(one.arrival == two.departure for one, two in pairwise(legs))
    return joined and all(_rides(leg, network) for leg in legs)


def _reaches(legs: Sequence[Leg], start: str, end: str) -> bool:
    ends = normalise_stop(start), normalise_stop(end)
    return (legs[0].departure, legs[-1].arrival) == ends


def _rides(leg: Leg, network: TransitMap) -> bool:
    stops = network.stops(leg.line) or ()
    return leg.departure in stops and leg.arrival in stops


def detail_credit(
    legs: Sequence[Leg],
    start: str,
    end: str,
    network: TransitMap,
    transfers: int,
    *,
    count: Literal["segments", "transfers"] = "segments",
) -> float:
    """Detail reward D of a route, at most 10, without a lower bound; 0 when it misses the ends.

    2 for the ends. For the leg i = 1, 2, ...: -5 beyond ``transfers`` of them; for a line that
    exists 4 when no transfer is asked and it holds both ends, 3 when some are; 1 when both stops
    are on the line, the next leg departs where this one arrives and i is within ``transfers``.
    "segments" numbers legs from 1, as shipped, so that every right route loses 5 on its last leg;
    "transfers" numbers them from 0, as in the paper's pseudo-code. Source: arXiv 2510.02240.
    """
    if not legs or not _reaches(legs, start, end):
        return 0.0
    ends = {normalise_stop(start), normalise_stop(end)}
    total = 2.0
    for number, leg in enumerate(legs, 1):
        stops = network.stops(leg.line)
        place = number if count == "segments" else number - 1
        total -= 5 * (place > transfers)
        if stops is not None:
            total += 3 if transfers > 0 else 4 * ends.issubset(stops)
        joined = number < len(legs) and leg.arrival == legs[number].departure
        total += joined and number <= transfers and _rides(leg, network)
    return min(total, 10.0)


def difficulty_weight(level: str, transfers: int, *, planning: bool) -> float:
    """W = 1.0, 1.2 or 1.5 for easy, middle, hard, and 0.5 more for planning with a transfer.

    Raises ValueError for another level. Source: arXiv 2510.02240.

    >>> difficulty_weight("hard", 1, planning=True), difficulty_weight("middle", 3, planning=False)
    (2.0, 1.2)
    """
    if level not in DIFFICULTY:
        raise ValueError(f"difficulty {level!r} is not one of {', '.join(DIFFICULTY)}")
    return DIFFICULTY[level] + PLANNING_BONUS * (planning and transfers >= 1)


def _journey(sample: Sample) -> tuple[str, str, TransitMap, int]:
    lines = column_of(sample, "lines")
    transfers = int(optional(sample.meta, "question_transfer_count", 0))
    ends = column_of(sample, "station_1"), column_of(sample, "station_2")
    return (*ends, TransitMap.of(lines), transfers)


def is_planning(sample: Sample) -> bool:
    """Whether the record's type is "planning"."""
    return bool(optional(sample.meta, "type", "") == "planning")


@register("reward")
def route(response: str, sample: Sample) -> float | None:
    """1 when the response is a right route on the record's map, 0 when not, None off planning.

    Columns: ``type``, ``station_1``, ``station_2``, ``lines`` (line name to stops). The whole
    response is read, so that a remark behind the last block spoils it, as does every wrong leg;
    writing several routes in a row joins them into one. Source: RewardMap, arXiv 2510.02240.
    """
    if not is_planning(sample):
        return None
    start, end, network, _ = _journey(sample)
    return float(route_is_right(read_legs(response), start, end, network))


@register("reward")
def route_details(
    response: str, sample: Sample, *, count: Literal["segments", "transfers"] = "segments"
) -> float:
    """Detail reward D of a planning answer, at most 10 and unbounded below; 0 off planning.

    Columns as in ``route`` with ``question_transfer_count``. Can be gamed by 2 + 3 points for the
    right ends and any existing line, which is its purpose; further legs cost 5 each. "segments" is
    the shipped count, "transfers" the paper's. Its weight is 0.5. Source: arXiv 2510.02240.
    """
    if not is_planning(sample):
        return 0.0
    start, end, network, transfers = _journey(sample)
    legs = read_legs(response, any_case=True)
    return detail_credit(legs, start, end, network, transfers, count=count)


@register("reward")
def difficulty_factor(sample: Sample, *, column: str = "difficulty_city") -> float:
    """The weight W of a record, by which ``scaled-sum`` multiplies the other terms.

    1.0, 1.2 or 1.5 for easy, middle and hard, plus 0.5 for planning with a transfer. Nothing that a
    response holds changes it. It cancels in advantages that are divided by the group's std. Source:
    RewardMap, arXiv 2510.02240.

    >>> difficulty_factor(Sample("a", (), meta={"difficulty_city": "hard", "type": "TorF1"}))
    1.5
    """
    transfers = int(optional(sample.meta, "question_transfer_count", 0))
    return difficulty_weight(
        str(column_of(sample, column)), transfers, planning=is_planning(sample)
    )


_LEADS = ("final answer is", "answer is", "correct answer is", "answer should be")
_UNITS = re.compile(r"\s|km|m\^3|units|\^\\circ|\\left|\\right|\\text|\\mbox")


def short_answer(text: str) -> str:
    r"""The body of a yes/no, count or choice answer as RewardMap reads it, lower-cased.

    Without a box the text behind the last lead-in phrase, up to a line break and ". "; with several
    the last box. Of the body what follows the last "=" or "\approx", without units, spaces and
    LaTeX wrappers; a trailing "." and leading ":" go. Source: arXiv 2510.02240, code.

    >>> short_answer(r"so \boxed{Yes}"), short_answer("The answer is 4. Good.")
    ('yes', '4')
    """
    if "oxed{" not in text:
        text = _behind_lead(text)
        body = text.lower()
    else:
        body = text.rpartition("oxed{")[2].lower()
        body = _balanced(body[: body.rfind("}") + 1] if "}" in body else body)
    body = re.split(r"=|\\approx", body)[-1]
    body = _UNITS.sub("", body).replace("{", "").replace("}", "")
    return body.rstrip(".").lstrip(":")


def _behind_lead(text: str) -> str:
    for phrase in _LEADS:
        for article in ("the", "The"):
            _, found, tail = text.rpartition(f"{article} {phrase}")
            if found:
                text = tail.strip().partition("\n")[0].partition(". ")[0]
    return text


def _balanced(body: str) -> str:
    depth = 0
    for place, character in enumerate(body):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return body[:place]
    return body


def short_answer_is_right(text: str, gold: int, kind: str) -> bool:
    """Whether a RewardMap answer is right: yes/no for TorF, A-D for Counting1, else an integer.

    ``gold`` is 1 for yes and 0 for no, the index of the option, or the number; "5.0" is no integer.
    Source: arXiv 2510.02240, code.

    >>> short_answer_is_right(r"\\boxed{C}", 2, "Counting1")
    True
    """
    body = short_answer(text)
    if kind.startswith("TorF"):
        return body == ("yes" if gold else "no")
    if kind == "Counting1":
        return len(body) == 1 and "abcd".find(body) == gold
    return re.fullmatch("[-+]?[0-9]{1,18}", body) is not None and int(body) == gold


@register("reward")
def map_answer(response: str, sample: Sample) -> float | None:
    """1 when a RewardMap question other than planning is answered right, else 0; None on planning.

    Columns ``type`` and ``answer``. The last box counts alone, so that answers in every form do not
    help; without any box the text behind a lead-in phrase does. Source: arXiv 2510.02240.

    >>> asked = Sample("a", (), meta={"type": "TorF1", "answer": 1})
    >>> map_answer(r"\\boxed{Yes}", asked)
    1.0
    """
    if is_planning(sample):
        return None
    kind, gold = str(column_of(sample, "type")), column_of(sample, "answer")
    return float(short_answer_is_right(response, int(gold), kind))
