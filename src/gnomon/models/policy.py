"""A policy: a model that sees or hears, with the forward passes that training and sampling need.

Dimension suffixes: M tokens of a batch, F features of percepts, X axes of
positions, H hidden width, V vocabulary.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gnomon.media.frames import Video
from gnomon.models.attention import attend_within
from gnomon.models.batch import Batch, make_batch
from gnomon.models.decoder import Attend, run_layers
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.family import Family, family_of
from gnomon.models.features import FeatureCache, stands_still
from gnomon.models.kernels import KERNELS, Kernel
from gnomon.models.percepts import Percept

_VIDEO = "gnomon_video"
"""Name of `Policy.video` in the model's configuration."""


@dataclass
class Policy:
    """A loaded model of one of the `gnomon.models.family.FAMILIES`, and its processor.

    ``model`` is what is trained and saved; ``core`` is the model of transformers in it, which
    ``model`` may wrap in adapters. ``mixed_precision`` runs the forward passes in bfloat16 and
    keeps the weights in float32; ``recompute`` keeps no activations inside layers (see
    `checkpoint_activations`). ``encoded`` are the features of pictures and sounds, which are kept
    while no weight of the tower is trained.
    """

    model: Any
    core: Any
    processor: Any
    mixed_precision: bool = False
    recompute: bool = False
    encoded: FeatureCache = field(default_factory=FeatureCache, repr=False, compare=False)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        device: torch.device = next(self.core.parameters()).device
        return device

    @property
    def video(self) -> Video:
        """How a video is shown to the model; saved with it, in its configuration."""
        return Video(**getattr(self.core.config, _VIDEO, {}))

    @video.setter
    def video(self, video: Video) -> None:
        changed = video.model_dump(exclude={"origins"}, exclude_defaults=True)
        vars(self.core.config).pop(_VIDEO, None)
        if changed:
            setattr(self.core.config, _VIDEO, changed)

    def encoder(self, *, max_tokens: int, root: Path | None = None) -> Encoder:
        """An encoder of what this model reads, see `Encoder`."""
        return Encoder(self.processor, max_tokens=max_tokens, root=root, video=self.video)

    @property
    def family(self) -> Family:
        """What its kind of model has of its own."""
        return family_of(self.core.config)

    @property
    def tower(self) -> nn.ModuleList:
        """The modules that make features of percepts, the connector included."""
        return nn.ModuleList(getattr(self.core.model, name) for name in self.family.tower)

    @property
    def placeholder_id(self) -> int:
        """Token id of the placeholder of one feature."""
        return int(getattr(self.core.config, self.family.placeholder))

    @functools.cached_property
    def end_token_ids(self) -> tuple[int, ...]:
        """Tokens that end a response."""
        return (int(self.processor.tokenizer.eos_token_id),)

    @functools.cached_property
    def forbidden_token_ids(self) -> tuple[int, ...]:
        """Tokens that no response may hold.

        They are those that only a prompt may hold (media, and turn markers other than the end), and
        the rows that pad the embedding matrix past the tokenizer's last token.
        """
        tokenizer = self.processor.tokenizer
        special = set(tokenizer.all_special_ids) - set(self.end_token_ids)
        padding = range(len(tokenizer), self.core.lm_head.out_features)
        return (*sorted(special), *padding)

    def batch(self, rows: Sequence[Encoded]) -> Batch:
        """`make_batch` with this model's constants, on its device."""
        return make_batch(rows, placeholder_id=self.placeholder_id).to(self.device)

    def features(self, percepts: Sequence[Percept]) -> Tensor:
        """Features [F, H] of ``percepts``, one forward pass of the tower for all of them.

        While the whole tower is frozen, its connector included, each percept is encoded once for
        all rollouts, micro-batches and epochs. A frozen tower under a trained connector is run
        again, because what is kept is what comes out of the connector.
        """
        tower = self.tower
        if stands_still(tower):
            return self.encoded.of(percepts, tower, self._encode)
        self.encoded.forget()
        return self._encode(percepts)

    def _encode(self, percepts: Sequence[Percept]) -> Tensor:
        with self.precision():
            return self.family.encode(self.core, percepts, self.device)

    def embed(self, batch: Batch, features_FH: Tensor | None = None) -> Tensor:
        """Input embeddings [M, H] with features in their places.

        ``features_FH`` may be given when they are known; otherwise each percept is encoded once.
        """
        embeds_MH = self.core.get_input_embeddings()(batch.token_ids)
        if not batch.percepts:
            return embeds_MH  # type: ignore[no-any-return]
        if features_FH is None:
            features_FH = self.features(batch.percepts)
        embeds_MH = embeds_MH.clone()
        embeds_MH[batch.placeholders] = features_FH[batch.features_index].to(embeds_MH.dtype)
        return embeds_MH  # type: ignore[no-any-return]

    def hidden(self, batch: Batch, features_FH: Tensor | None = None) -> Tensor:
        """Last hidden states [M, H] of every token of a batch."""
        attend = attend_within(batch, self.kernel)
        return self.forward(self.embed(batch, features_FH), batch.positions, attend)

    def forward(self, embeds_MH: Tensor, positions_XM: Tensor, attend: Attend) -> Tensor:
        """Last hidden states [M, H] of the language model, where ``attend`` says who sees whom."""
        decoder = self.core.model.language_model
        with self.precision():
            return run_layers(decoder, embeds_MH, positions_XM, attend, recompute=self.recompute)

    @property
    def kernel(self) -> Kernel:
        """The attention kernel that the model was loaded with."""
        return KERNELS[self.core.config.get_text_config()._attn_implementation]

    def logits(self, hidden: Tensor) -> Tensor:
        """Next-token logits in float32 for hidden states of any leading shape."""
        with self.precision():
            return self.core.lm_head(hidden).float()  # type: ignore[no-any-return]

    def precision(self) -> torch.autocast:
        """The context in which forward passes run."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed_precision)

    def freeze(self, parts: Sequence[str]) -> None:
        """Stop training what the family names so; all else that was trainable stays so.

        Raises ValueError, with the names that there are, for a part that this model has not.
        """
        known = self.family.freezable
        for name in parts:
            if name not in known:
                raise ValueError(f"this model has no part {name!r} to freeze: {', '.join(known)}")
        self._stop(tuple(prefix for name in parts for prefix in known[name]))

    def fix(self) -> None:
        """Stop training what its kind of model never trains, which loading forgets."""
        self._stop(self.family.fixed)

    def _stop(self, prefixes: tuple[str, ...]) -> None:
        # With duplicates, because a tied head is listed under the name of the embeddings alone.
        for name, parameter in self.core.named_parameters(remove_duplicate=False):
            if name.startswith(prefixes):
                parameter.requires_grad_(False)

    def share_tower(self, other: Policy) -> bool:
        """Use ``other``'s tower, and what it has encoded, where both are frozen and equal.

        So a reference model encodes nothing that the policy has encoded, and holds no second tower.
        Returns whether it does.
        """
        mine, theirs = self.tower, other.tower
        same = self.mixed_precision == other.mixed_precision
        if not (same and stands_still(mine) and stands_still(theirs) and _equal(mine, theirs)):
            return False
        for name in self.family.tower:
            setattr(self.core.model, name, getattr(other.core.model, name))
        self.encoded = other.encoded
        return True

    def checkpoint_activations(self) -> None:
        """Keep no activations inside layers and compute them again in the backward pass."""
        self.recompute = True
        # Older versions of transformers know only the one name, newer ones warn about it.
        old, new = "gradient_checkpointing_enable", "activation_checkpointing_enable"
        getattr(self.core, new if hasattr(self.core, new) else old)()

    def trainable(self) -> dict[str, nn.Parameter]:
        """Trained parameters by name."""
        return {
            name: parameter
            for name, parameter in self.model.named_parameters()
            if parameter.requires_grad
        }


def _equal(one: nn.Module, other: nn.Module) -> bool:
    """Whether two modules have the same weights, bit by bit."""
    mine, theirs = dict(one.named_parameters()), dict(other.named_parameters())
    return mine.keys() == theirs.keys() and all(mine[k].equal(theirs[k]) for k in mine)
