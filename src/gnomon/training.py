"""Run a recipe: its stages in order, an evaluation before the first and after each, a report."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

from gnomon.catalogue import recipe_from_yaml
from gnomon.checkpoint import write_checkpoint
from gnomon.disk import alone_in
from gnomon.evaluation.evaluate import EvaluationSettings, evaluate_policy
from gnomon.logs import RunError
from gnomon.models.load import check_model
from gnomon.models.micro import save_micro
from gnomon.recipe import Evaluation, Recipe, RecipeError, Use, build
from gnomon.records import BadRecord
from gnomon.rl.refusals import refusals
from gnomon.rl.trial import formula_problems
from gnomon.run import Run
from gnomon.stages.drive import device, load_start, run_stage
from gnomon.stages.updates import step_generator
from gnomon.watch import Watcher

BASE = "base"
"""Name of what is evaluated before the first stage; its index is 0."""


def train(recipe: Recipe, *, root: Path | str = "runs", watcher: Watcher | None = None) -> Run:
    """Run ``recipe`` in a new folder under ``root`` and return it.

    Everything is checked first: `RecipeError` names all problems, one a line. A run that was
    stopped goes on with `resume`.
    """
    check(recipe)
    run = Run.create(Path(root), recipe.name, recipe.scale, recipe.to_yaml())
    return _carry_on(recipe, run, watcher or Watcher())


def resume(path: Path | str, *, watcher: Watcher | None = None) -> Run:
    """Go on with the run at ``path`` from its last whole checkpoint.

    On the CPU the result is bit for bit that of a run that was never stopped. Raises
    `gnomon.disk.Busy` while another process still works on it.
    """
    run = Run.open(path)
    recipe = recipe_from_yaml(run.path / "recipe.yaml")
    check(recipe)
    return _carry_on(recipe, run, watcher or Watcher())


def check(recipe: Recipe) -> None:
    """Check what validation alone cannot: the model, the sources and their first samples.

    Raises `RecipeError` with every problem: place, reason, remedy.
    """
    problems: list[str] = []
    if recipe.model.architecture is None:
        try:
            check_model(recipe.model.path)
        except ValueError as error:
            problems.append(f"model.path: {error}")
    if recipe.data_root is not None and not recipe.data_root.is_dir():
        problems.append(f"data_root: there is no folder {recipe.data_root}")
    problems += formula_problems(recipe)
    problems += refusals(recipe)
    for stage in recipe.stages:
        problem = _source_problem(stage.data, stage.modality)
        if problem:
            problems.append(f"stages.{stage.name}.data: {stage.data.part}: {problem}")
    for use in recipe.evaluation.benchmarks:
        try:
            build("benchmark", use)()
        except (ValueError, OSError) as error:
            problems.append(f"evaluation.benchmarks.{use.part}: {error}")
    if problems:
        raise RecipeError("\n".join(problems))


def _source_problem(use: Use, modality: str, looked_at: int = 8) -> str:
    """Why a stage cannot read its source, or nothing."""
    try:
        source = build("source", use)()
        if len(source) == 0:
            return "the source is empty"
        pictured: list[bool] = []
        reason = ""
        for index in range(min(looked_at, len(source))):
            try:
                pictured.append(bool(source[index].media))
            except BadRecord as error:
                reason = reason or str(error)
    except (ValueError, OSError) as error:
        return str(error)
    if not pictured:
        return f"none of the first records can be used; {reason}"
    if modality == "image" and not all(pictured):
        return (
            "the stage needs an image with every sample and this source yields text alone; "
            "choose a source with images, or set modality=any"
        )
    if modality == "text" and any(pictured):
        return "the stage is text-only and this source yields images; set modality=any"
    return ""


def _carry_on(recipe: Recipe, run: Run, watcher: Watcher) -> Run:
    with alone_in(run.path):
        return _all_stages(recipe, run, watcher)


def _all_stages(recipe: Recipe, run: Run, watcher: Watcher) -> Run:
    try:
        model = _starting_model(recipe, run)
        _evaluate(recipe, run, 0, BASE, model, watcher)
        for index, stage in enumerate(recipe.stages, start=1):
            model = str(run_stage(recipe, index, run, model, watcher))
            if stage.evaluate:
                _evaluate(recipe, run, index, stage.name, model, watcher)
    except BaseException as error:
        # What stopped the run is told even when the disk has no room for these two.
        with contextlib.suppress(OSError, RunError):
            _summarise(recipe, run, "failed", f"{type(error).__name__}: {error}")
            _report(run, watcher)
        raise
    _summarise(recipe, run, "done", "", model)
    _report(run, watcher)
    return run


def _report(run: Run, watcher: Watcher) -> None:
    from gnomon.report.page import write_report

    watcher.phase("report")
    write_report(run)


def _starting_model(recipe: Recipe, run: Run) -> str:
    """Path of the model that the first stage starts from; a new one is made once and kept."""
    if recipe.model.architecture is None:
        return recipe.model.path
    folder = run.checkpoint_path(0, BASE, 0)
    if not folder.exists():
        model, processor = build("architecture", recipe.model.architecture)(recipe.seed)
        write_checkpoint(folder, lambda place: save_micro(place / "model", model, processor))
    return str(folder / "model")


def _evaluate(
    recipe: Recipe, run: Run, index: int, stage: str, model: str, watcher: Watcher
) -> None:
    """Measure ``model`` on every benchmark of the recipe, unless the run holds the result."""
    plan = recipe.evaluation
    known = {result["index"] for result in run.evaluations()}
    if not plan.benchmarks or index in known:
        return
    base = index == 0
    style = build("format", plan.base_format if base else plan.format)()
    grader = build("grader", plan.base_grader if base else plan.grader)
    policy = load_start(recipe.model, model)
    results: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    images: dict[str, bytes] = {}
    skips: list[tuple[str, str]] = []
    for use in plan.benchmarks:
        result = evaluate_policy(
            policy,
            build("benchmark", use)(),
            style=style,
            grader=grader,
            settings=_settings(plan),
            generator=step_generator(recipe.seed, index, 0, f"evaluate {use.part}", device()),
            watcher=watcher,
            on_skip=lambda id, reason: skips.append((id, reason)),
        )
        results[result.benchmark] = result.to_dict()
        rows += map(dict, result.rows)
        images |= result.images
    step = _steps(recipe, index)
    _note_skips(run, index, stage, step, skips)
    run.write_evaluation(index, stage, {"step": step, "benchmarks": results}, rows, images)


def _note_skips(run: Run, index: int, stage: str, step: int, skips: list[tuple[str, str]]) -> None:
    """Log what an evaluation left out; one that is repeated after a kill has logged the first."""
    logged = sum(line["index"] == index and line["place"] == "evaluation" for line in run.skipped())
    for id, reason in skips[logged:]:
        run.skip(stage, index, step, "evaluation", id, reason)


def _steps(recipe: Recipe, index: int) -> int:
    return recipe.stages[index - 1].steps if index else 0


def _settings(plan: Evaluation) -> EvaluationSettings:
    names = ("max_new_tokens", "temperature", "top_p", "top_k", "samples", "max_tokens")
    return EvaluationSettings(**{name: getattr(plan, name) for name in names})


def _summarise(recipe: Recipe, run: Run, status: str, message: str, model: str = "") -> None:
    """Write ``summary.json``: one entry per evaluated stage, with the first benchmark's numbers."""
    results = {item["index"]: item for item in run.evaluations()}
    stages = []
    for index, name in enumerate([BASE, *(stage.name for stage in recipe.stages)]):
        if index in results:
            first = next(iter(results[index]["benchmarks"].values()))
            stages.append(
                {
                    "name": name,
                    "index": index,
                    **{key: first[key] for key in ("accuracy", "low", "high", "n", "mean_length")},
                    "seconds": _seconds(run, index),
                    "skipped": sum(item["index"] == index for item in run.skipped()),
                }
            )
    run.write_summary(
        {
            "recipe": recipe.name,
            "scale": recipe.scale,
            "seed": recipe.seed,
            "status": status,
            "message": message,
            "written": time.strftime("%Y-%m-%dT%H:%M:%S"),
            "model": model,
            "stages": stages,
            "report": "report.html",
        }
    )


def _seconds(run: Run, index: int) -> float:
    """Seconds of training in a stage; repeated steps of a resumed run count once."""
    lines = [line for line in run.timings() if line["index"] == index]
    return round(sum(sum(line["seconds"].values()) for line in lines), 2)
