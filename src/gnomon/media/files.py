"""The bytes of a medium, from memory or from a file under a root, within a limit."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from gnomon.records import BadRecord, Media

DECODER_FAULTS: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    AssertionError,
    MemoryError,
)
"""What decoders raise for damaged files, beside errors of their own."""


def name_of(media: Media) -> str:
    """What an error calls a medium: its kind, and its path or its length."""
    if media.path is not None:
        return f"{media.kind} {str(media.path)!r}"
    return f"{media.kind} of {len(media.data or b'')} bytes"


def check_kind(media: Media, kind: str, article: str) -> None:
    """Raise `BadRecord` when the medium is of another kind than the wanted one."""
    if media.kind != kind:
        raise BadRecord(f"{name_of(media)}: {article} {kind} is needed, not {media.kind}")


def read_bytes(media: Media, root: Path | None, max_bytes: int) -> bytes:
    """The encoded bytes. Relative paths are under ``root``; no path and no link may leave it.

    Raises `BadRecord` for an address, a missing, unreadable or empty file, and for more than
    ``max_bytes``, of which no more than one byte too many is read.
    """
    found = media.data if media.path is None else _read_file(media, media.path, root, max_bytes)
    if not found:
        raise BadRecord(f"{name_of(media)}: empty; replace the file or drop the record")
    if len(found) > max_bytes:
        raise BadRecord(
            f"{name_of(media)}: over the limit of {max_bytes} bytes;"
            " scale it down or raise max_bytes"
        )
    return found


def resolve_path(path: Path, root: Path, kind: str = "image") -> Path:
    """The real place of ``path`` under ``root``; raises `BadRecord` when it leads out of it.

    Links are followed. An absolute path is accepted when it lies under ``root``. The file need not
    exist. ``kind`` is what an error calls it.
    """
    _refuse_address(path, kind)
    try:
        base, place = root.resolve(), (root / path).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise BadRecord(f"{kind} {str(path)!r}: not a usable path ({error}); correct it") from None
    if not place.is_relative_to(base):
        raise BadRecord(
            f"{kind} {str(path)!r} lies outside the data folder {base};"
            " move it there or set the root"
        )
    return place


def _refuse_address(path: Path, kind: str) -> None:
    if str(path).startswith(("http:", "https:", "data:")):
        raise BadRecord(f"{kind} {str(path)[:80]!r}: not a file; download it and give its path")


def _read_file(media: Media, path: Path, root: Path | None, max_bytes: int) -> bytes:
    _refuse_address(path, media.kind)
    place = path if root is None else resolve_path(path, root, media.kind)
    try:
        if not place.is_file():  # a pipe or a device would block or never end
            where = "" if root is None else f" under {root}"
            raise BadRecord(f"{name_of(media)}: no such file{where}; check path and root")
        with place.open("rb") as file:
            return file.read(max_bytes + 1)
    except BadRecord:
        raise
    except (OSError, ValueError) as error:
        raise BadRecord(f"{name_of(media)}: cannot be read ({error}); check path") from None


def wanted_module(module: str, package: str, extra: str) -> Any:
    """An optional package, imported; raises ImportError naming the extra that brings it."""
    try:
        return import_module(module)
    except ImportError:
        raise ImportError(f"{extra} needs {package}: pip install 'gnomon[{extra}]'") from None
