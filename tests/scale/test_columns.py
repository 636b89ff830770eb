from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnomon.data.fixtures.make_revisual_r1 import multimodal_rows, write_fixture
from gnomon.media.audio import write_wav
from gnomon.recipe import Model, Optimizer, Recipe, Reinforce, Reward, Sampling, Sft, Use, Video
from gnomon.records import BadRecord, Media
from gnomon.scale.columns import DataCheck, Pixels, Window, check_data

PIXELS = Pixels(262_144, 4_194_304, 28)
OPTIMIZER = Optimizer(learning_rate=Use("constant", value=1e-6))


def supervised(data: Use, **settings: Any) -> Sft:
    common: dict[str, Any] = {
        "name": "cold-start",
        "format": Use("think-boxed"),
        "steps": 1,
        "optimizer": OPTIMIZER,
        "batch_size": 2,
        "micro_batch_tokens": 512,
    }
    return Sft(data=data, **{**common, **settings})


def rewarded(data: Use, **settings: Any) -> Reinforce:
    common: dict[str, Any] = {
        "name": "multimodal-rl",
        "format": Use("think-boxed"),
        "steps": 1,
        "optimizer": OPTIMIZER,
        "prompts": 2,
        "rollouts": 2,
        "sampling": Sampling(max_new_tokens=16),
        "rewards": (Reward(part=Use("accuracy"), weight=1.0),),
    }
    return Reinforce(data=data, **{**common, **settings})


def check(stage: Any, name: str = "revisual-r1") -> DataCheck:
    model = Model(path="Qwen/Qwen2.5-VL-3B-Instruct")
    return check_data(Recipe(name=name, scale="full", model=model, stages=(stage,)), stage, PIXELS)


def test_a_missing_file_is_replaced_by_the_fixture_of_the_recipe() -> None:
    data = check(supervised(Use("parquet", path="data/cold_start.parquet")))
    assert data.fixture
    assert data.expected == Path("data/cold_start.parquet")
    assert (data.records, data.mapped, data.problems) == (10, 10, ())
    assert ("messages", "messages") in data.columns


def test_a_file_of_another_name_is_replaced_by_the_fixture_of_the_stage() -> None:
    data = check(rewarded(Use("parquet", path="somewhere/train.parquet")))
    assert data.fixture
    assert data.media == 1


def test_a_real_file_is_checked_itself(tmp_path: Path) -> None:
    _, images, _ = write_fixture(tmp_path)
    real = images.rename(tmp_path / "mine.parquet")
    data = check(rewarded(Use("parquet", path=str(real)), modality="image"))
    assert not data.fixture
    assert data.problems == ()
    assert {ours for ours, _ in data.columns} >= {"problem", "images", "answer"}


def test_a_missing_file_without_a_fixture_is_a_problem() -> None:
    data = check(supervised(Use("parquet", path="data/x.parquet")), name="another")
    assert not data.fixture
    assert data.records == 0
    assert "stages.cold-start.data" in data.problems[0]
    assert "x.parquet" in data.problems[0]


def test_a_column_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    _, _, text = write_fixture(tmp_path)
    source = Use("parquet", path=str(text), columns={"problem": "question"})
    assert "'question'" in check(rewarded(source)).problems[0]


def test_questions_are_no_data_for_supervised_training(tmp_path: Path) -> None:
    _, _, text = write_fixture(tmp_path)
    problems = check(supervised(Use("parquet", path=str(text)))).problems
    assert len(problems) == 10
    assert "needs worked examples" in problems[0]


def test_a_stage_for_images_refuses_text(tmp_path: Path) -> None:
    _, _, text = write_fixture(tmp_path)
    stage = rewarded(Use("parquet", path=str(text)), modality="image")
    assert "has no image" in check(stage).problems[0]


def test_a_stage_for_text_refuses_images(tmp_path: Path) -> None:
    _, images, _ = write_fixture(tmp_path)
    stage = rewarded(Use("parquet", path=str(images)), modality="text")
    assert "has an image" in check(stage).problems[0]


def test_a_record_that_is_too_long_is_a_problem(tmp_path: Path) -> None:
    _, images, _ = write_fixture(tmp_path)
    stage = rewarded(Use("parquet", path=str(images)), max_tokens=100)
    problems = check(stage).problems
    assert len(problems) == 10
    assert "max_tokens is 100" in problems[0]


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = multimodal_rows()
    rows[3]["images"][0]["bytes"] = rows[3]["images"][0]["bytes"][:100]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "data.parquet")
    data = check(rewarded(Use("parquet", path=str(tmp_path / "data.parquet"))))
    assert data.mapped == 9
    assert "damaged or truncated" in data.problems[0]


def test_data_that_are_made_have_no_file() -> None:
    source = Use("microworld", tasks=["count"], modality="text")
    data = check(supervised(source))
    assert data.expected is None
    assert (data.mapped, data.columns, data.problems) == (10, (), ())
    assert data.lengths.response > 0


def test_a_question_has_no_response_yet() -> None:
    data = check(rewarded(Use("microworld", tasks=["count"], modality="text")))
    assert data.lengths.response == 0


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [(560, 560, 20 * 20), (100, 100, 19 * 19), (10_000, 10_000, 73 * 73), (1120, 560, 800)],
)
def test_an_image_has_the_tokens_that_the_processor_gives_it(
    width: int, height: int, tokens: int
) -> None:
    assert PIXELS.tokens(width, height) == tokens
    assert PIXELS.tokens(width, height) <= PIXELS.most_tokens == 5349


def test_tokens_of_an_image_are_those_of_the_image_processor() -> None:
    from PIL import Image
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    processor = Qwen2VLImageProcessorPil(size={"shortest_edge": 3136, "longest_edge": 100_000})
    grid = processor(images=[Image.new("RGB", (333, 517))], return_tensors="pt")["image_grid_thw"]
    assert Pixels(3136, 100_000, 28).tokens(333, 517) == int(grid[0].prod()) // 4


def test_lengths_are_characters_over_four_and_the_turns(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = {"problem": "a" * 400, "answer": "1"}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "data.parquet")
    stage = rewarded(Use("parquet", path=str(tmp_path / "data.parquet")), format=Use("direct"))
    assert check(stage).lengths.text == 100 + 5


def sound(seconds: float, rate: int = 16_000) -> Media:
    return Media("audio", data=write_wav(np.zeros(round(seconds * rate)), rate))


@pytest.mark.parametrize(("seconds", "tokens"), [(1.0, 25), (10.0, 250), (30.0, 750), (0.03, 1)])
def test_a_sound_has_the_tokens_of_its_length(seconds: float, tokens: int) -> None:
    window = Window(30)
    assert window.tokens_of(sound(seconds), None) == tokens <= window.most_tokens == 750


def test_the_rate_of_the_file_does_not_matter_for_its_tokens() -> None:
    assert Window(30).tokens_of(sound(2.0, 8_000), None) == 50


def test_a_sound_beyond_the_window_is_a_problem() -> None:
    with pytest.raises(BadRecord, match=r"lasts 31\.0 s and the model hears 30 s"):
        Window(30).tokens_of(sound(31.0), None)


def test_each_budget_takes_its_own_kind_of_media() -> None:
    with pytest.raises(BadRecord):
        PIXELS.tokens_of(sound(1.0), None)
    assert Window(5, 320).told == "Sounds of at most 5 s, 12.5 tokens a second"


def test_a_video_counts_as_the_frames_that_the_recipe_shows(
    tmp_path: Path, film: Callable[..., Media]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = {"problem": "What?", "videos": [film(6, 28).data], "answer": "1"}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "data.parquet")
    stage = rewarded(Use("parquet", path=str(tmp_path / "data.parquet")))
    model = Model(path="Qwen/Qwen2.5-VL-3B-Instruct", video=Video(most=4))
    recipe = Recipe(name="r", scale="full", model=model, stages=(stage,))
    data = check_data(recipe, stage, Pixels(784, 784, 28))
    assert (data.media, data.lengths.media, data.problems) == (4, 4, ())
