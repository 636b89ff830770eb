"""A file of 10,000 image rows: what is read before the first batch, what an epoch holds in memory.

Counted, not timed: a busy machine changes no count.
"""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from gnomon.data.sources import RecordSource, jsonl, parquet
from gnomon.data.stream import Stream
from gnomon.formats.plain import direct
from gnomon.models.encode import Encoder
from gnomon.records import Media
from gnomon.stages.context import Prepare

ROWS, GROUP, BATCH = 10_000, 100, 32
SIDE = 28


def png(draw: Random) -> bytes:
    file = io.BytesIO()
    noise = draw.randbytes(3 * SIDE * SIDE)
    Image.frombytes("RGB", (SIDE, SIDE), noise).save(file, "PNG", compress_level=0)
    return file.getvalue()


@pytest.fixture(scope="module")
def image_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 MB of questions with an image each, in row groups of a hundred."""
    path = tmp_path_factory.mktemp("rows") / "train.parquet"
    draw = Random(0)
    images = [{"bytes": png(draw), "path": None} for _ in range(GROUP)]
    schema = pa.schema(
        [
            ("problem", pa.string()),
            ("images", pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))),
            ("answer", pa.string()),
        ]
    )
    # Without dictionaries equal images would take as much room as different ones do.
    with pq.ParquetWriter(path, schema, use_dictionary=False, compression="none") as writer:
        for first in range(0, ROWS, GROUP):
            texts = [f"<image>{first + n}: how many?" for n in range(GROUP)]
            columns = [texts, [[image] for image in images], ["5"] * GROUP]
            arrays = [pa.array(c, type=t) for c, t in zip(columns, schema.types, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    return path


def prepared(source: RecordSource, encoder: Encoder) -> Prepare:
    return Prepare(source, partial(encoder.prompt, style=direct()))


def test_the_first_batch_of_a_parquet_file_decodes_a_tenth_of_its_rows(
    image_rows: Path, tiny_encoder: Encoder
) -> None:
    source = parquet(path=image_rows)
    assert source.rows.decoded == 0  # type: ignore[attr-defined]
    batch = Stream(prepared(source, tiny_encoder), seed=0).take(BATCH)
    assert all(len(encoded.percepts) == 1 for _, encoded in batch)
    assert source.rows.decoded <= ROWS // 10  # type: ignore[attr-defined]


def test_an_epoch_decodes_every_row_once_in_flat_memory(image_rows: Path) -> None:
    source = parquet(path=image_rows)
    stream = Stream(source, seed=0)
    group = image_rows.stat().st_size * GROUP / ROWS
    held = [_arrow_bytes(stream) for _ in range(ROWS // GROUP)]
    assert source.rows.decoded == ROWS  # type: ignore[attr-defined]
    # Arrow makes room for up to twice of what a column turns out to hold.
    assert max(held) < 2.2 * group * source.blocks.kept  # type: ignore[union-attr]


def _arrow_bytes(stream: Stream) -> int:
    stream.take(GROUP)
    return int(pa.total_allocated_bytes())


def test_python_holds_no_more_after_two_thousand_rows_than_after_one(image_rows: Path) -> None:
    stream = Stream(parquet(path=image_rows), seed=0)
    tracemalloc.start()
    try:
        stream.take(1100)  # the row groups that are kept have all been replaced once
        before, _ = tracemalloc.get_traced_memory()
        stream.take(1100)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 100_000


def test_json_lines_open_the_images_of_the_first_batch_alone(
    tmp_path: Path, tiny_encoder: Encoder
) -> None:
    lines = (
        json.dumps({"problem": "<image>How many?", "images": [f"{n}.png"], "answer": "5"})
        for n in range(ROWS)
    )
    (tmp_path / "train.jsonl").write_text("\n".join(lines))
    stream = Stream(prepared(jsonl(path=tmp_path / "train.jsonl"), tiny_encoder), seed=0)
    # No other file is there: opening one more image would be a bad record.
    draw = Random(0)
    for place in range(BATCH):
        (tmp_path / f"{stream.index_at(place)}.png").write_bytes(png(draw))
    assert len(stream.take(BATCH)) == BATCH
    assert stream.position == BATCH


def test_json_lines_take_sixteen_bytes_a_row(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"problem": "How many?", "answer": "5"}\n' * ROWS)
    jsonl(path=path)  # what is made once
    tracemalloc.start()
    try:
        source = jsonl(path=path)
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(source) == ROWS
    assert held < 20 * ROWS
    assert most < 60 * ROWS


def test_a_broken_video_costs_its_record_and_is_named(
    tmp_path: Path, tiny_encoder: Encoder, film: Callable[..., Media]
) -> None:
    whole = film(2).data or b""
    for number in range(6):
        (tmp_path / f"{number}.mp4").write_bytes(whole[: len(whole) // (1 + (number == 3))])
    lines = (
        json.dumps({"problem": "What?", "videos": [f"{n}.mp4"], "answer": "5"}) for n in range(6)
    )
    (tmp_path / "train.jsonl").write_text("\n".join(lines))
    skipped: list[tuple[str, str]] = []
    stream = Stream(
        prepared(jsonl(path=tmp_path / "train.jsonl"), tiny_encoder),
        seed=0,
        on_skip=lambda *told: skipped.append(told),
    )
    assert all(len(encoded.percepts) == 2 for _, encoded in stream.take(5))
    [(index, reason)] = skipped
    assert index == "3"
    assert "3.mp4" in reason
