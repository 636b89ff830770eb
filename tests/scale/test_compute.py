from __future__ import annotations

from typing import Any

import pytest

from gnomon.recipe import Lora
from gnomon.scale.compute import (
    Amount,
    Lengths,
    Work,
    forward_flops,
    language_parameters,
    stage_work,
)
from gnomon.scale.shape import build_on_meta, count_parameters, shape_of, trained_parameters

TEXT = Lengths(text=30, media=0, response=70)
SUPERVISED = Amount(samples=10, rollouts=0, passes=1.0, reference=False)


def work(
    config: Any,
    lengths: Lengths,
    amount: Amount,
    lora: Lora | None = None,
    freeze: tuple[Any, ...] = (),
) -> Work:
    counts = count_parameters(build_on_meta(config))
    trained = trained_parameters(config, freeze, lora)
    return stage_work(shape_of(config), counts, trained, lengths, amount)


def weights(config: Any) -> int:
    return language_parameters(shape_of(config), count_parameters(build_on_meta(config)))


def test_a_trained_token_costs_six_flops_a_weight(tiny_config: Any) -> None:
    made = work(tiny_config, TEXT, SUPERVISED)
    assert made.trained == made.tokens == 1000
    assert made.update == made.flops == 6 * weights(tiny_config) * 1000
    assert made.sampled == made.sampling == made.reference == 0


def test_adapters_save_the_gradients_of_the_weights(tiny_config: Any) -> None:
    made = work(tiny_config, TEXT, SUPERVISED, lora=Lora())
    assert made.update == 4 * weights(tiny_config) * 1000


def test_a_sampled_token_costs_two_flops_a_weight_and_a_prompt_once_per_group(
    tiny_config: Any,
) -> None:
    amount = Amount(samples=10, rollouts=8, passes=1.0, reference=False)
    made = work(tiny_config, TEXT, amount)
    assert made.sampled == 10 * 8 * 70
    assert made.sampling == 2 * weights(tiny_config) * (10 * 30 + 10 * 8 * 70)
    assert made.trained == 10 * 8 * 100


def test_a_reference_adds_one_forward_pass_over_every_trained_row(tiny_config: Any) -> None:
    amount = Amount(samples=10, rollouts=8, passes=1.0, reference=True)
    assert work(tiny_config, TEXT, amount).reference == 2 * weights(tiny_config) * 10 * 8 * 100


@pytest.mark.parametrize("passes", [0.5, 1.5, 3.0])
def test_resampling_and_epochs_scale_updates_and_reference(tiny_config: Any, passes: float) -> None:
    once = work(tiny_config, TEXT, Amount(10, 8, 1.0, reference=True))
    made = work(tiny_config, TEXT, Amount(10, 8, passes, reference=True))
    assert made.update == pytest.approx(passes * once.update)
    assert made.reference == pytest.approx(passes * once.reference)
    assert made.sampling == once.sampling


def test_an_image_costs_its_tokens_and_its_patches(tiny_config: Any) -> None:
    counts, shape = count_parameters(build_on_meta(tiny_config)), shape_of(tiny_config)
    tower = 4 * counts.tower + counts.connector
    expected = 2 * 25 * (weights(tiny_config) + tower)
    assert forward_flops(shape, counts, 0, 25) == expected


def test_a_frozen_tower_has_no_backward_pass(tiny_config: Any) -> None:
    counts = count_parameters(build_on_meta(tiny_config))
    lengths = Lengths(text=10, media=20, response=10)
    full = work(tiny_config, lengths, SUPERVISED)
    frozen = work(tiny_config, lengths, SUPERVISED, freeze=("vision",))
    assert full.update - frozen.update == 10 * 4 * 20 * (4 * counts.tower + counts.connector)


def test_checkpointing_recomputes_one_forward_pass(tiny_config: Any) -> None:
    made = work(tiny_config, TEXT, SUPERVISED)
    assert made.recompute == made.update / 3
