"""Objectives that cannot do what they are for, refused before anything runs, each with its reason.

What is looked at are the inputs that parts take and what formulas give on a few made numbers, never
the names of parts: a part of a user's own file is refused for the same reasons.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from gnomon.parts import find
from gnomon.recipe import Recipe, Reinforce, Use, build
from gnomon.rl.trial import made_rollouts

SCHEDULE_INPUTS = {"step", "steps"}


def refusals(recipe: Recipe) -> list[str]:
    """Every combination of parts in ``recipe`` that cannot work: place, reason, remedy."""
    found: list[str] = []
    for stage in recipe.stages:
        place = f"stages.{stage.name}"
        rate = find("schedule", stage.optimizer.learning_rate.part)
        if set(rate.inputs) - SCHEDULE_INPUTS:
            found.append(
                f"{place}.optimizer.learning_rate: {rate.name!r} follows what a regulariser "
                "measures, which a learning rate does not have; use constant, cosine or linear"
            )
        if isinstance(stage, Reinforce):
            checks = (_groups, _filters, _references, _images, _tasks, _critics)
            found += [f"{place}.{line}" for check in checks for line in check(stage)]
    return found


def _groups(stage: Reinforce) -> Iterator[str]:
    """An estimator that compares the members of a group needs groups."""
    if stage.rollouts > 1 or "groups" not in find("advantage", stage.advantage.part).inputs:
        return
    name = stage.advantage.part
    if _ignores_a_constant(stage.advantage, members=4) and not _works_alone(stage.advantage):
        yield (
            f"advantage: {name!r} compares the rollouts of one question, and rollouts=1 leaves "
            "nothing to compare with; set rollouts to at least 2 (8 is usual), or use "
            "reinforce-plus-plus"
        )


def _works_alone(advantage: Use) -> bool:
    """Whether groups of one still have a baseline and get advantages that are not all 0."""
    try:
        return _ignores_a_constant(advantage, members=1) and bool(_try(advantage, 1, 0.0).any())
    except ValueError:
        return False


def _ignores_a_constant(advantage: Use, members: int) -> bool:
    """Whether a constant added to all rewards changes nothing: then there is a baseline."""
    try:
        plain, moved = (_try(advantage, members, constant) for constant in (0.0, 1.0))
    except ValueError:
        return True  # what a formula refuses is told by the trial of the formulas
    return torch.allclose(plain, moved, atol=1e-4)


def _try(advantage: Use, members: int, constant: float) -> torch.Tensor:
    rewards_N = torch.tensor([1.0, 0.0, 0.5, 0.25, 0.0, 1.0, 0.75, 0.0]) + constant
    groups_N = torch.arange(8) // members
    known = made_rollouts(rewards_N, groups_N, torch.ones(8, 2), terms=1)
    known |= {"greedy": known["greedy"] + constant, "memory": {}}
    made: torch.Tensor = build("advantage", advantage).supply(known)
    return made


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
    known = made_rollouts(rewards_N, torch.zeros(4, dtype=torch.long), torch.ones(4, 2), terms=1)
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


def _tasks(stage: Reinforce) -> Iterator[str]:
    """Moments of each task need samples that have one."""
    if "tasks" not in find("advantage", stage.advantage.part).inputs:
        return
    try:
        source = build("source", stage.data)()
        nameless = next((i for i in range(min(8, len(source))) if not source[i].task), None)
    except (ValueError, OSError):
        return  # what is wrong with a source is told where sources are checked
    if nameless is not None:
        yield (
            f"advantage: {stage.advantage.part!r} keeps moments for each task, and sample "
            f"{nameless} of the source has none; give every record a task, or use an advantage "
            "without task moments"
        )


def _critics(stage: Reinforce) -> Iterator[str]:
    """Values come from a critic, which no stage trains."""
    if "values" in find("advantage", stage.advantage.part).inputs:
        yield (
            f"advantage: {stage.advantage.part!r} needs the values of a critic, and this stage "
            "trains none; call it on tensors of your own, or use reinforce-plus-plus"
        )
