"""Stored runs as results: the effect of each arm, its verdict, its curves and its cost.

Runs of one declaration and one budget belong together. The declaration that was stored first comes
first; every later one is *declared again*, and stands apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

import numpy as np

from gnomon.replication.experiment import ACCURACY, Arm, Experiment, Metric
from gnomon.replication.results import run_key, unpack
from gnomon.replication.statistics import (
    Effect,
    Point,
    Verdict,
    band,
    paired_effect,
    verdict,
)

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Cost:
    """Means over the runs of an arm, without the shared stages."""

    seconds: float
    tokens: float
    rollouts: float
    updates: float


@dataclass(frozen=True)
class ArmResult:
    """One arm: its value of each metric by seed, and its effect against the reference.

    ``effects`` are by metric; there is none for the reference, nor without a seed in common.
    ``verdict`` is that of the experiment's own metric, None without an effect; where no arm is
    better than guessing it is inconclusive, whatever the interval. ``copy_of`` is the reference or
    an earlier arm whose runs were the same.
    """

    name: str
    arm: Arm
    values: Mapping[str, Mapping[int, float]]
    effects: Mapping[str, Effect]
    verdict: Verdict | None
    cost: Cost | None
    curves: Mapping[str, list[Point]]
    failures: tuple[str, ...]
    copy_of: str | None = None


@dataclass(frozen=True)
class TaskResult:
    """A task of the benchmark: its items, the share of its most common answer, and each arm's mean
    accuracy over the seeds after the last stage."""

    items: int
    guess: float
    accuracy: Mapping[str, float]


@dataclass(frozen=True)
class Result:
    """All arms of one declaration at one budget. ``again`` says that an earlier one is stored.

    ``between`` has, for each two arms that have run and are not the reference, the effect on the
    experiment's metric of the first against the second; these were not declared beforehand.
    ``tasks`` are those of the benchmark by name, none where they are not stored; ``guessed`` says
    that no arm is better by the margin than guessing in any of them. ``recipes`` are the hashes of
    each arm's recipes. ``warnings`` say what is not as it should be in a controlled experiment.
    """

    experiment: Experiment
    declaration: str
    budget: float
    again: bool
    seeds: tuple[int, ...]
    arms: tuple[ArmResult, ...]
    between: Mapping[tuple[str, str], Effect]
    tasks: Mapping[str, TaskResult]
    guessed: bool
    commits: tuple[str, ...]
    machines: tuple[str, ...]
    bases: tuple[str, ...]
    recipes: Mapping[str, set[str]]
    warnings: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether every declared arm has every declared seed."""
        wanted = set(range(self.experiment.seeds))
        return all(
            wanted <= set(arm.values[self.experiment.metric.name]) for arm in self.arms
        ) and len(self.arms) == len(self.experiment.arms)


def summarise(stored: Mapping[str, Any]) -> list[Result]:
    """The results in a file of `gnomon.replication.results`, the first declaration first."""
    groups: dict[tuple[str, float], list[Record]] = {}
    for record in stored["runs"]:
        groups.setdefault(run_key(record)[:2], []).append(record)
    for failure in stored["failures"]:
        groups.setdefault(run_key(failure)[:2], [])
    first = next(iter(stored["declarations"]), None)
    return [
        _result(stored, declaration, budget, runs, again=declaration != first)
        for (declaration, budget), runs in sorted(
            groups.items(),
            key=lambda item: (list(stored["declarations"]).index(item[0][0]), -item[0][1]),
        )
    ]


def compare(
    arm: str, reference: str, by_arm: Mapping[str, Sequence[Record]], metric: Metric
) -> Effect | None:
    """The effect on one metric over the seeds that both arms have; None without any.

    Further arms that have all of these seeds tell how much seeds scatter, copies of one once.
    """
    tables = {name: _tables(runs, metric) for name, runs in by_arm.items()}
    seeds = sorted(tables[arm].keys() & tables[reference].keys())
    if not seeds:
        return None
    own, theirs = ([tables[name][seed] for seed in seeds] for name in (arm, reference))
    others: list[list[list[float]]] = []
    for name in by_arm:
        if tables[name].keys() >= set(seeds):
            table = [tables[name][seed] for seed in seeds]
            # A copy of another arm, of which nothing has acted, tells nothing about seeds.
            if table not in (own, theirs, *others):
                others.append(table)
    return paired_effect(own, theirs, others)


def _result(
    stored: Mapping[str, Any], declaration: str, budget: float, runs: list[Record], *, again: bool
) -> Result:
    experiment = Experiment.model_validate(stored["declarations"][declaration]["experiment"])
    failures = [
        item
        for item in stored["failures"]
        if run_key(item)[:2] == (declaration, budget)
        and run_key(item) not in set(map(run_key, runs))
    ]
    by_arm = {name: [run for run in runs if run["arm"] == name] for name in experiment.arms}
    tasks = _tasks(by_arm)
    guessed = _guessed(experiment.metric, tasks)
    return Result(
        experiment=experiment,
        declaration=declaration,
        budget=budget,
        again=again,
        seeds=tuple(sorted({run["seed"] for run in runs})),
        arms=tuple(
            _arm_result(experiment, name, by_arm, failures, guessed)
            for name in experiment.arms
            if by_arm[name] or any(item["arm"] == name for item in failures)
        ),
        between=_between(experiment, by_arm),
        tasks=tasks,
        guessed=guessed,
        commits=_different(runs, "commit"),
        machines=_different(runs, "machine"),
        bases=_different(runs, "base"),
        recipes={name: {run["recipe"] for run in own} for name, own in by_arm.items() if own},
        warnings=tuple(_warnings(experiment, by_arm)),
    )


def _tasks(by_arm: Mapping[str, list[Record]]) -> dict[str, TaskResult]:
    """The tasks of which anything was graded; an arm of which nothing was has no accuracy."""
    told: dict[str, Mapping[str, Any]] = {}
    found: dict[str, dict[str, list[float]]] = {}
    for arm, runs in by_arm.items():
        for name, task in ((n, t) for run in runs for n, t in run.get("tasks", {}).items()):
            if task["accuracy"] is not None and task["guess"] is not None:
                told.setdefault(name, task)
                found.setdefault(name, {}).setdefault(arm, []).append(task["accuracy"])
    return {
        name: TaskResult(
            task["items"], task["guess"], {arm: fmean(v) for arm, v in found[name].items()}
        )
        for name, task in told.items()
    }


def _guessed(metric: Metric, tasks: Mapping[str, TaskResult]) -> bool:
    better = [max(t.accuracy.values()) > t.guess + metric.margin for t in tasks.values()]
    return metric.name == ACCURACY and bool(better) and not any(better)


def _between(
    experiment: Experiment, by_arm: Mapping[str, list[Record]]
) -> dict[tuple[str, str], Effect]:
    others = [name for name in experiment.arms if name != experiment.reference]
    found = {
        (later, earlier): compare(later, earlier, by_arm, experiment.metric)
        for earlier, later in combinations(others, 2)
    }
    return {pair: effect for pair, effect in found.items() if effect is not None}


def _arm_result(
    experiment: Experiment,
    name: str,
    by_arm: Mapping[str, list[Record]],
    failures: Sequence[Mapping[str, Any]],
    guessed: bool,
) -> ArmResult:
    runs, metric = by_arm[name], experiment.metric
    found = {
        item.name: effect
        for item in experiment.metrics
        if name != experiment.reference
        and (effect := compare(name, experiment.reference, by_arm, item)) is not None
    }
    main = found.get(metric.name)
    told = None if main is None else verdict(main, metric.margin, metric.better)
    curves = sorted({curve for run in runs for curve in run["curves"]})
    return ArmResult(
        name=name,
        arm=experiment.arms[name],
        values={
            item.name: {
                seed: float(np.nanmean(table)) for seed, table in _tables(runs, item).items()
            }
            for item in experiment.metrics
        },
        effects=found,
        verdict="inconclusive" if told and guessed else told,
        cost=_cost(runs),
        curves={
            curve: band([run["curves"][curve] for run in runs if curve in run["curves"]])
            for curve in curves
        },
        failures=tuple(f"seed {item['seed']}: {item['reason']}" for item in failures
                       if item["arm"] == name),
        copy_of=_copied(name, by_arm),
    )  # fmt: skip


def _tables(runs: Sequence[Record], metric: Metric) -> dict[int, list[float]]:
    """The row of each seed: one value for each item, or one of a logged metric."""
    rows: dict[int, list[float]] = {}
    for run in runs:
        if metric.name == ACCURACY:
            stages = run["items"]
            row = unpack(stages[metric.stage or list(stages)[-1]]).tolist()
        else:
            value = run["logged"].get(metric.name)
            row = [math.nan if value is None else value]
        if not all(map(math.isnan, row)):
            rows[run["seed"]] = row
    return rows


def _cost(runs: Sequence[Record]) -> Cost | None:
    if not runs:
        return None
    return Cost(*(fmean(run["cost"][name] for run in runs) for name in Cost.__dataclass_fields__))


def _different(runs: Sequence[Record], name: str) -> tuple[str, ...]:
    return tuple(sorted({str(run[name]) for run in runs if run.get(name)}))


def _warnings(experiment: Experiment, by_arm: Mapping[str, list[Record]]) -> list[str]:
    """What makes runs of one declaration less comparable than they should be."""
    said = [
        f"the recipe of {name} changed between its runs"
        for name, runs in by_arm.items()
        if len({run["recipe"] for run in runs}) > 1
    ]
    said += [
        f"{name} has no {experiment.metric.name}"
        for name, runs in by_arm.items()
        if runs and not _tables(runs, experiment.metric)
    ]
    if len({run.get("base") for runs in by_arm.values() for run in runs}) > 1:
        said.append("its runs began from different base models")
    alike = [name for name, arm in experiment.arms.items() if "start" not in arm.differs]
    begun: dict[int, set[str]] = {}
    for name in alike:
        for run in by_arm[name]:
            if run["start"] is not None:
                begun.setdefault(run["seed"], set()).add(str(run["start"]["weights"]))
    said += [
        f"the arms of seed {seed} began from different weights"
        for seed, weights in sorted(begun.items())
        if len(weights) > 1
    ]
    said += [
        f"{one} and {other} answered alike in every seed, rollouts included: what sets them apart "
        "did not act"
        for one, other in combinations(by_arm, 2)
        if _same_runs(by_arm[one], by_arm[other])
    ]
    return said


def _copied(name: str, by_arm: Mapping[str, list[Record]]) -> str | None:
    """The reference or an earlier arm that gave the same runs."""
    earlier = list(by_arm)[: list(by_arm).index(name)]
    return next((one for one in earlier if _same_runs(by_arm[one], by_arm[name])), None)


def _same_runs(one: Sequence[Record], other: Sequence[Record]) -> bool:
    """Whether the seeds that two arms have in common gave the same items and mean lengths."""
    first, second = ({run["seed"]: run for run in runs} for runs in (one, other))
    seeds = first.keys() & second.keys()
    return bool(seeds) and all(
        first[seed]["items"] == second[seed]["items"]
        and first[seed]["curves"].get("length", ()) == second[seed]["curves"].get("length")
        for seed in seeds
    )
