"""Objectives that cannot do what they are for, refused before anything runs, each with its reason.

What is looked at are the inputs that parts take and what formulas give on a few made numbers, never
the names of parts: a part of a user's own file is refused for the same reasons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
from torch import Tensor

from gnomon.parts import find, nearest
from gnomon.recipe import AnyStage, Recipe, Reinforce, Use, build
from gnomon.rewards.scope import BOXED, EVERYTHING, Scope
from gnomon.rl.survey import Survey
from gnomon.rl.trial import made_rollouts

SCHEDULE_INPUTS = {"step", "steps"}
_TAG = re.compile(r"<([a-z_]+)>")
REWARDS = torch.tensor([1.0, 0.0, 0.5, 0.25, 0.0, 1.0, 0.75, 0.0])


def refusals(recipe: Recipe) -> list[str]:
    """Every combination of parts in ``recipe`` that cannot work: place, reason, remedy."""
    found: list[str] = []
    for stage in recipe.stages:
        place = f"stages.{stage.name}"
        found += [f"{place}.{line}" for line in _rates(stage)]
        if isinstance(stage, Reinforce):
            found += [f"{place}.{line}" for check in _CHECKS for line in check(stage)]
    return found


def _rates(stage: AnyStage) -> Iterator[str]:
    """A learning rate has no measure to follow."""
    optimizers = {"optimizer": stage.optimizer}
    if isinstance(stage, Reinforce) and stage.value is not None:
        optimizers["value.optimizer"] = stage.value.optimizer
    for place, optimizer in optimizers.items():
        rate = find("schedule", optimizer.learning_rate.part)
        if set(rate.inputs) - SCHEDULE_INPUTS:
            yield (
                f"{place}.learning_rate: {rate.name!r} follows what a regulariser measures, which "
                "a learning rate does not have; use constant, cosine or linear"
            )


def _groups(stage: Reinforce) -> Iterator[str]:
    """An estimator that compares the members of a group needs groups."""
    if stage.rollouts > 1 or "groups" not in find("advantage", stage.advantage.part).inputs:
        return
    alone, together = _tried(stage.advantage, 1), _tried(stage.advantage, 4)
    if alone is None or not alone.any() or (_baseless(alone) and not _baseless(together)):
        yield (
            f"advantage: {stage.advantage.part!r} compares the rollouts of one question, and "
            "rollouts=1 leaves nothing to compare with; set rollouts to at least 2 (8 is usual), "
            "or use reinforce-plus-plus"
        )


def _baseless(advantages_N: Tensor | None) -> bool:
    """Whether a reward of 0 gets nothing: then no baseline was taken off."""
    return advantages_N is not None and not advantages_N[REWARDS == 0].any()


def _tried(advantage: Use, members: int) -> Tensor | None:
    """Advantages of eight made rewards in groups of so many; None when they are refused."""
    groups_N = torch.arange(len(REWARDS)) // members
    known = made_rollouts(REWARDS, groups_N, torch.ones(len(REWARDS), 2))
    try:
        made: Tensor = build("advantage", advantage).supply(known | {"memory": {}})
    except ValueError:
        return None
    return made


def _demonstrations(stage: Reinforce) -> Iterator[str]:
    """A loss that takes a teacher's tokens for the policy's own would use a wrong ratio."""
    if stage.demonstrations is None:
        return
    if "off_policy" not in find("loss", stage.loss.part).inputs:
        yield (
            f"loss: {stage.loss.part!r} takes the tokens of demonstrations for the policy's own; "
            "use luffy, or leave demonstrations out"
        )
    compared = [("focus", use) for use in stage.focus]
    compared += [("regulariser", item.part) for item in stage.regularisers]
    for kind, use in compared:
        if "old_logp" in find(kind, use.part).inputs:
            yield (
                f"{kind}: {use.part!r} compares the policy with what sampled, and no policy has "
                "sampled the tokens of demonstrations; leave one of the two out"
            )
    if stage.demonstrations.count >= stage.rollouts:
        yield (
            f"demonstrations.count={stage.demonstrations.count}: the policy must write at least "
            f"one of the {stage.rollouts} rollouts of a group; lower the count"
        )


def _filters(stage: Reinforce) -> Iterator[str]:
    """What runs before the advantages can neither read them nor break groups by them."""
    for use in stage.filters:
        if "advantages" in find("resampler", use.part).inputs:
            yield (
                f"filters.{use.part}: it draws single rollouts by their advantages and breaks "
                "groups up, so it must come after whatever needs whole groups; name it as "
                "resample instead"
            )
    if stage.refill and not stage.filters:
        yield (
            f"refill={stage.refill}: without filters every group counts and nothing is missing; "
            "add filters such as drop-zero-variance, or set refill=0"
        )


def _references(stage: Reinforce) -> Iterator[str]:
    """A weight or a controller made for a KL needs one."""
    compared = {
        name
        for name in ("reference_logp", "masked_logp", "old_masked_logp")
        for item in stage.regularisers
        if name in find("regulariser", item.part.part).inputs
    }
    for use in stage.weights:
        if "advantages" in find("weight", use.part).inputs and _is_of_a_kl(use):
            yield (
                f"weights.{use.part}: it is the weight of a KL to the reference, and the stage's "
                "weights multiply advantages; give it to a regulariser as "
                f"Regulariser(part=Use('kl'), weight=Use({use.part!r}), ...)"
            )
    for item in stage.regularisers:
        alone = "reference_logp" not in find("regulariser", item.part.part).inputs
        if item.weight is not None and _is_of_a_kl(item.weight) and alone:
            yield (
                f"regularisers.{item.part.part}.weight: {item.weight.part!r} is the weight of a "
                "KL to the reference, and this regulariser reads no reference; give it to 'kl'"
            )
    if stage.reward_kl is not None:
        part = find("regulariser", stage.reward_kl.part.part)
        if "reference_logp" not in part.inputs:
            yield f"reward_kl: {part.name!r} reads no reference; use kl"
        if set(part.inputs) - {"logp", "old_logp", "reference_logp", "mask"}:
            yield f"reward_kl: {part.name!r} needs what is not known before the update; use kl"
    if stage.corruption is not None and not compared & {"masked_logp", "old_masked_logp"}:
        yield (
            f"corruption: {stage.corruption.part!r} hides parts of the images, and no regulariser "
            "compares with them; add perception-kl, or leave corruption out"
        )


def _is_of_a_kl(use: Use) -> bool:
    """Whether a weight leaves rollouts alone by the sign of their advantage: made for a KL."""
    rewards_N = torch.tensor([1.0, 0.0, 0.0, 0.0])
    known = made_rollouts(rewards_N, torch.zeros(4, dtype=torch.long), torch.ones(4, 2))
    known |= {"advantages": torch.ones(4), "progress": 0.0, "memory": {}}
    part = build("weight", use)
    if not {"advantages", "accuracy"} <= set(part.part.inputs):
        return False
    try:
        up, down = part.supply(known), part.supply(known | {"advantages": -torch.ones(4)})
    except ValueError:
        return False
    return bool((up < 1).any()) and torch.equal(down, torch.ones_like(down))


def _images(stage: Reinforce) -> Iterator[str]:
    """Masked log-probabilities need a way to mask."""
    if stage.corruption is not None:
        return
    for item in stage.regularisers:
        if {"masked_logp", "old_masked_logp"} & set(find("regulariser", item.part.part).inputs):
            yield (
                f"regularisers.{item.part.part}: it compares with a corrupted image, and the "
                "stage does not say how; set corruption, such as Use('random-patches')"
            )


LOOKED_AT = 32
"""Samples, evenly over a source, that are looked at for a task before a run begins."""


def _tasks(stage: Reinforce) -> Iterator[str]:
    """Moments of each task need samples that have one, as those that are looked at show."""
    name = stage.advantage.part
    if "tasks" not in find("advantage", name).inputs:
        return
    try:
        source = build("source", stage.data)()
    except (ValueError, OSError):
        return  # gnomon.training.check refuses a source that does not open, at its own place
    tasks: dict[int, str] = {}
    reason = ""
    count = min(LOOKED_AT, len(source))
    for index in (len(source) * place // count for place in range(count)):
        try:
            tasks[index] = source[index].task
        except (ValueError, OSError) as error:
            reason = reason or str(error)
    nameless = next((index for index, task in tasks.items() if not task), None)
    if nameless is not None:
        yield (
            f"advantage: {name!r} keeps moments for each task, and sample {nameless} of the source "
            "has none; give every record a task, or use an advantage without task moments"
        )
    elif reason and not tasks:
        yield (
            f"advantage: {name!r} keeps moments for each task, and none of the samples looked at "
            f"can be read to see whether it has one ({reason}); mend the source, or use an "
            "advantage without task moments"
        )


def _critics(stage: Reinforce) -> Iterator[str]:
    """Values come from a critic, and a critic is there for values."""
    advantage = find("advantage", stage.advantage.part)
    reads = "values" in advantage.inputs
    if stage.value is None:
        if reads:
            yield (
                f"advantage: {advantage.name!r} needs the values of a critic, and this stage "
                "trains none; set value={kind: head, optimizer: {learning_rate: {part: constant, "
                "value: 0.001}}}, or use reinforce-plus-plus"
            )
        return
    if not reads:
        yield (
            f"value: the advantage {advantage.name!r} reads no values, so that the critic would "
            "change nothing; use gae, or leave value out"
        )
    gamma = stage.advantage.settings.get("gamma", stage.value.gamma)
    if gamma != stage.value.gamma:
        yield (
            f"value.gamma={stage.value.gamma:g}: the advantage discounts by gamma={gamma:g}, and "
            "a value of other returns is no baseline for it; give both the same"
        )


def _scopes(stage: Reinforce) -> Iterator[str]:
    """Credit on some tokens needs a section, a reward beside it, and one advantage a rollout."""
    scoped = [reward for reward in stage.rewards if reward.scope is not None]
    if not scoped:
        return
    if len(scoped) == len(stage.rewards):
        yield (
            "rewards: every term has a scope, and the reward of a rollout, which filters, "
            "resamplers and reports read, is that of the terms without one; leave one without"
        )
    perfect = build("format", stage.format)().render("a thought", "an answer")
    for reward in scoped:
        assert reward.scope is not None
        if not any(Scope(reward.scope.section).span(perfect)):
            known = [EVERYTHING, *_TAG.findall(perfect), *[BOXED] * ("\\boxed{" in perfect)]
            yield (
                f"rewards.{reward.part.part}.scope: a response in format {stage.format.part!r} has "
                f"no section {reward.scope.section!r}{nearest(reward.scope.section, known)}"
            )
    yield from _credited_alone(stage)


def _credited_alone(stage: Reinforce) -> Iterator[str]:
    inputs = find("advantage", stage.advantage.part).inputs
    made = _tried(stage.advantage, 4)
    if "greedy" in inputs:
        yield (
            f"advantage: {stage.advantage.part!r} compares with the reward of a greedy response, "
            "of which the terms with a scope have no part; use grpo or dr-grpo, or leave scope out"
        )
    if made is not None and made.ndim > 1:
        yield (
            f"advantage: {stage.advantage.part!r} gives every token an advantage of its own, to "
            "which the credit of a term with a scope does not add up; use grpo or dr-grpo, or "
            "leave scope out"
        )
    if _mixes_tokens(stage.loss):
        yield (
            f"loss: {stage.loss.part!r} takes one advantage for a whole response, so that the "
            "credit of a term with a scope would reach all of its tokens; use ppo-clip, or leave "
            "scope out"
        )


def _mixes_tokens(loss: Use) -> bool:
    """Whether the loss of one token depends on the advantage of another."""
    logp_NT, mask_NT = torch.full((1, 2), -0.5), torch.ones(1, 2)
    zeros_NT = torch.zeros(1, 2)

    def first(second: float) -> Tensor | None:
        advantages_NT = torch.tensor([[1.0, second]])
        known = {
            "logp": logp_NT, "old_logp": logp_NT - 0.1, "advantages": advantages_NT,
            "mask": mask_NT, "off_policy": zeros_NT, "log_mismatch": zeros_NT,
            "survey": Survey.of(logp_NT, torch.ones(1, 2), mask_NT),
        }  # fmt: skip
        try:
            loss_NT: Tensor = build("loss", loss).supply(known)[0]
        except ValueError:
            return None
        return loss_NT[0, 0]

    one, other = first(1.0), first(3.0)
    return one is not None and other is not None and not torch.equal(one, other)


def _samplers(stage: Reinforce) -> Iterator[str]:
    """An engine that is not on this machine; a sampler tells so by its attribute ``missing``."""
    missing = getattr(find("sampler", stage.sampler.part).function, "missing", None)
    problem = missing() if missing is not None else ""
    if problem:
        yield f"sampler: {stage.sampler.part!r}: {problem}"


_CHECKS = (
    _groups, _demonstrations, _filters, _references, _images, _tasks, _critics, _scopes, _samplers,
)  # fmt: skip
