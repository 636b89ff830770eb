"""Spoken digits, by espeak-ng where it is installed; without it the task is not offered.

The voice is espeak's own, so another version of it speaks differently: within one machine the same
seed gives the same sound. Dimension suffix: T samples.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache, partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gnomon.grading.grade import reference_text
from gnomon.media.audio import RATE, open_audio, write_wav
from gnomon.records import Answer, Media
from gnomon.worlds.listening import loudness
from gnomon.worlds.scene import between, pick
from gnomon.worlds.world import Posed, WorldTask

PROGRAM = "espeak-ng"
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
VOICES = ((160, 50), (140, 35), (175, 70))
"""Words a minute and pitch (0 to 99) of the speakers."""

PAUSE = 0.25
SILENCE = 0.002
LIMIT = 10.0
"""Seconds that espeak-ng may take for one word."""


@lru_cache(maxsize=256)
def spoken(digit: int, voice: int) -> NDArray[np.float32]:
    """A digit as one of `VOICES` says it: float32 [T] at 16 kHz, without silence around it.

    Raises ValueError for no digit or voice, RuntimeError that says what to do when espeak-ng is
    missing or fails.
    """
    if not (0 <= digit < len(WORDS) and 0 <= voice < len(VOICES)):
        raise ValueError(f"digit={digit}, voice={voice}: use 0 to 9, and 0 to {len(VOICES) - 1}")
    program = shutil.which(PROGRAM)
    if program is None:
        raise RuntimeError(f"spoken digits need {PROGRAM}: install it (apt install {PROGRAM})")
    speed, pitch = VOICES[voice]
    command = [program, "-v", "en", "-s", str(speed), "-p", str(pitch), "--stdout", WORDS[digit]]
    try:
        told = subprocess.run(command, capture_output=True, timeout=LIMIT, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise RuntimeError(f"{PROGRAM} failed ({error}); install it again") from None
    # What is written to a pipe states no length; the header is replaced by one that does.
    pcm = np.frombuffer(told.stdout[44 : 44 + (len(told.stdout) - 44) // 2 * 2], dtype="<i2")
    rate = int.from_bytes(told.stdout[24:28], "little")
    wave_T = open_audio(Media("audio", data=write_wav(pcm / 32767.0, rate)), rate=RATE)
    return _trimmed(wave_T)


def _trimmed(wave_T: NDArray[np.float32]) -> NDArray[np.float32]:
    loud = np.flatnonzero(np.abs(wave_T) > SILENCE)
    return wave_T[loud[0] : loud[-1] + 1] * np.float32(0.5 / np.abs(wave_T).max())


def digits(rng: np.random.Generator, level: int) -> Posed:
    """The digits that a voice says, 1 to 5 of them, as a list."""
    voice = between(rng, 0, len(VOICES) - 1)
    values = tuple(between(rng, 0, 9) for _ in range(level))
    question = pick(rng, ("Which digits are spoken?", "Write down the spoken digits."))
    answer = Answer("list", values)
    told = ", ".join(map(str, values))
    return Posed(
        text=f"<image>{question} Give them in order.",
        answer=answer,
        answer_text=reference_text(answer),
        key=f"spoken {told}",
        thought=f"heard: {', '.join(WORDS[value] for value in values)}. {told}.",
        show=partial(_show, values, voice),
        facts={"voice": voice, "work": level},
    )


def _show(values: tuple[int, ...], voice: int) -> tuple[Media, ...]:
    pause_T = np.zeros(round(PAUSE * RATE), dtype=np.float32)
    parts = [pause_T]
    for value in values:
        parts += [spoken(value, voice), pause_T]
    return (Media("audio", data=write_wav(np.concatenate(parts), RATE)),)


def words(wave_T: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The stretches between silences of at least 0.15 s, which part words but not their sounds."""
    loud = np.flatnonzero(loudness(wave_T) > SILENCE)
    hop = len(wave_T) // max(len(loudness(wave_T)), 1)
    cuts = [0, *(n + 1 for n, (a, b) in enumerate(pairwise(loud)) if (b - a) * hop > 0.15 * RATE)]
    ends = [*cuts[1:], len(loud)]
    return [
        wave_T[loud[start] * hop : (loud[end - 1] + 1) * hop]
        for start, end in zip(cuts, ends, strict=True)
    ]


def likeness(one_T: NDArray[np.float32], other_T: NDArray[np.float32]) -> float:
    """Greatest normalised cross-correlation of two sounds over all shifts, in [0, 1]."""
    size = len(one_T) + len(other_T)
    product_F = np.fft.rfft(one_T, size) * np.conj(np.fft.rfft(other_T, size))
    norm = float(np.linalg.norm(one_T) * np.linalg.norm(other_T))
    return float(np.abs(np.fft.irfft(product_F, size)).max()) / max(norm, 1e-12)


def _confirm(question: Posed) -> bool:
    found = words(open_audio(question.show()[0]))
    voice = question.facts["voice"]
    heard = [max(range(10), key=lambda d: likeness(word, spoken(d, voice))) for word in found]
    return bool(question.answer.value == tuple(heard))


def _work(question: Posed) -> float:
    return float(question.facts["work"])


_TASK = WorldTask("spoken-digits", "single", "audio", digits, _confirm, _work)
_THERE = shutil.which(PROGRAM) is not None

SPOKEN: tuple[WorldTask, ...] = (_TASK,) if _THERE else ()
"""The tasks that this machine can speak."""

ABSENT: dict[str, str] = (
    {} if _THERE else {_TASK.name: f"needs {PROGRAM}: install it (apt install {PROGRAM})"}
)
"""Tasks that are not offered here, with what to do."""
