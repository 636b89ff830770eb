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
from gnomon.models.percepts import Percept, Picture
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
    without an image stays as it is. Raises ValueError for a model that takes no images.
    """
    if policy.family.medium != "image":
        raise ValueError(
            f"corruptions hide patches of images, and this model takes {policy.family.medium}: "
            "leave corruption out"
        )
    black_D = black_patch(policy.processor.image_processor)
    wants_size = "size" in corruption.part.inputs
    made: list[Encoded] = []
    for sample, prompt in zip(samples, prompts, strict=True):
        percepts: list[Percept] = []
        shown = expand_videos(sample, policy.video, root=root)
        for medium, picture in zip(shown.media, prompt.percepts, strict=True):
            assert isinstance(picture, Picture)
            known: dict[str, Any] = {
                "grid": picture.grid[1:],
                "size": _size(medium, root) if wants_size else None,
                "sample": sample,
                "generator": generator,
            }
            hidden_RC = corruption.supply(known)
            percepts.append(hide_patches(picture, hidden_RC, black_D))
        made.append(replace(prompt, percepts=tuple(percepts)))
    return made


def _size(medium: Media, root: Path | None) -> tuple[int, int]:
    """Height and width of the image as stored."""
    image = open_image(medium, root=root)
    return image.height, image.width
