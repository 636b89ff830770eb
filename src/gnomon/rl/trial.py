"""Try the formulas of a recipe on a few made numbers, before a run begins.

The bounds that a formula puts on its settings (a dual clip above 1, a warm-up within the steps) are
checked where they are used. Trying them once finds a bad one in milliseconds, not when the first
update is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnomon.recipe import AnyStage, Recipe, Reinforce, Use, build
from gnomon.records import Sample
from gnomon.rl.aggregation import Totals
from gnomon.rl.survey import Survey

GROUPS, MEMBERS, WIDTH = 2, 4, 3
GRID = (2, 3)
ROWS = GROUPS * MEMBERS
_FIELDS = (
    ("combine", "combination"),
    ("filters", "resampler"),
    ("advantage", "advantage"),
    ("weights", "weight"),
    ("resample", "resampler"),
    ("loss", "loss"),
    ("corrections", "correction"),
    ("focus", "focus"),
    ("aggregate", "aggregation"),
    ("corruption", "corruption"),
)
_IN_BLOCK = (
    ("part", "regulariser"),
    ("coefficient", "schedule"),
    ("weight", "weight"),
    ("focus", "focus"),
    ("aggregate", "aggregation"),
)


def formula_problems(recipe: Recipe) -> list[str]:
    """What the schedules and formulas of ``recipe`` refuse, or return in the wrong shape.

    One line each, which begins with the place as ``--set`` writes it. Only messages that a formula
    raises on purpose (ValueError) are told; reward terms are not tried.
    """
    return [line for stage in recipe.stages for line in _stage_problems(stage)]


def _stage_problems(stage: AnyStage) -> Iterator[str]:
    place, known = f"stages.{stage.name}", _made_numbers(stage)
    rate = stage.optimizer.learning_rate
    yield from _try(f"{place}.optimizer.learning_rate", "schedule", known, rate)
    if isinstance(stage, Reinforce):
        if stage.value is not None:
            rate = stage.value.optimizer.learning_rate
            yield from _try(f"{place}.value.optimizer.learning_rate", "schedule", known, rate)
        for path, kind, use in formulas(stage):
            yield from _try(f"{place}.{path}", kind, known, use)


def formulas(stage: Reinforce) -> Iterator[tuple[str, str, Use]]:
    """Place within the stage, kind and use of every formula that the stage names, in order."""
    for field, kind in _FIELDS:
        chosen = getattr(stage, field)
        if isinstance(chosen, tuple):
            yield from ((f"{field}.{use.part}", kind, use) for use in chosen)
        elif chosen is not None:
            yield field, kind, chosen
    for item in stage.regularisers:
        yield from _of_block(f"regularisers.{item.part.part}", item)
    if stage.reward_kl is not None:
        yield from _of_block("reward_kl", stage.reward_kl)


def _of_block(place: str, block: Any) -> Iterator[tuple[str, str, Use]]:
    for field, kind in _IN_BLOCK:
        use = getattr(block, field, None)
        if use is not None:
            yield f"{place}.{field}", kind, use


def _try(place: str, kind: str, known: Mapping[str, Any], use: Use) -> Iterator[str]:
    """Call one part on the made numbers, with a memory of its own."""
    try:
        result = build(kind, use).supply({**known, **_as_given(kind, known), "memory": {}})
    except ValueError as error:
        yield f"{place}: {kind} {use.part!r}: {error}"
        return
    wanted = _wrong_shape(kind, result)
    if wanted:
        yield f"{place}: {kind} {use.part!r} must return {wanted}; it gave {_shown(result)}"


def _as_given(kind: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """What ``kind`` is given in another form than the other kinds under the same name."""
    if kind == "combination":
        return {name: known[name].double().numpy() for name in ("scores", "weights")}
    if kind == "loss":
        return {"off_policy": known["off_policy"][:, None].expand_as(known["mask"])}
    return {}


def _wrong_shape(kind: str, result: Any) -> str:
    """What a part of ``kind`` should have returned, or nothing when it did."""
    if kind == "loss":
        pair = isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], Mapping)
        right = pair and _shape(result[0]) == (ROWS, WIDTH)
        return "" if right else "([N, T] losses, {name: [N, T] statistics})"
    if kind == "correction":
        pair = isinstance(result, tuple) and [*map(_shape, result)] == [(ROWS, WIDTH)] * 2
        return "" if pair else "([N, T] weights, [N, T] kept tokens)"
    wanted: dict[str, tuple[str, list[tuple[int, ...] | None]]] = {
        "schedule": ("a number", [()]),
        "combination": ("[N] rewards", [(ROWS,)]),
        "advantage": ("[N] advantages", [(ROWS,), (ROWS, WIDTH)]),
        "weight": ("[N] factors", [(ROWS,)]),
        "focus": ("[N, T] factors", [(ROWS, WIDTH)]),
        "corruption": ("[rows, columns] hidden patches", [GRID]),
        "aggregation": ("one number", [()]),
        "regulariser": ("[N, T] penalties", [(ROWS, WIDTH)]),
    }
    text, shapes = wanted.get(kind, ("", [_shape(result)]))
    return "" if _shape(result) in shapes else text


def _shape(value: Any) -> tuple[int, ...] | None:
    if isinstance(value, torch.Tensor | np.ndarray | np.generic):
        return tuple(value.shape)
    return () if isinstance(value, int | float) else None


def _shown(value: Any) -> str:
    shape = _shape(value)
    return type(value).__name__ if shape is None else f"{type(value).__name__} {list(shape)}"


def _made_numbers(stage: AnyStage) -> dict[str, Any]:
    """Two groups of four rollouts of up to three tokens, on-policy, at the start of the stage."""
    rewards = stage.rewards if isinstance(stage, Reinforce) else ()
    names = [reward.part.part for reward in rewards if reward.scope is None]
    groups_N = torch.arange(GROUPS).repeat_interleave(MEMBERS)
    rewards_N = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    mask_NT = torch.ones(ROWS, WIDTH)
    mask_NT[0, 2] = 0.0
    logp_NT = torch.full((ROWS, WIDTH), -0.5)
    return {
        **made_rollouts(rewards_N, groups_N, mask_NT, names),
        "step": 0,
        "steps": stage.steps,
        "measured": None,
        "rows": ROWS,
        "memory": {},
        "grid": GRID,
        "size": (GRID[0] * 14, GRID[1] * 14),
        "sample": Sample("made", (), meta={"boxes": [(0, 0, 14, 14)]}),
        "progress": 0.0,
        "generator": torch.Generator().manual_seed(0),
        "logp": logp_NT,
        "old_logp": logp_NT,
        "rollout_logp": logp_NT,
        "reference_logp": logp_NT,
        "masked_logp": logp_NT,
        "old_masked_logp": logp_NT,
        "log_mismatch": torch.zeros_like(logp_NT),
        "survey": Survey.of(logp_NT, rewards_N - 0.5, mask_NT, torch.ones_like(logp_NT)),
        "entropy": torch.ones(ROWS, WIDTH),
        "totals": Totals.of(mask_NT),
    }


def made_rollouts(
    rewards_N: Tensor, groups_N: Tensor, mask_NT: Tensor, names: Sequence[str] = ("made",)
) -> dict[str, Any]:
    """What a step knows of rollouts with these rewards, groups and tokens.

    Right where the reward is above 0, every one on-policy, the reward terms ``names`` alike.
    """
    return {
        "rewards": rewards_N,
        "groups": groups_N,
        "lengths": mask_NT.sum(1).long(),
        "advantages": rewards_N - 0.5,
        "accuracy": (rewards_N > 0).float(),
        "partial": rewards_N,
        "truncated": torch.zeros_like(rewards_N),
        "tasks": ["made"] * len(rewards_N),
        "off_policy": torch.zeros_like(rewards_N),
        "greedy": torch.full_like(rewards_N, 0.5),
        "scores": rewards_N.repeat(len(names), 1),
        "names": list(names),
        "weights": torch.ones(len(names)),
        "mask": mask_NT,
        "old_logp": torch.full_like(mask_NT, -0.5),
        "penalties": torch.zeros_like(mask_NT),
        "values": torch.full_like(mask_NT, 0.5),
    }
