"""Several runs side by side, each in a process of its own with its share of the cores.

Processes come from a fork server that has imported the trainer once, so that a run of a minute does
not wait ten seconds for its imports. A run whose parent is killed ends too, and the next
`gnomon replicate` resumes it.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from gnomon.replication.experiment import Experiment
from gnomon.replication.jobs import LOG, Job, Status

PRELOAD = [
    "gnomon.training",
    "gnomon.commands.training",
    "transformers.models.qwen2_5_vl.modeling_qwen2_5_vl",
    "pyarrow.parquet",
]
POLL = 1.0
"""Seconds between two looks at how far the runs are."""
ORPHANED = 1
Train = Callable[[list[str]], int]
"""Runs ``gnomon train`` with the arguments and gives its exit code."""


@dataclass
class Board:
    """How all jobs stand; ``reasons`` says why a job failed."""

    jobs: Sequence[Job]
    status: dict[str, Status] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.status = {job.name: "done" if job.done else "waiting" for job in self.jobs}

    def ready(self) -> Job | None:
        """The first job that can begin; those whose shared stages failed are failed as well."""
        for job in self.jobs:
            if self.status[job.name] != "waiting":
                continue
            start = "done" if job.start is None else self.status[job.start.name]
            if start == "done":
                return job
            if start == "failed":
                assert job.start is not None
                self.fail(job, f"its shared stages failed: {self.reasons[job.start.name]}")
        return None

    def fail(self, job: Job, reason: str) -> None:
        """Note that a job did not end well, and why."""
        self.status[job.name] = "failed"
        self.reasons[job.name] = reason

    def failed(self) -> list[Job]:
        """The jobs that did not end well."""
        return [job for job in self.jobs if self.status[job.name] == "failed"]


def run_jobs(
    experiment: Experiment,
    board: Board,
    train: Train,
    *,
    at_once: int,
    threads: int,
    on_change: Callable[[Job], None],
    on_look: Callable[[], None] = lambda: None,
) -> None:
    """Run all jobs of ``board`` that are not done, ``at_once`` at a time with ``threads`` each.

    ``train`` runs the command line of a job in its process. ``on_change`` is called when a job
    begins or ends, ``on_look`` about every second. One failed job leaves the others alone. Whatever
    stops this function, Ctrl-C too, ends its processes.
    """
    running: dict[Job, ForkServerProcess] = {}
    told = set(board.failed())
    try:
        while True:
            while len(running) < at_once and (job := board.ready()) is not None:
                running[job] = _begin(experiment, job, train, threads)
                board.status[job.name] = "running"
                on_change(job)
            for job in board.failed():  # with their shared stages, without having begun
                if job not in told:
                    told.add(job)
                    on_change(job)
            if not running:
                return
            wait([process.sentinel for process in running.values()], timeout=POLL)
            for job in [job for job, process in running.items() if process.exitcode is not None]:
                _note_end(board, job, running.pop(job).exitcode)
                told.add(job)
                on_change(job)
            on_look()
    finally:
        for process in running.values():
            process.terminate()
            process.join()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin(experiment: Experiment, job: Job, train: Train, threads: int) -> ForkServerProcess:
    job.folder.mkdir(parents=True, exist_ok=True)
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(PRELOAD)
    arguments = job.arguments(experiment)
    process = server.Process(
        target=train_in_process,
        args=(train, arguments, threads, job.folder / LOG),
        name=job.name,
    )
    process.start()
    return process


def _note_end(board: Board, job: Job, code: int | None) -> None:
    if code == 0 and job.done:
        board.status[job.name] = "done"
    else:
        board.fail(job, job.reason(code or 0))


def train_in_process(train: Train, arguments: list[str], threads: int, log: Path) -> None:
    """Body of a run's process: `gnomon train` with ``arguments``, written to ``log``.

    Ends the process with the exit code of the command.
    """
    with log.open("a") as file:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    _end_with_parent()
    sys.argv = ["gnomon", "train", *arguments]
    os.environ["OMP_NUM_THREADS"] = str(threads)
    import torch

    torch.set_num_threads(threads)
    sys.exit(train(arguments))


def _end_with_parent() -> None:
    """End this process when the one that asked for it is gone; its run can be resumed."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(ORPHANED)

    threading.Thread(target=watch, daemon=True).start()
