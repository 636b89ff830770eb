"""Where commands write: text and tables to stdout, progress and errors to stderr."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def console(*, stderr: bool = False) -> Console:
    """A console that colours nothing by itself."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def show_all(*items: RenderableType) -> None:
    """Print tables to stdout."""
    shown = console()
    for item in items:
        shown.print(item)


def say(text: str) -> None:
    """Print text of any origin to stdout, as it is."""
    from gnomon.report.terminal import show

    show(console(), text)


def save_json(path: Path | None, data: dict[str, Any]) -> None:
    """Write what was shown to the file that ``--json`` names, if it names one."""
    if path is not None:
        from gnomon.disk import write_atomic
        from gnomon.logs import json_bytes

        write_atomic(path, json_bytes(data))
