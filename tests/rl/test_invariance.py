"""Every loss, focus and regulariser, whatever the padding, the order of rows, the micro-batches.

Denominators are those of the whole optimiser batch, so values and gradients of micro-batches add up
to those of the batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gnomon.parts import load_kind, part
from gnomon.rl.aggregation import Totals
from gnomon.rl.corrections import combine_corrections
from gnomon.rl.guidance import SHAPES
from gnomon.rl.survey import Survey

SETTINGS = {
    "clip-cov": {"share": 0.3, "low": 0.1, "high": 99.0},
    "kl-cov": {"share": 0.2},
    "ppo-clip": {"dual_clip": 3.0, "delta": 4.0},
    "perception-kl": {"share": 0.5},
    "top-entropy": {"share": 0.5},
    "off-policy-sequences": {"threshold": 0.1},
}
MODES = {
    "luspo": "seq-mean-token-sum",
    "gmpo": "seq-mean-token-mean",
    "gspo": "seq-mean-token-mean",
}


def ours(kind: str) -> list[str]:
    made = load_kind(kind)
    return sorted(n for n in made if made[n].function.__module__.startswith("gnomon."))


CHOICES = {
    "kl": [{"estimator": estimator} for estimator in ("k1", "abs", "k2", "k3")]
    + [{"estimator": "k3", "gradient": "k2"}, {"estimator": "k3", "clamp": (1.0, 0.5)}],
    "kl-by-ratio": [{"estimator": estimator} for estimator in ("k1", "abs", "k2", "k3")],
    "luffy": [{"shaping": shape} for shape in SHAPES] + [{"clip": (0.2, 0.2), "cap": (0.0, 0.6)}],
    "shaped-ratio": [{"shaping": shape} for shape in SHAPES],
}
"""Every choice of the parts that are several formulas."""
PARTS = [
    (kind, name, {**SETTINGS.get(name, {}), **choice})
    for kind in ("loss", "regulariser", "focus")
    for name in ours(kind)
    for choice in CHOICES.get(name, [{}])
]


@dataclass(frozen=True)
class Batch:
    """Rows of tokens [B, W] of one optimiser batch."""

    logp: Tensor
    values: dict[str, Tensor]
    advantages: Tensor
    mask: Tensor

    def take(self, rows: Sequence[int], padding: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Some rows with more padding, which holds NaN, as inputs of parts; logp is a leaf."""

        def cut(values: Tensor, fill: float) -> Tensor:
            return torch.nn.functional.pad(values[list(rows)], (0, padding), value=fill)

        logp = cut(self.logp, math.nan).clone().requires_grad_()
        known = {name: cut(value, math.nan) for name, value in self.values.items()}
        known |= {"mask": cut(self.mask, 0.0), "advantages": self.advantages[list(rows)]}
        return logp, known | {"off_policy": cut(self.off_policy, 0.0)}

    @property
    def off_policy(self) -> Tensor:
        """The last row is a demonstration."""
        marks = torch.zeros_like(self.mask)
        marks[-1] = self.mask[-1]
        return marks


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    lengths = draw(st.lists(st.integers(0, 4), min_size=2, max_size=5))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))
    rows, width = len(lengths), max(*lengths, 1)
    mask = (torch.arange(width) < torch.tensor(lengths)[:, None]).double()

    def tokens() -> Tensor:
        made = -3 * torch.rand(rows, width, generator=generator, dtype=torch.float64) - 0.01
        return torch.where(mask.bool(), made, math.nan)

    names = ("old_logp", "reference_logp", "masked_logp", "old_masked_logp", "log_mismatch")
    values = {name: tokens() for name in names} | {"entropy": -tokens()}
    advantages = torch.randn(rows, generator=generator, dtype=torch.float64)
    return Batch(tokens(), values, advantages, mask)


def total(
    kind: str,
    name: str,
    chosen: dict[str, Any],
    batch: Batch,
    pieces: Sequence[tuple[Sequence[int], int]],
) -> tuple[float, Tensor]:
    """Value and gradient on logp [B, W] of a part over micro-batches: rows, and more padding."""
    bound = part(kind, name, **chosen)
    totals = Totals.of(batch.mask)
    order = [row for rows, _ in pieces for row in rows]
    index = torch.tensor(order)
    survey = Survey.of(batch.logp.nan_to_num()[index], batch.advantages[index], batch.mask[index])
    aggregation = part("aggregation", MODES.get(name, "token-mean"))
    value, gradient, seen = 0.0, torch.zeros_like(batch.mask), 0
    for rows, padding in pieces:
        logp, known = batch.take(rows, padding)
        wide = Survey(
            *(torch.nn.functional.pad(each, (0, padding)) for each in
              (survey.logp, survey.entropy, survey.advantages, survey.mask)),
            torch.arange(seen, seen + len(rows)),
        )  # fmt: skip
        seen += len(rows)
        made = bound.supply({**known, "logp": logp, "survey": wide})
        values = made[0] if kind == "loss" else made
        if kind == "focus":  # factors on a policy loss
            values = values * torch.where(known["mask"].bool(), logp, 0.0)
        piece = aggregation(values, known["mask"], totals)
        if piece.requires_grad:
            (found,) = torch.autograd.grad(piece, logp, allow_unused=True)
            if found is not None:
                gradient[list(rows)] += found[:, : gradient.shape[1]].nan_to_num(nan=99.0)
        value += float(piece.detach())
    return value, gradient


def same(one: tuple[float, Tensor], other: tuple[float, Tensor]) -> None:
    assert one[0] == pytest.approx(other[0], abs=1e-6)
    torch.testing.assert_close(one[1], other[1], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("kind", "name", "chosen"), PARTS)
@settings(max_examples=15)
@given(batches(), st.integers(1, 2), st.data())
def test_padding_order_and_micro_batches_change_neither_value_nor_gradient(
    kind, name, chosen, batch, padding, data
):
    rows = list(range(len(batch.mask)))
    made = partial(total, kind, name, chosen, batch)
    whole = made([(rows, 0)])
    assert math.isfinite(whole[0])
    same(made([(rows, padding)]), whole)
    shuffled = data.draw(st.permutations(rows))
    same(made([(shuffled, 0)]), whole)
    cut = data.draw(st.integers(1, len(rows) - 1))
    same(made([(shuffled[:cut], 0), (shuffled[cut:], padding)]), whole)


@pytest.mark.parametrize("scale", ["group", "batch", "centred", "running", "none"])
@pytest.mark.parametrize("centre", ["group", "batch", "running", "none"])
@settings(max_examples=15)
@given(st.lists(st.integers(0, 8), min_size=2, max_size=9), st.data())
def test_advantages_and_memory_of_every_scope_do_not_depend_on_the_order_of_rows(
    centre, scale, eighths, data
):
    groups = torch.tensor(data.draw(st.lists(
        st.integers(0, 2), min_size=len(eighths), max_size=len(eighths)
    )))  # fmt: skip
    rewards = torch.tensor(eighths, dtype=torch.float64) / 8
    order = list(data.draw(st.permutations(range(len(eighths)))))
    made = part("advantage", "scoped", centre=centre, scale=scale)
    one, other = {}, {}
    for _ in range(2):  # what is remembered of the first batch is in the second
        plain, moved = made(rewards, groups, one), made(rewards[order], groups[order], other)
        torch.testing.assert_close(moved, plain[order], atol=1e-6, rtol=1e-6)
    assert other.get("pooled") == pytest.approx(one.get("pooled"))


@settings(max_examples=25)
@given(batches(), st.data())
def test_corrections_of_a_row_do_not_depend_on_padding_or_order(batch, data):
    old, rollout = batch.logp, batch.values["old_logp"]
    made = [part("correction", name) for name in ours("correction")]

    def corrected(old: Tensor, rollout: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return combine_corrections([each(old, rollout, mask) for each in made], mask)

    weights, kept = corrected(old, rollout, batch.mask)
    order = list(data.draw(st.permutations(range(len(batch.mask)))))
    moved, also = corrected(*(
        torch.nn.functional.pad(each[order], (0, 2), value=fill)
        for each, fill in ((old, math.nan), (rollout, math.nan), (batch.mask, 0.0))
    ))  # fmt: skip
    torch.testing.assert_close(moved[:, :-2], weights[order])
    assert also[:, :-2].equal(kept[order])
    assert not (moved[:, -2:] * also[:, -2:]).any()
