"""What was made of media lately, kept within a limit of bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Made = TypeVar("Made")

# One for all of them: it is held for a few steps of a dict, and what holds none can be copied.
_COUNTING = threading.Lock()


class Recent(Generic[Made]):
    """Values by key, within ``most`` bytes; what was used longest ago goes first.

    ``size`` gives the bytes of a value, the same ones whenever it is asked; one that is larger than
    ``most`` is not kept at all. Values are made without a lock: two threads that ask for a new key
    at once at worst make its value twice.
    """

    def __init__(self, most: int, size: Callable[[Made], int]) -> None:
        self.most = most
        self.size = size
        self._kept: dict[Hashable, Made] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def bytes(self) -> int:
        """Bytes of all values that are kept."""
        return self._bytes

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """The value of ``key``, from ``make`` when it is not known; what ``make`` raises passes."""
        with _COUNTING:
            found = self._kept.pop(key, None)
            if found is not None:
                self._kept[key] = found
                return found
        value = make()
        size = self.size(value)
        with _COUNTING:
            self._drop(key)  # another thread may have made it meanwhile
            self._kept[key] = value
            self._bytes += size
            while self._kept and self._bytes > self.most:
                self._drop(next(iter(self._kept)))
        return value

    def _drop(self, key: Hashable) -> None:
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self._bytes -= self.size(dropped)
