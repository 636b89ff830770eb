"""A sample with videos as one with frames: pictures, each after its time, for models of images."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PIL import Image
from pydantic import Field, model_validator

from gnomon.blocks import Block, Count, Number
from gnomon.media.image import open_image
from gnomon.media.recent import Recent
from gnomon.media.video import Spread, open_video
from gnomon.records import Media, Message, Sample

MOST_BYTES = 256 * 2**20
"""Bytes of decoded frames that are kept for whoever shows the same video next (ours)."""

STRIP = 160
"""Longest side of a frame in a film strip (ours)."""

_PLACE = re.compile("<image>")


class Video(Block):
    """How models of images see a video: as frames, spread evenly over it, each after its time.

    ``frames`` of them, or ``fps`` per second, or all when both are None; never more than ``most``.
    ``spread`` is the rule of `gnomon.media.video.frame_numbers`.
    """

    frames: Count | None = None
    fps: Number | None = Field(None, gt=0)
    most: Count = 16
    spread: Spread = "starts"

    @model_validator(mode="after")
    def _check_rule(self) -> Video:
        if self.frames is not None and self.fps is not None:
            raise ValueError(f"frames={self.frames} and fps={self.fps}: use one of them")
        return self


@dataclass(frozen=True)
class Shown:
    """What stands for one medium: text with a place for each picture, and the pictures."""

    text: str
    media: tuple[Media, ...]


_RECENT: Recent[Shown] = Recent(
    MOST_BYTES, lambda shown: sum(len(medium.data or b"") for medium in shown.media)
)


def expand_videos(sample: Sample, video: Video, *, root: Path | None = None) -> Sample:
    """The sample with each video as its frames, ``<0.5 s><image>`` for each, in order of time.

    Times are seconds from the first frame with one decimal, the form of the Qwen3-VL processor
    (there ``<0.5 seconds>``). Other media stay as they are, and a sample without a video is
    returned as it is. A video that comes again soon is not decoded again, so that its frames are
    the same objects; a file is taken to stay as it is while the process runs. Raises `BadRecord`
    for a video that cannot be used (`open_video`).
    """
    if not any(medium.kind == "video" for medium in sample.media):
        return sample
    return put_in(sample, [_shown(medium, video, root) for medium in sample.media])


def put_in(sample: Sample, parts: Sequence[Shown]) -> Sample:
    """The sample with each of its media replaced by what stands for it."""
    waiting = iter(parts)
    messages = tuple(
        replace(message, text=_filled(message, waiting)) for message in sample.messages
    )
    media = tuple(medium for part in parts for medium in part.media)
    return replace(sample, messages=messages, media=media)


def _filled(message: Message, waiting: Iterator[Shown]) -> str:
    return _PLACE.sub(lambda _: next(waiting).text, message.text)


def _shown(medium: Media, video: Video, root: Path | None) -> Shown:
    if medium.kind != "video":
        return Shown("<image>", (medium,))
    key = (medium.key, root, video.frames, video.fps, video.most, video.spread)
    return _RECENT.get(key, partial(_decoded, medium, video, root))


def _decoded(medium: Media, video: Video, root: Path | None) -> Shown:
    clip = open_video(
        medium,
        frames=video.frames,
        fps=video.fps,
        most=video.most,
        spread=video.spread,
        root=root,
    )
    return Shown(stamped(clip.times), tuple(map(_picture, clip.frames)))


def filmstrip(medium: Media, video: Video, *, root: Path | None = None) -> Image.Image:
    """The frames that are shown of a video side by side, for people; at most `STRIP` pixels high.

    Raises `BadRecord` as `expand_videos` does.
    """
    frames = [open_image(frame) for frame in _shown(medium, video, root).media]
    for frame in frames:
        frame.thumbnail((STRIP, STRIP))
    strip = Image.new("RGB", (sum(frame.width for frame in frames), frames[0].height))
    left = 0
    for frame in frames:
        strip.paste(frame, (left, 0))
        left += frame.width
    return strip


def stamped(times: tuple[float, ...]) -> str:
    """The text that stands for a video: each time and the place of its picture.

    >>> stamped((0.0, 0.5))
    '<0.0 s><image><0.5 s><image>'
    """
    return "".join(f"<{time:.1f} s><image>" for time in times)


def _picture(frame: Image.Image) -> Media:
    # Not PNG: frames only go from here to an encoder, and compressing them takes far longer.
    buffer = io.BytesIO()
    frame.save(buffer, format="BMP")
    return Media("image", data=buffer.getvalue())
