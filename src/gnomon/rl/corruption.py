"""Corrupted images: which patches are hidden, and how, to ask whether a policy looks at them.

A corruption returns a table [rows, columns] that is true on hidden patches of 14 x 14 pixels, which
are those of the vision encoder: images are resized first and then masked. Hidden patches are black.
Dimension suffixes: R rows and C columns of patches, P patches, D values per patch.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnomon.models.percepts import Picture
from gnomon.parts import register
from gnomon.records import Sample

PATCH = 14


@register("corruption")
def random_patches(
    grid: tuple[int, int], generator: torch.Generator, *, probability: float = 0.6
) -> Tensor:
    """Each patch is hidden by itself, with one probability.

    Formula: hidden where u < {probability}, u uniform, one draw for each patch in row-major order

    Raises ValueError for a probability outside [0, 1]. Source: arXiv 2507.06448.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"probability={probability} must be in [0, 1]")
    return hidden_by(torch.rand(grid, generator=generator), probability)


def hidden_by(draws: Tensor, probability: float) -> Tensor:
    """True where a draw is below the probability, strictly."""
    return draws < probability


@register("corruption")
def semantic_blocks(
    grid: tuple[int, int],
    size: tuple[int, int],
    sample: Sample,
    *,
    key: str = "boxes",
    margin: float = 0.0,
) -> Tensor:
    """Hide what matters: every patch that a box of the sample touches.

    Formula: hidden where the patch meets a box of sample.meta[{key}], each widened by {margin} of
    its size

    Boxes are x1, y1, x2, y2 in pixels of the image as stored, whose height and width are ``size``.
    A box as reference answer counts too. A sample without a box raises ValueError: use
    random-patches there. In place of the saliency model of the paper's semantic masks, which did
    not beat random ones (48.4 against 49.3). Source: arXiv 2507.06448; the boxes are ours.
    """
    boxes = [tuple(map(float, box)) for box in sample.meta.get(key, ())]
    if sample.answer is not None and sample.answer.kind == "box":
        boxes.append(tuple(map(float, sample.answer.value)))
    if not boxes:
        raise ValueError(
            f"sample {sample.id} has no boxes under meta[{key!r}] to hide; use random-patches"
        )
    hidden_RC = torch.zeros(grid, dtype=torch.bool)
    for x1, y1, x2, y2 in boxes:
        wide, high = (x2 - x1) * margin, (y2 - y1) * margin
        rows = _touched(y1 - high, y2 + high, size[0], grid[0])
        columns = _touched(x1 - wide, x2 + wide, size[1], grid[1])
        hidden_RC[rows, columns] = True
    return hidden_RC


@register("corruption")
def saliency_patches(
    grid: tuple[int, int], sample: Sample, *, key: str = "saliency", share: float = 0.6
) -> Tensor:
    """Hide what a model of saliency finds: the patches with the highest values.

    Formula: hidden for the floor({share} * R * C) patches where sample.meta[{key}] is largest

    The record holds the table of values [h, w] over the picture, of any resolution; a patch takes
    the mean of its part. Of equal patches the first ones in row-major order are hidden. Raises
    ValueError for a sample without a table, and for a share outside [0, 1]. Source: semantic masks,
    arXiv 2507.06448, which come as ready pictures there; the table is ours.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share={share} must be in [0, 1]")
    if key not in sample.meta:
        raise ValueError(
            f"sample {sample.id} has no table of saliency under meta[{key!r}]; use random-patches"
        )
    table = torch.as_tensor(np.asarray(sample.meta[key], dtype=np.float32))
    pooled_RC = torch.nn.functional.adaptive_avg_pool2d(table[None], grid)[0]
    order = torch.argsort(pooled_RC.flatten(), descending=True, stable=True)
    hidden = torch.zeros(pooled_RC.numel(), dtype=torch.bool)
    hidden[order[: math.floor(round(share * hidden.numel(), 9))]] = True
    return hidden.reshape(grid)


@register("corruption")
def random_block(
    grid: tuple[int, int], generator: torch.Generator, *, share: float = 0.6
) -> Tensor:
    """Hide one block at a random place, of the shape of the image.

    Formula: hidden in a block of sqrt({share}) of the rows and of the columns

    Sides are rounded up. Raises ValueError for a share outside [0, 1]. Source: ours, as a control
    between random patches and semantic blocks.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share={share} must be in [0, 1]")
    sides = [math.ceil(round(math.sqrt(share) * count, 9)) for count in grid]
    places = torch.rand(2, generator=generator).tolist()
    starts = [
        int(place * (count - side + 1))
        for place, count, side in zip(places, grid, sides, strict=True)
    ]
    hidden_RC = torch.zeros(grid, dtype=torch.bool)
    hidden_RC[starts[0] : starts[0] + sides[0], starts[1] : starts[1] + sides[1]] = True
    return hidden_RC


def grid_of(height: int, width: int, patch: int = PATCH) -> tuple[int, int]:
    """Rows and columns of patches that cover an image; the last ones may be cropped.

    >>> grid_of(28, 30)
    (2, 3)
    """
    return -(-height // patch), -(-width // patch)


def hide_pixels(pixels: NDArray[np.uint8], hidden: Tensor, patch: int = PATCH) -> NDArray[np.uint8]:
    """An image [height, width, ...] with the pixels of hidden patches set to 0."""
    table = hidden.numpy().repeat(patch, 0).repeat(patch, 1)
    shown = ~table[: pixels.shape[0], : pixels.shape[1]]
    return pixels * shown.reshape(shown.shape + (1,) * (pixels.ndim - 2)).astype(pixels.dtype)


def hide_patches(picture: Picture, hidden: Tensor, black_D: Tensor) -> Picture:
    """A processed image with hidden patches black, under an identity of its own.

    ``hidden`` is [rows, columns] of the picture's grid; ``black_D`` is a black patch as the
    processor makes it, `black_patch`. The same as `hide_pixels` before processing, for an image
    whose sides are whole patches.
    """
    rows, columns = hidden.shape
    m = picture.merge_size
    # The processor lists patches block by block of m x m.
    order = hidden.reshape(rows // m, m, columns // m, m).permute(0, 2, 1, 3).reshape(-1)
    chosen_P = order.repeat(picture.grid[0])[:, None]
    patches_PD = torch.where(chosen_P, black_D.to(picture.patches_PD.dtype), picture.patches_PD)
    digest = hashlib.sha256(order.numpy().tobytes()).hexdigest()[:16]
    return replace(picture, key=f"{picture.key}/{digest}", patches_PD=patches_PD)


def black_patch(image_processor: Any) -> Tensor:
    """One black patch [D] as a Qwen2-VL image processor normalises it, channels first."""
    mean, std = (torch.tensor(image_processor.image_mean), torch.tensor(image_processor.image_std))
    each = int(image_processor.temporal_patch_size) * int(image_processor.patch_size) ** 2
    return (-mean / std).repeat_interleave(each)


def _touched(low: float, high: float, size: int, count: int) -> slice:
    """The patches of one axis that an interval in pixels meets."""
    scale = count / size
    first = min(max(math.floor(low * scale), 0), count)
    return slice(first, min(max(math.ceil(high * scale), first), count))
