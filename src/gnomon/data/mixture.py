"""Several sources as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gnomon.data.stream import Source
from gnomon.parts import PartError, part, register


@dataclass(frozen=True)
class Mixture:
    """``size`` items, each from one of the ``sources``, drawn with the given shares."""

    sources: tuple[Source, ...]
    shares: tuple[float, ...]
    size: int
    seed: int

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < self.size:
            raise IndexError(f"index {index} is not in range({self.size})")
        draw = np.random.default_rng([self.seed, index]).random()
        chosen = int(np.searchsorted(np.cumsum(self.shares)[:-1], draw, side="right"))
        source = self.sources[chosen]
        return source[index % len(source)]


@register("source")
def mixture(
    *,
    sources: list[dict[str, Any]],
    weights: list[float],
    size: int = 1_000_000,
    seed: int = 0,
) -> Mixture:
    """Items of several sources, each item from one of them by chance (ours).

    ``sources`` are parts, ``{"part": NAME, setting: value}``; ``weights`` are positive and need
    not add up to 1. Item i of the mixture is item i of the source that is drawn for it, so nothing
    is repeated before a source is used up. Deterministic in ``seed``. Raises `PartError` for other
    numbers of weights and sources, a weight that is not positive, and whatever the sources refuse.
    """
    if len(sources) != len(weights) or not sources or min(weights) <= 0:
        raise PartError(
            f"{len(sources)} sources and weights {weights}: give a positive weight for each source"
        )
    made = []
    for number, given in enumerate(sources):
        if "part" not in given:
            raise PartError(f"sources.{number}: name the part: {{part: NAME, setting: value}}")
        settings = {name: value for name, value in given.items() if name not in ("part", "origins")}
        made.append(part("source", given["part"], **settings)())
    total = sum(weights)
    return Mixture(tuple(made), tuple(weight / total for weight in weights), size, seed)
