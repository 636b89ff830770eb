"""Calendars: the longest meeting that suits everybody, and how many options there are for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gnomon.worlds.logic.family import Facts, Language, Puzzle, first_of, require
from gnomon.worlds.logic.lexicon import PEOPLE
from gnomon.worlds.scene import between, pick, shuffled
from gnomon.worlds.world import Posed

SLOTS, SLOT, OPENS = 96, 5, 9 * 60
"""Slots of a day from 9 to 17 o'clock, their minutes, and the minute of the day when it begins."""
HALF = 30 // SLOT
DAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
    "zh": ("周一", "周二", "周三", "周四", "周五"),
}
_RULES = {
    "en": {
        "late": "{who} does not meet before 10:00.",
        "early": "{who} does not meet after 16:00.",
        "day": "{who} does not meet on {day}.",
        "lunch": "{who} does not meet from 12:00 to 13:00.",
        "before": "{who} needs 15 minutes before each appointment.",
        "after": "{who} needs 15 minutes after each appointment.",
        "afternoon": "{who} does not meet on {day} after 13:00.",
        "morning": "{who} does not meet on {day} before 12:00.",
        "hour": "{who} does not want the meeting to last longer than 60 minutes.",
        "half": "{who} does not want the meeting to last longer than 30 minutes.",
    },
    "zh": {
        "late": "{who} 10:00 前不开会。",
        "early": "{who} 16:00 后不开会。",
        "day": "{who} {day}不开会。",
        "lunch": "{who} 12:00 到 13:00 不开会。",
        "before": "{who} 每个约会前需要 15 分钟。",
        "after": "{who} 每个约会后需要 15 分钟。",
        "afternoon": "{who} {day} 13:00 后不开会。",
        "morning": "{who} {day} 12:00 前不开会。",
        "hour": "{who} 不希望会议超过 60 分钟。",
        "half": "{who} 不希望会议超过 30 分钟。",
    },
}
"""The ten personal rules."""
_CAPS = {"hour": 60, "half": 30}
Busy = list[list[list[int]]]
"""Appointments by day as pairs of slots: first, and first one after."""


def draw_time_sequence(
    rng: np.random.Generator, *, people: int, rule_prob: float, days: int = 5
) -> Puzzle:
    """Calendars of ``people`` on ``days`` days; each has one of ten rules with ``rule_prob``
    percent.

    A meeting starts on a half hour, lasts whole slots of five minutes and ends by 17 o'clock. The
    answer is the longest one, and on how many starts it is possible; a preference caps it at 60 or
    30 minutes.
    """
    require(1 <= people <= 10, f"people={people}: use 1 to 10")
    require(0 <= rule_prob <= 100, f"rule_prob={rule_prob}: use a percentage from 0 to 100")
    require(1 <= days <= 5, f"days={days}: use 1 to 5")
    names = shuffled(rng, PEOPLE)[:people]

    def draw() -> tuple[dict[str, Busy], list[list[Any]], list[list[int]]] | None:
        busy = {name: [_day(rng) for _ in range(days)] for name in names}
        rules = [
            [name, pick(rng, list(_RULES["en"])), between(rng, 0, days - 1)]
            for name in names
            if rng.random() * 100 < rule_prob
        ]
        lengths = _lengths(busy, rules, days)
        return (busy, rules, lengths) if any(map(any, lengths)) else None

    busy, rules, lengths = first_of(draw, "calendars with a common gap")
    longest = max(map(max, lengths))
    options = sum(row.count(longest) for row in lengths)
    steps = [
        f"{DAYS['en'][day]} {_clock(HALF * k)} {minutes}."
        for day, row in enumerate(lengths)
        for k, minutes in enumerate(row)
        if minutes
    ]
    answers = {"answer_maxLen": longest, "answer_nums": options}
    told = sum(len(day) for calendar in busy.values() for day in calendar)
    text = f"[{longest}, {options}]"
    more = {"busy": busy, "rules": rules}
    thought = f"{' '.join(steps)} Longest {longest}, {options} times."
    key = f"{busy} {rules}"
    work = told + 3 * len(rules)
    return Puzzle({"records": {"answers": answers}}, text, text, key, work, thought, more)


def _day(rng: np.random.Generator) -> list[list[int]]:
    """One to three appointments of 15 to 120 minutes, one after the other."""
    day, start = [], 0
    for _ in range(between(rng, 1, 3)):
        start += between(rng, 0, 24)
        end = start + between(rng, 3, 24)
        if end > SLOTS:
            break
        day.append([start, end])
        start = end + 1
    return day


def _span(first: int, end: int) -> int:
    """Bits of the slots from ``first`` to before ``end``."""
    return (1 << max(end, 0)) - (1 << max(first, 0))


def _lengths(busy: dict[str, Busy], rules: list[list[Any]], days: int) -> list[list[int]]:
    """Minutes of the longest meeting by day and start; [days][half hours]."""
    cap = min((_CAPS.get(kind, 480) for _, kind, _ in rules), default=480)
    pads = {name: (kind == "before", kind == "after") for name, kind, _ in rules}
    lengths = []
    for day in range(days):
        taken = 0
        for name, calendar in busy.items():
            before, after = pads.get(name, (False, False))
            for first, end in calendar[day]:
                taken |= _span(first - 3 * before, min(SLOTS, end + 3 * after))
        for _, kind, on in rules:
            if kind in _BLOCKS and (on == day or kind not in ("day", "afternoon", "morning")):
                taken |= _span(*_BLOCKS[kind])
        row = []
        for start in range(0, SLOTS, HALF):
            rest = (taken >> start) | (1 << (SLOTS - start))
            row.append(min(cap, SLOT * ((rest & -rest).bit_length() - 1)))
        lengths.append(row)
    return lengths


_BLOCKS = {
    "late": (0, 12),
    "early": (84, SLOTS),
    "day": (0, SLOTS),
    "lunch": (36, 48),
    "afternoon": (48, SLOTS),
    "morning": (0, 36),
}
"""Slots that a rule takes."""


def _clock(slot: int) -> str:
    minute = OPENS + SLOT * slot
    return f"{minute // 60:02d}:{minute % 60:02d}"


def tell_time_sequence(facts: Facts, language: Language) -> dict[str, str]:
    """The appointments by person and day, then the rules."""
    told = []
    for name, calendar in facts["busy"].items():
        parts = []
        for day, spans in zip(DAYS[language], calendar, strict=False):
            times = ", ".join(f"{_clock(first)}-{_clock(end)}" for first, end in spans)
            parts.append(f"{day} {times or '-'}")
        told.append(f"{name}: " + "; ".join(parts))
    for who, kind, day in facts["rules"]:
        told.append(_RULES[language][kind].format(who=who, day=DAYS[language][day]))
    days = len(next(iter(facts["busy"].values())))
    names = DAYS[language]
    span = names[0] if days == 1 else f"{names[0]} - {names[days - 1]}"
    return {"puzzle": "\n".join(told), "days": span}


_ALLOWED: dict[str, Callable[[int, bool], bool]] = {
    "late": lambda minute, on: minute >= 600,
    "early": lambda minute, on: minute < 960,
    "day": lambda minute, on: not on,
    "lunch": lambda minute, on: not 720 <= minute < 780,
    "afternoon": lambda minute, on: not on or minute < 780,
    "morning": lambda minute, on: not on or minute >= 720,
}


def confirm_time_sequence(posed: Posed) -> bool:
    """Slot by slot: who is free at that minute of that day?"""
    busy, rules = posed.facts["busy"], posed.facts["rules"]
    found: list[int] = []
    for day in range(len(next(iter(busy.values())))):
        for start in range(OPENS, 1020, 30):
            minute = start
            while minute < 1020 and _everybody(busy, rules, day, minute):
                minute += SLOT
            found.append(minute - start)
    kinds = {kind for _, kind, _ in rules}
    cap = 30 if "half" in kinds else 60 if "hour" in kinds else 480
    found = [min(cap, minutes) for minutes in found]
    return posed.answer_text == f"[{max(found)}, {found.count(max(found))}]"


def _everybody(busy: Facts, rules: list[list[Any]], day: int, minute: int) -> bool:
    allowed = all(_ALLOWED[kind](minute, on == day) for _, kind, on in rules if kind in _ALLOWED)
    return allowed and not any(
        OPENS + SLOT * first - 15 * ([name, "before"] in [rule[:2] for rule in rules])
        <= minute
        < OPENS + SLOT * end + 15 * ([name, "after"] in [rule[:2] for rule in rules])
        for name, calendar in busy.items()
        for first, end in calendar[day]
    )
