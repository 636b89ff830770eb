"""The world of sound: short WAV files of tones, buzzes, hisses and whistles, and spoken digits.

Questions of number, order, rhythm, pitch, loudness, length and overlap. ``facts``: ``seconds``,
``sounds`` (each with what it is, start and end in seconds), and for a choice by letter ``option``
and ``multi_choice``, the option's text and all of them, as R1-AQA (arXiv 2503.11197) records them.
All tasks ours. Spoken digits are there where espeak-ng is (see `spoken`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from gnomon.grading.grade import reference_text
from gnomon.media.audio import open_audio
from gnomon.records import Answer, Media
from gnomon.worlds.asking import Steps, yes_no
from gnomon.worlds.choosing import listed, optional
from gnomon.worlds.listening import Heard, listen, peaks, stretches
from gnomon.worlds.scene import between, pick, shuffled
from gnomon.worlds.score import NAMES, PITCHES, QUIET, TIMBRES, Note, Score, Timbre, score_wav
from gnomon.worlds.spoken import ABSENT, SPOKEN
from gnomon.worlds.world import Posed, WorldTask

__all__ = ["ABSENT", "TASKS"]

PLACES = ("first", "second", "third", "fourth", "fifth", "sixth")
SHORT, LONG = 0.1, 0.3
SEMITONE = 2 ** (1 / 12)
STEADY: tuple[Timbre, ...] = ("beep", "buzz")

Asked = tuple[str, Answer, str]
"""A question, its answer, and a worked thought."""


def show(score: Score) -> tuple[Media, ...]:
    """The score as one sound."""
    return (Media("audio", data=score_wav(score)),)


def posed(
    score: Score,
    question: str,
    answer: Answer,
    thought: str,
    work: float,
) -> Posed:
    """A question about a score, whose key is the score; ``work`` is what a simple listener does."""
    sounds = [{"what": n.timbre, "start": n.start, "end": n.end} for n in score.notes]
    facts: dict[str, Any] = {"seconds": score.seconds, "sounds": sounds, "work": work}
    if answer.options:
        facts["option"] = answer.options[answer.value]
        facts["multi_choice"] = list(answer.options.values())
    return Posed(
        text=f"<image>{question}",
        answer=answer,
        answer_text=reference_text(answer),
        key=score.written,
        thought=thought,
        show=partial(show, score),
        facts=facts,
    )


def in_turn(rng: np.random.Generator, notes: Sequence[Note]) -> Score:
    """The notes one after another, with pauses of 0.1 to 0.25 s; their own starts are ignored."""
    time, placed = between(rng, 5, 30) / 100, []
    for note in notes:
        placed.append(replace(note, start=round(time, 2)))
        time = placed[-1].end + between(rng, 10, 25) / 100
    seconds = max(1.0, round(time + 0.05, 2))
    return Score(tuple(placed), seconds, seed=between(rng, 0, 2**31 - 1))


def _note(rng: np.random.Generator, timbre: Timbre = "beep", semitone: int | None = None) -> Note:
    step = between(rng, 0, 24) if semitone is None else semitone
    pitch = PITCHES[0] * SEMITONE**step
    return Note(timbre, 0.0, between(rng, 15, 25) / 100, pitch, QUIET)


def _numbered(names: Sequence[str]) -> str:
    return " ".join(f"{number}. {name}." for number, name in enumerate(names, 1))


def count(rng: np.random.Generator, level: int) -> Posed:
    """How many beeps are heard; from difficulty 3 other sounds come between them."""
    beeps = between(rng, *((1, 2), (2, 4), (3, 4), (3, 5), (4, 6))[level - 1])
    others = (0, 0, 2, 3, 3)[level - 1]
    sorts: list[Timbre] = ["beep"] * beeps
    sorts += [pick(rng, ("buzz", "hiss")) for _ in range(others)]
    notes = [_note(rng, sort) for sort in shuffled(rng, sorts)]
    score = in_turn(rng, notes)
    return posed(score, *ask_count(notes), beeps + others)


def ask_count(notes: Sequence[Note]) -> Asked:
    """How many of the sounds are beeps."""
    beeps = sum(note.timbre == "beep" for note in notes)
    thought = f"{_numbered([n.timbre for n in notes])} beep total {beeps}."
    return "How many steady beeps are heard?", Answer("count", beeps), thought


def _heard_count(question: Posed, heard: tuple[Heard, ...]) -> bool:
    return bool(question.answer.value == sum(one.timbre == "beep" for one in heard))


def what(rng: np.random.Generator, level: int) -> Posed:
    """What the sound at a place among 1 to 5 is, by letter."""
    sorts = shuffled(rng, TIMBRES)[:level]
    notes = [_note(rng, sort) for sort in sorts]
    score = in_turn(rng, notes)
    place = between(rng, 0, level - 1)
    return posed(score, *ask_what(rng, notes, place), level)


def ask_what(rng: np.random.Generator, notes: Sequence[Note], place: int) -> Asked:
    """What the sound at a place is, by letter."""
    right = NAMES[notes[place].timbre]
    answer = optional(rng, right, shuffled(rng, [n for n in NAMES.values() if n != right]))
    question = f"What is the {PLACES[place]} sound?{listed(answer.options)}"
    told = _numbered([note.timbre for note in notes])
    return question, answer, f"{told} {PLACES[place]}: {right}, {answer.value}."


def _heard_what(question: Posed, heard: tuple[Heard, ...]) -> bool:
    place = PLACES.index(question.text.split("What is the ")[1].split()[0])
    return bool(question.facts["option"] == NAMES[heard[place].timbre])


def order(rng: np.random.Generator, level: int) -> Posed:
    """Sounds named in a random order: number them as they come. 2 to 5 sounds."""
    number = (2, 3, 3, 4, 5)[level - 1]
    sorts = shuffled(rng, TIMBRES)[:number]
    score = in_turn(rng, [_note(rng, sort) for sort in sorts])
    told = shuffled(rng, sorts)
    lines = "".join(f"\n{place}. {NAMES[sort]}" for place, sort in enumerate(told, 1))
    question = f"In which order are these heard? Answer with their numbers, first to last.{lines}"
    answer = Answer("permutation", tuple(told.index(sort) + 1 for sort in sorts))
    thought = f"heard: {', '.join(sorts)}."
    return posed(score, question, answer, thought, number)


def _heard_order(question: Posed, heard: tuple[Heard, ...]) -> bool:
    lines = re.findall(r"\n\d\. (.*)", question.text)
    told = [lines[number - 1] for number in question.answer.value]
    return told == [NAMES[one.timbre] for one in heard]


def higher(rng: np.random.Generator, level: int) -> Posed:
    """Which of two beeps is higher; the interval shrinks from an octave to a whole tone."""
    interval = (12, 7, 4, 3, 2)[level - 1]
    low = between(rng, 0, 20)
    steps = shuffled(rng, [low, low + interval])
    notes = [_note(rng, "beep", step) for step in steps]
    return posed(in_turn(rng, notes), *ask_higher(notes), 12 / interval)


def ask_higher(beeps: Sequence[Note]) -> Asked:
    """Which of two beeps is higher."""
    one, two = (round(beep.pitch) for beep in beeps)
    thought = f"first {one} Hz, second {two} Hz. {one} {'>' if one > two else '<'} {two}."
    question = "Which of the two beeps is higher, the first or the second?"
    return question, Answer("choice", PLACES[int(two > one)]), thought


def _heard_higher(question: Posed, heard: tuple[Heard, ...]) -> bool:
    one, other = heard
    return bool(question.answer.value == PLACES[int(other.pitch > one.pitch)])


def scale(rng: np.random.Generator, level: int) -> Posed:
    """Beeps, 2 to 5 of them, numbered as they come: put them in order from lowest to highest."""
    number = (2, 3, 3, 4, 5)[level - 1]
    low, apart = between(rng, 0, 5), (6, 5, 4, 4, 3)[level - 1]
    steps = shuffled(rng, [low + apart * place for place in range(number)])
    score = in_turn(rng, [_note(rng, "beep", step) for step in steps])
    ranks = sorted(range(number), key=steps.__getitem__)
    hertz = [f"{round(note.pitch)} Hz" for note in score.notes]
    question = (
        f"There are {number} beeps, numbered as they come. Put them in order from lowest to"
        " highest."
    )
    answer = Answer("permutation", tuple(rank + 1 for rank in ranks))
    work = number * (number - 1) / 2 * 6 / apart
    return posed(score, question, answer, _numbered(hertz), work)


def _heard_scale(question: Posed, heard: tuple[Heard, ...]) -> bool:
    ranks = sorted(range(len(heard)), key=lambda place: heard[place].pitch)
    return bool(question.answer.value == tuple(rank + 1 for rank in ranks))


_COMPARED = (2, 2, 3, 4, 4)
"""Sounds of which one is the loudest or the longest, by difficulty."""


def _placed(rng: np.random.Generator, number: int, place: int) -> Answer:
    names = [f"the {PLACES[other]}" for other in range(number) if other != place]
    return optional(rng, f"the {PLACES[place]}", names)


def loudest(rng: np.random.Generator, level: int) -> Posed:
    """Which of 2 to 4 sounds is the loudest, by letter; by 12 down to 4 decibels."""
    number, gap = _COMPARED[level - 1], (12, 9, 7, 5, 4)[level - 1]
    sort, place = pick(rng, STEADY), between(rng, 0, number - 1)
    notes = [
        replace(_note(rng, sort), level=QUIET if n == place else QUIET + gap + between(rng, 0, 2))
        for n in range(number)
    ]
    asked = ask_loudest(rng, notes)
    return posed(in_turn(rng, notes), *asked, number * 12 / gap)


def ask_loudest(rng: np.random.Generator, notes: Sequence[Note]) -> Asked:
    """Which of the sounds is the loudest, by letter."""
    place = min(range(len(notes)), key=lambda place: notes[place].level)
    answer = _placed(rng, len(notes), place)
    told = _numbered([f"{-note.level:g} dB" for note in notes])
    thought = f"{told} loudest: {PLACES[place]}, {answer.value}."
    return f"Which sound is the loudest?{listed(answer.options)}", answer, thought


def _heard_loudest(question: Posed, heard: tuple[Heard, ...]) -> bool:
    place = min(range(len(heard)), key=lambda place: heard[place].level)
    return bool(question.facts["option"] == f"the {PLACES[place]}")


def longest(rng: np.random.Generator, level: int) -> Posed:
    """Which of 2 to 4 sounds lasts longest, by letter; 2.2 down to 1.4 times the next one."""
    number, ratio = _COMPARED[level - 1], (2.2, 2.0, 1.8, 1.6, 1.4)[level - 1]
    sort, place = pick(rng, STEADY), between(rng, 0, number - 1)
    notes = [_note(rng, sort) for _ in range(number)]
    others = max(note.length for n, note in enumerate(notes) if n != place)
    notes[place] = replace(notes[place], length=round(others * ratio, 2))
    asked = ask_longest(rng, notes)
    return posed(in_turn(rng, notes), *asked, number * 2 / ratio)


def ask_longest(rng: np.random.Generator, notes: Sequence[Note]) -> Asked:
    """Which of the sounds lasts longest, by letter."""
    place = max(range(len(notes)), key=lambda place: notes[place].length)
    answer = _placed(rng, len(notes), place)
    told = _numbered([f"{note.length:g} s" for note in notes])
    thought = f"{told} longest: {PLACES[place]}, {answer.value}."
    return f"Which sound lasts the longest?{listed(answer.options)}", answer, thought


def _heard_longest(question: Posed, heard: tuple[Heard, ...]) -> bool:
    place = max(range(len(heard)), key=lambda place: heard[place].length)
    return bool(question.facts["option"] == f"the {PLACES[place]}")


def rhythm(rng: np.random.Generator, level: int) -> Posed:
    """The pattern of 2 to 6 short and long beeps, by letter."""
    number = level + 1
    patterns = shuffled(rng, [" ".join(p) for p in product(("short", "long"), repeat=number)])
    right = patterns[0]
    step = between(rng, 0, 24)
    lengths = [SHORT if word == "short" else LONG for word in right.split()]
    score = in_turn(rng, [replace(_note(rng, "beep", step), length=one) for one in lengths])
    answer = optional(rng, right, patterns[1:4])
    question = f"Which rhythm do the beeps have?{listed(answer.options)}"
    thought = f"{_numbered([f'{one:g} s' for one in lengths])} {right}: {answer.value}."
    return posed(score, question, answer, thought, number)


def _heard_rhythm(question: Posed, heard: tuple[Heard, ...]) -> bool:
    middle = (SHORT + LONG) / 2
    told = " ".join("short" if one.length < middle else "long" for one in heard)
    return bool(question.facts["option"] == told)


def overlap(rng: np.random.Generator, level: int) -> Posed:
    """Whether two sounds are heard at the same time, for 0.3 s at first and 0.1 s at last."""
    shared = (0.3, 0.25, 0.2, 0.15, 0.1)[level - 1]
    meets = rng.random() < 0.5
    sorts = shuffled(rng, TIMBRES)[:2]
    first, second = (replace(_note(rng, sort), length=between(rng, 40, 60) / 100) for sort in sorts)
    first = replace(first, start=between(rng, 5, 20) / 100)
    second = replace(second, start=round(first.end + (-shared if meets else shared), 2))
    seconds = max(1.0, round(second.end + 0.2, 2))
    score = Score((first, second), seconds, seed=between(rng, 0, 2**31 - 1))
    question = f"Are {NAMES[sorts[0]]} and {NAMES[sorts[1]]} heard at the same time at some moment?"
    told = f"{sorts[0]} {first.start:g}-{first.end:g} s, {sorts[1]} {second.start:g}-"
    thought = f"{told}{second.end:g} s. overlap: {yes_no(meets)}."
    return posed(score, question, Answer("yes-no", meets), thought, 0.3 / shared)


def _heard_overlap(question: Posed) -> bool:
    (media,) = question.show()
    return bool(question.answer.value == (len(stretches(open_audio(media))) == 1))


def chord(rng: np.random.Generator, level: int) -> Posed:
    """How many tones sound at once, 1 to 5 of them at least three semitones apart."""
    number = between(rng, *((1, 2), (1, 3), (2, 3), (2, 4), (3, 5))[level - 1])
    low = between(rng, 0, 6)
    steps = [low + 3 * place for place in shuffled(rng, range(7))[:number]]
    start, length = between(rng, 5, 30) / 100, between(rng, 60, 90) / 100
    notes = [Note("beep", start, length, PITCHES[0] * SEMITONE**s, QUIET + 12) for s in steps]
    seconds = max(1.0, round(start + length + 0.2, 2))
    score = Score(tuple(notes), seconds, seed=between(rng, 0, 2**31 - 1))
    hertz = ", ".join(f"{round(note.pitch)}" for note in sorted(notes, key=lambda n: n.pitch))
    question = "How many different tones sound together?"
    thought = f"tones: {hertz} Hz. total {number}."
    return posed(score, question, Answer("count", number), thought, number)


def _heard_chord(question: Posed) -> bool:
    wave_T = open_audio(question.show()[0])
    ((start, end),) = stretches(wave_T)
    return bool(len(peaks(wave_T[start:end])) == question.answer.value)


def _by_ear(hear: Callable[[Posed, tuple[Heard, ...]], bool], question: Posed) -> bool:
    return hear(question, listen(question.show()[0]))


def _work(question: Posed) -> float:
    return float(question.facts["work"])


def _task(
    name: str,
    steps: Steps,
    pose: Callable[[np.random.Generator, int], Posed],
    hear: Callable[[Posed, tuple[Heard, ...]], bool],
) -> WorldTask:
    return WorldTask(name, steps, "audio", pose, partial(_by_ear, hear), _work)


TASKS = (
    _task("count", "single", count, _heard_count),
    _task("what", "single", what, _heard_what),
    _task("higher", "single", higher, _heard_higher),
    _task("loudest", "single", loudest, _heard_loudest),
    _task("longest", "single", longest, _heard_longest),
    WorldTask("overlap", "single", "audio", overlap, _heard_overlap, _work),
    WorldTask("chord", "single", "audio", chord, _heard_chord, _work),
    _task("rhythm", "multi", rhythm, _heard_rhythm),
    _task("order", "multi", order, _heard_order),
    _task("scale", "multi", scale, _heard_scale),
    *SPOKEN,
)
