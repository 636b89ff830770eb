"""Patches of an image as the Qwen2-VL image processor of transformers makes them, without its cost.

The processor takes half a millisecond of checks and conversions for a small image that already has
a size it keeps; a table of what each of 256 brightnesses becomes gives the same numbers. Dimension
suffixes: P patches, D values of each, C colours, I values of a patch in one colour.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

COLOURS, LEVELS = 3, 256
ORDINARY = (
    "transformers.models.qwen2_vl.image_processing_pil_qwen2_vl",
    "Qwen2VLImageProcessorPil",
)
"""Module and name of the one processor whose steps are known here."""
STEPS = ("do_convert_rgb", "do_resize", "do_rescale", "do_normalize")


def kept_size_patches(reader: Any, image: Image.Image) -> Tensor | None:
    """Patches [P, D] of an RGB image whose sides the image processor ``reader`` keeps.

    None where it would change them, and for every other processor or setting: there the processor
    itself has to be asked. The order is that of the processor: blocks of ``merge_size`` by
    ``merge_size`` patches, row by row; within a patch colours, the frame as often as needed, rows.
    """
    if not (image.mode == "RGB" and _is_ordinary(reader) and _keeps(reader, *image.size)):
        return None
    side, merge, times = reader.patch_size, reader.merge_size, reader.temporal_patch_size
    rows, columns = image.height // side, image.width // side
    blocks = np.asarray(image).reshape(
        rows // merge, merge, side, columns // merge, merge, side, COLOURS
    )
    pixels = torch.from_numpy(np.array(blocks.transpose(0, 3, 1, 4, 6, 2, 5), order="C"))
    places_PCI = pixels.view(rows * columns, COLOURS, side * side).int()
    places_PCI += torch.arange(0, COLOURS * LEVELS, LEVELS, dtype=torch.int32)[:, None]
    table = _brightnesses(reader.rescale_factor, reader.image_mean, reader.image_std)
    values_PCI = table.index_select(0, places_PCI.view(-1)).view(places_PCI.shape)
    repeated = torch.empty(rows * columns, COLOURS, times, side * side)
    repeated.copy_(values_PCI[:, :, None])
    return repeated.view(rows * columns, COLOURS * times * side * side)


def _is_ordinary(reader: Any) -> bool:
    kind = type(reader)
    return (
        (kind.__module__, kind.__qualname__) == ORDINARY
        and all(getattr(reader, step) is True for step in STEPS)
        # Other names for the limits of size, which some versions of transformers prefer.
        and getattr(reader, "min_pixels", None) is getattr(reader, "max_pixels", None) is None
        and isinstance(reader.rescale_factor, float)
        and all(_is_per_colour(values) for values in (reader.image_mean, reader.image_std))
    )


def _is_per_colour(values: Any) -> bool:
    return isinstance(values, tuple) and len(values) == COLOURS


def _keeps(reader: Any, width: int, height: int) -> bool:
    """Whether the sides are multiples of a block's, and the pixels within the limits."""
    block = reader.patch_size * reader.merge_size
    limits = dict(reader.size)
    least, most = limits.get("shortest_edge"), limits.get("longest_edge")
    if not least or not most:
        return False  # the processor says what is wrong with that
    return height % block == width % block == 0 and bool(least <= height * width <= most)


@functools.lru_cache(maxsize=8)
def _brightnesses(scale: float, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """What each level of each colour becomes, colour by colour, with the roundings of the original.

    Scaled in float64 and rounded to float32; the mean is taken off and the rest divided by the
    deviation in float32.
    """
    levels = (np.arange(LEVELS, dtype=np.float64) * scale).astype(np.float32)
    table = (levels[:, None] - np.array(mean, np.float32)) / np.array(std, np.float32)
    return torch.from_numpy(np.array(table.T, order="C").reshape(-1))
