"""``gnomon evaluate`` and ``gnomon grade``: measure a model, or a file of answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gnomon.commands.options import FormatOption, ModelArgument
from gnomon.commands.terminal import console, save_json, say, show_all

if TYPE_CHECKING:
    from gnomon.evaluation.evaluate import EvaluationSettings


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
    from gnomon.report.console import benchmark_table
    from gnomon.report.progress import RichWatcher
    from gnomon.report.terminal import show

    settings = _evaluation_settings(samples, temperature)
    err = console(stderr=True)
    with RichWatcher(err) as watcher:
        result = evaluate(
            model,
            benchmark,
            benchmark_settings={} if items is None else {"items": items},
            settings=settings,
            format=format,
            watcher=watcher,
            on_skip=lambda id, reason: show(err, f"skipped {id}: {reason}", style="yellow"),
        )
    show_all(benchmark_table(f"{model} on {benchmark}", result.to_dict()))
    save_json(json, {"model": model, "benchmark": benchmark, **result.to_dict()})


def _evaluation_settings(samples: int, temperature: float | None) -> EvaluationSettings:
    from gnomon.evaluation.evaluate import EvaluationSettings

    if temperature is None:
        temperature = 0.0 if samples == 1 else 1.0
    try:
        return EvaluationSettings(samples=samples, temperature=temperature)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


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
    from gnomon.report.grading import disagreement_table, kind_table, verdict_table
    from gnomon.report.progress import RichWatcher

    style = None if format is None else part("format", format)()
    first, second = grader_of(grader), None if against is None else grader_of(against)
    with RichWatcher(console(stderr=True)) as watcher:
        graded = grade_file(file, first, second, kind=kind, style=style, watcher=watcher)
    show_all(verdict_table(graded), kind_table(graded))
    if second is not None:
        show_all(disagreement_table(graded))
    for reason in graded.bad:
        say(f"left out: {reason}")
    save_json(json, {"file": str(file), **graded.to_dict()})
