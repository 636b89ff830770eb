"""The world of motion: small videos in which shapes appear, move, turn another colour and vanish.

Questions of order, time, place, number and contact, and of what a plan asks for next. Times are
seconds from the start, frame f at f / fps. ``facts``: ``video_length`` in seconds, ``fps``,
``frames``, and ``events``, each with what it tells and its ``time``. All tasks ours, after the
needs of Temporal-R1, SEED-Bench-R1 and OneThinker.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from gnomon.grading.geometry import span_iou, spans_iou
from gnomon.grading.grade import reference_text
from gnomon.grading.temporal import track_iou
from gnomon.records import Answer, Media
from gnomon.worlds.film import (
    DIRECTIONS,
    SIDE,
    WHATS,
    Actor,
    Event,
    Film,
    Step,
    What,
    draw_cast,
    draw_film,
    draw_script,
    film_mp4,
)
from gnomon.worlds.render import shape_mask
from gnomon.worlds.scene import CELL, REDRAWS, between, pick, shuffled
from gnomon.worlds.watching import Happening, Watched, watch
from gnomon.worlds.world import Posed, WorldTask

ACTORS = (1, 2, 2, 3, 4)
EVENTS = (1, 2, 3, 4, 5)
"""Shapes and events of difficulty 1 to 5, where a task does not need others."""

LETTERS = "ABCD"
CLEAR = 10
"""Pixels between two shapes that do not touch, at least."""

_NAME = re.compile(r"(?:the )?(\w+) (?:circle|square|triangle|star)")


def show(film: Film) -> tuple[Media, ...]:
    """The film as one video."""
    return (Media("video", data=film_mp4(film)),)


def posed(
    film: Film,
    question: str,
    answer: Answer,
    thought: str,
    *,
    target: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Posed:
    """A question about a film; ``target`` is what in the film it is about, for the key."""
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
        key=f"{film.written}: {target}",
        thought=thought,
        show=partial(show, film),
        facts={**shared, **(facts or {})},
    )


def chronicle(film: Film) -> str:
    """All events with their times: ``0.5-1.5 red circle moves left. 2-2.5 blue star appears.``"""
    told = [f"{_times(film.span(event))} {film.told(event)}." for event in film.events]
    return " ".join(told) or "nothing happens."


def _times(span: tuple[float, float]) -> str:
    return f"{span[0]:g}-{span[1]:g}"


def optional(rng: np.random.Generator, right: str, wrong: Sequence[str]) -> Answer:
    """A choice by letter of the right text and at most three wrong ones, in a random order."""
    texts = shuffled(rng, [right, *wrong[:3]])
    options = dict(zip(LETTERS, texts, strict=False))
    return Answer("choice", LETTERS[texts.index(right)], options)


def listed(options: Mapping[str, str]) -> str:
    """Options as lines of a question."""
    return "".join(f"\n{letter}. {text}" for letter, text in options.items())


def _draw(
    rng: np.random.Generator, actors: int, events: int, whats: Sequence[What] = WHATS
) -> Film:
    return draw_film(rng, draw_cast(rng, actors), draw_script(rng, actors, events, whats))


def _wanted(
    rng: np.random.Generator, draw: Callable[[], Film], fits: Callable[[Film], bool]
) -> Film:
    for _ in range(REDRAWS):
        film = draw()
        if fits(film):
            return film
    raise ValueError(f"no film that fits in {REDRAWS} draws: use more shapes or fewer events")


def order(rng: np.random.Generator, level: int) -> Posed:
    """Events in a random order: number them as they happen. 2 to 5 events."""
    actors, count = (2, 2, 3, 3, 4)[level - 1], (2, 3, 3, 4, 5)[level - 1]
    film = _wanted(
        rng,
        lambda: _draw(rng, actors, count),
        lambda film: len({film.told(event) for event in film.events}) == count,
    )
    places = shuffled(rng, range(count))
    lines = [f"\n{n}. The {film.told(film.events[place])}." for n, place in enumerate(places, 1)]
    question = (
        "Put the events in the order in which they happen. Answer with their numbers, first to"
        f" last.{''.join(lines)}"
    )
    numbers = tuple(places.index(place) + 1 for place in range(count))
    thought = f"{chronicle(film)} {' '.join(f'{n} is next.' for n in numbers)}"
    return posed(film, question, Answer("permutation", numbers), thought, target="order")


def _bare(told: str) -> str:
    return _NAME.sub(r"\1", told).removeprefix("The ").strip(" .").lower()


def _seen_order(question: Posed, watched: Watched) -> bool:
    lines = re.findall(r"\n\d\. (.*)", question.text)
    told = [happened.told for happened in watched.happened]
    return tuple(_bare(lines[n - 1]) for n in question.answer.value) == tuple(told)


def when(rng: np.random.Generator, level: int) -> Posed:
    """When a shape moves, can be seen, or has its second colour: one span of seconds."""
    film = _wanted(rng, lambda: _draw(rng, ACTORS[level - 1], EVENTS[level - 1]), _spans_asked)
    question, span, why = pick(rng, _spans_asked(film))
    question += " Give start and end in seconds."
    shares = [end / film.seconds for end in span]
    return posed(
        film,
        question,
        Answer("span", span),
        f"{chronicle(film)} {why} {_times(span)}.",
        target=question,
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
        if any(event.what in ("appear", "vanish") for event in events):
            text = f"From when to when can the {actor.name} be seen?"
            asked.append((text, _shown(film, number), f"{actor.name} is seen"))
        turned = next((event.detail for event in events if event.what == "recolour"), "")
        if turned:
            text = f"From when to when is the {actor.shape.kind} that is {actor.shape.colour} first"
            asked.append(
                (f"{text} {turned}?", _shown(film, number, turned), f"{actor.name} is {turned}")
            )
    return asked


def _shown(film: Film, actor: int, colour: str = "") -> tuple[float, float]:
    frames = [
        frame
        for frame, state in enumerate(film.states[actor])
        if state is not None and colour in ("", state.colour)
    ]
    return frames[0] / film.fps, (frames[-1] + 1) / film.fps


def _seen_when(question: Posed, watched: Watched) -> bool:
    return span_iou(question.answer.value, _span_watched(question.text, watched)) > 0.99


def _span_watched(text: str, watched: Watched) -> tuple[float, float]:
    turned = re.search(r"that is (\w+) first (\w+)\?", text)
    colour = turned[1] if turned else _colour_asked(text)
    if text.removeprefix("<image>").startswith("When"):
        (move,) = [h for h in watched.happened if (h.colour, h.what) == (colour, "moves")]
        return move.start / watched.fps, move.end / watched.fps
    turns = [h.detail for h in watched.happened if (h.colour, h.what) == (colour, "turns")]
    colours = {turned[2]} if turned else {colour, *turns}
    frames = [frame for frame, seen in enumerate(watched.seen) if colours & seen.keys()]
    return frames[0] / watched.fps, (frames[-1] + 1) / watched.fps


def _colour_asked(text: str) -> str:
    found = _NAME.search(text)
    return found[1] if found else ""


def moves(rng: np.random.Generator, level: int) -> Posed:
    """Every time span in which a shape moves: 1 to 3 of them, others move in between."""
    count, actors = (1, 2, 2, 3, 3)[level - 1], (1, 2, 3, 3, 4)[level - 1]
    others = min(actors - 1, EVENTS[-1] - count)
    steps: list[Step] = [(0, "move")] * count
    steps += [(1 + between(rng, 0, actors - 2), "move") for _ in range(others)]
    film = draw_film(rng, draw_cast(rng, actors), shuffled(rng, steps))
    name = film.actors[0].name
    spans = tuple(film.span(event) for event in film.events if event.actor == 0)
    question = f"In which time spans does the {name} move? Give all, in seconds."
    thought = f"{chronicle(film)} {name} moves {', '.join(map(_times, spans))}."
    return posed(film, question, Answer("spans", spans), thought, target="moves")


def _seen_moves(question: Posed, watched: Watched) -> bool:
    colour = _colour_asked(question.text)
    spans = [
        (h.start / watched.fps, h.end / watched.fps)
        for h in watched.happened
        if (h.colour, h.what) == (colour, "moves")
    ]
    return len(spans) == len(question.answer.value) and (
        spans_iou(spans, question.answer.value) > 0.99
    )


def track(rng: np.random.Generator, level: int) -> Posed:
    """The box of a shape in every frame in which it can be seen, frames numbered from 1."""
    film = _wanted(
        rng, lambda: _draw(rng, ACTORS[level - 1], EVENTS[level - 1]), lambda film: True
    )
    number = between(rng, 0, len(film.actors) - 1)
    boxes = {str(f + 1): box for f in range(film.frames) if (box := film.box(number, f))}
    name = film.actors[number].name
    question = (
        f"Track the {name}: give its box in each frame in which it can be seen. The frames are"
        f" numbered from 1 to {film.frames}."
    )
    first = next(iter(boxes))
    thought = f"{chronicle(film)} {name} is first seen in frame {first} at {list(boxes[first])}."
    return posed(film, question, Answer("track", boxes), thought, target=name)


def _seen_track(question: Posed, watched: Watched) -> bool:
    colour = _colour_asked(question.text)
    turns = [h.detail for h in watched.happened if (h.colour, h.what) == (colour, "turns")]
    boxes = {
        str(number): seen[name].box
        for number, seen in enumerate(watched.seen, 1)
        for name in (colour, *turns)
        if name in seen
    }
    same = boxes.keys() == question.answer.value.keys()
    return same and track_iou(boxes, question.answer.value) > 0.6


def first_mover(rng: np.random.Generator, level: int) -> Posed:
    """Which of 2 to 4 shapes moves first, by letter."""
    actors = (2, 2, 3, 3, 4)[level - 1]
    film = draw_film(
        rng, draw_cast(rng, actors), shuffled(rng, [(a, "move") for a in range(actors)])
    )
    names = [actor.name for actor in film.actors]
    right = names[film.events[0].actor]
    answer = optional(rng, right, [name for name in names if name != right])
    question = f"Which shape moves first?{listed(answer.options)}"
    thought = f"{chronicle(film)} {right} is first: {answer.value}."
    return posed(film, question, answer, thought, target="first")


def _seen_first(question: Posed, watched: Watched) -> bool:
    first = next(h for h in watched.happened if h.what == "moves")
    return question.answer.options[question.answer.value].startswith(first.colour)


def direction(rng: np.random.Generator, level: int) -> Posed:
    """Which way a shape moves while others move too."""
    actors = ACTORS[level - 1]
    steps = shuffled(rng, [(a, "move") for a in range(actors)])
    film = draw_film(rng, draw_cast(rng, actors), steps)
    event = pick(rng, film.events)
    name = film.actors[event.actor].name
    words = ", ".join(DIRECTIONS[False] + DIRECTIONS[True])
    question = f"Which way does the {name} move: {words.replace(', down', ' or down')}?"
    return posed(film, question, Answer("choice", event.detail), chronicle(film), target=name)


def _seen_direction(question: Posed, watched: Watched) -> bool:
    colour = _colour_asked(question.text)
    (found,) = [h for h in watched.happened if (h.colour, h.what) == (colour, "moves")]
    return bool(found.detail == question.answer.value)


def new_colour(rng: np.random.Generator, level: int) -> Posed:
    """Which colour a shape turns while other things happen."""
    actors = ACTORS[level - 1]
    film = _wanted(
        rng,
        lambda: _draw(rng, actors, EVENTS[level - 1], ("move", "recolour", "vanish")),
        lambda film: any(event.what == "recolour" for event in film.events),
    )
    event = pick(rng, [event for event in film.events if event.what == "recolour"])
    name = film.actors[event.actor].name
    question = f"Which colour does the {name} turn?"
    return posed(film, question, Answer("choice", event.detail), chronicle(film), target=name)


def _seen_colour(question: Posed, watched: Watched) -> bool:
    colour = _colour_asked(question.text)
    (found,) = [h for h in watched.happened if (h.colour, h.what) == (colour, "turns")]
    return bool(found.detail == question.answer.value)


def how_many(rng: np.random.Generator, level: int) -> Posed:
    """How many shapes appear, vanish, or move in the whole video."""
    actors = ACTORS[level - 1]
    verb: What = pick(rng, ("appear", "vanish", "move"))
    others: list[What] = [what for what in WHATS if what not in (verb, "recolour")]
    doing = between(rng, 0, actors)
    script = [(a, verb if a < doing else pick(rng, others)) for a in range(actors)]
    film = draw_film(rng, draw_cast(rng, actors), shuffled(rng, script))
    names = {actor.name for actor in film.actors[:doing]}
    question = f"How many shapes {verb} in the video?"
    thought = f"{chronicle(film)} {verb}: {', '.join(sorted(names)) or 'none'}. total {len(names)}."
    return posed(film, question, Answer("count", len(names)), thought, target=verb)


def _seen_number(question: Posed, watched: Watched) -> bool:
    verb = question.text.split("shapes ")[1].split()[0]
    return question.answer.value == len(
        {h.colour for h in watched.happened if h.what.startswith(verb)}
    )


def touch(rng: np.random.Generator, level: int) -> Posed:
    """Whether a shape that moves towards another touches it; up to two more shapes move too."""
    others = (0, 0, 1, 1, 2)[level - 1]
    meets, upright = rng.random() < 0.5, rng.random() < 0.5
    gap = 0 if meets else between(rng, CLEAR, (24, 20, 18, 16, 14)[level - 1])
    cast = draw_cast(rng, 2 + others, ("circle", "square"))
    pair, end = _facing(rng, (cast[0], cast[1]), gap, upright)
    steps = shuffled(rng, [(2 + other, "move") for other in range(others)])
    place = between(rng, 0, others)
    script: list[Step] = [*steps[:place], (0, "move"), *steps[place:]]
    film = draw_film(rng, (*pair, *cast[2:]), script, upright=upright, ends={place: end})
    one, other = pair[0].name, pair[1].name
    question = f"Does the {one} touch the {other}?"
    thought = f"{chronicle(film)} the gap is {'closed' if meets else 'open'} at the end of the move."
    return posed(film, question, Answer("yes-no", meets), thought, target=f"touch {meets}")


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


def _seen_touch(question: Posed, watched: Watched) -> bool:
    one, other = _NAME.findall(question.text)
    gaps = [_gap(seen[one].box, seen[other].box) for seen in watched.seen]
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
    return posed(film, question, answer, thought, target="next", facts=facts)


def _seen_next(question: Posed, watched: Watched) -> bool:
    goal = re.search(r"as far (\w+) as .*?: (.*?)\. The video", question.text)
    colours = _NAME.findall(goal[2]) if goal else []
    moved = [h.colour for h in watched.happened]
    waiting = [colour for colour in colours if colour not in moved]
    chosen = _bare(question.answer.options[question.answer.value])
    return bool(goal) and moved + waiting == colours and (
        chosen == f"move {waiting[0]} {goal[1] if goal else ''}"
    )


def narrate(rng: np.random.Generator, level: int) -> Posed:
    """All that happens, in order, as text."""
    film = _draw(rng, ACTORS[level - 1], EVENTS[level - 1])
    told = "; ".join(film.told(event) for event in film.events)
    question = "Say what happens in the video, in order."
    return posed(film, question, Answer("text", told), chronicle(film), target="narrate")


def _seen_story(question: Posed, watched: Watched) -> bool:
    told = [_bare(part) for part in str(question.answer.value).split("; ")]
    return told == [happened.told for happened in watched.happened]


def _confirm(see: Callable[[Posed, Watched], bool], question: Posed) -> bool:
    (video,) = question.show()
    return see(question, watch(video))


def _looks(question: Posed) -> float:
    """Shapes that a viewer follows through all frames, and what they do."""
    facts = question.facts
    return float(facts["frames"] * facts["shapes"] + len(facts["events"]))


def _task(
    name: str,
    steps: Any,
    pose: Callable[[np.random.Generator, int], Posed],
    see: Callable[[Posed, Watched], bool],
) -> WorldTask:
    return WorldTask(name, steps, "video", pose, partial(_confirm, see), _looks)


TASKS = (
    _task("narrate", "single", narrate, _seen_story),
    _task("direction", "single", direction, _seen_direction),
    _task("new-colour", "single", new_colour, _seen_colour),
    _task("touch", "single", touch, _seen_touch),
    _task("when", "single", when, _seen_when),
    _task("moves", "single", moves, _seen_moves),
    _task("track", "single", track, _seen_track),
    _task("order", "multi", order, _seen_order),
    _task("first-mover", "multi", first_mover, _seen_first),
    _task("how-many", "multi", how_many, _seen_number),
    _task("next-action", "multi", next_action, _seen_next),
)
