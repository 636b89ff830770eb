"""Questions of contact and of plans in a film: does it touch, what is to be done next."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from gnomon.records import Answer
from gnomon.worlds.asking import yes_no
from gnomon.worlds.choosing import listed, optional
from gnomon.worlds.film import DIRECTIONS, SIDE, Actor, Step, draw_cast, draw_film
from gnomon.worlds.footage import NAME, bare, chronicle, posed
from gnomon.worlds.render import shape_mask
from gnomon.worlds.scene import CELL, between, shuffled
from gnomon.worlds.watching import Watched
from gnomon.worlds.world import Posed

CLEAR = 10
"""Pixels between two shapes that do not touch, at least."""


def touch(rng: np.random.Generator, level: int) -> Posed:
    """Whether a shape that moves towards another touches it; up to two more shapes move too."""
    others = (0, 0, 1, 1, 2)[level - 1]
    meets, upright = rng.random() < 0.5, rng.random() < 0.5
    gap = 0 if meets else between(rng, CLEAR, (24, 20, 18, 16, 14)[level - 1])
    cast = draw_cast(rng, 2 + others, ("circle", "square"))
    pair, end = _facing(rng, (cast[0], cast[1]), gap, upright)
    other_steps: list[Step] = [(2 + other, "move") for other in range(others)]
    steps = shuffled(rng, other_steps)
    place = between(rng, 0, others)
    script: list[Step] = [*steps[:place], (0, "move"), *steps[place:]]
    film = draw_film(rng, (*pair, *cast[2:]), script, upright=upright, ends={place: end})
    one, other = pair[0].name, pair[1].name
    question = f"Does the {one} touch the {other}?"
    thought = f"{chronicle(film)} gap at the end: {gap} pixels. {yes_no(meets)}."
    return posed(film, question, Answer("yes-no", meets), thought)


def _facing(
    rng: np.random.Generator, pair: tuple[Actor, Actor], gap: int, upright: bool
) -> tuple[tuple[Actor, Actor], int]:
    # One goes from one end of the lane towards the other shape, which stands at the other end.
    sizes = [shape_mask(actor.shape.kind, actor.extent).size[upright] for actor in pair]
    near, far = CELL // 2, SIDE - CELL // 2
    forward = rng.random() < 0.5
    start, stand = (near, far) if forward else (far, near)
    halves = (
        sizes[0] - sizes[0] // 2 + sizes[1] // 2
        if forward
        else sizes[0] // 2 + sizes[1] - sizes[1] // 2
    )
    end = stand - halves - gap if forward else stand + halves + gap
    moving, standing = pair
    placed = (
        _at(moving, moving.lane, moving.across, start),
        _at(standing, moving.lane, moving.across, stand),
    )
    return placed, end


def _at(actor: Actor, lane: int, across: int, place: int) -> Actor:
    return Actor(actor.shape, lane, place, across, actor.extent, actor.tint)


def seen_touch(question: Posed, watched: Watched) -> bool:
    """Whether the boxes come together in some frame just when the answer is yes.

    No shape vanishes here: one that is not seen is lost in the patch of the other that it touches.
    """
    pair = NAME.findall(question.text)
    found = [[seen[name].box for name in pair if name in seen] for seen in watched.seen]
    gaps = [_gap(*boxes) if len(boxes) == 2 else 0.0 for boxes in found]
    return bool(question.answer.value == (min(gaps) < CLEAR / 2))


def _gap(one: Sequence[float], other: Sequence[float]) -> float:
    return max(max(one[a], other[a]) - min(one[a + 2], other[a + 2]) for a in (0, 1))


def next_action(rng: np.random.Generator, level: int) -> Posed:
    """The next action of a plan of which the video shows the start, by letter.

    The plan names shapes in an order; each is brought to the far side in turn. The last frame is
    the current view. Wrong options, which ``negative_answers`` holds: an action that is done, a
    later one, and the right shape the wrong way. Source of the shape: SEED-Bench-R1, arXiv
    2503.24376.
    """
    count = (2, 2, 3, 3, 4)[level - 1]
    done = between(rng, 1, count - 1)
    upright, forward = rng.random() < 0.5, rng.random() < 0.5
    start, end = (CELL // 2, SIDE - CELL // 2) if forward else (SIDE - CELL // 2, CELL // 2)
    cast = tuple(_at(a, a.lane, a.across, start) for a in draw_cast(rng, count))
    script: list[Step] = [(actor, "move") for actor in range(done)]
    film = draw_film(rng, cast, script, upright=upright, ends=dict.fromkeys(range(done), end))
    names = [actor.name for actor in cast]
    back, ahead = DIRECTIONS[upright]
    way, other = (ahead, back) if forward else (back, ahead)
    right = f"move the {names[done]} {way}"
    wrong = [f"move the {name} {way}" for name in names if name != names[done]]
    negatives = [f"move the {names[done]} {other}", *shuffled(rng, wrong)]
    negatives += [f"move the {names[0]} {other}"]
    answer = optional(rng, right, negatives)
    question = (
        f"The goal is to bring these shapes as far {way} as they go, one after the other:"
        f" {', '.join(names)}. The video shows what has been done so far. What should be done"
        f" next?{listed(answer.options)}"
    )
    thought = f"{chronicle(film)} done: {', '.join(names[:done])}. next: {names[done]}."
    facts = {"negative_answers": negatives, "done": done}
    return posed(film, question, answer, thought, facts=facts)


def seen_next(question: Posed, watched: Watched) -> bool:
    """Whether the chosen action is the first of the plan that was not seen."""
    goal = re.search(r"as far (\w+) as .*?: (.*?)\. The video", question.text)
    colours = NAME.findall(goal[2]) if goal else []
    moved = [h.colour for h in watched.happened]
    waiting = [colour for colour in colours if colour not in moved]
    chosen = bare(question.answer.options[question.answer.value])
    return (
        bool(goal)
        and moved + waiting == colours
        and (chosen == f"move {waiting[0]} {goal[1] if goal else ''}")
    )
