"""Features of percepts whose tower stands still: each picture, each sound is encoded once.

Dimension suffixes: F features of some percepts, H hidden width.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gnomon.models.percepts import Percept

MOST = 2**30
"""Bytes of features that are kept, in the memory of the host (1 GiB, ours)."""

Encode = Callable[[Sequence[Percept]], Tensor]


class FeatureCache:
    """Features by percept, of one version of the weights; what was used longest ago goes first.

    They are kept in the host's memory, because moving them is far cheaper than encoding again, and
    a GPU has none to spare. A percept is known by its content and the size it is seen at.
    """

    def __init__(self, most: int = MOST) -> None:
        """An empty cache for ``most`` bytes."""
        self.most = most
        self.kept: OrderedDict[tuple[Any, ...], Tensor] = OrderedDict()
        self.version: tuple[Any, ...] = ()
        self.bytes = 0

    def of(self, percepts: Sequence[Percept], tower: nn.Module, encode: Encode) -> Tensor:
        """Features [F, H] of ``percepts`` on the device of ``tower``.

        Those that are missing are encoded together, without a gradient. Everything is forgotten
        when a weight of ``tower`` has changed.
        """
        version = version_of(tower)
        if version != self.version:
            self.forget()
            self.version = version
        missing = [percept for percept in percepts if percept.identity not in self.kept]
        new = self._encoded(missing, encode) if missing else {}
        found = []
        for percept in percepts:
            key = percept.identity
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
        self, percepts: Sequence[Percept], encode: Encode
    ) -> dict[tuple[Any, ...], Tensor]:
        sizes = [percept.features for percept in percepts]
        with torch.no_grad():
            pieces = torch.split(encode(percepts).cpu(), sizes)
        # Copies, so that dropping one percept frees its memory.
        return {p.identity: piece.clone() for p, piece in zip(percepts, pieces, strict=True)}

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
