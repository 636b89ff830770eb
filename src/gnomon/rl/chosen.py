"""The parts that one reinforcement stage has chosen, with their settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gnomon.parts import BoundPart
from gnomon.recipe import Regulariser, Reinforce, Reward, Use, build
from gnomon.rewards.scope import Scope
from gnomon.rewards.score import Term
from gnomon.rl.backend import RolloutBackend
from gnomon.stages.context import StageContext


@dataclass(frozen=True)
class Penalty:
    """A regulariser with its coefficient, and its own weight, focus and aggregation if any.

    ``weighted_only``: rollouts of weight 0 are not there for the aggregation.
    """

    key: str
    part: BoundPart
    coefficient: BoundPart
    weight: BoundPart | None
    focus: BoundPart | None
    aggregate: BoundPart
    weighted_only: bool

    @property
    def name(self) -> str:
        """Name of the regulariser."""
        return self.part.part.name


@dataclass(frozen=True)
class Objective:
    """The parts of one reinforcement stage, with their settings."""

    style: Any
    sampler: RolloutBackend
    grader: BoundPart
    terms: tuple[Term, ...]
    combine: BoundPart
    filters: tuple[BoundPart, ...]
    reward_kl: tuple[BoundPart, BoundPart] | None
    advantage: BoundPart
    weights: tuple[BoundPart, ...]
    resample: BoundPart | None
    corrections: tuple[BoundPart, ...]
    loss: BoundPart
    focus: tuple[BoundPart, ...]
    aggregate: BoundPart
    regularisers: tuple[Penalty, ...]
    corruption: BoundPart | None
    temperature: float

    @classmethod
    def of(cls, stage: Reinforce, context: StageContext) -> Objective:
        """Build every part that ``stage`` names; readers see the context's policy."""
        return cls(
            style=build("format", stage.format)(),
            sampler=build("sampler", stage.sampler).supply(_known(context)),
            grader=build("grader", stage.grader),
            terms=tuple(_term(reward, context) for reward in stage.rewards),
            combine=build("combination", stage.combine),
            filters=_every("resampler", stage.filters),
            reward_kl=_reward_kl(stage),
            advantage=build("advantage", stage.advantage),
            weights=_every("weight", stage.weights),
            resample=_perhaps("resampler", stage.resample),
            corrections=_every("correction", stage.corrections),
            loss=build("loss", stage.loss),
            focus=_every("focus", stage.focus),
            aggregate=build("aggregation", stage.aggregate),
            regularisers=tuple(_penalties(stage)),
            corruption=_perhaps("corruption", stage.corruption),
            temperature=stage.sampling.temperature or 1.0,
        )

    def needs(self, name: str) -> bool:
        """Whether some regulariser takes the input ``name``."""
        return any(name in penalty.part.part.inputs for penalty in self.regularisers)

    @property
    def needs_reference(self) -> bool:
        """Whether log-probabilities under the frozen reference are wanted anywhere."""
        return self.reward_kl is not None or self.needs("reference_logp")

    @property
    def needs_survey(self) -> bool:
        """Whether the loss or a focus asks for the whole optimiser batch."""
        own = (penalty.focus for penalty in self.regularisers if penalty.focus is not None)
        return any("survey" in part.part.inputs for part in (self.loss, *self.focus, *own))


def _every(kind: str, uses: Iterable[Use]) -> tuple[BoundPart, ...]:
    return tuple(build(kind, use) for use in uses)


def _perhaps(kind: str, use: Use | None) -> BoundPart | None:
    return None if use is None else build(kind, use)


def _reward_kl(stage: Reinforce) -> tuple[BoundPart, BoundPart] | None:
    block = stage.reward_kl
    if block is None:
        return None
    return build("regulariser", block.part), build("schedule", block.coefficient)


def _term(reward: Reward, context: StageContext) -> Term:
    made = build("reward", reward.part)
    ask = build("reader", reward.reader).supply(_known(context)) if reward.reader else None
    scope = None if reward.scope is None else Scope(reward.scope.section, reward.scope.reach)
    return Term(reward.part.part, made, reward.weight, reward.tasks, ask, scope)


def _known(context: StageContext) -> dict[str, Any]:
    """What readers and samplers are made with."""
    return {"policy": context.policy, "parent": context.parent, "root": context.encoder.root}


def _penalties(stage: Reinforce) -> Iterator[Penalty]:
    for number, item in enumerate(stage.regularisers):
        yield _penalty(f"regularisers.{number}.{item.part.part}", item, stage)


def _penalty(key: str, item: Regulariser, stage: Reinforce) -> Penalty:
    return Penalty(
        key,
        build("regulariser", item.part),
        build("schedule", item.coefficient),
        _perhaps("weight", item.weight),
        _perhaps("focus", item.focus),
        build("aggregation", item.aggregate or stage.aggregate),
        item.over == "weighted",
    )
