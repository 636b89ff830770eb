"""The world of motion: small videos in which shapes appear, move, turn another colour and vanish.

Questions of order, time, place, number and contact, and of what a plan asks for next. Times are
seconds from the start, frame f at f / fps. ``facts``: ``video_length`` in seconds, ``fps``,
``frames``, and ``events``, each with what it tells and its ``time``. All tasks ours, after the
needs of Temporal-R1, SEED-Bench-R1 and OneThinker.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from gnomon.records import Answer
from gnomon.worlds.acting import next_action, seen_next, seen_touch, touch
from gnomon.worlds.choosing import listed, optional
from gnomon.worlds.film import DIRECTIONS, WHATS, Film, Step, What, draw_cast, draw_film
from gnomon.worlds.footage import (
    ACTORS,
    EVENTS,
    bare,
    chronicle,
    colour_asked,
    draw_events,
    draw_some,
    film_task,
    posed,
)
from gnomon.worlds.scene import between, pick, shuffled
from gnomon.worlds.talk import Talk, pose_about
from gnomon.worlds.timing import (
    happens,
    moves,
    moves_of,
    seen_happens,
    seen_moves,
    seen_track,
    seen_when,
    seen_where,
    track,
    when,
    where,
)
from gnomon.worlds.watching import Watched
from gnomon.worlds.world import Posed


def _draw_several(rng: np.random.Generator, level: int) -> Film:
    """A film of 2 to 4 shapes and 2 to 5 events."""
    return draw_events(rng, (2, 2, 3, 3, 4)[level - 1], (2, 3, 3, 4, 5)[level - 1])


def order(rng: np.random.Generator, film: Film) -> Posed | None:
    """Events in a random order: number them as they happen."""
    count = len(film.events)
    if count < 2 or len({film.told(event) for event in film.events}) < count:
        return None
    places = shuffled(rng, range(count))
    lines = [f"\n{n}. The {film.told(film.events[place])}." for n, place in enumerate(places, 1)]
    question = (
        "Put the events in the order in which they happen. Answer with their numbers, first to"
        f" last.{''.join(lines)}"
    )
    numbers = tuple(places.index(place) + 1 for place in range(count))
    thought = chronicle(film, numbers)
    return posed(film, question, Answer("permutation", numbers), thought)


def _seen_order(question: Posed, watched: Watched) -> bool:
    lines = re.findall(r"\n\d\. (.*)", question.text)
    told = [happened.told for happened in watched.happened]
    return tuple(bare(lines[n - 1]) for n in question.answer.value) == tuple(told)


COUNTED: tuple[What, ...] = ("appear", "vanish", "move")
"""What shapes that do it are counted by."""


def _each_moves(actors: int) -> list[Step]:
    return [(actor, "move") for actor in range(actors)]


def _draw_movers(actors: Sequence[int], rng: np.random.Generator, level: int) -> Film:
    """A film in which as many shapes as a difficulty has move once each."""
    count = actors[level - 1]
    return draw_film(rng, draw_cast(rng, count), shuffled(rng, _each_moves(count)))


def first_mover(rng: np.random.Generator, film: Film) -> Posed | None:
    """Which shape moves first, by letter."""
    movers = [event.actor for event in film.events if event.what == "move"]
    if not movers or len(film.actors) < 2:
        return None
    names = [actor.name for actor in film.actors]
    right = names[movers[0]]
    answer = optional(rng, right, [name for name in names if name != right])
    question = f"Which shape moves first?{listed(answer.options)}"
    thought = f"{chronicle(film)} {right} is first: {answer.value}."
    return posed(film, question, answer, thought)


def _seen_first(question: Posed, watched: Watched) -> bool:
    first = next(h for h in watched.happened if h.what == "moves")
    return question.answer.options[question.answer.value].startswith(first.colour)


def direction(rng: np.random.Generator, film: Film) -> Posed | None:
    """Which way a shape that moves once moves."""
    moves = [event for event in film.events if event.what == "move"]
    movers = [event.actor for event in moves]
    once = [event for event in moves if movers.count(event.actor) == 1]
    if not once:
        return None
    event = pick(rng, once)
    name = film.actors[event.actor].name
    words = ", ".join(DIRECTIONS[False] + DIRECTIONS[True])
    question = f"Which way does the {name} move: {words.replace(', down', ' or down')}?"
    return posed(film, question, Answer("choice", event.detail), chronicle(film))


def _seen_direction(question: Posed, watched: Watched) -> bool:
    colour = colour_asked(question.text)
    (found,) = [h for h in watched.happened if (h.colour, h.what) == (colour, "moves")]
    return bool(found.detail == question.answer.value)


def _draw_turning(rng: np.random.Generator, level: int) -> Film:
    """A film in which no shape appears, so that more of them turn another colour."""
    return draw_events(rng, ACTORS[level - 1], EVENTS[level - 1], ("move", "recolour", "vanish"))


def new_colour(rng: np.random.Generator, film: Film) -> Posed | None:
    """Which colour a shape turns while other things happen."""
    turns = [event for event in film.events if event.what == "recolour"]
    if not turns:
        return None
    event = pick(rng, turns)
    name = film.actors[event.actor].name
    question = f"Which colour does the {name} turn?"
    return posed(film, question, Answer("choice", event.detail), chronicle(film))


def _seen_colour(question: Posed, watched: Watched) -> bool:
    colour = colour_asked(question.text)
    (found,) = [h for h in watched.happened if (h.colour, h.what) == (colour, "turns")]
    return bool(found.detail == question.answer.value)


def how_many(rng: np.random.Generator, level: int) -> Posed:
    """How many shapes appear, vanish, or move in the whole video."""
    actors = ACTORS[level - 1]
    verb = pick(rng, COUNTED)
    others: list[What] = [what for what in WHATS if what not in (verb, "recolour")]
    doing = between(rng, 0, actors)
    script = [(a, verb if a < doing else pick(rng, others)) for a in range(actors)]
    film = draw_film(rng, draw_cast(rng, actors), shuffled(rng, script))
    return _number(film, verb)


def number_of(rng: np.random.Generator, film: Film) -> Posed:
    """How many shapes of a film do one of these things."""
    return _number(film, pick(rng, COUNTED))


def _number(film: Film, verb: What) -> Posed:
    names = {film.actors[event.actor].name for event in film.events if event.what == verb}
    question = f"How many shapes {verb} in the video?"
    thought = f"{chronicle(film)} {verb}: {', '.join(sorted(names)) or 'none'}. total {len(names)}."
    return posed(film, question, Answer("count", len(names)), thought)


def _seen_number(question: Posed, watched: Watched) -> bool:
    verb = question.text.split("shapes ")[1].split()[0]
    seen = {h.colour for h in watched.happened if h.what.startswith(verb)}
    return bool(question.answer.value == len(seen))


def narrate(rng: np.random.Generator, film: Film) -> Posed:
    """All that happens, in order, as text."""
    told = "; ".join(film.told(event) for event in film.events)
    question = "Say what happens in the video, in order."
    return posed(film, question, Answer("text", told), chronicle(film))


def _seen_story(question: Posed, watched: Watched) -> bool:
    told = [bare(part) for part in str(question.answer.value).split("; ")]
    return told == [happened.told for happened in watched.happened]


def describe(film: Film) -> Posed:
    """All that happens, each event with its time."""
    question = "Say what happens in the video, in order, and from when to when in seconds."
    told = chronicle(film)
    return posed(film, question, Answer("text", told), told)


TALKS = (
    Talk(
        _draw_several,
        {
            "narrate": narrate, "direction": direction, "new-colour": new_colour, "when": when,
            "moves": moves_of, "order": order, "first-mover": first_mover, "how-many": number_of,
            "happens": happens, "where": where,
        },
        describe,
    ),
)  # fmt: skip
_POSED: dict[str, Callable[[np.random.Generator, int], Posed]] = {
    "narrate": pose_about(draw_some, narrate),
    "direction": pose_about(partial(_draw_movers, ACTORS), direction),
    "new-colour": pose_about(_draw_turning, new_colour),
    "happens": pose_about(draw_some, happens),
    "where": pose_about(draw_some, where),
    "when": pose_about(draw_some, when),
    "track": pose_about(draw_some, track),
    "order": pose_about(_draw_several, order),
    "first-mover": pose_about(partial(_draw_movers, (2, 2, 3, 3, 4)), first_mover),
}
TASKS = (
    film_task("narrate", "single", _POSED["narrate"], _seen_story),
    film_task("direction", "single", _POSED["direction"], _seen_direction),
    film_task("new-colour", "single", _POSED["new-colour"], _seen_colour),
    film_task("touch", "single", touch, seen_touch),
    film_task("happens", "single", _POSED["happens"], seen_happens),
    film_task("where", "single", _POSED["where"], seen_where),
    film_task("when", "single", _POSED["when"], seen_when),
    film_task("moves", "single", moves, seen_moves),
    film_task("track", "single", _POSED["track"], seen_track),
    film_task("order", "multi", _POSED["order"], _seen_order),
    film_task("first-mover", "multi", _POSED["first-mover"], _seen_first),
    film_task("how-many", "multi", how_many, _seen_number),
    film_task("next-action", "multi", next_action, seen_next),
)
