"""What a killed process runs; a module of its own, so that a fork server can import it by name."""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.connection import Connection

from gnomon.replication.pool import _end_with_parent


def parent(told: Connection) -> None:
    """Start a child, tell its process id, and wait to be killed."""
    child = multiprocessing.get_context("fork").Process(target=run, args=(told,))
    child.start()
    time.sleep(60)


def run(told: Connection) -> None:
    """A run that takes a minute."""
    _end_with_parent()
    told.send(os.getpid())
    time.sleep(60)
