"""What ``gnomon replicate`` shows: the declared experiments, how far the runs are, the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gnomon.recipe import Recipe
from gnomon.replication.experiment import Experiment
from gnomon.replication.jobs import Job
from gnomon.replication.matching import rollouts_of, updates_of
from gnomon.replication.page import claim_text, effect_text, value_text
from gnomon.replication.pool import Board
from gnomon.replication.summary import Result
from gnomon.report.terminal import safe_text, show

STYLES = {"done": "green", "failed": "bold red", "running": "cyan", "waiting": "dim"}
VERDICTS = {"helps": "green", "hurts": "red", "no effect seen": "", "inconclusive": "yellow"}


def experiments_table(experiments: Sequence[Experiment], stored: Mapping[str, int]) -> Table:
    """Every declared experiment, its arms, and how many of its runs are stored."""
    table = _table("")
    for name in ("system", "question", "arms"):
        table.add_column(name, overflow="fold")
    for name in ("seeds", "stored runs"):
        table.add_column(name, justify="right")
    for item in experiments:
        runs = stored.get(item.system, 0)
        table.add_row(
            item.system,
            Text(safe_text(item.question)),
            ", ".join(item.arms),
            str(item.seeds),
            str(runs) if runs else "not run yet",
        )
    return table


def arms_table(experiment: Experiment, recipes: Mapping[str, Recipe], seconds: float) -> Table:
    """The arms of an experiment with their budgets; ``seconds`` are of all runs, one thread."""
    table = _table(f"{experiment.system}: {experiment.question}")
    for name in ("arm", "isolates", "expected"):
        table.add_column(name, overflow="fold")
    for name in ("rollouts", "updates"):
        table.add_column(name, justify="right")
    for name, recipe in recipes.items():
        arm = experiment.arms[name]
        expected = "reference" if name == experiment.reference else arm.expected
        amounts = (f"{rollouts_of(recipe):,}", f"{updates_of(recipe):,}")
        table.add_row(name, Text(safe_text(arm.isolates)), expected, *amounts)
    metric = experiment.metric
    table.caption = (
        f"{experiment.seeds} seeds declared; {metric.name}, margin {metric.margin:g}; about "
        f"{seconds / 120:.0f} minutes on two cores; declaration {experiment.declaration[:8]}"
    )
    return table


def result_table(result: Result) -> Table:
    """The effects of one declaration beside what the source reports."""
    metric = result.experiment.metric
    title = f"{result.experiment.system}, declaration {result.declaration[:8]}"
    title += f", {result.budget:g} of the declared steps" if result.budget != 1 else ""
    table = _table(f"{title}{' (declared again)' if result.again else ''}")
    for name in (
        "arm",
        metric.name,
        "effect (95 %)",
        "seeds agree",
        "verdict",
        "source",
        "seconds",
    ):
        table.add_column(name, overflow="fold")
    for arm in result.arms:
        effect = arm.effects.get(metric.name)
        table.add_row(
            arm.name,
            value_text(arm.values[metric.name], metric),
            "-" if effect is None else effect_text(effect, metric),
            "-" if effect is None else f"{effect.agree} of {effect.seeds}",
            Text(arm.verdict or "-", style=VERDICTS.get(arm.verdict or "", "")),
            Text(safe_text(claim_text(arm.arm))),
            "-" if arm.cost is None else f"{arm.cost.seconds:.0f}",
        )
    warnings = [f"warning: {text}" for text in result.warnings]
    table.caption = "\n".join(warnings) or None
    return table


class Progress:
    """How all runs stand: a table that is drawn anew on a terminal, a line a change elsewhere."""

    def __init__(self, console: Console, board: Board) -> None:
        self.console = console
        self.board = board
        self.live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Progress:
        if self.live is not None:
            self.live.start()
        self.refresh()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.live is not None:
            self.live.stop()

    def refresh(self) -> None:
        """Draw the table, if there is a terminal to draw it on."""
        if self.live is not None:
            self.live.update(progress_table(self.board), refresh=True)

    def changed(self, job: Job) -> None:
        """Say that a job began or ended."""
        if self.live is not None:
            self.refresh()
            return
        status = self.board.status[job.name]
        ended = sum(value in ("done", "failed") for value in self.board.status.values())
        reason = f": {self.board.reasons[job.name]}" if status == "failed" else ""
        self.note(f"[{ended}/{len(self.board.jobs)}] {job.name}: {status}{reason}")

    def note(self, text: str) -> None:
        """A line for a person to read."""
        show(self.console, text)


def progress_table(board: Board) -> Table:
    """One row for each run: its status, and its steps."""
    table = _table("")
    table.add_column("run", no_wrap=True)
    table.add_column("status")
    table.add_column("steps", justify="right")
    for job in board.jobs:
        status = board.status[job.name]
        made = job.steps if status == "done" else min(job.made, job.steps)
        table.add_row(job.name, Text(status, style=STYLES[status]), f"{made} of {job.steps}")
    return table


def _table(title: str) -> Table:
    return Table(title=Text(title) if title else None, header_style="bold", title_justify="left")
