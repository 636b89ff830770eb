"""Questions of when and where in a film: a moment, one span, several spans, a track of boxes."""

from __future__ import annotations

import re

import numpy as np

from gnomon.grading.geometry import span_iou, spans_iou
from gnomon.records import Answer
from gnomon.worlds.film import Film, Step, draw_cast, draw_film
from gnomon.worlds.footage import EVENTS, bare, chronicle, clock, colour_asked, posed
from gnomon.worlds.scene import CELL, between, cell_name, pick, shuffled
from gnomon.worlds.watching import Watched
from gnomon.worlds.world import Posed

BLUR = 4
"""Pixels by which a side that is seen can miss the drawn one: compression dims thin tips."""


def when(rng: np.random.Generator, film: Film) -> Posed | None:
    """When a shape moves, can be seen, or has its second colour: one span of seconds.

    A shape whose colour changes is seen longer than its name holds: that is not asked.
    """
    asked = _spans_asked(film)
    if not asked:
        return None
    question, span, why = pick(rng, asked)
    question += " Give start and end in seconds."
    shares = [end / film.seconds for end in span]
    return posed(
        film,
        question,
        Answer("span", span),
        f"{chronicle(film)} {why} {clock(span)}.",
        facts={"solution": shares},
    )


def _spans_asked(film: Film) -> list[tuple[str, tuple[float, float], str]]:
    asked = []
    for number, actor in enumerate(film.actors):
        events = [event for event in film.events if event.actor == number]
        moves = [event for event in events if event.what == "move"]
        if len(moves) == 1:
            text = f"When does the {actor.name} move?"
            asked.append((text, film.span(moves[0]), f"{actor.name} moves"))
        comes_or_goes = any(event.what in ("appear", "vanish") for event in events)
        if comes_or_goes and _named_until(film, number) == film.frames:
            text = f"From when to when can the {actor.name} be seen?"
            asked.append((text, _shown(film, number), f"{actor.name} is seen"))
        turned = next((event.detail for event in events if event.what == "recolour"), "")
        if turned:
            text = f"From when to when is the {actor.shape.kind} that is {actor.shape.colour} first"
            asked.append(
                (f"{text} {turned}?", _shown(film, number, turned), f"{actor.name} is {turned}")
            )
    return asked


def _named_until(film: Film, actor: int) -> int:
    """The first frame in which a shape has another colour than that of its name, or their number.

    From there on its name is wrong, also where it is no longer to be seen.
    """
    turns = (e.end for e in film.events if (e.actor, e.what) == (actor, "recolour"))
    return next(turns, film.frames)


def _shown(film: Film, actor: int, colour: str = "") -> tuple[float, float]:
    frames = [
        frame
        for frame, state in enumerate(film.states[actor])
        if state is not None and colour in ("", state.colour)
    ]
    return frames[0] / film.fps, (frames[-1] + 1) / film.fps


def seen_when(question: Posed, watched: Watched) -> bool:
    """Whether the span is the one that is seen."""
    return span_iou(question.answer.value, _span_watched(question.text, watched)) > 0.99


def _span_watched(text: str, watched: Watched) -> tuple[float, float]:
    turned = re.search(r"that is (\w+) first (\w+)\?", text)
    colour = turned[1] if turned else colour_asked(text)
    if text.removeprefix("<image>").startswith("When"):
        (move,) = [h for h in watched.happened if (h.colour, h.what) == (colour, "moves")]
        return move.start / watched.fps, move.end / watched.fps
    asked = turned[2] if turned else colour
    frames = [frame for frame, seen in enumerate(watched.seen) if asked in seen]
    return frames[0] / watched.fps, (frames[-1] + 1) / watched.fps


def moves(rng: np.random.Generator, level: int) -> Posed:
    """Every time span in which a shape moves: 1 to 3 of them, others move in between."""
    count, actors = (1, 2, 2, 3, 3)[level - 1], (1, 2, 3, 3, 4)[level - 1]
    others = min(actors - 1, EVENTS[-1] - count)
    steps: list[Step] = [(0, "move")] * count
    steps += [(1 + between(rng, 0, actors - 2), "move") for _ in range(others)]
    film = draw_film(rng, draw_cast(rng, actors), shuffled(rng, steps))
    return _spans_of(film, 0)


def moves_of(rng: np.random.Generator, film: Film) -> Posed | None:
    """Every time span in which some shape of a film moves."""
    movers = sorted({event.actor for event in film.events if event.what == "move"})
    return _spans_of(film, pick(rng, movers)) if movers else None


def _spans_of(film: Film, mover: int) -> Posed:
    name = film.actors[mover].name
    moving = (e for e in film.events if (e.actor, e.what) == (mover, "move"))
    spans = tuple(map(film.span, moving))
    question = f"In which time spans does the {name} move? Give all, in seconds."
    thought = f"{chronicle(film)} {name} moves {', '.join(map(clock, spans))}."
    return posed(film, question, Answer("spans", spans), thought)


def seen_moves(question: Posed, watched: Watched) -> bool:
    """Whether the spans are those in which that colour is seen to move."""
    colour = colour_asked(question.text)
    spans = [
        (h.start / watched.fps, h.end / watched.fps)
        for h in watched.happened
        if (h.colour, h.what) == (colour, "moves")
    ]
    return len(spans) == len(question.answer.value) and (
        spans_iou(spans, question.answer.value) > 0.99
    )


NOTHING, NOWHERE = "nothing", "nowhere"
"""What happens between frames that are alike, and where a shape is that is not to be seen."""


def happens(rng: np.random.Generator, film: Film) -> Posed:
    """What happens from one frame to the next; as often as not it is nothing."""
    busy = {frame: event for event in film.events for frame in range(event.start, event.end)}
    calm = [frame for frame in range(film.frames - 1) if frame not in busy]
    frame = pick(rng, calm if rng.random() < 0.5 or not busy else tuple(busy))
    told = film.told(busy[frame]) if frame in busy else NOTHING
    span = clock((frame / film.fps, (frame + 1) / film.fps))
    question = f"What happens at {span} seconds?"
    return posed(film, question, Answer("text", told), f"{chronicle(film)} {span} {told}.")


def seen_happens(question: Posed, watched: Watched) -> bool:
    """Whether it is what is seen to happen between these two frames."""
    found = re.search(r"at ([\d.]+)-", question.text)
    frame = round(float(found[1]) * watched.fps) if found else -1
    told = [h.told for h in watched.happened if h.start <= frame < h.end]
    return bare(str(question.answer.value)) == (told[0] if told else NOTHING)


def where(rng: np.random.Generator, film: Film) -> Posed:
    """The cell of a shape's centre in one frame, in a grid of four rows and columns.

    It still has the colour of its name there, or is not there and never had another one before.
    """
    number, frame = _frame_asked(rng, film)
    state = film.states[number][frame]
    cell = cell_name(state.x // CELL, state.y // CELL) if state is not None else NOWHERE
    name, time = film.actors[number].name, f"{frame / film.fps:g}"
    question = f"In which cell is the {name} at {time} seconds, or nowhere?"
    thought = f"{chronicle(film)} {time} {name} {cell}."
    return posed(film, question, Answer("text", cell), thought)


def _frame_asked(rng: np.random.Generator, film: Film) -> tuple[int, int]:
    """A shape and a frame in which its name is right and it is not within `BLUR` of two cells.

    There always is one: in the first frame no colour has changed, and all shapes rest.
    """
    clear = [
        (number, frame)
        for number, states in enumerate(film.states)
        for frame, state in enumerate(states[: _named_until(film, number)])
        if state is None or all(BLUR <= side % CELL < CELL - BLUR for side in (state.x, state.y))
    ]
    return pick(rng, clear)


def seen_where(question: Posed, watched: Watched) -> bool:
    """Whether the middle of that shape's pixels is in that cell, or there are none."""
    found = re.search(r"at ([\d.]+) seconds", question.text)
    frame = watched.seen[round(float(found[1]) * watched.fps) if found else -1]
    colour = colour_asked(question.text)
    if colour not in frame:
        return bool(question.answer.value == NOWHERE)
    left, top, right, bottom = frame[colour].box
    cell = cell_name(int(left + right) // 2 // CELL, int(top + bottom) // 2 // CELL)
    return bool(question.answer.value == cell)


def track(rng: np.random.Generator, film: Film) -> Posed | None:
    """The box of a shape in every frame in which it can be seen, frames numbered from 1.

    None of a film in which every shape changes its colour, and so outlasts its name.
    """
    steady = [n for n in range(len(film.actors)) if _named_until(film, n) == film.frames]
    if not steady:
        return None
    number = pick(rng, steady)
    boxes = {str(f + 1): box for f in range(film.frames) if (box := film.box(number, f))}
    name = film.actors[number].name
    question = (
        f"Track the {name}: give its box in each frame in which it can be seen. The frames are"
        f" numbered from 1 to {film.frames}."
    )
    first = next(iter(boxes))
    thought = f"{chronicle(film)} {name} is first seen in frame {first} at {list(boxes[first])}."
    return posed(film, question, Answer("track", boxes), thought)


def seen_track(question: Posed, watched: Watched) -> bool:
    """Whether the boxes are those of that shape's pixels, in the same frames."""
    colour = colour_asked(question.text)
    boxes = {
        str(number): seen[colour].box
        for number, seen in enumerate(watched.seen, 1)
        if colour in seen
    }
    drawn = question.answer.value
    return boxes.keys() == drawn.keys() and all(
        abs(side - other) <= BLUR
        for number, box in boxes.items()
        for side, other in zip(box, drawn[number], strict=True)
    )
