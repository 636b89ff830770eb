"""Scores of sounds: what starts when, how long, how high, how loud it is; and their samples.

Times in seconds, pitches in Hz, loudness in decibels below full scale. Dimension suffix: T samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gnomon.media.audio import RATE, write_wav

Timbre = Literal["beep", "buzz", "hiss", "rise", "fall"]
TIMBRES: tuple[Timbre, ...] = get_args(Timbre)
NAMES: dict[Timbre, str] = {
    "beep": "a steady beep",
    "buzz": "a buzz",
    "hiss": "a hiss",
    "rise": "a rising whistle",
    "fall": "a falling whistle",
}
FADE = 0.01
SWEEP = 2.0
"""Ratio of the highest to the lowest pitch of a whistle that rises or falls."""

QUIET = 6.0
"""Decibels below full scale of a sound that is not marked as louder or quieter."""

PITCHES = (220.0, 1600.0)
MAX_SECONDS = 8.0


@dataclass(frozen=True)
class Note:
    """One sound. ``pitch`` is its own, the lowest one of a whistle, and none for a hiss."""

    timbre: Timbre
    start: float
    length: float
    pitch: float = 440.0
    level: float = QUIET

    @property
    def end(self) -> float:
        """When it is over."""
        return self.start + self.length


@dataclass(frozen=True)
class Score:
    """Sounds in order of their start, in ``seconds`` of silence; ``seed`` decides hiss and noise.

    Raises ValueError, saying what fits, for a sound that does not.
    """

    notes: tuple[Note, ...]
    seconds: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= MAX_SECONDS:
            raise ValueError(f"{self.seconds} seconds: use more than 0, at most {MAX_SECONDS:g}")
        for note in self.notes:
            if note.start < 0 or note.length < 4 * FADE or note.end > self.seconds + 1e-9:
                raise ValueError(
                    f"a sound from {note.start:g} to {note.end:g} s does not fit: use at least"
                    f" {4 * FADE:g} s between 0 and {self.seconds:g}"
                )
            top = note.pitch * (SWEEP if note.timbre in ("rise", "fall") else 1)
            if not 20 <= top < RATE / 2 or note.level < 0:
                raise ValueError(
                    f"pitch {note.pitch:g}, level {note.level:g}: use 20 to {RATE // 2} Hz and 0 or"
                    " more decibels below full scale"
                )

    @cached_property
    def written(self) -> str:
        """The score in text, for example ``2s: beep 0.5+0.2 440Hz -6dB``."""
        told = [f"{n.timbre} {_short(n)} {n.pitch:.0f}Hz -{n.level:g}dB" for n in self.notes]
        return f"{self.seconds:g}s: {'; '.join(told)}"


def _short(note: Note) -> str:
    return f"{note.start:.2f}+{note.length:.2f}"


def sound(score: Score) -> NDArray[np.float32]:
    """The samples of a score: float32 [T] at 16 kHz, with faint noise (-60 dB) behind."""
    count = round(score.seconds * RATE)
    rng = np.random.default_rng(score.seed)
    wave_T = (rng.random(count) - 0.5) * 2e-3
    for note in score.notes:
        start = round(note.start * RATE)
        own_T = _sound(note, rng)[: count - start]
        wave_T[start : start + len(own_T)] += own_T
    return np.clip(wave_T, -1.0, 1.0).astype(np.float32)


def _sound(note: Note, rng: np.random.Generator) -> NDArray[np.float64]:
    count = round(note.length * RATE)
    loud = _TIMBRE[note.timbre](count, note.pitch, rng)
    gain = 10 ** (-note.level / 20) / math.sqrt(2) / max(_rms(loud), 1e-9)
    return loud * gain * _fades(count)


def _rms(wave_T: NDArray[np.float64]) -> float:
    return math.sqrt(float(np.dot(wave_T, wave_T)) / len(wave_T))


@lru_cache(maxsize=256)
def _fades(count: int) -> NDArray[np.float64]:
    ramp = np.minimum(np.arange(count), np.arange(count)[::-1]) / (FADE * RATE)
    return np.asarray(np.minimum(1.0, ramp), dtype=np.float64)


def _phase(count: int, pitch: float) -> NDArray[np.float64]:
    return np.asarray(2 * np.pi * pitch / RATE * np.arange(count), dtype=np.float64)


def _beep(count: int, pitch: float, rng: np.random.Generator) -> NDArray[np.float64]:
    return np.sin(_phase(count, pitch))


def _buzz(count: int, pitch: float, rng: np.random.Generator) -> NDArray[np.float64]:
    # Odd harmonics below half the rate, so that nothing folds back.
    wave_T = np.zeros(count)
    for harmonic in (1, 3, 5, 7):
        if harmonic * pitch < RATE / 2:
            wave_T += np.sin(harmonic * _phase(count, pitch)) / math.sqrt(harmonic)
    return wave_T


def _hiss(count: int, pitch: float, rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.random(count) - 0.5


def _sweep(count: int, low: float, high: float) -> NDArray[np.float64]:
    pitches = low * (high / low) ** (np.arange(count) / count)
    return np.sin(2 * np.pi * np.cumsum(pitches) / RATE)


def _rise(count: int, pitch: float, rng: np.random.Generator) -> NDArray[np.float64]:
    return _sweep(count, pitch, pitch * SWEEP)


def _fall(count: int, pitch: float, rng: np.random.Generator) -> NDArray[np.float64]:
    return _sweep(count, pitch * SWEEP, pitch)


_TIMBRE: dict[Timbre, Callable[[int, float, np.random.Generator], NDArray[np.float64]]] = {
    "beep": _beep,
    "buzz": _buzz,
    "hiss": _hiss,
    "rise": _rise,
    "fall": _fall,
}


def score_wav(score: Score) -> bytes:
    """The score as a WAV file: 16 kHz, one channel, 16 bits."""
    return write_wav(sound(score), RATE)
