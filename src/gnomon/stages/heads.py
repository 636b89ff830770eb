"""Heads that are trained beside a policy, with an optimiser of their own, and dropped."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn

from gnomon.recipe import Optimizer
from gnomon.stages.updates import Updater
from gnomon.tensors import load_tensors, optimizer_tensors, restore_optimizer, save_tensors


class SideHead:
    """A head, and the ``updater`` that makes its updates in step with those of the policy.

    ``name`` begins the names of its files in a checkpoint.
    """

    def __init__(self, name: str, head: nn.Module, settings: Optimizer, planned: int) -> None:
        self.name = name
        self.head = head
        self.updater = Updater(self, settings, planned)

    def trainable(self) -> dict[str, nn.Parameter]:
        """Parameters of the head by name."""
        return dict(self.head.named_parameters())

    def save(self, folder: Path) -> None:
        """Write the head and its optimiser into the folder of a checkpoint."""
        weights, optimizer, state = self._files(folder)
        tensors, held = optimizer_tensors(self.updater.optimizer, self.updater.parameters)
        save_tensors(weights, self.updater.parameters)
        save_tensors(optimizer, tensors)
        state.write_text(json.dumps({"optimizer": held, "updates": self.updater.done}))

    def restore(self, folder: Path) -> None:
        """Put back what `save` wrote; `gnomon.tensors.CheckpointError` for what does not fit."""
        weights, optimizer, state = self._files(folder)
        tensors = load_tensors(weights, self.updater.parameters)
        with torch.no_grad():
            for name, parameter in self.updater.parameters.items():
                parameter.copy_(tensors[name])
        held = json.loads(state.read_text())
        updater = self.updater
        restore_optimizer(
            updater.optimizer, load_tensors(optimizer), held["optimizer"], updater.parameters
        )
        updater.done = held["updates"]

    def _files(self, folder: Path) -> tuple[Path, Path, Path]:
        """Where the weights, the optimiser and its state are kept."""
        name = self.name
        return (
            folder / f"{name}.safetensors",
            folder / f"{name}_optimizer.safetensors",
            folder / f"{name}.json",
        )
