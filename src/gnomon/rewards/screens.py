"""Rewards on actions at a screen: UI-R1 and InfiGUI-R1.

An action is a mapping with ``action`` and its arguments. Points of a response are in the picture
that the model saw, references in the original; the terms rescale.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gnomon.parts import register
from gnomon.records import Sample
from gnomon.rewards.sections import (
    any_case_block,
    column_of,
    finite,
    first_block,
    optional,
    read_json,
)
from gnomon.rewards.visual import inside

_QUOTED = re.compile(r"'action':\s*'(\w+)'")
_UNQUOTED = re.compile(r"'action':\s*(\w+)")
_POINT = re.compile(r"\[(\d{1,9}),\s*(\d{1,9})\]")
_BRACES = re.compile(r"\{([^{}\n]*)\}")
Pick = Literal["first", "last"]


def listed_action(text: str) -> str | None:
    """Name of the first ``'action': 'name'`` in the first answer block, or None.

    Single quotes; an unquoted word counts where no quoted one is. JSON with double quotes is not
    read. Source: UI-R1, arXiv 2503.21620, code.

    >>> listed_action("<answer>[{'action': 'click', 'coordinate': [1, 2]}]</answer>")
    'click'
    """
    body = first_block(text, "answer")
    if body is None:
        return None
    found = _QUOTED.search(body) or _UNQUOTED.search(body)
    return None if found is None else found.group(1)


def listed_point(text: str, pick: Pick = "first") -> tuple[int, int] | None:
    """The pair ``[int, int]`` in the first answer block, or None; decimals are not read.

    "first": the first pair. "last": the last pair between braces on one line, as two of the
    released scripts read. Source: UI-R1, arXiv 2503.21620, code.

    >>> listed_point("<answer>[{'action': 'click', 'coordinate': [120, 80]}]</answer>")
    (120, 80)
    """
    body = first_block(text, "answer") or ""
    if pick == "first":
        found = _POINT.search(body)
        return None if found is None else (int(found.group(1)), int(found.group(2)))
    pairs = [pair for group in _BRACES.findall(body) for pair in _POINT.findall(group)]
    return (int(pairs[-1][0]), int(pairs[-1][1])) if pairs else None


def click_score(
    text: str,
    gold: str,
    box: Sequence[float],
    scale: tuple[float, float] = (1.0, 1.0),
    *,
    pick: Pick = "first",
    mode: Literal["strict", "released"] = "strict",
) -> float:
    """R_C of UI-R1: 1 for a right non-click, or a click whose scaled point lies in the box, else 0.

    ``scale`` is original over resized side; products are truncated to integers, edges are inside.
    0 for another action. Without a point: 0; "released" takes (0, 0), which a box in the corner
    contains. Source: arXiv 2503.21620, code.

    >>> said = "<answer>[{'action': 'click', 'coordinate': [100, 80]}]</answer>"
    >>> click_score(said, "click", (100, 60, 140, 100), (1.25, 1.0))
    1.0
    """
    if listed_action(text) != gold:
        return 0.0
    if gold != "click":
        return 1.0
    point = listed_point(text, pick) or ((0, 0) if mode == "released" else None)
    if point is None:
        return 0.0
    return float(inside((int(point[0] * scale[0]), int(point[1] * scale[1])), box))


@register("reward")
def action_type(response: str, sample: Sample, *, column: str = "action") -> float:
    """1 when the first answer block names the gold action, else 0.

    Reads ``'action': 'name'`` in single quotes; the first one decides, so naming every action does
    not help. A record without ``column`` is a click. Source: UI-R1, arXiv 2503.21620.

    >>> scroll = Sample("a", (), meta={"action": "scroll"})
    >>> action_type("<answer>[{'action': 'scroll', 'coordinate': [3, 3]}]</answer>", scroll)
    1.0
    """
    return float(listed_action(response) == optional(sample.meta, column, "click"))


@register("reward")
def action_point(
    response: str,
    sample: Sample,
    *,
    pick: Pick = "first",
    mode: Literal["strict", "released"] = "strict",
) -> float:
    """1 for the right action at the right place, else 0: R_C of UI-R1, see `click_score`.

    Columns ``action`` (absent: click), ``bbox`` for a click, and ``scale`` [x, y] where the model
    saw the screen resized. Other actions pass through. Only one pair of the first answer block
    counts, the first or the last as ``pick`` says. "released": a click without a point is one at
    (0, 0). Source: arXiv 2503.21620.
    """
    gold = str(optional(sample.meta, "action", "click"))
    box = column_of(sample, "bbox") if gold == "click" else (0, 0, 0, 0)
    x, y = optional(sample.meta, "scale", (1.0, 1.0))
    return click_score(response, gold, box, (x, y), pick=pick, mode=mode)


@dataclass(frozen=True)
class Match:
    """Whether an action's type, and everything about it, agrees with the gold action."""

    type: bool
    exact: bool


MISS = Match(False, False)
ENLARGED = 1.2
NEAR = 0.04
_NEEDS = {
    "click": ("coordinate",),
    "long_press": ("coordinate",),
    "swipe": ("coordinate", "coordinate2"),
    "type": ("text",),
    "open": ("text",),
    "key": ("text",),
    "system_button": ("button",),
}
"""Arguments that a prediction cannot leave out."""


def read_tool_call(text: str) -> dict[str, Any] | None:
    """The arguments of the tool call behind the last closing think tag, or None.

    JSON in the first tool_call block; without a closing tag up to the last "}}"; without tags from
    the object that starts with a "name". None for anything that is no object with an object of
    arguments that holds a string ``action``. Source: InfiGUI-R1, arXiv 2504.14239, code.

    >>> read_tool_call('<tool_call>{"name": "m", "arguments": {"action": "wait"}}</tool_call>')
    {'action': 'wait'}
    """
    tail = text.rpartition("</think>")[2]
    body = first_block(tail, "tool_call")
    if body is None:
        opening = tail.find("<tool_call>")
        start = opening + len("<tool_call>") if opening >= 0 else tail.find('{"name"')
        body = tail[start : tail.rfind("}}") + 2] if start >= 0 else None
    call = read_json(body)
    arguments = call.get("arguments") if isinstance(call, dict) else None
    known = isinstance(arguments, dict) and isinstance(arguments.get("action"), str)
    return dict(arguments) if known and isinstance(arguments, dict) else None


def swipe_direction(start: Sequence[float], end: Sequence[float], size: Sequence[float]) -> str:
    """Direction of the larger displacement in shares of the frame; a tie is vertical, none is up.

    >>> swipe_direction((200, 2000), (220, 900), (1092, 2408))
    'up'
    """
    x, y = (end[0] - start[0]) / size[0], (end[1] - start[1]) / size[1]
    if abs(x) > abs(y):
        return "right" if x > 0 else "left"
    return "down" if y > 0 else "up"


def match_step(
    said: Mapping[str, Any] | None,
    gold: Mapping[str, Any],
    seen: Sequence[float],
    size: Sequence[float],
    *,
    mode: Literal["strict", "released"] = "strict",
) -> Match:
    """The step match of InfiGUI-R1 (arXiv 2504.14239), by action.

    ``seen`` and ``size`` are width and height of the resized and the original screen; points are
    compared in shares of them. A prediction that lacks an argument misses. Clicks: inside a
    candidate box enlarged 1.2 times, or within 0.04 of the longer resized side. Texts: one contains
    the other; the empty text then fits everything, which "strict" refuses. An "open" also accepts a
    click by the rule of clicks where a candidate box is known.
    """
    if said is None or not _complete(said):
        return MISS
    name, wanted = said["action"], gold["action"]
    if wanted == "open" and name == "click" and gold.get("candidate_bbox"):
        x1, y1, x2, y2 = gold["candidate_bbox"][0]
        centre = {**gold, "coordinate": ((x1 + x2) / 2, (y1 + y2) / 2)}
        return Match(True, _click_fits(said, centre, seen, size))
    if name != wanted:
        return MISS
    rule = _RULES.get(name)
    return Match(True, rule is None or rule(said, gold, seen, size, mode))


def _complete(said: Mapping[str, Any]) -> bool:
    for name in _NEEDS.get(said["action"], ()):
        value = said.get(name)
        if name.startswith("coordinate"):
            if not isinstance(value, list) or len(value) != 2 or None in map(finite, value):
                return False
        elif not isinstance(value, str):
            return False
    return True


def _point(value: Sequence[Any]) -> tuple[float, float]:
    return float(value[0]), float(value[1])


def _click_fits(
    said: Mapping[str, Any],
    gold: Mapping[str, Any],
    seen: Sequence[float],
    size: Sequence[float],
    mode: str = "",
) -> bool:
    x, y = _point(said["coordinate"])
    share = (x / seen[0], y / seen[1])
    for x1, y1, x2, y2 in gold.get("candidate_bbox") or ():
        wide, high = (x2 - x1) * (ENLARGED - 1) / 2, (y2 - y1) * (ENLARGED - 1) / 2
        box = (x1 - wide, y1 - high, x2 + wide, y2 + high)
        if inside((share[0] * size[0], share[1] * size[1]), box):
            return True
    gx, gy = _point(gold["coordinate"])
    gap = math.hypot(x - gx / size[0] * seen[0], y - gy / size[1] * seen[1])
    return gap <= NEAR * max(seen)


def _text_fits(
    said: Mapping[str, Any], gold: Mapping[str, Any], seen: Any, size: Any, mode: str
) -> bool:
    one, other = (str(each["text"]).lower().strip() for each in (said, gold))
    if mode == "strict" and not (one and other):
        return one == other
    return one in other or other in one


def _swipe_fits(
    said: Mapping[str, Any], gold: Mapping[str, Any], seen: Sequence[float], size: Any, mode: str
) -> bool:
    ends = _point(said["coordinate"]), _point(said["coordinate2"])
    return swipe_direction(*ends, seen) == str(gold["direction"])


def _button_fits(
    said: Mapping[str, Any], gold: Mapping[str, Any], seen: Any, size: Any, mode: str
) -> bool:
    return str(said["button"]).lower().strip() == str(gold["button"]).lower().strip()


def _key_fits(
    said: Mapping[str, Any], gold: Mapping[str, Any], seen: Any, size: Any, mode: str
) -> bool:
    return bool(said["text"] == gold["text"])


_RULES = {
    "click": _click_fits,
    "long_press": _click_fits,
    "type": _text_fits,
    "open": _text_fits,
    "swipe": _swipe_fits,
    "system_button": _button_fits,
    "key": _key_fits,
}
"""Actions whose arguments count; those of wait and terminate do not."""


def step_credit(match: Match, subgoal: float = 0.0) -> float:
    """R_acc of an agent step: 1 when exact, else 0.2 [type] + 0.2 x sub-goal in [0, 1].

    A wrong type with a perfect sub-goal equals a right type without one. Source: InfiGUI-R1, arXiv
    2504.14239.

    >>> step_credit(Match(True, False), 0.6), step_credit(Match(True, True), 1.0)
    (0.32, 1.0)
    """
    return 1.0 if match.exact else 0.2 * match.type + 0.2 * subgoal


def gated_total(well_formed: bool, accuracy: float) -> float:
    """0.1 + 0.9 x accuracy for a well formed response, else 0. Source: arXiv 2504.14239.

    >>> round(gated_total(True, 0.32), 3), gated_total(False, 1.0)
    (0.388, 0.0)
    """
    return 0.1 + 0.9 * accuracy if well_formed else 0.0


def step_match(response: str, sample: Sample, mode: Literal["strict", "released"]) -> Match:
    """`match_step` of a response with the record's ``gt``, ``size`` and ``seen`` (default size)."""
    size = column_of(sample, "size")
    seen = optional(sample.meta, "seen", size)
    return match_step(read_tool_call(response), column_of(sample, "gt"), seen, size, mode=mode)


@register("reward")
def agent_step(
    response: str, sample: Sample, *, mode: Literal["strict", "released"] = "strict"
) -> float:
    """R_acc of InfiGUI-R1 without sub-goals: 1 exact, 0.2 right type only, 0 else.

    Columns ``gt`` (the action), ``size`` [width, height] and, where resized, ``seen``. One tool
    call behind the last closing think tag counts, so that listing actions does not help. "released"
    lets an empty typed text fit everything. Source: arXiv 2504.14239.
    """
    return step_credit(step_match(response, sample, mode))


def subgoal_in(text: str) -> str | None:
    """The stripped body of the first step block (the sub-goal), or None where it is blank."""
    body = any_case_block(text, "step")
    return (body or "").strip() or None
