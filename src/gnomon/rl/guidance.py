"""LUFFY: a demonstration in every group, with a shaped gradient so that the policy learns from it.

The tokens of a demonstration were not written by the policy. Their behaviour probability is taken
as 1, so that their "ratio" is the policy's own probability x, which `SHAPES` turn into f(x).
Source: arXiv 2504.14945.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from gnomon.parts import register
from gnomon.recipe_stages import Strategy
from gnomon.rl.losses import CLAMP, Loss, clipped, masked_log_ratio, per_token

Shape = Literal["ratio", "none", "log", "plus-log", "sqrt", "power", "importance"]
SHAPES: dict[Shape, Callable[[Tensor, Tensor, float], Tensor]] = {
    "ratio": lambda log_x, q, c: log_x.exp() / (log_x.exp() + c),
    "none": lambda log_x, q, c: log_x.exp(),
    "log": lambda log_x, q, c: c * log_x,
    "plus-log": lambda log_x, q, c: log_x.exp() + c * log_x,
    "sqrt": lambda log_x, q, c: (log_x / 2).exp(),
    "power": lambda log_x, q, c: (c * log_x).exp(),
    "importance": lambda log_x, q, c: log_x.exp() / (q + 1e-6),
}
"""f of the policy's probability x, by its logarithm, which is finite where x is 0 in float32; of
the teacher's probability q and the constant c."""


@register("loss")
def luffy(
    logp: Tensor,
    old_logp: Tensor,
    advantages: Tensor,
    mask: Tensor,
    off_policy: Tensor,
    *,
    shaping: Shape = "ratio",
    constant: float = 0.1,
    clip: tuple[float, float] | None = None,
    cap: tuple[float, float] | None = None,
) -> Loss:
    """LUFFY's mixed loss: -A r on the policy's own tokens, -A f(x) on those of demonstrations.

    Formula: -A r on own tokens, clipped to {clip} unless None; -A f(x) on demonstrations, f =
    {shaping} with c = {constant}, capped to {cap} unless None; r = exp(logp - old_logp), x =
    exp(logp)

    ``shaping`` ratio is f(x) = x / (x + c); the gradient on log x is -A c x / (x + c)^2, largest at
    x = c, so unlikely tokens of a teacher are learned too. The others: none x; log c log x;
    plus-log x + c log x; sqrt; power x^c; importance x / (q + 1e-6), with q = exp(old_logp) the
    teacher's true probability and no shaping. ``clip`` (low, high) are distances from 1 for own
    tokens; LUFFY clips nothing. ``old_logp`` of a demonstration is read by importance alone: it
    holds what the record says under ``demonstration_logp``, else 0, a q of 1
    (`gnomon.rl.demonstrations`).

    ``off_policy`` is [N, T], 1 on the tokens of demonstrations. Stats: ``clip_high`` and
    ``clip_low`` over all tokens (0 without a clip), ``off_policy``, ``off_ratio`` (f within its
    cap, 0 on own tokens), logged as its mean over the tokens of demonstrations. The paper sums over
    tokens and divides by the response limit, seq-mean-token-sum-norm, which grows with the batch.
    Source: arXiv 2504.14945.
    """
    other_NT = off_policy.bool() & mask.bool()
    own_NT = mask.bool() & ~other_NT
    advantage_NT = per_token(advantages, mask)
    log_ratio_NT = masked_log_ratio(logp, old_logp, own_NT, CLAMP)
    bounds = clip or (math.inf, math.inf)
    own_loss_NT, stats = clipped(advantage_NT, log_ratio_NT, own_NT, bounds)
    log_x_NT = torch.where(other_NT, logp, 0.0)
    q_NT = torch.where(other_NT, old_logp.detach(), 0.0).exp()
    shaped_NT = SHAPES[shaping](log_x_NT, q_NT, constant)
    shaped_NT = shaped_NT if cap is None else shaped_NT.clamp(*cap)
    loss_NT = torch.where(other_NT, -advantage_NT * shaped_NT, own_loss_NT)
    return torch.where(mask.bool(), loss_NT, 0.0), {
        **stats,
        "off_policy": other_NT.to(loss_NT.dtype),
        "off_ratio": torch.where(other_NT, shaped_NT, 0.0).detach(),
    }


@register("loss")
def shaped_ratio(
    logp: Tensor,
    old_logp: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    shaping: Shape = "ratio",
    constant: float = 0.1,
) -> Loss:
    """LUFFY's ablation: shaping on the policy's own tokens, f(pi) / f(pi_old).

    Formula: -A f(exp(logp)) / f(exp(old_logp)), f = {shaping} with c = {constant}

    It does not help there (42.0 against 45.5 without). Source: arXiv 2504.14945.
    """
    trained_NT = mask.bool()
    shape = SHAPES[shaping]
    new_NT = torch.where(trained_NT, logp, 0.0)
    old_NT = torch.where(trained_NT, old_logp.detach(), 0.0)
    q_NT = old_NT.exp()
    ratio_NT = shape(new_NT, q_NT, constant) / shape(old_NT, q_NT, constant)
    return -per_token(advantages, mask) * ratio_NT, {}


def demonstration_prefix(token_ids: Sequence[int], end: int, ratio: float) -> list[int]:
    """The tokens of a demonstration that are put before what the policy writes.

    The end token is added to a demonstration that is not empty; then floor(length * ratio) tokens
    are kept. With a ratio of 1 nothing is left to write; an empty one makes an ordinary rollout.
    Raises ValueError for a ratio outside [0, 1].
    """
    if not 0 <= ratio <= 1:
        raise ValueError(f"ratio={ratio} is a share of the demonstration, in [0, 1]")
    whole = [*token_ids, end] if token_ids else []
    return whole[: math.floor(len(whole) * ratio)]


def prefix_ratios(
    strategy: Strategy,
    count: int,
    step: int,
    generator: torch.Generator,
    *,
    bounds: tuple[float, float],
    steps: int,
    most: float,
) -> list[float]:
    """How much of each of ``count`` demonstrations is given, at ``step`` of ``steps``.

    random: uniform in ``bounds``. linear: most * (1 - step / steps), falling to 0. linear-max and
    reverse-linear: uniform in [0, h], with h = most * (10 - w) / 10 and most * (w + 1) / 10 in the
    w-th of ten equal windows of the steps (a step on a boundary is in the earlier one, later steps
    in the last). fixed: evenly spaced over ``bounds``.
    """
    low, high = bounds
    draws = torch.rand(count, generator=generator).tolist()
    window = min(max(math.ceil(10 * step / steps) - 1, 0), 9)
    spaced = [low + (high - low) * i / max(count - 1, 1) for i in range(count)]
    found: dict[str, list[float]] = {
        "random": [low + (high - low) * u for u in draws],
        "linear": [most * (1 - min(step / steps, 1.0))] * count,
        "linear-max": [most * (10 - window) / 10 * u for u in draws],
        "reverse-linear": [most * (window + 1) / 10 * u for u in draws],
        "fixed": spaced,
    }
    return found[strategy]
