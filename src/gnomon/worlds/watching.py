"""A viewer of films who sees pixels only: which colour is where in each frame, and what happens.

Shares nothing with how films are drawn but the six colours; it confirms the answers of the world of
motion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gnomon.media.video import open_video
from gnomon.records import Box, Media
from gnomon.worlds.scene import COLOURS

VIVID, NEAR, LEAST, SHARE = 70, 60, 16, 0.16
"""Least spread of a pixel's levels, greatest distance to a colour, least pixels of a shape, and the
least share that a colour has of its patch.
"""

_NAMES = tuple(COLOURS)
_PALETTE = np.array(list(COLOURS.values()))

STIR = 3.0
"""Pixels that a centre moves in a frame, at least, when it moves at all."""


@dataclass(frozen=True)
class Seen:
    """A patch of one colour in a frame: its box, and the mean of its pixels, which is steadier."""

    box: Box
    x: float
    y: float


@dataclass(frozen=True)
class Happening:
    """Something that happened to the shape that first had ``colour``, between two frames."""

    colour: str
    what: str
    detail: str
    start: int
    end: int

    @property
    def told(self) -> str:
        """In words, for example ``red moves left``."""
        return f"{self.colour} {self.what} {self.detail}".strip()


@dataclass(frozen=True)
class Watched:
    """What was seen: patches by colour in each frame, what happened, and the frames per second."""

    seen: tuple[Mapping[str, Seen], ...]
    happened: tuple[Happening, ...]
    fps: float


def watch(media: Media) -> Watched:
    """Decode a film and see what happens in it."""
    clip = open_video(media)
    pixels = np.stack([np.asarray(frame) for frame in clip.frames])
    seen = _seen(pixels)
    return Watched(seen, tuple(_happenings(seen)), clip.rate)


def _seen(pixels: NDArray[np.uint8]) -> tuple[dict[str, Seen], ...]:
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    most = np.maximum(np.maximum(red, green), blue)
    vivid = most - np.minimum(np.minimum(red, green), blue) > VIVID
    return tuple(_in_frame(frame, mask) for frame, mask in zip(pixels, vivid, strict=True))


def _in_frame(pixels: NDArray[np.uint8], vivid: NDArray[np.bool_]) -> dict[str, Seen]:
    labels, patches = ndimage.label(vivid)
    rows, columns = np.nonzero(vivid)
    patch = labels[rows, columns]
    gaps = ((pixels[rows, columns].astype(np.int32)[:, None, :] - _PALETTE) ** 2).sum(axis=2)
    nearest = np.where(gaps.min(axis=1) < NEAR**2, gaps.argmin(axis=1), len(COLOURS))
    counts = np.zeros((patches + 1, len(COLOURS) + 1), dtype=np.int64)
    np.add.at(counts, (patch, nearest), 1)
    # The blurred rim of one colour can look like another: it has a small share of a patch.
    least = np.maximum(LEAST, SHARE * counts.sum(axis=1))[:, None]
    seen: dict[str, Seen] = {}
    for number, enough in enumerate(counts[:, :-1] >= least):
        own = np.flatnonzero(enough)
        for place, colour in enumerate(own):
            here = patch == number
            here[here] = gaps[here][:, own].argmin(axis=1) == place
            x, y = columns[here], rows[here]
            box = float(x.min()), float(y.min()), float(x.max() + 1), float(y.max() + 1)
            seen[_NAMES[colour]] = Seen(box, float(x.mean()), float(y.mean()))
    return seen


def _shift(one: Seen, other: Seen) -> tuple[float, float]:
    return other.x - one.x, other.y - one.y


def _happenings(seen: tuple[Mapping[str, Seen], ...]) -> list[Happening]:
    root: dict[str, str] = {colour: colour for colour in COLOURS}
    found: list[Happening] = []
    for frame in range(1, len(seen)):
        before, after = seen[frame - 1], seen[frame]
        gone = [colour for colour in before if colour not in after]
        for colour in [colour for colour in after if colour not in before]:
            source = next((g for g in gone if _still(before[g], after[colour])), None)
            if source is None:
                found.append(Happening(colour, "appears", "", frame - 1, frame))
            else:
                gone.remove(source)
                root[colour] = root[source]
                found.append(Happening(root[source], "turns", colour, frame - 1, frame))
        found += [Happening(root[colour], "vanishes", "", frame - 1, frame) for colour in gone]
        for colour in before.keys() & after.keys():
            direction = _direction(*_shift(before[colour], after[colour]))
            if direction:
                found = _moved(found, Happening(root[colour], "moves", direction, frame - 1, frame))
    return sorted(found, key=lambda one: one.start)


def _still(one: Seen, other: Seen) -> bool:
    return max(map(abs, _shift(one, other))) < STIR


def _direction(x: float, y: float) -> str:
    if max(abs(x), abs(y)) < STIR:
        return ""
    if abs(x) > abs(y):
        return "right" if x > 0 else "left"
    return "down" if y > 0 else "up"


def _moved(found: list[Happening], now: Happening) -> list[Happening]:
    # A move that goes on is one move.
    for place, past in enumerate(found):
        if (past.colour, past.what, past.end) == (now.colour, "moves", now.start):
            longer = Happening(now.colour, "moves", past.detail, past.start, now.end)
            return [*found[:place], longer, *found[place + 1 :]]
    return [*found, now]
