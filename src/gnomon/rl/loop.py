"""Reinforcement learning with verifiable rewards, whole, from top to bottom.

    samples -> G rollouts each -> verdicts -> reward terms -> combined reward R
    counted = filter(R), and more samples until enough groups count    (kind: resampler)
    V = values of each token, if there is a critic
    A = centre(R) / scale(R) x weights - returns(KL in the reward)     (kinds: advantage, weight)
    indices = resample(A)                                              (kind: resampler)
    loss = aggregate(bound(pi / pi_old) x A x correction x focus)      (kinds: loss, correction,
         + sum of coefficient x aggregate(weight x focus x regulariser) focus, aggregation,
         + value loss of the critic                                     regulariser, schedule)

Everything in brackets is a part that the recipe names. Dimension suffixes: N rollouts of the step,
T tokens of the longest response.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gnomon.evaluation.rows import image_files, prompt_text, rollout_row
from gnomon.models.batch import unique_runs
from gnomon.models.load import load_policy
from gnomon.models.logprobs import by_row, score_tokens
from gnomon.models.policy import Policy
from gnomon.parts import BoundPart
from gnomon.recipe import Reinforce
from gnomon.rewards.score import reader_statistics, term_statistics
from gnomon.rl.advantages import zero_variance_share
from gnomon.rl.aggregation import Totals
from gnomon.rl.chosen import Objective
from gnomon.rl.collection import (
    charge,
    coefficient_of,
    correct,
    generator_for,
    greedy_rewards,
    mask_images,
    measure,
    roll_out,
    rows_of,
    scopes_of,
    weigh,
)
from gnomon.rl.corrections import effective_share
from gnomon.rl.critic import appraise, explained_variance
from gnomon.rl.experience import Experience, counted, facts
from gnomon.rl.meter import Meter
from gnomon.rl.scoring import score_rows
from gnomon.rl.survey import Survey
from gnomon.stages.context import Prepared, StageContext, StepFunction, StepResult
from gnomon.stages.updates import MicroLoss, Update


@dataclass(frozen=True)
class Share:
    """The rollouts of one optimiser update, what they hold together, and its coefficients.

    ``penalty_totals``: what each regulariser's aggregation counts.
    """

    chosen: tuple[int, ...]
    totals: Totals
    penalty_totals: tuple[Totals, ...]
    coefficients: tuple[float, ...]
    survey: Survey | None
    tally: Meter = field(default_factory=Meter)


def prepare_reinforce(stage: Reinforce, context: StageContext) -> StepFunction:
    """The step of a reinforcement stage: collect, weigh, update."""
    objective = Objective.of(stage, context)
    reference = _frozen(context) if objective.needs_reference else None

    def step(number: int) -> StepResult:
        prepared = context.take(stage.prompts)
        experience = collect(stage, objective, context, prepared, reference)
        with context.clock.phase("update"):
            meter = Meter()
            for losses in update_batches(stage, objective, context, experience, reference, meter):
                if losses:
                    _note_update(context, meter, context.updater.step(losses))
                else:
                    context.updater.pass_over()
        if number % stage.log_rollouts_every == 0 or number in (1, stage.steps):
            with context.clock.phase("log"):
                write_rollouts(context, objective, experience)
        tokens = sum(map(len, unique_runs(experience.rows)))
        read = reader_statistics(objective.terms)
        read |= context.counts.shares(experience.rows)
        return StepResult({**describe(stage, experience), **meter.means(), **read}, tokens)

    return step


def collect(
    stage: Reinforce,
    objective: Objective,
    context: StageContext,
    prepared: Sequence[Prepared],
    reference: Policy | None = None,
) -> Experience:
    """Sample, grade, score, and turn rewards into advantages and kept indices.

    A rollout that a filter leaves out has no reward and no verdict for all that follows.
    """
    prepared, groups = list(prepared), roll_out(stage, objective, context, prepared)
    for more in range(stage.refill + 1):
        known = facts(groups, objective.terms) | {"progress": _progress(context)}
        known["generator"] = generator_for(context, "filter")
        counted_N = counted(objective.filters, known, stage.prompts)
        enough = len(known["groups"][counted_N].unique()) >= stage.prompts
        if enough or more == stage.refill:
            break
        further = context.take(stage.prompts)
        prepared += further
        groups += roll_out(stage, objective, context, further, f"-{more + 1}")
    rows, rewards_N = rows_of(prepared, groups), known["rewards"]
    for name in ("rewards", "accuracy", "partial"):
        known[name] = torch.where(counted_N, known[name], math.nan)
    known["scoped"] = scopes_of(objective, context, groups, known)
    known["greedy"] = greedy_rewards(stage, objective, context, prepared)
    importance_NT, log_mismatch_NT = correct(stage, objective, context, rows, known)
    charge(stage, objective, context, rows, known, reference)
    targets = None
    if context.critic is not None:
        targets = appraise(context.critic, context.policy, rows, known, stage.micro_batch_rows)
    advantages, penalty_weights = weigh(objective, context, known)
    kept = torch.arange(len(rows))
    if objective.resample is not None:
        kept = objective.resample.supply(known | {"generator": generator_for(context, "resample")})
    kept = kept[known["rewards"].isfinite()[kept]]
    masked_rows, old_masked_logp = mask_images(stage, objective, context, prepared, groups)
    lengths = known["lengths"].tolist()
    old_logp = [row_T[:n] for row_T, n in zip(known["old_logp"], lengths, strict=True)]
    return Experience(
        tuple(groups), tuple(rows), tuple(old_logp), rewards_N, known["groups"],
        known["advantages"], advantages, kept, counted_N, known["given"], known["mask"],
        importance_NT, log_mismatch_NT, penalty_weights, tuple(masked_rows), old_masked_logp,
        targets,
    )  # fmt: skip


def update_batches(
    stage: Reinforce,
    objective: Objective,
    context: StageContext,
    experience: Experience,
    reference: Policy | None,
    meter: Meter,
) -> Iterator[list[MicroLoss]]:
    """The losses of each optimiser update, as micro-batches that add up to it.

    Rollouts are dealt to the updates at random; within one, those of a group stay together, so that
    their image is encoded once. What an update measured is remembered before the next one begins.
    An update that no rollout is left for is an empty list, which still counts: a step of the plan
    is a step of the schedules, whatever was filtered out of it.
    """
    for epoch in range(stage.epochs):
        order = experience.kept.sort().values
        if stage.updates > 1:
            deal = generator_for(context, f"deal-{epoch}")
            order = order[torch.randperm(len(order), generator=deal)]
        for number, part in enumerate(order.tensor_split(stage.updates)):
            if not len(part):
                yield []
                continue
            chosen = part.sort().values.tolist()
            label = f"survey-{epoch}-{number}"
            share = _share(stage, objective, context, experience, chosen, label)
            yield [
                _micro_loss(
                    objective, context, experience, reference, meter, share,
                    slice(start, start + stage.micro_batch_rows),
                )
                for start in range(0, len(chosen), stage.micro_batch_rows)
            ]  # fmt: skip
            for penalty in objective.regularisers:
                total, count = share.tally.sums, share.tally.counts
                measure(
                    context, penalty.key, total.get(penalty.key, 0.0), count.get(penalty.key, 0)
                )


def _share(
    stage: Reinforce,
    objective: Objective,
    context: StageContext,
    experience: Experience,
    chosen: list[int],
    label: str,
) -> Share:
    """What one update has to know of all its rollouts before its first micro-batch."""
    coefficients = tuple(
        coefficient_of(context, penalty.key, penalty.coefficient, len(chosen))
        for penalty in objective.regularisers
    )
    survey = None
    if objective.needs_survey:
        rows = [experience.rows[i] for i in chosen]
        logp, entropy = score_rows(
            context.policy, rows, temperature=objective.temperature, at_once=stage.micro_batch_rows
        )
        width, device = logp.shape[1], context.policy.device
        advantages = experience.advantages_of(chosen, width)
        wide = advantages[:, None] if advantages.ndim == 1 else advantages
        mask = experience.mask_NT[chosen][:, :width]
        seed = int(torch.randint(2**31, (), generator=generator_for(context, label)))
        survey = Survey(
            logp.to(device), entropy.to(device), wide.expand_as(logp).to(device), mask.to(device),
            torch.arange(len(chosen), device=device), seed,
        )  # fmt: skip
    totals = experience.totals(chosen)
    penalty_totals = tuple(
        experience.totals([i for i in chosen if weight_N[i] != 0])
        if penalty.weighted_only and weight_N is not None
        else totals
        for penalty, weight_N in zip(
            objective.regularisers, experience.penalty_weights, strict=True
        )
    )
    return Share(tuple(chosen), totals, penalty_totals, coefficients, survey)


def _micro_loss(
    objective: Objective,
    context: StageContext,
    experience: Experience,
    reference: Policy | None,
    meter: Meter,
    share: Share,
    span: slice,
) -> MicroLoss:
    chosen = list(share.chosen[span])

    def compute() -> Tensor:
        known = _scored_tokens(objective, context, experience, reference, chosen)
        if share.survey is not None:
            known["survey"] = share.survey.with_rows(share.survey.rows[span])
        loss_NT, stats = objective.loss.supply(known)
        if "off_policy" in objective.loss.part.inputs:
            meter.add_guidance(known, loss_NT)
        if experience.importance_NT is not None:
            loss_NT = loss_NT * _at(experience.importance_NT, chosen, known["mask"])
        for part in objective.focus:
            loss_NT = loss_NT * part.supply(known)
        loss = _aggregate(objective.aggregate, loss_NT, known["mask"], share.totals)
        for place, penalty in enumerate(objective.regularisers):
            value_NT = penalty.part.supply(known)
            weight_N = experience.penalty_weights[place]
            weighed_NT, mask_NT = value_NT, known["mask"]
            if weight_N is not None:
                weight_N1 = weight_N[chosen].to(value_NT)[:, None]
                weighed_NT = value_NT * weight_N1
                mask_NT = mask_NT * (weight_N1 != 0) if penalty.weighted_only else mask_NT
            if penalty.focus is not None:
                weighed_NT = weighed_NT * penalty.focus.supply(known)
            total = _aggregate(penalty.aggregate, weighed_NT, mask_NT, share.penalty_totals[place])
            loss = loss + share.coefficients[place] * total
            meter.add(f"coefficient/{penalty.name}", share.coefficients[place], 1)
            share.tally.add_mean(penalty.key, value_NT, known["mask"])
            meter.add_mean(f"penalty/{penalty.name}", value_NT, known["mask"])
        if context.critic is not None and experience.targets is not None:
            targets = experience.targets
            loss = loss + context.critic.loss(known, targets, chosen, share.totals, meter)
        meter.add_tokens(known, stats)
        return loss

    return compute


def _scored_tokens(
    objective: Objective,
    context: StageContext,
    experience: Experience,
    reference: Policy | None,
    chosen: list[int],
) -> dict[str, Any]:
    """What losses and regularisers can ask for, [n, T], of some rollouts."""
    policy = context.policy
    # A rollout that a resampler repeated is forwarded once and read several times.
    unique, places = torch.unique(torch.tensor(chosen), return_inverse=True)
    batch = policy.batch([experience.rows[i] for i in unique.tolist()])

    def spread(values_K: Tensor) -> Tensor:
        return by_row(values_K, batch)[0][places]

    scores = score_tokens(
        policy, batch, temperature=objective.temperature, entropy=objective.needs("entropy")
    )
    old = torch.cat([experience.old_logp[i] for i in unique.tolist()]).to(policy.device)
    mask_NT = by_row(scores.logp, batch)[1][places].float()
    width = mask_NT.shape[1]
    known: dict[str, Any] = {
        "logp": spread(scores.logp),
        "old_logp": spread(old),
        "advantages": experience.advantages_of(chosen, width).to(policy.device),
        "mask": mask_NT * _at(experience.mask_NT, chosen, mask_NT),
        "entropy": spread(scores.entropy),
        "off_policy": mask_NT * experience.off_policy_of(chosen, width).to(mask_NT),
        "log_mismatch": _at(experience.log_mismatch_NT, chosen, mask_NT),
        "survey": None,
    }
    if context.critic is not None:
        known["values"] = spread(context.critic.values(scores.states))
    if reference is not None:
        with torch.no_grad():
            scored = score_tokens(reference, batch, temperature=objective.temperature)
        known["reference_logp"] = spread(scored.logp)
    if objective.needs("old_masked_logp"):
        known["old_masked_logp"] = _at(experience.old_masked_logp, chosen, mask_NT)
    if objective.needs("masked_logp"):
        masked = policy.batch([experience.masked_rows[i] for i in unique.tolist()])
        scored = score_tokens(policy, masked, temperature=objective.temperature)
        known["masked_logp"] = spread(scored.logp)
    return known


def describe(stage: Reinforce, experience: Experience) -> dict[str, float]:
    """Numbers of one step that rewards and rollouts alone decide, demonstrations left out."""
    everyone = [member for group in experience.groups for member in group.members]
    own_N = experience.given_N == 0
    members = [member for member in everyone if member.rollout.source == "policy"] or everyone
    count = len(members)
    right = [member.verdict.correct for member in members if member.verdict.graded]
    extra: dict[str, float] = {}
    if stage.filters:
        extra["counted"] = float(experience.counted_N.float().mean())
    if experience.importance_NT is not None:
        extra["correction"] = effective_share(experience.importance_NT, experience.mask_NT)
    if experience.targets is not None:
        aim = experience.targets
        extra["explained_variance"] = explained_variance(aim.values, aim.returns, aim.mask)
    return {
        "reward": float(experience.rewards_N[own_N].nanmean()),
        "accuracy": sum(right) / len(right) if right else math.nan,
        "length": sum(len(member.rollout.token_ids) for member in members) / count,
        "truncated": sum(member.rollout.stop == "length" for member in members) / count,
        "zero_variance": zero_variance_share(experience.rewards_N, experience.group_N),
        "kept": len(experience.kept) / len(everyone),
        **extra,
        **term_statistics(experience.groups),
    }


def write_rollouts(context: StageContext, objective: Objective, experience: Experience) -> None:
    """Store the step's rollouts with their images, rewards, verdicts and advantages."""
    times_kept = torch.bincount(experience.kept, minlength=len(experience.rows)).tolist()
    rows: list[dict[str, Any]] = []
    images: dict[str, bytes] = {}
    for number, group in enumerate(experience.groups):
        files = image_files(group.sample, context.encoder.root, context.encoder.video)
        images |= files
        prompt = prompt_text(group.sample, objective.style)
        for place, member in enumerate(group.members):
            row = len(rows)
            advantage = float(experience.advantages_N[row])
            rows.append(
                rollout_row(
                    number, place, group.sample, member,
                    prompt=prompt, images=tuple(files),
                    advantage=advantage, kept=times_kept[row],
                )
            )  # fmt: skip
    context.run.write_rollouts(context.index, context.name, context.step, rows, images)


def _frozen(context: StageContext) -> Policy:
    """The model that the stage started from, computing exactly as the policy does."""
    attention = context.policy.core.config.get_text_config()._attn_implementation
    reference = load_policy(context.parent, device=str(context.policy.device), attention=attention)
    reference.mixed_precision = context.policy.mixed_precision
    reference.core.requires_grad_(False)
    reference.model.eval()
    reference.share_tower(context.policy)
    return reference


def _progress(context: StageContext) -> float:
    return context.updater.done / context.updater.planned


def _at(values_NT: Tensor, chosen: list[int], like: Tensor) -> Tensor:
    """The rows of some rollouts, as wide and where ``like`` is."""
    return values_NT[chosen][:, : like.shape[1]].to(like)


def _aggregate(part: BoundPart, values_NT: Tensor, mask_NT: Tensor, totals: Totals) -> Tensor:
    total: Tensor = part.supply({"values": values_NT, "mask": mask_NT, "totals": totals})
    return total


def _note_update(context: StageContext, meter: Meter, update: Update) -> None:
    meter.updates += 1
    meter.add("loss", update.loss, 1)
    meter.add("grad_norm", update.grad_norm, 1)
    meter.add("lr", update.learning_rate, 1)
    if not update.applied:
        context.skip("gradient", f"update {context.updater.done}", update.reason)
