"""A listener who hears samples only: where sounds start and end, how high, loud and of what sort.

By signal analysis (loudness in short frames, peaks of the Fourier transform, spectral flatness), it
shares nothing with how sounds are made and confirms the answers of the world of sound. Dimension
suffixes: T samples, F frequencies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnomon.media.audio import RATE, open_audio
from gnomon.records import Media
from gnomon.worlds.score import Timbre

HOP = 80
"""Samples of a frame: 5 ms."""

FLOOR = 0.01
"""Root mean square of a frame that is not silent, at least: -40 dB."""

FLAT = 0.3
"""Spectral flatness of noise, at least; a tone's is near 0."""


@dataclass(frozen=True)
class Heard:
    """One stretch that is not silent: when, its peaks, its loudness, and whether it is noise.

    ``pitch`` is the strongest frequency in the middle, ``first`` and ``last`` those of its ends, in
    Hz; ``overtones`` the share of power over twice the pitch; ``level`` decibels below full scale
    of a sine.
    """

    start: float
    end: float
    pitch: float
    first: float
    last: float
    overtones: float
    level: float
    noisy: bool

    @property
    def length(self) -> float:
        """Seconds from start to end."""
        return self.end - self.start

    @property
    def timbre(self) -> Timbre:
        """The sort of sound: hiss, rise, fall, buzz or beep."""
        if self.noisy:
            return "hiss"
        if abs(math.log2(self.last / self.first)) > 0.4:
            return "rise" if self.last > self.first else "fall"
        return "buzz" if self.overtones > 0.1 else "beep"


def listen(media: Media) -> tuple[Heard, ...]:
    """All stretches of sound, in order."""
    wave_T = open_audio(media).astype(np.float64)
    return tuple(_heard(wave_T, start, end) for start, end in stretches(wave_T))


def loudness(wave_T: NDArray[Any]) -> NDArray[np.float64]:
    """Root mean square of each frame of `HOP` samples; a rest at the end is left out."""
    frames = wave_T[: len(wave_T) // HOP * HOP].reshape(-1, HOP)
    return np.asarray(np.sqrt((frames.astype(np.float64) ** 2).mean(axis=1)))


def stretches(wave_T: NDArray[Any]) -> list[tuple[int, int]]:
    """First sample and end of each stretch over `FLOOR`; pauses under 20 ms do not part it."""
    loud = np.concatenate([[False], loudness(wave_T) > FLOOR, [False]]).astype(np.int8)
    starts, ends = np.flatnonzero(np.diff(loud) == 1), np.flatnonzero(np.diff(loud) == -1)
    found: list[tuple[int, int]] = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if found and start * HOP - found[-1][1] < 4 * HOP:
            found[-1] = (found[-1][0], end * HOP)
        else:
            found.append((start * HOP, end * HOP))
    return found


def spectrum(wave_T: NDArray[Any]) -> NDArray[np.float64]:
    """Power [F] by frequency of a windowed stretch, one bin per RATE / T Hz."""
    return np.asarray(np.abs(np.fft.rfft(wave_T * np.hanning(len(wave_T)))) ** 2)


def peak(wave_T: NDArray[Any]) -> float:
    """The strongest frequency in Hz, between bins by a parabola through the logarithms."""
    power_F = spectrum(wave_T)
    place = int(power_F[1:-1].argmax()) + 1
    low, middle, high = (math.log(float(p) + 1e-30) for p in power_F[place - 1 : place + 2])
    bend = low - 2 * middle + high
    shift = 0.5 * (low - high) / bend if bend < 0 else 0.0
    return (place + shift) * RATE / len(wave_T)


def flatness(power_F: NDArray[Any]) -> float:
    """Geometric over arithmetic mean of the power: near 1 for noise, near 0 for tones."""
    power_F = power_F + 1e-20
    return float(np.exp(np.log(power_F).mean()) / power_F.mean())


def peaks(wave_T: NDArray[Any], share: float = 0.1) -> list[float]:
    """Frequencies in Hz of all local peaks with at least ``share`` of the strongest one's power."""
    power_F = spectrum(wave_T)
    inner = power_F[1:-1]
    tops = (inner > power_F[:-2]) & (inner >= power_F[2:]) & (inner > share * power_F.max())
    return [float(place + 1) * RATE / len(wave_T) for place in np.flatnonzero(tops)]


def _heard(wave_T: NDArray[np.float64], start: int, end: int) -> Heard:
    own_T = wave_T[start:end]
    quarter = max(len(own_T) // 4, 8)
    power_F = spectrum(own_T)
    pitch = peak(own_T)
    over = power_F[min(round(2 * pitch * len(own_T) / RATE), len(power_F) - 1) :].sum()
    middle = own_T[len(own_T) // 4 : max(-len(own_T) // 4, 1 - len(own_T))]
    level = -20 * math.log10(max(float(np.sqrt((middle**2).mean() * 2)), 1e-9))
    return Heard(
        start / RATE,
        end / RATE,
        pitch,
        max(peak(own_T[:quarter]), 1.0),
        max(peak(own_T[-quarter:]), 1.0),
        float(over / max(power_F.sum(), 1e-30)),
        level,
        flatness(power_F) > FLAT,
    )
