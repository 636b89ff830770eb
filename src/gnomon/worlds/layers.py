"""Layered documents: compositing, merging, and edits with exact results (MiLDEdit).

Source: arXiv 2601.04589, with our precise rules. Layers go from bottom to top; a box is x1, y1, x2,
y2 in whole pixels, x2 and y2 exclusive. Pixels are straight RGBA from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.float64]
Box = tuple[int, int, int, int]
OPAQUE = 0.5
"""Alpha above which an edit shows."""


@dataclass(frozen=True)
class Layer:
    """One layer: ``kind`` is decoration, text or image, ``look`` its colour, word or shape."""

    label: str
    kind: str
    box: Box
    look: tuple[str, ...]


def composite(layers: Sequence[Pixels]) -> Pixels:
    """Layers [..., 4] over each other: a' = a_f + a_b (1 - a_f), c' = (c_f a_f + c_b a_b (1 - a_f))
    / a'; a colour without alpha is 0. One transparent pixel when there is no layer.
    """
    below = np.zeros(4) if not layers else np.zeros_like(layers[0])
    for layer in layers:
        front, back = layer[..., 3:], below[..., 3:] * (1 - layer[..., 3:])
        alpha = front + back
        colour = layer[..., :3] * front + below[..., :3] * back
        colour = np.divide(colour, alpha, out=np.zeros_like(colour), where=alpha > 0)
        below = np.concatenate([colour, alpha], axis=-1)
    return below


def edited(original: Pixels, edit: Pixels) -> Pixels:
    """An edited layer [..., 4]: the RGB of ``edit`` [..., 3] where alpha is above `OPAQUE`.

    Alpha stays the original one, so that an edit adds no pixels outside the old shape.
    """
    colour = np.where(original[..., 3:] > OPAQUE, edit, original[..., :3])
    return np.concatenate([colour, original[..., 3:]], axis=-1)


def overlaps(one: Box, other: Box) -> bool:
    """Whether the interiors of two boxes intersect.

    >>> overlaps((0, 0, 2, 2), (2, 0, 4, 2))
    False
    """
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def merged(layers: Sequence[tuple[str, Box]]) -> list[list[int]]:
    """Groups of layers of a kind that can be one layer and keep the order of what overlaps.

    Bottom to top; each layer looks at the groups from the newest on: overlap with a member opens a
    new group, the same kind joins, else the next older group is looked at.
    """
    groups: list[list[int]] = []
    for index, (kind, box) in enumerate(layers):
        home: list[int] | None = None
        for group in reversed(groups):
            if any(overlaps(box, layers[member][1]) for member in group):
                break
            if layers[group[0]][0] == kind:
                home = group
                break
        if home is None:
            groups.append([index])
        else:
            home.append(index)
    return groups


def moved(layer: Layer, dx: int, dy: int) -> Layer:
    """The layer at another place."""
    x1, y1, x2, y2 = layer.box
    return replace(layer, box=(x1 + dx, y1 + dy, x2 + dx, y2 + dy))


def widened(layer: Layer, pixels: int) -> Layer:
    """The layer with its right edge moved outwards."""
    x1, y1, x2, y2 = layer.box
    return replace(layer, box=(x1, y1, x2 + pixels, y2))
