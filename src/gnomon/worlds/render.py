"""Draw scenes: image, PNG bytes, and the box of each object as drawn."""

from __future__ import annotations

import functools
import math

from PIL import Image, ImageDraw

from gnomon.media.image import png_bytes
from gnomon.worlds.digits import scan_ink
from gnomon.worlds.lettering import font, note_name, note_word
from gnomon.worlds.scene import CELL, Digit, PixelBox, Placed, Scene, Shape, Word

OVERSAMPLE = 4
FAINT = 24
WORD_WIDTH = 2 * CELL - 5


def render(scene: Scene) -> Image.Image:
    """The RGB picture of a scene, ``28 * columns`` x ``28 * rows`` pixels (ours)."""
    size = (CELL * scene.columns, CELL * scene.rows)
    image = Image.new("RGB", size, (scene.paper, scene.paper, scene.paper))
    for item in scene.objects:
        mask = ink_of(item)
        x, y = _corner(item, mask)
        image.paste(item.ink, (x, y), mask)
        box = x, y, x + mask.width, y + mask.height
        note_name(f"{item.cell} {item.thing.written}", box)
        if isinstance(item.thing, Word):
            note_word(item.thing.text, box)
        elif isinstance(item.thing, Digit):
            note_word(str(item.thing.value), box)
    return image


def render_png(scene: Scene) -> bytes:
    """The picture of a scene as PNG bytes; the same scene gives the same bytes on one Pillow
    version.
    """
    return png_bytes(render(scene))


def box_of(item: Placed) -> PixelBox:
    """The tight box x1, y1, x2, y2 of an object's drawn pixels, in pixels, x2 and y2 exclusive."""
    mask = ink_of(item)
    x, y = _corner(item, mask)
    return x, y, x + mask.width, y + mask.height


def boxes(scene: Scene) -> tuple[PixelBox, ...]:
    """`box_of` each object, in the order of the written scene."""
    return tuple(box_of(item) for item in scene.objects)


def _corner(item: Placed, mask: Image.Image) -> tuple[int, int]:
    width = CELL if isinstance(item.thing, Shape | Digit) else 2 * CELL
    x = CELL * item.column + (width - mask.width) // 2 + item.dx
    return x, CELL * item.row + (CELL - mask.height) // 2 + item.dy


def ink_of(item: Placed) -> Image.Image:
    """How much ink an object lays on its box: an `L` picture, 255 where it covers all."""
    if isinstance(item.thing, Shape):
        return shape_mask(item.thing.kind, item.extent)
    if isinstance(item.thing, Digit):
        return _digit_mask(item.thing.scan, item.extent)
    return _word_mask(item.thing.text, item.extent)


def _tight(mask: Image.Image) -> Image.Image:
    # Faint edge pixels would widen the box beyond what the eye sees.
    clear = mask.point([0 if level < FAINT else level for level in range(256)])
    return clear.crop(clear.getbbox())


@functools.lru_cache(maxsize=256)
def shape_mask(kind: str, extent: int) -> Image.Image:
    """A filled shape of about ``extent`` pixels across as an `L` picture, without empty edges."""
    side = extent * OVERSAMPLE
    large = Image.new("L", (side, side))
    draw = ImageDraw.Draw(large)
    if kind == "circle":
        draw.ellipse((0, 0, side - 1, side - 1), fill=255)
    else:
        draw.polygon([(x * (side - 1), y * (side - 1)) for x, y in _OUTLINES[kind]], fill=255)
    return _tight(large.reduce(OVERSAMPLE))


@functools.lru_cache(maxsize=8192)
def _digit_mask(scan: int, extent: int) -> Image.Image:
    small = Image.fromarray(scan_ink(scan))
    return _tight(small.resize((extent, extent), Image.Resampling.BICUBIC))


@functools.lru_cache(maxsize=16384)
def _word_mask(text: str, extent: int) -> Image.Image:
    canvas = Image.new("L", (4 * CELL, 2 * CELL))
    ImageDraw.Draw(canvas).text((CELL, CELL // 2), text, fill=255, font=font(extent))
    mask = _tight(canvas)
    return mask if mask.width <= WORD_WIDTH else _word_mask(text, extent - 1)


def _star() -> list[tuple[float, float]]:
    points = []
    for corner in range(10):
        radius = 0.5 if corner % 2 == 0 else 0.21
        angle = math.pi * corner / 5
        points.append((0.5 + radius * math.sin(angle), 0.52 - radius * math.cos(angle)))
    return points


_OUTLINES: dict[str, list[tuple[float, float]]] = {
    "square": [(0.05, 0.05), (0.95, 0.05), (0.95, 0.95), (0.05, 0.95)],
    "triangle": [(0.5, 0.03), (1.0, 0.95), (0.0, 0.95)],
    "star": _star(),
}
