from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from gnomon.replication.console import Progress, result_table
from gnomon.replication.experiment import load_experiment
from gnomon.replication.jobs import plan_jobs
from gnomon.replication.matching import resolve
from gnomon.replication.pool import Board
from gnomon.replication.results import read_results
from gnomon.replication.summary import summarise
from replication.stored import store_made

SHARES = {"grpo": 0.5, "papo": 0.6, "gamma-doubled": 0.3}


def drawn(*items: object, terminal: bool = False) -> str:
    console = Console(file=io.StringIO(), width=200, force_terminal=terminal)
    for item in items:
        console.print(item)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@pytest.fixture
def board(tmp_path: Path) -> Board:
    experiment = load_experiment("papo")
    return Board(plan_jobs(experiment, resolve(experiment), tmp_path, arms=["papo"], seeds=1))


def test_a_result_stands_beside_the_sources_number(tmp_path: Path) -> None:
    store_made(tmp_path, load_experiment("papo"), SHARES)
    (result,) = summarise(read_results(tmp_path, "papo"))
    text = drawn(result_table(result))
    assert "helps" in text
    assert "+2 points" in text
    assert "3 of 3" in text


def test_a_later_declaration_is_called_so(tmp_path: Path) -> None:
    experiment = load_experiment("papo")
    for declared in (experiment, experiment.model_copy(update={"seeds": 4})):
        store_made(tmp_path, declared, SHARES)
    _, later = summarise(read_results(tmp_path, "papo"))
    assert "(declared again)" in drawn(result_table(later))


def test_without_a_terminal_every_change_is_a_line(board: Board) -> None:
    console = Console(file=io.StringIO(), width=100)
    start, job, *_ = board.jobs
    with Progress(console, board) as progress:
        board.status[start.name] = "done"
        progress.changed(start)
        board.fail(job, "Diverged [at once]")
        progress.changed(job)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert lines[0] == f"[1/3] {start.name}: done"
    assert lines[1] == "[2/3] grpo, seed 0: failed: Diverged [at once]"


def test_a_terminal_shows_the_steps_of_every_run(board: Board) -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with Progress(console, board) as progress:
        board.status[board.jobs[1].name] = "done"
        progress.refresh()
    assert isinstance(console.file, io.StringIO)
    assert "40 of 40" in console.file.getvalue()
