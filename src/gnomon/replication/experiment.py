"""Declared experiments: arms, metric, seeds and the source's claim, fixed before anything runs.

An experiment is one YAML file. The package has one for each system that can be tested at micro
scale; a user's own file is read in the same way. Its `declaration`, a hash of what it says, is
stored with every result, so that a result of another declaration is never mixed in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError, model_validator

from gnomon.blocks import Block, Count, Number
from gnomon.catalogue import load_recipe
from gnomon.problems import RecipeError, nearest, problems
from gnomon.recipe import Recipe, Scale, override
from gnomon.yaml_text import read_yaml_file

ACCURACY = "accuracy"
"""The metric that has one value for each held-out item; all others are of ``metrics.jsonl``."""
LEAST_SEEDS = 3
Direction = Literal["helps", "no effect", "hurts", "open"]
Matched = Literal["start", "data", "rollouts", "updates"]
"""What the arms of an experiment have in common, unless an arm says why it differs."""


class ReplicationError(ValueError):
    """An experiment that cannot be run or read; the message says which part and what to do."""


class Claim(Block):
    """What the source reports about an arm against the reference; None where it gives no number.

    ``effect`` is the difference in the metric, whether higher or lower is better.
    """

    effect: Number | None = None
    unit: str = "points"
    where: str


class Arm(Block):
    """One way to train: what it ``isolates``, and what differs from the common recipe.

    ``changes`` are paths and values as `--set` takes them; ``recipe`` is another recipe than the
    common one. ``differs`` names what this arm does not share with the reference, each with the
    reason: such a difference is shown beside the result.
    """

    isolates: str
    recipe: str | None = None
    changes: dict[str, Any] = Field(default_factory=dict)
    expected: Direction = "open"
    claim: Claim | None = None
    differs: dict[Matched, str] = Field(default_factory=dict)


class Metric(Block):
    """What is compared. ``margin`` is the least difference that matters, in the metric's own unit.

    ``accuracy`` is the share of held-out items that are right after ``stage`` (the last one).
    Any other name is one of ``metrics.jsonl``: its mean over the ``last`` share of the steps.
    """

    name: str = ACCURACY
    better: Literal["higher", "lower"] = "higher"
    margin: Number = Field(0.02, gt=0)
    stage: str | None = None
    last: Number = Field(0.25, gt=0, le=1)


class Experiment(Block):
    """A controlled experiment. ``start`` names the stages that all arms of a seed share: they are
    trained once, and the arms begin from their checkpoint.

    ``changes`` hold for every arm, before its own. ``also`` are further metrics, without a verdict.
    For the estimate of the time: ``effort`` is the cost of a rollout against plain GRPO, and
    ``example_effort`` that of a supervised example against one of scenes in words.
    """

    system: str
    question: str
    registered: date
    recipe: str
    scale: Scale = "micro"
    start: tuple[str, ...] = ()
    changes: dict[str, Any] = Field(default_factory=dict)
    seeds: Count = Field(LEAST_SEEDS, ge=LEAST_SEEDS)
    metric: Metric
    also: tuple[Metric, ...] = ()
    reference: str
    arms: dict[str, Arm]
    effort: Number = Field(1.0, gt=0)
    example_effort: Number = Field(1.0, gt=0)
    notes: str = ""

    @model_validator(mode="after")
    def _check_arms(self) -> Experiment:
        if self.reference not in self.arms:
            raise ValueError(f"reference {self.reference!r}{nearest(self.reference, self.arms)}")
        if len(self.arms) < 2:
            raise ValueError("arms: at least one arm beside the reference is needed")
        if self.metric.name in [metric.name for metric in self.also]:
            raise ValueError(f"also: {self.metric.name!r} is the metric already")
        return self

    @property
    def declaration(self) -> str:
        """SHA-256 of what the file says: comments, layout and settings left to defaults are out."""
        data = self.model_dump(mode="json", exclude_unset=True)
        text = json.dumps(data, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metric of the verdict, then the others."""
        return (self.metric, *self.also)


def experiment_files() -> dict[str, Path]:
    """The declared experiments of the package, by system."""
    folder = Path(str(resources.files("gnomon.replication") / "experiments"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_experiment(name: str) -> Experiment:
    """The experiment of a system, or of a YAML file that the user names.

    Raises `ReplicationError` with the nearest name, and with each problem of a file.
    """
    known = experiment_files()
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
    elif name in known:
        path = known[name]
    else:
        raise ReplicationError(
            f"there is no experiment for {name!r}{nearest(name, known)} "
            "(`gnomon replicate --list` shows them all)"
        )
    return read_experiment(read_yaml_file(path), path)


def read_experiment(data: Any, path: Path) -> Experiment:
    """Validate plain data; `ReplicationError` names file, place, value and reason."""
    try:
        experiment = Experiment.model_validate(data)
    except ValidationError as error:
        lines = problems(error, Experiment, data)
        raise ReplicationError("\n".join(f"{path.name}: {line}" for line in lines)) from None
    if path.stem != experiment.system:
        raise ReplicationError(
            f"{path.name}: system: {experiment.system!r}: call the file {experiment.system}.yaml, "
            "because results are stored under that name"
        )
    return experiment


def arm_changes(experiment: Experiment, arm: str) -> dict[str, Any]:
    """The changes of an arm: the common ones, then its own, which win."""
    return {**experiment.changes, **experiment.arms[arm].changes}


def arm_recipe(experiment: Experiment, arm: str, *, budget: float = 1.0) -> Recipe:
    """The whole recipe of an arm, with ``budget`` times the declared steps of its own stages.

    The shared stages keep theirs: they teach what the question takes for granted.
    Raises `ReplicationError` that names the arm before what is wrong with its recipe.
    """
    name = experiment.arms[arm].recipe or experiment.recipe
    try:
        recipe = load_recipe(name, scale=experiment.scale)
        recipe = override(recipe, arm_changes(experiment, arm))
        return override(recipe, scaled_steps(experiment, recipe, budget)) if budget != 1 else recipe
    except RecipeError as error:
        lines = str(error).splitlines()
        raise ReplicationError("\n".join(f"arm {arm}: {line}" for line in lines)) from None


def scaled_steps(experiment: Experiment, recipe: Recipe, budget: float) -> dict[str, int]:
    """The changes that give an arm's own stages ``budget`` times their steps, at least one each."""
    return {
        f"stages.{stage.name}.steps": max(1, round(budget * stage.steps))
        for stage in recipe.stages
        if stage.name not in experiment.start
    }


def recipe_hash(recipe: Recipe) -> str:
    """SHA-256 of a resolved recipe, its seed left out: the same for every seed of an arm."""
    text = recipe.model_copy(update={"seed": 0}).to_yaml()
    return hashlib.sha256(text.encode()).hexdigest()


def as_settings(changes: Mapping[str, Any]) -> list[str]:
    """Changes as the values of ``--set``.

    >>> as_settings({"stages.rl.steps": 5, "stages.rl.resample": None})
    ['stages.rl.steps=5', 'stages.rl.resample=null']
    """
    return [f"{path}={_written(value)}" for path, value in changes.items()]


def _written(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


MATCHED: tuple[Matched, ...] = get_args(Matched)
