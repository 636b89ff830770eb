"""The command line. Commands import what they need themselves, so that ``--help`` is instant."""

from __future__ import annotations

import io
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gnomon.replication.command import replicate_command

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from gnomon.evaluation.evaluate import EvaluationSettings
    from gnomon.recipe import Recipe, Scale
    from gnomon.run import Run

USAGE_ERROR, INTERRUPTED = 2, 130
DEBUG = "GNOMON_DEBUG"
HINTS = {
    "PartError": "`gnomon parts` lists every kind, `gnomon parts KIND NAME` shows one part.",
    "RecipeError": "`gnomon recipes` lists the recipes, `--dry-run` checks one without running it.",
    "Diverged": "Lower the learning rate with --set, or resume with more max_skipped.",
    "OutOfMemoryError": "Use smaller micro_batch_rows or _tokens, a smaller model, or LoRA.",
}
"""A second line for an error, by its class."""

ModelArgument = Annotated[str, typer.Argument(help="A model folder, a hub id, or gnomon-micro.")]
FormatOption = Annotated[
    str | None, typer.Option(help="How the answer is asked for; see `gnomon parts format`.")
]

app = typer.Typer(
    epilog="Start with: gnomon train revisual-r1 --scale micro",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Entry point of the ``gnomon`` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code.

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
        _explain(error, debug)
        return USAGE_ERROR
    return 0


def is_explained(error: BaseException) -> bool:
    """Whether the message of ``error`` says what to do.

    That is so for Gnomon's own errors, the system's, and lack of memory. Classes are known by their
    module, so that none has to be imported.
    """
    classes = type(error).__mro__
    ours = any(kind.__module__.startswith("gnomon.") for kind in classes)
    return ours or isinstance(error, OSError) or type(error).__name__ == "OutOfMemoryError"


def _explain(error: Exception, debug: bool) -> None:
    from gnomon.report.console import show

    console = _console(stderr=True)
    if debug:
        show(console, "".join(traceback.format_exception(error)))
    show(console, str(error) or type(error).__name__, style="bold red")
    hint = HINTS.get(type(error).__name__, "")
    show(console, " ".join([hint, "--debug shows the traceback."]).strip(), style="dim")


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def _print(*items: RenderableType) -> None:
    console = _console()
    for item in items:
        console.print(item)


def _say(text: str) -> None:
    from gnomon.report.console import show

    show(_console(), text)


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


@app.command("train")
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
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a leaf of the recipe; repeatable."),
    ] = None,
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
    values |= {} if model is None else {"model.path": model}
    values |= {} if seed is None else {"seed": seed}
    loaded = load_recipe(recipe, scale=scale)
    return override(loaded, values) if values else loaded


def _show_plan(recipe: Recipe) -> None:
    """Print the plan; exit code 2 when it has problems."""
    from gnomon.plan import plan
    from gnomon.report.plan_table import plan_text, plan_view
    from gnomon.training import check

    made, console = plan(recipe), _console()
    # Lines of a file have no width to fit into; folded tables would be hard to read there.
    console.print(plan_view(made)) if console.is_terminal else _say(plan_text(made))
    if recipe.scale == "micro":  # which needs nothing from outside, so that all can be checked
        check(recipe)
    if made.problems:
        raise typer.Exit(USAGE_ERROR)


def _train(recipe: Recipe, out: Path) -> None:
    from gnomon.report.console import RichWatcher
    from gnomon.training import train

    begun = time.time()
    with RichWatcher(_console(stderr=True)) as watcher:
        try:
            run = train(recipe, root=out, watcher=watcher)
        except KeyboardInterrupt:
            _stop(newest_run(out, begun))
    _conclude(run)


def _resume(path: Path) -> None:
    from gnomon.report.console import RichWatcher
    from gnomon.training import resume

    with RichWatcher(_console(stderr=True)) as watcher:
        try:
            run = resume(path, watcher=watcher)
        except KeyboardInterrupt:
            _stop(path)
    _conclude(run)


def _stop(run: Path | None) -> Any:
    """End an interrupted command and say how to go on."""
    from gnomon.report.console import show

    going_on = f"Go on with: gnomon train --resume {run}" if run else "The run had not begun."
    show(_console(stderr=True), f"Interrupted. {going_on}")
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
    _print(stage_table(summary))
    _say(f"Report: {run.path / summary['report']}")
    if summary.get("model"):
        _say(f"Model: {summary['model']}")


@app.command("evaluate")
def evaluate_command(
    model: ModelArgument,
    benchmark: Annotated[str, typer.Argument(help="A benchmark: see `gnomon parts benchmark`.")],
    items: Annotated[
        int | None, typer.Option(min=1, help="How many items instead of the benchmark's number.")
    ] = None,
    format: FormatOption = None,
    samples: Annotated[int, typer.Option(min=1, help="Responses to each item.")] = 1,
    temperature: Annotated[
        float | None, typer.Option(min=0, help="0 is greedy, the default for one sample.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the result to this file too.")] = None,
) -> None:
    """Measure a model on held-out items, with a 95 % interval."""
    from gnomon.evaluation.evaluate import evaluate
    from gnomon.report.console import RichWatcher, benchmark_table, show

    settings = _evaluation_settings(samples, temperature)
    console = _console(stderr=True)
    with RichWatcher(console) as watcher:
        result = evaluate(
            model,
            benchmark,
            benchmark_settings={} if items is None else {"items": items},
            settings=settings,
            format=format,
            watcher=watcher,
            on_skip=lambda id, reason: show(console, f"skipped {id}: {reason}", style="yellow"),
        )
    _print(benchmark_table(f"{model} on {benchmark}", result.to_dict()))
    if json is not None:
        from gnomon.disk import write_atomic
        from gnomon.logs import json_bytes

        write_atomic(json, json_bytes({"model": model, "benchmark": benchmark, **result.to_dict()}))


def _evaluation_settings(samples: int, temperature: float | None) -> EvaluationSettings:
    from gnomon.evaluation.evaluate import EvaluationSettings

    if temperature is None:
        temperature = 0.0 if samples == 1 else 1.0
    try:
        return EvaluationSettings(samples=samples, temperature=temperature)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@app.command("objective")
def objective_command(
    recipe: Annotated[
        str, typer.Argument(help="A recipe's name, file.py:function, or a YAML file of a run.")
    ],
    scale: Annotated[
        Literal["micro", "full"], typer.Option(help="Which settings of the recipe to read.")
    ] = "micro",
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a leaf of the recipe; repeatable."),
    ] = None,
) -> None:
    """Print what a recipe optimises as formulas, and where verl, TRL and EasyR1 differ."""
    from gnomon.report.objective_table import objective_text
    from gnomon.rl.objective import objectives

    _say(objective_text(objectives(_resolve(recipe, scale, None, change or [], None))))


app.command("replicate")(replicate_command)


@app.command("grade")
def grade_command(
    file: Annotated[
        Path, typer.Argument(help="JSON lines or parquet with prediction, reference and kind.")
    ],
    grader: Annotated[
        str, typer.Option(help="A grader, with settings as in strict:iou=0.7.")
    ] = "strict",
    against: Annotated[
        str | None, typer.Option(help="A second grader to compare with, such as math-verify.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="The kind of every answer.")] = None,
    format: FormatOption = None,
    json: Annotated[Path | None, typer.Option(help="Write the counts to this file too.")] = None,
) -> None:
    """Grade a file of answers: verdict counts, and where two graders disagree."""
    from gnomon.evaluation.grade_file import grade_file, grader_of
    from gnomon.parts import part
    from gnomon.report.console import RichWatcher
    from gnomon.report.grading import disagreement_table, kind_table, verdict_table

    style = None if format is None else part("format", format)()
    first, second = grader_of(grader), None if against is None else grader_of(against)
    with RichWatcher(_console(stderr=True)) as watcher:
        graded = grade_file(file, first, second, kind=kind, style=style, watcher=watcher)
    _print(verdict_table(graded), kind_table(graded))
    if second is not None:
        _print(disagreement_table(graded))
    for reason in graded.bad:
        _say(f"left out: {reason}")
    if json is not None:
        from gnomon.disk import write_atomic
        from gnomon.logs import json_bytes

        write_atomic(json, json_bytes({"file": str(file), **graded.to_dict()}))


@app.command("recipes")
def recipes_command() -> None:
    """List the recipes that can be trained."""
    from gnomon.catalogue import recipe_names
    from gnomon.report.console import names_table

    _print(names_table("recipe", recipe_names()))


@app.command("parts")
def parts_command(
    kind: Annotated[str | None, typer.Argument(help="A kind of part, such as reward.")] = None,
    name: Annotated[str | None, typer.Argument(help="One part of that kind.")] = None,
) -> None:
    """List the kinds of part, the parts of one kind, or all about one part."""
    from gnomon.parts import INPUTS, find, kinds, load_kind
    from gnomon.report.console import counts_table, names_table, part_page

    if kind is None:
        _print(counts_table({kind: len(load_kind(kind)) for kind in kinds()}))
    elif name is None:
        parts = load_kind(kind).items()
        _print(names_table(kind, {name: part.summary for name, part in parts}))
    else:
        _console().print(part_page(find(kind, name), INPUTS[kind]), soft_wrap=True)


@app.command("worlds")
def worlds_command(
    names: Annotated[list[str] | None, typer.Argument(help="Worlds to show; all if none.")] = None,
    out: Annotated[Path, typer.Option(help="Where the page is written.")] = Path("worlds.html"),
    seed: Annotated[int, typer.Option(min=0, help="What the questions are drawn from.")] = 0,
    open_page: Annotated[bool, typer.Option("--open", help="Open it in the web browser.")] = False,
) -> None:
    """Write a page with a question of every task of the worlds at every difficulty."""
    from gnomon.disk import write_atomic
    from gnomon.report.worlds import worlds_page

    with _console(stderr=True).status("drawing worlds"):
        page = write_atomic(out, worlds_page(names or (), seed=seed).encode())
    _say(f"Worlds: {page}")
    if open_page:
        typer.launch(page.resolve().as_uri())


@app.command("report")
def report_command(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    open_page: Annotated[bool, typer.Option("--open", help="Open it in the web browser.")] = False,
) -> None:
    """Make the report of a run anew and show its table."""
    from gnomon.report.console import stage_table
    from gnomon.report.page import write_report
    from gnomon.run import Run

    opened = Run.open(run)
    page = write_report(opened)
    _print(stage_table(opened.summary()))
    _say(f"Report: {page}")
    if open_page:
        typer.launch(page.resolve().as_uri())


@app.command("generate")
def generate_command(
    model: ModelArgument,
    question: Annotated[str, typer.Argument(help="What to ask.")],
    image: Annotated[Path | None, typer.Option(help="The image to ask about.")] = None,
    audio: Annotated[Path | None, typer.Option(help="The sound to ask about.")] = None,
    format: FormatOption = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest response.")] = 256,
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy.")] = 0.0,
) -> None:
    """Ask a model one question and print its response."""
    with _console(stderr=True).status(f"asking {model}"):
        from gnomon.models.generate import generate

        response = generate(
            model,
            question,
            image,
            audio=audio,
            format=format,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
        )
    _say(response)


@app.command("serve")
def serve_command(
    model: ModelArgument,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8000,
) -> None:
    """Serve a model to this machine as an OpenAI-compatible endpoint."""
    from gnomon.serving.server import HOST, serve

    _say(f"Serving {model} at http://{HOST}:{port}/v1 (Ctrl-C ends it)")
    serve(model, port=port)


@app.command("doctor")
def doctor_command() -> None:
    """Check what is installed, on what device, and what would not work and why."""
    from gnomon.doctor import diagnose, exit_code
    from gnomon.report.console import checks_table

    with _console(stderr=True).status("looking"):
        checks = diagnose()
    _print(checks_table(checks))
    code = exit_code(checks)
    if code:
        raise typer.Exit(code)
