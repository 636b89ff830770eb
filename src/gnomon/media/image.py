"""Images from outside, decoded under limits.

Size and shape are read from the header before anything is decoded. Every fault of one image is a
`BadRecord`, so that it costs one record and never the run. Pillow's process-wide settings are left
as they are.
"""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gnomon.media.files import DECODER_FAULTS, check_kind, name_of, read_bytes
from gnomon.records import BadRecord, Media

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
MAX_PIXELS = 64_000_000
MAX_BYTES = 64 * 2**20
MAX_ASPECT = 200
"""Longest side over shortest; the image processors of Qwen2-VL and later refuse more."""

_FAULTS: tuple[type[Exception], ...] = (
    *DECODER_FAULTS,
    SyntaxError,
    EOFError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise for damaged files."""

# Filters of warnings belong to the whole process: two threads at once could leave them changed.
_WARNINGS = threading.Lock()


def open_image(
    media: Media,
    *,
    root: Path | None = None,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
) -> Image.Image:
    """Decode an image to RGB: upright, on white where transparent, the first frame of several.

    Reads PNG, JPEG, WebP, GIF, BMP and TIFF by content, whatever the file is called. Relative paths
    are under ``root``; with a ``root``, no path and no link may leave it. 16-bit grey is scaled to
    8 bits. Raises `BadRecord` for a missing, empty, truncated or damaged file, another format, more
    than ``max_bytes`` encoded bytes, more than ``max_pixels`` pixels, or a side over 200 times the
    other one; the pixel limit is checked before decoding. Source: ours; the aspect limit is that of
    the Qwen2-VL processor.
    """
    check_kind(media, "image", "an")
    data = read_bytes(media, root, max_bytes)
    try:
        with _WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _decode(data, max_pixels)
    except BadRecord as error:
        raise BadRecord(f"{name_of(media)}: {error}") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadRecord(
            f"{name_of(media)}: more pixels than can be decoded safely; scale it down"
        ) from None
    except _FAULTS as error:
        raise BadRecord(
            f"{name_of(media)}: damaged or truncated ({error}); replace the file or drop the record"
        ) from None


def png_bytes(image: Image.Image) -> bytes:
    """``image`` as a PNG file.

    Every row is written as its difference from the one above, which for drawn pictures packs as
    well as Pillow's search for the best of five filters in a quarter of the time.
    """
    if image.mode not in _COLOUR_TYPES:
        buffer = io.BytesIO()
        image.save(buffer, format="PNG")
        return buffer.getvalue()
    rows = np.asarray(image).reshape(image.height, -1)
    filtered = np.full((image.height, rows.shape[1] + 1), _UP, dtype=np.uint8)
    filtered[:1, 1:] = rows[:1]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    size = struct.pack(">IIBBBBB", *image.size, 8, _COLOUR_TYPES[image.mode], 0, 0, 0)
    packed = zlib.compress(filtered.tobytes(), 3)
    chunks = ((b"IHDR", size), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


_COLOUR_TYPES = {"L": 0, "RGB": 2}
_UP = 2
"""Filter of a PNG's row: the row above is taken off."""


def _chunk(name: bytes, data: bytes) -> bytes:
    checked = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + checked


def _decode(data: bytes, max_pixels: int) -> Image.Image:
    with _open(data) as image:
        _check_size(image.size, max_pixels)
        image.load()
        upright = _upright(image)
        _check_size(upright.size, max_pixels)
        result = _to_rgb(upright)
    result.info.clear()  # no orientation or profile is left for a later reader to apply again
    return result


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise BadRecord(_foreign(data)) from None


def _foreign(data: bytes) -> str:
    start = data[:512].lstrip().lower()
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the image; run 'git lfs pull'"
    what = "an SVG drawing" if b"<svg" in start else "no image of a known format, or cut off"
    return f"{what}; convert it to {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise BadRecord(
            f"{width} x {height} pixels, the limit is {max_pixels};"
            " scale it down or raise max_pixels"
        )
    if max(size) > MAX_ASPECT * min(size):
        raise BadRecord(
            f"{width} x {height} pixels: one side is over {MAX_ASPECT} times the other, which"
            " vision processors refuse; crop or pad it"
        )


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except _FAULTS:
        return image  # damaged EXIF data says nothing about the pixels


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return _from_16_bits(image)
    if image.mode in ("I", "F"):
        raise BadRecord(
            f"32-bit pixels (mode {image.mode!r}) have no known range; convert it to 8 or 16 bits"
        )
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        white = Image.new("RGBA", colours.size, "white")
        return Image.alpha_composite(white, colours).convert("RGB")
    return image.convert("RGB")


def _from_16_bits(image: Image.Image) -> Image.Image:
    grey = np.asarray(image).astype(np.uint32)
    return Image.fromarray(((grey + 128) // 257).astype(np.uint8)).convert("RGB")
