from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from gnomon.formats.plain import direct
from gnomon.models.encode import Encoder
from gnomon.models.load import load_policy, model_folder
from gnomon.models.micro_audio import (
    BANDS,
    HOP,
    SPECIAL_TOKENS,
    WINDOW,
    make_audio_processor,
    sinusoids,
)
from gnomon.models.sampler import SamplingSettings, sample
from gnomon.parts import part
from gnomon.worlds.world import LEVELS, tasks_of


@pytest.fixture(scope="module")
def micro() -> tuple[Any, Any]:
    """The default architecture; few texts, because only the tokenizer reads them."""
    built: tuple[Any, Any] = part("architecture", "gnomon-micro-audio", texts=20)(0)
    return built


def test_it_is_a_qwen2_audio_of_about_a_million_parameters(micro: tuple[Any, Any]) -> None:
    model, processor = micro
    assert type(model).__name__ == "Qwen2AudioForConditionalGeneration"
    assert type(processor).__name__ == "Qwen2AudioProcessor"
    assert 0.9e6 < sum(parameter.numel() for parameter in model.parameters()) < 2e6


def test_the_same_seed_gives_the_same_weights(micro: tuple[Any, Any]) -> None:
    again, _ = part("architecture", "gnomon-micro-audio", texts=20)(0)
    other, _ = part("architecture", "gnomon-micro-audio", texts=20)(1)
    weight = micro[0].model.language_model.layers[0].mlp.up_proj.weight
    assert again.model.language_model.layers[0].mlp.up_proj.weight.equal(weight)
    assert not other.model.language_model.layers[0].mlp.up_proj.weight.equal(weight)


def test_window_frames_and_tokens_of_model_and_processor_agree(micro: tuple[Any, Any]) -> None:
    model, processor = micro
    audio, extractor = model.config.audio_config, processor.feature_extractor
    assert extractor.nb_max_frames == 2 * audio.max_source_positions == WINDOW * 16_000 // HOP
    assert extractor.feature_size == audio.num_mel_bins == BANDS
    assert audio.max_source_positions // 2 <= 100
    find = processor.tokenizer.convert_tokens_to_ids
    assert model.config.audio_token_id == find("<|AUDIO|>") == processor.audio_token_id


def test_the_special_tokens_are_those_of_the_real_model(micro: tuple[Any, Any]) -> None:
    tokenizer = micro[1].tokenizer
    assert tokenizer.convert_ids_to_tokens(range(6)) == list(SPECIAL_TOKENS.values())
    assert set(tokenizer.all_special_tokens) == set(SPECIAL_TOKENS.values())
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")


def test_the_window_takes_every_question_of_the_world_of_sound() -> None:
    import numpy as np

    longest = 0.0
    for name, task in tasks_of("sound").items():
        if name != "spoken-digits":
            for seed in range(20):
                posed = task.pose(np.random.default_rng(seed), LEVELS[-1])
                longest = max(longest, posed.facts["seconds"])
    assert longest <= WINDOW


def test_positions_are_whispers_sinusoids_and_stay(micro: tuple[Any, Any]) -> None:
    positions = micro[0].model.audio_tower.embed_positions.weight
    assert positions.equal(sinusoids(*positions.shape))
    assert not positions.requires_grad
    torch.testing.assert_close(sinusoids(4, 8)[0], torch.tensor([0.0] * 4 + [1.0] * 4))
    torch.testing.assert_close(sinusoids(4, 8)[3, 0], torch.tensor(3.0).sin())
    torch.testing.assert_close(sinusoids(4, 8)[3, 7], torch.tensor(3e-4).cos())


def test_the_processor_hears_as_long_as_it_is_told(micro: tuple[Any, Any]) -> None:
    assert make_audio_processor(micro[1].tokenizer, seconds=3).feature_extractor.n_samples == 48_000


# The bundled model


def test_the_bundled_model_is_small_and_the_recipe_s_own_architecture() -> None:
    folder = Path(model_folder("gnomon-micro-audio"))
    assert sum(file.stat().st_size for file in folder.iterdir()) < 8e6
    policy = load_policy("gnomon-micro-audio")
    made, _ = part("architecture", "gnomon-micro-audio", texts=20)(0)
    shapes = {name: value.shape for name, value in policy.core.state_dict().items()}
    assert shapes == {name: value.shape for name, value in made.state_dict().items()}


def test_the_bundled_model_counts_beeps_and_tells_the_higher_one() -> None:
    policy = load_policy("gnomon-micro-audio")
    encoder = Encoder(policy.processor, max_tokens=256)
    source = part(
        "source", "world", world="sound", tasks=["count", "higher"], split="test", difficulty=(1, 3)
    )()
    asked = [source[index] for index in range(24)]
    prompts = [encoder.prompt(each, direct()) for each in asked]
    settings = SamplingSettings(8, temperature=0)
    written = sample(policy, prompts, 1, settings, torch.Generator().manual_seed(0))
    right = [
        rollout.text == each.meta["answer_text"]
        for [rollout], each in zip(written, asked, strict=True)
    ]
    assert sum(right) >= 20


def test_the_card_beside_the_model_is_the_page_about_it() -> None:
    page = Path(__file__).parents[2] / "docs" / "models" / "gnomon-micro-audio.md"
    assert page.read_text() == (Path(model_folder("gnomon-micro-audio")) / "README.md").read_text()
