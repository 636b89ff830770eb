"""Whether answers about pages are right, by what the browser has at a point and by real input.

Nothing here reads the boxes or the plans that the questions were made from: a click is done where
the answer says, and what is then so on the page is compared with the words of the question.
"""

from __future__ import annotations

import re
from dataclasses import replace

from gnomon.worlds.actions import Action
from gnomon.worlds.browser import State, acted, census, probe, read
from gnomon.worlds.world import Posed

INSET = 3
"""Pixels from the corner of a box to where it is probed: corners can be round."""
MESH = 5
"""Pixels between the points that a page is probed at; no element is smaller."""


def _state(posed: Posed) -> State:
    facts = posed.facts
    steps = tuple((step, what) for step, what in facts["steps"])
    return State(facts["html"], tuple(facts["size"]), steps)


def confirm_ground(posed: Posed) -> bool:
    """Whether the browser has the element of the question in the box, and nowhere around it."""
    told = posed.text.split(" the ")[1].split("?")[0]
    x1, y1, x2, y2 = map(int, posed.answer.value)
    inside = [(x, y) for x in (x1 + INSET, x2 - 1 - INSET) for y in (y1 + INSET, y2 - 1 - INSET)]
    middle = [((x1 + x2) // 2, y) for y in (y1 - 2, y2 + 1)]
    middle += [(x, y1 + 9) for x in (x1 - 2, x2 + 1)]
    found = probe(_state(posed), [*inside, *middle])
    return set(found[:4]) == {told} and told not in found[4:]


def confirm_name(posed: Posed) -> bool:
    """Whether the browser has the element of the answer at the point of the question."""
    point = [int(number) for number in re.findall(r"\d+", posed.text)[:2]]
    return bool(probe(_state(posed), [point]) == [posed.answer.value])


def confirm_count(posed: Posed) -> bool:
    """Whether as many elements of the kind are found by looking everywhere."""
    kinds = [told.split()[0] for told in census(_state(posed), MESH)]
    return bool(kinds.count(posed.facts["kind"]) == posed.answer.value)


def confirm_cell(posed: Posed) -> bool:
    """Whether the browser has the number where the row of the label meets the column of the day."""
    label, day = re.findall(r"number of (\w+) on (\w+)", posed.text)[0]
    state = _state(posed)
    width, height = state.size
    rows, places = range(7, height, 14), range(6, width, 12)
    heads = dict(zip(rows, read(state, [(8, y) for y in rows]), strict=True))
    (y,) = [y for y, told in heads.items() if told == label]
    mesh = [(x, top) for top in rows for x in places]
    (x, *_) = [x for (x, _), told in zip(mesh, read(state, mesh), strict=True) if told == day]
    return read(state, [(x, y)]) == [str(posed.answer.value)]


def _performed(posed: Posed) -> Action:
    gold = posed.answer.value
    if gold["action"] != "click":
        return dict(gold)
    x1, y1, x2, y2 = gold["bbox"]
    return {"action": "click", "coordinate": [(x1 + x2) // 2, (y1 + y2) // 2]}


_GAINED: tuple[tuple[str, str], ...] = (
    (r"Press (\w+)\.", "{0}: done"), (r"Choose (\w+)\.", "{0}: done"),
    (r"Put the cursor into (\w+)\.", "field {0}"), (r"Open the link (\w+)\.", "head {0}"),
    (r"Tick (\w+)\.", "box {0}"), (r"Open the menu (\w+)\.", "menu {0}"),
    (r"Type '(\w+)' into (\w+), .*", "{1}={0}"), (r"Open the app (\w+)\.", "head {0}"),
)  # fmt: skip
"""An instruction, and what is so after it that was not so before."""


def confirm_act(posed: Posed) -> bool:
    """Whether the action, done with a real mouse or keyboard, does what the instruction says."""
    told = posed.facts["instruction"]
    before, after = acted(_state(posed), [_performed(posed)]).status
    gained, lost = after - before, before - after
    for form, change in _GAINED:
        if match := re.fullmatch(form, told):
            return change.format(*match.groups()) in gained
    if match := re.fullmatch(r"Untick (\w+)\.", told):
        return f"box {match[1]}" in lost
    if match := re.fullmatch(r"See what is further (\w+)\.", told):
        moved = _top(after) - _top(before)
        return moved > 0 if match[1] == "down" else moved < 0
    return told.startswith("Return") and any(line.startswith("head ") for line in gained)


def _top(status: frozenset[str]) -> float:
    return next(float(line[4:]) for line in status if line.startswith("top "))


def confirm_goal(posed: Posed) -> bool:
    """Whether the goal, by real input over the history, leaves the answer as next.

    The history has to lead to the very picture of the question. What is still to be done follows
    from the state of the page, not from the steps.
    """
    facts = posed.facts
    start = replace(_state(posed), steps=())
    done = acted(start, [*facts["history"], _performed(posed)])
    if done.picture != posed.show()[0].data:
        return False
    before, after = done.status[-2:]
    if f"head {facts['home']}" not in before:
        return bool(f"head {facts['home']}" in after)
    for part in facts["goal"].split(", then "):
        wanted, unless = _wish(part)
        if (wanted in before) == unless:
            return _serves(posed, part, before, after)
    return False


def _wish(part: str) -> tuple[str, bool]:
    """A line of a status, and whether it must not be there."""
    label = part.split()[-1]
    typed = re.match(r"type '(\w+)'", part)
    lines = {
        "type": f"{label}={typed[1] if typed else ''}", "tick": f"box {label}",
        "untick": f"box {label}", "press": f"{label}: done", "choose": f"{label}: done",
        "open": f"head {label}" if " link " in part else f"menu {label}",
    }  # fmt: skip
    verb = part.split()[0]
    return lines[verb], verb == "untick"


def _serves(posed: Posed, part: str, before: frozenset[str], after: frozenset[str]) -> bool:
    """Whether an action fulfils a part of a goal, or comes nearer to it."""
    wanted, unless = _wish(part)
    label = part.split()[-1]
    if (wanted in after) != unless:
        return True
    seen = any(told.endswith(f" {label}") for told in census(_state(posed), MESH))
    if posed.answer.value["action"] == "scroll":
        return not seen and _top(after) > _top(before)
    return part.startswith("type ") and f"field {label}" in after - before
