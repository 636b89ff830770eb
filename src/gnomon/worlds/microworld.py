"""Sources of microworld samples: single questions, and conversations for pretraining."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from gnomon.parts import PartError, register
from gnomon.records import Media, Message, Sample
from gnomon.worlds.asking import Question
from gnomon.worlds.digits import Split
from gnomon.worlds.lettering import legend
from gnomon.worlds.perception import caption
from gnomon.worlds.problems import PROBLEMS, draw_problem
from gnomon.worlds.questions import (
    TASKS,
    check_task,
    draw_question,
    multi_step_tasks,
    single_step_tasks,
    steps_of,
)
from gnomon.worlds.render import boxes, render_png
from gnomon.worlds.scene import Scene, Wish, between, check_room, draw_scene, pick
from gnomon.worlds.source import Answers, SampleSource, Turns, source_of, turns_of

Modality = Literal["image", "text"]
SINGLE_OBJECT_SHARE = 0.25
IMAGE_SHARE = 0.7
SPLITS: tuple[Split, ...] = ("train", "test")


@dataclass(frozen=True)
class _World:
    """What all samples of a source share."""

    split: Split
    difficulty: tuple[int, int]
    seed: int
    rows: int
    columns: int

    def __post_init__(self) -> None:
        low, high = self.difficulty
        if not 0 <= low <= high <= 5:
            raise PartError(f"difficulty={self.difficulty}: use two numbers from 0 to 5, low first")
        if self.seed < 0:
            raise PartError(f"seed={self.seed}: use 0 or more")
        check_room(Wish(), self.rows, self.columns)

    def generator(self, purpose: str, index: int) -> np.random.Generator:
        salt = zlib.crc32(purpose.encode())
        return np.random.default_rng([self.seed, index, salt, SPLITS.index(self.split)])


@register("source")
def microworld(
    *,
    tasks: list[str],
    split: Split = "train",
    modality: Modality = "image",
    difficulty: tuple[int, int] = (1, 5),
    answers: Answers = "none",
    format: str = "think-boxed",
    size: int = 1_000_000,
    seed: int = 0,
    rows: int = 4,
    columns: int = 4,
) -> SampleSource:
    """One question per sample about a fresh scene, the tasks in turn (ours).

    The same settings give the same questions as ``image`` and as ``text``, where the scene is
    written out. Difficulty is drawn evenly from the range, both ends included; 0, for single-step
    tasks alone, is a scene of one object. ``direct`` adds the
    answer as an assistant message, ``worked`` the thought and the answer as the named ``format``
    renders them, with its instruction in front; ``demonstrated`` puts that response beside the
    question, as ``demonstration`` in ``meta``. ``none`` leaves it out, and a supervised stage
    writes it from ``meta``: ``thought``, ``answer_text`` and ``sections``, of which the
    ``description`` is the written scene. Further ``meta``: ``boxes`` (of the objects, in pixels),
    ``difficulty``, ``scene`` (written; empty for a problem), ``steps``.

    Raises `PartError`, a ValueError, for an unknown task, one that the modality cannot show, and a
    bad range; ValueError, at once where possible, for a canvas that is too small.
    """
    world = _World(split, difficulty, seed, rows, columns)
    if not tasks:
        raise PartError("tasks=[]: name at least one task")
    for task in tasks:
        _check_modality(task, modality)
        _check_level(task, difficulty)
        _probe(world, task)
    draw = partial(_question_sample, world, tuple(tasks), modality, turns_of(answers, format))
    return source_of(size, draw, answers, format)


def _probe(world: _World, task: str) -> None:
    # A canvas that is too small shall fail when the run is set up, not hours later.
    if task in TASKS:
        rng = world.generator("probe", 0)
        for _ in range(8):
            check_room(TASKS[task].wish(rng, world.difficulty[1]), world.rows, world.columns)


def _check_modality(task: str, modality: Modality) -> None:
    check_task(task)
    if modality == "text" and task in TASKS and TASKS[task].needs_image:
        raise PartError(f"task {task!r} needs pixels: use modality 'image', or leave it out")
    if modality == "image" and task in PROBLEMS:
        raise PartError(f"task {task!r} has no picture: use modality 'text', or leave it out")


def _check_level(task: str, difficulty: tuple[int, int]) -> None:
    if difficulty[0] == 0 and steps_of(task) == "multi":
        raise PartError(
            f"difficulty={difficulty}: a scene of difficulty 0 holds one object, and task {task!r} "
            "takes several steps; use 1 or more"
        )


def _question_sample(
    world: _World, tasks: tuple[str, ...], modality: Modality, answer: Turns, index: int
) -> Sample:
    task = tasks[index % len(tasks)]
    rng = world.generator(task, index)
    level = between(rng, *world.difficulty)
    scene, question = _pose(world, task, rng, level)
    prompt, media = _show(scene, question.text, modality)
    return Sample(
        id=f"microworld/{world.split}/{modality}/{task}/{world.seed}-{index}",
        messages=answer(prompt, question),
        media=media,
        answer=question.answer,
        task=task,
        meta={
            "difficulty": level,
            "scene": scene.written if scene else "",
            "boxes": boxes(scene) if scene else (),
            "thought": question.thought,
            "answer_text": question.answer_text,
            "sections": question.sections,
            "steps": steps_of(task),
        },
    )


def _pose(
    world: _World, task: str, rng: np.random.Generator, level: int
) -> tuple[Scene | None, Question]:
    if task in PROBLEMS:
        return None, draw_problem(task, rng, level, world.split)
    return draw_question(
        task, rng, level, split=world.split, rows=world.rows, columns=world.columns
    )


def _show(scene: Scene | None, text: str, modality: Modality) -> tuple[str, tuple[Media, ...]]:
    if scene is None:
        return text, ()
    if modality == "text":
        return f"Scene: {scene.written}.\n{text}", ()
    return f"<image>{text}", (Media("image", data=render_png(scene)),)


@register("source")
def microworld_chat(
    *,
    split: Split = "train",
    modality: Literal["image", "text", "mixed"] = "image",
    difficulty: tuple[int, int] = (1, 5),
    tasks: list[str] | None = None,
    turns: int = 5,
    share_multi: float = 0.1,
    describe: float = 0.7,
    answers: Literal["direct", "worked"] = "direct",
    format: str = "think-boxed",
    size: int = 1_000_000,
    seed: int = 0,
    rows: int = 4,
    columns: int = 4,
    words: int = 0,
) -> SampleSource:
    """Conversations for pretraining: one scene, several questions (ours).

    Answers are ``direct`` or ``worked``, thought and answer as the named ``format`` renders
    them; a thought leaves out the description of the scene that it has in `microworld`. With
    chance ``describe`` one turn, at a random place, asks to describe the scene; of the other
    turns a share ``share_multi`` takes several steps, the rest are ``tasks`` (all single-step
    ones when None; a task that is named twice comes twice as often). The picture (or the
    written scene) stands in the first turn. A quarter of the scenes hold one object, the others
    up to 6 shapes, 4 digits and a word, fewer on a small canvas; ``words`` more stand in every
    scene. ``difficulty`` sets the questions, not the scene. ``mixed`` shows 70 % as images. No
    question comes twice, so a scene of few objects can have fewer turns. ``meta``: ``scene``,
    ``modality``, ``tasks`` of the turns; with a picture also ``inscriptions`` and ``names``, as
    the source ``inscriptions`` tells them.

    Raises `PartError`, a ValueError, for a bad range, share or number; ValueError for a canvas that
    is too small.
    """
    world = _World(split, difficulty, seed, rows, columns)
    if words < 0:
        raise PartError(f"words={words}: use 0 or more")
    if turns < 1 or not (0 <= share_multi <= 1 and 0 <= describe <= 1):
        raise PartError(
            f"turns={turns}, share_multi={share_multi}, describe={describe}: use 1 turn or more, "
            "and shares from 0 to 1"
        )
    if difficulty[0] < 1:
        raise PartError(f"difficulty={difficulty}: use two numbers from 1 to 5, low first")
    check_room(Wish(words=words + 1), rows, columns)
    single = tuple(tasks or (name for name in single_step_tasks() if name != "caption"))
    for name in single:
        check_task(name)
        if name in PROBLEMS:
            raise PartError(f"task {name!r} has no scene to talk about: leave it out")
    told = turns_of(answers, format)
    manner = _Manner(modality, single, turns, share_multi, describe, words, told)
    return SampleSource(size, partial(_chat_sample, world, manner))


@dataclass(frozen=True)
class _Manner:
    """How the conversations of a source go."""

    modality: Literal["image", "text", "mixed"]
    single: tuple[str, ...]
    turns: int
    share_multi: float
    describe: float
    words: int
    told: Turns


def _chat_sample(world: _World, manner: _Manner, index: int) -> Sample:
    rng = world.generator("chat", index)
    image = manner.modality == "image" or (
        manner.modality == "mixed" and rng.random() < IMAGE_SHARE
    )
    shown: Modality = "image" if image else "text"
    wish = _chat_wish(rng, world.rows * world.columns - 2 * manner.words)
    wish = replace(wish, words=wish.words + manner.words)
    scene = draw_scene(rng, wish, split=world.split, rows=world.rows, columns=world.columns)
    asked = _conversation(world, manner, scene, shown, rng)
    with legend() as found:
        prompt, media = _show(scene, asked[0].text, shown)
    messages: list[Message] = []
    for place, question in enumerate(asked):
        brief = replace(question, thought=question.reasoning or question.thought)
        told = manner.told(question.text if place else prompt, brief)
        messages.extend(m for m in told if m.role != "system" or not place)
    return Sample(
        id=f"microworld/{world.split}/{shown}/chat/{world.seed}-{index}",
        messages=tuple(messages),
        media=media,
        task="chat",
        meta={
            "scene": scene.written,
            "modality": shown,
            "tasks": tuple(question.task for question in asked),
            **(found.told() if image else {}),
        },
    )


def _chat_wish(rng: np.random.Generator, cells: int) -> Wish:
    if rng.random() < SINGLE_OBJECT_SHARE:
        return pick(rng, (Wish(shapes=1), Wish(shapes=1), Wish(digits=1), Wish(words=1)))
    shapes = between(rng, 0, min(6, cells // 2))
    digits = between(rng, 0, min(4, (cells - shapes) // 2))
    words = between(rng, 0, int(cells - shapes - digits >= 2))
    kinds, colours = between(rng, 2, 4), between(rng, 2, 6)
    if shapes + digits + words == 0:
        return Wish(shapes=1)
    return Wish(shapes, digits, words, kinds, colours)


def _conversation(
    world: _World, manner: _Manner, scene: Scene, shown: Modality, rng: np.random.Generator
) -> list[Question]:
    single = [n for n in manner.single if not (shown == "text" and TASKS[n].needs_image)]
    multi = multi_step_tasks()
    asked: dict[str, Question] = {}
    described = rng.random() < manner.describe
    for _ in range(8 * manner.turns):
        if len(asked) >= manner.turns - described:
            break
        name = pick(rng, multi if rng.random() < manner.share_multi else single)
        question = TASKS[name].ask(scene, rng, between(rng, *world.difficulty))
        if question is not None:
            asked.setdefault(question.text, question)
    result = list(asked.values())
    if described or not result:
        result.insert(between(rng, 0, len(result)), caption(scene, rng, 1))
    return result
