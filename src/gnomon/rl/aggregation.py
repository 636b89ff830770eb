"""Aggregation: how per-token values [N, T] become one number.

Every denominator is counted over the whole optimiser batch (`Totals`), so the results of its
micro-batches simply add up, in value and in gradient, however the rows are split and padded. A mean
per micro-batch would silently weight short micro-batches more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gnomon.parts import register


@dataclass(frozen=True)
class Totals:
    """What an optimiser batch holds, over all its micro-batches and processes.

    ``tokens``: trained tokens. ``sequences``: rows with at least one trained token. ``width``:
    padded width. ``rows``: all rows; None says that no row is empty.
    """

    tokens: int
    sequences: int
    width: int
    rows: int | None = None

    @classmethod
    def of(cls, mask: Tensor) -> Totals:
        """The totals of a mask [N, T]."""
        trained_N = mask.bool().sum(1)
        return cls(int(trained_N.sum()), int((trained_N > 0).sum()), mask.shape[1], mask.shape[0])

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.tokens + other.tokens,
            self.sequences + other.sequences,
            max(self.width, other.width),
            self.all_rows + other.all_rows,
        )

    @property
    def all_rows(self) -> int:
        """Number of rows, empty ones included."""
        return self.sequences if self.rows is None else self.rows


@register("aggregation")
def token_mean(values: Tensor, mask: Tensor, totals: Totals) -> Tensor:
    """Sum of all values over the number of trained tokens: every token weighs the same.

    Formula: sum(l) / tokens

    DAPO (arXiv 2503.14476, section 3.3), verl's default, TRL's loss types "dapo" (its default) and
    "cispo". A batch without trained tokens gives 0.
    """
    return masked(values, mask).sum() / max(totals.tokens, 1)


@register("aggregation")
def seq_mean_token_mean(values: Tensor, mask: Tensor, totals: Totals) -> Tensor:
    """Mean over non-empty sequences of each one's token mean: long responses' tokens weigh less.

    Formula: mean over sequences of (sum_t(l) / its tokens)

    The original GRPO (arXiv 2402.03300, equation 3), verl's GSPO, TRL's loss type "grpo" (which
    also counts empty sequences). A batch without trained tokens gives 0.
    """
    trained_N = mask.bool().sum(1).clamp(min=1)
    return (masked(values, mask).sum(1) / trained_N).sum() / max(totals.sequences, 1)


@register("aggregation")
def seq_mean_token_sum(values: Tensor, mask: Tensor, totals: Totals) -> Tensor:
    """Mean over non-empty sequences of each one's sum (verl).

    Formula: sum(l) / sequences

    A batch without trained tokens gives 0.
    """
    return masked(values, mask).sum() / max(totals.sequences, 1)


@register("aggregation")
def seq_mean_token_sum_norm(
    values: Tensor,
    mask: Tensor,
    totals: Totals,
    *,
    length: int | None = None,
    divide: Literal["length", "sequences"] = "length",
) -> Tensor:
    """Sum of all values over ``length``, or over the padded width of the batch when it is None.

    Formula: sum(l) / {length}, or over the padded width when that is None; also over the number of
    sequences if {divide} is sequences

    verl's form of Dr. GRPO (arXiv 2503.20783). In spite of its name verl 0.8, like LUFFY's fork,
    does not divide by the number of sequences, so that it grows with the batch; verl 0.9.1 does
    (``divide`` sequences, those that are not empty). Raises ValueError for a length below 1.
    """
    if length is not None and length < 1:
        raise ValueError(f"length={length} must be at least 1: give the response limit in tokens")
    summed = masked(values, mask).sum() / max(totals.width if length is None else length, 1)
    return summed / max(totals.sequences, 1) if divide == "sequences" else summed


@register("aggregation")
def trl_dr_grpo(values: Tensor, mask: Tensor, totals: Totals, *, length: int) -> Tensor:
    """`seq_mean_token_sum_norm` over the number of rows as well: sum / (B * length).

    Formula: sum(l) / (rows * {length})

    ``length`` is the response limit in tokens; B counts empty sequences too. TRL's loss type
    "dr_grpo", the form of arXiv 2503.20783. Raises ValueError for a length below 1.
    """
    summed = seq_mean_token_sum_norm(values, mask, totals, length=length)
    return summed / max(totals.all_rows, 1)


def masked(values: Tensor, mask: Tensor) -> Tensor:
    """``values`` where the mask is 1, else 0, so that padding may hold anything, NaN included."""
    if values.shape != mask.shape or values.ndim != 2:
        raise ValueError(
            f"values {tuple(values.shape)} and mask {tuple(mask.shape)} must both be [N, T]"
        )
    return torch.where(mask.bool(), values, 0.0)
