from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from gnomon.data import rows, sources
from gnomon.data.sources import RecordSource, infer_kind, make_answer
from gnomon.data.stream import BadSource, Stream
from gnomon.media.image import open_image
from gnomon.parts import PartError, part
from gnomon.records import AnswerKind, BadRecord

GEOMETRY = {
    "problem": "<image>Find x.",
    "images": ["img/1.png"],
    "answer": "5",
    "source": "geometry3k",
    "difficulty": 2,
    "topic": "triangles",
}
CHAT = {
    "messages": [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "<image>What is it?"},
        {"role": "assistant", "content": "A cat."},
    ],
    "images": ["img/1.png"],
}


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), "red").save(buffer, format="PNG")
    return buffer.getvalue()


def write_lines(path: Path, records: Sequence[Any]) -> Path:
    lines = [item if isinstance(item, str) else json.dumps(item) for item in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def lines(folder: Path, *records: Any, **settings: Any) -> RecordSource:
    return sources.jsonl(path=write_lines(folder / "train.jsonl", records), **settings)


def table(folder: Path, records: list[dict[str, Any]], size: int = 2, **settings: Any) -> Any:
    path = folder / "train.parquet"
    pq.write_table(pa.Table.from_pylist(records), path, row_group_size=size)
    return sources.parquet(path=path, **settings)


def reason(source: RecordSource, index: int = 0) -> str:
    with pytest.raises(BadRecord) as caught:
        source[index]
    return str(caught.value)


# -- questions --------------------------------------------------------------------------------


def test_a_question_has_its_text_image_answer_and_meta(tmp_path: Path) -> None:
    sample = lines(tmp_path, GEOMETRY)[0]
    assert sample.messages[0].role == "user" and sample.messages[0].text == "<image>Find x."
    assert sample.media[0].path == tmp_path.resolve() / "img/1.png"
    assert sample.answer is not None
    assert (sample.answer.kind, sample.answer.value) == ("number", 5.0)
    assert sample.meta == {
        "answer": GEOMETRY["answer"],
        "source": "geometry3k",
        "topic": "triangles",
        "difficulty": 2.0,
    }


def test_a_sample_without_id_is_named_after_file_and_line(tmp_path: Path) -> None:
    source = lines(tmp_path, GEOMETRY, GEOMETRY | {"id": 17, "task": "geometry"})
    assert [source[0].id, source[1].id] == ["train.jsonl/line-1", "17"]
    assert [source[0].task, source[1].task] == ["", "geometry"]


def test_a_question_may_have_no_image(tmp_path: Path) -> None:
    assert lines(tmp_path, {"problem": "1 + 1 = ?", "answer": 2})[0].media == ()


def test_a_single_image_needs_no_list(tmp_path: Path) -> None:
    assert len(lines(tmp_path, GEOMETRY | {"images": "img/1.png"})[0].media) == 1


def test_images_lie_under_the_given_root(tmp_path: Path) -> None:
    (tmp_path / "pictures" / "img").mkdir(parents=True)
    (tmp_path / "pictures" / "img" / "1.png").write_bytes(png())
    source = lines(tmp_path, GEOMETRY, root=tmp_path / "pictures")
    assert open_image(source[0].media[0]).size == (8, 6)


def test_columns_are_found_under_their_names(tmp_path: Path) -> None:
    record = {"question": "<image>?", "pics": ["a.png"], "gt": "B", "answer": "not this"}
    columns = {"problem": "question", "images": "pics", "answer": "gt"}
    sample = lines(tmp_path, record, columns=columns)[0]
    assert sample.answer is not None and sample.answer.value == "B"
    assert sample.meta == {"gt": "B", "answer": "not this"}


def test_lists_and_mappings_of_a_record_reach_the_reward_terms(tmp_path: Path) -> None:
    boxes = {"bboxs": [[1, 2, 3, 4]], "lines": {"North": ["Ada"]}, "options": ["red", "blue"]}
    meta = lines(tmp_path, GEOMETRY | boxes)[0].meta
    assert {name: meta[name] for name in boxes} == boxes


def test_options_of_a_choice_get_letters(tmp_path: Path) -> None:
    record = {"problem": "?", "answer": "B", "options": ["red", "blue"]}
    answer = lines(tmp_path, record)[0].answer
    assert answer is not None and dict(answer.options) == {"A": "red", "B": "blue"}


def test_options_may_carry_their_labels(tmp_path: Path) -> None:
    record = {"problem": "?", "answer": "B", "options": {"A": "red", "B": "blue", "C": None}}
    answer = lines(tmp_path, record)[0].answer
    assert answer is not None and dict(answer.options) == {"A": "red", "B": "blue"}


def test_a_record_may_name_the_kind_of_its_answer(tmp_path: Path) -> None:
    records = [
        {"problem": "?", "answer": "B", "kind": "text"},
        {"problem": "?", "answer": True, "kind": "yes-no"},
        {"problem": "?", "answer": "no", "kind": "yes-no"},
        {"problem": "?", "answer": [1, 2, 30, 40], "kind": "box"},
        {"problem": "?", "answer": "(c)", "kind": "choice"},
        {"problem": "?", "answer": "1,000", "kind": "integer"},
    ]
    answers = [sample.answer for sample in lines(tmp_path, *records)]
    values = [answer.value for answer in answers if answer is not None]
    assert values == ["B", True, False, (1.0, 2.0, 30.0, 40.0), "c", 1000]


def test_every_kind_of_answer_can_be_read() -> None:
    assert set(sources.KINDS) == set(get_args(AnswerKind))


@pytest.mark.parametrize("letter", "ABCDEFGH")
def test_a_single_letter_is_a_choice_where_a_number_is_expected(letter: str) -> None:
    assert infer_kind(letter, "number") == infer_kind(f" {letter} ", "integer") == "choice"


@pytest.mark.parametrize("answer", ["I", "a", "AB", ""])
def test_other_letters_are_no_choices(answer: str) -> None:
    assert infer_kind(answer, "number") == "text"


def test_a_letter_stays_what_the_setting_says() -> None:
    assert infer_kind("B", "text") == "text"


def test_an_expression_is_text_where_a_number_is_expected() -> None:
    assert make_answer(r"2\sqrt{13}", infer_kind(r"2\sqrt{13}", "number")).kind == "text"


def test_an_answer_that_is_not_of_its_kind_is_refused() -> None:
    with pytest.raises(BadRecord, match="'five' is no integer"):
        make_answer("five", "integer")


def test_an_unknown_kind_gives_the_nearest() -> None:
    with pytest.raises(BadRecord, match="did you mean 'integer'"):
        make_answer("5", "intager")


def test_an_answer_that_cannot_be_graded_against_is_refused() -> None:
    with pytest.raises(BadRecord, match="cannot be used"):
        make_answer("C", "choice", {"A": "red", "B": "blue"})


# -- worked examples --------------------------------------------------------------------------


def test_a_chat_keeps_its_turns_and_needs_no_answer(tmp_path: Path) -> None:
    sample = lines(tmp_path, CHAT)[0]
    assert [message.role for message in sample.messages] == ["system", "user", "assistant"]
    assert sample.answer is None and len(sample.media) == 1


def test_a_chat_may_have_an_answer(tmp_path: Path) -> None:
    answer = lines(tmp_path, CHAT | {"answer": "cat"}, answer_kind="text")[0].answer
    assert answer is not None and answer.value == "cat"


def test_blocks_of_a_turn_become_text_with_placeholders(tmp_path: Path) -> None:
    content = [{"type": "image"}, {"type": "text", "text": "What is it?"}]
    sample = lines(tmp_path, CHAT | {"messages": [{"role": "user", "content": content}]})[0]
    assert sample.messages[0].text == "<image>What is it?"


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([], "a list of turns is needed"),
        ("hello", "a list of turns is needed"),
        (["hello"], "needs a role"),
        ([{"role": "human", "content": "hi"}], "needs a role of system, user, assistant"),
        ([{"role": ["user"], "content": "hi"}], "needs a role"),
        ([{"role": "user"}], "a text or blocks are needed"),
        ([{"role": "user", "content": [{"type": "smell"}]}], "a block of a turn"),
    ],
)
def test_a_malformed_chat_is_a_bad_record(tmp_path: Path, messages: Any, text: str) -> None:
    assert text in reason(lines(tmp_path, CHAT | {"messages": messages, "images": []}))


# -- videos -----------------------------------------------------------------------------------


ACTION = {"problem": "<video>What happens?", "videos": ["clip.mp4"], "answer": "5"}


def test_a_video_is_read_from_its_column(tmp_path: Path) -> None:
    sample = lines(tmp_path, ACTION)[0]
    assert sample.messages[0].text == "<image>What happens?"
    assert [medium.kind for medium in sample.media] == ["video"]
    assert sample.media[0].path == tmp_path.resolve() / "clip.mp4"


def test_a_video_that_no_text_places_comes_first(tmp_path: Path) -> None:
    record = {"problem": "What happens?", "video": "v1.mp4", "answer": "5"}
    sample = lines(tmp_path, record, columns={"videos": "video"})[0]
    assert sample.messages[0].text == "<image>What happens?"
    assert "video" not in sample.meta


def test_images_and_videos_of_a_record_stand_where_its_text_says(tmp_path: Path) -> None:
    text = "<video> before <image>, then <video>"
    record = ACTION | {"problem": text, "videos": ["a.mp4", "b.mp4"], "images": ["c.png"]}
    sample = lines(tmp_path, record)[0]
    assert sample.messages[0].text == "<image> before <image>, then <image>"
    names = [medium.path.name for medium in sample.media if medium.path is not None]
    assert names == ["a.mp4", "c.png", "b.mp4"]


def test_video_blocks_of_a_turn_are_its_videos(tmp_path: Path) -> None:
    content = [{"type": "text", "text": "What?"}, {"type": "video"}]
    chat = {"messages": [{"role": "user", "content": content}], "videos": ["a.mp4"]}
    assert lines(tmp_path, chat)[0].messages[0].text == "What?<image>"
    assert "here it can be one of text, image" in reason(lines(tmp_path, chat | {"videos": None}))


def test_a_text_about_the_tag_needs_no_video(tmp_path: Path) -> None:
    sample = lines(tmp_path, {"problem": "What does <video> do in HTML?", "answer": "5"})[0]
    assert sample.messages[0].text == "What does <video> do in HTML?"
    assert sample.media == ()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"videos": ["a.mp4", "b.mp4"]}, "2 media but 1 <video> placeholders"),
        ({"images": ["a.png"]}, "1 media but 0 <image> placeholders"),
        ({"problem": "<image><video>?"}, "0 media but 1 <image> placeholders"),
        ({"videos": [5]}, "a video is 5; a path or bytes are needed"),
        ({"videos": ["../a.mp4"]}, "outside the data folder"),
    ],
)
def test_videos_that_do_not_fit_their_text_are_a_bad_record(
    tmp_path: Path, change: dict[str, Any], text: str
) -> None:
    assert text in reason(lines(tmp_path, ACTION | change))


def test_video_bytes_as_data_sets_store_them_are_read(tmp_path: Path) -> None:
    sample = table(tmp_path, [ACTION | {"videos": [{"bytes": b"mp4", "path": "a.mp4"}]}])[0]
    assert (sample.media[0].kind, sample.media[0].data) == ("video", b"mp4")


# -- bad records ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"answer": ""}, "the answer is empty"),
        ({"answer": "  "}, "the answer is empty"),
        ({"answer": None}, "the answer is empty"),
        ({"answer": {"value": 5}}, "a text, a number or a list"),
        ({"kind": ["number"]}, "no kind of answer"),
        ({"images": []}, "0 media but 1 <image> placeholders"),
        ({"images": ["a.png", "b.png"]}, "2 media but 1 <image>"),
        ({"images": None}, "0 media but 1 <image>"),
        ({"images": [5]}, "a path or bytes are needed"),
        ({"images": [""]}, "a path or bytes are needed"),
        ({"images": [None]}, "a path or bytes are needed"),
        ({"images": [{"path": None}]}, "a path or bytes are needed"),
        ({"images": ["../secret.png"]}, "outside the data folder"),
        ({"images": ["/etc/hosts"]}, "outside the data folder"),
        ({"images": ["https://example.org/a.png"]}, "download it"),
        ({"problem": 5}, "a text is needed"),
        ({"problem": ""}, "a text is needed"),
        ({"problem": "<image>\ud83d"}, "no valid Unicode"),
        ({"difficulty": "hard"}, "a finite number is needed"),
        ({"difficulty": float("nan")}, "a finite number is needed"),
        ({"difficulty": 10**400}, "a finite number is needed"),
        ({"difficulty": True}, "a finite number is needed"),
        ({"options": "A, B"}, "a list or a mapping"),
        ({"options": ["x"] * 27}, "a list or a mapping"),
    ],
)
def test_a_bad_record_is_named_with_file_line_and_reason(
    tmp_path: Path, change: dict[str, Any], text: str
) -> None:
    message = reason(lines(tmp_path, GEOMETRY, GEOMETRY | change), 1)
    assert message.startswith("train.jsonl, line 2: ") and text in message


@pytest.mark.parametrize("line", ['{"problem": ', "[1, 2]", "5", "\x00", "[" * 100_000])
def test_a_line_that_is_no_json_object_is_a_bad_record(tmp_path: Path, line: str) -> None:
    source = lines(tmp_path, GEOMETRY, line, GEOMETRY)
    assert "one JSON object per line" in reason(source, 1)
    assert source[2].messages


def test_bytes_that_are_no_text_are_a_bad_record(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(json.dumps(GEOMETRY).encode() + b'\n{"problem": "\xff\xfe"}\n')
    assert "line 2" in reason(sources.jsonl(path=path), 1)


def test_a_line_over_the_limit_is_a_bad_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = lines(tmp_path, GEOMETRY, GEOMETRY | {"topic": "x" * 1000})
    monkeypatch.setattr(rows, "MAX_LINE_BYTES", 500)
    assert "longer than 500 bytes" in reason(source, 1)


def test_a_file_that_shrinks_while_it_is_read_gives_bad_records(tmp_path: Path) -> None:
    source = lines(tmp_path, GEOMETRY, GEOMETRY)
    os.truncate(tmp_path / "train.jsonl", 100)
    assert "line 2" in reason(source, 1)


def test_a_link_out_of_the_folder_is_a_bad_record(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "img").symlink_to("/etc")
    source = lines(tmp_path / "data", GEOMETRY | {"images": ["img/hosts"]})
    assert "outside the data folder" in reason(source)


def test_bad_records_cost_a_stream_only_themselves(tmp_path: Path) -> None:
    source = lines(tmp_path, *[GEOMETRY] * 9, GEOMETRY | {"answer": ""})
    skipped: list[str] = []
    stream = Stream(source, seed=0, on_skip=lambda _, reason: skipped.append(reason))
    assert len(stream.take(18)) == 18
    assert all("line 10: the answer is empty" in item for item in skipped)


# -- files ------------------------------------------------------------------------------------


def test_blank_lines_are_passed_over_and_line_numbers_stay_true(tmp_path: Path) -> None:
    source = lines(tmp_path, "", GEOMETRY, "   ", GEOMETRY | {"answer": ""})
    assert len(source) == 2
    assert reason(source, 1).startswith("train.jsonl, line 4")


def test_all_files_of_a_folder_are_read_in_order(tmp_path: Path) -> None:
    write_lines(tmp_path / "b.jsonl", [GEOMETRY | {"id": "3"}])
    write_lines(tmp_path / "a.jsonl", [GEOMETRY | {"id": "1"}, GEOMETRY | {"id": "2"}])
    source = sources.jsonl(path=tmp_path)
    assert [sample.id for sample in source] == ["1", "2", "3"]
    assert source[2].media[0].path == tmp_path.resolve() / "img/1.png"


def test_an_index_outside_the_source_is_refused(tmp_path: Path) -> None:
    for index in (-1, 1):
        with pytest.raises(IndexError):
            lines(tmp_path, GEOMETRY)[index]


def test_a_missing_file_gives_the_nearest_name(tmp_path: Path) -> None:
    write_lines(tmp_path / "train.jsonl", [GEOMETRY])
    with pytest.raises(ValueError, match=r"did you mean 'train\.jsonl'"):
        sources.jsonl(path=tmp_path / "trian.jsonl")


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no file"):
        sources.jsonl(path=tmp_path / "nowhere" / "train.jsonl")


def test_a_folder_without_such_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no \.jsonl files"):
        sources.jsonl(path=tmp_path)


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_a_file_without_records_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "train.jsonl").write_text(text)
    with pytest.raises(ValueError, match="no records"):
        sources.jsonl(path=tmp_path / "train.jsonl")


def test_a_missing_column_gives_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no column 'problem'.*did you mean 'problems'"):
        lines(tmp_path, {"problems": "?", "answer": "5"})


def test_a_mapped_column_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no column 'level' for 'difficulty'"):
        lines(tmp_path, GEOMETRY, columns={"difficulty": "level"})


def test_a_mapping_of_an_unknown_name_gives_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'answer'"):
        lines(tmp_path, GEOMETRY, columns={"answers": "answer"})


def test_a_file_of_rubbish_has_no_columns(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no column 'problem'"):
        lines(tmp_path, "rubbish", "more rubbish")


def test_the_columns_are_those_of_the_first_whole_record(tmp_path: Path) -> None:
    assert lines(tmp_path, "rubbish", GEOMETRY)[1].messages


# -- parquet ----------------------------------------------------------------------------------


def test_a_parquet_file_gives_the_same_samples_as_json_lines(tmp_path: Path) -> None:
    records = [GEOMETRY | {"id": str(number)} for number in range(5)]
    source = table(tmp_path, records)
    assert [source[i] for i in (4, 0, 2, 1, 3)] == [
        lines(tmp_path, *records)[i] for i in (4, 0, 2, 1, 3)
    ]


def test_image_bytes_as_data_sets_store_them_are_decoded(tmp_path: Path) -> None:
    images = [{"bytes": png(), "path": "1.png"}]
    sample = table(tmp_path, [GEOMETRY | {"images": images}])[0]
    assert open_image(sample.media[0]).size == (8, 6)


def test_plain_image_bytes_and_paths_are_read(tmp_path: Path) -> None:
    assert table(tmp_path, [GEOMETRY | {"images": [png()]}])[0].media[0].data == png()
    images = [{"bytes": None, "path": "img/1.png"}]
    assert table(tmp_path, [GEOMETRY | {"images": images}])[0].media[0].path is not None


def test_chats_are_read_from_parquet(tmp_path: Path) -> None:
    assert [m.role for m in table(tmp_path, [CHAT])[0].messages] == ["system", "user", "assistant"]


def test_a_bad_row_is_named_with_its_number_in_its_file(tmp_path: Path) -> None:
    source = table(tmp_path, [GEOMETRY, GEOMETRY, GEOMETRY | {"answer": ""}])
    assert reason(source, 2).startswith("train.parquet, row 3: the answer is empty")


def test_an_answer_of_bytes_is_a_bad_record(tmp_path: Path) -> None:
    assert "a text, a number or a list" in reason(table(tmp_path, [GEOMETRY | {"answer": b"5"}]))


def test_several_parquet_files_are_one_source(tmp_path: Path) -> None:
    for name in ("b", "a"):
        rows_ = [GEOMETRY | {"id": f"{name}{number}"} for number in range(3)]
        pq.write_table(pa.Table.from_pylist(rows_), tmp_path / f"{name}.parquet", row_group_size=2)
    source = sources.parquet(path=tmp_path)
    assert [sample.id for sample in source] == ["a0", "a1", "a2", "b0", "b1", "b2"]
    assert source.rows.place(5) == "b.parquet, row 3"


def test_parquet_files_of_different_columns_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([GEOMETRY]), tmp_path / "a.parquet")
    pq.write_table(pa.Table.from_pylist([CHAT]), tmp_path / "b.parquet")
    with pytest.raises(ValueError, match="other columns"):
        sources.parquet(path=tmp_path)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(ValueError, match="not a whole parquet file"):
        sources.parquet(path=tmp_path / "train.parquet")


def test_a_damaged_row_group_costs_its_rows_only(tmp_path: Path) -> None:
    records = [GEOMETRY | {"topic": os.urandom(2000).hex()} for _ in range(4)]
    source = table(tmp_path, records)
    path = tmp_path / "train.parquet"
    content = bytearray(path.read_bytes())
    content[4:200] = b"\xff" * 196
    path.write_bytes(content)
    assert "row group 0 is damaged" in reason(source, 0)
    assert source[2].messages


def test_a_lost_parquet_file_stops_a_stream_with_the_reason(tmp_path: Path) -> None:
    source = table(tmp_path, [GEOMETRY] * 4)
    (tmp_path / "train.parquet").unlink()
    with pytest.raises(BadSource, match="all 4 records"):
        Stream(source, seed=0).take(1)


def test_only_a_few_row_groups_are_kept_in_memory(tmp_path: Path) -> None:
    source = table(tmp_path, [GEOMETRY] * 2500, size=250)
    for index in range(0, 2500, 250):
        source[index]
    assert list(source.rows._cache) == list(range(2, 10))


def test_more_of_small_row_groups_are_kept(tmp_path: Path) -> None:
    assert table(tmp_path, [GEOMETRY] * 1200, size=2).blocks.kept == 500


def test_large_row_groups_are_dropped_sooner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = table(tmp_path, [GEOMETRY] * 6, size=1)
    monkeypatch.setattr(rows, "KEPT_BYTES", 10)
    for index in range(6):
        source[index]
    assert list(source.rows._cache) == [5]


def test_a_parquet_file_without_rows_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([GEOMETRY]).slice(0, 0), tmp_path / "train.parquet")
    with pytest.raises(ValueError, match="no records"):
        sources.parquet(path=tmp_path / "train.parquet")


# -- recipes ----------------------------------------------------------------------------------


def test_sources_are_parts_with_checked_settings(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "train.jsonl", [GEOMETRY])
    source = part("source", "jsonl", path=str(path), answer_kind="integer")()
    assert source[0].answer.value == 5
    with pytest.raises(PartError, match="answer_kind='intager'"):
        part("source", "parquet", path=str(path), answer_kind="intager")


def test_sounds_have_a_column_and_places_of_their_own(tmp_path: Path) -> None:
    record = {
        "problem": "Which, <audio> or <image>?",
        "images": ["a.png"],
        "sounds": "b.wav",
        "answer": "1",
    }
    source = lines(tmp_path, record)
    (sound, image) = source[0].media
    assert source[0].messages[0].text == "Which, <image> or <image>?"
    assert (image.kind, sound.kind) == ("image", "audio")
    assert (image.path, sound.path) == (tmp_path / "a.png", tmp_path / "b.wav")


def test_a_block_of_sound_in_a_chat_is_a_place(tmp_path: Path) -> None:
    content = [{"type": "audio"}, {"type": "text", "text": "What?"}]
    record = {
        "messages": [{"role": "user", "content": content}],
        "sounds": [{"bytes": None, "path": "b.wav"}],
    }
    assert lines(tmp_path, record)[0].messages[0].text == "<image>What?"


def test_a_sound_that_no_text_places_comes_first(tmp_path: Path) -> None:
    record = {"problem": "What is it?", "sounds": ["b.wav"], "answer": "1"}
    assert lines(tmp_path, record)[0].messages[0].text == "<image>What is it?"


def test_audio_is_text_in_a_record_without_sounds(tmp_path: Path) -> None:
    record = {"problem": "Where does <audio> stand?", "answer": "1"}
    assert lines(tmp_path, record)[0].messages[0].text == "Where does <audio> stand?"
