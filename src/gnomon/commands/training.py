"""``gnomon train`` and ``gnomon objective``: run a recipe, or say what it optimises."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gnomon.commands.errors import INTERRUPTED, USAGE_ERROR, run_app
from gnomon.commands.options import ChangeOption
from gnomon.commands.terminal import console, say, show_all

if TYPE_CHECKING:
    from gnomon.recipe import Recipe, Scale
    from gnomon.run import Run


def train_command(
    recipe: Annotated[
        str | None,
        typer.Argument(help="A recipe's name, file.py:function, or a YAML file of a run."),
    ] = None,
    scale: Annotated[
        Literal["micro", "full"], typer.Option(help="Which settings of the recipe to run.")
    ] = "micro",
    model: Annotated[
        str | None, typer.Option(help="Start from this folder or hub id instead of the recipe's.")
    ] = None,
    change: ChangeOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, show the plan, run nothing.")
    ] = False,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with this run where it stopped.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder in which the run's folder is made.")] = Path(
        "runs"
    ),
    seed: Annotated[int | None, typer.Option(help="Seed instead of the recipe's.")] = None,
) -> None:
    """Run a recipe: every stage, an evaluation after each, and a report."""
    if resume is not None:
        if recipe or model or change or dry_run or seed is not None:
            raise typer.BadParameter(
                "a resumed run keeps its recipe and settings: give --resume RUN alone"
            )
        _resume(resume)
    elif recipe is None:
        raise typer.BadParameter("name a RECIPE (`gnomon recipes` lists them), or --resume RUN")
    else:
        resolved = _resolve(recipe, scale, model, change or [], seed)
        if dry_run:
            _show_plan(resolved)
        else:
            _train(resolved, out)


def _resolve(
    recipe: str, scale: Scale, model: str | None, changes: list[str], seed: int | None
) -> Recipe:
    from gnomon.catalogue import load_recipe
    from gnomon.recipe import override, parse_changes

    values = parse_changes(changes)
    values |= {} if model is None else {"model.path": model, "model.architecture": None}
    values |= {} if seed is None else {"seed": seed}
    loaded = load_recipe(recipe, scale=scale)
    return override(loaded, values) if values else loaded


def _show_plan(recipe: Recipe) -> None:
    """Print the plan; exit code 2 when it has problems."""
    from gnomon.plan import plan
    from gnomon.report.plan_table import plan_text, plan_view
    from gnomon.training import check

    made, shown = plan(recipe), console()
    # Lines of a file have no width to fit into; folded tables would be hard to read there.
    shown.print(plan_view(made)) if shown.is_terminal else say(plan_text(made))
    if recipe.scale == "micro":  # which needs nothing from outside, so that all can be checked
        check(recipe)
    if made.problems:
        raise typer.Exit(USAGE_ERROR)


def _train(recipe: Recipe, out: Path) -> None:
    from gnomon.report.progress import RichWatcher
    from gnomon.training import train

    begun = time.time()
    with RichWatcher(console(stderr=True)) as watcher:
        try:
            run = train(recipe, root=out, watcher=watcher)
        except KeyboardInterrupt:
            _stop(newest_run(out, begun))
    _conclude(run)


def _resume(path: Path) -> None:
    from gnomon.report.progress import RichWatcher
    from gnomon.training import resume

    with RichWatcher(console(stderr=True)) as watcher:
        try:
            run = resume(path, watcher=watcher)
        except KeyboardInterrupt:
            _stop(path)
    _conclude(run)


def _stop(run: Path | None) -> Any:
    """End an interrupted command and say how to go on."""
    from gnomon.report.terminal import show

    going_on = f"Go on with: gnomon train --resume {run}" if run else "The run had not begun."
    show(console(stderr=True), f"Interrupted. {going_on}")
    raise typer.Exit(INTERRUPTED)


def newest_run(root: Path, since: float) -> Path | None:
    """The newest run folder under ``root`` that was made at ``since`` (epoch seconds) or later."""
    made = {path.parent: path.stat().st_mtime for path in root.glob("*/recipe.yaml")}
    # File systems round times down, some to two seconds.
    recent = [path for path, when in made.items() if when >= since - 2]
    return max(recent, key=lambda path: made[path], default=None)


def _conclude(run: Run) -> None:
    """Print the table of stages and where report and model are."""
    from gnomon.report.console import stage_table

    summary = run.summary()
    show_all(stage_table(summary))
    say(f"Report: {run.path / summary['report']}")
    if summary.get("model"):
        say(f"Model: {summary['model']}")


def objective_command(
    recipe: Annotated[
        str, typer.Argument(help="A recipe's name, file.py:function, or a YAML file of a run.")
    ],
    scale: Annotated[
        Literal["micro", "full"], typer.Option(help="Which settings of the recipe to read.")
    ] = "micro",
    change: ChangeOption = None,
) -> None:
    """Print what a recipe optimises as formulas, and where verl, TRL and EasyR1 differ."""
    from gnomon.report.objective_table import objective_text
    from gnomon.rl.objective import objectives

    say(objective_text(objectives(_resolve(recipe, scale, None, change or [], None))))


def run_training(arguments: Sequence[str]) -> int:
    """Run ``gnomon train`` with ``arguments`` in this process and return its exit code."""
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command()(train_command)
    return run_app(alone, arguments)
