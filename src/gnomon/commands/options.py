"""Arguments and options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

ModelArgument = Annotated[str, typer.Argument(help="A model folder, a hub id, or gnomon-micro.")]
FormatOption = Annotated[
    str | None, typer.Option(help="How the answer is asked for; see `gnomon parts format`.")
]
ChangeOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a leaf of the recipe; repeatable."),
]
OpenOption = Annotated[bool, typer.Option("--open", help="Open it in the web browser.")]
