"""Videos from outside, decoded under limits to some of their frames with their times.

A video is opened by content. Its header is read first: size, rate, length and number of frames are
checked before anything is decoded. Every fault of one video is a `BadRecord`. Needs PyAV (extra
``video``), which is imported on first use.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from gnomon.media.files import DECODER_FAULTS, check_kind, name_of, read_bytes, wanted_module
from gnomon.records import BadRecord, Media

MAX_BYTES = 512 * 2**20
MAX_PIXELS = 16_777_216
MAX_FRAMES = 100_000
MAX_SECONDS = 6 * 3600.0
"""Limits of an encoded video (ours): bytes, pixels of a frame, frames and seconds in all."""

MOST_DECODED = 768
"""Most frames that are kept of one video; the limit of the Qwen2-VL processor."""

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts"
"""What is opened: no playlist and no format that names other files."""

Spread = Literal["starts", "ends"]


@dataclass(frozen=True)
class Clip:
    """Frames of a video: pictures, their numbers from 0, and their times in seconds.

    ``total`` frames at ``rate`` per second are in the video; it lasts ``seconds``.
    """

    frames: tuple[Image.Image, ...]
    numbers: tuple[int, ...]
    times: tuple[float, ...]
    total: int
    rate: float

    @property
    def seconds(self) -> float:
        """Length of the whole video."""
        return self.total / self.rate

    @property
    def seconds_per_pair(self) -> float:
        """Seconds between two patches in time, of two frames each, as Qwen2.5-VL's positions use.

        2 / (frames kept / frames in all * rate).
        """
        return 2 * self.total / (len(self.frames) * self.rate)


def frame_count(
    total: int, rate: float, fps: float, *, least: int = 4, most: int = MOST_DECODED
) -> int:
    """How many frames a video of ``total`` frames at ``rate`` gives at ``fps`` per second.

    total / rate * fps, at least ``least``, at most ``most`` and the frames there are, each rounded
    down to an even number, which patches of two frames need. A video of one frame gives 1 (ours;
    the processor fails on it). Source: the Qwen2.5-VL processor; SEED-Bench-R1 uses fps 2, most 16.
    Raises ValueError for numbers that are not positive.

    >>> [frame_count(n, 30, 2, most=16) for n in (90, 240, 150, 5)]
    [6, 16, 10, 4]
    """
    if total < 1 or least < 1 or most < 2 or not (rate > 0 and fps > 0):
        raise ValueError(
            f"total={total}, rate={rate}, fps={fps}, least={least}, most={most}: use positive"
            " numbers, and most=2 or more"
        )
    count = min(max(total / rate * fps, least), most // 2 * 2, total)
    return max(math.floor(count / 2) * 2, 1)


def frame_numbers(total: int, count: int, spread: Spread = "starts") -> tuple[int, ...]:
    """Numbers of ``count`` frames spread evenly over ``total``, ascending.

    ``starts``: floor(i total / count), the rule of the Qwen2.5-VL processor, in exact arithmetic.
    ``ends``: round(i (total - 1) / (count - 1)), halves to even, first and last frame included, as
    SEED-Bench-R1 and qwen-vl-utils do. Raises ValueError unless 1 <= count <= total.

    >>> frame_numbers(10, 4, "ends"), frame_numbers(10, 4)
    ((0, 3, 6, 9), (0, 2, 5, 7))
    """
    if not 1 <= count <= total:
        raise ValueError(f"{count} frames of {total}: ask for 1 to {total}")
    if spread == "starts" or count == 1:
        return tuple(i * total // count for i in range(count))
    return tuple(round(Fraction(i * (total - 1), count - 1)) for i in range(count))


def open_video(
    media: Media,
    *,
    frames: int | None = None,
    fps: float | None = None,
    most: int = MOST_DECODED,
    spread: Spread = "starts",
    root: Path | None = None,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
    max_frames: int = MAX_FRAMES,
    max_seconds: float = MAX_SECONDS,
) -> Clip:
    """Decode some frames of a video, spread evenly, as upright RGB pictures with their times.

    ``frames`` of them, or ``fps`` per second (`frame_count`), or all when both are None; never more
    than ``most`` and than `MOST_DECODED`. A video with fewer frames gives all it has. Times are
    what the file says, counted from the first frame. Raises `BadRecord` for a missing, empty,
    damaged or truncated file, another format, and for more than the limits, which are checked
    before decoding; ImportError naming the extra without PyAV; ValueError for ``frames`` together
    with ``fps``, or numbers that are not positive.
    """
    if frames is not None and fps is not None:
        raise ValueError("frames= and fps= were both given: use one of them")
    if (frames is not None and frames < 1) or (fps is not None and not fps > 0) or most < 1:
        raise ValueError(f"frames={frames}, fps={fps}, most={most}: use a positive number")
    check_kind(media, "video", "a")
    data = read_bytes(media, root, max_bytes)
    limits = _Limits(max_pixels, max_frames, max_seconds)
    av = wanted_module("av", "PyAV", "video")
    try:
        with av.open(io.BytesIO(data), options={"format_whitelist": CONTAINERS}) as container:
            return _decode(container, limits, _Wanted(frames, fps, most, spread))
    except BadRecord as error:
        raise BadRecord(f"{name_of(media)}: {error}") from None
    except (av.FFmpegError, *DECODER_FAULTS) as error:
        raise BadRecord(
            f"{name_of(media)}: no video of a known format, or damaged or truncated ({error});"
            " replace the file, convert it to mp4, or drop the record"
        ) from None


@dataclass(frozen=True)
class _Wanted:
    """Which frames to keep."""

    frames: int | None
    fps: float | None
    most: int
    spread: Spread

    def numbers(self, total: int, rate: float) -> tuple[int, ...]:
        count = total if self.frames is None else min(self.frames, total)
        count = count if self.fps is None else frame_count(total, rate, self.fps)
        return frame_numbers(total, min(count, self.most, MOST_DECODED), self.spread)


@dataclass(frozen=True)
class _Limits:
    pixels: int
    frames: int
    seconds: float

    def check(self, width: int, height: int, frames: int, seconds: float) -> None:
        if width < 1 or height < 1:
            raise BadRecord("the header gives no size; convert it to mp4 or drop the record")
        if width * height > self.pixels:
            raise BadRecord(
                f"frames of {width} x {height} pixels, the limit is {self.pixels};"
                " scale it down or raise max_pixels"
            )
        if frames > self.frames:
            raise BadRecord(f"over the limit of {self.frames} frames; cut it or raise max_frames")
        if seconds > self.seconds:
            raise BadRecord(
                f"{seconds:.0f} seconds, the limit is {self.seconds:.0f}; cut it or raise"
                " max_seconds"
            )


def _decode(container: Any, limits: _Limits, wanted: _Wanted) -> Clip:
    if not container.streams.video:
        raise BadRecord("there is no picture track in it; give a video, or drop the record")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise BadRecord("its codec is not known; convert it to mp4 (H.264) or drop the record")
    declared = float((container.duration or 0) / 1_000_000)
    limits.check(stream.width, stream.height, stream.frames, declared)
    stream.codec_context.thread_count = 1  # the same frames in the same order, within one core
    total = _count(container, stream, limits)
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    if not rate > 0:
        raise BadRecord("the header gives no frame rate; convert it to mp4 or drop the record")
    limits.check(stream.width, stream.height, total, total / rate)
    numbers = wanted.numbers(total, rate)
    kept = _kept(container, stream, limits, frozenset(numbers))
    if len(kept) < len(numbers):
        raise BadRecord(
            f"{total} frames are announced but not all can be decoded, so it is truncated or"
            " damaged; replace the file or drop the record"
        )
    pictures, times = zip(*kept, strict=True)
    return Clip(tuple(pictures), numbers, tuple(times), total, rate)


def _count(container: Any, stream: Any, limits: _Limits) -> int:
    # Packets are counted without decoding: a header may give no number of frames, or a wrong one.
    count = 0
    for packet in container.demux(stream):
        count += packet.size > 0
        if count > limits.frames:
            raise BadRecord(f"over the limit of {limits.frames} frames; cut it or raise max_frames")
    if count < max(stream.frames, 1):
        raise BadRecord(
            f"{stream.frames} frames are announced and {count} are there, so it is truncated;"
            " replace the file or drop the record"
        )
    container.seek(0)
    return count


def _kept(
    container: Any, stream: Any, limits: _Limits, wanted: frozenset[int]
) -> list[tuple[Image.Image, float]]:
    kept: list[tuple[Image.Image, float]] = []
    first: float | None = None
    reformatter = wanted_module("av.video.reformatter", "PyAV", "video").VideoReformatter()
    for number, frame in enumerate(container.decode(stream)):
        limits.check(frame.width, frame.height, 0, 0.0)  # a size can change along the way
        time = float(frame.time or 0.0)
        first = time if first is None else first
        if number in wanted:
            # A frame's own conversion makes threads and tables of its own for each frame.
            rgb = reformatter.reformat(frame, format="rgb24", threads=1)
            kept.append((_upright(rgb, getattr(frame, "rotation", 0)), time - first))
        if len(kept) == len(wanted):
            break
    return kept


def _upright(frame: Any, rotation: int) -> Image.Image:
    image: Image.Image = frame.to_image()
    return image.rotate(rotation % 360, expand=True) if rotation % 360 else image
