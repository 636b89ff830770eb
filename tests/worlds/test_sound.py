"""What the tasks of sound keep beyond what every task keeps."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from gnomon.media.audio import open_audio
from gnomon.records import Answer
from gnomon.worlds.sound import TASKS
from gnomon.worlds.world import LEVELS, Posed, world_task

NAMES = [task.name for task in TASKS if task.name != "spoken-digits"]
LETTERED = ("what", "loudest", "longest", "rhythm")


def drawn(name: str, count: int, level: int = 3) -> list[Posed]:
    task = world_task("sound", name)
    return [task.pose(np.random.default_rng([5, i]), level) for i in range(count)]


@pytest.mark.parametrize("name", NAMES)
def test_sounds_last_one_to_four_seconds(name):
    for level in LEVELS:
        for question in drawn(name, 20, level):
            assert 1.0 <= question.facts["seconds"] <= 4.0
            assert all(0 <= s["start"] < s["end"] <= 4.0 for s in question.facts["sounds"])


def test_a_sound_is_as_long_as_the_facts_say():
    (question,) = drawn("order", 1)
    wave = open_audio(question.show()[0])
    assert len(wave) == round(question.facts["seconds"] * 16000)


@pytest.mark.parametrize("name", LETTERED)
def test_a_choice_tells_its_option_as_the_records_of_r1_aqa_do(name):
    for question in drawn(name, 10, 5):
        answer = question.answer
        assert question.facts["option"] == answer.options[answer.value]
        assert question.facts["multi_choice"] == list(answer.options.values())
        assert len(answer.options) == len(set(answer.options.values())) == 4


@pytest.mark.parametrize("name", NAMES)
def test_answers_vary(name):
    assert len({str(question.answer.value) for question in drawn(name, 40)}) > 1


WRONG = [
    ("count", Answer("count", 9)),
    ("chord", Answer("count", 9)),
    ("higher", Answer("choice", "neither")),
    ("order", Answer("permutation", ())),
    ("scale", Answer("permutation", ())),
]


@pytest.mark.parametrize("name, value", WRONG)
def test_a_wrong_answer_is_not_confirmed(name, value):
    (question,) = drawn(name, 1)
    if value.kind == "permutation":
        value = Answer("permutation", tuple(reversed(question.answer.value)))
    assert not world_task("sound", name).confirm(dataclasses.replace(question, answer=value))


@pytest.mark.parametrize("name", LETTERED)
def test_another_option_is_not_confirmed(name):
    for question in drawn(name, 3):
        options = question.facts["multi_choice"]
        other = next(text for text in options if text != question.facts["option"])
        wrong = dataclasses.replace(question, facts={**question.facts, "option": other})
        assert not world_task("sound", name).confirm(wrong)


def test_the_other_answer_to_overlap_is_not_confirmed():
    for question in drawn("overlap", 4):
        answer = Answer("yes-no", not question.answer.value)
        wrong = dataclasses.replace(question, answer=answer)
        assert not world_task("sound", "overlap").confirm(wrong)
