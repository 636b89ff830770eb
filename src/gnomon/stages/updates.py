"""One optimiser step, guarded: micro-batches accumulate, and nothing non-finite gets in."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from gnomon.parts import BoundPart
from gnomon.recipe import Optimizer, build
from gnomon.stages.muon import Muon

MicroLoss = Callable[[], Tensor]
Named = tuple[str, nn.Parameter]
NO_DECAY = {"weight_decay": 0.0}
TABLE = re.compile(r"embed|lm_head")
"""Names of matrices that are a row for each token, and no map from one space into another."""


class Diverged(RuntimeError):
    """Too many updates in a row had a non-finite loss or gradient."""


@dataclass(frozen=True)
class Update:
    """What one optimiser step did; if it was skipped, ``applied`` is false and ``reason`` says why.

    ``grad_norm`` is the norm before clipping, not a number when no gradient was made.
    """

    loss: float
    grad_norm: float
    learning_rate: float
    applied: bool
    reason: str = ""


class Learner(Protocol):
    """What has parameters to train: a policy, a critic."""

    def trainable(self) -> dict[str, nn.Parameter]:
        """Trained parameters by name."""


class Updater:
    """An optimiser of a learner's trainable parameters that follows a learning-rate schedule.

    ``done`` counts updates, those that were skipped or had nothing to learn from included, so that
    they do not shift the schedule. ``followers`` update other parameters by the gradients of the
    same losses, all or none of them. Raises ValueError when no parameter is trainable.
    """

    def __init__(self, learner: Learner, settings: Optimizer, planned: int) -> None:
        self.parameters = learner.trainable()
        if not self.parameters:
            raise ValueError("every parameter is frozen, so nothing can be trained; freeze less")
        self.settings = settings
        self.planned = planned
        self.schedule: BoundPart = build("schedule", settings.learning_rate)
        self.done = 0
        self.skipped_in_a_row = 0
        self.followers: list[Updater] = []
        self.optimizer = _OPTIMIZERS[settings.algorithm](self.parameters, settings)

    @property
    def progress(self) -> dict[str, Any]:
        """What a schedule may look at."""
        return {"step": self.done, "steps": self.planned}

    def step(self, losses: Iterable[MicroLoss], *, at_once: int = 1) -> Update:
        """Backpropagate each micro-loss (they add up to the loss) and apply one update.

        ``at_once`` of them are computed side by side, each on one thread, which a CPU does with
        small models sooner than one after the other on several threads; the gradients are added in
        order. A non-finite loss or gradient norm skips the update. Raises `Diverged` past the
        limit.
        """
        everyone = (self, *self.followers)
        rate, *_ = [each._set_rate() for each in everyone]
        backward = self._backward if at_once == 1 else partial(self._side_by_side, at_once)
        total, reason = backward(losses)
        norm = math.nan
        if not reason:
            norms = [each._clip() for each in everyone]
            norm = norms[0]
            wild = [each for each in norms if not math.isfinite(each)]
            reason = f"the gradient norm is {wild[0]}" if wild else ""
        for each in everyone:
            if not reason:
                each.optimizer.step()
            each.optimizer.zero_grad(set_to_none=True)
        self._advance()
        self._count(reason)
        return Update(total, norm, rate, not reason, reason)

    def pass_over(self) -> None:
        """Count an update that has nothing to learn from: weights stay, schedules go on."""
        self._advance()

    def _advance(self) -> None:
        for each in (self, *self.followers):
            each.done += 1

    def _set_rate(self) -> float:
        rate = float(self.schedule.supply(self.progress))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def _clip(self) -> float:
        """The norm of the gradients, which are then scaled down to the limit."""
        parameters = self.parameters.values()
        return float(torch.nn.utils.clip_grad_norm_(parameters, self.settings.grad_clip))

    def _backward(self, losses: Iterable[MicroLoss]) -> tuple[float, str]:
        total = 0.0
        for compute in losses:
            loss = compute()
            value = float(loss.detach())
            total += value
            if not math.isfinite(value):
                return total, f"the loss is {value}"
            if loss.requires_grad:
                loss.backward()  # type: ignore[no-untyped-call]
        return total, ""

    def _side_by_side(self, at_once: int, losses: Iterable[MicroLoss]) -> tuple[float, str]:
        total = 0.0
        everyone = [p for each in (self, *self.followers) for p in each.parameters.values()]
        with ThreadPoolExecutor(at_once, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for value, gradients in pool.map(partial(_gradients, everyone), losses):
                total += value
                if not math.isfinite(value):
                    return total, f"the loss is {value}"
                for parameter, gradient in zip(everyone, gradients, strict=True):
                    if gradient is not None:
                        before = parameter.grad
                        parameter.grad = gradient if before is None else before.add_(gradient)
        return total, ""

    def _count(self, reason: str) -> None:
        self.skipped_in_a_row = self.skipped_in_a_row + 1 if reason else 0
        if self.skipped_in_a_row >= self.settings.max_skipped:
            raise Diverged(
                f"{self.skipped_in_a_row} updates in a row were skipped, the last because "
                f"{reason}: lower the learning rate, "
                "or look at the last rollouts and rewards of this run"
            )


def _gradients(
    parameters: Sequence[Tensor], compute: MicroLoss
) -> tuple[float, Sequence[Tensor | None]]:
    """A micro-loss and its gradients; None where it has none."""
    loss = compute()
    value = float(loss.detach())
    if not math.isfinite(value) or not loss.requires_grad:
        return value, [None] * len(parameters)
    return value, torch.autograd.grad(loss, parameters, allow_unused=True)


def step_generator(
    seed: int, index: int, step: int, purpose: str, device: str = "cpu"
) -> torch.Generator:
    """Random numbers of one step for one purpose, the same whatever ran before.

    So resuming a run needs no saved state of random numbers.
    """
    digest = hashlib.sha256(f"{seed}/{index}/{step}/{purpose}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:7], "big"))


def _adamw(parameters: dict[str, nn.Parameter], settings: Optimizer) -> torch.optim.Optimizer:
    """Weight decay on matrices; norms and biases go without."""
    weights, vectors = _by(parameters.items(), lambda _, p: p.ndim >= 2)
    groups = _groups((weights, {"weight_decay": settings.weight_decay}), (vectors, NO_DECAY))
    return torch.optim.AdamW(groups, lr=1.0, betas=settings.betas, fused=True)


def _muon(parameters: dict[str, nn.Parameter], settings: Optimizer) -> torch.optim.Optimizer:
    decay = {"weight_decay": settings.weight_decay}
    weights, vectors = _by(parameters.items(), lambda _, p: p.ndim >= 2)
    maps, tables = _by(weights, lambda name, p: p.ndim == 2 and not TABLE.search(name))
    groups = _groups((maps, {**decay, "orthogonal": True}), (tables, decay), (vectors, NO_DECAY))
    return Muon(groups, lr=1.0, betas=settings.betas)


_OPTIMIZERS = {"adamw": _adamw, "muon": _muon}


def _by(named: Iterable[Named], test: Callable[[str, nn.Parameter], bool]) -> list[list[Named]]:
    """Those that pass a test, then the others."""
    found: list[list[Named]] = [[], []]
    for name, parameter in named:
        found[not test(name, parameter)].append((name, parameter))
    return found


def _groups(*parts: tuple[list[Named], dict[str, Any]]) -> list[dict[str, Any]]:
    """Groups of an optimiser, none of them empty."""
    return [{"params": [p for _, p in named], **how} for named, how in parts if named]
