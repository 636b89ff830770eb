"""Commands that only show: recipes, parts, worlds, the report of a run, the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gnomon.commands.options import OpenOption
from gnomon.commands.terminal import console, say, show_all


def recipes_command() -> None:
    """List the recipes that can be trained."""
    from gnomon.catalogue import recipe_names
    from gnomon.report.console import names_table

    show_all(names_table("recipe", recipe_names()))


def parts_command(
    kind: Annotated[str | None, typer.Argument(help="A kind of part, such as reward.")] = None,
    name: Annotated[str | None, typer.Argument(help="One part of that kind.")] = None,
) -> None:
    """List the kinds of part, the parts of one kind, or all about one part."""
    from gnomon.parts import INPUTS, find, kinds, load_kind
    from gnomon.report.console import counts_table, names_table, part_page

    if kind is None:
        show_all(counts_table({kind: len(load_kind(kind)) for kind in kinds()}))
    elif name is None:
        parts = load_kind(kind).items()
        show_all(names_table(kind, {name: part.summary for name, part in parts}))
    else:
        console().print(part_page(find(kind, name), INPUTS[kind]), soft_wrap=True)


def worlds_command(
    names: Annotated[list[str] | None, typer.Argument(help="Worlds to show; all if none.")] = None,
    out: Annotated[Path, typer.Option(help="Where the page is written.")] = Path("worlds.html"),
    seed: Annotated[int, typer.Option(min=0, help="What the questions are drawn from.")] = 0,
    open_page: OpenOption = False,
) -> None:
    """Write a page with a question of every task of the worlds at every difficulty."""
    from gnomon.disk import write_atomic
    from gnomon.report.worlds import worlds_page

    with console(stderr=True).status("drawing worlds"):
        page = write_atomic(out, worlds_page(names or (), seed=seed).encode())
    say(f"Worlds: {page}")
    if open_page:
        typer.launch(page.resolve().as_uri())


def report_command(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    open_page: OpenOption = False,
) -> None:
    """Make the report of a run anew and show its table."""
    from gnomon.report.console import stage_table
    from gnomon.report.page import write_report
    from gnomon.run import Run

    opened = Run.open(run)
    page = write_report(opened)
    show_all(stage_table(opened.summary()))
    say(f"Report: {page}")
    if open_page:
        typer.launch(page.resolve().as_uri())


def doctor_command() -> None:
    """Check what is installed, on what device, and what would not work and why."""
    from gnomon.doctor import diagnose, exit_code
    from gnomon.report.console import checks_table

    with console(stderr=True).status("looking"):
        checks = diagnose()
    show_all(checks_table(checks))
    code = exit_code(checks)
    if code:
        raise typer.Exit(code)
