"""Checkpoints: folders that are either whole or not there, and that notice any later damage.

A checkpoint is filled beside its place under a ``.tmp-`` name, synchronised to the disk, sealed
with a manifest (size and SHA-256 of each file) and renamed. A kill at any moment leaves the earlier
checkpoints as they were. Only safetensors and JSON are written or read; nothing is ever unpickled.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from gnomon.disk import TEMPORARY, is_alive, remove, sha256_of, sync, temporary_beside
from gnomon.tensors import (
    CheckpointError,
    load_tensors,
    optimizer_tensors,
    read_metadata,
    restore_optimizer,
    save_tensors,
)

__all__ = [
    "CheckpointError",
    "list_checkpoints",
    "load_tensors",
    "newest_valid",
    "optimizer_tensors",
    "prune",
    "read_metadata",
    "remove_stale",
    "restore_optimizer",
    "save_tensors",
    "verify",
    "write_checkpoint",
]

FORMAT = 1
MANIFEST = "manifest.json"
_REPLACED = "replaced-"


def write_checkpoint(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Write a checkpoint with the files that ``fill`` puts into the folder it is given.

    The files appear at ``folder`` all at once, after they and their manifest have reached the disk.
    A folder that is there already is replaced. Returns ``folder``. When ``fill`` or the disk fails,
    nothing is left behind: an ``OSError`` (disk full, no permission) becomes a `CheckpointError`
    which says how much room there is and which checkpoint is the last good one; any other exception
    passes through. Source: ours.
    """
    temporary = temporary_beside(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove(temporary)
        temporary.mkdir()
        fill(temporary)
        _seal(temporary)
        _swap(temporary, folder)
        sync(folder.parent)
    except OSError as error:
        raise CheckpointError(_explain_failure(error, folder, temporary)) from error
    finally:
        if temporary.exists():
            shutil.rmtree(temporary, ignore_errors=True)
    return folder


def verify(folder: Path) -> None:
    """Check every file of a checkpoint against its manifest.

    Raises `CheckpointError` naming the first file that is missing, extra, a link, of another size
    or of other content, and a manifest that is missing, unreadable or of another format.
    """
    expected = _read_manifest(folder)
    found = set(_files(folder)) - {MANIFEST}
    for name in sorted(expected.keys() | found):
        if name not in found:
            raise CheckpointError(f"{folder}: file {name!r} is missing")
        if name not in expected:
            raise CheckpointError(f"{folder}: file {name!r} does not belong to the checkpoint")
        _verify_file(folder, name, *expected[name])


def newest_valid(parent: Path) -> tuple[Path | None, list[str]]:
    """The newest whole checkpoint under ``parent`` and what is wrong with each newer one.

    Newer means a higher number at the end of the name (``step-000010``). None when there is none.
    """
    problems: list[str] = []
    for folder in reversed(list_checkpoints(parent)):
        try:
            verify(folder)
        except CheckpointError as error:
            problems.append(str(error))
        else:
            return folder, problems
    return None, problems


def list_checkpoints(parent: Path) -> list[Path]:
    """The checkpoint folders under ``parent``, oldest first, whole or not; empty without it."""
    if not parent.is_dir():
        return []
    folders = [
        path for path in parent.iterdir() if path.is_dir() and not path.name.startswith(TEMPORARY)
    ]
    return sorted(folders, key=lambda path: (_number(path.name), path.name))


def remove_stale(parent: Path) -> list[Path]:
    """Remove what killed writers left under ``parent``; returns the removed folders.

    Folders of other processes that are still alive are left alone. A checkpoint that was moved
    aside by a writer that was then killed before its own one was in place is put back.
    """
    removed: list[Path] = []
    for path in sorted(parent.glob(f"{TEMPORARY}*")):
        if is_alive(_number(path.name)):
            continue
        moved = path.name.startswith(TEMPORARY + _REPLACED)
        original = parent / path.name.removeprefix(TEMPORARY + _REPLACED).rpartition("-")[0]
        if moved and not original.exists():
            path.rename(original)
            continue
        remove(path)
        removed.append(path)
    return removed


def prune(parent: Path, keep: int, also: Collection[Path] = ()) -> list[Path]:
    """Remove all but the newest ``keep`` finished checkpoints; returns the removed folders.

    The folders in ``also`` stay whatever their age.

    Folders without a manifest do not count and are left for `newest_valid` to report. ``keep`` is
    at least 1.
    """
    if keep < 1:
        raise ValueError(f"keep={keep}: at least one checkpoint must be kept; use keep=1 or more")
    finished = [path for path in list_checkpoints(parent) if (path / MANIFEST).is_file()]
    removed = [path for path in finished[:-keep] if path not in also]
    for path in removed:
        doomed = temporary_beside(path, "pruned-")
        path.rename(doomed)  # so that a kill never leaves half a checkpoint under a real name
        remove(doomed)
    return removed


def _seal(folder: Path) -> None:
    entries: dict[str, dict[str, Any]] = {}
    for name in _files(folder):
        path = folder / name
        if path.is_symlink():
            raise CheckpointError(f"{path} is a link; a checkpoint holds its files itself")
        sync(path)
        entries[name] = {"sha256": sha256_of(path), "bytes": path.stat().st_size}
    # No white space, nothing optional: any changed byte of the manifest is an error.
    text = json.dumps({"format": FORMAT, "files": entries}, separators=(",", ":"))
    (folder / MANIFEST).write_text(text)
    sync(folder / MANIFEST)
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            sync(path)


def _swap(temporary: Path, folder: Path) -> None:
    """Rename, moving aside what is there: a folder that is not empty cannot be renamed over."""
    if not folder.exists():
        temporary.rename(folder)
        return
    aside = temporary_beside(folder, _REPLACED)
    remove(aside)
    folder.rename(aside)
    try:
        temporary.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
    remove(aside)


def _read_manifest(folder: Path) -> dict[str, tuple[str, int]]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        version = manifest["format"]
        files = {name: (item["sha256"], item["bytes"]) for name, item in manifest["files"].items()}
    except FileNotFoundError:
        raise CheckpointError(
            f"{folder}: {MANIFEST} is missing; the checkpoint is incomplete"
        ) from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{folder}: {MANIFEST} cannot be read ({error!r})") from None
    if version != FORMAT:
        raise CheckpointError(
            f"{folder}: {MANIFEST} has format {version!r}, this version reads {FORMAT};"
            " resume with the version of gnomon that wrote it"
        )
    return files


def _verify_file(folder: Path, name: str, digest: str, wanted: int) -> None:
    path = folder / name
    if path.is_symlink() or not path.is_file():
        raise CheckpointError(f"{folder}: {name!r} is a link or not a plain file")
    size = path.stat().st_size
    if size != wanted:
        raise CheckpointError(f"{folder}: file {name!r} has {size} bytes instead of {wanted}")
    if sha256_of(path) != digest:
        raise CheckpointError(f"{folder}: file {name!r} has changed since it was written")


def _files(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _number(name: str) -> int:
    digits = re.search(r"(\d+)$", name)
    return int(digits.group()) if digits else -1


def _explain_failure(error: OSError, folder: Path, temporary: Path) -> str:
    good, _ = newest_valid(folder.parent)
    needed = max(_size(temporary), _size(good) if good else 0)
    place = next(path for path in (folder.parent, *folder.parents) if path.is_dir())
    free = shutil.disk_usage(place).free
    last = f"the last good checkpoint is {good}" if good else "there is no earlier one beside it"
    return (
        f"checkpoint {folder} could not be written: {error.strerror or error};"
        f" {free / 1e6:.1f} MB are free and at least {needed / 1e6:.1f} MB are needed; {last};"
        " free some space, or make the folder writable, and resume"
    )


def _size(folder: Path) -> int:
    return sum((folder / name).lstat().st_size for name in _files(folder))
