"""Conversations about one sound: what is heard in it, and what one listen answers.

For pretraining: a few sounds in turn, and several questions about them with direct answers. Those
that name every sound's sort, pitch, length or loudness tell most about what is heard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from gnomon.grading.grade import reference_text
from gnomon.parts import PartError, register
from gnomon.records import Answer, Media, Message, Sample
from gnomon.worlds.choosing import in_words
from gnomon.worlds.digits import Split
from gnomon.worlds.scene import REDRAWS, between, pick, shuffled, split_of
from gnomon.worlds.score import PITCHES, QUIET, TIMBRES, Note, Score, score_wav
from gnomon.worlds.sound import (
    PLACES,
    SEMITONE,
    ask_count,
    ask_higher,
    ask_longest,
    ask_loudest,
    ask_what,
    in_turn,
)
from gnomon.worlds.source import SampleSource

MOST = len(PLACES)
COMPARED = (2, 4)
"""How many sounds may be compared by letter."""
LOUDER, LONGER = 4.0, 1.4
"""Decibels by which the loudest, and how many times as long as the others the longest has to be."""
Talk = tuple[str, str]
"""A question and its answer."""
Ask = Callable[[np.random.Generator, Sequence[Note]], Talk | None]


@register("source")
def sound_chat(
    *,
    split: Split = "train",
    sounds: tuple[int, int] = (1, 6),
    turns: int = 4,
    size: int = 1_000_000,
    seed: int = 0,
) -> SampleSource:
    """Conversations for pretraining: some sounds in turn, questions with direct answers (ours).

    The number of ``sounds`` is drawn evenly from the range, both ends included, at most 6. Of the
    ``turns`` about half name the sort, pitch, length or loudness of every sound in order; the
    others are questions of the world of sound that fit. Lengths are whole tenths of a second,
    pitches whole tones apart, and loudness has steps of 3 decibels. No question comes twice, so
    there can be fewer turns. ``meta``: ``score``, written.

    Raises `PartError`, a ValueError, for a bad range, seed or number of turns.
    """
    low, high = sounds
    if not 1 <= low <= high <= MOST or turns < 1 or seed < 0:
        raise PartError(
            f"sounds={sounds}, turns={turns}, seed={seed}: use two numbers from 1 to {MOST}, low "
            "first, 1 turn or more, and a seed of 0 or more"
        )
    return SampleSource(size, partial(_chat, _Manner(split, sounds, turns, seed)))


@dataclass(frozen=True)
class _Manner:
    """How the conversations of a source go."""

    split: Split
    sounds: tuple[int, int]
    turns: int
    seed: int


def _chat(manner: _Manner, index: int) -> Sample:
    rng = np.random.default_rng([manner.seed, index, int(manner.split == "test")])
    score = _score(rng, manner)
    talks = _talks(rng, score.notes, manner.turns)
    messages: list[Message] = []
    for place, (question, answer) in enumerate(talks):
        messages.append(Message("user", question if place else f"<image>{question}"))
        messages.append(Message("assistant", answer))
    return Sample(
        id=f"sound/{manner.split}/chat/{manner.seed}-{index}",
        messages=tuple(messages),
        media=(Media("audio", data=score_wav(score)),),
        task="chat",
        meta={"score": score.written},
    )


def _score(rng: np.random.Generator, manner: _Manner) -> Score:
    for _ in range(REDRAWS):
        sorts = shuffled(rng, TIMBRES)[: between(rng, 1, len(TIMBRES))]
        number = between(rng, *manner.sounds)
        score = in_turn(rng, [_note(rng, pick(rng, sorts)) for _ in range(number)])
        if split_of(score.written) == manner.split:
            return score
    raise ValueError(f"no {manner.split} sound in {REDRAWS} draws")


def _note(rng: np.random.Generator, timbre: str) -> Note:
    # Coarse steps, because what cannot be heard exactly would only teach to guess.
    length = between(rng, 1, 3) if rng.random() < 0.8 else between(rng, 4, 5)
    pitch = PITCHES[0] * SEMITONE ** (2 * between(rng, 0, 16))
    level = QUIET + 3 * between(rng, 0, 5)
    return Note(timbre, 0.0, length / 10, pitch, level)  # type: ignore[arg-type]


def _talks(rng: np.random.Generator, notes: Sequence[Note], turns: int) -> list[Talk]:
    found: dict[str, str] = {}
    for _ in range(4 * turns):
        if len(found) == turns:
            break
        talk = pick(rng, TELL if rng.random() < 0.5 else ASK)(rng, notes)
        if talk is not None:
            found.setdefault(*talk)
    return list(found.items())


def _tell(
    question: str, told: Callable[[Note], str], rng: np.random.Generator, notes: Sequence[Note]
) -> Talk:
    return question, ", ".join(map(told, notes))


def pitch_of(note: Note) -> str:
    """The pitch as it is told; a hiss has none."""
    return "none" if note.timbre == "hiss" else f"{round(note.pitch)} Hz"


TELL: tuple[Ask, ...] = (
    *[partial(_tell, "Name the sounds in order.", lambda note: note.timbre)] * 2,
    partial(_tell, "Give the pitch of each sound in order.", pitch_of),
    partial(_tell, "Give the length of each sound in order.", lambda note: f"{note.length:g} s"),
    partial(_tell, "Give the loudness of each sound in order.", lambda n: f"{-n.level:g} dB"),
)


def _told(rng: np.random.Generator, question: str, answer: Answer, _: str) -> Talk:
    """By letter or, as often, by the option's text."""
    if rng.random() < 0.5:
        question, answer, _ = in_words(question, answer)
    return question, reference_text(answer)


def _count(rng: np.random.Generator, notes: Sequence[Note]) -> Talk:
    return _told(rng, *ask_count(notes))


def _what(rng: np.random.Generator, notes: Sequence[Note]) -> Talk:
    return _told(rng, *ask_what(rng, notes, between(rng, 0, len(notes) - 1)))


def _higher(rng: np.random.Generator, notes: Sequence[Note]) -> Talk | None:
    beeps = [note for note in notes if note.timbre == "beep"]
    if len(beeps) != 2 or beeps[0].pitch == beeps[1].pitch:
        return None
    return _told(rng, *ask_higher(beeps))


def _loudest(rng: np.random.Generator, notes: Sequence[Note]) -> Talk | None:
    levels = sorted(note.level for note in notes)
    if not COMPARED[0] <= len(notes) <= COMPARED[1] or levels[1] - levels[0] < LOUDER:
        return None
    return _told(rng, *ask_loudest(rng, notes))


def _longest(rng: np.random.Generator, notes: Sequence[Note]) -> Talk | None:
    lengths = sorted((note.length for note in notes), reverse=True)
    if not COMPARED[0] <= len(notes) <= COMPARED[1] or lengths[0] < LONGER * lengths[1]:
        return None
    return _told(rng, *ask_longest(rng, notes))


ASK: tuple[Ask, ...] = (_count, _what, _higher, _loudest, _longest)
