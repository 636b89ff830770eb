"""Rollouts as rows of parquet files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gnomon.logs import RunError, plain
from gnomon.parts import nearest

COLUMNS: dict[str, str] = {
    "stage": "string",
    "index": "int64",
    "step": "int64",
    "group": "int64",
    "member": "int64",
    "sample_id": "string",
    "task": "string",
    "difficulty": "double",
    "prompt": "string",
    "images": "list",
    "response": "string",
    "stop": "string",
    "length": "int64",
    "reference": "string",
    "prediction": "string",
    "outcome": "string",
    "reason": "string",
    "grader": "string",
    "reward": "double",
    "advantage": "double",
    "kept": "int64",
    "scores": "json",
}
"""Columns of a rollout and their types; ``images`` are file names, ``scores`` is JSON text."""

_DEFAULTS: dict[str, Any] = {
    "difficulty": None,
    "prediction": None,
    "advantage": None,
    "kept": 1,
    "grader": "",
}


def complete_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with all `COLUMNS`, each of its type; raises `RunError` for a wrong one."""
    row = {**_DEFAULTS, **row}
    for name in row:
        if name not in COLUMNS:
            raise RunError(f"a rollout has no column {name!r}{nearest(name, COLUMNS)}")
    for name in COLUMNS:
        if name not in row:
            raise RunError(f"a rollout needs the column {name!r}; it has {', '.join(row)}")
    return {name: _cell(name, row[name]) for name in COLUMNS}


def _cell(name: str, value: Any) -> Any:
    kind = COLUMNS[name]
    value = plain(value)
    if kind == "json" and not isinstance(value, str):
        value = json.dumps(value)
    if kind == "string" and value is not None:
        # Text of outside sources may hold lone surrogates, which no file can.
        value = str(value).encode("utf-8", "replace").decode()
    if not _FITS[kind](value):
        raise RunError(f"the column {name!r} of a rollout cannot hold {value!r}; it is a {kind}")
    return float(value) if kind == "double" and value is not None else value


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


# Checked here because pyarrow cuts 1.5 down to 1 without a word.
_FITS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: True,
    "json": lambda value: True,
    "int64": _is_integer,
    "double": lambda value: value is None or isinstance(value, float) or _is_integer(value),
    "list": lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
}


def parquet_bytes(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows of `complete_row` as a parquet file."""
    import pyarrow as pa
    import pyarrow.json as pj
    import pyarrow.parquet as pq

    types = {"list": pa.list_(pa.string()), "json": pa.string()}
    schema = pa.schema(
        [(name, types.get(kind) or pa.type_for_alias(kind)) for name, kind in COLUMNS.items()]
    )
    sink = pa.BufferOutputStream()
    lines = "\n".join(json.dumps(dict(row), allow_nan=False) for row in rows).encode()
    # By way of JSON, because Arrow imports pandas, where it is installed, to look at Python lists.
    table = pj.read_json(
        pa.BufferReader(lines or b"\n"),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(lines) + 1),
        parse_options=pj.ParseOptions(explicit_schema=schema),
    )
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def read_rows(paths: Sequence[Path], limit: int | None) -> list[dict[str, Any]]:
    """The rows of parquet files in their order, at most ``limit``; reads no more than it needs."""
    rows: list[dict[str, Any]] = []
    for row in _iterate_rows(paths):
        if limit is not None and len(rows) >= limit:
            break
        rows.append(row)
    return rows


def _iterate_rows(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=256):
                yield from batch.to_pylist()


def as_png_or_jpg(data: bytes) -> tuple[bytes, str]:
    """Encoded image as it is stored, and its ending: other formats than PNG and JPEG become PNG.

    Only those others are decoded; they raise `gnomon.records.BadRecord` when they cannot be.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data, "png"
    if data.startswith(b"\xff\xd8\xff"):
        return data, "jpg"
    from gnomon.media.image import open_image, png_bytes
    from gnomon.records import Media

    return png_bytes(open_image(Media("image", data=data))), "png"
