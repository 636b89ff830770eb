"""Features of images whose vision tower stands still: each image is encoded once.

Dimension suffixes: F features of some pictures, H hidden width.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gnomon.models.encode import Picture, feature_count

MOST = 2**30
"""Bytes of features that are kept, in the memory of the host (1 GiB, ours)."""

Encode = Callable[[Sequence[Picture]], Tensor]


class FeatureCache:
    """Features by picture, of one version of the weights; what was used longest ago goes first.

    They are kept in the host's memory, because moving them is far cheaper than encoding again, and
    a GPU has none to spare. A picture is known by its content and its grid.
    """

    def __init__(self, most: int = MOST) -> None:
        """An empty cache for ``most`` bytes."""
        self.most = most
        self.kept: OrderedDict[tuple[Any, ...], Tensor] = OrderedDict()
        self.version: tuple[Any, ...] = ()
        self.bytes = 0

    def of(self, pictures: Sequence[Picture], tower: nn.Module, encode: Encode) -> Tensor:
        """Features [F, H] of ``pictures`` on the device of ``tower``.

        Those that are missing are encoded together, without a gradient. Everything is forgotten
        when a weight of ``tower`` has changed.
        """
        version = version_of(tower)
        if version != self.version:
            self.forget()
            self.version = version
        missing = [picture for picture in pictures if _key(picture) not in self.kept]
        new = self._encoded(missing, tower, encode) if missing else {}
        found = []
        for picture in pictures:
            key = _key(picture)
            if key in self.kept:
                self.kept.move_to_end(key)
            found.append(new[key] if key in new else self.kept[key])
        for key, features in new.items():
            self._keep(key, features)
        return torch.cat(found).to(next(tower.parameters()).device)

    def forget(self) -> None:
        """Drop everything."""
        self.version, self.bytes = (), 0
        self.kept.clear()

    def _encoded(
        self, pictures: Sequence[Picture], tower: nn.Module, encode: Encode
    ) -> dict[tuple[Any, ...], Tensor]:
        merge_size = int(tower.spatial_merge_size)  # type: ignore[arg-type]
        sizes = [feature_count(picture.grid, merge_size) for picture in pictures]
        with torch.no_grad():
            pieces = torch.split(encode(pictures).cpu(), sizes)
        # Copies, so that dropping one picture frees its memory.
        return {_key(p): piece.clone() for p, piece in zip(pictures, pieces, strict=True)}

    def _keep(self, key: tuple[Any, ...], features: Tensor) -> None:
        self.kept[key] = features
        self.bytes += features.nbytes
        while self.bytes > self.most:
            _, dropped = self.kept.popitem(last=False)
            self.bytes -= dropped.nbytes


def version_of(tower: nn.Module) -> tuple[Any, ...]:
    """What differs after a change of a weight: which tensors they are, and how often written.

    A checkpoint that is loaded changes it, and so does whatever writes through PyTorch's
    operations. The fused optimisers do not count as writing; but they change only
    what has a gradient, so that the tower was run with one before (see `Policy.features`).
    """
    return tuple((id(p), p._version, p.dtype) for p in tower.parameters())


def stands_still(tower: nn.Module) -> bool:
    """Whether no weight of ``tower`` is trained."""
    return not any(parameter.requires_grad for parameter in tower.parameters())


def _key(picture: Picture) -> tuple[Any, ...]:
    return picture.key, picture.grid
