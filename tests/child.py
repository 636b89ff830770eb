"""What other processes run; a module of its own, so that a fork server can import it by name."""

from __future__ import annotations

import multiprocessing
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any


def run_recipe(data: dict[str, Any], root: Path, resumed: Path | None) -> None:
    import torch

    from gnomon.recipe import make_recipe
    from gnomon.training import resume, train

    torch.set_num_threads(1)
    if resumed is None:
        train(make_recipe(data), root=root)
    else:
        resume(resumed)


def hold(folder: Path, told: Any) -> None:
    """Hold a folder until killed, and say so."""
    import time

    from gnomon.disk import alone_in

    with alone_in(folder):
        told.send("held")
        time.sleep(120)


def held_elsewhere(folder: Path) -> BaseProcess:
    """Another process, which holds ``folder``."""
    context = multiprocessing.get_context("forkserver")
    told, tells = context.Pipe(duplex=False)
    process = context.Process(target=hold, args=(folder, tells))
    process.start()
    assert told.recv() == "held"
    return process
