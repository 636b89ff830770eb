"""Files that survive a kill: written beside their place, synchronised, renamed.

And folders that one process holds.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".tmp-"
"""Start of the name of what is not in its place yet; the name ends with the writer's process id."""


def temporary_beside(path: Path, what: str = "") -> Path:
    """Where this process prepares what it renames to ``path``; ``what`` tells places apart."""
    return path.parent / f"{TEMPORARY}{what}{path.name}-{os.getpid()}"


def write_atomic(path: Path, data: bytes) -> Path:
    """Write a file so that readers see its old content or the whole new one; returns ``path``.

    Makes the parent folder. An ``OSError`` passes through and leaves nothing behind. Source: ours.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        temporary.write_bytes(data)
        sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def sync(path: Path) -> None:
    """Wait until a file or a folder has reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that it holds, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class Busy(RuntimeError):
    """Another process works in a folder; the message says what to do."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for this process; raises `Busy` when another one holds it.

    The hold ends with the process, however that ends, and is not passed on to its children. Where
    the file system knows no locks nothing is held.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                raise Busy(
                    f"another process works in {folder}: wait for it, stop it, or give another "
                    "folder"
                ) from None
        yield


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal; reads it in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_alive(process: int) -> bool:
    """Whether another process of this machine has this id; False for our own and for 0 or less."""
    if process <= 0 or process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
