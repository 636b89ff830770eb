"""What goes into the page itself: images as data URIs, values as JSON, both within limits."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gnomon.records import BadRecord, Media

MAX_IMAGE_BYTES = 96 * 1024
"""Larger files are scaled down to `MAX_SIDE` pixels and written as JPEG (ours)."""
MAX_SIDE = 640
_STORED = re.compile(r"[0-9a-f]{64}\.(png|jpg)")
_TYPES = {"png": "image/png", "jpg": "image/jpeg"}
_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def json_for_script(value: Any) -> str:
    """``value`` as JSON in which no character can end a script element or a line.

    Raises ValueError for numbers that are not finite (`gnomon.report.text.readable` removes them).
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_ESCAPES)


def inline_images(
    folder: Path, names: Iterable[str], max_bytes: int
) -> tuple[dict[str, str], list[str]]:
    """Data URIs of the images called ``names`` in ``folder``, and of those left out the reasons.

    Only names that a run gives its images (a hash and .png or .jpg) are opened. Images come in the
    order of their names in ``names``; one that would exceed ``max_bytes`` in total is left out.
    """
    uris: dict[str, str] = {}
    problems: list[str] = []
    total = 0
    for name in dict.fromkeys(names):
        try:
            uri = _data_uri(folder, name)
        except BadRecord as error:
            problems.append(str(error))
            continue
        if total + len(uri) > max_bytes:
            problems.append(f"image {name}: left out, the page is full")
            continue
        total += len(uri)
        uris[name] = uri
    return uris, problems


def _data_uri(folder: Path, name: str) -> str:
    match = _STORED.fullmatch(name)
    if match is None:
        raise BadRecord(f"image {name!r}: not the name of an image of a run")
    path = folder / name
    if path.is_symlink() or not path.is_file():
        raise BadRecord(f"image {name}: there is no such file in {folder.name}")
    kind = match.group(1)
    data = path.read_bytes() if path.stat().st_size <= MAX_IMAGE_BYTES else b""
    if not data:
        kind, data = "jpg", _scaled_down(path)
    return f"data:{_TYPES[kind]};base64,{base64.b64encode(data).decode()}"


def _scaled_down(path: Path) -> bytes:
    from gnomon.media.image import open_image

    image = open_image(Media("image", path=path))
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=82)
    return buffer.getvalue()
