"""Training and held-out samples share no problem: over 10^5 of them, without their pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest

from gnomon.worlds.digits import Split
from gnomon.worlds.problems import PROBLEMS
from gnomon.worlds.questions import TASKS, draw_question
from gnomon.worlds.scene import Digit, Word, split_of
from gnomon.worlds.world import LEVELS, Posed, WorldTask, tasks_of, worlds

DRAWS = {
    "charts": 200, "cube": 40, "documents": 120, "edits": 30, "encyclopedia": 40, "exams": 1500,
    "geometry": 1500, "jigsaw": 300, "logic": 40, "logic-image": 20, "metro": 20, "motion": 100,
    "pages": 1, "plans": 15, "screens": 150, "sound": 400, "transformation": 40,
}  # fmt: skip
"""Questions of each task at each difficulty: many of what is drawn fast."""
SCENES, SUMS = 40, 600
"""Scenes of the microworld for each of its tasks, difficulties and splits; problems without one."""
HERE = [world for world in worlds() if tasks_of(world)]


def drawn(task: WorldTask, count: int) -> Iterator[Posed]:
    for level in LEVELS:
        rng = np.random.default_rng([7, level])
        for _ in range(count):
            yield task.pose(rng, level)


def told(task: WorldTask, question: Posed) -> str | int:
    """The problem itself, whatever its key says: its words, its facts and its answer.

    What is filmed or heard is not all in the facts, so that there the key alone counts.
    """
    if task.shows in ("video", "audio"):
        return question.key
    return hash((question.text, question.answer_text, repr(question.facts)))


@pytest.mark.parametrize("world", HERE)
def test_training_and_held_out_questions_share_no_problem(world: str) -> None:
    for task in tasks_of(world).values():
        split_by_key: dict[str, Split] = {}
        split_by_problem: dict[str | int, Split] = {}
        for question in drawn(task, DRAWS[world]):
            split = split_of(question.key)
            assert split_by_key.setdefault(question.key, split) == split
            assert split_by_problem.setdefault(told(task, question), split) == split, question.text
        if world != "pages":
            assert set(split_by_key.values()) == {"train", "test"}


@pytest.mark.parametrize("task", tasks_of("edits").values(), ids=lambda task: task.name)
def test_every_scene_of_a_question_is_of_its_split(task: WorldTask) -> None:
    for question in drawn(task, DRAWS["edits"]):
        split = split_of(question.key)
        scenes = question.facts.get("scenes", [])
        assert all(split_of(scene) == split for scene in scenes), question.text
        words = [word for scene in scenes for word in re.findall(r"word (\w+)", scene)]
        assert all(split_of(word) == split for word in words), question.text


@pytest.mark.parametrize("task", TASKS)
def test_training_and_held_out_scenes_share_nothing(task: str) -> None:
    scenes, scans, words = (dict[Split, set[object]](train=set(), test=set()) for _ in range(3))
    for split in scenes:
        rng = np.random.default_rng([7, split == "test"])
        for level in LEVELS:
            for _ in range(SCENES):
                scene, _ = draw_question(task, rng, level, split=split)
                scenes[split].add(scene.written)
                things = [placed.thing for placed in scene.objects]
                scans[split] |= {thing.scan for thing in things if isinstance(thing, Digit)}
                words[split] |= {thing.text for thing in things if isinstance(thing, Word)}
    for found in (scenes, scans, words):
        assert not found["train"] & found["test"]
    assert scenes["train"] and scenes["test"]


@pytest.mark.parametrize("name", PROBLEMS)
def test_training_and_held_out_problems_differ_however_they_are_worded(name: str) -> None:
    splits: dict[str, Split] = {}
    for level in LEVELS:
        rng = np.random.default_rng([7, level])
        for _ in range(SUMS):
            key, question = PROBLEMS[name](rng, level)
            text = question.text if name == "logic" else key
            assert splits.setdefault(text, split_of(key)) == split_of(key)
    assert set(splits.values()) == {"train", "test"}


def test_the_samples_are_a_hundred_thousand() -> None:
    counts = [DRAWS[world] * len(LEVELS) * len(tasks_of(world)) for world in HERE]
    scenes = 2 * SCENES * len(LEVELS) * len(TASKS) + SUMS * len(LEVELS) * len(PROBLEMS)
    assert sum(counts) + scenes >= 100_000
