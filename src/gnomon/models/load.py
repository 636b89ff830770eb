"""Load and save models strictly: a missing or unexpected tensor is an error, never a warning."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import torch

from gnomon.models.policy import Policy

SUPPORTED = ("qwen2_5_vl",)
"""Model types whose forward passes `Policy` knows."""
BUNDLED = "gnomon-micro"
"""Name of the model that ships with the package."""


class ModelError(ValueError):
    """A model that cannot be used, and what to do about it."""


def model_folder(path: str) -> str:
    """Folder or hub id that ``path`` names; the bundled model's name gives its folder in the package."""
    if path == BUNDLED:
        return str(resources.files("gnomon.models") / BUNDLED)
    return path


def load_policy(
    path: str, *, dtype: str = "float32", device: str = "cpu", attention: str = "sdpa"
) -> Policy:
    """Load a Hugging Face folder or hub id as a `Policy`.

    ``dtype`` 'bfloat16' keeps float32 weights and runs the forward passes in bfloat16. Raises `ModelError` when
    the path holds no model, the architecture is not supported, or the checkpoint's tensors and the model's
    parameters are not exactly the same set: transformers alone would only warn and go on with random weights.
    """
    from transformers import AutoModelForImageTextToText

    check_model(path)
    folder = model_folder(path)
    with quiet_transformers():
        model, info = AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=torch.float32,
            attn_implementation=attention,
            output_loading_info=True,
            use_safetensors=True,
        )
    _require_complete(path, info)
    return Policy(model.to(device), model, load_processor(folder), dtype == "bfloat16")


def check_model(path: str) -> None:
    """Raise `ModelError` unless ``path`` is a folder with a supported model, or looks like a hub id."""
    folder = Path(model_folder(path))
    if not folder.exists():
        if path.count("/") == 1 and not path.startswith((".", "~")):
            return
        raise ModelError(
            f"there is no model at {path!r}: give a folder with config.json, a hub id "
            f"such as Qwen/Qwen2.5-VL-7B-Instruct, or {BUNDLED!r}"
        )
    config = folder / "config.json"
    if not config.is_file():
        raise ModelError(f"{path!r} holds no config.json, so it is no Hugging Face model folder")
    kind = json.loads(config.read_text()).get("model_type")
    if kind not in SUPPORTED:
        raise ModelError(
            f"{path!r} is a {kind!r} model; Gnomon trains and samples {', '.join(SUPPORTED)}"
        )


def load_processor(folder: str) -> Any:
    """The processor of a model folder, padding on the left, without torchvision where that is missing."""
    from transformers import AutoProcessor

    from gnomon.models.micro import processor_without_video

    with quiet_transformers():
        try:
            processor = AutoProcessor.from_pretrained(folder)
        except ImportError:
            processor = processor_without_video(folder)
    processor.tokenizer.padding_side = "left"
    return processor


def save_policy(policy: Policy, folder: Path) -> None:
    """Write ``policy`` as an ordinary Hugging Face folder, adapters merged into a copy of the weights."""
    with quiet_transformers():
        if policy.model is policy.core:
            policy.core.save_pretrained(folder)
        else:
            policy.core.save_pretrained(folder, state_dict=merged_state(policy))
        policy.processor.save_pretrained(folder)


def merged_state(policy: Policy) -> dict[str, torch.Tensor]:
    """State of the core with its low-rank adapters added in, under the names that it has without them."""
    policy.model.merge_adapter()
    try:
        return {
            name.replace(".base_layer.", "."): value.detach().clone()
            for name, value in policy.core.state_dict().items()
            if ".lora_" not in name
        }
    finally:
        policy.model.unmerge_adapter()


def add_lora(policy: Policy, *, rank: int, alpha: float, targets: str, seed: int) -> Policy:
    """``policy`` with low-rank adapters (LoRA, arXiv 2106.09685) on the modules matching ``targets``.

    The base weights are frozen. The adapters are initialised from ``seed``.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, lora_dropout=0.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = get_peft_model(policy.core, config)
    return Policy(model, policy.core, policy.processor, policy.mixed_precision)


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers' progress bars and notices off the console while it loads or saves."""
    from transformers.utils import logging as messages

    level, bars = messages.get_verbosity(), messages.is_progress_bar_enabled()
    messages.set_verbosity(logging.ERROR)
    messages.disable_progress_bar()
    try:
        yield
    finally:
        messages.set_verbosity(level)
        if bars:
            messages.enable_progress_bar()


def _require_complete(path: str, info: dict[str, Any]) -> None:
    problems = [
        f"{kind.replace('_', ' ')}: {sorted(map(str, info[kind]))[:3]} ({len(info[kind])} in all)"
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")
        if info.get(kind)
    ]
    if problems:
        raise ModelError(
            f"the checkpoint at {path!r} does not fit its own configuration; {'; '.join(problems)}. "
            "It was probably saved under other key prefixes, by another version, or cut short"
        )
