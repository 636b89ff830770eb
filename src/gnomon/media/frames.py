"""A sample with videos as one with frames: pictures, each after its time, for models of images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from gnomon.media.image import png_bytes
from gnomon.media.video import Clip, Spread, open_video
from gnomon.records import Media, Message, Sample

MOST = 16
_PLACE = re.compile("<image>")


@dataclass(frozen=True)
class _Shown:
    """What stands for one medium: text with a place for each picture, and the pictures."""

    text: str
    media: tuple[Media, ...]


def expand_videos(
    sample: Sample,
    *,
    frames: int | None = None,
    fps: float | None = None,
    spread: Spread = "starts",
    most: int = MOST,
    root: Path | None = None,
) -> Sample:
    """The sample with each video as its frames, ``<0.5 s><image>`` for each, in order of time.

    Takes ``frames`` evenly spread, or ``fps`` per second, or all; never more than ``most``. Times
    are seconds from the first frame with one decimal, the form of the Qwen3-VL processor (there
    ``<0.5 seconds>``). Other media stay as they are, and a sample without a video is returned as it
    is. A pure function: it is what an encoder of images calls before it encodes.

    Raises `BadRecord` for a video that cannot be used (`open_video`), ValueError for settings that
    are not possible.
    """
    if most < 1:
        raise ValueError(f"most={most}: use 1 or more")
    if not any(medium.kind == "video" for medium in sample.media):
        return sample
    shown = partial(_shown, frames=frames, fps=fps, spread=spread, most=most, root=root)
    parts = [shown(medium) for medium in sample.media]
    waiting = iter(parts)
    messages = tuple(
        replace(message, text=_filled(message, waiting)) for message in sample.messages
    )
    media = tuple(medium for part in parts for medium in part.media)
    return replace(sample, messages=messages, media=media)


def _filled(message: Message, waiting: Iterator[_Shown]) -> str:
    return _PLACE.sub(lambda _: next(waiting).text, message.text)


def _shown(
    medium: Media,
    *,
    frames: int | None,
    fps: float | None,
    spread: Spread,
    most: int,
    root: Path | None,
) -> _Shown:
    if medium.kind != "video":
        return _Shown("<image>", (medium,))
    clip = open_video(medium, frames=frames, fps=fps, spread=spread, root=root)
    if len(clip.frames) > most:
        clip = open_video(medium, frames=most, spread=spread, root=root)
    return _Shown(stamped(clip.times), _pictures(clip))


def stamped(times: tuple[float, ...]) -> str:
    """The text that stands for a video: each time and the place of its picture.

    >>> stamped((0.0, 0.5))
    '<0.0 s><image><0.5 s><image>'
    """
    return "".join(f"<{time:.1f} s><image>" for time in times)


def _pictures(clip: Clip) -> tuple[Media, ...]:
    return tuple(Media("image", data=png_bytes(frame)) for frame in clip.frames)
