"""The kind of answer that is one action on a graphical user interface."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gnomon.grading import extract
from gnomon.grading.comparison import Kind, Switches, by_whole_text, scored
from gnomon.grading.structured import finite, read_json
from gnomon.grading.visual import first_of
from gnomon.records import Answer, Box, Verdict

ENLARGED = 1.2
NEAR = 0.04
TYPE_CREDIT = 0.2
"""Enlargement of boxes, distance as a share of the longer side, score of the right type alone.
Source: arXiv 2504.14239 (InfiGUI-R1)."""

Action = Mapping[str, Any]


@dataclass(frozen=True)
class _Screen:
    """What a comparison knows: the reference, how far a point may be, and the released rules."""

    gold: Action
    distance: float
    loose: bool = False


def read_action(text: str) -> dict[str, Any] | None:
    """One action as a mapping with ``action``, its name in lower case, or None.

    The whole text is JSON (single quotes allowed): an object with ``action``, a list of one such
    object, or a tool call ``{"name": ..., "arguments": {"action": ...}}``. Several actions, and one
    without a name, are None: an answer that names them all is no answer.

    >>> read_action("[{'action': 'Click', 'coordinate': [3, 4]}]")
    {'action': 'click', 'coordinate': [3, 4]}
    """
    found = read_json(text, quotes=True)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if isinstance(found, Mapping) and isinstance(found.get("arguments"), Mapping):
        found = found["arguments"]
    name = first_of(found, ("action", "action_type", "type"))
    if not isinstance(name, str) or not name.strip():
        return None
    return {**found, "action": name.strip().casefold()}


def match_action(
    value: Action, gold: Action, *, distance: float = 10.0, loose: bool = False
) -> tuple[bool, bool, str]:
    """Whether the type is right, whether all is right, and the reason in words.

    A click or long press is right inside a box of the reference, enlarged 1.2 times about its
    centre, or within 0.04 of the longer side of the screen (``size``; without one, ``distance``
    pixels) of its point. Text is equal without case and outer blanks; a swipe has the direction of
    its larger motion; a button is equal without case; wait needs nothing, terminate the status.
    ``loose``: the released rules, where one text inside the other is right, also the empty one, and
    the status does not count. Source: arXiv 2504.14239, released evaluation.

    >>> match_action({"action": "type", "text": ""}, {"action": "type", "text": "cat"})[1]
    False
    """
    name = str(gold.get("action", "")).casefold()
    screen = _Screen(gold, _reach(gold, distance), loose)
    if value.get("action") != name:
        clicked = name in ("open", "open_app") and value.get("action") == "click"
        if clicked and _boxes(gold) and _point_fits(value, screen):
            return True, True, "a click opens it"
        return False, False, f"the action is {value.get('action')!r}"[:200]
    fits = _RULES.get(name, _plain_fits)(value, screen)
    return True, fits, "equal actions" if fits else "the parameters differ"


def _reach(gold: Action, distance: float) -> float:
    size = finite(gold.get("size"), 2)
    return distance if size is None else NEAR * max(size)


def _boxes(gold: Action) -> list[Box]:
    found = first_of(gold, ("candidate_bbox", "bbox", "box"))
    several = found if isinstance(found, list | tuple) and not finite(found, 4) else [found]
    return [box for box in map(extract.proper_box, several) if box is not None]


def _point_fits(value: Action, screen: _Screen) -> bool:
    point = finite(first_of(value, ("coordinate", "point", "point_2d")), 2)
    if point is None:
        return False
    if any(_inside(point, box) for box in _boxes(screen.gold)):
        return True
    centre = finite(screen.gold.get("coordinate"), 2)
    return centre is not None and math.dist(point, centre) <= screen.distance


def _inside(point: Sequence[float], box: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    wide, high = (box[2] - box[0]) * ENLARGED / 2, (box[3] - box[1]) * ENLARGED / 2
    return abs(point[0] - x) <= wide and abs(point[1] - y) <= high


def _text_fits(value: Action, screen: _Screen) -> bool:
    texts = [first_of(side, ("text", "content", "app")) for side in (value, screen.gold)]
    if not all(isinstance(text, str) for text in texts):
        return False
    given, gold = (text.strip().casefold() for text in texts)
    return given == gold or (screen.loose and (given in gold or gold in given))


def direction(start: Any, end: Any, size: Any = None) -> str | None:
    """The direction of a swipe, its larger motion; a tie is vertical, no motion is up; or None.

    ``size`` is width and height of the frame, by which motions are divided.

    >>> direction([200, 2000], [220, 900], [1092, 2408])
    'up'
    """
    one, other = finite(start, 2), finite(end, 2)
    width, height = finite(size, 2) or (1.0, 1.0)
    if one is None or other is None or width <= 0 or height <= 0:
        return None
    across, down = (other[0] - one[0]) / width, (other[1] - one[1]) / height
    if abs(across) > abs(down):
        return "right" if across > 0 else "left"
    return "down" if down > 0 else "up"


def _swipe_fits(value: Action, screen: _Screen) -> bool:
    found = [
        side["direction"].casefold()
        if isinstance(side.get("direction"), str)
        else direction(side.get("coordinate"), side.get("coordinate2"), screen.gold.get("size"))
        for side in (value, screen.gold)
    ]
    return found[0] is not None and found[0] == found[1]


def _button_fits(value: Action, screen: _Screen) -> bool:
    buttons = [str(side.get("button", "")).strip().casefold() for side in (value, screen.gold)]
    return buttons[0] == buttons[1] != ""


def _status_fits(value: Action, screen: _Screen) -> bool:
    return screen.loose or value.get("status") == screen.gold.get("status")


def _plain_fits(value: Action, screen: _Screen) -> bool:
    """Every setting of the reference but the screen's is there and equal."""
    skip = ("action", "size", "coordinate", "candidate_bbox", "bbox", "box", "time")
    return all(value.get(key) == gold for key, gold in screen.gold.items() if key not in skip)


_RULES: dict[str, Callable[[Action, _Screen], bool]] = {
    "click": _point_fits,
    "long_press": _point_fits,
    "type": _text_fits,
    "input_text": _text_fits,
    "open": _text_fits,
    "open_app": _text_fits,
    "key": _text_fits,
    "swipe": _swipe_fits,
    "scroll": _swipe_fits,
    "system_button": _button_fits,
    "wait": lambda value, screen: True,
    "terminate": _status_fits,
}


def _needs_point(gold: Action) -> bool:
    return gold.get("action") in ("click", "long_press")


def _action_problem(answer: Answer) -> str | None:
    value = answer.value
    if not isinstance(value, Mapping) or not isinstance(value.get("action"), str):
        return f"an action needs a mapping with its name under 'action', not {value!r:.120}"
    if _needs_point(value) and not _boxes(value) and finite(value.get("coordinate"), 2) is None:
        return f"a {value['action']} needs a coordinate or a box, not {value!r:.120}"
    if not match_action({**value, **_shown(value)}, value)[1]:
        return f"the action lacks a parameter that its kind compares: {value!r:.120}"
    return None


def _shown(gold: Action) -> dict[str, Any]:
    """What a perfect answer gives: the centre of the first box where there is no coordinate."""
    value = {key: gold[key] for key in gold if key not in ("size", "candidate_bbox", "bbox", "box")}
    boxes = _boxes(gold)
    if boxes and finite(gold.get("coordinate"), 2) is None:
        box = boxes[0]
        value["coordinate"] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]
    return value | {"action": str(gold["action"]).casefold()}


def _write_action(answer: Answer) -> str:
    return json.dumps(_shown(answer.value))


def _load_action(text: str) -> Any:
    return read_action(text)


def _compare_action(value: Action, reference: Answer, switches: Switches) -> Verdict:
    typed, right, reason = match_action(value, reference.value, distance=switches.distance)
    return scored(right, 1.0 if right else TYPE_CREDIT * typed, value, reason)


ACTION_KINDS: dict[str, Kind] = {
    "action": Kind(
        _action_problem, _write_action, _load_action, by_whole_text(read_action), _compare_action
    )
}
