from __future__ import annotations

import multiprocessing

import pytest

from gnomon.replication.jobs import Job
from gnomon.replication.pool import Board
from gnomon.run import Run
from replication import orphans


def test_a_finished_run_is_not_run_again(planned: list[Job]) -> None:
    job = planned[0]
    run = Run.create(job.folder, job.recipe.name, "micro", job.recipe.to_yaml())
    run.write_summary({"status": "done"})
    board = Board(planned)
    assert board.status[planned[0].name] == "done"
    assert board.ready() is planned[1]


def test_an_arm_waits_for_its_start(planned: list[Job]) -> None:
    board = Board(planned)
    for job in planned[:3]:
        board.status[job.name] = "running"
    assert board.ready() is None
    board.status[planned[1].name] = "done"
    ready = board.ready()
    assert ready is not None
    assert (ready.arm, ready.seed) == ("grpo", 1)


def test_a_start_that_failed_fails_its_arms_and_no_others(planned: list[Job]) -> None:
    board = Board(planned)
    board.fail(planned[0], "Diverged")
    for job in planned[1:3]:
        board.status[job.name] = "done"
    ready = board.ready()
    assert ready is not None
    assert ready.seed == 1
    assert board.reasons["grpo, seed 0"] == "its shared stages failed: Diverged"
    assert len(board.failed()) == 5


def test_a_run_ends_when_the_command_that_began_it_is_killed() -> None:
    told, tells = multiprocessing.Pipe(duplex=False)
    command = multiprocessing.get_context("forkserver").Process(
        target=orphans.parent, args=(tells,)
    )
    command.start()
    tells.close()
    assert told.recv() > 0
    command.kill()
    command.join()
    # The run holds the other end of the pipe until it ends.
    assert told.poll(30)
    with pytest.raises(EOFError):
        told.recv()
