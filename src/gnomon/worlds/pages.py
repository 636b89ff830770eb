"""Real web pages in a browser: forms, lists, menus, tables and articles, with truth from the DOM.

Finding, naming, counting, reading a cell, and the next action: the five types of UI-R1 (arXiv
2503.21620), and goals of several steps with ways out of a wrong one (InfiGUI-R1, arXiv 2504.14239).
What is shown is what the page became by the steps before, and answers are confirmed by real mouse
and keyboard and by asking the browser what is at a point. Needs Playwright (the extra ``pages``)
and a Chromium. Facts hold ``html``, which is the page, and ``steps``, what was done to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from gnomon.records import Answer, Media
from gnomon.worlds.actions import (
    BACK,
    DIRECTIONS,
    WORDS,
    Action,
    ask_action,
    ask_one_step,
    ask_what,
    ask_where,
    click_on,
    facts_of,
    purpose,
    told_goal,
    told_steps,
)
from gnomon.worlds.browser import State, Step, look, missing, picture
from gnomon.worlds.interface import APPS, Element, Kind
from gnomon.worlds.markup import DAYS, BlockKind, WebPage, draw_page, html_of
from gnomon.worlds.performing import (
    INSET,
    confirm_act,
    confirm_cell,
    confirm_count,
    confirm_goal,
    confirm_ground,
    confirm_name,
)
from gnomon.worlds.scene import between, pick, shuffled
from gnomon.worlds.world import Posed, WorldTask

KINDS: tuple[Kind, ...] = ("button", "field", "box", "link", "menu", "item", "picture", "table")
SHOWN_ONLY: tuple[Kind, ...] = ("picture", "table")
"""Kinds of element that a click does nothing to."""
COUNTED: tuple[Kind, ...] = ("button", "field", "box", "link")
STEPS = (1, 1, 2, 3, 4)
"""Fields and boxes of a goal of difficulty 1 to 5, before its last step."""
SCROLLS = 12
"""Scrolls to the end of any page, at most."""


@dataclass(frozen=True)
class View:
    """A page after some steps, as it is seen."""

    page: WebPage
    steps: tuple[Step, ...] = ()

    @property
    def state(self) -> State:
        """The page as the browser is given it."""
        return State(html_of(self.page), self.page.size, self.steps)

    @property
    def app(self) -> str:
        """The heading that shows."""
        return look(self.state).head

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.page.size

    @property
    def elements(self) -> tuple[Element, ...]:
        """The elements that are seen whole."""
        width, height = self.size
        return tuple(
            e for e in look(self.state).elements
            if e.box[0] >= 0 and e.box[1] >= 0 and e.box[2] <= width and e.box[3] <= height
        )  # fmt: skip

    @property
    def key(self) -> str:
        """The page decides the split."""
        return self.page.key

    def show(self) -> tuple[Media, ...]:
        """The picture as a medium."""
        return (Media("image", data=picture(self.state)),)

    def then(self, *steps: Step) -> View:
        """The view after more steps."""
        return replace(self, steps=(*self.steps, *steps))

    def sees(self, label: str) -> Element | None:
        """The element of a label, where it is seen."""
        return next((e for e in self.elements if e.label == label), None)

    @property
    def facts(self) -> dict[str, Any]:
        """What confirms a question: the page and what was done to it."""
        return {"html": html_of(self.page), "steps": [list(step) for step in self.steps]}


def draw_view(rng: np.random.Generator, level: int, needs: Sequence[BlockKind] = ()) -> View:
    """A page at its top or, as often, one scroll further down."""
    page, _ = draw_page(rng, level, needs)
    return View(page, (("scroll", "down"),) if rng.random() < 0.5 else ())


def _brought(view: View, label: str) -> View:
    """The view scrolled down until an element is seen."""
    for _ in range(SCROLLS):
        if view.sees(label):
            return view
        view = view.then(("scroll", "down"))
    raise ValueError(f"{label} is on no part of the page")


# -- what is seen ---------------------------------------------------------------------------------


def _some_view(rng: np.random.Generator, level: int, kinds: Sequence[Kind]) -> View:
    while True:
        view = draw_view(rng, level)
        if any(element.kind in kinds for element in view.elements):
            return view


def ground(rng: np.random.Generator, level: int) -> Posed:
    """Where is an element? A point inside its box is right."""
    view = _some_view(rng, level, KINDS)
    return ask_where(view, pick(rng, view.elements), **view.facts)


def name(rng: np.random.Generator, level: int) -> Posed:
    """What is at a point?"""
    view = _some_view(rng, level, KINDS)
    element = pick(rng, view.elements)
    x1, y1, x2, y2 = element.box
    point = [between(rng, x1 + INSET, x2 - 1 - INSET), between(rng, y1 + INSET, y2 - 1 - INSET)]
    return ask_what(view, element, point, KINDS, **view.facts)


def count(rng: np.random.Generator, level: int) -> Posed:
    """How many elements of a kind are seen? Of the kinds that are there."""
    view = _some_view(rng, level, COUNTED)
    kind = pick(rng, [k for k in COUNTED if any(e.kind == k for e in view.elements)])
    found = [e.label for e in view.elements if e.kind == kind]
    plural = {"box": "boxes to tick"}.get(kind, f"{kind}s")
    return Posed(
        f"<image>How many {plural} does this part of the page show?", Answer("count", len(found)),
        str(len(found)), view.key, f"{kind}: {', '.join(found)}. total {len(found)}.", view.show,
        facts_of(view, kind=kind, **view.facts),
    )  # fmt: skip


def cell(rng: np.random.Generator, level: int) -> Posed:
    """What does a table say?"""
    page, (block,) = draw_page(rng, level, ["table"])
    view = _brought(View(page), block.names[0])
    label, numbers = pick(rng, block.rows)
    place = between(rng, 0, len(numbers) - 1)
    told = ", ".join(f"{day} {n}" for day, n in zip(DAYS, numbers, strict=False))
    return Posed(
        f"<image>What is the number of {label} on {DAYS[place]} in the table {block.names[0]}?",
        Answer("integer", numbers[place]), str(numbers[place]), view.key,
        f"{label}: {told}. {numbers[place]}.", view.show,
        facts_of(view, numbers=len(block.rows) * len(numbers), **view.facts),
    )  # fmt: skip


# -- one step -------------------------------------------------------------------------------------


def _click(rng: np.random.Generator, level: int) -> Posed:
    view = _some_view(rng, level, tuple(k for k in KINDS if k not in SHOWN_ONLY))
    element = pick(rng, [e for e in view.elements if e.kind not in SHOWN_ONLY])
    aim = purpose(element)
    return ask_action(
        view, f"{aim[0].upper()}{aim[1:]}.", click_on(element), element,
        f"The {element.named} is at {list(element.centre)}.", **view.facts,
    )  # fmt: skip


def _input_text(rng: np.random.Generator, level: int) -> Posed:
    page, (block,) = draw_page(rng, level, ["field"])
    label, word = block.names[0], pick(rng, WORDS)
    view = _brought(View(page), label).then(("click", label))
    return ask_action(
        view, f"Type '{word}' into {label}, where the cursor is.",
        {"action": "input_text", "text": word}, None, f"The cursor is in {label}.", **view.facts,
    )  # fmt: skip


def _open_app(rng: np.random.Generator, level: int) -> Posed:
    view = draw_view(rng, level)
    app = pick(rng, [other for other in APPS if other != view.page.site])
    return ask_action(
        view, f"Open the app {app}.", {"action": "open_app", "text": app}, None,
        f"This is {view.page.site}, not {app}.", **view.facts,
    )  # fmt: skip


def _scroll(rng: np.random.Generator, level: int) -> Posed:
    page, _ = draw_page(rng, level)
    way = pick(rng, DIRECTIONS)
    view = View(page, (("scroll", "down"),) if way == "up" else ())
    action = {"action": "scroll", "direction": way}
    return ask_action(
        view, f"See what is further {way}.", action, None, f"More is further {way}.", **view.facts
    )


def _navigate_back(rng: np.random.Generator, level: int) -> Posed:
    page, (block,) = draw_page(rng, level, ["link"])
    link = block.names[0]
    view = _brought(View(page), link).then(("click", link))
    return ask_action(
        view, "Return to the page before this one.", BACK, None, "That is back.", **view.facts
    )


_ONE_STEP = {
    "click": _click, "input_text": _input_text, "open_app": _open_app, "scroll": _scroll,
    "navigate_back": _navigate_back,
}  # fmt: skip
act = partial(ask_one_step, _ONE_STEP)
"""The next action of an instruction of one step."""


# -- goals ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Due:
    """One action towards a goal: the view before it, the part of the goal it serves, its target."""

    view: View
    action: Action
    part: int
    aim: str
    target: Element | None = None


Part = tuple[str, str]
"""The label of an element, and the word to type into it, "" for none."""


def way_to(view: View, parts: Sequence[Part]) -> list[Due]:
    """The actions that reach a goal from a view.

    An element that is not seen is scrolled to, down the page; a field is clicked, then typed into.
    """
    way = list[Due]()
    for number, (label, word) in enumerate(parts):
        while (element := view.sees(label)) is None:
            if len(way) > SCROLLS + 2 * len(parts):
                raise ValueError(f"{label} is on no part of the page further down")
            action: Action = {"action": "scroll", "direction": "down"}
            way.append(Due(view, action, number, f"scroll down to {label}"))
            view = view.then(("scroll", "down"))
        way.append(Due(view, click_on(element), number, purpose(element), element))
        view = view.then(("click", label))
        if word:
            action = {"action": "input_text", "text": word}
            way.append(Due(view, action, number, f"type '{word}'"))
            view = view.then(("input_text", word))
    return way


def _draw_parts(rng: np.random.Generator, level: int) -> tuple[WebPage, list[Part]]:
    """A page with a link to go wrong by, and a goal: fields and boxes, then something below."""
    middle: list[BlockKind] = [pick(rng, ("field", "box")) for _ in range(STEPS[level - 1])]
    last: BlockKind = pick(rng, ("buttons", "link", "menu"))
    page, blocks = draw_page(rng, level, ["link", *middle, last])
    words = shuffled(rng, WORDS)
    parts = [(b.names[0], words.pop() if b.kind == "field" else "") for b in blocks[1:]]
    if last == "menu":
        parts.append((pick(rng, blocks[-1].names[1:]), ""))
    return page, parts


def goal(rng: np.random.Generator, level: int) -> Posed:
    """The next action towards a goal of several steps, given those done, which the page shows.

    In up to half of the questions a wrong link was opened, where one is seen: either its page still
    shows, and the way is back, or that was undone, and the step is the one that is due now.
    """
    page, parts = _draw_parts(rng, level)
    way = way_to(View(page), parts)
    number = between(rng, 0, len(way) - 1)
    due, done = way[number], [step.action for step in way[:number]]
    labels = [label for label, _ in parts]
    wrong = [e for e in due.view.elements if e.kind == "link" and e.label not in labels]
    kind = pick(rng, ("plain", "plain", "escape", "back_on_track")) if wrong else "plain"
    facts: dict[str, Any] = {"kind": kind, "goal": _told(View(page), parts), "home": page.site}
    told = f"Done: {', '.join(step.aim for step in way[:number]) or 'nothing'}."
    if kind != "plain":
        link = pick(rng, wrong)
        facts |= {"error_action": click_on(link), "escape_action": BACK}
        lost = due.view.then(("click", link.label))
        done.append(click_on(link))
        told = f"This is {link.label}, not {page.site}: it was opened by mistake."
        due = Due(lost, BACK, due.part, "go back")
    if kind == "back_on_track":
        # A page that is left forgets its cursor, so that what is due is found anew.
        done.append(BACK)
        told = "The wrong page was left."
        due = way_to(lost.then(("navigate_back", "")), parts[way[number].part :])[0]
    facts |= {"history": done, "parts": len(parts), **due.view.facts}
    asked = f"Goal in {page.site}: {facts['goal']}. Steps so far: {told_steps(done)}"
    thought = f"{told} Next: {due.aim}."
    return ask_action(due.view, asked, due.action, due.target, thought, subgoal=due.aim, **facts)


def _told(view: View, parts: Sequence[Part]) -> str:
    """A goal in words; an item is known before its menu is open."""
    known = {element.label: element for element in look(view.state).elements}
    return told_goal([(known.get(n, Element("item", n, (0, 0, 0, 0))), word) for n, word in parts])


def effort(posed: Posed) -> float:
    """Elements to look at, for each part of a goal."""
    return float((1 + len(posed.facts["elements"])) * posed.facts.get("parts", 1))


_EVERY = (
    WorldTask("ground", "single", "image", ground, confirm_ground, effort),
    WorldTask("name", "single", "image", name, confirm_name, effort),
    WorldTask("count", "multi", "image", count, confirm_count, effort),
    WorldTask("cell", "single", "image", cell, confirm_cell, lambda p: float(p.facts["numbers"])),
    WorldTask("act", "multi", "image", act, confirm_act, effort),
    WorldTask("goal", "multi", "image", goal, confirm_goal, effort),
)
_MISSING = missing()
TASKS: tuple[WorldTask, ...] = () if _MISSING else _EVERY
"""The tasks that this machine can draw."""
ABSENT: dict[str, str] = {task.name: _MISSING for task in _EVERY} if _MISSING else {}
"""Tasks that are not offered here, with what to do."""
