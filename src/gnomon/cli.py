"""The command line: all commands by name, and how one line of them is run."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from gnomon.commands import measuring, replicating, serving, showing, training
from gnomon.commands.errors import run_app

COMMANDS: dict[str, Callable[..., None]] = {
    "train": training.train_command,
    "evaluate": measuring.evaluate_command,
    "objective": training.objective_command,
    "replicate": replicating.replicate_command,
    "grade": measuring.grade_command,
    "recipes": showing.recipes_command,
    "parts": showing.parts_command,
    "worlds": showing.worlds_command,
    "report": showing.report_command,
    "generate": serving.generate_command,
    "serve": serving.serve_command,
    "doctor": showing.doctor_command,
}
"""In the order of the help."""

app = typer.Typer(
    epilog="Start with: gnomon train revisual-r1 --scale micro",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def main() -> None:
    """Entry point of the ``gnomon`` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code, see `gnomon.commands.errors.run_app`."""
    return run_app(app, arguments)


def _show_version(wanted: bool) -> None:
    if wanted:
        import gnomon

        typer.echo(f"gnomon {gnomon.__version__}")
        raise typer.Exit


@app.callback()
def _front(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error, anywhere on the line.")
    ] = False,
) -> None:
    """Train, evaluate and take apart recipes of multimodal reasoning."""
