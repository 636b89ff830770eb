"""A source as an endless stream in a seeded order that can be entered at any position.

The order of each epoch is a permutation computed index by index (`gnomon.data.order`), so that no
list of indices is kept, however long the source is, and resuming takes one integer.
"""

from __future__ import annotations

import functools
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol

from gnomon.data.order import BlockOrder, Blocks, permuted
from gnomon.records import BadRecord

WINDOW = 50
READ_AHEAD = 32
"""Records that each worker may be ahead of their use."""


class Source(Protocol):
    """What is streamed: items by index, as a rule samples; a bad one raises `BadRecord`.

    A source that reads several items at once has ``blocks`` (`gnomon.data.order.Blocks`) as well.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class BadSource(RuntimeError):
    """Too many records of a source are bad; the message gives the share and the last reason."""


def _say_nothing(id: str, reason: str) -> None:
    """Bad records are counted by the stream itself."""


class Stream:
    """Endless iteration over ``source``, epoch after epoch, each in its own order.

    Where the source has ``blocks``, the order is that of `BlockOrder`, else any order is as likely.
    ``position`` counts the records drawn so far, bad ones included; a stream made with the
    ``position`` of another one and the same seed goes on as that one would. A record that raises
    `BadRecord` is passed over and reported to ``on_skip(id, reason)``, where ``id`` is its index in
    the source. `BadSource` stops the stream when more than ``max_bad_share`` of the last 50 drawn
    records were bad, or when a whole epoch was. The share is judged over the records that this
    object drew. ``workers`` processes read and prepare records ahead; the order and the items are
    the same with any number of them. Source: ours.
    """

    def __init__(
        self,
        source: Source,
        *,
        seed: int,
        position: int = 0,
        shuffle: bool = True,
        on_skip: Callable[[str, str], None] = _say_nothing,
        max_bad_share: float = 0.2,
        workers: int = 0,
    ) -> None:
        if len(source) == 0:
            raise ValueError("the source is empty; check its path, split and filters")
        if position < 0:
            raise ValueError(f"position={position}: a stream starts at 0 or later")
        if not 0 <= max_bad_share <= 1:
            raise ValueError(f"max_bad_share={max_bad_share}: give a share from 0 to 1")
        self.source = source
        self.seed = seed
        self.position = position
        self.shuffle = shuffle
        self.on_skip = on_skip
        self.max_bad_share = max_bad_share
        self._order = _block_orders(source, seed)
        self._ahead = _read_ahead(self, workers) if workers else None
        self._bad = deque[bool](maxlen=WINDOW)
        self._bad_in_epoch = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        while True:
            index = self.index_at(self.position)
            if self.position % len(self.source) == 0:
                self._bad_in_epoch = 0
            item = next(self._ahead) if self._ahead is not None else _read(self.source, index)
            self.position += 1
            if isinstance(item, BadRecord):
                self._count_bad(index, str(item))
            else:
                self._bad.append(False)
                return item

    def take(self, count: int) -> list[Any]:
        """The next ``count`` usable items."""
        return [next(self) for _ in range(count)]

    def index_at(self, position: int) -> int:
        """Index of the record drawn at ``position``: a pure function of seed and length."""
        epoch, place = divmod(position, len(self.source))
        if not self.shuffle:
            return place
        if self._order is not None:
            return self._order(epoch)[place]
        return permuted(place, len(self.source), self.seed, epoch)

    def _count_bad(self, index: int, reason: str) -> None:
        self.on_skip(str(index), reason)
        self._bad.append(True)
        self._bad_in_epoch += 1
        bad, drawn = sum(self._bad), len(self._bad)
        if self._bad_in_epoch == len(self.source):
            raise BadSource(
                f"all {len(self.source)} records of the source are bad; the last one: {reason}"
            )
        if drawn == WINDOW and bad > self.max_bad_share * drawn:
            raise BadSource(
                f"{bad} of the last {drawn} records are bad, allowed are {self.max_bad_share:.0%};"
                f" repair the source or raise max_bad_share; the last one: {reason}"
            )


def _block_orders(source: Source, seed: int) -> Callable[[int], BlockOrder] | None:
    """Epoch to order for a source with blocks; reading ahead may already need the next epoch's."""
    blocks: Blocks | None = getattr(source, "blocks", None)
    if blocks is None:
        return None
    return functools.lru_cache(maxsize=2)(partial(BlockOrder, blocks, len(source), seed))


def _read(source: Source, index: int) -> Any:
    """The item at ``index``, or the `BadRecord` that it raised."""
    try:
        return source[index]
    except BadRecord as error:
        return error


class _Indexed:
    """A source whose bad records are returned instead of raised, so that they cross to another
    process."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Any:
        return _read(self.source, index)


def _read_ahead(stream: Stream, workers: int) -> Iterator[Any]:
    """The items from the stream's position on, read by ``workers`` processes in the stream's
    order."""
    import torch
    from torch.utils.data import DataLoader

    loader: DataLoader[Any] = DataLoader(
        _Indexed(stream.source),  # type: ignore[arg-type]
        sampler=map(stream.index_at, itertools.count(stream.position)),  # type: ignore[arg-type]
        batch_size=None,
        num_workers=workers,
        prefetch_factor=READ_AHEAD,
        pin_memory=torch.cuda.is_available(),  # a thread then takes the items from the processes
    )
    return iter(loader)
