"""Try the formulas of a recipe on a few made numbers, before a run begins.

The bounds that a formula puts on its settings (a dual clip above 1, a warm-up within the steps) are
checked where they are used. Trying them once finds a bad one in milliseconds, not when the first
update is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from gnomon.recipe import AnyStage, Recipe, Reinforce, Use, build
from gnomon.rl.aggregation import Totals

GROUPS, MEMBERS, WIDTH = 2, 4, 3
ROWS = GROUPS * MEMBERS


def formula_problems(recipe: Recipe) -> list[str]:
    """What the schedules and formulas of ``recipe`` refuse, or return in the wrong shape.

    One line each, which begins with the place as ``--set`` writes it. Only messages that a formula
    raises on purpose (ValueError) are told; reward terms are not tried.
    """
    return [line for stage in recipe.stages for line in _stage_problems(stage)]


def _stage_problems(stage: AnyStage) -> Iterator[str]:
    place, known = f"stages.{stage.name}", _made_numbers(stage)
    yield from _try(f"{place}.optimizer.learning_rate", "schedule", known, stage.optimizer)
    if not isinstance(stage, Reinforce):
        return
    for field, kind in (
        ("combine", "combination"),
        ("advantage", "advantage"),
        ("resample", "resampler"),
        ("loss", "loss"),
        ("aggregate", "aggregation"),
    ):
        yield from _try(f"{place}.{field}", kind, known, stage)
    for item in stage.regularisers:
        name = f"{place}.regularisers.{item.part.part}"
        yield from _try(f"{name}.part", "regulariser", known, item)
        yield from _try(f"{name}.coefficient", "schedule", known, item)


def _try(place: str, kind: str, known: Mapping[str, Any], block: Any) -> Iterator[str]:
    """Call the part that the last step of ``place`` names in ``block``."""
    use: Use | None = getattr(block, place.rpartition(".")[2])
    if use is None:
        return
    try:
        result = build(kind, use).supply(known)
    except ValueError as error:
        yield f"{place}: {kind} {use.part!r}: {error}"
        return
    wanted = _wrong_shape(kind, result)
    if wanted:
        yield f"{place}: {kind} {use.part!r} must return {wanted}; it gave {_shown(result)}"


def _wrong_shape(kind: str, result: Any) -> str:
    """What a part of ``kind`` should have returned, or nothing when it did."""
    if kind == "loss":
        pair = isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], Mapping)
        right = pair and _shape(result[0]) == (ROWS, WIDTH)
        return "" if right else "([N, T] losses, {name: [N, T] statistics})"
    wanted: dict[str, tuple[str, list[tuple[int, ...] | None]]] = {
        "schedule": ("a number", [()]),
        "combination": ("[N] rewards", [(ROWS,)]),
        "advantage": ("[N] advantages", [(ROWS,)]),
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
    groups_N = torch.arange(GROUPS).repeat_interleave(MEMBERS)
    rewards_N = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    mask_NT = torch.ones(ROWS, WIDTH)
    mask_NT[0, 2] = 0.0
    logp_NT = torch.full((ROWS, WIDTH), -0.5)
    terms = len(stage.rewards) if isinstance(stage, Reinforce) else 0
    return {
        "step": 0,
        "steps": stage.steps,
        "progress": 0.0,
        "generator": torch.Generator().manual_seed(0),
        "scores": np.tile(rewards_N.numpy().astype(np.float64), (terms, 1)),
        "weights": np.array([term.weight for term in getattr(stage, "rewards", ())]),
        "rewards": rewards_N,
        "groups": groups_N,
        "lengths": mask_NT.sum(1).long(),
        "advantages": rewards_N - 0.5,
        "logp": logp_NT,
        "old_logp": logp_NT,
        "reference_logp": logp_NT,
        "entropy": torch.ones(ROWS, WIDTH),
        "values": logp_NT,
        "mask": mask_NT,
        "totals": Totals.of(mask_NT),
    }
