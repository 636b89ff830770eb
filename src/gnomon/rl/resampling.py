"""Resampling: which rollouts of a batch are trained on, and how often.

A resampler runs after the advantages and returns indices into the N rollouts. It may break groups
up, so whatever needs whole groups must run before it.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from gnomon.parts import register
from gnomon.rl.advantages import GroupedRewards

Mode = Literal["strict", "released"]

_LOW, _HIGH = 0.03, 0.97
_RATIO: dict[Mode, float] = {"strict": 0.5, "released": 1.5}


@register("resampler")
def pad(
    advantages: Tensor,
    generator: torch.Generator,
    progress: float,
    groups: Tensor,
    *,
    mode: Mode = "strict",
    low: float | None = None,
    high: float | None = None,
    temperature: float | None = None,
    temperature_start: float | None = None,
    ratio: float | None = None,
    alpha: float | None = None,
    replacement: bool | None = None,
    relative: bool = False,
) -> Tensor:
    """Prioritized Advantage Distillation: drop near-zero and extreme |A|, draw among the rest.

    Formula: strict: keep {low} <= |A| <= {high}, draw ceil({ratio} N) with p ~ exp(|A| /
    {temperature}); released: keep {low} < |A| < {high}, draw int({ratio} N) with p ~ |A|^{alpha};
    mode {mode}, replacement {replacement}, None is the mode's default

    Returns a LongTensor [k] of indices into the [N] ``advantages``, in the order drawn.

    =================  =============================  ==========================================
    setting            strict (the paper)             released (the code)
    =================  =============================  ==========================================
    low, high          .03, .97 (the paper gives no   .03, .97 (shipped run; class defaults
                       numbers: the shipped run's)    .05, .95)
    priority           temperature .3 (paper)         alpha 1.5 (shipped run; class default 1.0)
    temperature_start  none; the paper's other        not allowed
                       setting is 1.0
    ratio              .5 (ours)                      1.5 (shipped run; class default 1.0)
    replacement        no                             yes
    no rollout left    an empty batch                 the whole batch, in order
    =================  =============================  ==========================================

    ``temperature_start`` lets the temperature go linearly from there to ``temperature`` with
    ``progress``. A ``temperature`` of infinity or an ``alpha`` of 0 draws uniformly. ``relative``
    (ours) reads ``low`` and ``high`` as shares of the largest |A| that a group of that size can
    reach, `largest_advantage`, with ``high`` 1 by default. Without it .97 drops the rare side of an
    unbalanced group: one success among eight has |A| 2.475.

    Raises ValueError for a setting that the mode lacks. Source: arXiv 2506.04207, Algorithm 1.
    """
    with_replacement = mode == "released" if replacement is None else replacement
    kept_E, p_E, k = pad_probabilities(
        advantages,
        mode=mode,
        low=low,
        high=1.0 if relative and high is None else high,
        temperature=_annealed(temperature, temperature_start, progress),
        ratio=ratio,
        alpha=alpha,
        replacement=with_replacement,
        unit=largest_advantage(groups) if relative else 1.0,
    )
    if mode == "released" and not len(kept_E):
        return torch.arange(len(advantages), device=advantages.device)
    return kept_E[_draw(p_E, k, with_replacement, generator)]


def pad_probabilities(
    advantages: Tensor,
    *,
    mode: Mode = "strict",
    low: float | None = None,
    high: float | None = None,
    temperature: float | None = None,
    ratio: float | None = None,
    alpha: float | None = None,
    replacement: bool | None = None,
    unit: Tensor | float = 1.0,
) -> tuple[Tensor, Tensor, int]:
    """What `pad` draws from: the kept indices E, their probabilities, and the number of draws k.

    - strict: E = {i : low <= |A_i| <= high}, p = softmax(|A| / temperature) over E,
      k = min(ceil(ratio * N), |E|).
    - released: E = {i : low < |A_i| < high}, p proportional to (|A| + 1e-8) ** alpha over E,
      k = int(N * ratio), and without replacement at most |E|.

    ``low`` and ``high`` are multiplied by ``unit`` (a number, or [N]). ``None`` takes the default
    of the mode, see `pad`. An empty E gives k = 0. Raises ValueError for a temperature in released
    mode, for an alpha in strict mode, and for a temperature or a ratio out of range.
    """
    _check(mode, temperature, ratio, alpha)
    magnitude_N = advantages.detach().abs()
    least = (_LOW if low is None else low) * unit
    most = (_HIGH if high is None else high) * unit
    share = _RATIO[mode] if ratio is None else ratio
    if mode == "strict":
        inside_N = (magnitude_N >= least) & (magnitude_N <= most)
        logits_N = magnitude_N / (0.3 if temperature is None else temperature)
        # Rounded first: 0.07 * 100 is 7.000000000000001, whose ceiling is 8.
        k, capped = math.ceil(round(share * len(magnitude_N), 9)), True
    else:
        inside_N = (magnitude_N > least) & (magnitude_N < most)
        logits_N = (magnitude_N + 1e-8).log() * (1.5 if alpha is None else alpha)
        k, capped = int(len(magnitude_N) * share), replacement is False
    kept_E = inside_N.nonzero().squeeze(1)
    if capped or not len(kept_E):
        k = min(k, len(kept_E))
    return kept_E, torch.softmax(logits_N[kept_E], dim=0), k


def largest_advantage(groups: Tensor) -> Tensor:
    """Largest |A| that `grpo` can give in a group of G members, (G - 1) / sqrt(G), per rollout [N].

    Holds for the group mean and the unbiased group std; a hair is added so that rounding never puts
    a real advantage above it. A group of one gives 0.
    """
    _, row_N, size_J = torch.unique(groups, return_inverse=True, return_counts=True)
    size_N = size_J[row_N].float()
    return torch.mul((size_N - 1) / size_N.sqrt(), 1 + 1e-5)


@register("resampler")
def drop_zero_variance(
    rewards: Tensor, groups: Tensor, *, single: Literal["keep", "drop"] = "keep"
) -> Tensor:
    """Keep only groups whose rewards differ: DAPO's dynamic sampling without its refill.

    Formula: keep groups with max(R) > min(R), {single} groups of one

    Returns the indices [k] of the kept rollouts in ascending order; a kept group stays whole.
    Missing rewards (NaN) do not count, and a group with none is dropped. A group with one reward is
    kept by default, as in verl and DAPO's code. Source: arXiv 2503.14476, section 3.2.
    """
    grouped = GroupedRewards.of(rewards, groups)
    kept_J1 = grouped.differ_J1
    if single == "keep":
        kept_J1 = kept_J1 | (grouped.count_J1 == 1)
    return kept_J1[grouped.row_N].nonzero()[:, 0]


def _annealed(end: float | None, start: float | None, progress: float) -> float | None:
    if start is None:
        return end
    return start + ((0.3 if end is None else end) - start) * progress


def _draw(p_E: Tensor, k: int, replacement: bool, generator: torch.Generator) -> Tensor:
    """``k`` positions in ``p_E``; without replacement each is drawn among the rest."""
    if k == 0:
        return torch.zeros(0, dtype=torch.long, device=p_E.device)
    weights_E = p_E.to(generator.device)
    if replacement:
        return torch.multinomial(weights_E, k, True, generator=generator).to(p_E.device)
    # An exponential race equals drawing one by one; torch.multinomial would refuse a p of 0.
    clock_E = torch.empty_like(weights_E).exponential_(generator=generator)
    return torch.topk(weights_E / clock_E, k).indices.to(p_E.device)


def _check(mode: Mode, temperature: float | None, ratio: float | None, alpha: float | None) -> None:
    if mode == "released" and temperature is not None:
        raise ValueError("pad: a temperature belongs to mode 'strict'; mode 'released' has alpha")
    if mode == "strict" and alpha is not None:
        raise ValueError("pad: alpha belongs to mode 'released'; mode 'strict' has a temperature")
    if temperature is not None and not temperature > 0:
        raise ValueError(f"pad: temperature={temperature} must be above 0")
    if ratio is not None and not 0 <= ratio < math.inf:
        raise ValueError(f"pad: ratio={ratio} must be a finite number of at least 0")
