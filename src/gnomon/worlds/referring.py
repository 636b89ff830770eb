"""Questions that refer: the mask of what an expression picks out, and who stands where to whom."""

from __future__ import annotations

import re

import numpy as np

from gnomon.grading.prompted import write_prompt
from gnomon.records import Answer
from gnomon.worlds.asking import mixture, shapes_of, short_name
from gnomon.worlds.editing import inscribed_points, mask_of, scene_graph
from gnomon.worlds.pictures import draw_any, pixels_of, posed_on
from gnomon.worlds.reasoning import EXTREMES, RELATIONS
from gnomon.worlds.render import box_of
from gnomon.worlds.scene import CELL, COLOURS, KINDS, REDRAWS, Placed, Scene, pick
from gnomon.worlds.world import Posed


def refer(rng: np.random.Generator, level: int) -> Posed:
    """The mask of the object that an expression picks out alone.

    Up to difficulty 2 by its name; then by its name among others that it does not pick out alone:
    the outermost one of its kind or colour. ``box``, ``points`` (centres of the two largest circles
    inside) and ``difficulty_score_model``, 2 times the difficulty, as PixelThink records them. The
    section ``prompt`` is box and points as its policy writes them.
    """
    for _ in range(REDRAWS):
        scene = draw_any(rng, mixture(rng, level, shapes=min(level, 3) + 1))
        found = _named(scene) if level <= 2 else _outermost(scene)
        if found:
            item, name = pick(rng, found)
            break
    else:
        raise ValueError(f"no expression picks out an object in {REDRAWS} scenes: use more shapes")
    mask = mask_of(scene, item)
    box, points = box_of(item), inscribed_points(mask)
    corners = f"({box[0]},{box[1]}),({box[2]},{box[3]})"
    marks = ",".join(f"({x},{y})" for x, y in points)
    return posed_on(
        [scene],
        f"Give the mask of the {name}.",
        Answer("mask", mask),
        f"{scene.written}. {name} {item.cell}. box {list(box)}.",
        len(scene.objects) * (1 if level <= 2 else 2),
        box=box,
        points=points,
        solution=f"<box>{corners}</box><points>{marks}</points>",
        difficulty_score_model=2.0 * level,
        sections={"prompt": write_prompt(box, points)},
    )


def _named(scene: Scene) -> list[tuple[Placed, str]]:
    names = [short_name(item) for item in scene.objects]
    named = zip(scene.objects, names, strict=True)
    return [(item, name) for item, name in named if names.count(name) == 1]


def _outermost(scene: Scene) -> list[tuple[Placed, str]]:
    found = []
    for word, (axis, sign) in EXTREMES.items():
        for label in (*KINDS, *(f"{colour} shape" for colour in COLOURS)):
            group = [i for i, s in shapes_of(scene) if label.split()[0] in (s.kind, s.colour)]
            group.sort(key=lambda item: -sign * getattr(item, axis))
            if len(group) > 1 and getattr(group[0], axis) != getattr(group[1], axis):
                found.append((group[0], f"{word} {label}"))
    return found


def seen_mask(question: Posed) -> bool:
    """Whether the pixels with ink in the cell are the mask, and the expression means that cell."""
    (picture,) = pixels_of(question)
    paper = picture[0, 0]
    x, y = (corner // CELL * CELL for corner in question.facts["box"][:2])
    wide = CELL * (2 if " word " in question.text else 1)
    inked = np.zeros(picture.shape[:2], dtype=bool)
    part = picture[y : y + CELL, x : x + wide].astype(int)
    gap = np.abs(part - paper).max(axis=2)
    inked[y : y + CELL, x : x + wide] = gap * 2 > gap.max()
    mask = np.asarray(question.answer.value)
    same = (inked & mask).sum() / max((inked | mask).sum(), 1)
    return bool(same > 0.8) and _refers(question, x // CELL, y // CELL)


def _refers(question: Posed, column: int, row: int) -> bool:
    # The written scene is read anew: no other object of the expression lies as far out.
    words = question.text.removeprefix("<image>Give the mask of the ").rstrip(".").split()
    rows = [part.split() for part in question.facts["scenes"][0].split("; ")]
    group = [r[0] for r in rows if all(w in r[1:] for w in words[words[0] in EXTREMES :])]
    if words[-1] == "shape":
        group = [r[0] for r in rows if words[1] in r]
    cell = f"{chr(ord('a') + column)}{row + 1}"
    if words[0] not in EXTREMES:
        return group == [cell]
    ends = {"leftmost": (0, 1), "rightmost": (0, -1), "topmost": (1, 1), "bottommost": (1, -1)}
    place, sign = ends[words[0]]
    return bool(min(group, key=lambda c: sign * ord(c[place])) == cell)


def related(rng: np.random.Generator, level: int) -> Posed:
    """The set of cells of all objects left of, right of, above or below one, by the scene graph.

    Its scenes hold no words, which would be in two cells each.
    """
    for _ in range(REDRAWS):
        scene = draw_any(rng, mixture(rng, level, shapes=1, fill=("shapes", "digits")))
        graph = scene_graph(scene)
        places = {id(item): place for place, item in enumerate(scene.objects)}
        item, name = pick(rng, _named(scene) or [(scene.objects[0], "")])
        word = pick(rng, tuple(RELATIONS))
        cells = tuple(
            graph.nodes[one].cell
            for one, relation, other in graph.relations
            if relation == word and other == places[id(item)]
        )
        if name and cells:
            break
    else:
        raise ValueError(f"nothing is related in {REDRAWS} scenes: use more shapes")
    return posed_on(
        [scene],
        f"In which cells are the objects {word} the {name}?",
        Answer("set", cells),
        f"{scene.written}. {name} {item.cell}. {word}: {', '.join(cells)}.",
        len(scene.objects),
        relation=word,
    )


def seen_related(question: Posed) -> bool:
    """Whether the written scene, read anew, names the same cells."""
    asked = re.search(r"objects (.*?) the (.*)\?", question.text)
    word, name = (asked[1], asked[2]) if asked else ("", "")
    rows = [part.split(" ", 1) for part in question.facts["scenes"][0].split("; ")]
    (own,) = [cell for cell, told in rows if told.endswith(name)]
    place, sign = {"left of": (0, 1), "right of": (0, -1), "above": (1, 1), "below": (1, -1)}[word]
    cells = {cell for cell, _ in rows if sign * (ord(own[place]) - ord(cell[place])) > 0}
    return cells == set(question.answer.value)
