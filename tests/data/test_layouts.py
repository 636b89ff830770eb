from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from gnomon.data.fixtures import fixture_for
from gnomon.data.fixtures.make_puzzles import PUZZLES, row, write_fixture
from gnomon.data.layouts import ALIASES, LAYOUTS, avqa_row, synlogic_row
from gnomon.data.sources import RecordSource, jsonl, parquet
from gnomon.evaluation.benchmarks import records
from gnomon.grading.grade import reference_text, strict
from gnomon.grading.puzzles.families import FAMILIES
from gnomon.media.audio import open_audio
from gnomon.parts import PartError, part
from gnomon.records import Answer, BadRecord

ROW = row(8)


def shipped() -> Path:
    found = fixture_for("synlogic", "rl", Path("train.parquet"))
    assert found is not None
    return found


def lines(folder: Path, *rows: Any) -> RecordSource:
    path = folder / "train.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return jsonl(path=path, layout="synlogic")


def changed(**data: Any) -> dict[str, Any]:
    known = json.loads(ROW["extra_info"]["game_data_str"])
    return ROW | {"extra_info": {"index": 1, "game_data_str": json.dumps(known | data)}}


def test_ten_released_rows_are_read_as_puzzles_that_their_answers_solve() -> None:
    source = parquet(path=shipped(), layout="synlogic")
    assert len(source) == len(PUZZLES) == 10
    for index in range(10):
        sample = source[index]
        assert sample.answer is not None
        assert sample.answer.kind == "puzzle"
        assert sample.task == sample.answer.value["family"]
        assert sample.id == f"synlogic/{PUZZLES[index][0]}/{index}"
        assert sample.messages[-1].role == "user"
        assert strict(reference_text(sample.answer), sample.answer).correct


def test_json_lines_are_read_alike(tmp_path: Path) -> None:
    one = lines(tmp_path, *(row(index) for index in range(10)))
    other = parquet(path=shipped(), layout="synlogic")
    assert [one[index] for index in range(10)] == [other[index] for index in range(10)]


def test_the_fixture_is_small_and_what_its_maker_writes(tmp_path: Path) -> None:
    assert pq.read_table(write_fixture(tmp_path)).equals(pq.read_table(shipped()))
    assert shipped().stat().st_size < 20_000


def test_facts_are_what_the_verifier_reads_and_the_difficulty_is_kept() -> None:
    found = synlogic_row(changed(difficulty=3))
    facts = json.loads(found["answer"])["facts"]
    assert facts.keys() == FAMILIES["survo"].shapes.keys()
    assert found["difficulty"] == 3


def test_the_ground_truth_stands_in_for_a_missing_answer() -> None:
    gold = json.loads(synlogic_row(changed(answer=None))["answer"])["gold"]
    assert gold == ROW["reward_model"]["ground_truth"]
    bare = changed(answer=None) | {"reward_model": {"ground_truth": None}}
    assert json.loads(synlogic_row(bare)["answer"])["gold"] == ""


def test_other_names_of_families_are_known() -> None:
    assert set(ALIASES.values()) <= set(FAMILIES)
    assert synlogic_row(row(5))["task"] == "game_of_24"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"data_source": "synlogic/surwo"}, "did you mean 'survo'"),
        ({"data_source": None}, "no puzzle family"),
        ({"extra_info": "{}"}, "'extra_info' holds no mapping"),
        ({"extra_info": {"game_data_str": "{"}}, "no JSON object with metadata"),
        ({"extra_info": {"game_data_str": "{}"}}, "no JSON object with metadata"),
        ({"extra_info": {"game_data_str": "[" * 90_000}}, "no JSON object with metadata"),
        ({"prompt": "hello"}, "a list of turns is needed"),
        (changed(metadata={}), "the fact 'original_matrix' is missing"),
        (changed(answer=[[1, 1, 5], [4, 4, 8], [6, 7, 13]]), "its own gold text"),
    ],
)
def test_a_bad_row_is_named_with_its_reason(
    tmp_path: Path, changes: dict[str, Any], text: str
) -> None:
    source = lines(tmp_path, ROW, ROW | changes)
    assert source[0].answer is not None
    with pytest.raises(BadRecord, match=r"train\.jsonl, line 2: ") as error:
        source[1]
    assert text in str(error.value)


def test_rows_of_another_shape_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"have a column 'extra_info'.*use layout='plain'"):
        lines(tmp_path, {key: value for key, value in ROW.items() if key != "extra_info"})
    with pytest.raises(PartError, match="layout"):
        part("source", "parquet", path=str(shipped()), layout="sinlogic")


def test_a_benchmark_reads_the_layout_too() -> None:
    benchmark = records(path=shipped(), layout="synlogic", items=3)
    assert [benchmark.samples[index].task for index in range(3)] == [
        name for name, *_ in PUZZLES[:3]
    ]


def test_every_layout_gives_columns_of_ours() -> None:
    from gnomon.data.sources import COLUMNS

    rows = {"synlogic": ROW, "avqa": avqa()}
    assert rows.keys() == LAYOUTS.keys()
    for name, layout in LAYOUTS.items():
        assert set(layout.gives) <= set(COLUMNS)
        assert set(layout.convert(rows[name])) == set(layout.gives)


# AVQA


def avqa(**changes: Any) -> dict[str, Any]:
    record = {
        "id": 1, "video_name": "v1", "audio_path": "a/v1.wav", "question_type": "Which",
        "question_text": "What is making the sound in the video?", "dataset_name": "AVQA",
        "multi_choice": ["car", "dog"], "answer": 1,
    }  # fmt: skip
    return record | changes


def test_a_question_about_a_video_is_asked_about_its_sound() -> None:
    found = avqa_row(avqa(question_text="Which video is louder?"))
    assert found["problem"] == "Which audio is louder? One of: car; dog."
    assert (found["answer"], found["kind"], found["task"]) == ("dog", "text", "Which")


def test_video_is_replaced_within_words_too() -> None:
    assert (
        "Are the audios alike?" in avqa_row(avqa(question_text="Are the videos alike?"))["problem"]
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"answer": 2}, "no number from 0 to 1"), ({"answer": True}, "no number"),
        ({"multi_choice": []}, "no list of texts"), ({"multi_choice": [1, 2]}, "no list of texts"),
        ({"question_text": None}, "no text"),
    ],
)  # fmt: skip
def test_a_record_of_avqa_that_cannot_be_used_says_why(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BadRecord, match=reason):
        avqa_row(avqa(**changes))


def test_the_shipped_records_of_avqa_are_read_with_their_sounds() -> None:
    path = fixture_for("r1-aqa", "rl", Path("train.parquet"))
    assert path is not None
    source = parquet(path=path, layout="avqa", answer_kind="text")
    for index in range(len(source)):
        sample = source[index]
        assert len(open_audio(sample.media[0])) == 6400
        assert sample.answer == Answer("text", ("car", "dog")[index % 2], {"A": "car", "B": "dog"})
