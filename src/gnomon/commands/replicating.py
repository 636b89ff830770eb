"""The command ``gnomon replicate``."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gnomon.commands.errors import INTERRUPTED
from gnomon.commands.terminal import console
from gnomon.commands.training import run_training

if TYPE_CHECKING:
    from rich.console import Console

    from gnomon.recipe import Recipe
    from gnomon.replication.experiment import Experiment
    from gnomon.replication.pool import Board

FAILED = 1
WIDE = 160


def replicate_command(
    system: Annotated[
        str | None, typer.Argument(help="A system with a declared experiment, or a YAML file.")
    ] = None,
    arms: Annotated[
        str, typer.Option(help="Arms beside the reference, separated by commas; all if not given.")
    ] = "",
    seeds: Annotated[
        int | None, typer.Option(min=1, help="How many seeds instead of the declared number.")
    ] = None,
    budget: Annotated[
        float, typer.Option(min=0.001, help="Times the declared steps; stored apart from 1.")
    ] = 1.0,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Runs side by side; one for each core if not given.")
    ] = None,
    list_all: Annotated[
        bool, typer.Option("--list", help="List the declared experiments.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the experiment, show its arms, run nothing.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder of the run folders.")] = Path(
        "runs/replications"
    ),
    results: Annotated[Path, typer.Option(help="Folder of the stored results.")] = Path(
        "replications"
    ),
) -> None:
    """Run a declared experiment: arms and seeds side by side, then effects with intervals.

    An experiment that was stopped goes on where it was, and finished runs are not repeated.
    """
    from gnomon.replication.experiment import load_experiment
    from gnomon.replication.matching import resolve

    if list_all:
        _list(results)
        return
    if system is None:
        raise typer.BadParameter("name a SYSTEM, or --list to see which experiments are declared")
    experiment = load_experiment(system)
    recipes = resolve(experiment, budget=budget)
    _show_experiment(experiment, recipes, seeds)
    _check(experiment, recipes)
    if not dry_run:
        names = [name.strip() for name in arms.split(",") if name.strip()]
        _run(experiment, recipes, names, seeds, budget, jobs, out, results)


def _list(results: Path) -> None:
    from gnomon.replication.console import experiments_table
    from gnomon.replication.experiment import experiment_files, load_experiment
    from gnomon.replication.results import read_results

    experiments = [load_experiment(name) for name in experiment_files()]
    stored = {item.system: len(read_results(results, item.system)["runs"]) for item in experiments}
    _wide().print(experiments_table(experiments, stored))


def _show_experiment(experiment: Experiment, recipes: dict[str, Recipe], seeds: int | None) -> None:
    from gnomon.replication.console import arms_table
    from gnomon.replication.matching import estimated_seconds

    seconds = estimated_seconds(experiment, recipes, seeds=seeds)
    _wide().print(arms_table(experiment, recipes, seconds))


def _check(experiment: Experiment, recipes: dict[str, Recipe]) -> None:
    """All that training checks before it starts, for every arm, before the first run."""
    from gnomon.recipe import RecipeError
    from gnomon.training import check

    problems = []
    for arm, recipe in recipes.items():
        try:
            check(recipe)
        except RecipeError as error:
            problems += [
                f"{experiment.system}: arm {arm}: {line}" for line in str(error).split("\n")
            ]
    if problems:
        raise RecipeError("\n".join(problems))


def _run(
    experiment: Experiment,
    recipes: dict[str, Recipe],
    arms: list[str],
    seeds: int | None,
    budget: float,
    jobs: int | None,
    out: Path,
    results: Path,
) -> None:
    from gnomon.disk import alone_in
    from gnomon.replication.console import Progress
    from gnomon.replication.jobs import START, Job, plan_jobs
    from gnomon.replication.pool import Board, cores, run_jobs
    from gnomon.replication.results import run_record, store_failure, store_run, without_stored
    from gnomon.report.terminal import show

    planned = plan_jobs(experiment, recipes, out, arms=arms, seeds=seeds, budget=budget)
    planned, known = without_stored(planned, experiment, budget, results)
    if known:
        show(
            _wide(stderr=True),
            f"{known} runs of this declaration are stored in {results / experiment.system}.json "
            "and are not trained again; --results FOLDER keeps a result of your own.",
        )
    if not planned:
        _conclude(experiment, Board([]), results)
        return
    at_once = min(jobs or cores(), len(planned))
    threads = max(1, cores() // at_once)
    machine = f"{cores()} cores, {platform.machine()}, {at_once} runs at once, {threads} thread(s)"
    with alone_in(out):
        board = Board(planned)

        def keep(job: Job) -> None:
            if job.arm != START and board.status[job.name] == "done":
                store_run(results, experiment, run_record(experiment, job, budget, machine))
            elif board.status[job.name] == "failed":
                store_failure(results, experiment, job, budget, board.reasons[job.name])

        for job in planned:  # what an earlier command finished, and did not live to store
            keep(job)
        with Progress(_wide(stderr=True), board) as progress:

            def changed(job: Job) -> None:
                keep(job)
                progress.changed(job)

            try:
                run_jobs(
                    experiment, board, run_training, at_once=at_once, threads=threads,
                    on_change=changed, on_look=progress.refresh,
                )  # fmt: skip
            except KeyboardInterrupt:
                progress.note("Interrupted. Go on with the same command.")
                raise typer.Exit(INTERRUPTED) from None
    _conclude(experiment, board, results)


def _conclude(experiment: Experiment, board: Board, results: Path) -> None:
    """Print every stored result of the system, and which runs failed."""
    from gnomon.replication.console import result_table
    from gnomon.replication.results import read_results
    from gnomon.replication.summary import summarise
    from gnomon.report.terminal import show

    for result in summarise(read_results(results, experiment.system)):
        _wide().print(result_table(result))
    show(_wide(), f"Stored: {results / (experiment.system + '.json')}")
    for job in board.failed():
        show(_wide(stderr=True), f"failed: {job.name}: {board.reasons[job.name]}", "bold red")
    if board.failed():
        raise typer.Exit(FAILED)


def _wide(*, stderr: bool = False) -> Console:
    """Lines of a file have no width to fit into; folded tables would be hard to read there."""
    narrow = console(stderr=stderr)
    if not narrow.is_terminal:
        narrow.width = WIDE
    return narrow
