"""Films: shapes that appear, move, turn another colour, meet and vanish, one thing at a time.

Every shape keeps to a lane of its own, a row or a column of the canvas, so that none hides another;
two that meet share one. Frame f is shown at f / fps seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gnomon.media.mp4 import write_mp4
from gnomon.worlds.render import shape_mask
from gnomon.worlds.scene import (
    CELL,
    COLOURS,
    EXTENTS,
    KINDS,
    RGB,
    SIZES,
    TINT,
    Colour,
    Kind,
    PixelBox,
    Shape,
    between,
    pick,
    shuffled,
)

What = Literal["appear", "vanish", "move", "recolour"]
WHATS: tuple[What, ...] = get_args(What)
Step = tuple[int, What]
"""What the actor of a number does."""

LANES = 4
SIDE = CELL * LANES
FRAMES = (8, 10, 12, 14, 16, 16)
"""Frames of a film of 0 to 5 events."""

RATES = (2, 4)
DIRECTIONS = {False: ("left", "right"), True: ("up", "down")}
"""Towards smaller and larger coordinates, in rows and in columns."""


@dataclass(frozen=True)
class Event:
    """What one actor does between two frames: at ``start`` not yet, at ``end`` done.

    ``to`` is where along the lane a move ends, in pixels; ``detail`` its direction, or the new
    colour.
    """

    actor: int
    what: What
    start: int
    end: int
    detail: str = ""
    to: int = 0


@dataclass(frozen=True)
class Actor:
    """A shape of a film: its first looks, its lane, and where its centre stands first, in pixels.

    ``place`` is along the lane, ``across`` across it.
    """

    shape: Shape
    lane: int
    place: int
    across: int
    extent: int
    tint: RGB

    @property
    def name(self) -> str:
        """Its first colour and its kind, for example ``red circle``; no two share a colour."""
        return f"{self.shape.colour} {self.shape.kind}"

    def ink(self, colour: Colour) -> RGB:
        """A colour as this actor shows it."""
        red, green, blue = (
            min(255, max(0, level + shift))
            for level, shift in zip(COLOURS[colour], self.tint, strict=True)
        )
        return red, green, blue


@dataclass(frozen=True)
class State:
    """What an actor looks like in one frame: its centre in pixels, and its colour."""

    x: int
    y: int
    colour: Colour


@dataclass(frozen=True)
class Film:
    """``frames`` pictures of ``SIDE`` pixels squared at ``fps``; lanes are columns if ``upright``.

    Events come in order of time and do not overlap; ``paper`` is the grey level behind.
    """

    actors: tuple[Actor, ...]
    events: tuple[Event, ...]
    frames: int
    fps: int
    upright: bool
    paper: int

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.fps

    @property
    def written(self) -> str:
        """All that happens in text, without what only the drawing needs."""
        cast = ", ".join(f"{a.shape.written} {a.lane}{a.place // CELL}" for a in self.actors)
        acts = "; ".join(f"{e.start}-{e.end} {self.told(e)}" for e in self.events)
        return f"{self.frames} at {self.fps}: {cast}: {acts}"

    def told(self, event: Event) -> str:
        """An event in words, for example ``red circle moves left``."""
        words = {"appear": "appears", "vanish": "vanishes", "move": "moves", "recolour": "turns"}
        told = f"{self.actors[event.actor].name} {words[event.what]} {event.detail}"
        return told.strip()

    def span(self, event: Event) -> tuple[float, float]:
        """When an event starts and ends, in seconds."""
        return event.start / self.fps, event.end / self.fps

    @cached_property
    def states(self) -> tuple[tuple[State | None, ...], ...]:
        """Of each actor its state in every frame, None where it is not to be seen."""
        return tuple(
            _states(self, actor, [event for event in self.events if event.actor == number])
            for number, actor in enumerate(self.actors)
        )

    def box(self, actor: int, frame: int) -> PixelBox | None:
        """The tight box of an actor in a frame, or None where it is not to be seen."""
        state = self.states[actor][frame]
        return None if state is None else _box(self.actors[actor], state)


def _states(film: Film, actor: Actor, events: Sequence[Event]) -> tuple[State | None, ...]:
    seen = not events or events[0].what != "appear"
    place, colour = actor.place, actor.shape.colour
    states: list[State | None] = []
    frame = 0
    for event in events:
        states += [_state(film, actor, place, colour) if seen else None] * (event.start + 1 - frame)
        for step in range(1, event.end - event.start):
            part = place + (event.to - place) * step // (event.end - event.start)
            states.append(_state(film, actor, part, colour) if seen else None)
        frame = event.end
        seen = event.what == "appear" or (seen and event.what != "vanish")
        place = event.to if event.what == "move" else place
        colour = _colour(event.detail) if event.what == "recolour" else colour
    rest = _state(film, actor, place, colour) if seen else None
    return (*states, *[rest] * (film.frames - frame))


def _state(film: Film, actor: Actor, place: int, colour: Colour) -> State:
    x, y = (actor.across, place) if film.upright else (place, actor.across)
    return State(x, y, colour)


def _colour(name: str) -> Colour:
    return next(colour for colour in COLOURS if colour == name)


def _box(actor: Actor, state: State) -> PixelBox:
    width, height = shape_mask(actor.shape.kind, actor.extent).size
    x, y = state.x - width // 2, state.y - height // 2
    return x, y, x + width, y + height


def draw_cast(
    rng: np.random.Generator, count: int, kinds: Sequence[Kind] = KINDS
) -> tuple[Actor, ...]:
    """Actors of different colours, each in a lane of its own.

    Raises ValueError for more than there are lanes.
    """
    if not 1 <= count <= LANES:
        raise ValueError(f"{count} shapes in a film: 1 to {LANES} fit, each has a lane of its own")
    lanes, colours = shuffled(rng, range(LANES)), shuffled(rng, tuple(COLOURS))
    return tuple(
        _draw_actor(rng, Shape(pick(rng, kinds), colour, pick(rng, SIZES)), lane)
        for colour, lane in zip(colours[:count], lanes, strict=False)
    )


def _draw_actor(rng: np.random.Generator, shape: Shape, lane: int) -> Actor:
    place = _centre(between(rng, 0, LANES - 1))
    tint = (between(rng, -TINT, TINT), between(rng, -TINT, TINT), between(rng, -TINT, TINT))
    across = _centre(lane) + between(rng, -2, 2)
    return Actor(shape, lane, place, across, between(rng, *EXTENTS[shape.size]), tint)


def _centre(cell: int) -> int:
    return CELL * cell + CELL // 2


def draw_script(
    rng: np.random.Generator, actors: int, count: int, whats: Sequence[What] = WHATS
) -> tuple[Step, ...]:
    """``count`` steps in order of time: none before its actor appears, none after it vanishes.

    What happens is drawn first and then who does it. No actor turns its colour twice. Raises
    ValueError when the actors cannot do that much.
    """
    steps: list[Step] = []
    for left in reversed(range(count)):
        able = {what: _able(steps, actors, what) for what in whats}
        if left and len(able.get("vanish", ())) == 1:
            able["vanish"] = []  # the last shape stays as long as something is to happen
        able = {what: found for what, found in able.items() if found}
        if not able:
            raise ValueError(
                f"{actors} shapes cannot do {count} things out of {', '.join(whats)}: use more"
                " shapes, fewer events or moves"
            )
        what = pick(rng, tuple(able))
        steps.append((pick(rng, able[what]), what))
    return tuple(steps)


def _able(steps: Sequence[Step], actors: int, what: What) -> list[int]:
    done: list[list[What]] = [[w for a, w in steps if a == actor] for actor in range(actors)]
    spare = len(COLOURS) - actors - sum(w == "recolour" for _, w in steps)
    return [
        actor
        for actor, before in enumerate(done)
        if "vanish" not in before
        and (what != "appear" or not before)
        and (what != "recolour" or ("recolour" not in before and spare > 0))
    ]


def draw_film(
    rng: np.random.Generator,
    cast: tuple[Actor, ...],
    script: Sequence[Step],
    *,
    upright: bool | None = None,
    ends: dict[int, int] | None = None,
) -> Film:
    """A film in which the cast does the script, each step at a time of its own.

    A move goes to another cell of the lane, or to the pixel that ``ends`` names for its step; a new
    colour is one that nobody had. Raises ValueError for more than five events, which do not fit.
    """
    if len(script) >= len(FRAMES):
        raise ValueError(f"{len(script)} events in a film: at most {len(FRAMES) - 1} fit")
    upright = rng.random() < 0.5 if upright is None else upright
    frames, fps = FRAMES[len(script)], pick(rng, RATES)
    worn = [actor.shape.colour for actor in cast]
    spare = [colour for colour in shuffled(rng, tuple(COLOURS)) if colour not in worn]
    places = [actor.place for actor in cast]
    events = []
    for number, ((actor, what), (start, end)) in enumerate(
        zip(script, _times(rng, [what for _, what in script], frames), strict=True)
    ):
        detail, to = "", 0
        if what == "move":
            cells = [c for c in map(_centre, range(LANES)) if abs(c - places[actor]) >= CELL]
            to = pick(rng, cells) if ends is None or number not in ends else ends[number]
            detail = DIRECTIONS[upright][to > places[actor]]
            places[actor] = to
        elif what == "recolour":
            detail = spare.pop()
        events.append(Event(actor, what, start, end, detail, to))
    return Film(cast, tuple(events), frames, fps, upright, between(rng, 226, 255))


def _times(rng: np.random.Generator, whats: Sequence[What], frames: int) -> list[tuple[int, int]]:
    lengths = [2 if what == "move" else 1 for what in whats]
    # At least one frame of rest between two events, the rest of the time by lot.
    gaps = [0, *[1] * (len(whats) - 1), 0] if whats else [0]
    for _ in range(frames - 1 - sum(lengths) - sum(gaps)):
        place = int(rng.random() * (len(gaps) + len(lengths)))
        if place < len(gaps):
            gaps[place] += 1
        elif whats[place - len(gaps)] == "move" and lengths[place - len(gaps)] < 4:
            lengths[place - len(gaps)] += 1
    times, frame = [], 0
    for gap, length in zip(gaps, lengths, strict=False):
        times.append((frame + gap, frame + gap + length))
        frame += gap + length
    return times


def drawn(film: Film) -> list[NDArray[np.uint8]]:
    """All frames as RGB pixels [side, side, 3]; frames between which all rest are one array."""
    frames = list(zip(*film.states, strict=True))
    names = [tuple(map(id, look)) for look in frames]  # a rest is one state in many frames
    looks = dict(zip(names, frames, strict=True))
    # One picture for all of them: an operation of Pillow costs more than its pixels here.
    strip = Image.new("RGB", (SIDE, SIDE * len(looks)), (film.paper, film.paper, film.paper))
    for actor, states in zip(film.actors, zip(*looks.values(), strict=True), strict=True):
        _draw_actor_on(strip, actor, states)
    pixels = np.asarray(strip).reshape(len(looks), SIDE, SIDE, 3)
    pixels_by_name = dict(zip(looks, pixels, strict=True))
    return [pixels_by_name[name] for name in names]


def _draw_actor_on(strip: Image.Image, actor: Actor, states: Sequence[State | None]) -> None:
    mask = shape_mask(actor.shape.kind, actor.extent)
    inks = {colour: actor.ink(colour) for colour in {s.colour for s in states if s is not None}}
    for number, state in enumerate(states):
        if state is not None:
            x, y, *_ = _box(actor, state)
            strip.paste(inks[state.colour], (x, y + SIDE * number), mask)


def film_mp4(film: Film) -> bytes:
    """The film as an mp4 file (H.264); the same film gives the same bytes on one PyAV version."""
    return write_mp4(drawn(film), film.fps)
