from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gnomon.catalogue import load_recipe
from gnomon.data.fixtures.make_revisual_r1 import write_fixture
from gnomon.models.load import ModelError
from gnomon.plan import Plan, constants, needs_reference, pixel_budget, plan, window
from gnomon.recipe import (
    Evaluation,
    Lora,
    Model,
    Optimizer,
    Recipe,
    Regulariser,
    Reinforce,
    Reward,
    RewardKl,
    Sampling,
    Sft,
    Use,
    override,
    paper,
)
from gnomon.report.plan_table import amount, gibibytes, plan_text, verdict
from gnomon.scale.columns import Window
from gnomon.scale.memory import GIB
from gnomon.scale.shape import model_config

OPTIMIZER = Optimizer(learning_rate=Use("constant", value=paper(1e-6)))
MADE = Use("microworld", tasks=["count"], modality="image")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a configuration and no weights."""
    from transformers import Qwen2_5_VLConfig

    folder = tmp_path_factory.mktemp("tiny")
    text = {"vocab_size": 512, "hidden_size": 96, "num_hidden_layers": 2, "intermediate_size": 128}
    heads = {"num_attention_heads": 6, "num_key_value_heads": 2, "max_position_embeddings": 2048}
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]}
    vision = {"depth": 2, "hidden_size": 64, "num_heads": 2, "intermediate_size": 96}
    Qwen2_5_VLConfig(
        text_config=text
        | heads
        | {"rope_parameters": rope, "bos_token_id": None, "eos_token_id": 1},
        vision_config=vision | {"out_hidden_size": 96, "fullatt_block_indexes": [0, 1]},
        tie_word_embeddings=True,
    ).save_pretrained(folder)
    return str(folder)


def rewarded(**settings: Any) -> Reinforce:
    common: dict[str, Any] = {
        "name": "rl",
        "data": MADE,
        "format": Use("think-boxed"),
        "steps": 3,
        "optimizer": OPTIMIZER,
        "prompts": 16,
        "rollouts": 8,
        "max_tokens": 512,
        "sampling": Sampling(max_new_tokens=64),
        "rewards": (Reward(part=Use("accuracy"), weight=1.0),),
    }
    return Reinforce(**{**common, **settings})


def supervised(**settings: Any) -> Sft:
    common: dict[str, Any] = {
        "name": "cold",
        "data": Use("microworld", tasks=["count"], modality="text"),
        "format": Use("think-boxed"),
        "steps": 4,
        "optimizer": OPTIMIZER,
        "batch_size": 8,
        "micro_batch_tokens": 256,
        "max_tokens": 256,
    }
    return Sft(**{**common, **settings})


def made(path: str, *stages: Any, **model: Any) -> Plan:
    settings = Model(path=path, **model)
    return plan(Recipe(name="mine", scale="full", model=settings, stages=stages))


@pytest.fixture(scope="module")
def full() -> Plan:
    return plan(load_recipe("revisual-r1", "full"))


def test_the_full_recipe_plans_without_problems(full: Plan) -> None:
    assert full.problems == ()
    assert full.parameters.total == 8_292_166_656
    assert [stage.name for stage in full.stages] == ["cold-start", "multimodal-rl", "text-rl"]
    assert all(stage.data.mapped == 10 for stage in full.stages)


def test_a_fixture_that_stood_in_is_said_with_the_place_of_the_real_file(full: Plan) -> None:
    for stage in full.stages:
        assert stage.data.fixture
        assert any(str(stage.data.expected) in note for note in full.notes)


def test_the_token_estimate_is_said_to_be_one(full: Plan) -> None:
    assert any("characters / 4" in note for note in full.notes)


def test_the_full_plan_counts_what_the_recipe_asks_for(full: Plan) -> None:
    rl = full.stages[1]
    assert rl.samples == 200 * 512
    assert rl.rollouts == 8
    assert rl.kept == 1.5
    assert rl.work.sampled == 200 * 512 * 8 * 8192
    assert rl.tokens == rl.work.trained
    assert rl.flops == pytest.approx(rl.work.update + rl.work.sampling)


def test_an_image_of_the_full_plan_lies_within_the_pixel_budget(full: Plan) -> None:
    assert (full.media.least, full.media.most, full.media.factor) == (262_144, 4_194_304, 28)
    assert 324 <= full.stages[1].expected.media <= 400
    assert full.stages[1].longest.media == 5349
    assert full.stages[0].expected.media == full.stages[2].longest.media == 0


def test_a_kl_in_the_reward_holds_a_reference() -> None:
    charged = RewardKl(coefficient=Use("constant", value=0.1))
    assert needs_reference(rewarded(reward_kl=charged))
    assert not needs_reference(rewarded())


@pytest.mark.parametrize("advantage", ["remax", "reinforce-plus-plus", "gdpo", "ema-grpo"])
def test_the_share_trained_on_is_tried_with_any_advantage(tiny: str, advantage: str) -> None:
    stage = rewarded(advantage=Use(advantage), resample=Use("pad", low=0.0, ratio=0.5))
    [found] = made(tiny, stage).stages
    assert 0 <= found.kept <= 0.5


def test_only_the_stage_with_a_kl_penalty_holds_a_reference(full: Plan) -> None:
    for stage, held in zip(full.stages, (False, False, True), strict=True):
        assert all(bool(item.reference) is held for item in stage.memory)
        assert bool(stage.work.reference) is held


def test_every_constant_of_the_full_recipe_has_an_origin(full: Plan) -> None:
    found = {place: (value, origin) for place, value, origin in full.constants}
    assert found["stages.multimodal-rl.sampling.max_new_tokens"] == (8192, "paper")
    assert found["stages.text-rl.resample.high"][1] == "code"
    assert {origin for _, _, origin in full.constants} <= {"paper", "code", "ours", "user"}


def test_seven_billion_parameters_need_several_gpus_for_full_training(full: Plan) -> None:
    cold = full.stages[0]
    one = cold.estimate(lora=False, gpus=1, checkpointing=True)
    eight = cold.estimate(lora=False, gpus=8, checkpointing=True)
    assert not one.fits(80 * GIB)
    assert eight.fits(80 * GIB)


def test_the_full_plan_reads_as_tables(full: Plan) -> None:
    text = plan_text(full)
    for word in ("8,292,166,656", "multimodal-rl", "KV cache", "80 GB", "141 GB", "paper", "ours"):
        assert word in text
    assert "missing: the fixture stood in" in plan_text(full, width=400)
    assert "No problems found." in text
    assert max(len(line) for line in text.splitlines()) <= 110


def test_a_model_without_a_configuration_stops_with_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"give a folder that holds its config\.json"):
        made("someone/model", supervised())


def test_real_files_are_checked_instead_of_the_fixture(tiny: str, tmp_path: Path) -> None:
    _, images, _ = write_fixture(tmp_path)
    data = Use("parquet", path=str(images))
    result = made(tiny, rewarded(data=data, modality="image"))
    assert not result.stages[0].data.fixture
    assert not any("fixture" in note for note in result.notes)
    assert str(images) in "".join(plan_text(result, width=400).split())


def test_a_missing_file_without_fixture_is_a_problem(tiny: str) -> None:
    result = made(tiny, supervised(data=Use("parquet", path="absent.parquet")))
    assert "absent.parquet" in result.problems[0]
    assert "Problems (1)" in plan_text(result)


def test_rows_longer_than_the_context_are_a_problem(tiny: str) -> None:
    stage = rewarded(data=Use("microworld", tasks=["count"], modality="text"), max_tokens=2000)
    result = made(tiny, stage)
    assert "the model's context is 2,048" in result.problems[-1]


def test_a_stage_that_trains_nothing_is_a_problem(tiny: str) -> None:
    result = made(tiny, supervised(freeze=("language", "embeddings", "head")))
    assert result.problems == ("stages.cold.freeze: nothing is left to train",)


def test_steps_times_batch_are_the_samples(tiny: str) -> None:
    stage = made(tiny, supervised()).stages[0]
    assert (stage.samples, stage.rollouts, stage.updates, stage.kept) == (32, 0, 1, 1.0)
    assert stage.longest.total == 256


def test_epochs_and_updates_multiply(tiny: str) -> None:
    once = made(tiny, rewarded()).stages[0]
    twice = made(tiny, rewarded(epochs=2, updates=4)).stages[0]
    assert twice.updates == 8
    assert twice.work.update == pytest.approx(2 * once.work.update)


def test_without_images_the_vision_tower_gets_no_gradient(tiny: str) -> None:
    result = made(tiny, rewarded(), supervised())
    counts = result.parameters
    assert result.stages[0].trained == counts.total
    assert result.stages[1].trained == counts.total - counts.tower - counts.connector


def test_adapters_of_the_recipe_are_those_that_are_planned(tiny: str) -> None:
    small = made(tiny, supervised(), lora=Lora(rank=2)).stages[0]
    large = made(tiny, supervised(), lora=Lora(rank=4)).stages[0]
    assert large.trained == 2 * small.trained
    assert made(tiny, supervised()).stages[0].trained > large.trained


def test_a_regulariser_on_the_entropy_costs_logits(tiny: str) -> None:
    penalty = Regulariser(part=Use("entropy-bonus"), coefficient=Use("constant", value=0.01))
    plain = made(tiny, rewarded()).stages[0].memory[0]
    more = made(tiny, rewarded(regularisers=(penalty,))).stages[0].memory[0]
    assert more.logits > plain.logits


def test_a_model_folder_gives_the_pixel_budget_of_its_processor(tmp_path: Path, tiny: str) -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    config = model_config(tiny)
    assert pixel_budget(Model(path=tiny), config).most == 4_194_304
    size = {"shortest_edge": 784, "longest_edge": 200_704}
    Qwen2VLImageProcessorPil(size=size).save_pretrained(tmp_path)
    assert pixel_budget(Model(path=str(tmp_path)), config).most == 200_704


def test_a_new_model_is_planned_from_its_architecture() -> None:
    model = Model(path="new", architecture=Use("gnomon-micro", texts=50, hidden=96, heads=3))
    recipe = Recipe(name="mine", scale="micro", model=model, stages=(supervised(),))
    assert plan(recipe).shape.hidden == 96


def test_a_benchmark_whose_file_is_missing_is_noted(tiny: str) -> None:
    evaluation = Evaluation(benchmarks=(Use("records", path="absent.parquet"),))
    recipe = Recipe(
        name="mine",
        scale="full",
        model=Model(path=tiny),
        stages=(supervised(),),
        evaluation=evaluation,
    )
    assert any("absent.parquet" in note for note in plan(recipe).notes)


def test_a_constant_that_the_user_sets_is_the_users(tiny: str) -> None:
    recipe = Recipe(name="mine", scale="full", model=Model(path=tiny), stages=(supervised(),))
    changed = override(recipe, {"stages.cold.steps": 9})
    found = list(constants(changed))
    assert ("stages.cold.steps", 9, "user") in found
    assert ("stages.cold.optimizer.learning_rate.value", 1e-6, "paper") in found


def test_a_list_item_without_a_name_is_placed_by_its_number(tiny: str) -> None:
    stage = rewarded(
        regularisers=(Regulariser(part=Use("kl"), coefficient=Use("constant", value=paper(0.1))),)
    )
    recipe = Recipe(name="mine", scale="full", model=Model(path=tiny), stages=(stage,))
    assert ("stages.rl.regularisers.kl.coefficient.value", 0.1, "paper") in list(constants(recipe))


def test_the_verdict_says_what_would_fit(tiny: str) -> None:
    stage = made(tiny, rewarded()).stages[0]
    plain = stage.estimate(lora=False, gpus=1, checkpointing=False)
    less = stage.estimate(lora=False, gpus=1, checkpointing=True)
    assert verdict(plain, less, 10 * plain.peak) == "fits"
    assert verdict(plain, less, less.update / 2) == "no"
    huge = replace(plain, saved=10 * GIB)
    assert verdict(huge, less, GIB) == "with checkpointing"
    eager = replace(less, kv_cache=16 * GIB)
    assert verdict(eager, eager, 4 * GIB) == "24 responses at a time"
    assert verdict(eager, replace(eager, kv_cache=999 * GIB), GIB) == "no: rollouts"


def test_counts_and_sizes_are_shown_in_few_figures() -> None:
    assert [amount(value) for value in (20, 1234, 8_292_166_656, 3.2e18)] == [
        "20",
        "1.23 k",
        "8.29 B",
        "3.20e+18",
    ]
    assert [gibibytes(size) for size in (0, 2**20, 20 * GIB)] == ["-", "0.001", "20.0"]


def test_a_model_folder_gives_the_window_of_its_processor(tiny_hearing_folder: Path) -> None:
    path = str(tiny_hearing_folder)
    assert window(Model(path=path), model_config(path)) == Window(4, 320)


def test_a_model_that_hears_is_planned_with_its_sounds(tiny_hearing_folder: Path) -> None:
    stage = supervised(data=Use("sound-chat", sounds=(1, 2)), format=Use("direct"))
    [planned] = made(str(tiny_hearing_folder), stage).stages
    assert planned.data.problems == ()
    assert planned.data.media == 1
    assert 5 < planned.expected.media < 50 == planned.longest.media
