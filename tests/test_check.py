from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gnomon.recipe import Recipe, RecipeError, Use, override
from gnomon.training import check

TEXT = Use("microworld", tasks=["arithmetic"], modality="text")
IMAGE = Use("microworld", tasks=["count"])
RL = "stages.rl"


@pytest.fixture
def good(tiny_folder: Path) -> Recipe:
    """A recipe of a text stage and an image stage that would run."""
    from gnomon.recipe import Evaluation, Model, Optimizer, Reinforce, Reward, Sampling, Sft

    rate = Optimizer(learning_rate=Use("constant", value=1e-4))
    return Recipe(
        name="good",
        scale="micro",
        model=Model(path=str(tiny_folder)),
        stages=(
            Sft(
                name="sft", data=TEXT, modality="text", format=Use("think-boxed"), steps=1,
                optimizer=rate, batch_size=1, micro_batch_tokens=64,
            ),
            Reinforce(
                name="rl", data=IMAGE, modality="image", format=Use("think-boxed"), steps=1,
                optimizer=rate, prompts=1, rollouts=2, sampling=Sampling(max_new_tokens=4),
                rewards=(Reward(part=Use("accuracy"), weight=1.0),),
            ),
        ),
        evaluation=Evaluation(benchmarks=(Use("microworld-reasoning", items=2),)),
    )  # fmt: skip


def complaint(recipe: Recipe, changes: dict[str, Any]) -> str:
    with pytest.raises(RecipeError) as caught:
        check(override(recipe, changes))
    return str(caught.value)


def records(path: Path, *, images: bool, count: int = 3) -> Path:
    """A file of questions, with or without a picture each."""
    (path.parent / "a.png").write_bytes(b"only looked for")
    line: dict[str, Any] = {"problem": "How many?", "answer": "3"}
    if images:
        line |= {"problem": "<image>How many?", "images": ["a.png"]}
    path.write_text("".join(json.dumps(line) + "\n" for _ in range(count)))
    return path


# -- what passes ----------------------------------------------------------------------------------


def test_a_good_recipe_passes(good: Recipe) -> None:
    check(good)


def test_a_hub_id_is_left_to_the_download(good: Recipe) -> None:
    check(override(good, {"model.path": "Qwen/Qwen2.5-VL-7B-Instruct"}))


def test_a_new_model_needs_no_folder(good: Recipe) -> None:
    check(override(good, {"model.path": "new", "model.architecture": "gnomon-micro"}))


@pytest.mark.parametrize("source", [TEXT, IMAGE])
def test_a_stage_of_any_modality_takes_text_and_images(good: Recipe, source: Use) -> None:
    check(override(good, {f"{RL}.data": source, f"{RL}.modality": "any"}))


def test_a_file_with_images_fits_an_image_stage(good: Recipe, tmp_path: Path) -> None:
    path = records(tmp_path / "data.jsonl", images=True)
    check(override(good, {f"{RL}.data": {"part": "jsonl", "path": str(path)}}))


def test_a_bad_record_does_not_stop_an_image_stage(good: Recipe, tmp_path: Path) -> None:
    path = records(tmp_path / "data.jsonl", images=True)
    path.write_text('{"problem": "", "answer": "3"}\n' + path.read_text())
    check(override(good, {f"{RL}.data": {"part": "jsonl", "path": str(path)}}))


def test_a_bad_record_does_not_stop_a_text_stage(good: Recipe, tmp_path: Path) -> None:
    path = records(tmp_path / "data.jsonl", images=False)
    path.write_text(path.read_text() + '{"problem": "", "answer": "3"}\n')
    check(override(good, {"stages.sft.data": {"part": "jsonl", "path": str(path)}}))


# -- models ---------------------------------------------------------------------------------------


def test_a_model_that_is_missing_says_what_to_give(good: Recipe) -> None:
    assert complaint(good, {"model.path": "no-such-model"}) == (
        "model.path: there is no model at 'no-such-model': give a folder with config.json, a hub "
        "id such as Qwen/Qwen2.5-VL-7B-Instruct, or 'gnomon-micro'"
    )


def test_a_folder_without_a_model_is_refused(good: Recipe, tmp_path: Path) -> None:
    assert complaint(good, {"model.path": str(tmp_path)}) == (
        f"model.path: {str(tmp_path)!r} holds no config.json, so it is no Hugging Face model folder"
    )


def test_a_model_of_another_architecture_is_refused(good: Recipe, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    told = complaint(good, {"model.path": str(tmp_path)})
    assert told.startswith(f"model.path: {str(tmp_path)!r} is a 'gpt2' model")


# -- sources --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_source_that_is_missing_names_the_nearest_file(
    good: Recipe, tmp_path: Path, kind: str
) -> None:
    (tmp_path / f"train.{kind}").touch()
    path = tmp_path / f"trian.{kind}"
    told = complaint(good, {f"{RL}.data": {"part": kind, "path": str(path)}})
    assert told == (
        f"stages.rl.data: {kind}: there is no file {path}; did you mean 'train.{kind}'?"
    )


def test_a_source_in_a_folder_that_is_missing_lists_nothing(good: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "no" / "train.jsonl"
    told = complaint(good, {f"{RL}.data": {"part": "jsonl", "path": str(path)}})
    assert told == f"stages.rl.data: jsonl: there is no file {path}"


def test_an_empty_source_is_refused(good: Recipe, tmp_path: Path) -> None:
    path = records(tmp_path / "data.jsonl", images=True, count=0)
    told = complaint(good, {f"{RL}.data": {"part": "jsonl", "path": str(path)}})
    assert told.startswith(f"stages.rl.data: jsonl: {path} holds no records")


def test_a_made_source_without_samples_is_refused(good: Recipe) -> None:
    assert complaint(good, {f"{RL}.data.size": 0}) == (
        "stages.rl.data: microworld: the source is empty"
    )


def test_a_missing_column_is_named(good: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"problm": "2 + 2?", "answer": "4"}\n')
    told = complaint(good, {f"{RL}.data": {"part": "jsonl", "path": str(path)}})
    assert told.startswith(
        f"stages.rl.data: jsonl: {path} has no column 'problem' for 'problem'; "
        "did you mean 'problm'?"
    )


def test_a_task_of_the_world_that_does_not_exist_names_the_nearest(good: Recipe) -> None:
    told = complaint(good, {f"{RL}.data.tasks": ["cuont"]})
    assert told.startswith("stages.rl.data: microworld: ")
    assert "did you mean 'count'?" in told


# -- modality -------------------------------------------------------------------------------------

NO_IMAGE = (
    "the stage needs an image with every sample and this source yields text alone; "
    "choose a source with images, or set modality=any"
)
NO_TEXT = "the stage is text-only and this source yields images; set modality=any"


def test_an_image_stage_refuses_a_world_of_text(good: Recipe) -> None:
    assert complaint(good, {f"{RL}.data": TEXT}) == f"stages.rl.data: microworld: {NO_IMAGE}"


def test_an_image_stage_refuses_a_file_of_text(good: Recipe, tmp_path: Path) -> None:
    path = records(tmp_path / "data.jsonl", images=False)
    told = complaint(good, {f"{RL}.data": {"part": "jsonl", "path": str(path)}})
    assert told == f"stages.rl.data: jsonl: {NO_IMAGE}"


def test_a_text_stage_refuses_a_world_of_images(good: Recipe) -> None:
    told = complaint(good, {"stages.sft.data": IMAGE})
    assert told == f"stages.sft.data: microworld: {NO_TEXT}"


def test_a_text_stage_refuses_a_file_with_images(good: Recipe, tmp_path: Path) -> None:
    path = records(tmp_path / "data.jsonl", images=True)
    told = complaint(good, {"stages.sft.data": {"part": "jsonl", "path": str(path)}})
    assert told == f"stages.sft.data: jsonl: {NO_TEXT}"


# -- benchmarks, and all together -----------------------------------------------------------------


def test_a_benchmark_without_its_file_is_named(good: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    told = complaint(good, {"evaluation.benchmarks": [{"part": "records", "path": str(path)}]})
    assert told == f"evaluation.benchmarks.records: there is no file {path}"


def test_a_benchmark_with_a_bad_setting_is_named(good: Recipe) -> None:
    path = "evaluation.benchmarks.microworld-reasoning.items"
    told = complaint(good, {path: 0})
    assert told == "evaluation.benchmarks.microworld-reasoning: items=0: use at least 1"


def test_all_problems_come_at_once(good: Recipe) -> None:
    changes = {
        "model.path": "no-such-model",
        "stages.sft.data": IMAGE,
        f"{RL}.data": TEXT,
        "evaluation.benchmarks.microworld-reasoning.items": 0,
    }
    places = [line.partition(":")[0] for line in complaint(good, changes).splitlines()]
    assert places == [
        "model.path",
        "stages.sft.data",
        "stages.rl.data",
        "evaluation.benchmarks.microworld-reasoning",
    ]


def test_a_setting_that_a_formula_refuses_is_found_before_anything_runs(good: Recipe) -> None:
    told = complaint(good, {f"{RL}.loss.dual_clip": 0.5})
    assert told.startswith("stages.rl.loss: loss 'ppo-clip': dual_clip=0.5 must be above 1")


def test_a_folder_of_data_that_is_missing_is_found(good: Recipe) -> None:
    assert complaint(good, {"data_root": "no-such-folder"}).startswith("data_root: ")
