"""Sounds from outside, decoded under limits to one channel at a wanted rate; and written.

A sound is opened by content: WAV, FLAC, OGG. Its header is checked before anything is decoded.
Every fault of one sound is a `BadRecord`. Needs soundfile (extra ``audio``), which is imported on
first use; writing needs nothing. Dimension suffixes: T samples in time, C channels.
"""

from __future__ import annotations

import io
import math
import wave
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gnomon.media.files import check_kind, name_of, read_bytes, wanted_module
from gnomon.records import BadRecord, Media

MAX_BYTES = 256 * 2**20
MAX_SECONDS = 3600.0
MAX_CHANNELS = 16
RATES = (1_000, 384_000)
"""Limits of an encoded sound (ours): bytes, seconds, channels, samples per second."""

FORMATS = ("WAV", "WAVEX", "FLAC", "OGG")
RATE = 16_000
"""Samples per second that Qwen2-Audio and Qwen2.5-Omni hear."""

UNKNOWN_SIZE = 0xFFFFFFFF
"""What a WAV file that was streamed says in place of its length."""

Channels = Literal["mean", "first"]


def open_audio(
    media: Media,
    *,
    rate: int = RATE,
    channels: Channels = "mean",
    root: Path | None = None,
    max_bytes: int = MAX_BYTES,
    max_seconds: float = MAX_SECONDS,
    max_channels: int = MAX_CHANNELS,
) -> NDArray[np.float32]:
    """Decode a sound to one channel, float32 [T] in about [-1, 1], at ``rate`` samples per second.

    Several channels become their mean, or the first of them (as R1-AQA does). Another rate is
    resampled with a polyphase low-pass filter. Raises `BadRecord` for a missing, empty, damaged or
    truncated file, another format, samples that are not finite, and for more than the limits, which
    are checked before decoding (an OGG file that was cut between two pages is merely shorter);
    ImportError naming the extra without soundfile; ValueError for a rate that is not possible.
    """
    if not RATES[0] <= rate <= RATES[1]:
        raise ValueError(f"rate={rate}: use {RATES[0]} to {RATES[1]} samples per second")
    check_kind(media, "audio", "an")
    data = read_bytes(media, root, max_bytes)
    soundfile = wanted_module("soundfile", "soundfile", "audio")
    try:
        _check_length(data)
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            _check_header(file, max_seconds, max_channels)
            samples_TC = file.read(dtype="float32", always_2d=True)
            given, announced = file.samplerate, file.frames
        _check_samples(samples_TC, announced)
    except BadRecord as error:
        raise BadRecord(f"{name_of(media)}: {error}") from None
    except (soundfile.LibsndfileError, OSError, ValueError, RuntimeError, MemoryError) as error:
        raise BadRecord(
            f"{name_of(media)}: no sound of a known format, or damaged or truncated ({error});"
            " replace the file, convert it to WAV, or drop the record"
        ) from None
    wave_T = samples_TC[:, 0] if channels == "first" else samples_TC.mean(axis=1)
    return resampled(wave_T, given, rate)


def _check_length(data: bytes) -> None:
    # libsndfile reads a WAV file that was cut as a shorter one.
    if data[:4] == b"RIFF" and len(data) >= 12:
        size = int.from_bytes(data[4:8], "little")
        if size + 8 > len(data) and size != UNKNOWN_SIZE:
            raise BadRecord(
                f"{size + 8} bytes are announced and {len(data)} are there, so it is truncated;"
                " replace the file or drop the record"
            )


def _check_header(file: Any, max_seconds: float, max_channels: int) -> None:
    if file.format not in FORMATS:
        raise BadRecord(f"a {file.format} file; convert it to WAV, FLAC or OGG")
    if not RATES[0] <= file.samplerate <= RATES[1]:
        raise BadRecord(
            f"{file.samplerate} samples per second; convert it to {RATES[0]} to {RATES[1]}"
        )
    if file.channels > max_channels:
        raise BadRecord(
            f"{file.channels} channels, the limit is {max_channels}; mix them down or raise"
            " max_channels"
        )
    seconds = file.frames / file.samplerate
    if seconds > max_seconds:
        raise BadRecord(
            f"{seconds:.0f} seconds, the limit is {max_seconds:g}; cut it or raise max_seconds"
        )


def _check_samples(samples_TC: NDArray[np.float32], announced: int) -> None:
    if len(samples_TC) == 0:
        raise BadRecord("it holds no sample; replace the file or drop the record")
    if len(samples_TC) < announced:
        raise BadRecord(
            f"{announced} samples are announced and {len(samples_TC)} can be read, so it is"
            " truncated; replace the file or drop the record"
        )
    if not np.isfinite(samples_TC).all():
        raise BadRecord("it holds samples that are not finite numbers; replace the file")


def resampled(wave_T: NDArray[Any], given: int, wanted: int) -> NDArray[np.float32]:
    """A sound at another rate: float32 [ceil(T wanted / given)], low-pass filtered.

    The same rate gives the same samples. Source: `scipy.signal.resample_poly`.
    """
    if given == wanted:
        return np.ascontiguousarray(wave_T, dtype=np.float32)
    from scipy.signal import resample_poly

    shared = math.gcd(given, wanted)
    changed = resample_poly(wave_T.astype(np.float64), wanted // shared, given // shared)
    return np.asarray(changed, dtype=np.float32)


def write_wav(wave_T: NDArray[Any], rate: int = RATE) -> bytes:
    """A WAV file of one channel, 16 bits: values in [-1, 1] times 32767, rounded, clipped beyond.

    The same samples give the same bytes everywhere. Raises ValueError for an array that is not one
    row of at least one finite number, and for a rate that is not possible.
    """
    if wave_T.ndim != 1 or not wave_T.size or not np.isfinite(wave_T).all():
        raise ValueError(
            f"an array of shape {wave_T.shape}: use one row of at least one finite number"
        )
    if not RATES[0] <= rate <= RATES[1]:
        raise ValueError(f"rate={rate}: use {RATES[0]} to {RATES[1]} samples per second")
    pcm = np.rint(np.clip(wave_T, -1.0, 1.0) * 32767.0).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.tobytes())
    return buffer.getvalue()
