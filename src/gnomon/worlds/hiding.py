"""Questions about pictures that hide something: evidence, other things, one shape of a pattern."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial

import numpy as np

from gnomon.records import Answer, Media
from gnomon.worlds.asking import mixture, shapes_of, yes_no
from gnomon.worlds.editing import VARIANTS, Variant, hidden_boxes, occlude_softly
from gnomon.worlds.patterns import RULES, Look, draw_table, scene_of, solutions
from gnomon.worlds.pictures import Pixels, colour_at, corner_of, draw_any, pixels_of, png, posed_on
from gnomon.worlds.render import box_of, render
from gnomon.worlds.scene import COLOURS, KINDS, REDRAWS, Placed, Scene, between, pick, shuffled
from gnomon.worlds.world import Posed

UNKNOWN = "unknown"
DARK = 16
"""Level below which a pixel is black to a viewer."""

MARGIN, SOFTNESS = 4, 1.5
"""Pixels that a soft box is wider than its shape on each side, and the radius of its blur.

At the 5 pixels of MPCC, made for photographs, a shape of 21 pixels would shine through.
"""


def _asked(rng: np.random.Generator, level: int) -> tuple[Scene, list[Placed], str, Answer, str]:
    """A scene, the objects that a question needs, the question, its answer, and why.

    The question names its objects by cell, so that nothing else has a part in the answer.
    """
    scene = draw_any(rng, mixture(rng, level, shapes=level, digits=1))
    chosen = shuffled(rng, shapes_of(scene))[:level]
    chosen.sort(key=lambda pair: (pair[0].row, pair[0].column))
    cells = [item.cell for item, _ in chosen]
    if level == 1:
        shape = chosen[0][1]
        text = f"What colour is the shape at {cells[0]}?"
        answer, why = Answer("choice", shape.colour), f"{cells[0]} {shape.written}."
    else:
        colour = pick(rng, [shape.colour for _, shape in chosen])
        number = sum(shape.colour == colour for _, shape in chosen)
        places = f"{', '.join(cells[:-1])} and {cells[-1]}"
        text = f"How many of the shapes at {places} are {colour}?"
        told = " ".join(f"{item.cell} {shape.colour}." for item, shape in chosen)
        answer, why = Answer("count", number), f"{told} {colour}: {number}."
    return scene, [item for item, _ in chosen], text, answer, why


def evidence(
    rng: np.random.Generator, level: int, *, variants: Sequence[Variant] = VARIANTS
) -> Posed:
    """A question about 1 to 5 shapes, of which the picture may hide those, or others.

    ``type``, one of ``variants``, is ``pos`` (nothing is hidden), ``cf`` (what the question needs
    is hidden: the answer is unknown) or ``rand`` (others are hidden: the answer stays); ``y_star``
    the answer of the whole picture, ``r_plus_boxes`` and ``r_minus_boxes`` what the question needs
    and the rest, as DeFacto records them. The section ``box`` lists what is needed, or is null
    where that is hidden.
    """
    scene, items, text, answer, why = _asked(rng, level)
    variant = pick(rng, variants)
    boxes = hidden_boxes(scene, items, rng)
    shown = boxes.of(variant)
    given = Answer("text", UNKNOWN) if variant == "cf" else answer
    return posed_on(
        [scene],
        f'{text} Answer "{UNKNOWN}" if the picture does not show it.',
        given,
        f"{', '.join(item.cell for item in items)} hidden." if variant == "cf" else why,
        level + len(scene.objects),
        hidden=shown,
        type=variant,
        y_star=str(answer.value),
        r_plus_boxes=boxes.needed,
        r_minus_boxes=boxes.others,
        hidden_boxes=shown,
        sections={"box": "null" if variant == "cf" else json.dumps(boxes.needed)},
    )


def answerable(rng: np.random.Generator, level: int) -> Posed:
    """Whether a question can be answered from a picture that hides something."""
    scene, items, text, _, _ = _asked(rng, level)
    boxes = hidden_boxes(scene, items, rng)
    able = rng.random() < 0.5
    cells = ", ".join(item.cell for item in items)
    return posed_on(
        [scene],
        f'Can this be answered from the picture: "{text}"',
        Answer("yes-no", able),
        f"{cells} {'can be seen' if able else 'hidden'}. {yes_no(able)}.",
        level + len(scene.objects),
        hidden=boxes.of("rand" if able else "cf"),
        r_plus_boxes=boxes.needed,
        r_minus_boxes=boxes.others,
    )


def _black(picture: Pixels, cell: str) -> bool:
    # Handwriting is dark too, but never fills the middle of a cell.
    x, y = corner_of(cell)
    return bool((picture[y + 12 : y + 16, x + 12 : x + 16] < DARK).all())


def _cells_asked(question: Posed) -> list[str]:
    return re.findall(r"\b[a-d][1-4]\b", question.text)


def seen_evidence(question: Posed) -> bool:
    """Whether the pixels of the cells give the answer, or all of them are black."""
    (picture,) = pixels_of(question)
    cells = _cells_asked(question)
    if question.answer.value == UNKNOWN:
        return all(_black(picture, cell) for cell in cells)
    seen = [colour_at(picture, cell) for cell in cells]
    asked = re.search(r"are (\w+)\?", question.text)
    value = seen.count(asked[1]) if asked else seen[0]
    return bool(question.answer.value == value)


def seen_answerable(question: Posed) -> bool:
    """Whether no cell that the question names is black."""
    (picture,) = pixels_of(question)
    hidden = [_black(picture, cell) for cell in _cells_asked(question)]
    return question.answer.value is (not any(hidden))


_GRIDS = ((2, 3), (3, 3), (3, 4), (4, 4), (4, 4))


def masked(rng: np.random.Generator, level: int) -> Posed:
    """The shape that a soft black box hides in a grid with a rule, as text.

    The rules, one more with each difficulty, are those of `patterns`. ``bbox`` is x, y, width,
    height, ``category_name`` the answer, with two confusing looks for choices, two for judgements,
    and others that are not in the picture, as MPCC records them.
    """
    rows, columns = _GRIDS[level - 1]
    for _ in range(REDRAWS):
        rule = pick(rng, RULES[max(0, level - 2) : level])
        table = draw_table(rng, rule, rows, columns)
        row, column = between(rng, 0, rows - 1), between(rng, 0, columns - 1)
        truth = table[row][column]
        seen = _without(table, row, column)
        if solutions(seen) == {truth}:
            break
    else:
        raise ValueError(f"no grid of {rows} x {columns} shows its rule: use a larger one")
    scene = scene_of(rng, table)
    x1, y1, x2, y2 = box_of(scene.objects[row * columns + column])
    bbox = (x1 - MARGIN, y1 - MARGIN, x2 - x1 + 2 * MARGIN, y2 - y1 + 2 * MARGIN)
    name = " ".join(truth)
    present = sorted({" ".join(look) for looks in table for look in looks} - {name})
    absent = [f"{c} {k}" for c in COLOURS for k in KINDS if f"{c} {k}" not in (*present, name)]
    confusions = [*shuffled(rng, present), *shuffled(rng, absent)][:4]
    others = [look for look in absent if look not in confusions]
    told = ". ".join(
        ", ".join("hidden" if one is None else " ".join(one) for one in r) for r in seen
    )
    return Posed(
        text="<image>One shape is hidden. Which is it? Give its colour and its kind.",
        answer=Answer("text", name),
        answer_text=name,
        key=f"{scene.written} without {row} {column}",
        thought=f"{told}. rule: {rule}. hidden: {name}.",
        show=partial(_shown_softly, scene, bbox),
        facts={
            "work": float(rows * columns + level),
            "rule": rule,
            "visible": [[None if look is None else " ".join(look) for look in r] for r in seen],
            "bbox": bbox,
            "category_name": name,
            "choose_negtive_confusion": confusions[:2],
            "judgement_negtive_confusion": confusions[2:],
            "irrelevant_negtive": shuffled(rng, others)[:3],
        },
    )


def _without(table: Sequence[Sequence[Look]], row: int, column: int) -> list[list[Look | None]]:
    return [
        [None if (r, c) == (row, column) else look for c, look in enumerate(looks)]
        for r, looks in enumerate(table)
    ]


def _shown_softly(scene: Scene, bbox: tuple[int, int, int, int]) -> tuple[Media, ...]:
    return (png(occlude_softly(render(scene), bbox, blur=SOFTNESS)),)


def seen_masked(question: Posed) -> bool:
    """Whether the visible shapes alone give the answer, and the picture shows just these."""
    (picture,) = pixels_of(question)
    table = [
        [None if name is None else (name.split()[0], name.split()[1]) for name in row]
        for row in question.facts["visible"]
    ]
    shown = all(
        _black(picture, cell) if look is None else colour_at(picture, cell) == look[0]
        for row, looks in enumerate(table, 1)
        for column, look in zip("abcd", looks, strict=False)
        for cell in [f"{column}{row}"]
    )
    return shown and {" ".join(look) for look in solutions(table)} == {question.answer.value}
