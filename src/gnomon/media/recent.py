"""What was made of media lately, kept within a limit of bytes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Recent(Generic[Made]):
    """Values by key, within ``most`` bytes; what was used longest ago goes first.

    ``size`` gives the bytes of a value; one that is larger than ``most`` is not kept at all. Has no
    lock: every step is one operation of a dict, and two threads that ask for a new key at once at
    worst make its value twice.
    """

    def __init__(self, most: int, size: Callable[[Made], int]) -> None:
        self.most = most
        self.size = size
        self._kept: dict[Hashable, Made] = {}

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def bytes(self) -> int:
        """Bytes of all values that are kept."""
        return sum(map(self.size, list(self._kept.values())))

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """The value of ``key``, from ``make`` when it is not known; what ``make`` raises passes."""
        found = self._kept.pop(key, None)
        new = found is None
        value = make() if found is None else found
        self._kept[key] = value
        while new and self._kept and self.bytes > self.most:
            self._kept.pop(next(iter(list(self._kept))), None)
        return value
