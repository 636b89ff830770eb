"""Real handwritten digits: the 8 x 8 scans of scikit-learn, split into disjoint pools."""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "test"]
Pools = dict[str, tuple[tuple[int, ...], ...]]

TEST_EVERY = 5


@functools.cache
def _bunch() -> tuple[NDArray[np.uint8], tuple[int, ...]]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    ink = np.rint(bunch.images * (255.0 / 16.0)).astype(np.uint8)
    return ink, tuple(int(value) for value in bunch.target)


@functools.cache
def _pools() -> Pools:
    _, targets = _bunch()
    pools: dict[str, list[list[int]]] = {
        name: [[] for _ in range(10)] for name in ("train", "test")
    }
    seen = [0] * 10
    for index, value in enumerate(targets):
        seen[value] += 1
        pools["test" if seen[value] % TEST_EVERY == 0 else "train"][value].append(index)
    return {name: tuple(tuple(scans) for scans in by_value) for name, by_value in pools.items()}


def scan_ink(scan: int) -> NDArray[np.uint8]:
    """The ink of one scan: [8, 8] uint8, 0 paper, 255 full ink.

    Raises IndexError past the last scan.
    """
    ink: NDArray[np.uint8] = _bunch()[0][scan]
    return ink


def scan_value(scan: int) -> int:
    """The digit, 0 to 9, that the scan shows. Raises IndexError past the last scan."""
    return _bunch()[1][scan]


def scans(value: int, split: Split) -> tuple[int, ...]:
    """Indices of the scans of one digit in one split.

    Every fifth scan of each class is held out, so the split is 80/20, stratified and disjoint
    (ours). Raises KeyError for an unknown split and IndexError for a value above 9.
    """
    return _pools()[split][value]
