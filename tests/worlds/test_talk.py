"""Conversations about one picture: what they ask is right, about that picture, and asked once."""

from __future__ import annotations

import numpy as np
import pytest

from gnomon.parts import PartError, part
from gnomon.records import Sample
from gnomon.worlds.scene import split_of
from gnomon.worlds.talk import DESCRIBE, Talk, conversation, talks_of, words
from gnomon.worlds.world import LEVELS, tasks_of, worlds

TALKS = [
    pytest.param(world, talk, id=f"{world}-{number}")
    for world in worlds()
    for number, talk in enumerate(talks_of(world))
]
TALKING = sorted({world for world in worlds() if talks_of(world)})
every_talk = pytest.mark.parametrize("world, talk", TALKS)
every_world = pytest.mark.parametrize("world", TALKING)


def samples(world: str, count: int = 12, **settings: object) -> list[Sample]:
    source = part("source", "world-chat", world=world, **settings)()
    return [source[index] for index in range(count)]


def asked(talk: Talk, level: int, seed: int, split: str = "train", described: bool = False):
    rng = np.random.default_rng([seed, level])
    return conversation(rng, talk, level, split, 6, described)


@every_talk
def test_the_task_of_each_question_confirms_its_answer(world, talk):
    tasks = tasks_of(world)
    for level in LEVELS:
        for seed in range(3):
            assert all(tasks[name].confirm(posed) for name, posed in asked(talk, level, seed))


@every_talk
def test_all_questions_are_about_one_picture_and_none_comes_twice(world, talk):
    for level in LEVELS:
        turns = [posed for _, posed in asked(talk, level, 0, described=True)]
        assert len({tuple(medium.key for medium in posed.show()) for posed in turns}) == 1
        assert 1 <= len({words(posed.text) for posed in turns}) == len(turns) <= 6


@every_talk
def test_every_task_of_a_talk_is_asked(world, talk):
    names = {name for seed in range(40) for name, _ in asked(talk, 3, seed)}
    assert names == set(talk.asks)


@every_talk
@pytest.mark.parametrize("split", ["train", "test"])
def test_nothing_of_the_other_split_is_asked(world, talk, split):
    for seed in range(20):
        turns = asked(talk, 3, seed, split, described=True)
        assert {split_of(posed.key) for _, posed in turns} == {split}


@every_world
def test_the_same_index_gives_the_same_sample(world):
    assert samples(world, 5) == samples(world, 5)
    assert samples(world, 5) != samples(world, 5, seed=1)


@every_world
def test_the_media_stand_in_the_first_turn_alone(world):
    for sample in samples(world):
        first, *others = (message.text for message in sample.messages)
        assert first.startswith("<image>" * len(sample.media))
        assert first.count("<image>") == len(sample.media) > 0
        assert not any("<image>" in text for text in others)
        roles = [message.role for message in sample.messages]
        assert roles == ["user", "assistant"] * len(sample.meta["tasks"])


@pytest.mark.parametrize("world", ["charts", "screens", "motion", "metro", "geometry"])
def test_a_turn_describes_as_often_as_asked_for(world):
    for describe, least, most in ((0.0, 0, 0), (1.0, 30, 40)):
        talked = samples(world, 40, describe=describe)
        assert least <= sum(DESCRIBE in sample.meta["tasks"] for sample in talked) <= most


@every_world
def test_only_the_tasks_that_are_named_are_asked(world):
    name = next(iter(talks_of(world)[0].asks))
    talked = samples(world, 5, tasks=[name], describe=0.0)
    assert {task for sample in talked for task in sample.meta["tasks"]} == {name}


def test_the_same_words_in_another_order_are_the_same_question():
    one, other = "What is the sum of Tea and Jam?", "What is the sum of Jam and Tea?"
    assert words(one) == words(other) != words("What is the sum of Jam and Oats?")


def test_turns_are_at_most_what_is_asked_for():
    for turns in (1, 3):
        numbers = {len(s.messages) // 2 for s in samples("charts", 30, turns=turns)}
        assert numbers == {turns}


def test_a_chart_is_described_with_each_label_and_value():
    for talk in talks_of("charts"):
        for level in LEVELS:
            chart = talk.draw(np.random.default_rng(level), level)
            told = talk.describe(chart).answer_text
            for label, row in zip(chart.labels, chart.rows, strict=True):
                line = told.split(label)[1].replace(".", ",")
                numbers = [int(word.strip(",:")) for word in line.split() if word[0].isdigit()]
                assert tuple(numbers[: len(row)]) == row


def test_a_screen_is_described_with_each_element_where_it_is():
    (talk,) = talks_of("screens")
    for level in LEVELS:
        screen = talk.draw(np.random.default_rng(level), level)
        told = talk.describe(screen).answer_text
        assert told.count("[") == len(screen.elements)
        assert all(f"{e.named} {list(e.centre)}" in told for e in screen.elements)


def test_a_map_is_described_with_each_stop_of_each_line():
    (talk,) = talks_of("metro")
    for level in LEVELS:
        metro = talk.draw(np.random.default_rng(level), level)
        rows = [row.split(": ") for row in talk.describe(metro).answer_text.rstrip(".").split(". ")]
        told = {name: tuple(stops.split(", ")) for name, stops in rows}
        assert list(told) == sorted(metro.lines)
        assert all(metro.lines[name] in (stops, stops[::-1]) for name, stops in told.items())


@pytest.mark.parametrize(
    "settings, reason",
    [
        ({"world": "chart"}, "did you mean 'charts'"),
        ({"world": "cube"}, "'cube' has no conversations: use one of charts"),
        ({"tasks": []}, "name at least one task"),
        ({"tasks": ["valu"]}, "did you mean 'value'"),
        ({"difficulty": (0, 3)}, "difficulty"),
        ({"difficulty": (3, 2)}, "difficulty"),
        ({"turns": 0}, "use 1 turn or more"),
        ({"describe": 1.5}, "a chance from 0 to 1"),
        ({"seed": -1}, "a seed of 0 or more"),
    ],
)
def test_impossible_settings_are_refused(settings, reason):
    with pytest.raises(PartError, match=reason):
        part("source", "world-chat", **{"world": "charts", **settings})()


@every_world
def test_how_to_answer_is_said_once_for_each_task(world):
    for sample in samples(world):
        questions = [m.text for m in sample.messages if m.role == "user"]
        for task in set(sample.meta["tasks"]):
            mine = [q for q, t in zip(questions, sample.meta["tasks"], strict=True) if t == task]
            assert not any("Answer with" in question for question in mine[1:])
            assert all(question.strip() for question in mine)


@every_world
def test_worked_answers_hold_a_thought_and_the_direct_answer_after_one_instruction(world):
    style = part("format", "think-boxed")()
    direct = samples(world, turns=4, seed=2, describe=0.3)
    worked = samples(world, turns=4, seed=2, describe=0.3, answers="worked")
    for plain, told in zip(direct, worked, strict=True):
        assert told.messages[0].text == style.instruction
        assert [m.role for m in told.messages[1:]] == [m.role for m in plain.messages]
        for short, long in zip(plain.messages[1::2], told.messages[2::2], strict=True):
            assert style.parse(long.text).answer == short.text
