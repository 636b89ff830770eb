from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from gnomon.rollouts import COLUMNS, complete_row, parquet_bytes

ROW: dict[str, Any] = {
    "stage": "rl", "index": 1, "step": 2, "group": 0, "member": 1, "sample_id": "s", "task": "t",
    "prompt": "How many?", "images": ["a.png"], "response": "5", "stop": "end", "length": 3,
    "reference": "5", "outcome": "right", "reason": "", "reward": 1.0, "scores": {"right": 1.0},
}  # fmt: skip
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def read(data: bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(data)).to_pylist()
    return rows


@given(st.text(), NUMBERS, st.none() | NUMBERS, st.integers(-(2**63) + 1, 2**63 - 1))
def test_rows_come_back_exactly(text: str, reward: float, advantage: Any, length: int) -> None:
    given = {"response": text, "reward": reward, "advantage": advantage, "length": length}
    rows = [complete_row(ROW | given), complete_row(ROW | {"images": [text], "prediction": text})]
    assert read(parquet_bytes(rows)) == rows


def test_no_rows_still_have_their_columns() -> None:
    assert pq.read_table(io.BytesIO(parquet_bytes([]))).column_names == list(COLUMNS)


def test_writing_rollouts_does_not_wait_for_pandas() -> None:
    code = (
        f"from gnomon.rollouts import complete_row, parquet_bytes; import sys;"
        f"parquet_bytes([complete_row({ROW!r})]); sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
