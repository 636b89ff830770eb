"""The gallery of worlds: one page that shows a question of every task at every difficulty."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from markupsafe import Markup

from gnomon.records import Media
from gnomon.report.page import resource, template
from gnomon.worlds.asking import Steps
from gnomon.worlds.microworld import microworld
from gnomon.worlds.problems import PROBLEMS
from gnomon.worlds.questions import TASKS, steps_of
from gnomon.worlds.world import LEVELS, Posed, Shows, WorldTask, tasks_of, worlds

SCENES = "microworld"
"""The world of scenes, which is a source of its own."""
_TYPES = {"image": "image/png", "video": "video/mp4", "audio": "audio/wav"}


@dataclass(frozen=True)
class ShownQuestion:
    """A question as the page shows it; ``media`` are pairs of kind and data URI."""

    level: int
    text: str
    answer: str
    thought: str
    media: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ShownTask:
    """A task with one question of each difficulty."""

    name: str
    about: str
    questions: tuple[ShownQuestion, ...]


@dataclass(frozen=True)
class ShownWorld:
    """A world with its tasks."""

    name: str
    tasks: tuple[ShownTask, ...]


def worlds_page(names: Sequence[str] = (), *, seed: int = 0) -> str:
    """A self-contained HTML page of the worlds ``names`` (all when empty), drawn from ``seed``.

    All text is escaped, and the page runs no script. Raises `PartError` for an unknown world.
    """
    return render([_world(name, seed) for name in names or (SCENES, *worlds())], seed)


def render(shown: Sequence[ShownWorld], seed: int) -> str:
    """The page of worlds that have been drawn from ``seed``."""
    return template("worlds.html").render(
        style=Markup(resource("page.css")),
        worlds=shown,
        count=sum(len(world.tasks) for world in shown),
        seed=seed,
    )


def _world(name: str, seed: int) -> ShownWorld:
    if name == SCENES:
        return ShownWorld(name, tuple(_scenes(task, seed) for task in (*TASKS, *PROBLEMS)))
    return ShownWorld(name, tuple(_task(task, seed) for task in tasks_of(name).values()))


def _scenes(task: str, seed: int) -> ShownTask:
    shows: Literal["image", "text"] = "text" if task in PROBLEMS else "image"
    questions = []
    for level in LEVELS:
        here = (level, level)
        sample = microworld(tasks=[task], modality=shows, difficulty=here, size=1, seed=seed)[0]
        answer, thought = sample.meta["answer_text"], sample.meta["thought"]
        text = sample.messages[-1].text
        questions.append(_shown(level, text, answer, thought, sample.media))
    return ShownTask(task, _about(steps_of(task), shows), tuple(questions))


def _task(task: WorldTask, seed: int) -> ShownTask:
    questions = [
        _question(task.pose(np.random.default_rng([seed, level]), level), level) for level in LEVELS
    ]
    return ShownTask(task.name, _about(task.steps, task.shows), tuple(questions))


def _about(steps: Steps, shows: Shows) -> str:
    return f"{'one step' if steps == 'single' else 'several steps'}, {shows}"


def _question(posed: Posed, level: int) -> ShownQuestion:
    return _shown(level, posed.text, posed.answer_text, posed.thought, posed.show())


def _shown(
    level: int, text: str, answer: str, thought: str, media: Iterable[Media]
) -> ShownQuestion:
    shown = tuple((medium.kind, _data_uri(medium)) for medium in media)
    return ShownQuestion(level, text.replace("<image>", "").strip(), answer, thought, shown)


def _data_uri(medium: Media) -> str:
    data = medium.path.read_bytes() if medium.path is not None else medium.data or b""
    return f"data:{_TYPES[medium.kind]};base64,{base64.b64encode(data).decode()}"
