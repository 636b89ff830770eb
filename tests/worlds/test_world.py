"""What every task of every world keeps, and the source that serves them."""

import zlib
from itertools import pairwise

import numpy as np
import pytest

from gnomon.grading.grade import reference_text, strict, validate_reference
from gnomon.media.image import open_image
from gnomon.parts import PartError
from gnomon.worlds.scene import split_of
from gnomon.worlds.world import (
    LEVELS,
    WorldTask,
    draw_posed,
    tasks_of,
    world_source,
    world_task,
    worlds,
)

TASKS = [
    pytest.param(world, task, id=f"{world}/{task.name}")
    for world in worlds()
    for task in tasks_of(world).values()
]
every_task = pytest.mark.parametrize("world, task", TASKS)
HERE = [world for world in worlds() if tasks_of(world)]
FEWER = {"pages": 3}
"""By how much fewer questions are asked of what a browser has to draw."""


def posed(world: str, task: WorldTask, level: int, count: int):
    count = max(1, count // FEWER.get(world, 1))
    return [task.pose(np.random.default_rng([0, level, i]), level) for i in range(count)]


@every_task
def test_the_answer_is_confirmed_without_the_generator(world, task):
    for level in LEVELS:
        assert all(task.confirm(question) for question in posed(world, task, level, 8))


@every_task
def test_the_reference_is_one_that_its_own_text_satisfies(world, task):
    for level in LEVELS:
        for question in posed(world, task, level, 4):
            assert validate_reference(question.answer) is None
            assert strict(reference_text(question.answer), question.answer).correct
            assert strict(question.answer_text, question.answer).correct


@every_task
def test_the_same_seed_gives_the_same_question_and_the_same_media(world, task):
    for level in LEVELS:
        (one,), (other,) = posed(world, task, level, 1), posed(world, task, level, 1)
        assert (one.text, one.answer_text, one.key) == (other.text, other.answer_text, other.key)
        assert [m.key for m in one.show()] == [m.key for m in other.show()]


CHECKSUMS = {
    "charts": 2085397935,
    "cube": 3317951581,
    "documents": 1764687855,
    "edits": 2886446968,
    "encyclopedia": 1955994290,
    "exams": 2189355990,
    "geometry": 2900343128,
    "jigsaw": 2044336484,
    "logic": 2167887841,
    "logic-image": 3360476636,
    "metro": 3835459612,
    "motion": 173118054,
    "plans": 1614238299,
    "screens": 3647342450,
    "sound": 419657533,
    "transformation": 4167960820,
}
"""Of a question of each task at each difficulty; pages and spoken digits hang on other programs."""


@pytest.mark.parametrize("world", CHECKSUMS)
def test_a_seed_gives_the_same_questions_on_every_machine(world):
    names = [name for name in tasks_of(world) if name != "spoken-digits"]
    questions = [
        world_task(world, name).pose(np.random.default_rng([11, level]), level)
        for name in names
        for level in LEVELS
    ]
    told = [f"{one.text} {one.answer_text} {one.key} {one.thought}" for one in questions]
    assert zlib.crc32("\n".join(told).encode()) == CHECKSUMS[world]


@every_task
def test_difficulty_grows_the_work_of_a_simple_solver(world, task):
    means = [np.mean([task.effort(q) for q in posed(world, task, level, 60)]) for level in LEVELS]
    assert all(a <= b for a, b in pairwise(means)), means
    assert means[0] < means[-1]


@every_task
def test_questions_show_what_they_say_they_show(world, task):
    for level in LEVELS:
        (question,) = posed(world, task, level, 1)
        media = question.show()
        assert question.text.count("<image>") == len(media)
        kinds = {"text": set(), "image": {"image"}, "images": {"image"}}.get(
            task.shows, {task.shows}
        )
        assert {m.kind for m in media} == kinds
        for medium in media:
            if medium.kind == "image":
                image = open_image(medium)
                assert image.width % 28 == image.height % 28 == 0


@every_task
def test_the_key_decides_the_split(world, task):
    rng = np.random.default_rng(1)
    for split in ("train", "test"):
        assert split_of(draw_posed(task, rng, 3, split).key) == split


@pytest.mark.parametrize("world", HERE)
def test_a_source_serves_every_task_in_turn(world):
    source = world_source(world=world, answers="worked")
    names = [source[i].task for i in range(len(tasks_of(world)))]
    assert names == list(tasks_of(world))
    assert source[0].messages[-1].role == "assistant"


def test_a_misspelled_world_names_the_nearest():
    with pytest.raises(PartError, match="there is no world"):
        world_source(world="no-such-world")


@pytest.mark.parametrize("world", HERE)
def test_a_misspelled_task_names_the_nearest(world):
    name = next(iter(tasks_of(world)))
    with pytest.raises(PartError, match=f"did you mean '{name}'"):
        world_task(world, f"{name}x")


def test_a_world_of_which_nothing_is_here_is_refused_with_its_remedy(monkeypatch):
    monkeypatch.setattr("gnomon.worlds.world.tasks_of", lambda world: {})
    monkeypatch.setattr("gnomon.worlds.sound.ABSENT", {"count": "needs ears: grow them"})
    with pytest.raises(PartError, match="needs ears: grow them"):
        world_source(world="sound")


@pytest.mark.parametrize("difficulty", [(0, 3), (3, 2), (1, 6)])
def test_a_bad_range_of_difficulty_is_refused(difficulty):
    for world in worlds():
        with pytest.raises(PartError, match="difficulty"):
            world_source(world=world, difficulty=difficulty)
