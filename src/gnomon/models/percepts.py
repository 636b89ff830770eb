"""What a model sees or hears, as its processor makes it: pictures and sounds, and their positions.

A percept fills placeholders in the text, one for each of its features, and is encoded once however
many rows hold it. Dimension suffixes: L tokens of a sequence, P patches, D values of each, B bands
of a spectrogram, T its frames.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from gnomon.media.audio import open_audio
from gnomon.media.image import open_image
from gnomon.models.patches import kept_size_patches
from gnomon.records import BadRecord, Media

ROPE_AXES = 3
"""Multimodal rotary positions have three axes: time, height, width (Qwen2-VL, arXiv 2409.12191)."""
LEAST_FRAMES = 3
"""Frames of the shortest sound that has a feature."""


@dataclass(frozen=True)
class Picture:
    """One processed image: identity, patches [P, D] and grid (time, height, width) in patches.

    ``merge_size`` patches along each side become one feature.
    """

    key: str
    patches_PD: Tensor
    grid: tuple[int, int, int]
    merge_size: int = 2

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpack_picture, (self.key, self.patches_PD.numpy(), self.grid, self.merge_size)

    @property
    def features(self) -> int:
        """Number of its features, and so of its placeholders."""
        return feature_count(self.grid, self.merge_size)

    @property
    def size(self) -> int:
        """Patches that the tower has to go through."""
        return len(self.patches_PD)

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.patches_PD.nbytes

    @property
    def identity(self) -> tuple[Any, ...]:
        """What tells its features from those of others: the content, and the size it is seen at."""
        return self.key, self.grid


@dataclass(frozen=True)
class Sound:
    """One processed sound: identity and log-mel spectrogram [B, T].

    Of the frames ``heard`` hold sound; those behind them are the silence that the tower's
    convolutions look at beyond its end.
    """

    key: str
    frames_BT: Tensor
    heard: int

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpack_sound, (self.key, self.frames_BT.numpy(), self.heard)

    @property
    def places(self) -> int:
        """Positions in the tower: a convolution of stride 2 leaves every other frame."""
        return (self.heard + 1) // 2

    @property
    def features(self) -> int:
        """Number of its features, and so of its placeholders: positions are averaged in pairs.

        A frame is 10 ms in Qwen2-Audio, so that a second has 25 features (arXiv 2407.10759).
        """
        return self.places // 2

    @property
    def size(self) -> int:
        """Features that the tower has to make."""
        return self.features

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.frames_BT.nbytes

    @property
    def identity(self) -> tuple[Any, ...]:
        """What tells its features from those of others."""
        return self.key, self.heard


Percept = Picture | Sound


def _unpack_picture(key: str, patches: Any, grid: tuple[int, int, int], merge_size: int) -> Picture:
    """Arrays travel between processes as bytes, which beats many tensors in shared memory."""
    return Picture(key, torch.from_numpy(patches), grid, merge_size)


def _unpack_sound(key: str, frames: Any, heard: int) -> Sound:
    return Sound(key, torch.from_numpy(frames), heard)


def read_picture(processor: Any, medium: Media, root: Path | None) -> Picture:
    """The image as ``processor`` makes it; raises `BadRecord` for one that cannot be used."""
    image = open_image(medium, root=root)
    reader = processor.image_processor
    merge_size = int(reader.merge_size)
    patches_PD = kept_size_patches(reader, image)
    if patches_PD is not None:
        grid = (1, image.height // reader.patch_size, image.width // reader.patch_size)
        return Picture(medium.key, patches_PD, grid, merge_size)
    try:
        values = reader(images=[image], return_tensors="pt")
    except ValueError as error:
        raise BadRecord(f"the image processor refused the image: {error}") from None
    time, height, width = values["image_grid_thw"][0].tolist()
    return Picture(medium.key, values["pixel_values"], (time, height, width), merge_size)


def read_sound(processor: Any, medium: Media, root: Path | None) -> Sound:
    """The sound as ``processor`` makes it; raises `BadRecord` for one that cannot be used.

    The processor fills up every sound to its window, 30 s in Qwen2-Audio. Only the silence that
    can be heard from within the sound is made here, which changes nothing but the cost. A sound
    that is longer than the window, of which transformers would drop the end, is refused.
    """
    extractor = processor.feature_extractor
    rate, hop = int(extractor.sampling_rate), int(extractor.hop_length)
    wave_T = open_audio(medium, rate=rate, root=root)
    if len(wave_T) > extractor.n_samples:
        raise BadRecord(
            f"the sound lasts {len(wave_T) / rate:.1f} s and the model hears "
            f"{extractor.n_samples / rate:g} s; cut it"
        )
    heard = -(-len(wave_T) // hop)
    if heard < LEAST_FRAMES:
        raise BadRecord(
            f"the sound lasts {1000 * len(wave_T) / rate:.0f} ms and the model hears nothing of "
            f"less than {1000 * (LEAST_FRAMES - 1) * hop // rate} ms; drop it"
        )
    looked_at = min(2 * ((heard + 1) // 2) + 1, extractor.n_samples // hop)
    window = looked_at * hop + -(-int(extractor.n_fft) // hop) * hop
    values = extractor(
        wave_T,
        sampling_rate=rate,
        padding="max_length",
        max_length=min(window, extractor.n_samples),
        return_tensors="pt",
    )
    return Sound(medium.key, values["input_features"][0, :, :looked_at].contiguous(), heard)


def feature_count(grid: tuple[int, int, int], merge_size: int) -> int:
    """Number of features, and so of placeholder tokens, that an image of ``grid`` patches has."""
    time, height, width = grid
    return time * (height // merge_size) * (width // merge_size)


def spread_positions(
    token_ids: ArrayLike, placeholder: int, pictures: Sequence[Picture]
) -> tuple[Tensor, int]:
    """`rope_positions` of a sequence with ``pictures``."""
    grids = [picture.grid for picture in pictures]
    return rope_positions(token_ids, placeholder, grids, pictures[0].merge_size if pictures else 1)


def rope_positions(
    token_ids: ArrayLike,
    image_token_id: int,
    grids: Sequence[tuple[int, int, int]],
    merge_size: int,
) -> tuple[Tensor, int]:
    """Multimodal rotary positions [3, L] of a sequence and the position at which text goes on.

    Text advances all three axes by one; an image spreads over height and width from where the text
    stopped, and text resumes after its larger side (Qwen2-VL, arXiv 2409.12191, section 2.1).
    Raises `BadRecord` when the placeholders are more or fewer than the grids have features.
    """
    ids_L = np.asarray(token_ids, dtype=np.int64)
    places = np.flatnonzero(ids_L == image_token_id).tolist()
    positions = np.empty((ROPE_AXES, len(ids_L)), dtype=np.int64)
    following = end = used = 0
    for grid in grids:
        if used == len(places):
            raise BadRecord("there are more images than image placeholders")
        start, count = places[used], feature_count(grid, merge_size)
        if places[used : used + count] != list(range(start, start + count)):
            raise BadRecord(f"an image of {count} features has fewer placeholders")
        positions[:, end:start] = np.arange(following, following + start - end)
        following += start - end
        cells = _cells(grid[0], grid[1] // merge_size, grid[2] // merge_size)
        np.add(cells, following, out=positions[:, start : start + count])
        following += max(grid[1], grid[2]) // merge_size
        end, used = start + count, used + count
    if used < len(places):
        raise BadRecord("there are more image placeholders than images")
    positions[:, end:] = np.arange(following, following + len(ids_L) - end)
    return torch.from_numpy(positions), following + len(ids_L) - end


@functools.lru_cache(maxsize=256)
def _cells(time: int, height: int, width: int) -> NDArray[np.int64]:
    """Time, row and column [3, F] of each feature of an image, row by row."""
    return np.indices((time, height, width)).reshape(ROPE_AXES, -1)


def line_positions(
    token_ids: ArrayLike, placeholder: int, sounds: Sequence[Sound]
) -> tuple[Tensor, int]:
    """Rotary positions [1, L] of a sequence with ``sounds``, and the one at which text goes on.

    Every token advances by one, a sound's as well as the text's (arXiv 2104.09864). Raises
    `BadRecord` when the placeholders are more or fewer than the sounds have features.
    """
    features = sum(sound.features for sound in sounds)
    ids_L = np.asarray(token_ids, dtype=np.int64)
    places = int((ids_L == placeholder).sum())
    if places != features:
        raise BadRecord(f"sounds of {features} features have {places} placeholders")
    return torch.arange(len(ids_L))[None], len(ids_L)
