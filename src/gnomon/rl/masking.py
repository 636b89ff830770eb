"""Rows whose images are corrupted, for regularisers that compare a policy with and without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from gnomon.media.frames import expand_videos
from gnomon.media.image import open_image
from gnomon.models.encode import Encoded
from gnomon.models.policy import Policy
from gnomon.parts import BoundPart
from gnomon.records import Media, Sample
from gnomon.rl.corruption import black_patch, hide_patches


def corrupted(
    policy: Policy,
    corruption: BoundPart,
    samples: Sequence[Sample],
    prompts: Sequence[Encoded],
    generator: torch.Generator,
    root: Path | None,
) -> list[Encoded]:
    """Each prompt with its images corrupted: one draw for each image, in the order of the prompts.

    The rollouts of a group share their prompt, so that they share the corrupted image too. A prompt
    without an image stays as it is.
    """
    black_D = black_patch(policy.processor.image_processor)
    wants_size = "size" in corruption.part.inputs
    made: list[Encoded] = []
    for sample, prompt in zip(samples, prompts, strict=True):
        pictures = []
        shown = expand_videos(sample, policy.video, root=root)
        for medium, picture in zip(shown.media, prompt.pictures, strict=True):
            known: dict[str, Any] = {
                "grid": picture.grid[1:],
                "size": _size(medium, root) if wants_size else None,
                "sample": sample,
                "generator": generator,
            }
            hidden_RC = corruption.supply(known)
            pictures.append(hide_patches(picture, hidden_RC, black_D, policy.merge_size))
        made.append(replace(prompt, pictures=tuple(pictures)))
    return made


def _size(medium: Media, root: Path | None) -> tuple[int, int]:
    """Height and width of the image as stored."""
    image = open_image(medium, root=root)
    return image.height, image.width
