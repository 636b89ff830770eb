"""Rows of files on disk by number, without holding the files in memory."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from collections import OrderedDict
from pathlib import Path
from typing import Any, Protocol

from gnomon.data.order import Blocks
from gnomon.parts import nearest
from gnomon.records import BadRecord

Row = dict[str, Any]
MAX_LINE_BYTES = 256 * 2**20
KEPT_GROUPS, KEPT_ROWS = 8, 1000
KEPT_BYTES = 2**30
"""Row groups that are kept: at least so many, and more of small ones, within so many bytes."""


class Rows(Protocol):
    """Rows by number; ``columns`` are their names, for JSON lines those of the first one.

    ``blocks`` are None where each row is read alone.
    """

    columns: tuple[str, ...]

    @property
    def blocks(self) -> Blocks | None:
        """The rows that are read at once."""

    def __len__(self) -> int: ...

    def place(self, index: int) -> str:
        """Where a row stands, for messages: ``train.jsonl, line 12``."""

    def row(self, index: int) -> Row:
        """The row; raises `BadRecord` when it cannot be read."""


def data_files(path: Path, ending: str) -> list[Path]:
    """The file at ``path``, or the files with this ending in the folder there, in order of name.

    Raises ``ValueError`` when there is none, with the nearest name.
    """
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(item for item in path.glob(f"*{ending}") if item.is_file())
        if found:
            return found
        raise ValueError(f"{path} holds no {ending} files; give the file or the folder with them")
    beside = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
    raise ValueError(f"there is no file {path}{nearest(path.name, beside[:1000])}")


class JsonLines:
    """Lines of JSON objects in files, 16 bytes of memory each; blank ones do not count."""

    blocks: Blocks | None = None

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths
        self._starts: list[int] = []  # number of the first row of each file
        self._offsets = array("Q")
        self._lines = array("Q")
        for path in paths:
            self._starts.append(len(self._offsets))
            self._scan(path)
        self.columns = self._first_columns()

    def __len__(self) -> int:
        return len(self._offsets)

    def place(self, index: int) -> str:
        """File and line of a row."""
        return f"{self._path(index).name}, line {self._lines[index]}"

    def row(self, index: int) -> Row:
        """One parsed line; raises `BadRecord` when it is no JSON object, or longer than 256 MiB."""
        with self._path(index).open("rb") as file:
            file.seek(self._offsets[index])
            line = file.readline(MAX_LINE_BYTES + 1)
        if len(line) > MAX_LINE_BYTES:
            raise BadRecord(f"the line is longer than {MAX_LINE_BYTES} bytes; keep images in files")
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadRecord(f"not JSON ({error}); write one JSON object per line") from None
        if not isinstance(row, dict):
            raise BadRecord(f"a JSON {type(row).__name__}; write one JSON object per line")
        return row

    def _path(self, index: int) -> Path:
        return self.paths[bisect_right(self._starts, index) - 1]

    def _scan(self, path: Path) -> None:
        offset = 0
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    self._offsets.append(offset)
                    self._lines.append(number)
                offset += len(line)

    def _first_columns(self) -> tuple[str, ...]:
        for index in range(min(len(self), 100)):
            try:
                return tuple(self.row(index))
            except BadRecord:
                continue
        return ()


class ParquetRows:
    """Rows of one or more parquet files; the row groups read last are kept, within 1 GiB.

    A row is read with its whole group. In the order of ``blocks`` a group is read once an epoch; in
    any order, as of a mixture of sources, for nearly every row. A file for training should have
    groups of some hundred rows: one that is a single group is read whole. ``decoded`` counts the
    rows of the groups that were read.
    """

    def __init__(self, paths: list[Path]) -> None:
        self._groups: list[tuple[Path, int]] = []
        self._starts: list[int] = []
        self._cache: OrderedDict[int, Any] = OrderedDict()
        self._first: dict[Path, int] = {}
        self._length = self.decoded = 0
        self._largest = 1
        self.columns: tuple[str, ...] = ()
        for path in paths:
            self._scan(path)

    def __len__(self) -> int:
        return self._length

    @property
    def blocks(self) -> Blocks:
        """The row groups, and how many are kept: 8 or a thousand rows, as far as they fit."""
        wanted = max(KEPT_GROUPS, KEPT_ROWS * len(self._groups) // max(1, self._length))
        return Blocks(self._starts, min(wanted, max(1, KEPT_BYTES // self._largest)))

    def place(self, index: int) -> str:
        """File and row of a row; rows count from 1 within their file."""
        path, _ = self._groups[self._group(index)]
        return f"{path.name}, row {index - self._first[path] + 1}"

    def row(self, index: int) -> Row:
        """One row as plain Python values; raises `BadRecord` when its row group is damaged."""
        group = self._group(index)
        table = self._table(group)
        row: Row = table.slice(index - self._starts[group], 1).to_pylist()[0]
        return row

    def _scan(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(path) as file:
                metadata, names = file.metadata, tuple(file.schema_arrow.names)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(
                f"{path} is not a whole parquet file ({error}); fetch it again"
            ) from None
        if self.columns and names != self.columns:
            raise ValueError(f"{path} has other columns than the files before: {', '.join(names)}")
        self.columns = names
        self._first[path] = self._length
        for number in range(metadata.num_row_groups):
            self._groups.append((path, number))
            self._starts.append(self._length)
            group = metadata.row_group(number)
            self._length += group.num_rows
            self._largest = max(self._largest, group.total_byte_size)

    def _group(self, index: int) -> int:
        return bisect_right(self._starts, index) - 1

    def _table(self, group: int) -> Any:
        if group in self._cache:
            self._cache.move_to_end(group)
            return self._cache[group]
        self._cache[group] = self._read(group)
        while len(self._cache) > 1 and (
            len(self._cache) > self.blocks.kept
            or sum(table.nbytes for table in self._cache.values()) > KEPT_BYTES
        ):
            self._cache.popitem(last=False)
        return self._cache[group]

    def _read(self, group: int) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path, number = self._groups[group]
        try:
            with pq.ParquetFile(path) as file:
                table = file.read_row_group(number)
        except (pa.ArrowException, OSError) as error:
            raise BadRecord(
                f"row group {number} is damaged ({error}); fetch the file again"
            ) from None
        self.decoded += table.num_rows
        return table
