"""Media of a record: what its columns name, and where in its turns they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from gnomon.media.files import resolve_path
from gnomon.records import BadRecord, Media, MediaKind, Message

MARKS = ("<image>", "<video>", "<audio>")
"""What stands in a text for the next image, the next video and the next sound of its record."""


def read_media(items: Any, root: Path, kind: MediaKind) -> tuple[Media, ...]:
    """Media of a column: paths under ``root``, bytes, or ``{"bytes": ..., "path": ...}``.

    One alone needs no list; None is no medium. Raises `BadRecord` for anything else, and for a path
    that leaves ``root``.
    """
    if items is None:
        return ()
    listed = items if isinstance(items, list) else [items]
    return tuple(map(partial(_medium, root=root, kind=kind), listed))


def _medium(item: Any, root: Path, kind: MediaKind) -> Media:
    if isinstance(item, Mapping):
        item = item.get("bytes") if item.get("bytes") is not None else item.get("path")
    if isinstance(item, bytes):
        return Media(kind, data=item)
    if isinstance(item, str) and item:
        return Media(kind, path=resolve_path(Path(item), root, kind))
    raise BadRecord(f"{_WITH_ARTICLE[kind]} is {shown(item)}; a path or bytes are needed")


_WITH_ARTICLE = {"image": "an image", "video": "a video", "audio": "a sound"}


def place_media(
    messages: tuple[Message, ...],
    images: tuple[Media, ...],
    videos: tuple[Media, ...],
    sounds: tuple[Media, ...] = (),
) -> tuple[tuple[Message, ...], tuple[Media, ...]]:
    """Turns with ``<image>`` for each medium, and the media in their order, as a `Sample` has them.

    X
    """
    given = dict(zip(MARKS, (images, videos, sounds), strict=True))
    given = {mark: media for mark, media in given.items() if media or mark == MARKS[0]}
    if len(given) == 1:
        return messages, images
    for mark, media in reversed(given.items()):
        if mark != MARKS[0] and not any(mark in message.text for message in messages):
            messages = _in_front(messages, mark * len(media))
    known = re.compile("|".join(given))
    marks = [mark for message in messages for mark in known.findall(message.text)]
    for mark, media in given.items():
        if marks.count(mark) != len(media):
            raise BadRecord(f"{len(media)} media but {marks.count(mark)} {mark} placeholders")
    waiting = {mark: iter(media) for mark, media in given.items()}
    texts = [replace(message, text=known.sub("<image>", message.text)) for message in messages]
    return tuple(texts), tuple(next(waiting[mark]) for mark in marks)


def _in_front(messages: Sequence[Message], marks: str) -> tuple[Message, ...]:
    """The turns with ``marks`` before the text of the user's first one."""
    roles = [message.role for message in messages]
    first = roles.index("user") if "user" in roles else 0
    asked = replace(messages[first], text=marks + messages[first].text)
    return (*messages[:first], asked, *messages[first + 1 :])


def shown(value: Any) -> str:
    """A value of a record for an error, on one line and not too long."""
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
