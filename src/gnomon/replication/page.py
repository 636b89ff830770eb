"""The page of all replications, made from what is stored: docs/replications.md and its pictures."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import get_args

from gnomon.replication.chart import chart
from gnomon.replication.experiment import (
    ACCURACY,
    Arm,
    Experiment,
    Metric,
    arm_changes,
    as_settings,
    experiment_files,
    load_experiment,
    recipe_hash,
)
from gnomon.replication.matching import base_of, estimated_seconds, resolve
from gnomon.replication.results import read_results
from gnomon.replication.statistics import Effect, Point, Verdict
from gnomon.replication.summary import ArmResult, Result, summarise

STORED = "replications"
"""Folder of stored results, from the root of the repository."""
PICTURES = "images/replications"
_SIGNS: Mapping[Verdict, int] = {
    "helps": 1, "hurts": -1, "no effect seen": 0, "inconclusive": 0
}  # fmt: skip
NOT_RUN = "not run yet"
GUESSED = (
    "no arm is better than the most common answer in any task, so that no difference could show"
)
INTRODUCTION = """# Replications

Does a published variant help when everything else is equal? Every experiment is declared in a file
before it runs ([experiments](../src/gnomon/replication/experiments)): the arms, the metric, the
margin below which a difference does not matter, the number of seeds, and what the source reports.
All arms of a seed begin from the same weights and read the same questions in the same order, with
equal numbers of rollouts and of updates; where an arm cannot, the file says why and so does this
page. The first run of an experiment is kept; one of another declaration stands apart.

*Effect* is the arm minus the reference, paired over seeds and held-out items, with a 95 % interval
that covers both (`gnomon.replication.statistics.paired_effect`). It *helps* or *hurts* when the
interval lies on one side of zero and not within the margin; within it there is *no effect seen*,
zero or not; and it is *inconclusive* when it holds zero and reaches beyond the margin, with fewer
than three seeds, or when no arm is better than the most common answer in any task, where a result
stores its tasks. How much seeds scatter is told by all arms of an experiment together, unless an
arm scatters more than the others: then by its own seeds. One interval in twenty misses a true zero,
so that a few of all verdicts are wrong. A second table compares the other arms with each other: the
arm of the row minus that of the column; these pairs were not declared beforehand and have no
verdict. A third one has the accuracy of each task, beside that of its most common answer. Rollouts
and updates are those that the recipes plan. These are runs of minutes of a model of a few million
parameters: they test the mechanism, not the size of a published gain.

This page is made from `replications/*.json` by `make docs`.
"""


def replication_pages(root: Path) -> dict[Path, str]:
    """docs/replications.md and its pictures under ``root``, by path."""
    blocks, pictures = [INTRODUCTION], {}
    rows: list[Sequence[str]] = []
    sections: list[str] = []
    first: list[Result] = []
    for system in experiment_files():
        experiment = load_experiment(system)
        results = summarise(read_results(root / STORED, system))
        rows.append(_overview_row(experiment, results))
        sections.append(section(experiment, results))
        if results:
            first.append(results[0])
            drawing = chart(f"{system}: training accuracy", _bands(results[0], ACCURACY))
            pictures[root / "docs" / PICTURES / f"{system}.svg"] = drawing
    head = ("system", "question", "arms", "result")
    blocks += [table(head, rows), *([tally(first)] if first else []), *sections]
    pictures = {path: text for path, text in pictures.items() if text}
    return {root / "docs/replications.md": "\n".join(blocks), **pictures}


def tally(results: Sequence[Result]) -> str:
    """How often each verdict was given, and how verdicts go with the numbers of the sources."""
    said = [
        (result.experiment.metric.better, arm.arm.claim, arm.verdict)
        for result in results
        for arm in result.arms
        if arm.verdict and not arm.copy_of
    ]
    copies = sum(bool(arm.copy_of) for result in results for arm in result.arms)
    counts = Counter(verdict for _, _, verdict in said)
    each = ", ".join(f"{verdict} {counts[verdict]}" for verdict in get_args(Verdict))
    claimed = [
        (math.copysign(1, claim.effect) * (1 if better == "higher" else -1), _SIGNS[verdict])
        for better, claim, verdict in said
        if claim is not None and claim.effect
    ]
    same = sum(claim == seen for claim, seen in claimed)
    other = sum(claim == -seen for claim, seen in claimed)
    told = (
        f"In the first results of {len(results)} experiments {len(said)} arms stand against their "
        f"reference: {each}. The sources report a number for {len(claimed)} of them: {same} have "
        f"an effect of the same sign here, {other} of the other, and the rest none that could be "
        f"told from zero. {copies} more that answered as another arm did do not count."
    )
    names = ", ".join(result.experiment.system for result in results if result.guessed)
    return f"{told} In {names} {GUESSED}.\n" if names else f"{told}\n"


def section(experiment: Experiment, results: Sequence[Result]) -> str:
    """All about one system: what is declared, then each stored result."""
    recipes = resolve(experiment)
    minutes = estimated_seconds(experiment, recipes) / 2 / 60
    blocks = [
        f"## {experiment.system}\n",
        f"{experiment.question}\n",
        f"Declared {experiment.registered}; {experiment.seeds} seeds; {_measured(experiment)}; "
        f"estimated at {minutes:.0f} minutes on two cores. `gnomon replicate {experiment.system}`"
        "\n",
    ]
    if experiment.notes:
        blocks.append(f"{experiment.notes.strip()}\n")
    blocks.append(table(("arm", "isolates", "against", "source"), list(_declared_rows(experiment))))
    blocks.append(
        "".join(f"- **{arm}**: `{command_of(experiment, arm)}`\n" for arm in experiment.arms)
    )
    if not results:
        return "\n".join([*blocks, f"Result: {NOT_RUN}.\n"])
    bases = {base_of(recipe.model.path) for recipe in recipes.values()}
    for result in results:
        blocks += _result_blocks(experiment, result, bases)
    if all(result.declaration != experiment.declaration for result in results):
        blocks.append(f"Result of the file's declaration: {NOT_RUN}.\n")
    if _bands(results[0], ACCURACY):
        name = experiment.system
        blocks.append(f"![Training accuracy of the arms of {name}]({PICTURES}/{name}.svg)\n")
    return "\n".join(blocks)


def effect_text(effect: Effect, metric: Metric) -> str:
    """An effect with its interval, accuracy in points.

    >>> effect_text(Effect(0.021, -0.004, 0.05, 3, 512, 3, 0.1), Metric())
    '+2.1 (-0.4 to +5.0)'
    """
    if metric.name == ACCURACY:
        shown = [f"{100 * value:+.1f}" for value in (effect.effect, effect.low, effect.high)]
    else:
        shown = [f"{value:+.3g}" for value in (effect.effect, effect.low, effect.high)]
    if math.isnan(effect.low):
        return f"{shown[0]} (one seed)"
    return f"{shown[0]} ({shown[1]} to {shown[2]})"


def claim_text(arm: Arm) -> str:
    """What the source says about an arm, its number before its place."""
    if arm.claim is None:
        return ""
    number = "" if arm.claim.effect is None else f"{arm.claim.effect:+g} {arm.claim.unit}; "
    return f"{number}{arm.claim.where}"


def command_of(experiment: Experiment, arm: str) -> str:
    """The command that trains one arm alone, shared stages included."""
    name = experiment.arms[arm].recipe or experiment.recipe
    words = ["gnomon", "train", name, "--scale", experiment.scale]
    for setting in as_settings(arm_changes(experiment, arm)):
        words += ["--set", setting]
    return shlex.join(words)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; bars within cells are escaped, line breaks become spaces."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _overview_row(experiment: Experiment, results: Sequence[Result]) -> list[str]:
    link = f"[{experiment.system}](#{experiment.system})"
    if not results:
        command = f"`gnomon replicate {experiment.system}`"
        return [link, experiment.question, str(len(experiment.arms)), f"{NOT_RUN}: {command}"]
    said = [f"{arm.name}: {arm.verdict}" for arm in results[0].arms if arm.verdict is not None]
    text = "; ".join(said) or "no arm can be compared yet"
    text += f" ({GUESSED})" if results[0].guessed else ""
    if all(result.declaration != experiment.declaration for result in results):
        text += f" (of an earlier declaration; the file's: {NOT_RUN})"
    elif len(results) > 1:
        text += " (the first result; there is another)"
    return [link, experiment.question, str(len(experiment.arms)), text]


def _declared_rows(experiment: Experiment) -> Iterator[list[str]]:
    for name, arm in experiment.arms.items():
        differs = [f"{what}: {why}" for what, why in arm.differs.items()]
        against = "the reference" if name == experiment.reference else f"expected: {arm.expected}"
        isolates = "; ".join([arm.isolates, *(f"*differs in {text}*" for text in differs)])
        yield [f"**{name}**", isolates, against, claim_text(arm)]


def _measured(experiment: Experiment) -> str:
    metric = experiment.metric
    stage = f" after {metric.stage}" if metric.stage else ""
    margin = f"{100 * metric.margin:g} points" if metric.name == ACCURACY else f"{metric.margin:g}"
    also = "".join(f", also {item.name}" for item in experiment.also)
    return f"metric {metric.name}{stage} ({metric.better} is better, margin {margin}){also}"


def _result_blocks(experiment: Experiment, result: Result, bases: Set[str | None]) -> Iterator[str]:
    heading = "Result" if not result.again else "Declared again"
    if result.budget != 1:
        heading += f", {result.budget:g} of the declared steps"
    if result.declaration != experiment.declaration:
        heading += ", of another declaration than the file's"
    yield f"### {experiment.system}: {heading} ({result.declaration[:8]})\n"
    yield table(_head(result), [_result_row(result, arm) for arm in result.arms])
    if result.between:
        yield table(("against", *_columns(result)), list(_between_rows(result)))
    if result.tasks and result.experiment.metric.name == ACCURACY:
        yield table(
            ("task", "items", "most common answer", *_measured_arms(result)), _tasks(result)
        )
    if result.guessed:
        yield f"{GUESSED.capitalize()}.\n"
    state = "" if result.done else " Not every declared arm and seed has run."
    if older := _older(experiment, result):
        state += f" Of other versions of their recipes than the commands above: {older}."
    yield (
        f"Seeds {', '.join(map(str, result.seeds))}. Machine: {'; '.join(result.machines)}. "
        f"Commit: {', '.join(commit[:8] for commit in result.commits)}. "
        f"Base model: {', '.join(_base_text(base, bases) for base in result.bases) or 'new'}."
        f"{state}\n"
    )
    for arm in result.arms:
        yield from (f"- **{arm.name}** failed, {reason}\n" for reason in arm.failures)
    yield from (f"- Warning: {warning}.\n" for warning in result.warnings)


def _older(experiment: Experiment, result: Result) -> str:
    """The arms whose runs were of another recipe than the one that runs now."""
    recipes = resolve(experiment, budget=result.budget)
    changed = [
        name
        for name, made in result.recipes.items()
        if name not in recipes or made != {recipe_hash(recipes[name])}
    ]
    return "all" if len(changed) == len(result.recipes) > 1 else ", ".join(changed)


def _base_text(base: str, bases: Set[str | None]) -> str:
    return base[:8] if base in bases else f"{base[:8]}, another than the recipe begins from now"


def _head(result: Result) -> list[str]:
    metric = result.experiment.metric
    return [
        "arm", metric.name, "effect (95 %)", "seeds that agree", "verdict", "source",
        *(f"{item.name} (effect)" for item in result.experiment.also),
        "seconds", "tokens", "rollouts", "updates",
    ]  # fmt: skip


def _result_row(result: Result, arm: ArmResult) -> list[str]:
    metric = result.experiment.metric
    effect = arm.effects.get(metric.name)
    cost = arm.cost
    spent = ["-"] * 4
    if cost is not None:
        spent = [
            f"{value:,.0f}" for value in (cost.seconds, cost.tokens, cost.rollouts, cost.updates)
        ]
    return [
        f"**{arm.name}**",
        value_text(arm.values[metric.name], metric),
        "-" if effect is None else effect_text(effect, metric),
        "-" if effect is None else f"{effect.agree} of {effect.seeds}",
        arm.verdict or "-",
        claim_text(arm.arm),
        *(_also(arm, item) for item in result.experiment.also),
        *spent,
    ]


def value_text(by_seed: Mapping[int, float], metric: Metric) -> str:
    """The mean over seeds, and each seed's own value.

    >>> value_text({0: 0.5, 1: 0.6}, Metric())
    '55.0 % (50.0, 60.0)'
    """
    if not by_seed:
        return "-"
    values = [by_seed[seed] for seed in sorted(by_seed)]
    mean = sum(values) / len(values)
    if metric.name == ACCURACY:
        return f"{100 * mean:.1f} % ({', '.join(f'{100 * value:.1f}' for value in values)})"
    return f"{mean:.3g} ({', '.join(f'{value:.3g}' for value in values)})"


def _measured_arms(result: Result) -> list[str]:
    """The arms that have an accuracy in any task, in the order of the declaration."""
    measured = {arm for task in result.tasks.values() for arm in task.accuracy}
    return [name for name in result.experiment.arms if name in measured]


def _percent(accuracy: float | None) -> str:
    return "-" if accuracy is None else f"{100 * accuracy:.1f}"


def _tasks(result: Result) -> list[list[str]]:
    """Of each task its items, and accuracies after the last stage in per cent."""
    return [
        [
            name,
            str(task.items),
            f"{100 * task.guess:.1f}",
            *(_percent(task.accuracy.get(arm)) for arm in _measured_arms(result)),
        ]
        for name, task in result.tasks.items()
    ]


def _columns(result: Result) -> list[str]:
    """The arms that another one is compared with, in the order of the declaration."""
    against = {earlier for _, earlier in result.between}
    return [name for name in result.experiment.arms if name in against]


def _between_rows(result: Result) -> Iterator[list[str]]:
    """One row for each arm that is compared with an earlier one."""
    columns = _columns(result)
    for name in result.experiment.arms:
        effects = [result.between.get((name, earlier)) for earlier in columns]
        if any(effects):
            metric = result.experiment.metric
            yield [
                f"**{name}**",
                *("" if effect is None else effect_text(effect, metric) for effect in effects),
            ]


def _also(arm: ArmResult, metric: Metric) -> str:
    text = value_text(arm.values[metric.name], metric).partition(" (")[0]
    effect = arm.effects.get(metric.name)
    return text if effect is None else f"{text}, {effect_text(effect, metric)}"


def _bands(result: Result, curve: str) -> dict[str, list[Point]]:
    return {arm.name: arm.curves[curve] for arm in result.arms if arm.curves.get(curve)}
