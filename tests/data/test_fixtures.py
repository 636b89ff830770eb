from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gnomon.data.fixtures import fixture_for
from gnomon.data.fixtures.make_layouts import LAYOUTS, write_fixtures
from gnomon.data.fixtures.make_revisual_r1 import write_fixture
from gnomon.parts import part
from gnomon.records import Sample

NAMES = ("cold_start.parquet", "multimodal_rl.parquet", "text_rl.parquet")


def shipped(name: str) -> Path:
    found = fixture_for("revisual-r1", "any", Path(name))
    assert found is not None
    return found


def samples(name: str) -> list[Sample]:
    source = part("source", "parquet", path=str(shipped(name)))()
    return [source[index] for index in range(len(source))]


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_fixture_has_the_schema_that_its_maker_writes(
    name: str, tmp_path: Path
) -> None:
    write_fixture(tmp_path)
    made, kept = pq.read_table(tmp_path / name), pq.read_table(shipped(name))
    assert made.schema.equals(kept.schema, check_metadata=True)
    assert made.num_rows == kept.num_rows == 10


def test_the_fixtures_are_small() -> None:
    assert sum(shipped(name).stat().st_size for name in NAMES) < 200_000


def test_the_datasets_library_reads_the_images_as_images() -> None:
    from datasets import Features, Image

    features = Features.from_arrow_schema(pq.read_schema(shipped("multimodal_rl.parquet")))
    assert isinstance(features["images"].feature, Image)


def test_the_fixture_describes_its_features_for_hugging_face() -> None:
    metadata = pq.read_schema(shipped("cold_start.parquet")).metadata
    assert "messages" in json.loads(metadata[b"huggingface"])["info"]["features"]


def test_every_trace_ends_with_a_thought_and_a_boxed_answer() -> None:
    for sample in samples("cold_start.parquet"):
        assert sample.messages[-1].role == "assistant"
        assert "<think>" in sample.messages[-1].text
        assert "\\boxed{" in sample.messages[-1].text


def test_every_multimodal_question_has_one_image_that_opens() -> None:
    from gnomon.media.image import open_image

    for sample in samples("multimodal_rl.parquet"):
        assert sample.messages[0].text.count("<image>") == 1
        assert min(open_image(sample.media[0]).size) >= 100


def test_the_answers_of_text_questions_are_right_where_they_can_be_computed() -> None:
    areas = [sample for sample in samples("text_rl.parquet") if sample.meta["topic"] == "area"]
    for sample in areas:
        numbers = [
            int(word.strip("."))
            for word in sample.messages[0].text.split()
            if word.strip(".").isdigit()
        ]
        assert sample.answer is not None
        assert sample.answer.value == numbers[0] * numbers[1]
    assert len(areas) == 5


def test_a_recipe_without_a_fixture_gets_none() -> None:
    assert fixture_for("unknown", "cold-start", Path("a.parquet")) is None
    assert fixture_for("revisual-r1", "another", Path("a.parquet")) is None
    assert fixture_for("revisual-r1", "text-rl", Path()) is not None


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fixtures of all layouts, made anew."""
    folder = tmp_path_factory.mktemp("layouts")
    write_fixtures(folder)
    return folder


@pytest.mark.parametrize(("recipe", "file"), LAYOUTS)
def test_every_shipped_layout_is_small_and_as_its_maker_writes_it(
    recipe: str, file: str, made: Path
) -> None:
    kept = fixture_for(recipe, "any", Path(f"{file}.parquet"))
    assert kept is not None
    assert kept.stat().st_size < 10_000
    one, other = pq.read_table(made / recipe / kept.name), pq.read_table(kept)
    assert one.schema.equals(other.schema, check_metadata=True)
    assert one.num_rows == other.num_rows == 10
