"""Replies on disk: JSON lines keyed by a hash, so that nothing is asked or paid twice."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from gnomon.logs import append_line


class Cache:
    """Known replies by key, kept in a file of JSON lines; without a path nothing is kept.

    Reading tolerates a line that a kill cut off. Safe for the threads of one process; of two
    processes with one file each sees what was there when it started.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._known = {} if path is None else _read(path)

    def get(self, key: str) -> str | None:
        """The reply of ``key``, or None."""
        return self._known.get(key)

    def put(self, key: str, reply: str) -> None:
        """Keep a reply; a known key keeps its first one. `OSError` when it cannot be kept."""
        if self.path is None:
            return
        line = json.dumps({"key": key, "reply": reply}).encode() + b"\n"
        with self._lock:
            if key not in self._known:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                append_line(self.path, line)
                self._known[key] = reply

    def __len__(self) -> int:
        return len(self._known)


def _read(path: Path) -> dict[str, str]:
    known: dict[str, str] = {}
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    for line in lines:
        try:
            entry = json.loads(line)
            known.setdefault(str(entry["key"]), str(entry["reply"]))
        except (ValueError, LookupError, TypeError):
            continue  # a damaged line costs one question
    return known
