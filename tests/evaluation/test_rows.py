from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
from PIL import Image

from gnomon.evaluation.rows import difficulty_of, image_files, prompt_text, rollout_row
from gnomon.media.frames import Video
from gnomon.parts import part
from gnomon.records import (
    Answer,
    BadRecord,
    Graded,
    Media,
    Message,
    Outcome,
    Rollout,
    Sample,
    Verdict,
)
from gnomon.rollouts import COLUMNS, complete_row

BOX = Answer("box", (1.0, 2.0, 3.0, 4.0))


def encoded(form):
    buffer = io.BytesIO()
    Image.new("RGB", (30, 30), "red").save(buffer, format=form)
    return buffer.getvalue()


def make_sample(*media, answer=BOX, **meta):
    text = "<image>" * len(media) + "Where?"
    return Sample("s", (Message("user", text),), tuple(media), answer, "locate", meta)


def make_row(sample, **given):
    graded = Graded(
        Rollout((1, 2), (0.0, 0.0), "there", "length"),
        Verdict(Outcome.WRONG, 0.25, "there", None, "no overlap"),
        {"accuracy": 0.25, "format": None},
        0.5,
    )
    return rollout_row(3, 1, sample, graded, prompt="Where?", images=["a.png"], **given)


def test_a_row_has_all_columns_but_those_that_the_run_fills_in():
    row = make_row(make_sample())
    assert set(COLUMNS) - set(row) == {"stage", "index", "step"}
    complete_row({**row, "stage": "base", "index": 0, "step": 0})


def test_a_row_says_what_was_asked_answered_and_graded():
    row = make_row(make_sample(difficulty=2))
    assert (row["group"], row["member"], row["sample_id"], row["task"]) == (3, 1, "s", "locate")
    assert (row["prompt"], row["images"], row["difficulty"]) == ("Where?", ["a.png"], 2.0)
    assert (row["response"], row["stop"], row["length"]) == ("there", "length", 2)
    assert (row["reference"], row["prediction"]) == ("[1, 2, 3, 4]", "there")
    assert (row["outcome"], row["reason"], row["reward"]) == ("wrong", "no overlap", 0.5)
    assert row["scores"] == {"accuracy": 0.25, "format": None}


def test_a_row_of_an_evaluation_has_no_advantage():
    assert (make_row(make_sample())["advantage"], make_row(make_sample())["kept"]) == (None, 1)


def test_a_row_of_training_has_its_advantage_and_how_often_it_was_kept():
    row = make_row(make_sample(), advantage=-0.5, kept=2)
    assert (row["advantage"], row["kept"]) == (-0.5, 2)


def test_a_reference_that_cannot_be_used_is_shown_as_it_is():
    assert make_row(make_sample(answer=Answer("integer", "five")))["reference"] == "five"


def test_a_missing_reference_is_shown_as_empty():
    assert make_row(make_sample(answer=None))["reference"] == ""


@pytest.mark.parametrize(
    ("meta", "difficulty"),
    [({}, None), ({"difficulty": "hard"}, None), ({"difficulty": 3}, 3.0)],
)
def test_difficulty_is_the_number_in_the_meta_or_unknown(meta, difficulty):
    assert difficulty_of(make_sample(**meta)) == difficulty


def test_a_prompt_shows_the_instruction_before_the_question():
    style = part("format", "think-boxed", instruction="Think.")()
    assert prompt_text(make_sample(), style) == "Think.\n\nWhere?"


def test_a_prompt_without_an_instruction_is_the_question():
    assert prompt_text(make_sample(), part("format", "direct")()) == "Where?"


def test_a_prompt_of_several_turns_names_the_roles():
    turns = (Message("user", "Hi"), Message("assistant", "Yes?"), Message("user", "Why?"))
    prompt = prompt_text(Sample("s", turns), part("format", "direct")())
    assert prompt == "user: Hi\n\nassistant: Yes?\n\nuser: Why?"


@pytest.mark.parametrize(("form", "ending"), [("PNG", "png"), ("JPEG", "jpg")])
def test_images_are_named_after_their_content(form, ending):
    data = encoded(form)
    files = image_files(make_sample(Media("image", data=data)))
    assert files == {f"{hashlib.sha256(data).hexdigest()}.{ending}": data}


def test_other_formats_become_png():
    ((name, data),) = image_files(make_sample(Media("image", data=encoded("BMP")))).items()
    assert name == f"{hashlib.sha256(data).hexdigest()}.png"


def test_an_image_that_stands_twice_is_one_file():
    medium = Media("image", data=encoded("PNG"))
    assert len(image_files(make_sample(medium, medium))) == 1


def test_sounds_are_no_images():
    assert image_files(make_sample(Media("audio", data=b"x"))) == {}


def test_a_video_is_the_frames_in_a_row_that_the_model_is_shown(film):
    ((_, data),) = image_files(make_sample(film(6, 28)), video=Video(frames=3)).items()
    with Image.open(io.BytesIO(data)) as strip:
        assert (strip.format, strip.size) == ("PNG", (3 * 28, 28))


def test_images_are_read_from_under_the_root(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded("PNG"))
    files = image_files(make_sample(Media("image", path=Path("a.png"))), tmp_path)
    assert list(files.values()) == [encoded("PNG")]
    assert image_files(make_sample(Media("image", path=tmp_path / "a.png"))) == files


def test_no_path_leaves_the_root(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded("PNG"))
    (tmp_path / "data").mkdir()
    with pytest.raises(BadRecord, match="outside the data folder"):
        image_files(make_sample(Media("image", path=Path("../a.png"))), tmp_path / "data")


def test_an_image_of_no_bytes_is_a_bad_record():
    with pytest.raises(BadRecord, match="empty"):
        image_files(make_sample(Media("image", data=b"")))


def test_a_path_that_the_system_refuses_is_a_bad_record():
    with pytest.raises(BadRecord, match="cannot be read"):
        image_files(make_sample(Media("image", path=Path("a" * 5000))))


@pytest.mark.parametrize("name", ["missing.png", ".", "a\0b"])
def test_a_path_without_a_file_is_a_bad_record(tmp_path, name):
    with pytest.raises(BadRecord, match=r"check path|not a usable path"):
        image_files(make_sample(Media("image", path=Path(name))), tmp_path)
