"""What a step computes between its rollouts and its first update; `gnomon.rl.loop.collect` is the
order of it.

Dimension suffixes: N rollouts of the step, T trained tokens of the longest response.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gnomon.grading.respond import grade_response
from gnomon.models.encode import Encoded
from gnomon.models.policy import Policy
from gnomon.models.sampler import SamplingSettings
from gnomon.parts import BoundPart
from gnomon.recipe import Prefix, Reinforce
from gnomon.records import Group, Rollout, Sample
from gnomon.rl.chosen import Objective
from gnomon.rl.corrections import combine_corrections
from gnomon.rl.demonstrations import demonstrations_of, gone_on, shortened, write_groups
from gnomon.rl.experience import (
    Facts,
    given_tokens,
    undecided,
    weighted,
    without_undecided,
)
from gnomon.rl.guidance import prefix_ratios
from gnomon.rl.masking import corrupted
from gnomon.rl.returns import row_means
from gnomon.rl.scopes import Scoped, scoped_terms, token_advantages
from gnomon.rl.scoring import score_rows
from gnomon.rl.verifying import Verifying
from gnomon.stages.context import Prepared, StageContext
from gnomon.stages.updates import step_generator

MEASURED = "measured"
"""Where a stage remembers what its coefficients regulate."""


def generator_for(context: StageContext, purpose: str, device: str = "cpu") -> torch.Generator:
    """Random numbers of this step for one purpose."""
    return step_generator(context.seed, context.index, context.step, purpose, device)


def roll_out(
    stage: Reinforce,
    objective: Objective,
    context: StageContext,
    prepared: Sequence[Prepared],
    label: str = "",
) -> list[Group]:
    """Sample, grade and score the rollouts of some questions; ``label`` tells draws apart.

    Each rollout is verified as soon as it has ended; the phase "grade" is what is left of that when
    all are written.
    """
    settings = SamplingSettings(**stage.sampling.model_dump(exclude={"origins"}))
    samples = [sample for sample, _ in prepared]
    verifying = Verifying(objective, samples, stage.rollouts, stage.verification)
    with verifying.under_way():
        with context.clock.phase("rollout"):
            objective.sampler.hand_over(context.updater.done)
            device = str(context.policy.device)
            generator = generator_for(context, f"rollout{label}", device)
            shown = _demonstrated(stage, objective, context, prepared, generator, settings)
            written = write_groups(
                objective.sampler, prepared, shown, stage.rollouts, settings, generator,
                verifying.take,
            )  # fmt: skip
        with context.clock.phase("grade"):
            groups = list(map(without_undecided, verifying.groups(written)))
    for group in groups:
        for member in group.members:
            if undecided(group, member):
                context.skip("rollout", group.sample.id, str(member.verdict.reason))
    return groups


def _demonstrated(
    stage: Reinforce,
    objective: Objective,
    context: StageContext,
    prepared: Sequence[Prepared],
    generator: torch.Generator,
    settings: SamplingSettings,
) -> list[list[Rollout]]:
    """The demonstrations of each question; the policy goes on from those that are given in part."""
    block = stage.demonstrations
    if block is None:
        return [[] for _ in prepared]
    most = min(block.count, stage.rollouts)
    policy, limit = context.policy, settings.max_new_tokens
    found = [demonstrations_of(policy, sample, block.key, limit) for sample, _ in prepared]
    if block.verified:
        pairs = zip(prepared, found, strict=True)
        found = [_right(objective, context, sample, rollouts) for (sample, _), rollouts in pairs]
    found = [rollouts[:most] for rollouts in found]
    if block.prefix is None:
        return found
    drawn = generator_for(context, "prefix")
    begun = [_begun(block.prefix, rollouts, context.step, drawn) for rollouts in found]
    return gone_on(objective.sampler, policy, prepared, begun, settings, generator)


def _right(
    objective: Objective, context: StageContext, sample: Sample, rollouts: Sequence[Rollout]
) -> list[Rollout]:
    """The demonstrations that the stage's grader finds right; the others are named as skipped."""
    found = []
    for rollout in rollouts:
        verdict = grade_response(sample, rollout, objective.style, objective.grader).verdict
        if verdict.correct:
            found.append(rollout)
        else:
            told = f": {verdict.reason}" if verdict.reason else ""
            context.skip("demonstration", sample.id, f"its verdict is {verdict.outcome}{told}")
    return found


def _begun(
    how: Prefix, rollouts: Sequence[Rollout], step: int, generator: torch.Generator
) -> list[Rollout]:
    chosen = how.model_dump(exclude={"origins", "strategy"})
    ratios = prefix_ratios(how.strategy, len(rollouts), step, generator, **chosen)
    cut = [shortened(one, ratio) for one, ratio in zip(rollouts, ratios, strict=True)]
    return [one for one in cut if one is not None]


def greedy_rewards(
    stage: Reinforce, objective: Objective, context: StageContext, prepared: Sequence[Prepared]
) -> Tensor | None:
    """Reward of the greedy response to each rollout's question, [N], if the advantage asks."""
    if "greedy" not in objective.advantage.part.inputs:
        return None
    greedy = stage.sampling.model_copy(update={"temperature": 0.0})
    alone = stage.model_copy(update={"rollouts": 1, "sampling": greedy, "demonstrations": None})
    groups = roll_out(alone, objective, context, prepared, "-greedy")
    rewards = torch.tensor([group.members[0].reward for group in groups])
    return rewards.repeat_interleave(stage.rollouts)


def rows_of(prepared: Sequence[Prepared], groups: Sequence[Group]) -> list[Encoded]:
    """Each rollout behind its prompt."""
    return [
        pair[1].extend(member.rollout.token_ids, member.rollout.train)
        for pair, group in zip(prepared, groups, strict=True)
        for member in group.members
    ]


def correct(
    stage: Reinforce,
    objective: Objective,
    context: StageContext,
    rows: Sequence[Encoded],
    known: Facts,
) -> tuple[Tensor | None, Tensor]:
    """Weights against the engine's mismatch, and the mismatch itself; ``known`` takes the trainer's
    log-probabilities and loses the tokens that were rejected."""
    if not objective.corrections:
        return None, torch.zeros_like(known["mask"])
    reported, mask = known["old_logp"], known["mask"]
    scored = _scored(stage, objective, context.policy, rows)
    # No engine has sampled a demonstration: it keeps its probability of 1 and has no mismatch.
    demonstrated = given_tokens(known["given"], reported.shape[1])
    known["old_logp"] = torch.where(demonstrated, reported, scored)
    inputs = {"old_logp": known["old_logp"], "rollout_logp": reported, "mask": mask}
    made = [part.supply(inputs) for part in objective.corrections]
    weights_NT, kept_NT = combine_corrections(made, mask)
    known["mask"] = mask * kept_NT
    return weights_NT, (known["old_logp"] - reported) * mask


def charge(
    stage: Reinforce,
    objective: Objective,
    context: StageContext,
    rows: Sequence[Encoded],
    known: Facts,
    reference: Policy | None,
) -> None:
    """Put the KL in the reward into ``known``, as what each token costs, [N, T].

    Tokens of demonstrations cost nothing and are not measured: the policy did not write them, and
    their log-probability of 0, or the teacher's, is no policy's (LUFFY, arXiv 2504.14945). What was
    given of a response that the policy went on from still has the cost of what follows in its
    return. Without a KL in the reward nothing happens.
    """
    if objective.reward_kl is None or reference is None:
        return
    part, schedule = objective.reward_kl
    reference_logp = _scored(stage, objective, reference, rows)
    own_NT = known["mask"] * ~given_tokens(known["given"], known["mask"].shape[1])
    inputs = {"logp": known["old_logp"], "reference_logp": reference_logp, "mask": own_NT}
    value_NT = part.supply(known | inputs) * own_NT
    weight = coefficient_of(context, "reward_kl", schedule, len(rows))
    known["penalties"] = weight * value_NT
    measure(context, "reward_kl", float(value_NT.sum()), float(own_NT.sum()))


def scopes_of(
    objective: Objective, context: StageContext, groups: Sequence[Group], known: Facts
) -> tuple[Scoped, ...]:
    """The terms whose credit goes to some of the tokens, with their scores and tokens."""
    decode = functools.partial(context.policy.processor.tokenizer.decode, skip_special_tokens=True)
    return scoped_terms(groups, objective.terms, decode, known["mask"].shape[1])


def weigh(
    objective: Objective, context: StageContext, known: Facts
) -> tuple[Tensor, tuple[Tensor | None, ...]]:
    """Advantages with their weights, and the weights of the regularisers.

    ``known`` takes one advantage for each rollout. Where terms have a scope, which ``known`` holds
    under "scoped", advantages are [N, T].
    """
    memory = context.remembered("advantage")
    advantages = objective.advantage.supply(known | {"memory": memory})

    def estimate(term: Scoped) -> Tensor:
        scores_N = torch.where(known["rewards"].isfinite(), term.scores_N, math.nan)
        own = {
            "rewards": scores_N,
            "scores": scores_N[None],
            "weights": torch.ones(1),
            "memory": context.remembered(f"advantage.{term.name}"),
        }
        credit_N: Tensor = objective.advantage.supply(known | own)
        return credit_N

    advantages = token_advantages(advantages, known["scoped"], estimate)
    known["advantages"] = row_means(advantages, known["mask"])
    factors = [
        part.supply(known | {"memory": context.remembered(f"weights.{number}.{part.part.name}")})
        for number, part in enumerate(objective.weights)
    ]
    charged = "penalties" in objective.advantage.part.inputs
    advantages, known["advantages"] = weighted(advantages, factors, known, charged=charged)
    penalty_weights = tuple(
        None
        if penalty.weight is None
        else penalty.weight.supply(known | {"memory": context.remembered(f"{penalty.key}.weight")})
        for penalty in objective.regularisers
    )
    return advantages, penalty_weights


def mask_images(
    stage: Reinforce,
    objective: Objective,
    context: StageContext,
    prepared: Sequence[Prepared],
    groups: Sequence[Group],
) -> tuple[list[Encoded], Tensor]:
    """Each rollout behind its prompt with corrupted images, and its log-probabilities so far."""
    wanted = objective.needs("masked_logp"), objective.needs("old_masked_logp")
    if objective.corruption is None or not any(wanted):
        return [], torch.zeros(0, 0)
    samples, prompts = [pair[0] for pair in prepared], [pair[1] for pair in prepared]
    generator = generator_for(context, "corrupt")
    root = context.encoder.root
    hidden = corrupted(context.policy, objective.corruption, samples, prompts, generator, root)
    rows = rows_of(list(zip(samples, hidden, strict=True)), groups)
    if not wanted[1]:
        return rows, torch.zeros(0, 0)
    return rows, _scored(stage, objective, context.policy, rows)


def coefficient_of(context: StageContext, key: str, schedule: BoundPart, rows: int) -> float:
    """A coefficient for the update to come."""
    known: dict[str, Any] = {
        **context.updater.progress,
        "measured": context.remembered(MEASURED).get(key),
        "rows": rows,
        "memory": context.remembered(f"{key}.coefficient"),
    }
    return float(schedule.supply(known))


def measure(context: StageContext, key: str, total: float, count: float) -> None:
    """Remember the token mean of what a coefficient multiplies; what is not finite is forgotten."""
    if count and math.isfinite(total):
        context.remembered(MEASURED)[key] = total / count


def _scored(
    stage: Reinforce, objective: Objective, policy: Policy, rows: Sequence[Encoded]
) -> Tensor:
    return score_rows(
        policy, rows, temperature=objective.temperature, at_once=stage.micro_batch_rows
    )[0]
