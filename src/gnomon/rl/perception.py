"""PAPO: a policy that ignores the image writes the same without it, so its difference is rewarded.

``masked_logp`` are the log-probabilities of the same tokens given a corrupted image. The loss is
policy loss + beta * KL_ref - gamma * divergence + eta_1 * H + eta_2 * H_masked; each is a
regulariser, a value [N, T] to minimise. H is estimated by -logp of the sampled tokens: `nll` for
the policy, `masked_nll` here; both entropies are *minimised*, which keeps the divergence from being
hacked. All coefficients follow one `linear_ramp`. Source: arXiv 2507.06448 and code.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from gnomon.parts import register
from gnomon.rl.focus import quantile

CLAMP_BEFORE, CLAMP_AFTER = 20.0, 10.0
Direction = Literal["code", "paper"]


@register("regulariser")
def perception_kl(
    logp: Tensor,
    old_masked_logp: Tensor,
    mask: Tensor,
    *,
    direction: Direction = "code",
    share: float | None = None,
    ceiling: float | None = None,
) -> Tensor:
    """Minus the divergence between the policy with the image and without it, [N, T].

    Formula: -d, d = exp(x) - x - 1, x = masked_logp - logp (code) or its negative (paper):
    {direction}; of each response the top {share} by d; d at most {ceiling}

    PAPO's default: the masked log-probabilities are those of the policy at the start of the step
    and have no gradient. x is clamped to +-20 and d to 10. d is k3 of KL(policy || masked policy)
    under the policy's samples; the paper writes the inverse ratio, and very confident tokens are
    clamped at different ends. ``share`` keeps the tokens of each response whose d is at least the
    quantile 1 - share, and ``ceiling`` bounds d after that; the denominators still count all
    tokens. Source: arXiv 2507.06448, equation 3, and code.
    """
    divergence_NT = divergence(logp, old_masked_logp.detach(), mask, direction)
    return -_held(divergence_NT, mask, share, ceiling)


@register("regulariser")
def perception_kl_live(
    logp: Tensor,
    masked_logp: Tensor,
    mask: Tensor,
    *,
    direction: Direction = "code",
    share: float | None = None,
    ceiling: float | None = None,
) -> Tensor:
    """`perception_kl` with a gradient through the masked log-probabilities too.

    Formula: -d, d = exp(x) - x - 1, x = masked_logp - logp (code) or its negative (paper):
    {direction}; of each response the top {share} by d; d at most {ceiling}

    They are computed anew at every update, which takes one more forward and backward pass. Source:
    arXiv 2507.06448, code (recompute).
    """
    return -_held(divergence(logp, masked_logp, mask, direction), mask, share, ceiling)


@register("regulariser")
def masked_nll(old_masked_logp: Tensor, mask: Tensor) -> Tensor:
    """The second entropy of PAPO, as estimated by -masked_logp; without gradient it only reports.

    Formula: -masked_logp

    In PAPO's default setting this term has no gradient: use `masked_nll_live` to make it act.
    Source: arXiv 2507.06448, code.
    """
    return torch.where(mask.bool(), -old_masked_logp.detach(), 0.0)


@register("regulariser")
def masked_nll_live(masked_logp: Tensor, mask: Tensor) -> Tensor:
    """The second entropy of PAPO with its gradient: minimises the entropy without the image.

    Formula: -masked_logp

    Source: arXiv 2507.06448, code (recompute).
    """
    return torch.where(mask.bool(), -masked_logp, 0.0)


def divergence(
    logp: Tensor, masked_logp: Tensor, mask: Tensor, direction: Direction = "code"
) -> Tensor:
    """d = exp(x) - x - 1, [N, T], 0 where the mask is 0; without gradient beyond its clamps."""
    x_NT = torch.where(mask.bool(), masked_logp - logp, 0.0)
    x_NT = (x_NT if direction == "code" else -x_NT).clamp(-CLAMP_BEFORE, CLAMP_BEFORE)
    return (torch.expm1(x_NT) - x_NT).clamp(max=CLAMP_AFTER)


def _held(
    divergence_NT: Tensor, mask: Tensor, share: float | None, ceiling: float | None
) -> Tensor:
    if share is not None:
        if not 0 < share <= 1:
            raise ValueError(f"share={share} must be in (0, 1], or None for all tokens")
        divergence_NT = divergence_NT * top_of_rows(divergence_NT, mask, share)
    return divergence_NT if ceiling is None else divergence_NT.clamp(0.0, ceiling)


def top_of_rows(values: Tensor, mask: Tensor, share: float) -> Tensor:
    """1 where a value is at least its row's quantile 1 - share over trained tokens, else 0."""
    detached = values.detach()
    rows = zip(detached, mask.bool(), strict=True)
    thresholds = [quantile(row_T[trained_T], 1 - share) for row_T, trained_T in rows]
    limit_N1 = torch.stack([each.to(values) for each in thresholds])[:, None]
    return ((detached >= limit_N1) & mask.bool()).to(values.dtype)


def collapse_signs(
    history: Mapping[str, Sequence[float]], *, window: int = 10, factor: float = 1.5
) -> tuple[str, ...]:
    """Signs that the perception term is being hacked, from the curves of a stage.

    ``history`` holds the values of ``perception`` (the divergence), ``clip_high``, ``entropy`` and
    ``masked_entropy`` by step. A sign is a curve whose mean over the last ``window`` steps is more
    than ``factor`` times that over the window before it: divergence plunging as a loss, that is
    rising; the share of clipped tokens rising; either entropy rising. Curves of fewer than two
    windows give no sign. Three signs at once are a collapse, see `collapse_monitor`. Source:
    arXiv 2507.06448, collapse analysis; window and factor are ours.
    """
    names = ("perception", "clip_high", "entropy", "masked_entropy")
    return tuple(name for name in names if _rises(history.get(name, ()), window, factor))


@register("callback")
def collapse_monitor(
    curves: Mapping[str, Sequence[float]],
    note: Callable[[str], None],
    memory: dict[str, Any],
    *,
    window: int = 10,
    factor: float = 1.5,
    signs: int = 3,
) -> dict[str, float]:
    """Tell when the perception term is being hacked, by the curves of its stage.

    Formula: a collapse is {signs} signs at once; a sign is a curve whose mean over {window} steps
    is more than {factor} times that over the {window} before

    The curves are those of `collapse_signs`, looked at after every step since the last look, so
    that a collapse between two checkpoints is seen. Logged are the signs at this step
    (``collapse/signs``) and whether one was ever seen (``collapse/seen``); the first is noted for
    whoever watches: lower the coefficient or hide less of the image. Source: arXiv 2507.06448,
    collapse analysis; the numbers are ours.
    """
    steps = max((len(values) for values in curves.values()), default=0)
    found: tuple[str, ...] = ()
    for end in range(memory.get("looked", 0) + 1, steps + 1):
        start = max(0, end - 2 * window)  # what is older is no part of a sign
        recent = {name: values[start:end] for name, values in curves.items()}
        found = collapse_signs(recent, window=window, factor=factor)
        if len(found) >= signs and "step" not in memory:
            memory["step"] = end
            note(
                f"step {end}: {', '.join(found)} rise together, which is how a perception term is "
                "hacked; lower its coefficient or hide less of the image"
            )
    memory["looked"] = steps
    return {"collapse/signs": float(len(found)), "collapse/seen": float("step" in memory)}


def _rises(values: Sequence[float], window: int, factor: float) -> bool:
    if len(values) < 2 * window:
        return False
    late = statistics.fmean(values[-window:])
    early = statistics.fmean(values[-2 * window : -window])
    return late > factor * early and late > 1e-6
