from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from gnomon.formats.plain import direct
from gnomon.media.frames import Video
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.load import (
    ModelError,
    add_lora,
    check_model,
    load_policy,
    load_processor,
    merged_state,
    model_folder,
    quiet_transformers,
    save_policy,
)
from gnomon.models.logprobs import score_tokens
from gnomon.models.policy import Policy
from gnomon.recipe import Lora
from gnomon.records import Media, Message, Sample

Paint = Callable[..., Media]
LORA: dict[str, Any] = {"rank": 4, "alpha": 8.0, "targets": Lora().targets, "seed": 0}
FRESH = """
import sys
from transformers import AutoModelForImageTextToText, AutoProcessor
model = AutoModelForImageTextToText.from_pretrained(sys.argv[1])
processor = AutoProcessor.from_pretrained(sys.argv[1])
assert not any(name.startswith("gnomon") for name in sys.modules)
from PIL import Image
chat = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What?"}]}]
text = processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
image = Image.new("RGB", (56, 84), "red")
batch = processor(images=[image], text=[text], return_tensors="pt")
batch["mm_token_type_ids"] = (batch["input_ids"] == model.config.image_token_id).int()
print(type(model).__name__, model(**batch).logits.shape[1])
"""


@pytest.fixture
def copied(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be damaged."""
    return shutil.copytree(tiny_folder, tmp_path / "copy")


@pytest.fixture
def example(tiny_encoder: Encoder, paint: Paint) -> Encoded:
    turns = (Message("user", "<image>How many?"), Message("assistant", "There are three."))
    return tiny_encoder.example(Sample("s", turns, (paint(),)), direct())


def change_tensors(folder: Path, change: Callable[[dict[str, Tensor]], None]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def scored(policy: Policy, example: Encoded) -> Tensor:
    with torch.no_grad():
        return score_tokens(policy, policy.batch([example])).logp


def assert_same_state(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].equal(other[name]), name


# Round trips


def test_a_saved_policy_loads_bitwise_the_same(
    tiny_policy: Policy, tmp_path: Path, example: Encoded
) -> None:
    save_policy(tiny_policy, tmp_path)
    loaded = load_policy(str(tmp_path))
    assert_same_state(loaded.core.state_dict(), tiny_policy.core.state_dict())
    assert scored(loaded, example).equal(scored(tiny_policy, example))
    assert loaded.processor.chat_template == tiny_policy.processor.chat_template


def test_a_loaded_model_is_in_evaluation_mode_and_float32(tiny_policy: Policy) -> None:
    assert not tiny_policy.model.training
    assert {p.dtype for p in tiny_policy.core.parameters()} == {torch.float32}
    assert tiny_policy.processor.tokenizer.padding_side == "left"


def test_bfloat16_asks_for_mixed_precision_over_float32_weights(tiny_folder: Path) -> None:
    policy = load_policy(str(tiny_folder), dtype="bfloat16")
    assert policy.mixed_precision
    assert {p.dtype for p in policy.core.parameters()} == {torch.float32}


def test_a_saved_folder_needs_no_gnomon(tiny_folder: Path) -> None:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(tiny_folder)],
        capture_output=True, text=True, check=False, timeout=120, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    name, length = done.stdout.split()
    assert name == "Qwen2_5_VLForConditionalGeneration"
    assert int(length) > 6


def test_loading_and_saving_say_nothing(
    tiny_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    save_policy(load_policy(str(tiny_folder)), tmp_path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("bars", [False, True])
def test_the_messages_of_transformers_are_as_before(bars: bool) -> None:
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    (logging.enable_progress_bar if bars else logging.disable_progress_bar)()
    with pytest.raises(KeyError), quiet_transformers():
        assert not logging.is_progress_bar_enabled()
        raise KeyError
    assert logging.is_progress_bar_enabled() is bars
    assert logging.get_verbosity() == before[0]
    (logging.enable_progress_bar if before[1] else logging.disable_progress_bar)()


# Checkpoints that do not fit


def drop(tensors: dict[str, Tensor]) -> None:
    del tensors["model.norm.weight"]


def add(tensors: dict[str, Tensor]) -> None:
    tensors["model.surprise.weight"] = torch.zeros(2)


def rename(tensors: dict[str, Tensor]) -> None:
    for name in [name for name in tensors if name.startswith("model.layers.")]:
        tensors[name.replace("model.", "model.text_tower.")] = tensors.pop(name)


def reshape(tensors: dict[str, Tensor]) -> None:
    tensors["model.norm.weight"] = torch.zeros(3)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (drop, r"missing keys: \['model.language_model.norm.weight'\] \(1 in all\)"),
        (add, "unexpected keys: .*surprise"),
        (rename, "missing keys: .*unexpected keys: .*text_tower.*other key prefixes"),
        (reshape, r"does not fit.*mismatched keys: .*norm.weight.*\(1 in all\)"),
    ],
)
def test_tensors_that_are_not_exactly_the_parameters_are_refused(
    copied: Path, change: Callable[[dict[str, Tensor]], None], reason: str
) -> None:
    change_tensors(copied, change)
    with pytest.raises(ModelError, match=reason):
        load_policy(str(copied))


def test_a_folder_without_weights_is_refused(copied: Path) -> None:
    (copied / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no model that can be read.*safetensors"):
        load_policy(str(copied))


def test_weights_that_were_cut_short_are_refused(copied: Path) -> None:
    file = copied / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(ModelError, match="no model that can be read"):
        load_policy(str(copied))


def test_pickled_weights_are_not_read(copied: Path) -> None:
    tensors = load_file(copied / "model.safetensors")
    torch.save(tensors, copied / "pytorch_model.bin")
    (copied / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="safetensors"):
        load_policy(str(copied))


def test_a_folder_without_a_processor_is_refused(copied: Path) -> None:
    for file in copied.iterdir():
        if file.name not in ("config.json", "model.safetensors"):
            file.unlink()
    with pytest.raises(ModelError, match="processor"):
        load_policy(str(copied))


# Paths that name no model


def test_a_path_that_is_not_there_says_what_to_give() -> None:
    for path in ("nowhere", "./a/b", "~/a", "/a/b/c"):
        with pytest.raises(ModelError, match=r"give a folder with config.json, a hub id"):
            check_model(path)


def test_a_hub_id_is_not_looked_up_before_it_is_needed() -> None:
    check_model("someone/some-model")


def test_a_folder_without_a_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no config.json"):
        load_policy(str(tmp_path))


def test_a_file_is_no_model_folder(tmp_path: Path) -> None:
    file = tmp_path / "model"
    file.write_text("x")
    with pytest.raises(ModelError, match=r"holds no config.json"):
        load_policy(str(file))


@pytest.mark.parametrize("text", ["", "{", "[1]", '"qwen2_5_vl"'])
def test_a_configuration_that_cannot_be_read_is_refused(copied: Path, text: str) -> None:
    (copied / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"config\.json"):
        load_policy(str(copied))


def test_another_architecture_is_refused(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**config, "model_type": "llava"}))
    with pytest.raises(ModelError, match=r"is a 'llava' model .* trains and samples qwen2_5_vl"):
        load_policy(str(copied))


def test_a_hub_id_of_another_architecture_is_refused_before_its_weights_are_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    snapshot = tmp_path / "models--someone--llama" / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0123")
    with pytest.raises(ModelError, match="is a 'llama' model"):
        load_policy("someone/llama")
    with pytest.raises(ModelError, match="hub id while there is a connection"):
        load_policy("someone/missing")


def test_the_bundled_model_is_a_folder_of_the_package() -> None:
    assert model_folder("gnomon-micro") == str(resources.files("gnomon.models") / "gnomon-micro")
    assert model_folder("a/b") == "a/b"


@pytest.mark.parametrize("settings", [{"dtype": "float16"}, {"attention": "flash_attention_2"}])
def test_settings_that_would_compute_something_else_are_refused(
    tiny_folder: Path, settings: dict[str, str]
) -> None:
    with pytest.raises(ModelError, match=next(iter(settings.values()))):
        load_policy(str(tiny_folder), **settings)


# Adapters


@pytest.fixture
def adapted(fresh_policy: Policy) -> Policy:
    """The tiny model with adapters that do something."""
    policy = add_lora(fresh_policy, **LORA)
    with torch.no_grad():
        for parameter in policy.trainable().values():
            parameter.normal_(0, 0.2, generator=torch.Generator().manual_seed(parameter.numel()))
    return policy


def test_new_adapters_change_nothing_yet(
    tiny_policy: Policy, fresh_policy: Policy, example: Encoded
) -> None:
    expected = scored(tiny_policy, example)
    torch.testing.assert_close(scored(add_lora(fresh_policy, **LORA), example), expected)


def test_adapters_alone_are_trained(adapted: Policy, tiny_policy: Policy, example: Encoded) -> None:
    assert adapted.trainable()
    assert all(".lora_" in name for name in adapted.trainable())
    assert not any("visual" in name for name in adapted.trainable())
    batch = adapted.batch([example])
    score_tokens(adapted, batch).logp.sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in adapted.trainable().values())
    for name, parameter in adapted.core.named_parameters():
        if ".lora_" not in name:
            assert parameter.grad is None
            assert parameter.equal(
                tiny_policy.core.get_parameter(name.replace(".base_layer.", "."))
            )


def test_the_seed_alone_decides_the_adapters(tiny_policy: Policy, tiny_folder: Path) -> None:
    def weights(seed: int) -> Tensor:
        policy = add_lora(load_policy(str(tiny_folder)), **{**LORA, "seed": seed})
        return torch.cat([p.detach().flatten() for p in policy.trainable().values()])

    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = weights(0)
    assert torch.get_rng_state().equal(state)
    torch.manual_seed(6)
    assert first.equal(weights(0))
    assert not first.equal(weights(1))


def test_adapters_are_saved_merged_as_a_plain_folder(
    adapted: Policy, tiny_policy: Policy, tmp_path: Path, example: Encoded
) -> None:
    save_policy(adapted, tmp_path)
    assert not list(tmp_path.glob("adapter*"))
    loaded = load_policy(str(tmp_path))
    assert loaded.core.state_dict().keys() == tiny_policy.core.state_dict().keys()
    expected = scored(adapted, example)
    torch.testing.assert_close(scored(loaded, example), expected, atol=1e-5, rtol=0)
    assert not torch.allclose(scored(tiny_policy, example), expected, atol=1e-2)


def test_a_merged_folder_is_no_larger_than_a_plain_one(
    adapted: Policy, tiny_folder: Path, tmp_path: Path
) -> None:
    save_policy(adapted, tmp_path)
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (tmp_path, tiny_folder)]
    assert sizes[0] == sizes[1]


def test_saving_leaves_an_adapted_model_bitwise_as_it_was(adapted: Policy, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in adapted.core.state_dict().items()}
    save_policy(adapted, tmp_path)
    assert_same_state(adapted.core.state_dict(), before)


def test_merged_weights_are_the_base_plus_the_scaled_product(
    adapted: Policy, tiny_policy: Policy
) -> None:
    place = "model.language_model.layers.1.mlp.up_proj"
    down = adapted.core.get_parameter(f"{place}.lora_A.default.weight")
    up = adapted.core.get_parameter(f"{place}.lora_B.default.weight")
    base = tiny_policy.core.get_parameter(f"{place}.weight")
    merged = merged_state(adapted)[f"{place}.weight"]
    torch.testing.assert_close(merged, base + 8.0 / 4 * up @ down)
    assert merged_state(adapted).keys() == tiny_policy.core.state_dict().keys()


def test_freezing_language_freezes_its_adapters(adapted: Policy) -> None:
    adapted.freeze(["language"])
    assert adapted.trainable() == {}


def test_targets_that_match_nothing_are_refused(fresh_policy: Policy) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        add_lora(fresh_policy, **{**LORA, "targets": "nowhere"})


def test_adapters_work_in_mixed_precision_with_checkpointed_activations(
    adapted: Policy, example: Encoded
) -> None:
    adapted.mixed_precision = True
    adapted.model.train()
    adapted.checkpoint_activations()
    score_tokens(adapted, adapted.batch([example])).logp.sum().backward()
    assert all(
        p.dtype == p.grad.dtype == torch.float32 and p.grad.isfinite().all() and p.grad.any()
        for p in adapted.trainable().values()
        if p.grad is not None
    )
    assert all(p.grad is not None for p in adapted.trainable().values())


# Processors


def test_a_processor_alone_pads_on_the_left(tiny_folder: Path) -> None:
    processor = load_processor(str(tiny_folder))
    assert processor.tokenizer.padding_side == "left"
    assert processor.image_processor.merge_size == 2


# Videos


def test_what_a_model_sees_of_a_video_is_saved_with_it(
    fresh_policy: Policy, tmp_path: Path
) -> None:
    fresh_policy.video = Video(fps=1.0, most=4)
    save_policy(fresh_policy, tmp_path)
    assert load_policy(str(tmp_path)).video == Video(fps=1.0, most=4)
    assert fresh_policy.encoder(max_tokens=9).video.most == 4


def test_a_model_that_says_nothing_of_videos_sees_sixteen_frames(tiny_policy: Policy) -> None:
    assert tiny_policy.video == Video() == Video(most=16)


def test_the_usual_frames_of_a_video_are_not_written_down(fresh_policy: Policy) -> None:
    before = fresh_policy.core.config.to_dict()
    for video in (Video(frames=2), Video()):
        fresh_policy.video = video
    assert fresh_policy.core.config.to_dict() == before
