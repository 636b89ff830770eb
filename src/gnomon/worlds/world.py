"""Worlds: tasks with exact answers, drawn from a seed, and the one source that serves them all.

A task says how a question of a difficulty is posed, how its answer is confirmed without the
generator, and how much work it takes a simple solver. Everything else, from splits to turns, is the
same for all.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib import import_module
from types import ModuleType
from typing import Any, Literal

import numpy as np

from gnomon.grading.grade import reference_text
from gnomon.parts import PartError, nearest, register
from gnomon.records import Answer, Media, Sample
from gnomon.worlds.asking import Steps
from gnomon.worlds.choosing import among_numbers, in_words
from gnomon.worlds.digits import Split
from gnomon.worlds.scene import REDRAWS, between, split_of
from gnomon.worlds.source import Answers, SampleSource, Turns, source_of, turns_of

Shows = Literal["text", "image", "images", "video", "audio"]
Options = Literal["letters", "texts", "numbers"]
LEVELS = range(1, 6)
"""Difficulties, from easy to hard."""


def no_media() -> tuple[Media, ...]:
    """What a question of text alone shows."""
    return ()


@dataclass(frozen=True)
class Posed:
    """One question of a world, with its exact answer.

    ``text`` holds ``<image>`` once for each medium of ``show``, which draws them when they are
    wanted. ``key`` names what makes the problem the same however it is worded or drawn; it decides
    the split. ``answer_text`` is the plain string of the answer, ``thought`` a worked chain.
    ``facts`` are the values that the answer follows from, which confirm it and which rewards and
    tools may read; they become ``meta`` of the sample. ``sections`` among them are worked texts of
    what a format asks for beside thought and answer, such as boxes of evidence.
    """

    text: str
    answer: Answer
    answer_text: str
    key: str
    thought: str = ""
    show: Callable[[], tuple[Media, ...]] = no_media
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sections(self) -> Mapping[str, str]:
        """Text of further blocks of a format by name, from the facts."""
        found: Mapping[str, str] = self.facts.get("sections", {})
        return found


@dataclass(frozen=True)
class WorldTask:
    """A kind of question of a world.

    ``pose`` draws a question at a difficulty of `LEVELS`, from nothing but the generator.
    ``confirm`` says, from ``text``, ``facts`` and the media alone and by other means than the
    generator's, whether the answer is right. ``effort`` is the work of a simple solver (positions
    it looks at, steps it takes); its mean grows with difficulty.
    """

    name: str
    steps: Steps
    shows: Shows
    pose: Callable[[np.random.Generator, int], Posed]
    confirm: Callable[[Posed], bool]
    effort: Callable[[Posed], float]


_WORLDS: dict[str, str] = {
    "charts": "gnomon.worlds.charts",
    "cube": "gnomon.worlds.cube",
    "documents": "gnomon.worlds.documents",
    "edits": "gnomon.worlds.edits",
    "encyclopedia": "gnomon.worlds.encyclopedia",
    "exams": "gnomon.worlds.exams",
    "geometry": "gnomon.worlds.geometry",
    "jigsaw": "gnomon.worlds.jigsaw",
    "logic": "gnomon.worlds.logic",
    "logic-image": "gnomon.worlds.logic.pictured",
    "metro": "gnomon.worlds.metro",
    "motion": "gnomon.worlds.motion",
    "pages": "gnomon.worlds.pages",
    "plans": "gnomon.worlds.plans",
    "screens": "gnomon.worlds.screens",
    "sound": "gnomon.worlds.sound",
    "transformation": "gnomon.worlds.transformation",
}
"""World to the module whose ``TASKS`` it has."""


def worlds() -> tuple[str, ...]:
    """Names of all worlds."""
    return tuple(_WORLDS)


def module_of(world: str) -> ModuleType:
    """The module of a world; raises `PartError` for an unknown one."""
    if world not in _WORLDS:
        raise PartError(f"there is no world named {world!r}{nearest(world, list(_WORLDS))}")
    return import_module(_WORLDS[world])


@cache
def tasks_of(world: str) -> Mapping[str, WorldTask]:
    """The tasks of a world by name; raises `PartError` for an unknown one."""
    found: tuple[WorldTask, ...] = module_of(world).TASKS
    return {task.name: task for task in found}


def absent_tasks(world: str) -> Mapping[str, str]:
    """Tasks that this machine cannot offer, each with what it needs."""
    found: Mapping[str, str] = getattr(module_of(world), "ABSENT", {})
    return found


def world_task(world: str, name: str) -> WorldTask:
    """A task by name; raises `PartError` with the nearest name for an unknown one.

    One of the `absent_tasks` is refused with its remedy.
    """
    tasks, absent = tasks_of(world), absent_tasks(world)
    if name in absent:
        raise PartError(f"task {name!r} of world {world!r} {absent[name]}")
    if name not in tasks:
        raise PartError(f"world {world!r} has no task named {name!r}{nearest(name, list(tasks))}")
    return tasks[name]


def check_levels(difficulty: tuple[int, int]) -> None:
    """Raise `PartError` for what is no range of `LEVELS`."""
    low, high = difficulty
    if not LEVELS[0] <= low <= high <= LEVELS[-1]:
        raise PartError(f"difficulty={difficulty}: use two numbers from 1 to 5, low first")


def draw_posed(task: WorldTask, rng: np.random.Generator, level: int, split: Split) -> Posed:
    """A question of the split. The key decides it, so no rewording crosses splits.

    Raises `PartError` for a level that is none of `LEVELS`, ValueError when none of the split turns
    up.
    """
    if level not in LEVELS:
        raise PartError(f"difficulty {level}: use {LEVELS[0]} to {LEVELS[-1]}")
    for _ in range(REDRAWS):
        posed = task.pose(rng, level)
        if split_of(posed.key) == split:
            return posed
    raise ValueError(f"no {split} question of {task.name!r} in {REDRAWS} draws")


@register("source", "world")
def world_source(
    *,
    world: str,
    tasks: list[str] | None = None,
    split: Split = "train",
    difficulty: tuple[int, int] = (1, 5),
    answers: Answers = "none",
    format: str = "think-boxed",
    options: Options = "letters",
    size: int = 1_000_000,
    seed: int = 0,
) -> SampleSource:
    """Questions of a ``world``, its ``tasks`` in turn (all when None) (ours).

    Difficulty is drawn evenly from the range, both ends included. ``options`` asks for the letter
    of a listed option (letters), or for its text, as R1-AQA does (arXiv 2503.11197, texts), or
    lists four numbers also where a whole number is asked for (numbers). ``direct`` adds the
    answer as an assistant message, ``worked`` the thought and the answer as the named ``format``
    renders them; ``demonstrated`` puts that response beside the question, as ``demonstration`` in
    ``meta``. ``none`` leaves it out, and a supervised stage writes it from ``meta``: ``thought``,
    ``answer_text``. Further ``meta``: ``difficulty``, ``steps``, ``world`` and the facts of the
    question.

    Raises `PartError`, a ValueError, for an unknown world or task and a bad range.
    """
    chosen = tuple(world_task(world, name) for name in named_tasks(world, tasks))
    return serve(
        world, chosen, split, difficulty, answers, format, options=options, size=size, seed=seed
    )


def named_tasks(world: str, tasks: list[str] | None) -> tuple[str, ...]:
    """Names of the wanted tasks of a world, all when None.

    Raises `PartError` for an empty list, an unknown task and one of the `absent_tasks`.
    """
    if tasks is not None and not tasks:
        raise PartError("tasks=[]: name at least one task, or leave it out for all")
    wanted = tasks or tasks_of(world) or absent_tasks(world)
    return tuple(world_task(world, name).name for name in wanted)


def serve(
    world: str,
    tasks: tuple[WorldTask, ...],
    split: Split,
    difficulty: tuple[int, int],
    answers: Answers,
    format: str,
    *,
    options: Options = "letters",
    size: int,
    seed: int,
) -> SampleSource:
    """Questions of some tasks in turn, as the source ``world`` gives them.

    Raises `PartError` for a bad range of difficulties and a negative seed.
    """
    check_levels(difficulty)
    if seed < 0:
        raise PartError(f"seed={seed}: use 0 or more")
    asked = _Asked(world, split, difficulty, options, seed)
    draw = partial(_sample, asked, tasks, turns_of(answers, format))
    return source_of(size, draw, answers, format)


@dataclass(frozen=True)
class _Asked:
    """How the questions of a source are drawn."""

    world: str
    split: Split
    difficulty: tuple[int, int]
    options: Options
    seed: int


def _sample(asked: _Asked, tasks: tuple[WorldTask, ...], turns: Turns, index: int) -> Sample:
    task = tasks[index % len(tasks)]
    salt = zlib.crc32(f"{asked.world}/{task.name}".encode())
    rng = np.random.default_rng([asked.seed, index, salt, int(asked.split == "test")])
    level = between(rng, *asked.difficulty)
    posed = _with_options(rng, draw_posed(task, rng, level, asked.split), asked.options)
    return Sample(
        id=f"{asked.world}/{asked.split}/{task.name}/{asked.seed}-{index}",
        messages=turns(posed.text, posed),
        media=posed.show(),
        answer=posed.answer,
        task=task.name,
        meta={
            **posed.facts,
            "world": asked.world,
            "difficulty": level,
            "thought": posed.thought,
            "answer_text": posed.answer_text,
            "steps": task.steps,
        },
    )


def _with_options(rng: np.random.Generator, posed: Posed, options: Options) -> Posed:
    """The question as one for a letter, for a text, or for one of four numbers."""
    told = posed.text, posed.answer, posed.thought
    if options == "texts":
        told = in_words(*told)
    if options == "numbers":
        told = among_numbers(rng, *told)
    text, answer, thought = told
    if answer is posed.answer:
        return posed
    return replace(
        posed, text=text, answer=answer, answer_text=reference_text(answer), thought=thought
    )
