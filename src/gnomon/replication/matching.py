"""What the arms of an experiment must have in common, and what an experiment is going to cost.

Arms that differ in the number of rollouts or of updates, in the model that they start from, in the
questions that they read or in what they are measured with are refused, with the numbers, unless
the file itself says what differs and why.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gnomon.disk import sha256_of
from gnomon.models.load import model_folder
from gnomon.recipe import AnyStage, Recipe, Reinforce, Sft, vary
from gnomon.replication.experiment import (
    ACCURACY,
    MATCHED,
    Experiment,
    ReplicationError,
    arm_recipe,
    recipe_hash,
)
from gnomon.stages.drive import planned_updates

SECONDS = {"process": 10.0, "example": 0.0264, "rollout": 0.0193, "item": 0.0244}
"""One thread beside another on a machine of two cores, gnomon-micro: a process, a supervised
example, a rollout with its update, a held-out item (measured: 211 s for 500 updates of 16 examples,
297 s for 120 steps of 128 rollouts, 12.5 s for 512 items)."""


def resolve(experiment: Experiment, *, budget: float = 1.0) -> dict[str, Recipe]:
    """The recipe of every arm; raises `ReplicationError` with all that makes them unequal."""
    recipes: dict[str, Recipe] = {}
    problems: list[str] = []
    for arm in experiment.arms:
        try:
            recipes[arm] = arm_recipe(experiment, arm, budget=budget)
        except ReplicationError as error:
            problems.append(str(error))
    if not problems:
        problems = list(unequal(experiment, recipes))
    if problems:
        raise ReplicationError("\n".join(f"{experiment.system}: {line}" for line in problems))
    return recipes


def unequal(experiment: Experiment, recipes: Mapping[str, Recipe]) -> Iterator[str]:
    """Every reason why the arms cannot be compared, one a line."""
    reference = experiment.reference
    for arm, recipe in recipes.items():
        yield from _unmeasured(experiment, arm, recipe)
        missing = set(experiment.start) - {stage.name for stage in recipe.stages}
        if missing:
            yield f"arm {arm}: it has no stage {sorted(missing)[0]!r}, which start names"
            return
    for arm, recipe in recipes.items():
        if arm == reference:
            continue
        declared = experiment.arms[arm].differs
        own, theirs = (_shared(experiment, one) for one in (recipe, recipes[reference]))
        for name in MATCHED:
            if own[name] != theirs[name] and name not in declared:
                yield (
                    f"arm {arm}: {name}: {own[name]} against {theirs[name]} of {reference}; make "
                    f"them equal, or say why under differs.{name}"
                )
            if own[name] == theirs[name] and name in declared:
                yield f"arm {arm}: differs.{name}: it does not differ; remove it"
        if _measure(recipe) != _measure(recipes[reference]):
            yield f"arm {arm}: evaluation: all arms need the same benchmark, grader and sampling"


def shared_start(experiment: Experiment, recipe: Recipe) -> Recipe | None:
    """The recipe of the stages that arms share, measured by nobody; None when there are none."""
    if not experiment.start:
        return None
    changes = {"stages": list(experiment.start), "evaluation": {}, "name": "shared-start"}
    return vary(recipe, {**changes, "description": "The stages that the arms of a seed share."})


def after_start(experiment: Experiment, recipe: Recipe, model: str) -> Recipe:
    """What an arm runs itself, from the ``model`` that the shared stages made.

    That model has learnt the form of the arm, so it is asked in that form from the beginning.
    """
    if not experiment.start:
        return recipe
    own = [stage.name for stage in recipe.stages if stage.name not in experiment.start]
    asked = recipe.evaluation
    return vary(
        recipe,
        {
            "stages": own,
            "model.path": model,
            "model.architecture": None,
            "evaluation.base_format": asked.format,
            "evaluation.base_grader": asked.grader,
        },
    )


def base_of(path: str) -> str | None:
    """A hash of the weights in a model's folder; None for a new model and for one of a hub."""
    weights = sorted(Path(model_folder(path)).glob("*.safetensors"))
    if not weights:
        return None
    return hashlib.sha256("".join(map(sha256_of, weights)).encode()).hexdigest()


def start_key(start: Recipe) -> str:
    """What tells shared starts apart, whichever experiment they belong to; the seed is not in."""
    data = start.model_dump(mode="json", include={"model", "stages", "data_root", "scale"})
    return _digest({**data, "base": base_of(start.model.path)})


def recipes_key(recipes: Mapping[str, Recipe]) -> str:
    """What tells the runs of one declaration apart that other recipes or weights would give."""
    made = {
        arm: [recipe_hash(recipe), base_of(recipe.model.path)] for arm, recipe in recipes.items()
    }
    return _digest(made)


def rollouts_of(recipe: Recipe) -> int:
    """Responses that the policy writes for training, refills counted as if all were needed.

    A demonstration is none, even where it gives the beginning alone; every sample counts as if it
    had as many as the recipe takes.
    """
    return sum(_asked(stage) * (stage.rollouts - _shown(stage)) for stage in _reinforced(recipe))


def responses_of(recipe: Recipe) -> int:
    """Responses that a run is trained on, whoever wrote them: what arms have to have in common."""
    return sum(_asked(stage) * stage.rollouts for stage in _reinforced(recipe))


def updates_of(recipe: Recipe) -> int:
    """Optimiser updates of a run."""
    return sum(planned_updates(stage) for stage in recipe.stages)


def estimated_seconds(
    experiment: Experiment, recipes: Mapping[str, Recipe], *, seeds: int | None = None
) -> float:
    """What all runs take one after another, one thread each; two lanes take half of it.

    From `SECONDS` of gnomon-micro, so for the micro scale only. Shared stages count once a seed.
    """
    starts = {
        start_key(start): _seconds(experiment, start)
        for recipe in recipes.values()
        if (start := shared_start(experiment, recipe)) is not None
    }
    arms = [
        _seconds(experiment, after_start(experiment, recipe, recipe.model.path))
        for recipe in recipes.values()
    ]
    return (seeds or experiment.seeds) * (sum(starts.values()) + sum(arms))


def _reinforced(recipe: Recipe) -> Iterator[Reinforce]:
    return (stage for stage in recipe.stages if isinstance(stage, Reinforce))


def _asked(stage: Reinforce) -> int:
    """Questions of a stage, each time that one is asked."""
    return stage.steps * stage.prompts * (1 + stage.refill)


def _shown(stage: Reinforce) -> int:
    """Demonstrations in each group."""
    return 0 if stage.demonstrations is None else min(stage.demonstrations.count, stage.rollouts)


def _seconds(experiment: Experiment, recipe: Recipe) -> float:
    examples = sum(
        stage.steps * stage.batch_size for stage in recipe.stages if isinstance(stage, Sft)
    )
    measured = 1 + sum(stage.evaluate for stage in recipe.stages)
    items = measured * sum(
        int(use.settings.get("items") or 0) for use in recipe.evaluation.benchmarks
    )
    return (
        SECONDS["process"]
        + SECONDS["example"] * examples * experiment.example_effort
        + SECONDS["rollout"] * responses_of(recipe) * experiment.effort
        + SECONDS["item"] * items
    )


def _shared(experiment: Experiment, recipe: Recipe) -> dict[str, Any]:
    start = shared_start(experiment, recipe)
    own = [stage for stage in recipe.stages if stage.name not in experiment.start]
    began = start_key(start) if start is not None else _digest(recipe.model.model_dump(mode="json"))
    return {
        "start": began,
        "data": _digest([_read(stage) for stage in own]),
        "rollouts": responses_of(recipe),
        "updates": updates_of(recipe),
    }


def _read(stage: AnyStage) -> dict[str, Any]:
    """What decides, with the seed, which questions a step of the stage reads."""
    at_once = stage.prompts if isinstance(stage, Reinforce) else stage.batch_size
    return {"data": stage.data.model_dump(), "at_once": at_once}


def _measure(recipe: Recipe) -> dict[str, Any]:
    """What has to be the same for arms to be measured alike; the form of the answer may differ."""
    forms = {"format", "base_format", "base_grader", "origins"}
    return recipe.evaluation.model_dump(mode="json", exclude=forms)


def _unmeasured(experiment: Experiment, arm: str, recipe: Recipe) -> Iterator[str]:
    if len(recipe.evaluation.benchmarks) != 1:
        yield f"arm {arm}: evaluation.benchmarks: exactly one is needed, items are paired over it"
    own = {stage.name: stage for stage in recipe.stages if stage.name not in experiment.start}
    if not own:
        yield f"arm {arm}: start leaves nothing to train; one stage has to be the arm's own"
        return
    for metric in experiment.metrics:
        stage = own.get(metric.stage or recipe.stages[-1].name)
        if stage is None:
            yield f"arm {arm}: metric {metric.name}: it has no stage {metric.stage!r} of its own"
        elif metric.name == ACCURACY and not stage.evaluate:
            yield f"arm {arm}: stages.{stage.name}.evaluate: the metric needs it, set it to true"
        elif metric is experiment.metric and _unpaid(metric.name, stage):
            yield f"arm {arm}: metric {metric.name}: stages.{stage.name} has no such reward term"


def _unpaid(metric: str, stage: AnyStage) -> bool:
    """Whether a metric is of a reward term that the stage does not have."""
    head, _, term = metric.partition("/")
    terms = [item.part.part for item in stage.rewards] if isinstance(stage, Reinforce) else []
    return head == "reward" and bool(term) and term not in terms


def _digest(data: Any) -> str:
    text = json.dumps(data, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
