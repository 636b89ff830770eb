"""What tasks about films share: drawing, posing, telling what happens, and reading questions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from gnomon.grading.grade import reference_text
from gnomon.records import Answer, Media
from gnomon.worlds.asking import Steps
from gnomon.worlds.film import WHATS, Film, What, draw_cast, draw_film, draw_script, film_mp4
from gnomon.worlds.watching import Watched, watch
from gnomon.worlds.world import Posed, WorldTask

ACTORS = (1, 2, 2, 3, 4)
EVENTS = (1, 2, 3, 4, 5)
"""Shapes and events of difficulty 1 to 5, where a task does not need others."""

NAME = re.compile(r"(?:the )?(\w+) (?:circle|square|triangle|star)")


def show(film: Film) -> tuple[Media, ...]:
    """The film as one video."""
    return (Media("video", data=film_mp4(film)),)


def posed(
    film: Film,
    question: str,
    answer: Answer,
    thought: str,
    *,
    facts: Mapping[str, Any] | None = None,
) -> Posed:
    """A question about a film, whose key is the film: it is in one split for all its questions."""
    told = [{"told": film.told(event), "time": list(film.span(event))} for event in film.events]
    shared = {
        "video_length": film.seconds,
        "fps": film.fps,
        "frames": film.frames,
        "shapes": len(film.actors),
        "events": told,
    }
    return Posed(
        text=f"<image>{question}",
        answer=answer,
        answer_text=reference_text(answer),
        key=film.written,
        thought=thought,
        show=partial(show, film),
        facts={**shared, **(facts or {})},
    )


def chronicle(film: Film, numbers: Sequence[int] = ()) -> str:
    """All events with their times: ``0.5-1.5 red circle moves left. 2-2.5 blue star appears.``

    With ``numbers``, one an event, each is called by its own as well: ``0.5-1.5 red circle moves
    left, 2.``
    """
    ends = [f", {number}." for number in numbers] or ["."] * len(film.events)
    told = [
        f"{clock(film.span(event))} {film.told(event)}{end}"
        for event, end in zip(film.events, ends, strict=True)
    ]
    return " ".join(told) or "nothing happens."


def clock(span: tuple[float, float]) -> str:
    """A span in words: ``0.5-1.5``."""
    return f"{span[0]:g}-{span[1]:g}"


def draw_events(
    rng: np.random.Generator, actors: int, events: int, whats: Sequence[What] = WHATS
) -> Film:
    """A film of so many actors and events."""
    return draw_film(rng, draw_cast(rng, actors), draw_script(rng, actors, events, whats))


def draw_some(rng: np.random.Generator, level: int) -> Film:
    """A film of as many shapes and events as a difficulty has."""
    return draw_events(rng, ACTORS[level - 1], EVENTS[level - 1])


def bare(told: str) -> str:
    """An event in words without the kinds of shapes, as a viewer tells it."""
    return NAME.sub(r"\1", told).removeprefix("The ").strip(" .").lower()


def colour_asked(text: str) -> str:
    """The colour of the first shape that a question names."""
    found = NAME.search(text)
    return found[1] if found else ""


def _confirm(see: Callable[[Posed, Watched], bool], question: Posed) -> bool:
    (video,) = question.show()
    return see(question, watch(video))


def _looks(question: Posed) -> float:
    """Shapes that a viewer follows through all frames, and what they do."""
    facts = question.facts
    return float(facts["frames"] * facts["shapes"] + len(facts["events"]))


def film_task(
    name: str,
    steps: Steps,
    pose: Callable[[np.random.Generator, int], Posed],
    see: Callable[[Posed, Watched], bool],
) -> WorldTask:
    """A task that a viewer confirms by ``see``; its effort is what he has to follow."""
    return WorldTask(name, steps, "video", pose, partial(_confirm, see), _looks)
