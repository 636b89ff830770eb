"""Screens of invented apps: elements with labels and boxes, by lot, and their pictures (ours).

A screen is a title bar and rows of elements. Kinds of element: ``button``, ``field`` (with a cursor
when ``on``), ``box`` (to tick; ticked when ``on``), ``entry`` (of a list), ``tab`` (selected when
``on``), ``icon`` (with its label). Pages of a browser
have ``link``, ``menu``, ``item`` (of an open menu), ``picture`` and ``table`` too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from gnomon.media.image import png_bytes
from gnomon.records import Media
from gnomon.worlds.lettering import BLACK, WHITE, line_height, note_name, word_mask, write
from gnomon.worlds.scene import RGB, PixelBox, between, pick, shuffled

Kind = Literal[
    "button", "field", "box", "entry", "tab", "icon", "link", "menu", "item", "picture", "table"
]  # fmt: skip
LABELS: dict[Kind, tuple[str, ...]] = {
    "button": ("Save", "Send", "Delete", "Share", "Edit", "Print", "Copy", "Call", "Buy", "Sort"),
    "field": ("Name", "City", "Email", "Phone", "Title", "Street", "Date", "Code", "Price"),
    "box": ("Wifi", "Sound", "Alarm", "Night", "Backup", "Sync", "Roam", "Beep", "Hints", "Ads"),
    "entry": ("Inbox", "Drafts", "Spam", "Trash", "Bills", "Trips", "Books", "Games", "Teams"),
    "tab": ("Home", "News", "Chats", "Today", "Week", "Month", "All", "Likes"),
    "icon": ("Cart", "Photo", "Help", "Gift", "Music", "Radio", "Video", "Paint", "Chess"),
}
APPS = ("Notes", "Mail", "Clock", "Maps", "Shop", "Bank", "Files", "Camera", "Radar", "Diary")
ACCENTS: tuple[RGB, ...] = ((44, 84, 190), (24, 120, 80), (130, 52, 160), (176, 64, 30))
SIZES = ((112, 112), (140, 140), (168, 168), (196, 224), (224, 280))
"""Width and height of difficulty 1 to 5."""
ROW, TEXT = 28, 11
"""Height of a row, and size of labels, in pixels."""
PAPER: RGB = (246, 246, 248)
GREY: RGB = (150, 150, 156)


@dataclass(frozen=True)
class Element:
    """Something on a screen; ``text`` is what a field holds."""

    kind: Kind
    label: str
    box: PixelBox
    on: bool = False
    text: str = ""

    @property
    def named(self) -> str:
        """Kind and label, such as ``button Save``."""
        return f"{self.kind} {self.label}"

    @property
    def centre(self) -> tuple[int, int]:
        """The pixel in its middle."""
        return (self.box[0] + self.box[2]) // 2, (self.box[1] + self.box[3]) // 2


@dataclass(frozen=True)
class Screen:
    """A page of an app."""

    app: str
    size: tuple[int, int]
    elements: tuple[Element, ...]
    accent: RGB

    @property
    def key(self) -> str:
        """What makes a screen the same one: its app and its elements in their order."""
        return f"{self.app}: " + ", ".join(element.named for element in self.elements)

    def show(self) -> tuple[Media, ...]:
        """The picture as a medium."""
        return (Media("image", data=png_bytes(draw_picture(self))),)

    def changed(self, element: Element, **state: bool | str) -> Screen:
        """The screen with another state of one element; a cursor or selection leaves the others."""
        alone = element.kind in ("field", "tab") and state.get("on")
        others = [
            replace(e, on=False) if alone and e.kind == element.kind else e for e in self.elements
        ]
        others[self.elements.index(element)] = replace(element, **state)  # type: ignore[arg-type]
        return replace(self, elements=tuple(others))


def draw_screen(rng: np.random.Generator, level: int, needs: Sequence[Kind] = ()) -> Screen:
    """A screen of a difficulty with at least a row of each kind of ``needs``; labels differ.

    Raises ValueError when it has fewer rows than are needed.
    """
    width, height = SIZES[level - 1]
    room = height // ROW - 1
    if len(needs) > room:
        raise ValueError(f"{len(needs)} rows do not fit on {width} x {height} pixels: {room} fit")
    labels = {kind: shuffled(rng, names) for kind, names in LABELS.items()}
    rows = [*needs]
    while len(rows) < room:
        kind = pick(rng, tuple(LABELS))
        if not (kind == "tab" and "tab" in rows) and rows.count(kind) < 3:
            rows.append(kind)
    rows = sorted(shuffled(rng, rows), key=lambda kind: kind != "tab")
    elements = [
        Element(kind, labels[kind].pop(), box, kind in ("box", "tab") and rng.random() < 0.5)
        for number, kind in enumerate(rows, 1)
        for box in _boxes(kind, _columns(rng, kind, width), width, number * ROW)
    ]
    screen = Screen(pick(rng, APPS), (width, height), tuple(elements), pick(rng, ACCENTS))
    tabs = [element for element in screen.elements if element.kind == "tab"]
    return screen.changed(pick(rng, tabs), on=True) if tabs else screen


_MARGINS: dict[Kind, tuple[int, int]] = {
    "button": (5, 3), "field": (6, 3), "box": (6, 4), "entry": (0, 1), "tab": (1, 2),
    "icon": (5, 3),
}  # fmt: skip


def _columns(rng: np.random.Generator, kind: Kind, width: int) -> int:
    narrow = {"button": 56, "tab": 56, "box": 84, "icon": 70}
    most = min(3, width // narrow.get(kind, width))
    return between(rng, 2 if kind == "tab" else 1, most)


def _boxes(kind: Kind, columns: int, width: int, top: int) -> list[PixelBox]:
    across, down = _MARGINS[kind]
    return [
        (width * c // columns + across, top + down,
         width * (c + 1) // columns - across, top + ROW - down)
        for c in range(columns)
    ]  # fmt: skip


def inked(element: Element) -> tuple[PixelBox, ...]:
    """The boxes of what is drawn of an element: all of it, or its sign and its label.

    A box to tick, an icon and a tab leave the rest of their boxes as paper.
    """
    if element.kind not in _SIGNS:
        return (element.box,)
    x, y = _label_place(element)
    left, top, right, bottom = word_mask(element.label, TEXT).getbbox() or (0, 0, 1, 1)
    label = x + left, y + top, x + right, y + bottom
    unselected = element.kind == "tab" and not element.on
    return (label,) if unselected else (_SIGNS[element.kind](element.box), label)


def _tick(box: PixelBox) -> PixelBox:
    x, y = box[0] + 2, (box[1] + box[3] - 1) // 2 - 6
    return x, y, x + 13, y + 13


def _disc(box: PixelBox) -> PixelBox:
    x, y = box[0], (box[1] + box[3] - 1) // 2 - 8
    return x, y, x + 17, y + 17


def _bar(box: PixelBox) -> PixelBox:
    return box[0] + 4, box[3] - 3, box[2] - 4, box[3]


_SIGNS: dict[Kind, Callable[[PixelBox], PixelBox]] = {"box": _tick, "icon": _disc, "tab": _bar}
"""Where the sign of an element is, by its box: what is ticked, tapped, or underlines a label."""


def _label_place(element: Element) -> tuple[int, int]:
    """The top left corner of the label of an element that has a sign."""
    x1, y1, _, y2 = element.box
    centred = element.centre[0] - word_mask(element.label, TEXT).width // 2
    left = centred if element.kind == "tab" else x1 + 21
    return left, (y1 + y2 - line_height(TEXT)) // 2


def draw_picture(screen: Screen) -> Image.Image:
    """The picture of a screen."""
    image = Image.new("RGB", screen.size, PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, screen.size[0], ROW - 3), fill=screen.accent)
    write(image, (8, 5), screen.app, TEXT + 2, WHITE)
    for element in screen.elements:
        x1, y1, x2, y2 = element.box
        middle = (y1 + y2 - line_height(TEXT)) // 2
        _DRAWN[element.kind](image, draw, element, screen.accent, (x1, y1, x2 - 1, y2 - 1), middle)
        note_name(element.named, element.box)
    return image


def _button(
    image: Image.Image, draw: ImageDraw.ImageDraw, element: Element, accent: RGB, box: PixelBox,
    middle: int,
) -> None:  # fmt: skip
    draw.rounded_rectangle(box, 6, fill=accent)
    write(image, (element.centre[0], middle), element.label, TEXT, WHITE, anchor="centre")


def _field(
    image: Image.Image, draw: ImageDraw.ImageDraw, element: Element, accent: RGB, box: PixelBox,
    middle: int,
) -> None:  # fmt: skip
    rim = (accent, 2) if element.on else (GREY, 1)
    draw.rectangle(box, fill=WHITE, outline=rim[0], width=rim[1])
    told = f"{element.label}: {element.text}" if element.text else f"{element.label}:"
    write(image, (box[0] + 5, middle), told, TEXT, BLACK if element.text else (96, 96, 104))
    if element.on:
        draw.line((box[2] - 6, box[1] + 5, box[2] - 6, box[3] - 5), fill=BLACK)


def _box(
    image: Image.Image, draw: ImageDraw.ImageDraw, element: Element, accent: RGB, box: PixelBox,
    middle: int,
) -> None:  # fmt: skip
    x, y, right, bottom = _tick(element.box)
    draw.rectangle(
        (x, y, right - 1, bottom - 1), fill=accent if element.on else WHITE, outline=BLACK
    )
    if element.on:
        draw.line([(x + 2, y + 6), (x + 5, y + 10), (x + 10, y + 3)], fill=WHITE, width=2)
    write(image, _label_place(element), element.label, TEXT)


def _entry(
    image: Image.Image, draw: ImageDraw.ImageDraw, element: Element, accent: RGB, box: PixelBox,
    middle: int,
) -> None:  # fmt: skip
    draw.rectangle(box, fill=WHITE)
    draw.line((box[0], box[3], box[2], box[3]), fill=(210, 210, 214))
    write(image, (box[0] + 8, middle), element.label, TEXT)
    x, y = box[2] - 12, (box[1] + box[3]) // 2
    draw.line([(x, y - 4), (x + 4, y), (x, y + 4)], fill=GREY, width=2)


def _tab(
    image: Image.Image, draw: ImageDraw.ImageDraw, element: Element, accent: RGB, box: PixelBox,
    middle: int,
) -> None:  # fmt: skip
    ink = accent if element.on else BLACK
    write(image, _label_place(element), element.label, TEXT, ink)
    if element.on:
        x, y, right, bottom = _bar(element.box)
        draw.rectangle((x, y, right - 1, bottom - 1), fill=accent)


def _icon(
    image: Image.Image, draw: ImageDraw.ImageDraw, element: Element, accent: RGB, box: PixelBox,
    middle: int,
) -> None:  # fmt: skip
    x, y, right, bottom = _disc(element.box)
    draw.ellipse((x, y, right - 1, bottom - 1), fill=accent)
    write(image, (x + 9, y + 1), element.label[0], TEXT, WHITE, anchor="centre")
    write(image, _label_place(element), element.label, TEXT)


_Drawn = Callable[[Image.Image, ImageDraw.ImageDraw, Element, RGB, PixelBox, int], None]
_DRAWN: dict[Kind, _Drawn] = {
    "button": _button, "field": _field, "box": _box, "entry": _entry, "tab": _tab, "icon": _icon,
}  # fmt: skip
"""What draws an element: on the image, in the accent of its app, in a box with inclusive edges."""
