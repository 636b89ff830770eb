"""Edits of microworld scenes, with truth: layers, masks, scene graphs, and what each edit hides.

All functions are on plain values. Boxes are x1, y1, x2, y2 in pixels, x2 and y2 exclusive, unless
said otherwise. Arrays are [h, w].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from gnomon.worlds.digits import scan_value
from gnomon.worlds.reasoning import RELATIONS
from gnomon.worlds.render import box_of, ink_of
from gnomon.worlds.scene import (
    CELL,
    COLOURS,
    EXTENTS,
    KINDS,
    SIZES,
    Digit,
    PixelBox,
    Placed,
    Scene,
    Shape,
    Word,
    shuffled,
)

Attribute = Literal["colour", "kind", "size", "scan"]
Variant = Literal["pos", "cf", "rand"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
Mask = NDArray[np.bool_]
COVERED = 128
"""Ink from which a pixel belongs to an object."""

BLUR = 5
"""Radius of the soft edge of a hidden box, of MPCC."""


def layers(scene: Scene) -> tuple[Image.Image, ...]:
    """The paper, opaque, and above it each object alone, RGBA of the scene's size, bottom to top.

    `flattened` gives the picture of the scene, to one level of 255.
    """
    size = (CELL * scene.columns, CELL * scene.rows)
    paper = Image.new("RGBA", size, (scene.paper, scene.paper, scene.paper, 255))
    return (paper, *(_layer(item, size) for item in scene.objects))


def _layer(item: Placed, size: tuple[int, int]) -> Image.Image:
    layer = Image.new("RGBA", size, (*item.ink, 0))
    ink = ink_of(item)
    own = Image.new("RGB", ink.size, item.ink)
    layer.paste(Image.merge("RGBA", (*own.split(), ink)), _at(item))
    return layer


def _at(item: Placed) -> tuple[int, int]:
    return box_of(item)[:2]


def flattened(stack: Sequence[Image.Image]) -> Image.Image:
    """Layers over one another as an RGB picture. Raises ValueError without layers."""
    if not stack:
        raise ValueError("no layers: give at least the paper")
    below = stack[0]
    for layer in stack[1:]:
        below = Image.alpha_composite(below, layer)
    return below.convert("RGB")


def mask_of(scene: Scene, item: Placed) -> Mask:
    """The pixels of an object that are to be seen: [h, w], without what later ones hide.

    Raises ValueError when the object is not of the scene.
    """
    place = _place(scene, item)
    seen = _covered(scene, item)
    for later in scene.objects[place + 1 :]:
        seen &= ~_covered(scene, later)
    return seen


def _covered(scene: Scene, item: Placed) -> Mask:
    mask = np.zeros((CELL * scene.rows, CELL * scene.columns), dtype=bool)
    x1, y1, x2, y2 = box_of(item)
    ink = np.asarray(ink_of(item)) >= COVERED
    top, left = max(-y1, 0), max(-x1, 0)
    inside = mask[max(y1, 0) : y2, max(x1, 0) : x2]
    inside |= ink[top : top + inside.shape[0], left : left + inside.shape[1]]
    return mask


def _place(scene: Scene, item: Placed) -> int:
    if item not in scene.objects:
        raise ValueError(f"there is no {item.thing.written} at {item.cell} in: {scene.written}")
    return scene.objects.index(item)


@dataclass(frozen=True)
class Node:
    """An object of a scene graph: its name, its attributes, its cell and its box."""

    name: str
    attributes: Mapping[str, str]
    cell: str
    box: PixelBox


@dataclass(frozen=True)
class Graph:
    """Nodes in raster order, and relations: number of a node, relation, number of another."""

    nodes: tuple[Node, ...]
    relations: tuple[tuple[int, str, int], ...]


def scene_graph(scene: Scene) -> Graph:
    """Objects, attributes, and who is left of, right of, above and below whom, by cell.

    A relation compares columns or rows alone and holds for every cell that an object covers, of
    which a word has two; it and its reverse are both there.
    """
    nodes = tuple(
        Node(item.thing.written, _attributes(item), item.cell, box_of(item))
        for item in scene.objects
    )
    spans = [{"column": _columns(i), "row": (i.row, i.row)} for i in scene.objects]
    relations = tuple(
        (one, word, other)
        for one, other in permutations(range(len(nodes)), 2)
        for word, (axis, sign) in RELATIONS.items()
        if _beyond(spans[one][axis], spans[other][axis], sign)
    )
    return Graph(nodes, relations)


def _columns(item: Placed) -> tuple[int, int]:
    """The first and the last column that an object covers."""
    return item.column, item.column + isinstance(item.thing, Word)


def _beyond(one: tuple[int, int], other: tuple[int, int], sign: int) -> bool:
    """Whether all of one extent lies before (sign -1) or after (1) all of another."""
    return one[0] > other[1] if sign > 0 else one[1] < other[0]


def _attributes(item: Placed) -> dict[str, str]:
    thing = item.thing
    if isinstance(thing, Shape):
        return {"sort": "shape", "kind": thing.kind, "colour": thing.colour, "size": thing.size}
    if isinstance(thing, Digit):
        return {"sort": "digit", "value": str(thing.value)}
    return {"sort": "word", "text": thing.text}


def remove(scene: Scene, item: Placed) -> Scene:
    """The scene without an object. Raises ValueError when it is not of the scene."""
    place = _place(scene, item)
    return replace(scene, objects=scene.objects[:place] + scene.objects[place + 1 :])


def swap(scene: Scene, item: Placed, attribute: Attribute, value: str | int) -> Scene:
    """The scene with one attribute of one object changed, everything else as it was.

    A shape has ``colour`` (its tint stays), ``kind`` and ``size``; a digit has ``scan``, the number
    of the handwritten scan that is drawn. Raises ValueError for an attribute that the object has
    not, a value that does not exist, and the value that it has already.
    """
    place = _place(scene, item)
    changed = _swapped(item, attribute, value)
    if changed.thing == item.thing:
        raise ValueError(f"{item.thing.written} has {attribute} {value!r} already: use another")
    return replace(scene, objects=(*scene.objects[:place], changed, *scene.objects[place + 1 :]))


def _swapped(item: Placed, attribute: Attribute, value: str | int) -> Placed:
    thing = item.thing
    if isinstance(thing, Digit) and attribute == "scan" and isinstance(value, int):
        return replace(item, thing=Digit(scan_value(value), value))
    if not isinstance(thing, Shape) or attribute == "scan":
        has = "colour, kind and size" if isinstance(thing, Shape) else "a scan"
        has = "nothing" if isinstance(thing, Word) else has
        raise ValueError(f"{thing.written} has no {attribute} to swap for {value!r}: it has {has}")
    known: Mapping[str, Sequence[str]] = {"colour": tuple(COLOURS), "kind": KINDS, "size": SIZES}
    if value not in known[attribute]:
        raise ValueError(f"{attribute} {value!r}: use one of {', '.join(known[attribute])}")
    if attribute == "kind":
        return replace(item, thing=replace(thing, kind=next(k for k in KINDS if k == value)))
    if attribute == "size":
        size = next(size for size in SIZES if size == value)
        return replace(item, thing=replace(thing, size=size), extent=sum(EXTENTS[size]) // 2)
    colour = next(colour for colour in COLOURS if colour == value)
    red, green, blue = (
        min(255, max(0, new + ink - old))
        for new, ink, old in zip(COLOURS[colour], item.ink, COLOURS[thing.colour], strict=True)
    )
    return replace(item, thing=replace(thing, colour=colour), ink=(red, green, blue))


def occlude(image: Image.Image, boxes: Sequence[PixelBox]) -> Image.Image:
    """The picture with boxes filled black, with hard edges. Source: DeFacto; the fill is ours."""
    shown = image.convert("RGB")
    draw = ImageDraw.Draw(shown)
    for x1, y1, x2, y2 in boxes:
        if x1 < x2 and y1 < y2:
            draw.rectangle((x1, y1, x2 - 1, y2 - 1), fill=(0, 0, 0))
    return shown


def occlude_softly(
    image: Image.Image, box: tuple[float, float, float, float], *, blur: float = BLUR
) -> Image.Image:
    """The picture with a box x, y, width, height hidden by black with a soft edge.

    Corners int(x), int(y), int(x + w), int(y + h), the last ones included; the rectangle is blurred
    by a Gaussian and black is laid through it, so that no thin outline of the object is left.
    Source: MPCC, arXiv 2510.21807, code.
    """
    x, y, width, height = box
    mask = Image.new("L", image.size, 0)
    corners = (int(x), int(y), int(x + width), int(y + height))
    ImageDraw.Draw(mask).rectangle(corners, fill=255)
    shown = image.convert("RGB")
    shown.paste((0, 0, 0), (0, 0), mask.filter(ImageFilter.GaussianBlur(blur)))
    return shown


@dataclass(frozen=True)
class Hidden:
    """What the three variants of a picture hide: evidence (``cf``), or others (``rand``).

    ``needed`` are the boxes that a question needs, ``others`` those of all other objects.
    """

    needed: tuple[PixelBox, ...]
    others: tuple[PixelBox, ...]
    random: tuple[PixelBox, ...]

    def of(self, variant: Variant) -> tuple[PixelBox, ...]:
        """The boxes that are hidden in a variant; ``pos`` hides nothing."""
        shown: dict[Variant, tuple[PixelBox, ...]] = {
            "pos": (),
            "cf": self.needed,
            "rand": self.random,
        }
        return shown[variant]


def hidden_boxes(scene: Scene, evidence: Sequence[Placed], rng: np.random.Generator) -> Hidden:
    """Which boxes the variants of a question hide that needs the objects ``evidence``.

    ``rand`` hides min(|needed|, |others|) of the others, uniform without replacement. A question
    that names its objects by cell becomes unanswerable in ``cf`` and stays as it was in ``rand``.
    Raises ValueError when there is no evidence, or nothing else. Source: DeFacto, arXiv 2509.20912.
    """
    places = {_place(scene, item) for item in evidence}
    needed = tuple(box_of(scene.objects[place]) for place in sorted(places))
    others = tuple(box_of(o) for n, o in enumerate(scene.objects) if n not in places)
    if not needed or not others:
        raise ValueError(
            f"{len(needed)} objects needed and {len(others)} others: use a scene with at least one"
            " of each"
        )
    chosen = shuffled(rng, others)[: min(len(needed), len(others))]
    return Hidden(needed, others, tuple(chosen))


def inscribed_points(mask: Mask) -> tuple[tuple[int, int], tuple[int, int]]:
    """Centres x, y of the two largest circles inside a mask that do not overlap.

    The second is the first again when the first leaves nothing. The picture's edge counts as
    outside; ties go to the first in raster order. Raises ValueError for an empty mask. Source:
    PixelThink, arXiv 2505.23727.
    """
    if not mask.any():
        raise ValueError("an empty mask has no circle inside: use a mask with at least one pixel")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    part = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    (x, y), radius = _deepest(part)
    down, across = np.indices(part.shape)
    rest = part & ((across - x) ** 2 + (down - y) ** 2 > radius**2)
    u, v = _deepest(rest)[0] if rest.any() else (x, y)
    return (x + left, y + top), (u + left, v + top)


def _deepest(mask: Mask) -> tuple[tuple[int, int], float]:
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return (int(column), int(row)), float(depth[row, column])
