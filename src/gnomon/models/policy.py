"""A policy: a vision-language model with the few forward passes that training and sampling need.

Dimension suffixes: M tokens of a batch, F image features, H hidden width, V vocabulary.
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
from gnomon.models.attention import KERNELS, Kernel, attend_within
from gnomon.models.batch import Batch, make_batch
from gnomon.models.decoder import Attend, run_layers
from gnomon.models.encode import Encoded, Encoder, Picture
from gnomon.models.features import FeatureCache, stands_still

PARTS = {
    "vision": "model.visual.",
    "connector": "model.visual.merger.",
    "language": "model.language_model.",
    "embeddings": "model.language_model.embed_tokens.",
    "head": "lm_head.",
}
"""Parts of a Qwen2.5-VL that a recipe can freeze, as prefixes of parameter names. The connector
belongs to vision, the embeddings to language; a tied head is the embeddings under another name."""
FREEZABLE: dict[str, tuple[str, ...]] = {
    **{name: (prefix,) for name, prefix in PARTS.items()},
    "tower": ("model.visual.patch_embed.", "model.visual.blocks."),
}
"""What a recipe can freeze: the `PARTS`, and vision without its connector."""
_VIDEO = "gnomon_video"
"""Name of `Policy.video` in the model's configuration."""


@dataclass
class Policy:
    """A loaded Qwen2.5-VL model, possibly with adapters, and its processor.

    ``model`` is what is trained and saved; ``core`` is the `Qwen2_5_VLForConditionalGeneration` in
    it. ``mixed_precision`` runs the forward passes in bfloat16 and keeps the weights in float32;
    ``recompute`` keeps no activations inside layers (see `checkpoint_activations`). ``encoded`` are
    the features of images, which are kept while no weight of the vision tower is trained.
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
    def image_token_id(self) -> int:
        """Token id of the placeholder of one image feature."""
        return int(self.core.config.image_token_id)

    @property
    def merge_size(self) -> int:
        """Patches along one side of an image feature."""
        return int(self.core.config.vision_config.spatial_merge_size)

    @functools.cached_property
    def end_token_ids(self) -> tuple[int, ...]:
        """Tokens that end a response."""
        return (int(self.processor.tokenizer.eos_token_id),)

    @functools.cached_property
    def forbidden_token_ids(self) -> tuple[int, ...]:
        """Tokens that no response may hold.

        They are those that only a prompt may hold (image, video, and turn markers other than the
        end), and the rows that pad the embedding matrix past the tokenizer's last token.
        """
        tokenizer = self.processor.tokenizer
        special = set(tokenizer.all_special_ids) - set(self.end_token_ids)
        padding = range(len(tokenizer), self.core.lm_head.out_features)
        return (*sorted(special), *padding)

    def batch(self, rows: Sequence[Encoded]) -> Batch:
        """`make_batch` with this model's constants, on its device."""
        made = make_batch(rows, merge_size=self.merge_size, image_token_id=self.image_token_id)
        return made.to(self.device)

    def features(self, pictures: Sequence[Picture]) -> Tensor:
        """Image features [F, H] of ``pictures``, one vision forward for all of them.

        While the whole tower is frozen, its connector included, each picture is encoded once for
        all rollouts, micro-batches and epochs. A frozen tower under a trained connector is run
        again, because what is kept is what comes out of the connector.
        """
        if stands_still(self.core.model.visual):
            return self.encoded.of(pictures, self.core.model.visual, self._encode)
        self.encoded.forget()
        return self._encode(pictures)

    def _encode(self, pictures: Sequence[Picture]) -> Tensor:
        patches = torch.cat([picture.patches_PD for picture in pictures]).to(self.device)
        grids = torch.tensor([picture.grid for picture in pictures], device=self.device)
        with self.precision():
            output = self.core.model.get_image_features(patches, grids)
        return torch.cat(tuple(getattr(output, "pooler_output", output)))

    def embed(self, batch: Batch, features_FH: Tensor | None = None) -> Tensor:
        """Input embeddings [M, H] with image features in their places.

        ``features_FH`` may be given when they are known; otherwise each picture is encoded once.
        """
        embeds_MH = self.core.get_input_embeddings()(batch.token_ids)
        if not batch.pictures:
            return embeds_MH  # type: ignore[no-any-return]
        if features_FH is None:
            features_FH = self.features(batch.pictures)
        embeds_MH = embeds_MH.clone()
        embeds_MH[batch.placeholders] = features_FH[batch.features_index].to(embeds_MH.dtype)
        return embeds_MH  # type: ignore[no-any-return]

    def hidden(self, batch: Batch, features_FH: Tensor | None = None) -> Tensor:
        """Last hidden states [M, H] of every token of a batch."""
        attend = attend_within(batch, self.kernel)
        return self.forward(self.embed(batch, features_FH), batch.positions, attend)

    def forward(self, embeds_MH: Tensor, positions_3M: Tensor, attend: Attend) -> Tensor:
        """Last hidden states [M, H] of the language model, where ``attend`` says who sees whom."""
        decoder = self.core.model.language_model
        with self.precision():
            return run_layers(decoder, embeds_MH, positions_3M, attend, recompute=self.recompute)

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
        """Stop training what is named in `FREEZABLE`; all else that was trainable stays so."""
        prefixes = tuple(prefix for name in parts for prefix in FREEZABLE[name])
        # With duplicates, because a tied head is listed under the name of the embeddings alone.
        for name, parameter in self.core.named_parameters(remove_duplicate=False):
            if name.startswith(prefixes):
                parameter.requires_grad_(False)

    def share_vision(self, other: Policy) -> bool:
        """Use ``other``'s vision tower, and what it has encoded, where both are frozen and equal.

        So a reference model encodes nothing that the policy has encoded, and holds no second tower.
        Returns whether it does.
        """
        mine, theirs = self.core.model.visual, other.core.model.visual
        same = self.mixed_precision == other.mixed_precision
        if not (same and stands_still(mine) and stands_still(theirs) and _equal(mine, theirs)):
            return False
        self.core.model.visual, self.encoded = theirs, other.encoded
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
