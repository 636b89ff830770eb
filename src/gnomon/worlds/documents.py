"""Layered documents with edit requests whose results are exact, after MiLDEdit (ours).

Source: arXiv 2601.04589. A document holds boxes, words and small pictures as layers, bottom to top,
under labels that occur once. A request is one sentence per edit, done in turn. The tasks: write the
layout after it, say which layers it changes, and see which layer is on top.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial

import numpy as np
from PIL import Image, ImageDraw

from gnomon.media.image import open_image, png_bytes
from gnomon.records import Answer, Media
from gnomon.worlds.layers import Box, Layer, moved, overlaps, widened
from gnomon.worlds.lettering import word_mask
from gnomon.worlds.render import shape_mask
from gnomon.worlds.scene import CELL, COLOURS, KINDS, between, pick, shuffled
from gnomon.worlds.talk import Talk, pose_about, undescribed
from gnomon.worlds.world import Posed, WorldTask

SIDE = 5 * CELL
LAYERS = (3, 4, 5, 6, 7)
EDITS = (1, 1, 2, 3, 4)
"""Layers of a document, and edits of a request, of difficulty 1 to 5."""
MOST = 3 * len(KINDS)
"""Layers that a document can hold: there are as many small pictures as kinds of shape."""
TILE = 34
"""Side of a small picture in pixels."""
WORDS = ("SALE", "OPEN", "NEWS", "MENU", "HELLO", "TODAY", "MUSIC", "PARK", "GIFT", "WINTER")
DIRECTIONS = {"to the left": (-1, 0), "to the right": (1, 0), "up": (0, -1), "down": (0, 1)}
_GREY = (236, 236, 236)

Layers = tuple[Layer, ...]
Edit = Callable[[np.random.Generator, Layers], tuple[str, str, Layers]]
"""Draws an edit: its sentence, the label that it changes, and the layers after it."""


def draw_document(rng: np.random.Generator, count: int) -> Layers:
    """A document of so many layers, every kind among the first three, in mixed order.

    Raises ValueError unless 1 <= count <= `MOST`, as labels differ.
    """
    if not 1 <= count <= MOST:
        raise ValueError(f"{count} layers in a document: 1 to {MOST} fit, each has its own label")
    colours, kinds = shuffled(rng, tuple(COLOURS)), shuffled(rng, KINDS)
    words = shuffled(rng, WORDS)
    makers = (
        lambda i: _decoration(rng, colours[i]),
        lambda i: _picture(rng, kinds[i], colours[-1 - i]),
        lambda i: _word(rng, words[i]),
    )
    drawn = [makers[number % 3](number // 3) for number in range(count)]
    # Words lie on top, as they would be hidden elsewhere.
    return tuple(sorted(shuffled(rng, drawn), key=lambda layer: layer.kind == "text"))


def _placed(rng: np.random.Generator, width: int, height: int) -> Box:
    x, y = between(rng, 2, SIDE - 2 - width), between(rng, 2, SIDE - 2 - height)
    return x, y, x + width, y + height


def _decoration(rng: np.random.Generator, colour: str) -> Layer:
    box = _placed(rng, between(rng, 40, 90), between(rng, 30, 70))
    return Layer(f"{colour} box", "decoration", box, (colour,))


def _picture(rng: np.random.Generator, kind: str, colour: str) -> Layer:
    return Layer(f"{kind} picture", "image", _placed(rng, TILE, TILE), (kind, colour))


def _word(rng: np.random.Generator, word: str) -> Layer:
    mask = _text(word)
    return Layer(f"word {word}", "text", _placed(rng, mask.width, mask.height), (word,))


# -- edits: each raises ValueError where it does not fit -------------------------------------------


def _shift(rng: np.random.Generator, layers: Layers) -> tuple[str, str, Layers]:
    layer, (name, (x, y)) = pick(rng, layers), pick(rng, tuple(DIRECTIONS.items()))
    count = between(rng, 5, 40)
    after = moved(layer, x * count, y * count)
    sentence = f"Move the {layer.label} {count} pixels {name}."
    return sentence, layer.label, _swapped(layers, layer, after)


def _widen(rng: np.random.Generator, layers: Layers) -> tuple[str, str, Layers]:
    layer = pick(rng, [layer for layer in layers if layer.kind == "decoration"] or layers)
    if layer.kind != "decoration":
        raise ValueError("only a box can be made wider")
    count = between(rng, 5, 30)
    after = widened(layer, count)
    sentence = f"Make the {layer.label} {count} pixels wider at its right edge."
    return sentence, layer.label, _swapped(layers, layer, after)


def _align(rng: np.random.Generator, layers: Layers) -> tuple[str, str, Layers]:
    if len(layers) < 2:
        raise ValueError("there is nothing to align with")
    layer, other = shuffled(rng, layers)[:2]
    after = moved(layer, other.box[0] - layer.box[0], 0)
    sentence = f"Align the left edge of the {layer.label} with that of the {other.label}."
    return sentence, layer.label, _swapped(layers, layer, after)


def _raise(rng: np.random.Generator, layers: Layers) -> tuple[str, str, Layers]:
    layer = pick(rng, layers)
    rest = tuple(other for other in layers if other is not layer)
    return f"Bring the {layer.label} to the front.", layer.label, (*rest, layer)


def _lower(rng: np.random.Generator, layers: Layers) -> tuple[str, str, Layers]:
    layer = pick(rng, layers)
    rest = tuple(other for other in layers if other is not layer)
    return f"Send the {layer.label} to the back.", layer.label, (layer, *rest)


def _remove(rng: np.random.Generator, layers: Layers) -> tuple[str, str, Layers]:
    layer = pick(rng, layers)
    rest = tuple(other for other in layers if other is not layer)
    return f"Remove the {layer.label}.", layer.label, rest


def _swapped(layers: Layers, layer: Layer, after: Layer) -> Layers:
    x1, y1, x2, y2 = after.box
    if not (0 <= x1 < x2 <= SIDE and 0 <= y1 < y2 <= SIDE):
        raise ValueError(f"{after.label} would leave the document")
    return tuple(after if other is layer else other for other in layers)


_EDITS: tuple[Edit, ...] = (_shift, _shift, _widen, _align, _raise, _lower, _remove)


def draw_request(
    rng: np.random.Generator, layers: Layers, count: int
) -> tuple[list[str], list[str], list[Layers]]:
    """Sentences, the labels that they change, and the layers after each, all edits with effect."""
    sentences, labels, states = list[str](), list[str](), [layers]
    while len(sentences) < count:
        try:
            sentence, label, after = pick(rng, _EDITS)(rng, states[-1])
        except ValueError:
            continue  # this one does not fit; another will
        if len(after) > 1 and after != states[-1]:
            sentences.append(sentence)
            labels.append(label)
            states.append(after)
    return sentences, labels, states[1:]


def written(layers: Sequence[Layer]) -> str:
    """The layers as the answer to a layout, bottom to top."""
    rows = [f'{{"label": "{layer.label}", "bbox": {list(layer.box)}}}' for layer in layers]
    return f"[{', '.join(rows)}]"


_OPENING = (
    "<image>A document of {0} x {0} pixels has these layers, bottom to top:\n{1}\nRequest: {2}"
)


def _draw(rng: np.random.Generator, level: int) -> Layers:
    return draw_document(rng, LAYERS[level - 1])


def _requested(
    rng: np.random.Generator, layers: Layers
) -> tuple[str, list[str], list[str], list[Layers]]:
    """The text of a request, with as many edits as go with the layers, and what it does."""
    edits = EDITS[LAYERS.index(len(layers))]
    sentences, labels, states = draw_request(rng, layers, edits)
    text = _OPENING.format(SIDE, written(layers), " ".join(sentences))
    return text, sentences, labels, states


def edit(rng: np.random.Generator, layers: Layers) -> Posed:
    """Write the layers and their boxes after the request."""
    text, sentences, labels, states = _requested(rng, layers)
    steps = []
    for label, state in zip(labels, states, strict=True):
        order = [layer.label for layer in state]
        told = "is gone" if label not in order else _place(state, label)
        steps.append(f"{label}: {told}.")
    value = tuple((layer.label, tuple(map(float, layer.box))) for layer in states[-1])
    return Posed(
        f"{text}\nGive the layers after it, bottom to top, in the same form.",
        Answer("layout", value), written(states[-1]), written(layers), " ".join(steps),
        partial(shown, layers), _facts(layers, sentences),
    )  # fmt: skip


def _place(layers: Layers, label: str) -> str:
    number, layer = next((n, x) for n, x in enumerate(layers, 1) if x.label == label)
    return f"{number} of {len(layers)}, {list(layer.box)}"


def decide(rng: np.random.Generator, layers: Layers) -> Posed:
    """Which layers do the edits of the request act on?"""
    text, sentences, labels, _ = _requested(rng, layers)
    gold = sorted(set(labels))
    told = zip(labels, sentences, strict=True)
    thought = " ".join(f"{label}: {sentence.split()[0].lower()}." for label, sentence in told)
    return Posed(
        f"{text}\nWhich layers do its edits act on, by place, size, order or presence? Give their "
        "labels, separated by commas.",
        Answer("set", tuple(gold)), ", ".join(gold), written(layers), thought,
        partial(shown, layers), _facts(layers, sentences),
    )  # fmt: skip


def topmost(rng: np.random.Generator, layers: Layers) -> Posed | None:
    """Which layer is seen at a point that lies in the middle of one?"""
    target = pick(rng, [layer for layer in layers if layer.kind != "text"])
    x, y = _middle(target.box)
    there = [layer for layer in layers if overlaps(layer.box, (x - 3, y - 3, x + 4, y + 4))]
    # A word or the rim of a picture at the point would make what is seen unclear.
    if there[-1] is not target or (len(layers) > LAYERS[0] and len(there) == 1):
        return None
    told = ", ".join(shuffled(rng, [layer.label for layer in layers]))
    text = (
        f"<image>A document of {SIDE} x {SIDE} pixels has the layers {told}. Which of them is seen "
        f"at the point ({x}, {y})?"
    )
    thought = f"at ({x}, {y}), bottom to top: {', '.join(layer.label for layer in there)}."
    facts = {**_facts(layers, []), "point": [x, y], "look": list(target.look)}
    return Posed(
        text, Answer("text", target.label), target.label, written(layers), thought,
        partial(shown, layers), facts,
    )  # fmt: skip


def _facts(layers: Layers, sentences: Sequence[str]) -> dict[str, object]:
    return {
        "layers": [[layer.label, list(layer.box)] for layer in layers], "edits": list(sentences)
    }  # fmt: skip


def _middle(box: Box) -> tuple[int, int]:
    return (box[0] + box[2]) // 2, (box[1] + box[3]) // 2


# -- pictures ----------------------------------------------------------------------------------


def shown(layers: Layers) -> tuple[Media, ...]:
    """The picture of a document, its layers over each other from the first on white paper."""
    seen = Image.new("RGBA", (SIDE, SIDE), (255, 255, 255, 255))
    for layer in layers:
        # The same as `layers.composite` within a level, and many times as fast.
        seen = Image.alpha_composite(seen, alone(layer))
    return (Media("image", data=png_bytes(seen.convert("RGB"))),)


def alone(layer: Layer) -> Image.Image:
    """A layer alone on the canvas of its document."""
    image = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    _DRAWS[layer.kind](image, ImageDraw.Draw(image), layer)
    return image


def _draw_box(image: Image.Image, draw: ImageDraw.ImageDraw, layer: Layer) -> None:
    image.paste(COLOURS[layer.look[0]], layer.box)  # type: ignore[index]


def _draw_picture(image: Image.Image, draw: ImageDraw.ImageDraw, layer: Layer) -> None:
    x1, y1, x2, y2 = layer.box
    draw.rectangle((x1, y1, x2 - 1, y2 - 1), fill=_GREY, outline=(90, 90, 90))
    mask = shape_mask(layer.look[0], TILE - 8)
    corner = (x1 + (TILE - mask.width) // 2, y1 + (TILE - mask.height) // 2)
    image.paste(COLOURS[layer.look[1]], corner, mask)  # type: ignore[index]


def _draw_word(image: Image.Image, draw: ImageDraw.ImageDraw, layer: Layer) -> None:
    image.paste((0, 0, 0), layer.box[:2], _text(layer.look[0]))


_DRAWS: Mapping[str, Callable[[Image.Image, ImageDraw.ImageDraw, Layer], None]] = {
    "decoration": _draw_box,
    "image": _draw_picture,
    "text": _draw_word,
}


@lru_cache(maxsize=64)
def _text(word: str) -> Image.Image:
    mask = word_mask(word, 18)
    return mask.crop(mask.getbbox())


# -- confirmation: the request is read again and done on labels and boxes --------------------------

_LABEL = r"the ([a-z]+ (?:box|picture)|word [A-Z]+)"
_Named = dict[str, list[int]]


def _redo_move(layers: _Named, found: re.Match[str]) -> _Named:
    x, y = DIRECTIONS[found[3]]
    steps = [x, y, x, y]
    box = [side + step * int(found[2]) for side, step in zip(layers[found[1]], steps, strict=True)]
    return {**layers, found[1]: box}


def _redo_widen(layers: _Named, found: re.Match[str]) -> _Named:
    x1, y1, x2, y2 = layers[found[1]]
    return {**layers, found[1]: [x1, y1, x2 + int(found[2]), y2]}


def _redo_align(layers: _Named, found: re.Match[str]) -> _Named:
    (x1, y1, x2, y2), left = layers[found[1]], layers[found[2]][0]
    return {**layers, found[1]: [left, y1, left + x2 - x1, y2]}


def _without(layers: _Named, label: str) -> _Named:
    return {name: box for name, box in layers.items() if name != label}


_REDO: tuple[tuple[str, Callable[[_Named, re.Match[str]], _Named]], ...] = (
    (rf"Move {_LABEL} (\d+) pixels ([a-z ]+)\.", _redo_move),
    (rf"Make {_LABEL} (\d+) pixels wider at its right edge\.", _redo_widen),
    (rf"Align the left edge of {_LABEL} with that of {_LABEL}\.", _redo_align),
    (rf"Bring {_LABEL} to the front\.", lambda d, m: {**_without(d, m[1]), m[1]: d[m[1]]}),
    (rf"Send {_LABEL} to the back\.", lambda d, m: {m[1]: d[m[1]], **_without(d, m[1])}),
    (rf"Remove {_LABEL}\.", lambda d, m: _without(d, m[1])),
)


def redone(posed: Posed) -> tuple[_Named, set[str]]:
    """Labels to boxes, bottom to top, after the written request, and the labels it changes."""
    layers = {label: list(box) for label, box in posed.facts["layers"]}
    changed = set()
    for sentence in posed.facts["edits"]:
        found, redo = next(
            (match, redo) for form, redo in _REDO if (match := re.fullmatch(form, sentence))
        )
        layers = redo(layers, found)
        changed.add(found[1])
    return layers, changed


def confirm_edit(posed: Posed) -> bool:
    """Whether the written request, done again, gives the written answer."""
    answered = {row["label"]: row["bbox"] for row in json.loads(posed.answer_text)}
    return list(answered.items()) == list(redone(posed)[0].items())


def confirm_decide(posed: Posed) -> bool:
    """Whether the written request names just these layers as those it changes."""
    return redone(posed)[1] == set(posed.answer.value)


def confirm_topmost(posed: Posed) -> bool:
    """Whether the picture has the colour of the layer at the point."""
    (medium,) = posed.show()
    seen = open_image(medium).getpixel(tuple(posed.facts["point"]))
    return seen == COLOURS[posed.facts["look"][-1]] and posed.answer.value in {
        f"{posed.facts['look'][0]} box",
        f"{posed.facts['look'][0]} picture",
    }


def effort(posed: Posed) -> float:
    """Layers to look at, for every edit."""
    return float(len(posed.facts["layers"]) * max(1, len(posed.facts["edits"])))


TALKS = (Talk(_draw, {"edit": edit, "decide": decide, "topmost": topmost}, undescribed),)
TASKS = (
    WorldTask("edit", "multi", "image", pose_about(_draw, edit), confirm_edit, effort),
    WorldTask("decide", "multi", "image", pose_about(_draw, decide), confirm_decide, effort),
    WorldTask("topmost", "single", "image", pose_about(_draw, topmost), confirm_topmost, effort),
)
