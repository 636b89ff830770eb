"""How a command ends: its exit code, and an error as one message that says what to do."""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence

import typer

from gnomon.commands.terminal import console

USAGE_ERROR, INTERRUPTED = 2, 130
DEBUG = "GNOMON_DEBUG"
HINTS = {
    "PartError": "`gnomon parts` lists every kind, `gnomon parts KIND NAME` shows one part.",
    "RecipeError": "`gnomon recipes` lists the recipes, `--dry-run` checks one without running it.",
    "Diverged": "Lower the learning rate with --set, or resume with more max_skipped.",
    "OutOfMemoryError": "Use smaller micro_batch_rows or _tokens, a smaller model, or LoRA.",
}
"""A second line for an error, by its class."""


def run_app(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run one command line of ``app`` and return its exit code.

    0 is success, 2 an error of the user's input or of the machine that one message explains, 130 an
    interrupt. ``--debug`` anywhere, or the environment variable GNOMON_DEBUG, shows the traceback
    of such an error as well. Any other exception is a fault in the program and passes through with
    its traceback.
    """
    debug = "--debug" in arguments or bool(os.environ.get(DEBUG))
    try:
        rest = [item for item in arguments if item != "--debug"]
        app(args=rest or ["--help"], prog_name="gnomon")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except Exception as error:  # Only to tell explained errors from faults, which are raised again.
        if not is_explained(error):
            raise
        explain(error, debug)
        return USAGE_ERROR
    return 0


def is_explained(error: BaseException) -> bool:
    """Whether the message of ``error`` says what to do.

    That is so for Gnomon's own errors, the system's, lack of memory, and an import that names the
    extra to install. Classes are known by their module, so that none has to be imported.
    """
    classes = type(error).__mro__
    ours = any(kind.__module__.startswith("gnomon.") for kind in classes)
    extra = isinstance(error, ImportError) and "pip install 'gnomon[" in str(error)
    memory = type(error).__name__ == "OutOfMemoryError"
    return ours or extra or memory or isinstance(error, OSError)


def explain(error: Exception, debug: bool) -> None:
    """Print the message of ``error`` to stderr with what else may help."""
    from gnomon.report.terminal import show

    out = console(stderr=True)
    if debug:
        show(out, "".join(traceback.format_exception(error)))
    show(out, str(error) or type(error).__name__, style="bold red")
    hint = HINTS.get(type(error).__name__, "")
    show(out, " ".join([hint, "--debug shows the traceback."]).strip(), style="dim")
