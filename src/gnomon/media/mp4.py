"""Films written as mp4 files: H.264 by PyAV's x264, and the boxes of the file around it.

Opening an encoder takes as long as encoding forty small frames, so that one is kept open for each
size and rate, and the boxes (ISO/IEC 14496-12 and -15) are written here, because PyAV's own writer
opens an encoder for each file. Needs PyAV (extra ``video``), which is imported on first use.
"""

from __future__ import annotations

import re
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gnomon.media.files import wanted_module

OPTIONS = {
    "preset": "ultrafast",
    "tune": "zerolatency",
    "profile": "baseline",
    "qp": "6",
    "forced-idr": "1",
}
"""Of x264: each frame gives its packet at once, and the same packet whatever came before the film,
which rules out a rate control (``crf``)."""

KEPT, KEPT_PIXELS = 4, 2**18
"""Encoders that a thread keeps open, of frames of at most so many pixels (ours)."""

_START = re.compile(b"\x00\x00\x00?\x01")
_UNITY = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_SEI, _SPS, _PPS = 6, 7, 8
_OPEN = threading.local()

Pixels = NDArray[np.uint8]


def write_mp4(frames: Sequence[Image.Image | Pixels] | Pixels, fps: float) -> bytes:
    """An mp4 file (H.264) of RGB frames, ``fps`` per second; frame i stands at i / fps seconds.

    ``frames``: pictures, or uint8 [T, h, w, 3]. The same frames give the same bytes on one version
    of PyAV; browsers play them. An array that comes again is not converted again. Raises
    ValueError for no frame, a rate that is not positive, frames of different sizes, and odd sides,
    which the codec cannot hold; ImportError naming the extra without PyAV.
    """
    pixels = [np.ascontiguousarray(frame, dtype=np.uint8) for frame in frames]
    rate = Fraction(fps).limit_denominator(1001)
    if not pixels or not rate > 0:
        raise ValueError(f"{len(pixels)} frames at fps={fps}: use 1 or more, and a rate over 0.001")
    shapes = {array.shape for array in pixels}
    height, width = pixels[0].shape[:2]
    if len(shapes) > 1 or pixels[0].shape[2:] != (3,) or height % 2 or width % 2:
        raise ValueError(
            f"frames of shapes {sorted(shapes)}: use RGB frames of one size with even sides"
        )
    key = (width, height, rate)
    encoders: dict[Any, _Encoder] = _OPEN.__dict__.setdefault("encoders", {})
    # Taken out while it works: an encoder that fails half way is not used again.
    encoder = encoders.pop(key, None) or _Encoder(width, height, rate)
    coded = encoder.film(pixels)
    if width * height <= KEPT_PIXELS:
        encoders[key] = encoder
        while len(encoders) > KEPT:
            del encoders[next(iter(encoders))]
    return _file(coded, encoder.header, width, height, rate)


@dataclass(frozen=True)
class _Coded:
    """One frame: its units, each behind its length, and whether decoding can begin with it."""

    data: bytes
    key: bool


class _Encoder:
    """An open encoder, for one film after another."""

    def __init__(self, width: int, height: int, rate: Fraction) -> None:
        self.av = wanted_module("av", "PyAV", "video")
        self.context = self.av.CodecContext.create("libx264", "w")
        self.context.width, self.context.height = width, height
        self.context.pix_fmt = "yuv420p"
        self.context.framerate, self.context.time_base = rate, 1 / rate
        self.context.options = dict(OPTIONS)
        self.context.thread_count = 1
        self.context.flags |= _GLOBAL_HEADER
        self.context.open()
        self.header: bytes = self.context.extradata
        self.convert = self.av.video.reformatter.VideoReformatter().reformat
        self.kinds = self.av.video.frame.PictureType
        self.clock = 0

    def film(self, frames: Sequence[Pixels]) -> list[_Coded]:
        """The frames of one film, of which the first is a key frame."""
        coded: list[_Coded] = []
        shown: Pixels | None = None
        picture: Any = None
        for pixels in frames:
            if pixels is not shown:
                picture, shown = self.av.VideoFrame.from_ndarray(pixels, format="rgb24"), pixels
                # One thread: more of them take longer to start than such frames take.
                picture = self.convert(picture, format="yuv420p", threads=1)
            coded.append(self._code(picture, key=not coded))
        if sum(one.key for one in coded) % 2:
            # Key frames are numbered 0, 1, 0, ...: one more, so that every film begins with 0.
            self._code(picture, key=True)
        return coded

    def _code(self, picture: Any, *, key: bool) -> _Coded:
        picture.pts, self.clock = self.clock, self.clock + 1
        picture.pict_type = self.kinds.I if key else self.kinds.NONE
        (packet,) = self.context.encode(picture)
        # The first packet also says which x264 wrote it: no two films would be alike.
        units = [unit for unit in _units(bytes(packet)) if _kind(unit) != _SEI]
        data = b"".join(struct.pack(">I", len(unit)) + unit for unit in units)
        return _Coded(data, packet.is_keyframe)


_GLOBAL_HEADER = 1 << 22
"""FFmpeg's flag for parameter sets apart from the frames, as mp4 holds them."""


def _units(stream: bytes) -> list[bytes]:
    """The units of an H.264 byte stream, without the start codes before them."""
    return [unit for unit in _START.split(stream) if unit]


def _kind(unit: bytes) -> int:
    return unit[0] & 31


def _file(coded: Sequence[_Coded], header: bytes, width: int, height: int, rate: Fraction) -> bytes:
    """The file: what it is, the frames, and then where each is and when it is shown."""
    kind = _box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2avc1mp41")
    data = _box(b"mdat", *(one.data for one in coded))
    timescale, step = rate.numerator, rate.denominator
    length = len(coded) * step
    clock = struct.pack(">4I", 0, 0, timescale, length)
    movie = _full(
        b"mvhd", 0, clock, struct.pack(">IH10x", 0x10000, 0x100), _UNITY, bytes(24), _number(2)
    )
    sizes = struct.pack(">2I", width << 16, height << 16)
    places = struct.pack(">5I8x", 0, 0, 1, 0, length)
    track = _full(b"tkhd", 3, places, bytes(8), _UNITY, sizes)
    media = _box(
        b"mdia",
        _full(b"mdhd", 0, clock, struct.pack(">2H", 0x55C4, 0)),
        _full(b"hdlr", 0, bytes(4), b"vide", bytes(13)),
        _box(
            b"minf",
            _full(b"vmhd", 1, bytes(8)),
            _box(b"dinf", _full(b"dref", 0, _number(1), _full(b"url ", 1))),
            _table(coded, _entry(header, width, height), step, len(kind) + 8),
        ),
    )
    return kind + data + _box(b"moov", movie, _box(b"trak", track, media))


def _table(coded: Sequence[_Coded], entry: bytes, step: int, offset: int) -> bytes:
    """Duration, key frames, sizes and place of the frames, which are one chunk at ``offset``."""
    count = len(coded)
    keys = [number for number, one in enumerate(coded, 1) if one.key]
    sizes = [len(one.data) for one in coded]
    return _box(
        b"stbl",
        _full(b"stsd", 0, _number(1), entry),
        _full(b"stts", 0, _number(1, count, step)),
        _full(b"stss", 0, _number(len(keys), *keys)),
        _full(b"stsc", 0, _number(1, 1, count, 1)),
        _full(b"stsz", 0, _number(0, count, *sizes)),
        _full(b"stco", 0, _number(1, offset)),
    )


def _entry(header: bytes, width: int, height: int) -> bytes:
    """How the frames are coded, with the encoder's parameter sets."""
    sets = {_kind(unit): unit for unit in _units(header)}
    sps, pps = sets[_SPS], sets[_PPS]
    record = [
        bytes([1, *sps[1:4], 0xFF, 0xE1]), struct.pack(">H", len(sps)), sps,
        bytes([1]), struct.pack(">H", len(pps)), pps,
    ]  # fmt: skip
    fixed = struct.pack(">6xH16x2H2I4xH32xHh", 1, width, height, 72 << 16, 72 << 16, 1, 24, -1)
    return _box(b"avc1", fixed, _box(b"avcC", *record))


def _box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _full(kind: bytes, flags: int, *parts: bytes) -> bytes:
    """A box of version 0 with flags."""
    return _box(kind, _number(flags), *parts)


def _number(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)
