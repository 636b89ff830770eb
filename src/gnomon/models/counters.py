"""What a model was made to compute, counted by hooks: exact on a busy machine, unlike a clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from gnomon.models.batch import unique_runs
from gnomon.models.encode import Encoded
from gnomon.models.policy import Policy


@dataclass
class Counts:
    """Patches of images, or features of sounds, that were encoded, and tokens that were decoded.

    A token counts once a forward pass; that its layers are computed again in the backward pass of
    a policy with ``recompute`` does not count.
    """

    patches: int = 0
    tokens: int = 0

    def shares(self, rows: Sequence[Encoded], passes: int = 2) -> dict[str, float]:
        """How much of the work of plain ``rows`` was not repeated, both as logged for each step.

        Plain rows encode each their own images or sounds and forward each their own prompt, in each
        of ``passes`` (one to write, one to train). ``reuse`` is the patches that this takes / the
        patches encoded: G when every image is encoded once a pass for G rollouts; it is missing
        when nothing was encoded. ``useful`` is the unique tokens / the tokens of plain rows, from
        1/G (all is prompt) to 1 (nothing is shared); it is missing without rows. Source: ours.
        """
        found: dict[str, float] = {}
        needed = passes * sum(patches(run) for row in rows for run in row.chain())
        if needed and self.patches:
            found["reuse"] = needed / self.patches
        plain = sum(len(run) for row in rows for run in row.chain())
        if plain:
            found["useful"] = sum(map(len, unique_runs(rows))) / plain
        return found


def patches(run: Encoded) -> int:
    """Patches, or features of sounds, of a run, without what it continues."""
    return sum(percept.size for percept in run.percepts)


@contextmanager
def counting(policy: Policy) -> Iterator[Counts]:
    """Count what ``policy`` computes within the block, training and sampling alike.

    Another policy, as a frozen reference, is not counted.
    """
    counts = Counts()

    def encoded(_module: Any, args: tuple[Tensor, ...]) -> None:
        counts.patches += len(args[0])

    def forwarded(_module: Any, args: tuple[Tensor, ...]) -> None:
        counts.tokens += args[0].shape[:-1].numel()

    hooks = [
        policy.core.model.get_submodule(policy.family.counted).register_forward_pre_hook(encoded),
        # The last norm is run once a pass, whatever is recomputed.
        policy.core.model.language_model.norm.register_forward_pre_hook(forwarded),
    ]
    try:
        yield counts
    finally:
        for hook in hooks:
            hook.remove()
