"""Reinforcement learning with verifiable rewards, whole, from top to bottom.

    samples -> G rollouts each -> verdicts -> reward terms -> combined reward R
    A = centre(R) / scale(R)                                     (kind: advantage)
    indices = resample(A)                                        (kind: resampler)
    loss = aggregate(bound(pi / pi_old) * A)                     (kinds: loss, aggregation)
         + sum of coefficient(update) * aggregate(regulariser)   (kinds: regulariser, schedule)

Everything in brackets is a part that the recipe names. Dimension suffixes: N rollouts of the step,
T tokens of the longest response.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gnomon.evaluation.rows import image_files, prompt_text, rollout_row
from gnomon.grading.respond import grade_response
from gnomon.models.encode import Encoded
from gnomon.models.load import load_policy
from gnomon.models.logprobs import by_row, score_tokens
from gnomon.models.policy import Policy
from gnomon.models.sampler import SamplingSettings, sample
from gnomon.parts import BoundPart
from gnomon.recipe import Reinforce, Reward, build
from gnomon.records import Graded, Group
from gnomon.rewards.score import Term, reader_statistics, score, term_statistics
from gnomon.rl.advantages import zero_variance_share
from gnomon.rl.aggregation import Totals
from gnomon.stages.context import Prepared, StageContext, StepFunction, StepResult
from gnomon.stages.updates import MicroLoss, Update, step_generator


@dataclass(frozen=True)
class Objective:
    """The parts of one reinforcement stage, with their settings."""

    style: Any
    grader: BoundPart
    terms: tuple[Term, ...]
    combine: BoundPart
    advantage: BoundPart
    resample: BoundPart | None
    loss: BoundPart
    aggregate: BoundPart
    regularisers: tuple[tuple[BoundPart, BoundPart], ...]
    temperature: float

    @classmethod
    def of(cls, stage: Reinforce, context: StageContext) -> Objective:
        """Build every part that ``stage`` names."""
        return cls(
            style=build("format", stage.format)(),
            grader=build("grader", stage.grader),
            terms=tuple(_term(reward, context) for reward in stage.rewards),
            combine=build("combination", stage.combine),
            advantage=build("advantage", stage.advantage),
            resample=build("resampler", stage.resample) if stage.resample else None,
            loss=build("loss", stage.loss),
            aggregate=build("aggregation", stage.aggregate),
            regularisers=tuple(
                (build("regulariser", item.part), build("schedule", item.coefficient))
                for item in stage.regularisers
            ),
            temperature=stage.sampling.temperature or 1.0,
        )

    def needs(self, name: str) -> bool:
        """Whether some regulariser takes the input ``name``."""
        return any(name in regulariser.part.inputs for regulariser, _ in self.regularisers)


@dataclass(frozen=True)
class Experience:
    """One step's rollouts as rows of tokens, with everything the update needs."""

    groups: tuple[Group, ...]
    rows: tuple[Encoded, ...]
    old_logp: tuple[Tensor, ...]
    rewards_N: Tensor
    group_N: Tensor
    advantages_N: Tensor
    kept: Tensor


def prepare_reinforce(stage: Reinforce, context: StageContext) -> StepFunction:
    """The step of a reinforcement stage: collect, weigh, update."""
    objective = Objective.of(stage, context)
    reference = _frozen(context) if objective.needs("reference_logp") else None

    def step(number: int) -> StepResult:
        prepared = context.take(stage.prompts)
        experience = collect(stage, objective, context, prepared)
        with context.clock.phase("update"):
            meter = Meter()
            for losses in update_batches(stage, objective, context, experience, reference, meter):
                _note_update(context, meter, context.updater.step(losses))
        if number % stage.log_rollouts_every == 0 or number in (1, stage.steps):
            with context.clock.phase("log"):
                write_rollouts(context, objective, experience)
        tokens = sum(len(row) for row in experience.rows)
        read = reader_statistics(objective.terms)
        return StepResult({**describe(stage, experience), **meter.means(), **read}, tokens)

    return step


def collect(
    stage: Reinforce, objective: Objective, context: StageContext, prepared: Sequence[Prepared]
) -> Experience:
    """Sample, grade, score, and turn rewards into advantages and kept indices."""
    samples, prompts = [pair[0] for pair in prepared], [pair[1] for pair in prepared]
    with context.clock.phase("rollout"):
        generator = _generator(context, "rollout", str(context.policy.device))
        written = sample(context.policy, prompts, stage.rollouts, _sampling(stage), generator)
    with context.clock.phase("grade"):
        graded = [
            Group(one, tuple(grade_response(one, r, objective.style, objective.grader) for r in rs))
            for one, rs in zip(samples, written, strict=True)
        ]
        scored = score(graded, objective.terms, objective.combine)
        groups = tuple(map(_without_undecided, scored))
        _note_ungraded(context, groups)
    members = [member for group in groups for member in group.members]
    rewards_N = torch.tensor([member.reward for member in members])
    group_N = torch.arange(len(groups)).repeat_interleave(stage.rollouts)
    lengths_N = torch.tensor([sum(member.rollout.train) for member in members])
    known: dict[str, Any] = {"rewards": rewards_N, "groups": group_N, "lengths": lengths_N}
    advantages_N = objective.advantage.supply(known)
    kept = torch.arange(len(members))
    if objective.resample is not None:
        known |= {"advantages": advantages_N, "generator": _generator(context, "resample")}
        known["progress"] = context.updater.done / context.updater.planned
        kept = objective.resample.supply(known)
    kept = kept[rewards_N.isfinite()[kept]]
    rows = [
        prompt.extend(rollout.token_ids, rollout.train)
        for prompt, rollouts in zip(prompts, written, strict=True)
        for rollout in rollouts
    ]
    old_logp = [torch.tensor(_trained(member.rollout)) for member in members]
    return Experience(groups, tuple(rows), tuple(old_logp), rewards_N, group_N, advantages_N, kept)


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
    their image is encoded once.
    """
    for epoch in range(stage.epochs):
        order = experience.kept.sort().values
        if stage.updates > 1:
            shuffle = torch.randperm(len(order), generator=_generator(context, f"deal-{epoch}"))
            order = order[shuffle]
        for share in order.tensor_split(stage.updates):
            if not len(share):
                continue
            chosen = share.sort().values.tolist()
            totals = _totals(experience, chosen)
            yield [
                _micro_loss(
                    objective, context, experience, reference, meter, totals,
                    chosen[start : start + stage.micro_batch_rows],
                )
                for start in range(0, len(chosen), stage.micro_batch_rows)
            ]  # fmt: skip


def _micro_loss(
    objective: Objective,
    context: StageContext,
    experience: Experience,
    reference: Policy | None,
    meter: Meter,
    totals: Totals,
    chosen: list[int],
) -> MicroLoss:
    def compute() -> Tensor:
        policy = context.policy
        # A rollout that a resampler repeated is forwarded once and read several times.
        unique, places = torch.unique(torch.tensor(chosen), return_inverse=True)
        batch = policy.batch([[experience.rows[i]] for i in unique.tolist()])

        def spread(values_K: Tensor) -> Tensor:
            return by_row(values_K, batch)[0][places]

        scores = score_tokens(
            policy, batch, temperature=objective.temperature, entropy=objective.needs("entropy")
        )
        old = torch.cat([experience.old_logp[i] for i in unique.tolist()]).to(policy.device)
        known: dict[str, Any] = {
            "logp": spread(scores.logp),
            "old_logp": spread(old),
            "advantages": experience.advantages_N[chosen].to(policy.device),
            "mask": by_row(scores.logp, batch)[1][places].float(),
            "entropy": spread(scores.entropy),
        }
        if reference is not None:
            with torch.no_grad():
                scored = score_tokens(reference, batch, temperature=objective.temperature)
            known["reference_logp"] = spread(scored.logp)
        loss_NT, stats = objective.loss.supply(known)
        loss = _aggregate(objective, loss_NT, known, totals)
        for regulariser, coefficient in objective.regularisers:
            penalty = _aggregate(objective, regulariser.supply(known), known, totals)
            weight = float(coefficient.supply(context.updater.progress))
            loss = loss + weight * penalty
            meter.add(f"coefficient/{regulariser.part.name}", weight, 1)
        meter.add_tokens(known, stats)
        return loss

    return compute


class Meter:
    """Token means of one step, over all its updates."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.counts: dict[str, float] = {}
        self.largest: dict[str, float] = {}

    def add(self, name: str, total: float, count: float) -> None:
        """Add to a mean."""
        self.sums[name] = self.sums.get(name, 0.0) + total
        self.counts[name] = self.counts.get(name, 0.0) + count

    def add_tokens(self, known: dict[str, Any], stats: dict[str, Tensor]) -> None:
        """Entropy, clipping, KL and mismatch of one micro-batch."""
        mask_NT = known["mask"]
        count = float(mask_NT.sum())
        values = {"entropy": known["entropy"], **stats}
        values.pop("ratio", None)
        if "reference_logp" in known:
            x_NT = known["logp"] - known["reference_logp"]
            values["kl"] = torch.expm1(-x_NT) + x_NT
        for name, value_NT in values.items():
            self.add(name, float((value_NT.detach() * mask_NT).sum()), count)
        gap = ((known["logp"].detach() - known["old_logp"]) * mask_NT).abs().max()
        # Only the first update of a step sees the weights that wrote the rollouts.
        self.largest.setdefault("mismatch", float(gap))

    def means(self) -> dict[str, float]:
        """Every mean and largest value by name."""
        return {
            **{name: self.sums[name] / max(self.counts[name], 1) for name in self.sums},
            **self.largest,
        }


def describe(stage: Reinforce, experience: Experience) -> dict[str, float]:
    """Numbers of one step that rewards and rollouts alone decide."""
    members = [member for group in experience.groups for member in group.members]
    count = len(members)
    right = [member.verdict.correct for member in members if member.verdict.graded]
    return {
        "reward": float(experience.rewards_N.nanmean()),
        "accuracy": sum(right) / len(right) if right else math.nan,
        "length": sum(len(member.rollout.token_ids) for member in members) / count,
        "truncated": sum(member.rollout.stop == "length" for member in members) / count,
        "zero_variance": zero_variance_share(experience.rewards_N, experience.group_N),
        "kept": len(experience.kept) / count,
        **term_statistics(experience.groups),
    }


def write_rollouts(context: StageContext, objective: Objective, experience: Experience) -> None:
    """Store the step's rollouts with their images, rewards, verdicts and advantages."""
    times_kept = torch.bincount(experience.kept, minlength=len(experience.rows)).tolist()
    rows: list[dict[str, Any]] = []
    images: dict[str, bytes] = {}
    for number, group in enumerate(experience.groups):
        files = image_files(group.sample, context.encoder.root)
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


def _term(reward: Reward, context: StageContext) -> Term:
    made = build("reward", reward.part)
    known = {"policy": context.policy, "parent": context.parent, "root": context.encoder.root}
    ask = build("reader", reward.reader).supply(known) if reward.reader else None
    return Term(reward.part.part, made, reward.weight, reward.tasks, ask)


def _frozen(context: StageContext) -> Policy:
    """The model that the stage started from, computing exactly as the policy does."""
    attention = context.policy.core.config.get_text_config()._attn_implementation
    reference = load_policy(context.parent, device=str(context.policy.device), attention=attention)
    reference.mixed_precision = context.policy.mixed_precision
    reference.core.requires_grad_(False)
    reference.model.eval()
    return reference


def _sampling(stage: Reinforce) -> SamplingSettings:
    return SamplingSettings(**stage.sampling.model_dump(exclude={"origins"}))


def _generator(context: StageContext, purpose: str, device: str = "cpu") -> torch.Generator:
    return step_generator(context.seed, context.index, context.step, purpose, device)


def _trained(rollout: Any) -> list[float]:
    return [logp for logp, train in zip(rollout.logp, rollout.train, strict=True) if train]


def _totals(experience: Experience, chosen: list[int]) -> Totals:
    lengths = [len(experience.old_logp[i]) for i in chosen]
    return Totals(sum(lengths), sum(n > 0 for n in lengths), max(lengths), len(lengths))


def _aggregate(
    objective: Objective, values_NT: Tensor, known: dict[str, Any], totals: Totals
) -> Tensor:
    total: Tensor = objective.aggregate.supply(
        {"values": values_NT, "mask": known["mask"], "totals": totals}
    )
    return total


def _note_update(context: StageContext, meter: Meter, update: Update) -> None:
    meter.add("loss", update.loss, 1)
    meter.add("grad_norm", update.grad_norm, 1)
    meter.add("lr", update.learning_rate, 1)
    if not update.applied:
        context.skip("gradient", f"update {context.updater.done}", update.reason)


def _without_undecided(group: Group) -> Group:
    """The reward NaN, which is left out, for rollouts on which the grader failed.

    Otherwise a combination of the other terms would pay them like wrong ones.
    """
    members = tuple(
        replace(member, reward=math.nan) if _undecided(group, member) else member
        for member in group.members
    )
    return replace(group, members=members)


def _undecided(group: Group, member: Graded) -> bool:
    """Whether the grader failed; without a reference there is nothing to grade."""
    return group.sample.answer is not None and not member.verdict.graded


def _note_ungraded(context: StageContext, groups: Sequence[Group]) -> None:
    for group in groups:
        for member in group.members:
            if _undecided(group, member):
                context.skip("rollout", group.sample.id, str(member.verdict.reason))
