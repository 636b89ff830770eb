from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from gnomon.models.family import FAMILIES
from gnomon.models.load import ModelError
from gnomon.recipe import Lora
from gnomon.scale.shape import (
    build_on_meta,
    count_parameters,
    model_config,
    part_of,
    shape_of,
    shipped_models,
    trained_parameters,
)

SEEING = FAMILIES["qwen2_5_vl"]


@pytest.mark.parametrize(
    ("name", "total"), [("7B", 8_292_166_656), ("3B", 3_754_622_976)], ids=["7B", "3B"]
)
def test_a_shipped_configuration_gives_the_published_parameter_count(name: str, total: int) -> None:
    start = time.perf_counter()
    model = build_on_meta(model_config(f"Qwen/Qwen2.5-VL-{name}-Instruct"))
    assert count_parameters(model).total == total
    assert all(parameter.is_meta for parameter in model.parameters())
    assert time.perf_counter() - start < 15


def test_the_shape_of_the_7b_model_is_the_published_one() -> None:
    shape = shape_of(model_config("Qwen/Qwen2.5-VL-7B-Instruct"))
    assert (shape.layers, shape.hidden, shape.heads, shape.key_value) == (28, 3584, 28, 512)
    assert (shape.intermediate, shape.vocabulary, shape.context) == (18944, 152064, 128000)
    assert (shape.tower_layers, shape.tower_hidden, shape.tower_intermediate) == (32, 1280, 3420)
    assert (shape.places, shape.gated) == (4, True)
    assert not shape.tied


def test_the_window_layers_of_the_vision_tower_are_the_published_ones() -> None:
    vision = model_config("Qwen/Qwen2.5-VL-7B-Instruct").vision_config
    assert vision.fullatt_block_indexes == [7, 15, 23, 31]
    assert (vision.window_size, vision.out_hidden_size, vision.tokens_per_second) == (112, 3584, 2)


def test_tied_embeddings_leave_the_head_no_parameters_of_its_own() -> None:
    config = model_config("Qwen/Qwen2.5-VL-3B-Instruct")
    counts = count_parameters(build_on_meta(config))
    assert shape_of(config).tied
    assert counts.head == 0
    assert counts.embeddings == 151936 * 2048


def test_a_hub_id_without_a_shipped_configuration_says_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"'someone/else'.*config\.json.*Qwen/Qwen2\.5-VL-3B"):
        model_config("someone/else")


def test_another_owner_of_the_same_model_name_is_not_taken_for_qwen() -> None:
    with pytest.raises(ModelError, match="downloads nothing"):
        model_config("someone/Qwen2.5-VL-7B-Instruct")


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelError, match=r"there is no model at '\./nothing'"):
        model_config("./nothing")


def test_a_folder_gives_its_own_configuration(tmp_path: Path, tiny_config: Any) -> None:
    tiny_config.save_pretrained(tmp_path)
    assert shape_of(model_config(str(tmp_path))).hidden == 96


def test_a_folder_of_another_architecture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(ModelError, match="llama"):
        model_config(str(tmp_path))


def test_the_shipped_models_are_listed_by_hub_id() -> None:
    assert shipped_models() == (
        "Qwen/Qwen2-Audio-7B-Instruct",
        "Qwen/Qwen2.5-VL-3B-Instruct",
        "Qwen/Qwen2.5-VL-7B-Instruct",
    )


def test_every_parameter_belongs_to_the_narrowest_part() -> None:
    assert part_of("model.visual.blocks.0.norm1.weight", SEEING) == "tower"
    assert part_of("model.language_model.embed_tokens.weight", SEEING) == "embeddings"
    assert part_of("model.language_model.layers.0.mlp.up_proj.weight", SEEING) == "language"
    assert part_of("lm_head.weight", SEEING) == "head"


def test_a_parameter_of_no_known_part_is_refused() -> None:
    with pytest.raises(ModelError, match="belongs to no part"):
        part_of("audio_tower.weight", SEEING)


def test_full_training_trains_every_parameter(tiny_config: Any) -> None:
    counts = count_parameters(build_on_meta(tiny_config))
    trained = trained_parameters(tiny_config, (), None)
    assert trained.parameters == counts.total
    assert (trained.adapters, trained.tower, trained.language) == (0, True, True)


def test_freezing_the_vision_tower_takes_its_connector_along(tiny_config: Any) -> None:
    counts = count_parameters(build_on_meta(tiny_config))
    trained = trained_parameters(tiny_config, ("vision",), None)
    assert trained.parameters == counts.language + counts.embeddings
    assert not trained.tower


def test_adapters_have_rank_times_the_sum_of_both_widths(tiny_config: Any) -> None:
    lora = Lora(rank=4, targets=r".*language_model.*\.(o_proj|up_proj)")
    trained = trained_parameters(tiny_config, (), lora)
    assert trained.parameters == trained.adapters == 3 * 4 * ((96 + 96) + (96 + 160))
    assert trained.tensors == 3 * 2 * 2


def test_adapters_that_fit_no_module_are_refused_with_the_names_that_exist(
    tiny_config: Any,
) -> None:
    with pytest.raises(ModelError, match=r"targets='nothing'.*q_proj"):
        trained_parameters(tiny_config, (), Lora(targets="nothing"))


# Models that hear


def test_the_shape_of_the_audio_model_is_the_published_one() -> None:
    shape = shape_of(model_config("Qwen/Qwen2-Audio-7B-Instruct"))
    assert (shape.layers, shape.hidden, shape.heads, shape.key_value) == (32, 4096, 32, 4096)
    assert (shape.intermediate, shape.vocabulary, shape.context) == (11008, 156032, 8192)
    assert (shape.tower_layers, shape.tower_hidden, shape.tower_intermediate) == (32, 1280, 5120)
    assert (shape.places, shape.gated, shape.tied) == (2, False, False)


def test_the_audio_model_has_8_4_billion_parameters() -> None:
    counts = count_parameters(build_on_meta(model_config("Qwen/Qwen2-Audio-7B-Instruct")))
    assert counts.total == 8_397_094_912
    assert counts.tower == 636_968_960  # the encoder of Whisper-large-v3
    assert counts.connector == 1280 * 4096 + 4096
    assert counts.head == counts.embeddings == 156032 * 4096


def test_freezing_what_hears_leaves_the_language_model(hearing_config: Any) -> None:
    counts = count_parameters(build_on_meta(hearing_config))
    trained = trained_parameters(hearing_config, ("audio",), None)
    assert trained.parameters == counts.language + counts.embeddings + counts.head
    assert not trained.tower
    positions = 400 * 64
    every = trained_parameters(hearing_config, (), None)
    assert every.parameters == counts.total - positions and every.tower


def test_a_parameter_belongs_to_the_part_of_its_own_family() -> None:
    hearing = FAMILIES["qwen2_audio"]
    assert part_of("model.audio_tower.conv1.weight", hearing) == "tower"
    assert part_of("model.multi_modal_projector.linear.bias", hearing) == "connector"
    with pytest.raises(ModelError, match="belongs to no part"):
        part_of("model.visual.patch_embed.weight", hearing)
