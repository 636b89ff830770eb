"""How many threads a step of writing is worth on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gnomon.models.policy import Policy

SMALL = 2**25
"""Operations of a layer in a step of writing, up to which one thread takes them alone (ours).

Waking a second thread costs tens of microseconds on a virtual machine, as much as a whole product
of a small model; a layer has about ten. At 2**25 operations and 70 GFLOP/s, what one core does,
half of the work is 240 microseconds.
"""


def threads_for(policy: Policy, rows: int) -> int:
    """Threads for a step of ``rows`` rows: one while its products are small, else all there are."""
    every = torch.get_num_threads()
    if policy.device.type != "cpu":
        return every
    layer = policy.core.model.language_model.layers[0]
    weights = sum(parameter.numel() for parameter in layer.parameters())
    return 1 if 2 * weights * rows <= SMALL else every


@contextmanager
def at_most(threads: int) -> Iterator[None]:
    """Run the block on ``threads`` threads, and what follows on as many as before."""
    before = torch.get_num_threads()
    if threads == before:
        yield
        return
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
