"""Screens of invented apps: finding and naming elements, and the next action towards a goal.

Goals of several steps and the ways out of a wrong one follow InfiGUI-R1 (arXiv 2504.14239).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from gnomon.media.image import open_image
from gnomon.worlds.actions import (
    BACK,
    DIRECTIONS,
    WORDS,
    Action,
    ask_action,
    ask_all,
    ask_one_step,
    ask_what,
    ask_where,
    click_on,
    facts_of,
    purpose,
    told_goal,
    told_steps,
)
from gnomon.worlds.interface import (
    APPS,
    LABELS,
    PAPER,
    Element,
    Kind,
    Screen,
    draw_screen,
    inked,
)
from gnomon.worlds.scene import between, pick, shuffled, split_of
from gnomon.worlds.talk import Talk, pose_about
from gnomon.worlds.world import Posed, WorldTask

REACH = 3
"""Pixels from an asked point to what is drawn there, at most."""
STEPS = (1, 1, 2, 2, 3)
"""Fields and boxes of a goal of difficulty 1 to 5, before its last step."""


# -- elements -------------------------------------------------------------------------------------


def ground(rng: np.random.Generator, screen: Screen) -> Posed:
    """Where is an element? A point inside its box is right."""
    return ask_where(screen, pick(rng, screen.elements))


def name(rng: np.random.Generator, screen: Screen) -> Posed:
    """What is at a point? It is on what is drawn of an element, not on the paper around it."""
    element = pick(rng, screen.elements)
    x1, y1, x2, y2 = pick(rng, inked(element))
    point = [between(rng, x1, x2 - 1), between(rng, y1, y2 - 1)]
    return ask_what(screen, element, point, list(LABELS))


# -- one step -------------------------------------------------------------------------------------


def click(rng: np.random.Generator, screen: Screen) -> Posed:
    """What to do for what a click on an element is for."""
    element = pick(rng, screen.elements)
    thought = f"The {element.named} is at {list(element.centre)}."
    aim = purpose(element)
    asked = f"{aim[0].upper()}{aim[1:]}."
    return ask_action(screen, asked, click_on(element), element, thought)


def _input_text(rng: np.random.Generator, level: int) -> Posed:
    screen = draw_screen(rng, level, ["field"])
    field = pick(rng, [e for e in screen.elements if e.kind == "field"])
    word = pick(rng, WORDS)
    asked = f"Type '{word}' into {field.label}, where the cursor is."
    thought = f"The cursor is in {field.label}."
    action = {"action": "input_text", "text": word}
    return ask_action(screen.changed(field, on=True), asked, action, None, thought)


def _open_app(rng: np.random.Generator, level: int) -> Posed:
    screen = draw_screen(rng, level)
    app = pick(rng, [other for other in APPS if other != screen.app])
    thought = f"This is {screen.app}, not {app}."
    asked = f"Open the app {app}."
    return ask_action(screen, asked, {"action": "open_app", "text": app}, None, thought)


def _scroll(rng: np.random.Generator, level: int) -> Posed:
    screen, way = draw_screen(rng, level), pick(rng, DIRECTIONS)
    asked = f"See what is further {way}."
    thought = f"More is further {way}."
    return ask_action(screen, asked, {"action": "scroll", "direction": way}, None, thought)


def _navigate_back(rng: np.random.Generator, level: int) -> Posed:
    screen = draw_screen(rng, level)
    return ask_action(screen, "Return to the screen before this one.", BACK, None, "That is back.")


_ONE_STEP = {
    "click": pose_about(draw_screen, click),
    "input_text": _input_text,
    "open_app": _open_app,
    "scroll": _scroll,
    "navigate_back": _navigate_back,
}
act = partial(ask_one_step, _ONE_STEP)
"""The next action of an instruction of one step."""


# -- goals ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One action towards a goal: on which element, and the screen before it."""

    before: Screen
    action: Action
    element: Element
    aim: str


def plan_steps(screen: Screen, parts: Sequence[tuple[Element, str]]) -> tuple[list[Step], Screen]:
    """The steps of a goal and the last screen.

    A part is an element and the word to type, "" for none; a field is clicked, then typed into.
    """
    steps = []
    for element, word in parts:
        steps.append(Step(screen, click_on(element), element, purpose(element)))
        if word:
            screen = screen.changed(element, on=True)
            found = next(e for e in screen.elements if e.box == element.box)
            typed = {"action": "input_text", "text": word}
            steps.append(Step(screen, typed, found, f"type '{word}'"))
            screen = screen.changed(found, text=word)
        elif element.kind == "box":
            screen = screen.changed(element, on=not element.on)
    return steps, screen


def _draw_parts(rng: np.random.Generator, level: int) -> tuple[Screen, list[tuple[Element, str]]]:
    """A screen, and what a goal on it touches: fields and boxes, then something else."""
    middle: list[Kind] = [pick(rng, ("field", "box")) for _ in range(STEPS[level - 1])]
    last: Kind = pick(rng, ("button", "icon", "tab"))
    screen = draw_screen(rng, level, [*middle, last, "entry"])
    pools = {kind: shuffled(rng, [e for e in screen.elements if e.kind == kind]) for kind in LABELS}
    pools["tab"] = [element for element in pools["tab"] if not element.on]
    chosen = [pools[kind].pop() for kind in [*middle, last]]
    words = shuffled(rng, WORDS)
    return screen, [(e, words.pop() if e.kind == "field" else "") for e in chosen]


def goal(rng: np.random.Generator, level: int) -> Posed:
    """The next action towards a goal of several steps, given those done.

    In half of the questions a wrong entry was opened: either its page still shows, and the way is
    back, or that was undone, and the step is the one that was due. The screen of the goal decides
    the split, whichever page shows.
    """
    screen, parts = _draw_parts(rng, level)
    steps, _ = plan_steps(screen, parts)
    due = between(rng, 0, len(steps) - 1)
    step, done = steps[due], [step.action for step in steps[:due]]
    wrong = pick(rng, [e for e in screen.elements if e.kind == "entry"])
    kind = pick(rng, ("plain", "plain", "escape", "back_on_track"))
    facts: dict[str, Any] = {"kind": kind, "goal": told_goal(parts), "home": screen.app}
    if kind != "plain":
        facts |= {"error_action": click_on(wrong), "escape_action": BACK}
        done += [click_on(wrong), *([BACK] if kind == "back_on_track" else [])]
    facts |= {"history": done, "page": facts_of(screen)["elements"]}
    asked = f"Goal in {screen.app}: {facts['goal']}. Steps so far: {told_steps(done)}"
    if kind == "escape":
        return _lost(rng, level, screen, wrong, asked, facts)
    target = step.element if step.action["action"] == "click" else None
    thought = f"{_progress(steps[:due])} Next: {step.aim}."
    posed = ask_action(step.before, asked, step.action, target, thought, subgoal=step.aim, **facts)
    return replace(posed, key=screen.key)


def _progress(steps: Sequence[Step]) -> str:
    return f"Done: {', '.join(step.aim for step in steps) or 'nothing'}."


def _lost(
    rng: np.random.Generator, level: int, home: Screen, wrong: Element, asked: str,
    facts: Mapping[str, Any],
) -> Posed:  # fmt: skip
    page = _draw_page(rng, level, wrong.label, home)
    thought = f"This is {wrong.label}, not {home.app}: it was opened by mistake. Next: go back."
    posed = ask_action(page, asked, BACK, None, thought, subgoal="go back", **facts)
    return replace(posed, key=home.key)


def _draw_page(rng: np.random.Generator, level: int, title: str, home: Screen) -> Screen:
    """What an entry opens; it belongs to the split of the screen that it was opened from."""
    while True:
        drawn = draw_screen(rng, level)
        page = Screen(title, drawn.size, drawn.elements, home.accent)
        if split_of(page.key) == split_of(home.key):
            return page


# -- confirmation ---------------------------------------------------------------------------------


def _found(elements: Sequence[Any], label: str) -> Any:
    (one,) = [element for element in elements if element[1] == label]
    return one


def drawn_inside(posed: Posed, box: Sequence[int], least: int = 21) -> bool:
    """Whether the picture shows ``least`` pixels or more, other than paper, in a box."""
    pixels = np.asarray(open_image(posed.show()[0]).crop(tuple(box)))  # type: ignore[arg-type]
    return bool((pixels != np.array(PAPER)).any(axis=-1).sum() >= least)


def confirm_ground(posed: Posed) -> bool:
    """Whether the box is that of the element with the label of the question, and holds ink."""
    label = posed.text.split("?")[0].split()[-1]
    box = tuple(_found(posed.facts["elements"], label)[2])
    return tuple(map(int, posed.answer.value)) == box and drawn_inside(posed, box)


def confirm_name(posed: Posed) -> bool:
    """Whether the point of the question is in one box alone, that of the answer, and near ink."""
    x, y = (int(number) for number in re.findall(r"\d+", posed.text)[:2])
    hit = [e for e in posed.facts["elements"] if e[2][0] <= x < e[2][2] and e[2][1] <= y < e[2][3]]
    near = (x - REACH, y - REACH, x + REACH + 1, y + REACH + 1)
    named = [f"{kind} {label}" for kind, label, *_ in hit]
    return named == [posed.answer.value] and drawn_inside(posed, near, 1)


def confirm_act(posed: Posed) -> bool:
    """Whether the instruction, read word by word, asks for the action."""
    told, gold = posed.facts["instruction"], posed.answer.value
    words = re.findall(r"\w+", told)
    read: dict[str, Callable[[], bool]] = {
        "click": lambda: tuple(gold["bbox"]) == _found(posed.facts["elements"], words[-1])[2],
        "input_text": lambda: (
            told.split("'")[1] == gold["text"]
            and _found(posed.facts["elements"], told.split(",")[0].split()[-1])[3]
        ),
        "open_app": lambda: words[-1] == gold["text"],
        "scroll": lambda: words[-1] == gold["direction"],
        "navigate_back": lambda: words[0] == "Return",
    }
    return read[gold["action"]]()


def confirm_goal(posed: Posed) -> bool:
    """Whether the goal, taken apart and replayed over the history, leaves the answer as next.

    A click that hits nothing the goal names is the wrong step; going back undoes it.
    """
    facts, gold = posed.facts, posed.answer.value
    due = _steps_of_goal(facts["goal"], facts["page"])
    lost = False
    for action in facts["history"]:
        if lost:
            lost = action != BACK
        elif _fits(action, due[0]):
            due.pop(0)
        else:
            lost = True
    wanted = BACK if lost else due[0]
    shown = facts["app"] == facts["home"]
    return shown != lost and {**wanted, "bbox": wanted.get("bbox")} == {
        **gold, "bbox": gold.get("bbox")
    }  # fmt: skip


def _steps_of_goal(told: str, elements: Sequence[Any]) -> list[Action]:
    steps: list[Action] = []
    for part in told.split(", then "):
        box = _found(elements, part.split()[-1])[2]
        steps.append({"action": "click", "bbox": box})
        if part.startswith("type "):
            steps.append({"action": "input_text", "text": part.split("'")[1]})
    return steps


def _fits(action: Action, due: Action) -> bool:
    if due["action"] == "click" == action["action"]:
        (x, y), (x1, y1, x2, y2) = action["coordinate"], due["bbox"]
        return bool(x1 <= x < x2 and y1 <= y < y2)
    return action == due


def effort(posed: Posed, several: bool = False) -> float:
    """Elements to look at, for each step of a goal."""
    parts = posed.facts["goal"].count(", then ") + 1 if several else 1
    return float(len(posed.facts["page" if several else "elements"]) * parts)


TALKS = (Talk(draw_screen, {"ground": ground, "name": name, "act": click}, ask_all),)
TASKS = (
    WorldTask("ground", "single", "image", pose_about(draw_screen, ground), confirm_ground, effort),
    WorldTask("name", "single", "image", pose_about(draw_screen, name), confirm_name, effort),
    WorldTask("act", "multi", "image", act, confirm_act, effort),
    WorldTask("goal", "multi", "image", goal, confirm_goal, partial(effort, several=True)),
)
