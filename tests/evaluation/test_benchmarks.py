from __future__ import annotations

import pytest

from gnomon.parts import PartError, part
from gnomon.worlds.questions import multi_step_tasks, single_step_tasks

NAMES = ("microworld-reasoning", "microworld-perception", "microworld-text")


def items_of(name, **settings):
    benchmark = part("benchmark", name, **settings)()
    return [benchmark.samples[index] for index in range(len(benchmark.samples))]


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_has_more_than_five_hundred_items_by_default(name):
    benchmark = part("benchmark", name)()
    assert (benchmark.name, len(benchmark.samples)) == (name, 512)


@pytest.mark.parametrize("name", NAMES)
def test_items_are_held_out_answered_and_the_same_each_time(name):
    items = items_of(name, items=24)
    assert items == items_of(name, items=24)
    assert all(item.id.startswith("microworld/test/") and item.answer for item in items)
    assert len({item.id for item in items}) == 24


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_and_split_give_other_items(name):
    questions = {item.messages + item.media for item in items_of(name, items=12)}
    for change in ({"seed": 2}, {"split": "train"}):
        others = items_of(name, items=12, **change)
        assert questions != {item.messages + item.media for item in others}


def test_reasoning_asks_every_multi_step_task_about_a_picture():
    items = items_of("microworld-reasoning", items=16)
    assert {item.task for item in items} == set(multi_step_tasks())
    assert all(len(item.media) == 1 for item in items)


def test_perception_asks_every_single_step_task_about_a_picture():
    items = items_of("microworld-perception", items=16)
    assert {item.task for item in items} == set(single_step_tasks())
    assert all(len(item.media) == 1 for item in items)


def test_text_asks_multi_step_tasks_arithmetic_and_logic_without_a_picture():
    items = items_of("microworld-text", items=36)
    assert {item.task for item in items} == {*multi_step_tasks(), "arithmetic", "logic"}
    assert not any(item.media for item in items)


def test_the_text_twins_ask_the_same_questions_as_the_pictures():
    pictures = items_of("microworld-reasoning", items=36)
    texts = items_of("microworld-text", items=36)
    twins = [item for item in texts if item.task in multi_step_tasks()]
    assert len(twins) == 36 * len(multi_step_tasks()) // (len(multi_step_tasks()) + 2)
    for picture, text in zip(pictures, twins, strict=False):
        assert text.answer == picture.answer
        question = picture.messages[0].text.removeprefix("<image>")
        assert text.messages[0].text.endswith(question)


@pytest.mark.parametrize("name", NAMES)
def test_difficulty_stays_in_the_range(name):
    items = items_of(name, items=12, difficulty=(2, 3))
    assert {item.meta["difficulty"] for item in items} == {2, 3}


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_of_no_items_is_refused(name):
    with pytest.raises(PartError, match="items=0: use at least 1"):
        part("benchmark", name, items=0)()


def test_a_single_text_item_is_one_of_the_problems():
    assert items_of("microworld-text", items=1)[0].task == "arithmetic"


def test_an_index_past_the_end_is_refused():
    with pytest.raises(IndexError):
        part("benchmark", "microworld-text", items=3)().samples[3]
