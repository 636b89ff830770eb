"""Questions about anything with elements on it: where one is, what is at a point, what to do next.

Actions are those of UI-R1 (arXiv 2503.21620), written as it writes them: ``click``, ``input_text``,
``open_app``, ``scroll``, ``navigate_back``. Facts hold the columns of UI-R1 and of InfiGUI-R1
(arXiv 2504.14239): ``action``, ``bbox`` and ``instruction``; ``gt`` (the action as a call of
``mobile_use``), ``size``, ``goal``, ``history``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from gnomon.records import Answer, Media
from gnomon.worlds.interface import Element, Kind
from gnomon.worlds.scene import PixelBox, pick
from gnomon.worlds.world import Posed

Action = dict[str, Any]
ASKED = (
    "Give the next action as [{'action': name, ...}]: click with 'coordinate': [x, y], input_text "
    "and open_app with 'text', scroll with 'direction', or navigate_back."
)
WORDS = ("cat", "sun", "tea", "map", "ice", "owl", "key", "jam", "red", "box", "fox", "hat")
"""What is typed."""
DIRECTIONS = ("up", "down")
CLICKS: dict[Kind, str] = {
    "button": "press {}", "field": "put the cursor into {}", "box": "{state} {}",
    "entry": "open the entry {}", "tab": "switch to the tab {}", "icon": "tap the icon {}",
    "link": "open the link {}", "menu": "open the menu {}", "item": "choose {}",
}  # fmt: skip
"""What a click on an element is for."""
BACK: Action = {"action": "navigate_back"}


class Shown(Protocol):
    """A screen or page that is seen: its name, width and height, elements, and what it is."""

    @property
    def app(self) -> str:
        """The name at its top."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""

    @property
    def elements(self) -> tuple[Element, ...]:
        """What is on it."""

    @property
    def key(self) -> str:
        """What decides the split."""

    def show(self) -> tuple[Media, ...]:
        """The picture as a medium."""


def click_on(element: Element) -> Action:
    """A click on the middle of an element."""
    return {"action": "click", "coordinate": list(element.centre)}


def purpose(element: Element) -> str:
    """What a click on an element is for: ``press Save``, ``untick Wifi``."""
    state = "untick" if element.on else "tick"
    return CLICKS[element.kind].format(element.label, state=state)


def told_goal(parts: Sequence[tuple[Element, str]]) -> str:
    """A goal in words: ``tick Wifi, then type 'cat' into Name, then press Save``."""
    told = [f"type '{word}' into {e.label}" if word else purpose(e) for e, word in parts]
    return ", then ".join(told)


def told_steps(actions: Sequence[Action]) -> str:
    """Actions in words: ``Step 1: {...}; Step 2: {...};``, or ``none.``"""
    return " ".join(f"Step {n}: {action};" for n, action in enumerate(actions, 1)) or "none."


def as_call(action: Action, box: PixelBox | None) -> Action:
    """An action in the vocabulary of InfiGUI-R1's ``mobile_use``; a page moves against a swipe.

    >>> as_call({"action": "scroll", "direction": "down"}, None)
    {'action': 'swipe', 'direction': 'up'}
    """
    opposite = {"up": "down", "down": "up"}
    made: dict[str, Callable[[], Action]] = {
        "click": lambda: {**action, "candidate_bbox": [list(box or ())]},
        "input_text": lambda: {"action": "type", "text": action["text"]},
        "open_app": lambda: {"action": "open", "text": action["text"]},
        "scroll": lambda: {"action": "swipe", "direction": opposite[action["direction"]]},
        "navigate_back": lambda: {"action": "system_button", "button": "Back"},
    }
    return made[str(action["action"])]()


def facts_of(shown: Shown, **more: Any) -> dict[str, Any]:
    """What is on a screen, as facts of a question."""
    elements = [(e.kind, e.label, e.box, e.on, e.text) for e in shown.elements]
    return {"app": shown.app, "size": list(shown.size), "elements": elements, **more}


def ask_where(shown: Shown, element: Element, **more: Any) -> Posed:
    """Where is an element? A point inside its box is right."""
    text = f"<image>Where is the {element.named}? Give a point [x, y] on it."
    box = ", ".join(map(str, element.box))
    return Posed(
        text, Answer("point", tuple(map(float, element.box))), str(list(element.centre)),
        shown.key, f"The {element.named} is in [{box}].", shown.show,
        facts_of(shown, bbox=list(element.box), instruction=f"the {element.named}", **more),
    )  # fmt: skip


def ask_what(
    shown: Shown, element: Element, point: Sequence[int], kinds: Sequence[str], **more: Any
) -> Posed:
    """What is at a point? ``kinds`` are those that the question names."""
    told = list(point)
    text = (
        f"<image>What is at {told}? Answer with its kind ({', '.join(kinds)}) and its label, "
        "such as: button Buy."
    )
    box = ", ".join(map(str, element.box))
    return Posed(
        text, Answer("text", element.named), element.named, shown.key,
        f"{told} is in [{box}], the {element.named}.", shown.show,
        facts_of(shown, point=told, **more),
    )  # fmt: skip


def ask_all(shown: Shown) -> Posed:
    """What is on a screen? Every element in its order, named, and the point in its middle."""
    text = (
        "<image>List everything on this screen from top to bottom, each row from the left: its "
        "kind, its label and a point [x, y] on it."
    )
    told = ", ".join(f"{e.named} {list(e.centre)}" for e in shown.elements) + "."
    return Posed(text, Answer("text", told), told, shown.key, told, shown.show, facts_of(shown))


def ask_action(
    shown: Shown, asked: str, action: Action, target: Element | None, thought: str, **more: Any
) -> Posed:
    """What is the next action? ``target`` is what a click has to hit."""
    box = target.box if target else None
    gold = {"action": "click", "bbox": box} if target else action
    facts = facts_of(
        shown, action=action["action"], bbox=list(box or (0, 0, 0, 0)), gt=as_call(action, box),
        instruction=asked, **more,
    )  # fmt: skip
    return Posed(
        f"<image>{asked} {ASKED}", Answer("action", gold), str([action]), shown.key, thought,
        shown.show, facts,
    )  # fmt: skip


def ask_one_step(
    kinds: Mapping[str, Callable[[np.random.Generator, int], Posed]],
    rng: np.random.Generator,
    level: int,
) -> Posed:
    """The next action of an instruction of one step; half of them are of the first kind, clicks."""
    first, *others = kinds
    return kinds[first if rng.random() < 0.5 else pick(rng, others)](rng, level)
