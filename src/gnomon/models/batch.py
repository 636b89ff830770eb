"""Batches in which every image occurs once: row -> image.

Dimension suffixes: N rows, L tokens of the longest row, K image placeholders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gnomon.models.encode import ROPE_AXES, Encoded, Picture, feature_count


@dataclass(frozen=True)
class Batch:
    """Rows of tokens with their images, each image once.

    ``token_ids``, ``train`` and ``placeholders`` are [N, L], ``positions`` [3, N, L]. ``segments``
    [N, L] is 0 on padding and otherwise numbers the sequences that share a packed row.
    ``features_index`` [K] names, for the K image placeholders in row-major order, the feature that
    fills each, counting over the concatenated features of ``pictures``. Construction checks that
    placeholders and features agree, and raises ValueError when they do not.
    """

    token_ids: Tensor
    train: Tensor
    positions: Tensor
    segments: Tensor
    pictures: tuple[Picture, ...]
    placeholders: Tensor
    features_index: Tensor

    def __post_init__(self) -> None:
        if int(self.placeholders.sum()) != self.features_index.numel():
            raise ValueError(
                f"{int(self.placeholders.sum())} image placeholders but "
                f"{self.features_index.numel()} image features"
            )

    @property
    def packed(self) -> bool:
        """Whether a row holds more than one sequence."""
        return bool((self.segments > 1).any())

    @property
    def padding(self) -> float:
        """Share of positions that hold no token."""
        return float((self.segments == 0).float().mean())

    def to(self, device: torch.device) -> Batch:
        """The same batch on ``device``; the pictures follow when they are encoded."""
        values = vars(self).items()
        moved = {name: value.to(device) for name, value in values if isinstance(value, Tensor)}
        return Batch(pictures=self.pictures, **moved)


def make_batch(
    rows: Sequence[Sequence[Encoded]], *, pad_id: int, merge_size: int, image_token_id: int
) -> Batch:
    """Batch of ``rows``, each one or more sequences end to end, padded on the right.

    A row of several sequences is a packed row: its sequences do not see each other. The first token
    of a sequence follows nothing, so it is never trained. Raises ValueError when there is no row.
    """
    if not rows:
        raise ValueError("a batch needs at least one row")
    width = max(sum(len(sequence) for sequence in row) for row in rows)
    token_ids = torch.full((len(rows), width), pad_id)
    train = torch.zeros(len(rows), width, dtype=torch.bool)
    positions = torch.zeros(ROPE_AXES, len(rows), width, dtype=torch.long)
    segments = torch.zeros(len(rows), width, dtype=torch.long)
    placeholders = torch.zeros(len(rows), width, dtype=torch.bool)
    unique = _unique_pictures(rows)
    starts = _feature_starts(unique, merge_size)
    index: list[Tensor] = []
    for n, row in enumerate(rows):
        place = 0
        for number, sequence in enumerate(row, start=1):
            span = slice(place, place + len(sequence))
            token_ids[n, span] = sequence.token_ids
            train[n, span] = sequence.train
            train[n, place : place + 1] = False
            positions[:, n, span] = sequence.positions
            segments[n, span] = number
            placeholders[n, span] = sequence.token_ids == image_token_id
            for picture in sequence.pictures:
                count = feature_count(picture.grid, merge_size)
                index.append(torch.arange(starts[picture.key], starts[picture.key] + count))
            place += len(sequence)
    features_index = torch.cat(index) if index else torch.zeros(0, dtype=torch.long)
    return Batch(
        token_ids, train, positions, segments, tuple(unique.values()), placeholders, features_index
    )


def pack(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Distribute sequences over rows of ``capacity`` tokens: first fit, longest first.

    Returns the indices in each row. A sequence longer than ``capacity`` gets a row of its own.

    >>> pack([3, 5, 2, 4], 7)
    [[1, 2], [3, 0]]
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        fitting = next((r for r, free in enumerate(room) if lengths[index] <= free), None)
        if fitting is None:
            rows.append([index])
            room.append(capacity - lengths[index])
        else:
            rows[fitting].append(index)
            room[fitting] -= lengths[index]
    return rows


def _unique_pictures(rows: Sequence[Sequence[Encoded]]) -> dict[str, Picture]:
    return {
        picture.key: picture for row in rows for sequence in row for picture in sequence.pictures
    }


def _feature_starts(pictures: dict[str, Picture], merge_size: int) -> dict[str, int]:
    starts: dict[str, int] = {}
    total = 0
    for key, picture in pictures.items():
        starts[key] = total
        total += feature_count(picture.grid, merge_size)
    return starts
