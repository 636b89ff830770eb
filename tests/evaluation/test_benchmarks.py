from __future__ import annotations

import pytest

from gnomon.evaluation.benchmarks import world_benchmark
from gnomon.parts import PartError, part
from gnomon.worlds.questions import multi_step_tasks, single_step_tasks
from gnomon.worlds.scene import split_of

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


def test_only_the_named_tasks_are_asked():
    named = {"microworld-reasoning": ["digit-sum", "extreme"], "microworld-perception": ["size"]}
    for name, tasks in named.items():
        assert {item.task for item in items_of(name, items=8, tasks=tasks)} == set(tasks)


def test_a_task_of_another_kind_is_refused_with_those_that_there_are():
    with pytest.raises(PartError, match=r"no task 'colour'.*known: count, digit-sum"):
        items_of("microworld-reasoning", tasks=["colour"])
    with pytest.raises(PartError, match=r"tasks=\[\]: name at least one"):
        items_of("microworld-perception", tasks=[])


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


def write_jsonl(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


GOOD = '{"problem": "2+3?", "answer": "5", "id": "sum"}'


def test_a_users_questions_are_a_benchmark(tmp_path):
    path = write_jsonl(tmp_path / "own.jsonl", GOOD, '{"problem": "1?", "answer": "1"}')
    benchmark = part("benchmark", "records", path=str(path))()
    assert (benchmark.name, len(benchmark.samples), benchmark.root) == ("own.jsonl", 2, tmp_path)
    assert (benchmark.samples[0].id, benchmark.samples[0].answer.value) == ("sum", 5.0)


def test_a_benchmark_of_records_can_be_cut_to_its_first_items(tmp_path):
    path = write_jsonl(tmp_path / "own.jsonl", GOOD, GOOD)
    assert len(part("benchmark", "records", path=path, items=1)().samples) == 1
    assert len(part("benchmark", "records", path=path, items=9)().samples) == 2


def test_a_folder_of_parquet_files_is_a_benchmark(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([{"question": "Yes?", "answer": "yes"}])
    pq.write_table(table, tmp_path / "a.parquet")
    settings = {"columns": {"problem": "question"}, "answer_kind": "yes-no"}
    samples = part("benchmark", "records", path=tmp_path, **settings)().samples
    assert samples[0].answer.value is True


@pytest.mark.parametrize("names", [(), ("a.csv",), ("a.jsonl", "a.parquet")])
def test_a_folder_without_one_kind_of_file_is_refused_with_what_to_give(tmp_path, names):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(PartError, match=r"give one \.jsonl or \.parquet file"):
        part("benchmark", "records", path=tmp_path)()


def test_a_missing_file_is_refused_when_the_benchmark_is_made(tmp_path):
    with pytest.raises(ValueError, match="there is no file"):
        part("benchmark", "records", path=tmp_path / "none.jsonl")()


def test_a_world_is_a_benchmark_of_held_out_questions():
    held_out = world_benchmark(world="jigsaw", tasks=["pair"], items=6)
    assert len(held_out.samples) == 6
    assert all(split_of(_tile(held_out.samples[i])) == "test" for i in range(6))


def _tile(sample):
    crop = sample.meta["crop"]
    return f"{crop['photograph']}/{crop['tile']}"
