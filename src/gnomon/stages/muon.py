"""Muon: momentum whose matrices are made orthogonal before they are taken as a step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

STEPS = 5
MOMENTS = ("exp_avg", "exp_avg_sq")
QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the iteration, tuned for speed: singular values end within 0.7 and 1.2."""


class Muon(torch.optim.Optimizer):
    """Muon for groups that say ``orthogonal``, AdamW for all others.

    The update of a matrix [M, N] is its Nesterov momentum made orthogonal, times
    ``0.2 sqrt(max(M, N))``, which is about as large as one of AdamW, so that both take the same
    learning rate (arXiv 2502.16982, eq. 4). Embeddings, vectors and convolutions are no maps from
    one space into another and belong to AdamW. Groups are those of a torch optimiser, with their
    own ``lr``, ``betas``, ``momentum``, ``weight_decay`` where they differ. Source: K. Jordan et
    al., Muon (2024); arXiv 2502.16982.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        *,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        momentum: float = 0.95,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "momentum": momentum, "weight_decay": 0.0}
        super().__init__(groups, {**defaults, "orthogonal": False})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step along the gradients; parameters without one stay."""
        for group in self.param_groups:
            learnt = [p for p in group["params"] if p.grad is not None]
            if group["orthogonal"]:
                for matrix in learnt:
                    self._turn(matrix, group)
            elif learnt:
                self._follow(learnt, group)

    def _turn(self, matrix_MN: Tensor, group: dict[str, Any]) -> None:
        state, gradient_MN = self.state[matrix_MN], matrix_MN.grad
        assert gradient_MN is not None
        if not state:
            state["momentum"] = torch.zeros_like(matrix_MN)
        moving_MN = state["momentum"].lerp_(gradient_MN, 1 - group["momentum"])
        step_MN = orthogonal(gradient_MN.lerp(moving_MN, group["momentum"]))
        size = 0.2 * max(matrix_MN.shape) ** 0.5
        matrix_MN.mul_(1 - group["lr"] * group["weight_decay"])
        matrix_MN.add_(step_MN, alpha=-group["lr"] * size)

    def _follow(self, learnt: list[Tensor], group: dict[str, Any]) -> None:
        for each in learnt:
            if not self.state[each]:
                moments = {name: torch.zeros_like(each) for name in MOMENTS}
                self.state[each] = {"step": torch.zeros((), device=each.device), **moments}
        states = [self.state[each] for each in learnt]
        first, second = ([state[name] for state in states] for name in MOMENTS)
        adamw(
            learnt,
            [each.grad for each in learnt if each.grad is not None],
            first,
            second,
            [],
            [state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=1e-8,
            maximize=False,
        )


def orthogonal(matrix_MN: Tensor) -> Tensor:
    """The nearly orthogonal matrix to ``matrix_MN``: its singular values become about one.

    Five steps of ``X <- a X + (b A + c A^2) X`` with ``A = X X^T``, from ``X`` of Frobenius norm
    one (arXiv 2502.16982, section 2.1).
    """
    a, b, c = QUINTIC
    tall = matrix_MN.shape[0] > matrix_MN.shape[1]
    x: Tensor = matrix_MN.mT if tall else matrix_MN
    x = x / (x.norm() + 1e-7)
    for _ in range(STEPS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x
