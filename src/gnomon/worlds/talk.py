"""Conversations about one picture or film of a world: several of its questions, one after another.

For pretraining: drawing and encoding a picture costs more than asking about it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, Literal, TypeVar

import numpy as np

from gnomon.parts import PartError, nearest, register
from gnomon.records import Message, Sample
from gnomon.worlds.digits import Split
from gnomon.worlds.scene import REDRAWS, between, pick, split_of
from gnomon.worlds.source import SampleSource, Turns, turns_of
from gnomon.worlds.world import Posed, check_levels, module_of, worlds

Scene = TypeVar("Scene")
TRIES = 8
"""Questions that are drawn for each turn, at most."""
DESCRIBE = "describe"
"""What a descriptive turn is called among the tasks of the turns."""
MANNER = re.compile(r"\s*\bAnswer with .*?\.(?=\s|$)")
"""The sentence of a question that says how to answer."""


@dataclass(frozen=True)
class Talk(Generic[Scene]):
    """What can be asked about one scene of a world.

    ``draw`` draws a scene at a difficulty. ``asks`` are by the name of the task whose ``confirm``
    holds for their questions; each asks about a scene, or gives None where it has nothing to ask.
    All questions of a scene show the same media. ``describe`` asks for all that is shown.
    """

    draw: Callable[[np.random.Generator, int], Scene]
    asks: Mapping[str, Callable[[np.random.Generator, Scene], Posed | None]]
    describe: Callable[[Scene], Posed | None]


def undescribed(scene: object) -> None:
    """What describes a scene of which the media do not show all that could be told."""


Turn = tuple[str, Posed]
"""The name of a task, and a question of it."""


def pose_about(
    draw: Callable[[np.random.Generator, int], Scene],
    ask: Callable[[np.random.Generator, Scene], Posed | None],
) -> Callable[[np.random.Generator, int], Posed]:
    """The ``pose`` of a task: about the first scene in which there is something to ask.

    It raises ValueError when none turns up.
    """
    return partial(_pose_about, draw, ask)


def _pose_about(
    draw: Callable[[np.random.Generator, int], Scene],
    ask: Callable[[np.random.Generator, Scene], Posed | None],
    rng: np.random.Generator,
    level: int,
) -> Posed:
    for _ in range(REDRAWS):
        posed = ask(rng, draw(rng, level))
        if posed is not None:
            return posed
    raise ValueError(f"nothing to ask in {REDRAWS} draws of difficulty {level}: use another one")


def talks_of(world: str) -> tuple[Talk[Any], ...]:
    """The talks of a world, () for none; raises `PartError` for an unknown world."""
    found: tuple[Talk[Any], ...] = getattr(module_of(world), "TALKS", ())
    return found


@register("source", "world-chat")
def world_chat(
    *,
    world: str,
    tasks: list[str] | None = None,
    split: Split = "train",
    difficulty: tuple[int, int] = (1, 5),
    turns: int = 8,
    describe: float = 0.5,
    answers: Literal["direct", "worked"] = "direct",
    format: str = "think-boxed",
    size: int = 1_000_000,
    seed: int = 0,
) -> SampleSource:
    """Conversations for pretraining: one picture or film of a ``world``, several questions (ours).

    The questions are of ``tasks`` (all that can share a picture when None), with ``direct`` answers
    or ``worked`` ones, thought and answer as the named ``format`` renders them.
    How to answer is said once for each task. With chance ``describe`` one turn, at a random place,
    asks for all that is shown. Difficulty is drawn evenly from the range, both ends included. The
    media stand in the first turn. No question comes twice, nor one with the same words in another
    order, so a picture that shows little can have fewer turns. ``meta``: ``world``,
    ``difficulty``, ``tasks`` of the turns.

    Raises `PartError`, a ValueError, for an unknown world or task, a world without such
    conversations, and a bad range or number.
    """
    check_levels(difficulty)
    if turns < 1 or not 0 <= describe <= 1 or seed < 0:
        raise PartError(
            f"turns={turns}, describe={describe}, seed={seed}: use 1 turn or more, a chance from 0 "
            "to 1, and a seed of 0 or more"
        )
    talks = _talks_about(world, tasks)
    told = turns_of(answers, format)
    chat = _Chat(world, talks, split, difficulty, turns, describe, told, seed)
    return SampleSource(size, partial(_sample, chat))


def _talks_about(world: str, tasks: list[str] | None) -> tuple[Talk[Any], ...]:
    talks = talks_of(world)
    if not talks:
        others = ", ".join(name for name in worlds() if talks_of(name))
        raise PartError(f"world {world!r} has no conversations: use one of {others}")
    if tasks is None:
        return talks
    if not tasks:
        raise PartError("tasks=[]: name at least one task, or leave it out for all")
    known = list(dict.fromkeys(name for talk in talks for name in talk.asks))
    for name in tasks:
        if name not in known:
            told = f"there is no talk of {name!r} in world {world!r}"
            raise PartError(f"{told}{nearest(name, known)}")
    chosen = (replace(t, asks={n: t.asks[n] for n in tasks if n in t.asks}) for t in talks)
    return tuple(talk for talk in chosen if talk.asks)


@dataclass(frozen=True)
class _Chat:
    """How the conversations of a source go."""

    world: str
    talks: tuple[Talk[Any], ...]
    split: Split
    difficulty: tuple[int, int]
    turns: int
    describe: float
    told: Turns
    seed: int


def _sample(chat: _Chat, index: int) -> Sample:
    salt = zlib.crc32(f"{chat.world}/chat".encode())
    rng = np.random.default_rng([chat.seed, index, salt, int(chat.split == "test")])
    level = between(rng, *chat.difficulty)
    described = rng.random() < chat.describe
    asked = conversation(rng, pick(rng, chat.talks), level, chat.split, chat.turns, described)
    media = asked[0][1].show()
    marks = "<image>" * len(media)
    messages: list[Message] = []
    before: set[str] = set()
    for place, (name, posed) in enumerate(asked):
        text = posed.text.replace("<image>", "")
        text = MANNER.sub("", text) if name in before else text
        before.add(name)
        told = chat.told(text if place else f"{marks}{text}", posed)
        messages.extend(m for m in told if m.role != "system" or not place)
    return Sample(
        id=f"{chat.world}/{chat.split}/chat/{chat.seed}-{index}",
        messages=tuple(messages),
        media=media,
        task="chat",
        meta={
            "world": chat.world,
            "difficulty": level,
            "tasks": tuple(name for name, _ in asked),
        },
    )


def conversation(
    rng: np.random.Generator,
    talk: Talk[Any],
    level: int,
    split: Split,
    turns: int,
    described: bool,
) -> list[Turn]:
    """At most so many questions of the split about one scene, none with the words of another.

    The first question decides whether a scene is one of the split. Raises ValueError when none of
    the split turns up.
    """
    for _ in range(REDRAWS):
        scene = talk.draw(rng, level)
        first = _ask(rng, talk, scene, split)
        if first is not None:
            return _turns(rng, talk, scene, split, turns, described, first)
    raise ValueError(f"no {split} question of {', '.join(talk.asks)} in {REDRAWS} draws")


def _ask(rng: np.random.Generator, talk: Talk[Any], scene: Any, split: Split) -> Turn | None:
    name = pick(rng, tuple(talk.asks))
    posed = talk.asks[name](rng, scene)
    return (name, posed) if posed is not None and split_of(posed.key) == split else None


def words(text: str) -> tuple[str, ...]:
    """The words of a question in the order of the alphabet.

    Options or labels that stand in another order do not make another question.
    """
    return tuple(sorted(re.findall(r"\w+", text)))


def _turns(
    rng: np.random.Generator,
    talk: Talk[Any],
    scene: Any,
    split: Split,
    turns: int,
    described: bool,
    first: Turn,
) -> list[Turn]:
    told = talk.describe(scene) if described else None
    if told is not None and split_of(told.key) != split:
        told = None
    wanted = turns - (told is not None)
    found = {words(first[1].text): first}
    for _ in range(TRIES * turns):
        if len(found) >= wanted:
            break
        turn = _ask(rng, talk, scene, split)
        if turn is not None:
            found.setdefault(words(turn[1].text), turn)
    result = list(found.values())[:wanted]
    if told is not None:
        result.insert(between(rng, 0, len(result)), (DESCRIBE, told))
    return result
