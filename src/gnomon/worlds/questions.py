"""The table of all questions about scenes, and drawing a scene that admits a question."""

from __future__ import annotations

import numpy as np

from gnomon.parts import PartError, nearest
from gnomon.worlds.asking import Question, Steps, Task
from gnomon.worlds.digits import Split
from gnomon.worlds.perception import PERCEPTION
from gnomon.worlds.problems import PROBLEMS
from gnomon.worlds.reasoning import REASONING
from gnomon.worlds.scene import REDRAWS, Scene, draw_scene

TASKS: dict[str, Task] = {**PERCEPTION, **REASONING}


def single_step_tasks() -> list[str]:
    """Names of the tasks that one look answers, the caption included."""
    return [task.name for task in TASKS.values() if task.steps == "single"]


def multi_step_tasks() -> list[str]:
    """Names of the tasks about scenes that take several steps (problems without a scene not
    included).
    """
    return [task.name for task in TASKS.values() if task.steps == "multi"]


def check_task(name: str) -> None:
    """Raise `PartError` (a ValueError) with the nearest name unless the task or problem exists."""
    if name not in TASKS and name not in PROBLEMS:
        raise PartError(f"there is no task named {name!r}{nearest(name, [*TASKS, *PROBLEMS])}")


def steps_of(name: str) -> Steps:
    """``single`` or ``multi``; problems are ``multi``."""
    return TASKS[name].steps if name in TASKS else "multi"


def draw_question(
    name: str,
    rng: np.random.Generator,
    difficulty: int,
    *,
    split: Split = "train",
    rows: int = 4,
    columns: int = 4,
) -> tuple[Scene, Question]:
    """A scene of the split that admits a question of the task, and the question.

    Raises KeyError for an unknown task, ValueError when the objects do not fit or when no scene of
    this canvas admits the question (a relation left of on a single column).
    """
    task = TASKS[name]
    for _ in range(REDRAWS):
        wish = task.wish(rng, difficulty)
        scene = draw_scene(rng, wish, split=split, rows=rows, columns=columns)
        question = task.ask(scene, rng, difficulty)
        if question is not None:
            return scene, question
    raise ValueError(
        f"no {rows} x {columns} scene of difficulty {difficulty} admits {name!r}; "
        "use a larger canvas"
    )
