"""Families of models: where each keeps what sees or hears, and how that is computed.

The language model of a family is that of Qwen2, whose layers `gnomon.models.decoder` runs. What
differs is in one `Family` each, found by the model's configuration or by its processor; nothing
else asks what a model is called. Dimension suffixes: S sounds, B bands of a spectrogram, T its
frames, Y positions in the tower, W its width, F features, H hidden width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn.functional import gelu
from torch.nn.utils.rnn import pad_sequence

from gnomon.models.percepts import (
    ROPE_AXES,
    Percept,
    Picture,
    Sound,
    line_positions,
    read_picture,
    read_sound,
    spread_positions,
)
from gnomon.models.tower import see
from gnomon.records import Media, MediaKind

Prefixes = Mapping[str, tuple[str, ...]]
"""Prefixes of parameter names, by the name of a part."""

LANGUAGE: Prefixes = {
    "language": ("model.language_model.",),
    "embeddings": ("model.language_model.embed_tokens.",),
    "head": ("lm_head.",),
}


@dataclass(frozen=True)
class Family:
    """What one kind of model has of its own.

    - ``architecture``: its class in transformers; ``medium``: what it takes beside text;
    - ``reader``: the processor's attribute that reads it, ``placeholder`` the one that holds the id
      of the token which stands for a feature; the model's configuration has it too;
    - ``axes`` of rotary positions, which ``positions(token_ids, placeholder, percepts)`` makes,
      with the position at which text goes on;
    - ``read(processor, medium, root)`` makes the percept of a medium; ``encode(core, percepts,
      device)`` the features [F, H] of several, one behind the other;
    - ``tower``: what ``encode`` runs, as attributes of ``core.model``; ``counted`` the one whose
      first argument has a line for each of a percept's ``size``;
    - ``parts``: prefixes of parameter names of the tower, the connector, the language model, the
      embeddings within it, and the head, which may be the embeddings under another name; ``sense``
      is what a recipe calls tower and connector together; ``fixed`` are parameters that are never
      trained.
    """

    architecture: str
    medium: MediaKind
    reader: str
    placeholder: str
    axes: int
    positions: Callable[[ArrayLike, int, Sequence[Any]], tuple[Tensor, int]]
    read: Callable[[Any, Media, Path | None], Percept]
    encode: Callable[[Any, Sequence[Any], torch.device], Tensor]
    tower: tuple[str, ...]
    counted: str
    parts: Prefixes
    sense: str
    fixed: tuple[str, ...] = ()

    @property
    def freezable(self) -> Prefixes:
        """What a recipe can freeze: the parts, and tower and connector under one name."""
        return {self.sense: (*self.parts["tower"], *self.parts["connector"]), **self.parts}


def picture_features(core: Any, pictures: Sequence[Picture], device: torch.device) -> Tensor:
    """Features [F, H] of images by the tower of a Qwen2.5-VL, one forward for all of them."""
    return see(core.model.visual, pictures, device)


def sound_features(core: Any, sounds: Sequence[Sound], device: torch.device) -> Tensor:
    """Features [F, H] of sounds by the tower of a Qwen2-Audio (arXiv 2407.10759), after Whisper's.

    Two convolutions, layers of full attention, an average of pairs, a projection: what
    transformers' forward computes, of the longest sound's positions instead of the whole window's,
    30 s for every sound. Dropout is left out.
    """
    tower = core.model.audio_tower
    frames_STB = pad_sequence([sound.frames_BT.T for sound in sounds], batch_first=True)
    frames_SBT = frames_STB.mT.to(device, tower.conv1.weight.dtype)
    places_S = torch.tensor([sound.places for sound in sounds], device=device)
    room = max(sound.places for sound in sounds)
    bent_SWY = gelu(tower.conv2(gelu(tower.conv1(frames_SBT))))[..., :room]
    hidden_SYW = bent_SWY.mT + tower.embed_positions.weight[:room]
    bias_S11Y = _unheard(places_S, room, hidden_SYW)
    for layer in tower.layers:
        hidden_SYW = layer(hidden_SYW, bias_S11Y)
    pairs_SFW = tower.avg_pooler(hidden_SYW.mT).mT
    real_SF = torch.arange(pairs_SFW.shape[1], device=device) < (places_S // 2)[:, None]
    features: Tensor = core.model.multi_modal_projector(tower.layer_norm(pairs_SFW[real_SF]))
    return features


def _unheard(places_S: Tensor, room: int, like: Tensor) -> Tensor | None:
    """What is added to the scores [S, 1, 1, Y]: minus infinity on padding; None without any."""
    hidden_SY = torch.arange(room, device=places_S.device) >= places_S[:, None]
    if not bool(hidden_SY.any()):
        return None
    bias_SY = torch.zeros(hidden_SY.shape, dtype=like.dtype, device=like.device)
    return bias_SY.masked_fill_(hidden_SY, -math.inf)[:, None, None]


FAMILIES: dict[str, Family] = {
    "qwen2_5_vl": Family(
        architecture="Qwen2_5_VLForConditionalGeneration",
        medium="image",
        reader="image_processor",
        placeholder="image_token_id",
        axes=ROPE_AXES,
        positions=spread_positions,
        read=read_picture,
        encode=picture_features,
        tower=("visual",),
        counted="visual.merger",
        parts={
            "tower": ("model.visual.patch_embed.", "model.visual.blocks."),
            "connector": ("model.visual.merger.",),
            **LANGUAGE,
        },
        sense="vision",
    ),
    "qwen2_audio": Family(
        architecture="Qwen2AudioForConditionalGeneration",
        medium="audio",
        reader="feature_extractor",
        placeholder="audio_token_id",
        axes=1,
        positions=line_positions,
        read=read_sound,
        encode=sound_features,
        tower=("audio_tower", "multi_modal_projector"),
        counted="multi_modal_projector",
        parts={
            "tower": ("model.audio_tower.",),
            "connector": ("model.multi_modal_projector.",),
            **LANGUAGE,
        },
        sense="audio",
        fixed=("model.audio_tower.embed_positions.",),
    ),
}
"""Families by the ``model_type`` of their configuration."""


def family_of(config: Any) -> Family:
    """The family of a model's configuration, which has to be one of `FAMILIES`."""
    return FAMILIES[config.model_type]


def family_of_processor(processor: Any) -> Family:
    """The first family whose reader a processor has.

    Raises ValueError when it reads neither images nor sounds.
    """
    for family in FAMILIES.values():
        if hasattr(processor, family.reader):
            return family
    readers = " or ".join(family.reader for family in FAMILIES.values())
    raise ValueError(f"{type(processor).__name__} has no {readers}; give a model's own processor")
