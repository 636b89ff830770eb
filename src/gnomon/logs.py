"""JSON lines that survive a kill, and values as JSON knows them."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from gnomon.disk import write_atomic


class RunError(ValueError):
    """A run folder that is not one, or a value that it cannot hold; the message says what to do."""


PLACE = ("stage", "index", "step")
"""What every line begins with: no logged value has one of these names."""


def plain(value: Any) -> Any:
    """``value`` as JSON knows it: scalar tensors become numbers, NaN and infinities None."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        return plain(value.item())
    raise RunError(f"{value!r} cannot be logged; give numbers, texts, lists or mappings of them")


def json_bytes(value: Mapping[str, Any]) -> bytes:
    """An indented JSON document."""
    return (json.dumps(plain(value), indent=2, allow_nan=False) + "\n").encode()


def json_line(stage: str, index: int, step: int, values: Mapping[str, Any]) -> bytes:
    """One line of a log; raises `RunError` when a value has the name of the place."""
    place = dict(zip(PLACE, (stage, index, step), strict=True))
    taken = place.keys() & values.keys()
    if taken:
        raise RunError(f"a logged value cannot be named {sorted(taken)[0]!r}; rename it")
    return (json.dumps(plain({**place, **values}), allow_nan=False) + "\n").encode()


def append_line(path: Path, line: bytes, durable: bool = False) -> None:
    """Append a line, dropping one that a kill cut off; ``durable`` waits for the disk."""
    with path.open("ab+") as file:
        end = file.tell()
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":
                file.truncate(_end_of_lines(path))
        file.write(line)
        file.flush()
        if durable:
            os.fsync(file.fileno())


def _end_of_lines(path: Path) -> int:
    return path.read_bytes().rfind(b"\n") + 1


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a log, empty without one; raises `RunError` naming a damaged line."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [_parse(line, path, number) for number, line in enumerate(lines, 1)]


def _parse(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError):
        raise RunError(
            f"{path}, line {number}: not a JSON object; resume the run, which repairs its logs,"
            " or remove the line"
        ) from None


def keep_lines(path: Path, last: tuple[int, int]) -> None:
    """Keep the whole lines up to ``last``, byte for byte."""
    if not path.exists():
        return
    old = path.read_bytes()
    new = b"".join(line + b"\n" for line in old.split(b"\n")[:-1] if _is_until(line, last))
    if new != old:
        write_atomic(path, new)


def _is_until(line: bytes, last: tuple[int, int]) -> bool:
    try:
        record = json.loads(line)
        return (record["index"], record["step"]) <= last
    except (ValueError, LookupError, TypeError):
        return False  # damaged, so that the resumed run writes it again


def read_json(path: Path) -> dict[str, Any]:
    """A JSON document, empty when there is no file."""
    return dict(json.loads(path.read_bytes())) if path.exists() else {}
