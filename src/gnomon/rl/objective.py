"""What a recipe optimises, written out: its formulas with their constants, and how peers differ.

Formulas are read in the docstrings of the parts, from the paragraph that begins with ``Formula:``,
whose names in braces are settings. The conformance table tries the recipe's own parts and those
that stand for the defaults of verl, TRL and EasyR1 on the same few numbers and compares what comes
out, so that it holds for any part, those of a user's file included.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gnomon.parts import BoundPart, part
from gnomon.recipe import Recipe, Reinforce, Reward, build
from gnomon.rl.aggregation import Totals
from gnomon.rl.corrections import combine_corrections
from gnomon.rl.returns import row_means
from gnomon.rl.survey import Survey
from gnomon.rl.trial import formulas, made_rollouts

_FORMULA = re.compile(r"^Formula: (.+?)(?:\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"\{(\w+)\}")


_DEMONSTRATIONS = "the first members of each group are texts of the record, not of the policy"
_VALUE_LOSS = "1/2 max((V - G)^2, (clip(V, V_old - clip, V_old + clip) - G)^2), G = A_GAE + V_old"


@dataclass(frozen=True)
class Term:
    """One part of an objective: where it stands, its name, its formula, its settings."""

    place: str
    part: str
    formula: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Comparison:
    """What one aspect comes to, here and by the defaults of each peer.

    ``agrees`` says so for each peer, and is empty where there is nothing here to compare.
    """

    aspect: str
    ours: str
    peers: Mapping[str, str]
    agrees: Mapping[str, bool]


@dataclass(frozen=True)
class StageObjective:
    """The objective of one reinforcement stage: in one line, in its terms, and beside its peers."""

    stage: str
    loss: str
    terms: tuple[Term, ...]
    conformance: tuple[Comparison, ...]


@dataclass(frozen=True)
class Choice:
    """The parts in which trainers differ without saying so."""

    advantage: BoundPart
    loss: BoundPart
    aggregate: BoundPart
    kl: BoundPart | None
    corrections: tuple[BoundPart, ...] = ()
    kl_is_on: bool = False
    least_members: int = 1
    """The smallest group that the trainer takes; a smaller one stops it."""


PEERS: dict[str, Callable[[], Choice]] = {
    "verl": lambda: Choice(
        part("advantage", "grpo", epsilon=1e-6, single="keep"),
        part("loss", "ppo-clip", dual_clip=3.0),
        part("aggregation", "token-mean"),
        part("regulariser", "kl", estimator="k3", clamp=(20.0, 10.0)),
    ),
    "TRL": lambda: Choice(
        part("advantage", "grpo", epsilon=1e-4, single="zero"),
        part("loss", "ppo-clip", log_ratio_clamp=None),
        part("aggregation", "token-mean"),
        part("regulariser", "kl", estimator="k3"),
        (part("correction", "trl-mismatch"),),
    ),
    "EasyR1": lambda: Choice(
        part("advantage", "grpo", epsilon=1e-6),
        part("loss", "ppo-clip", clip_high=0.3, dual_clip=3.0),
        part("aggregation", "token-mean"),
        part("regulariser", "kl", estimator="k3", clamp=(20.0, 10.0)),
        kl_is_on=True,
        least_members=2,
    ),
}
"""Defaults of the peers, as parts: verl as its configuration ships, TRL with an engine
(`use_vllm`), EasyR1 by its example configuration. A KL that is off has the form that it takes when
it is on."""


def objectives(recipe: Recipe) -> list[StageObjective]:
    """The objective of every reinforcement stage of ``recipe``."""
    stages = [stage for stage in recipe.stages if isinstance(stage, Reinforce)]
    return [
        StageObjective(stage.name, _in_one_line(stage), tuple(_terms(stage)), conformance(stage))
        for stage in stages
    ]


def conformance(stage: Reinforce) -> tuple[Comparison, ...]:
    """Where a stage agrees with and differs from the defaults of verl, TRL and EasyR1."""
    ours = _choice(stage)
    peers = {name: make() for name, make in PEERS.items()}
    return tuple(_compare(aspect, probe, ours, peers) for aspect, probe in _PROBES.items())


def formula_of(bound: BoundPart) -> str:
    """The formula in a part's docstring with its settings put in; its first line without one.

    >>> formula_of(part("schedule", "constant", value=0.5))
    '0.5'
    """
    text = inspect.getdoc(bound.part.function) or ""
    found = _FORMULA.search(text)
    line = " ".join((found.group(1) if found else bound.part.summary).split())
    return _NAME.sub(lambda match: _shown(bound.settings, match), line)


def _shown(settings: Mapping[str, Any], match: re.Match[str]) -> str:
    value = settings.get(match.group(1), match.group(0))
    if isinstance(value, tuple):
        return f"({', '.join(f'{each:g}' for each in value)})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _terms(stage: Reinforce) -> Iterator[Term]:
    for reward in stage.rewards:
        term = _term(f"rewards.{reward.part.part}", build("reward", reward.part), reward.weight)
        if reward.scope is None:
            yield term
        else:
            scope = {"scope": f"{reward.scope.section} ({reward.scope.reach})"}
            yield replace(term, settings={**term.settings, **scope})
    if stage.demonstrations is not None:
        settings = stage.demonstrations.model_dump(exclude={"origins"}, exclude_none=True)
        yield Term("demonstrations", stage.demonstrations.key, _DEMONSTRATIONS, settings)
    for place, kind, use in formulas(stage):
        yield _term(place, build(kind, use))
    if stage.value is not None:
        settings = stage.value.model_dump(exclude={"origins", "optimizer", "kind"})
        yield Term("value", stage.value.kind, _VALUE_LOSS, settings)


def _term(place: str, bound: BoundPart, weight: float | None = None) -> Term:
    settings = dict(bound.settings) if weight is None else {"weight": weight, **bound.settings}
    return Term(place, bound.part.name, formula_of(bound), settings)


def _in_one_line(stage: Reinforce) -> str:
    """loss = aggregate(policy loss x what multiplies it) + coefficients x penalties."""
    factors = [stage.loss.part, *(use.part for use in (*stage.corrections, *stage.focus))]
    text = f"loss = {stage.aggregate.part}({' x '.join(factors)})"
    for item in stage.regularisers:
        inner = [use.part for use in (item.weight, item.focus, item.part) if use is not None]
        mode = (item.aggregate or stage.aggregate).part
        mode += " of the weighted rollouts" if item.over == "weighted" else ""
        text += f" + [{item.coefficient.part}] x {mode}({' x '.join(inner)})"
    if stage.value is not None:
        text += " + token-mean(value loss)"
    weights = "".join(f" x {use.part}" for use in stage.weights)
    cost = "" if stage.reward_kl is None else f" - returns of {stage.reward_kl.part.part}"
    drawn = "" if stage.resample is None else f", rollouts drawn by {stage.resample.part}"
    estimate = stage.advantage.part
    credits = "".join(_credit(reward, estimate) for reward in stage.rewards)
    estimate = f"({estimate}{credits})" if credits else estimate
    return f"{text}, A = {estimate}{weights}{cost}{drawn}"


def _credit(reward: Reward, advantage: str) -> str:
    """What a term with a scope adds to the advantage of each token."""
    if reward.scope is None:
        return ""
    place = {"span": "in", "prefix": "up to the end of"}[reward.scope.reach]
    credit = f"{reward.weight:g} {advantage}({reward.part.part})"
    return f" + {credit} on the tokens {place} {reward.scope.section}"


# -- conformance ----------------------------------------------------------------------------------


def _choice(stage: Reinforce) -> Choice:
    regularisers = [build("regulariser", item.part) for item in stage.regularisers]
    kls = [bound for bound in regularisers if "reference_logp" in bound.part.inputs]
    return Choice(
        build("advantage", stage.advantage),
        build("loss", stage.loss),
        build("aggregation", stage.aggregate),
        kls[0] if kls else None,
        tuple(build("correction", use) for use in stage.corrections),
        bool(kls),
    )


def _compare(
    aspect: str, probe: Callable[[Choice], Tensor | None], ours: Choice, peers: Mapping[str, Choice]
) -> Comparison:
    mine = _tried(probe, ours)
    theirs = {name: _tried(probe, peer) for name, peer in peers.items()}
    return Comparison(
        aspect,
        _numbers(mine),
        {name: _numbers(value) for name, value in theirs.items()},
        {} if mine is None else {name: _same(mine, value) for name, value in theirs.items()},
    )


def _tried(probe: Callable[[Choice], Tensor | None], choice: Choice) -> Tensor | str | None:
    try:
        return probe(choice)
    except ValueError:
        return "refused"


def _same(one: Tensor | str | None, other: Tensor | str | None) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.allclose(one, other, rtol=2e-3, atol=1e-6)
    return type(one) is type(other)


def _numbers(value: Tensor | str | None) -> str:
    if isinstance(value, Tensor):
        return ", ".join(f"{each:.4g}" for each in value.flatten().tolist())
    return value or "none"


def _advantages(choice: Choice, rewards: list[float], groups: list[int]) -> Tensor:
    """Advantages of some rollouts of one token each, among others of which they know nothing."""
    rewards_N, groups_N = torch.tensor(rewards), torch.tensor(groups)
    if int(groups_N.bincount().min()) < choice.least_members:
        raise ValueError(f"every group needs at least {choice.least_members} members")
    known = made_rollouts(rewards_N, groups_N, torch.ones(len(rewards), 1))
    made = choice.advantage.supply(known | {"memory": {}})
    return row_means(made, known["mask"])


def _loss(choice: Choice, ratio: float, advantage: float) -> Tensor:
    """Policy loss of one token."""
    old, mask = torch.full((1, 1), -9.0), torch.ones(1, 1)
    logp, advantages = old + math.log(ratio), torch.tensor([advantage])
    zeros = torch.zeros(1, 1)
    known = {
        "logp": logp, "old_logp": old, "advantages": advantages, "mask": mask,
        "off_policy": zeros, "log_mismatch": zeros, "survey": Survey.of(logp, advantages, mask),
    }  # fmt: skip
    loss_NT: Tensor = choice.loss.supply(known)[0]
    return loss_NT[0]


def _aggregated(choice: Choice) -> Tensor:
    mask = torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    values = torch.tensor([[1.0, 1.0, 0.0, 0.0], [2.0, 2.0, 2.0, 2.0]])
    total: Tensor = choice.aggregate.supply(
        {"values": values, "mask": mask, "totals": Totals.of(mask)}
    )
    return total.reshape(1)


def _kl(choice: Choice, x: float) -> Tensor | None:
    """The KL term of one token with log-ratio ``x`` to the reference; None without one."""
    if choice.kl is None:
        return None
    reference = torch.full((1, 1), -50.0)
    known = {
        "logp": reference + x, "old_logp": reference + x, "reference_logp": reference,
        "entropy": torch.ones(1, 1), "mask": torch.ones(1, 1),
    }  # fmt: skip
    value: Tensor = choice.kl.supply(known)
    return value[0]


def _mismatch(choice: Choice, *log_ratios: float) -> Tensor:
    """Factors on the policy loss of the tokens of one response; a rejected token has 0."""
    lr = torch.tensor([log_ratios])
    rollout, mask = torch.full_like(lr, -9.0), torch.ones_like(lr)
    inputs = {"old_logp": rollout + lr, "rollout_logp": rollout, "mask": mask}
    weights, kept = combine_corrections(
        [bound.supply(inputs) for bound in choice.corrections], mask
    )
    return (weights * kept)[0]


_PROBES: dict[str, Callable[[Choice], Tensor | None]] = {
    "baseline, scale, bias: A of rewards 1 0 0 0": lambda choice: _advantages(
        choice, [1, 0, 0, 0], [0] * 4
    ),
    "epsilon: A of rewards .001 0 0 0": lambda choice: _advantages(
        choice, [0.001, 0, 0, 0], [0] * 4
    ),
    "scope of the scale: A of 1 0 beside 5 0": lambda choice: _advantages(
        choice, [1, 0, 5, 0], [0, 0, 1, 1]
    )[:2],
    "single member: A of .7 alone, beside 1 0": lambda choice: _advantages(
        choice, [0.7, 1, 0], [0, 1, 1]
    )[:1],
    "upper clip: loss at ratio 2, A = 1": lambda choice: _loss(choice, 2.0, 1.0),
    "lower clip: loss at ratio .5, A = -1": lambda choice: _loss(choice, 0.5, -1.0),
    "dual clip: loss at ratio 7, A = -1": lambda choice: _loss(choice, 7.0, -1.0),
    "aggregation of 1 1 and 2 2 2 2": _aggregated,
    "KL in the loss: 1 on, 0 off": lambda choice: torch.tensor([float(choice.kl_is_on)]),
    "KL estimator: at log-ratio .5": lambda choice: _kl(choice, 0.5),
    "KL clamp: at log-ratio -15": lambda choice: _kl(choice, -15.0),
    "mismatch with an engine: weights at log-ratios .5 .4 .1": lambda choice: _mismatch(
        choice, 0.5, 0.4, 0.1
    ),
    "mismatch with an engine: weights at log-ratios .6 .6 .6": lambda choice: _mismatch(
        choice, 0.6, 0.6, 0.6
    ),
}
"""What is compared, and what it comes to for the parts of a trainer."""
