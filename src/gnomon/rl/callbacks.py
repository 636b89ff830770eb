"""Callbacks: what looks at a policy whenever its stage saves, and may rank its checkpoints."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from gnomon.logs import PLACE
from gnomon.models.sampler import SamplingSettings
from gnomon.recipe import Reinforce, Stage, build
from gnomon.records import BadRecord
from gnomon.stages.context import Prepared, StageContext
from gnomon.stages.updates import step_generator

BEST = "best"
"""Where the memory of a callback lists the steps whose checkpoints are to be kept."""


def call_back(stage: Stage, context: StageContext, logged: Mapping[str, float]) -> dict[str, float]:
    """The numbers of every callback of a stage, about the policy as it is being saved.

    Each has the same random numbers and the same questions at every step, so that checkpoints can
    be compared. ``logged`` are the numbers of the step itself.
    """
    if not isinstance(stage, Reinforce) or not stage.callbacks:
        return {}
    curves = _curves(context, logged)
    values: dict[str, float] = {}
    for key, use in _named(stage):
        device = str(context.policy.device)
        known: dict[str, Any] = {
            "policy": context.policy,
            "questions": _questions(context),
            "sampling": SamplingSettings(**stage.sampling.model_dump(exclude={"origins"})),
            "generator": step_generator(context.seed, context.index, 0, key, device),
            "step": context.step,
            "memory": context.remembered(key),
            "curves": curves,
            "note": context.clock.watcher.note,
        }
        values |= build("callback", use).supply(known)
    return values


def kept_steps(stage: Stage, memory: Mapping[str, Mapping[str, Any]]) -> set[int]:
    """The steps whose checkpoints a callback of the stage wants to be kept."""
    if not isinstance(stage, Reinforce):
        return set()
    return {step for key, _ in _named(stage) for step in memory.get(key, {}).get(BEST, [])}


def _named(stage: Reinforce) -> Iterator[tuple[str, Any]]:
    return ((f"callbacks.{place}.{use.part}", use) for place, use in enumerate(stage.callbacks))


def _curves(context: StageContext, logged: Mapping[str, float]) -> dict[str, list[float]]:
    """Every number of the stage by step, the one being made last; nan where it was not logged."""
    before = [row for row in context.run.metrics() if row["index"] == context.index]
    steps = [*before, logged]
    names = {name: None for step in steps for name in step if name not in PLACE}
    return {
        name: [math.nan if (value := step.get(name)) is None else value for step in steps]
        for name in names
    }


def _questions(context: StageContext) -> Iterator[Prepared]:
    """The usable questions of the stage's source, in its own order."""
    source = context.stream.source
    for index in range(len(source)):
        try:
            yield source[index]
        except BadRecord:
            continue  # counted where the stream reads it
