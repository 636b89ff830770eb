"""The same made batch for us and for a peer: groups, rewards, tokens, log-probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

GROUPS, MEMBERS, WIDTH = 3, 4, 5
ROWS = GROUPS * MEMBERS


@dataclass(frozen=True)
class PeerBatch:
    """Rows [N] and tokens [N, T] with padding at the right, of which peers want finite numbers."""

    rewards: Tensor
    groups: Tensor
    lengths: Tensor
    mask: Tensor
    logp: Tensor
    old_logp: Tensor
    reference_logp: Tensor
    rollout_logp: Tensor
    values: Tensor
    advantages: Tensor
    entropy: Tensor

    @property
    def token_rewards(self) -> Tensor:
        """The reward on the last token of each row."""
        placed = torch.zeros_like(self.mask)
        placed[torch.arange(len(placed)), self.lengths - 1] = self.rewards
        return placed

    @property
    def wide(self) -> Tensor:
        """The advantages on every token."""
        return self.advantages[:, None] * self.mask

    def leaf(self) -> Tensor:
        """Log-probabilities that take a gradient."""
        return self.logp.clone().requires_grad_()


def peer_batch(seed: int) -> PeerBatch:
    """Log-ratios of about 1, so that every clip decides some tokens; one group without variance."""
    made = torch.Generator().manual_seed(seed)
    groups = torch.arange(GROUPS).repeat_interleave(MEMBERS)
    rewards = torch.randint(0, 5, (ROWS,), generator=made) / 4
    rewards[-MEMBERS:] = 0.5
    lengths = torch.randint(1, WIDTH + 1, (ROWS,), generator=made)
    mask = (torch.arange(WIDTH) < lengths[:, None]).float()

    def tokens(scale: float) -> Tensor:
        return torch.randn(ROWS, WIDTH, generator=made) * scale

    logp = -2 + tokens(0.5)
    advantages = torch.randn(ROWS, generator=made)
    return PeerBatch(
        rewards, groups, lengths, mask, logp, logp + tokens(0.5), logp + tokens(0.5),
        logp + tokens(0.2), tokens(1.0), advantages, tokens(1.0).abs(),
    )  # fmt: skip


def same_gradient(ours: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor]) -> None:
    """Two losses with the leaf that each was made of agree in value and in gradient."""
    found = [torch.autograd.grad(loss, leaf)[0] for loss, leaf in (ours, theirs)]
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-6)
