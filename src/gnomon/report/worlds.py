"""The gallery of worlds: one page that shows a question of every task at every difficulty."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from gnomon.records import Media
from gnomon.report.page import resource, template
from gnomon.worlds.world import LEVELS, Posed, WorldTask, tasks_of, worlds

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
    return render([_world(name, seed) for name in names or worlds()], seed)


def render(shown: Sequence[ShownWorld], seed: int) -> str:
    """The page of worlds that have been drawn from ``seed``."""
    return template("worlds.html").render(
        style=Markup(resource("page.css")),
        worlds=shown,
        count=sum(len(world.tasks) for world in shown),
        seed=seed,
    )


def _world(name: str, seed: int) -> ShownWorld:
    return ShownWorld(name, tuple(_task(task, seed) for task in tasks_of(name).values()))


def _task(task: WorldTask, seed: int) -> ShownTask:
    about = f"{'one step' if task.steps == 'single' else 'several steps'}, {task.shows}"
    questions = [
        _question(task.pose(np.random.default_rng([seed, level]), level), level) for level in LEVELS
    ]
    return ShownTask(task.name, about, tuple(questions))


def _question(posed: Posed, level: int) -> ShownQuestion:
    media = tuple((medium.kind, _data_uri(medium)) for medium in posed.show())
    text = posed.text.replace("<image>", "").strip()
    return ShownQuestion(level, text, posed.answer_text, posed.thought, media)


def _data_uri(medium: Media) -> str:
    data = medium.path.read_bytes() if medium.path is not None else medium.data or b""
    return f"data:{_TYPES[medium.kind]};base64,{base64.b64encode(data).decode()}"
