"""A model without weights: built on torch's meta device from a configuration, and counted."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gnomon.models.family import Family, family_of
from gnomon.models.load import ModelError, check_model, model_folder, quiet_transformers
from gnomon.models.policy import Policy
from gnomon.recipe import Freezable, Lora

LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class Shape:
    """Widths and depths of a model; ``query`` and ``key_value`` are all heads side by side.

    Behind a token of a picture or sound are ``places`` of the tower, whose MLPs are ``gated`` or
    not.
    """

    layers: int
    hidden: int
    query: int
    key_value: int
    heads: int
    intermediate: int
    vocabulary: int
    context: int
    tied: bool
    tower_layers: int
    tower_hidden: int
    tower_heads: int
    tower_intermediate: int
    gated: bool
    places: int

    @property
    def layer(self) -> int:
        """Parameters in the matrices of one language layer."""
        attention = 2 * self.hidden * (self.query + self.key_value)
        return attention + 3 * self.hidden * self.intermediate


@dataclass(frozen=True)
class Parameters:
    """Parameters of the parts that a recipe can freeze; tied weights count once, as embeddings."""

    tower: int
    connector: int
    language: int
    embeddings: int
    head: int

    @property
    def total(self) -> int:
        """All parameters."""
        return self.tower + self.connector + self.language + self.embeddings + self.head


@dataclass(frozen=True)
class Trained:
    """What a stage trains: parameters, their tensors, how many of them are adapters', and whether
    some are of the tower, of the connector and of the language model's layers."""

    parameters: int
    tensors: int
    adapters: int
    tower: bool
    connector: bool
    language: bool


def model_config(path: str) -> Any:
    """Configuration of a model folder, of the bundled model, or of a hub id that the package knows.

    Nothing is downloaded. Raises `ModelError` for a folder that is no supported model and for a hub
    id whose configuration is not shipped, with what to do.
    """
    from transformers import CONFIG_MAPPING

    check_model(path)
    folder = Path(model_folder(path))
    if (folder / "config.json").is_file():
        text = (folder / "config.json").read_text(encoding="utf-8")
    else:
        text = _shipped(path)
    content = json.loads(text)
    with quiet_transformers():
        return CONFIG_MAPPING[content["model_type"]].from_dict(content)


def shipped_models() -> tuple[str, ...]:
    """Hub ids whose configurations are part of the package."""
    names = (file.name for file in _configurations().iterdir() if file.name.endswith(".json"))
    return tuple(sorted(f"Qwen/{name.removesuffix('.json')}" for name in names))


def build_on_meta(config: Any) -> Any:
    """The model of ``config`` with parameters that have shapes and no storage."""
    import transformers

    architecture = getattr(transformers, family_of(config).architecture)
    with torch.device("meta"), quiet_transformers():
        return architecture(config)


def shape_of(config: Any) -> Shape:
    """The sizes of a configuration that memory and compute depend on."""
    text = config.text_config
    head = text.hidden_size // text.num_attention_heads
    return Shape(
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        query=text.num_attention_heads * head,
        key_value=text.num_key_value_heads * head,
        heads=text.num_attention_heads,
        intermediate=text.intermediate_size,
        vocabulary=text.vocab_size,
        context=text.max_position_embeddings,
        tied=bool(getattr(config, "tie_word_embeddings", False)),
        **TOWERS[config.model_type](config),
    )


def _seeing(config: Any) -> dict[str, Any]:
    vision = config.vision_config
    return {
        "tower_layers": vision.depth,
        "tower_hidden": vision.hidden_size,
        "tower_heads": vision.num_heads,
        "tower_intermediate": vision.intermediate_size,
        "gated": True,
        "places": vision.spatial_merge_size**2,
    }


def _hearing(config: Any) -> dict[str, Any]:
    audio = config.audio_config
    return {
        "tower_layers": audio.encoder_layers,
        "tower_hidden": audio.d_model,
        "tower_heads": audio.encoder_attention_heads,
        "tower_intermediate": audio.encoder_ffn_dim,
        "gated": False,
        "places": 2,
    }


TOWERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "qwen2_5_vl": _seeing,
    "qwen2_audio": _hearing,
}
"""The tower's part of a `Shape`, by the ``model_type`` of a configuration."""


def count_parameters(model: nn.Module) -> Parameters:
    """Parameters by part; what lies in another part (embeddings in language) is taken out of it."""
    family = family_of(model.config)
    counts = dict.fromkeys(family.parts, 0)
    for name, parameter in model.named_parameters():
        counts[part_of(name, family)] += parameter.numel()
    return Parameters(**counts)


def part_of(name: str, family: Family) -> str:
    """The narrowest part of a model of ``family`` that holds a parameter.

    >>> from gnomon.models.family import FAMILIES
    >>> part_of("model.visual.merger.mlp.0.weight", FAMILIES["qwen2_5_vl"])
    'connector'
    """
    fitting = [part for part, prefixes in family.parts.items() if name.startswith(prefixes)]
    if not fitting:
        raise ModelError(f"parameter {name!r} belongs to no part that Gnomon knows")
    return fitting[-1]


def trained_parameters(config: Any, freeze: Sequence[Freezable], lora: Lora | None) -> Trained:
    """What a stage trains when ``freeze`` names its frozen parts, with adapters if ``lora`` is
    given.

    Freezing and adapters are those of a run, done on the meta device. Raises `ModelError` when the
    adapters fit no module.
    """
    core = build_on_meta(config)
    model = core if lora is None else _with_adapters(core, lora)
    policy = Policy(model, core, None)
    policy.freeze(freeze)
    trained = policy.trainable()
    return Trained(
        parameters=sum(parameter.numel() for parameter in trained.values()),
        tensors=len(trained),
        adapters=_adapter_count(trained),
        tower=_touches(trained, family_of(config).tower),
        connector=any(
            prefix in name for name in trained for prefix in family_of(config).parts["connector"]
        ),
        language=_touches(trained, ("language_model.layers",)),
    )


def _with_adapters(core: Any, lora: Lora) -> Any:
    from peft import LoraConfig, get_peft_model

    settings = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=lora.targets)
    with torch.device("meta"), warnings.catch_warnings():
        # peft asks transformers for a property under its old name.
        warnings.simplefilter("ignore", FutureWarning)
        try:
            return get_peft_model(core, settings)
        except ValueError as error:
            raise ModelError(
                f"model.lora.targets={lora.targets!r} fits no module of the model ({error}); "
                f"linear modules are called {', '.join(LINEARS)}"
            ) from None


def _adapter_count(trained: Mapping[str, nn.Parameter]) -> int:
    return sum(value.numel() for name, value in trained.items() if ".lora_" in name)


def _touches(trained: Iterable[str], places: Sequence[str]) -> bool:
    return any(f".{place}." in name for name in trained for place in places)


def _configurations() -> Any:
    return resources.files("gnomon.models") / "configs"


def _shipped(path: str) -> str:
    owner, _, name = path.partition("/")
    file = _configurations() / f"{name}.json"
    if owner != "Qwen" or not file.is_file():
        raise ModelError(
            f"a dry run needs the configuration of {path!r} and downloads nothing: give a folder "
            f"that holds its config.json, or one of {', '.join(shipped_models())}"
        )
    return str(file.read_text(encoding="utf-8"))
