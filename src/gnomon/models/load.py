"""Load and save models strictly: a missing or unexpected tensor is an error, never a warning."""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import torch

from gnomon.models.family import FAMILIES, family_of
from gnomon.models.policy import Policy

SUPPORTED = tuple(FAMILIES)
"""Model types whose forward passes `Policy` knows."""
DTYPES = ("float32", "bfloat16")
ATTENTIONS = ("sdpa", "eager")
"""Attention implementations: those of `gnomon.models.attention`, which transformers names too."""
BUNDLED = ("gnomon-micro", "gnomon-micro-audio")
"""Names of the models that ship with the package, the first one sees, the second one hears."""


class ModelError(ValueError):
    """A model that cannot be used, and what to do about it."""


def model_folder(path: str) -> str:
    """Folder or hub id that ``path`` names; a bundled model's name gives its own folder."""
    if path in BUNDLED:
        return str(resources.files("gnomon.models") / path)
    return path


def load_policy(
    path: str, *, dtype: str = "float32", device: str = "cpu", attention: str = "sdpa"
) -> Policy:
    """Load a Hugging Face folder or hub id as a `Policy`.

    ``dtype`` 'bfloat16' keeps float32 weights and runs the forward passes in bfloat16. Raises
    `ModelError` when the path holds no model, the architecture is not supported, or the
    checkpoint's tensors and the model's parameters are not exactly the same set: transformers alone
    would only warn and go on with random weights.
    """
    _require_known("dtype", dtype, DTYPES)
    _require_known("attention", attention, ATTENTIONS)
    check_model(path)
    folder = model_folder(path)
    model, info = _read_model(path, folder, attention)
    _require_complete(path, info)
    policy = Policy(model.to(device), model, load_processor(folder), dtype == "bfloat16")
    policy.fix()
    return policy


def check_model(path: str) -> None:
    """Raise `ModelError` unless ``path`` is a folder with a supported model or may be a hub id."""
    folder = Path(model_folder(path))
    if not folder.exists():
        if path.count("/") == 1 and not path.startswith((".", "~")):
            return
        raise ModelError(
            f"there is no model at {path!r}: give a folder with config.json, a hub id "
            f"such as Qwen/Qwen2.5-VL-7B-Instruct, or {BUNDLED[0]!r}"
        )
    config = folder / "config.json"
    if not config.is_file():
        raise ModelError(f"{path!r} holds no config.json, so it is no Hugging Face model folder")
    try:
        content = json.loads(config.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{config} cannot be read ({error}); fetch the model again") from None
    _require_supported(path, content.get("model_type") if isinstance(content, dict) else None)


def load_processor(folder: str) -> Any:
    """The processor of a model folder, padding on the left; torchvision may be missing.

    Raises `ModelError` when the folder holds no processor of media or no tokenizer.
    """
    from transformers import AutoProcessor

    from gnomon.models.micro import processor_without_video

    with quiet_transformers():
        try:
            try:
                processor = AutoProcessor.from_pretrained(folder)
            except ImportError:
                processor = processor_without_video(folder)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{folder!r} holds no processor that can be read ({error}); copy the tokenizer and "
                "the processor files of the model that it was trained from into it"
            ) from error
    processor.tokenizer.padding_side = "left"
    return processor


def save_policy(policy: Policy, folder: Path) -> None:
    """Write ``policy`` as an ordinary Hugging Face folder, its adapters merged into the weights.

    The policy stays as it is. Source: ours.
    """
    with quiet_transformers():
        if policy.model is policy.core:
            policy.core.save_pretrained(folder)
        else:
            policy.core.save_pretrained(folder, state_dict=merged_state(policy))
        policy.processor.save_pretrained(folder)


@torch.no_grad()
def move_towards(policy: Policy, trained: Policy, share: float) -> None:
    """Move every weight of ``policy`` by ``share`` of the way to that of ``trained``.

    That is WiSE-FT (arXiv 2109.01903) where the second was trained from the first. Its adapters
    count as merged; ``policy`` has none.
    """
    adapted = trained.model is not trained.core
    state = merged_state(trained) if adapted else trained.core.state_dict()
    for name, parameter in policy.core.named_parameters():  # tied weights are one parameter
        parameter.lerp_(state[name].to(parameter), share)


def merged_state(policy: Policy) -> dict[str, torch.Tensor]:
    """State of the core with its low-rank adapters added in, under the names it has without them.

    The policy is left bitwise as it is: adding the adapters and taking them off again would not.
    Tensors without adapters are shared with the policy.
    """
    from peft.tuners.lora import LoraLayer

    state = {
        name.replace(".base_layer.", "."): value.detach()
        for name, value in policy.core.state_dict().items()
        if ".lora_" not in name
    }
    with torch.no_grad():
        for name, module in policy.core.named_modules():
            if isinstance(module, LoraLayer):
                for adapter in module.active_adapters:
                    weight = f"{name}.weight"
                    state[weight] = state[weight] + module.get_delta_weight(adapter)
    return state


def add_lora(policy: Policy, *, rank: int, alpha: float, targets: str, seed: int) -> Policy:
    """``policy`` with low-rank adapters (LoRA, arXiv 2106.09685) on modules matching ``targets``.

    The base weights are frozen. The adapters are initialised from ``seed``. ``policy`` itself gets
    the adapters too. Raises `ModelError` when no module matches.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, lora_dropout=0.0)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # peft asks for a property under the name that it has in older versions of transformers.
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        torch.manual_seed(seed)
        try:
            model = get_peft_model(policy.core, config)
        except ValueError as error:
            raise ModelError(
                f"lora.targets={targets!r} does not fit the model ({error}); it is a regular "
                "expression for names such as 'model.language_model.layers.0.self_attn.q_proj'"
            ) from error
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


def _read_model(path: str, folder: str, attention: str) -> tuple[Any, dict[str, Any]]:
    """The model in float32 and what transformers noticed about its tensors."""
    import transformers
    from safetensors import SafetensorError

    try:
        with quiet_transformers():
            config = transformers.AutoConfig.from_pretrained(folder)
            _require_supported(path, config.model_type)
            architecture = getattr(transformers, family_of(config).architecture)
            read: tuple[Any, dict[str, Any]] = architecture.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                attn_implementation=attention,
                output_loading_info=True,
                use_safetensors=True,
                ignore_mismatched_sizes=True,  # they are reported, and refused with the others
            )
            return read
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path!r} holds no model that can be read ({error}); give a folder with config.json "
            "and whole safetensors files, or a hub id while there is a connection"
        ) from error


def _require_known(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ModelError(f"{name}={value!r} is not supported; choose {' or '.join(known)}")


def _require_supported(path: str, kind: Any) -> None:
    if kind not in SUPPORTED:
        raise ModelError(
            f"{path!r} is a {kind!r} model by its config.json; "
            f"Gnomon trains and samples {', '.join(SUPPORTED)}"
        )


def _require_complete(path: str, info: dict[str, Any]) -> None:
    problems = [
        f"{kind.replace('_', ' ')}: {sorted(map(str, info[kind]))[:3]} ({len(info[kind])} in all)"
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")
        if info.get(kind)
    ]
    if problems:
        raise ModelError(
            f"the checkpoint at {path!r} does not fit its own configuration; "
            f"{'; '.join(problems)}. It was probably saved under other key prefixes, by another "
            "version, or cut short"
        )
