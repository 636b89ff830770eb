from __future__ import annotations

import copy
import importlib.util
import json
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import gnomon
from gnomon.formats.plain import direct
from gnomon.models.encode import Encoder
from gnomon.models.load import load_policy, load_processor, model_folder
from gnomon.models.micro import (
    SPECIAL_TOKENS,
    gnomon_micro,
    make_model,
    make_processor,
    mrope_section,
    processor_without_video,
    train_tokenizer,
    world_text,
)
from gnomon.parts import part
from gnomon.records import Media, Message, Sample

TEXT = ["AB AB AB 12 12 12 34 Red red red RED RED (red) The 12 squares."] * 20


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(TEXT, vocabulary=400)


@pytest.fixture(scope="module")
def micro() -> tuple[Any, Any]:
    """The default architecture; few texts, because only the tokenizer reads them."""
    built: tuple[Any, Any] = part("architecture", "gnomon-micro", texts=60)(0)
    return built


# Tokenizer


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_comes_back_from_its_tokens(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == text


@given(st.text("AZBab019 ", max_size=20))
def test_digits_stand_alone(tokenizer: Any, text: str) -> None:
    for token in tokenizer.tokenize(text):
        if any(character.isdigit() for character in token):
            assert len(token) == 1


@given(st.text("ABRED", min_size=1, max_size=10), st.sampled_from(["", " ", "red ", "12"]))
def test_the_capitals_of_a_word_stand_alone(tokenizer: Any, word: str, before: str) -> None:
    pieces = [token.replace("Ġ", "") for token in tokenizer.tokenize(before + word)]
    assert [piece for piece in pieces if piece.isupper()] == list(word)


def test_a_word_with_one_capital_in_front_may_be_one_token(tokenizer: Any) -> None:
    assert "".join(tokenizer.tokenize("Red")) == "Red"
    assert tokenizer.tokenize(" red") == ["Ġred"]


def test_special_tokens_come_first_and_are_single(tokenizer: Any) -> None:
    for index, token in enumerate(SPECIAL_TOKENS.values()):
        assert tokenizer(token, add_special_tokens=False)["input_ids"] == [index]
    assert set(SPECIAL_TOKENS.values()) <= set(tokenizer.all_special_tokens)
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.pad_token == "<|endoftext|>"


def test_the_vocabulary_keeps_its_limit(tokenizer: Any) -> None:
    assert len(SPECIAL_TOKENS) + 256 < len(tokenizer) <= 400


def test_special_tokens_survive_saving(tokenizer: Any, tmp_path: Path) -> None:
    make_processor(tokenizer).save_pretrained(tmp_path)
    loaded = load_processor(str(tmp_path)).tokenizer
    assert set(loaded.all_special_tokens) == set(tokenizer.all_special_tokens)
    assert loaded.get_vocab() == tokenizer.get_vocab()


# Model


@pytest.mark.parametrize(
    ("head", "section"), [(128, [16, 24, 24]), (32, [4, 6, 6]), (16, [2, 3, 3]), (64, [8, 12, 12])]
)
def test_rotary_frequencies_are_shared_two_to_three_to_three(head: int, section: list[int]) -> None:
    assert mrope_section(head) == section


@given(st.integers(1, 128).map(lambda half: 2 * half))
def test_rotary_sections_use_every_frequency(head: int) -> None:
    section = mrope_section(head)
    assert sum(section) == head // 2
    assert min(section) >= 0


def make(tokenizer: Any, seed: int) -> Any:
    text = {
        "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 1,
    }  # fmt: skip
    return make_model(tokenizer, seed=seed, text=text, vision={"hidden_size": 32, "depth": 1})


def test_the_seed_alone_decides_the_weights(tokenizer: Any) -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one = make(tokenizer, 7).state_dict()
    assert torch.get_rng_state().equal(state)
    torch.manual_seed(2)
    same, other = make(tokenizer, 7).state_dict(), make(tokenizer, 8).state_dict()
    assert all(one[name].equal(same[name]) for name in one)
    assert not one["lm_head.weight"].equal(other["lm_head.weight"])


def test_the_default_model_is_a_small_qwen(micro: tuple[Any, Any]) -> None:
    model, processor = micro
    assert type(model).__name__ == "Qwen2_5_VLForConditionalGeneration"
    assert 1e6 < sum(p.numel() for p in model.parameters()) <= 8e6
    assert model.config.vision_config.spatial_merge_size == processor.image_processor.merge_size
    assert model.config.get_text_config().vocab_size == len(processor.tokenizer) <= 640


def test_the_default_model_is_the_same_for_the_same_seed(micro: tuple[Any, Any]) -> None:
    again, processor = gnomon_micro(0, texts=60)
    assert processor.tokenizer.get_vocab() == micro[1].tokenizer.get_vocab()
    assert all(
        one.equal(other)
        for one, other in zip(again.parameters(), micro[0].parameters(), strict=True)
    )


def test_the_configuration_names_the_tokenizers_special_tokens(micro: tuple[Any, Any]) -> None:
    config, find = micro[0].config, micro[1].tokenizer.convert_tokens_to_ids
    assert config.image_token_id == find("<|image_pad|>") == micro[1].image_token_id
    assert config.video_token_id == find("<|video_pad|>")
    assert config.vision_start_token_id == find("<|vision_start|>")
    assert config.get_text_config().eos_token_id == find("<|im_end|>")


def test_the_training_text_is_the_same_every_time_and_holds_no_special_token() -> None:
    texts = list(world_text(40))
    assert texts == list(world_text(40))
    assert len(texts) >= 40
    assert not any(token in text for text in texts for token in SPECIAL_TOKENS.values())
    assert any("\\boxed{" in text for text in texts)
    assert any("<answer>" in text for text in texts)


def test_common_words_are_single_tokens(micro: tuple[Any, Any]) -> None:
    for word in (" the", " is"):
        assert len(micro[1].tokenizer.tokenize(word)) == 1


# The processor of a real Qwen2.5-VL, without torchvision

HUB = {
    "min_pixels": 3136,
    "max_pixels": 12845056,
    "patch_size": 14,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "image_processor_type": "Qwen2VLImageProcessor",
    "processor_class": "Qwen2_5_VLProcessor",
}


def hub_layout(folder: Path) -> None:
    """As Qwen2.5-VL is stored on the hub."""
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    (folder / "processor_config.json").unlink()
    (folder / "preprocessor_config.json").write_text(json.dumps(HUB))
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    names = ("image_token", "video_token", "turn_token", "vision_bos_token", "vision_eos_token")
    config["additional_special_tokens"] = [config.pop(name) for name in names]
    config.pop("extra_special_tokens", None)
    config |= {"chat_template": template, "processor_class": "Qwen2_5_VLProcessor"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def saved_layout(folder: Path) -> None:
    """As transformers 5 saves it."""
    place = folder / "processor_config.json"
    config = json.loads(place.read_text())
    config["processor_class"] = "Qwen2_5_VLProcessor"
    config["video_processor"] = {"video_processor_type": "Qwen2VLVideoProcessor", "merge_size": 2}
    place.write_text(json.dumps(config))


def template_only_beside(folder: Path) -> None:
    """As on the hub, with the template in the processor's file alone."""
    hub_layout(folder)
    place = folder / "tokenizer_config.json"
    config = json.loads(place.read_text())
    del config["chat_template"]
    place.write_text(json.dumps(config))


@pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is not None, reason="torchvision is installed"
)
@pytest.mark.parametrize("layout", [hub_layout, saved_layout, template_only_beside])
def test_a_qwen_folder_loads_without_torchvision(
    tiny_folder: Path, tmp_path: Path, paint: Callable[..., Media], layout: Callable[[Path], None]
) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "qwen")
    layout(folder)
    with pytest.raises(ImportError, match=r"(?i)torchvision"):
        from transformers import AutoProcessor

        AutoProcessor.from_pretrained(folder)
    sample = Sample("s", (Message("user", "<image>What?"),), (paint("red", 84, 56),))
    plain, other = (
        Encoder(load_policy(str(place)).processor, max_tokens=99).prompt(sample, direct())
        for place in (tiny_folder, folder)
    )
    assert plain.token_ids.equal(other.token_ids)
    assert plain.positions.equal(other.positions)
    torch.testing.assert_close(plain.percepts[0].patches_PD, other.percepts[0].patches_PD)


def test_the_limits_of_a_hub_folder_are_kept(tiny_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "qwen")
    hub_layout(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({**HUB, "max_pixels": 28 * 28 * 4}))
    images = processor_without_video(str(folder)).image_processor
    grid = images(images=[Image.new("RGB", (560, 560))], return_tensors="pt")["image_grid_thw"]
    assert int(grid.prod()) <= 16


def test_a_processor_makes_at_most_the_features_of_its_pixel_limit(tokenizer: Any) -> None:
    images = make_processor(copy.deepcopy(tokenizer), max_pixels=28 * 28 * 9).image_processor
    grid = images(images=[Image.new("RGB", (900, 300))], return_tensors="pt")["image_grid_thw"]
    assert int(grid.prod()) // 4 <= 9


def test_accents_that_combine_come_back_as_they_were(tokenizer: Any) -> None:
    for text in (unicodedata.normalize(form, "é ﬁ Å") for form in ("NFC", "NFD")):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


# The bundled model


def test_the_bundled_model_is_small() -> None:
    folder = Path(model_folder("gnomon-micro"))
    assert sum(file.stat().st_size for file in folder.iterdir()) < 25e6


def test_the_bundled_model_answers_what_one_look_answers() -> None:
    result = gnomon.evaluate(
        "gnomon-micro",
        "microworld-perception",
        benchmark_settings={"items": 104},
        format="direct",
        grader="lenient",
    )
    assert result.accuracy > 0.9


def test_the_card_beside_the_model_is_the_page_about_it() -> None:
    page = Path(__file__).parents[2] / "docs" / "models" / "gnomon-micro.md"
    assert page.read_text() == (Path(model_folder("gnomon-micro")) / "README.md").read_text()
