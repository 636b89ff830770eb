"""Keys and values of rows that are going to be continued, as a tool's answer continues a response.

What a row holds is forwarded once: when its next turn is sampled, only what was added to it is, be
it text or images. Dimension suffixes: M tokens of a batch, B rows, S tokens of the longest, T of
one row, L of what is kept of it, A heads, K heads of keys and values, D width of a head.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from gnomon.models.attention import attend_within
from gnomon.models.batch import Batch
from gnomon.models.cache import Prefix
from gnomon.models.decoder import Attend
from gnomon.models.encode import Encoded
from gnomon.models.kernels import gather
from gnomon.models.policy import Policy

MAX_BYTES = 2**30
Key = tuple[tuple[int, ...], tuple[str, ...]]
"""Token ids and percept keys."""


@dataclass(frozen=True)
class Kept:
    """Keys and values of the first tokens of a row, per layer [K, L, D]."""

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]

    def __len__(self) -> int:
        return int(self.keys[0].shape[1])

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return sum(each.numel() * each.element_size() for each in (*self.keys, *self.values))


@dataclass
class PrefixCache:
    """What rows held when they ended, by their tokens and percepts, at most ``max_bytes`` of it.

    Valid for one version of the weights: `forget` after an update. The rows used least recently
    make room. Whoever continues a row that is not there any more pays for forwarding it again, and
    gets the same. Source: ours; after the prefix caches of vLLM and SGLang (arXiv 2312.07104).
    """

    max_bytes: int = MAX_BYTES
    _kept: OrderedDict[Key, Kept] = field(default_factory=OrderedDict, repr=False)
    _bytes: int = 0

    def forget(self) -> None:
        """Keep nothing, because the weights are others now."""
        self._kept.clear()
        self._bytes = 0

    def put(self, row: Encoded, written: Sequence[int], kept: Kept) -> None:
        """Keep what is known of ``row`` and the tokens ``written`` behind it."""
        key = _key(row.chain(), written)
        if key in self._kept or kept.bytes > self.max_bytes:
            return
        self._kept[key] = kept
        self._bytes += kept.bytes
        while self._bytes > self.max_bytes:
            self._bytes -= self._kept.popitem(last=False)[1].bytes

    def longest(self, row: Encoded) -> tuple[Kept | None, Encoded]:
        """The most that is kept of a row, and the rest of it as a run that follows nothing.

        What is kept of a response lacks its last token, which was never forwarded. At least one
        token is left as the rest.
        """
        runs = row.chain()
        for count in range(len(runs) - 1, 0, -1):
            *before, last = runs[:count]
            key = _key(before, last.token_ids[:-1].tolist()) if before else None
            if key is not None and key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key], _rest(runs[count - 1 :], len(last) - 1)
        return None, row


def _key(runs: Sequence[Encoded], written: Sequence[int]) -> Key:
    ids = [token for run in runs for token in run.token_ids.tolist()]
    return (*ids, *written), tuple(percept.key for run in runs for percept in run.percepts)


def _rest(runs: Sequence[Encoded], start: int) -> Encoded:
    """The tokens of ``runs`` from place ``start`` of the first one on, which holds no percept."""
    ids, train = (
        torch.cat([getattr(run, name) for run in runs]) for name in ("token_ids", "train")
    )
    positions = torch.cat([run.positions for run in runs], dim=1)
    percepts = tuple(percept for run in runs for percept in run.percepts)
    return Encoded(
        ids[start:], train[start:], positions[:, start:], percepts, runs[-1].next_position
    )


def prefill(
    policy: Policy, prompts: Sequence[Encoded], cache: PrefixCache | None = None
) -> tuple[Tensor, Prefix]:
    """Next-token logits [B, V] of prompts, and their keys and values.

    Only what ``cache`` does not hold of them is forwarded.
    """
    found = [(None, prompt) if cache is None else cache.longest(prompt) for prompt in prompts]
    kept = [before for before, _ in found]
    known = any(before is not None for before in kept)
    batch = policy.batch([_rest(rest.chain(), 0) if known else rest for _, rest in found])
    keys: list[Tensor] = []
    values: list[Tensor] = []
    within = _after(batch, kept, policy) if known else attend_within(batch, policy.kernel)
    index_BS = pad_sequence(list(batch.rows), batch_first=True).to(policy.device)

    def whole(x_MKD: Tensor, before: list[Tensor | None]) -> Tensor:
        return _whole(x_MKD, batch, before) if known else gather(x_MKD, index_BS)

    def attend(layer: int, q_MAD: Tensor, k_MKD: Tensor, v_MKD: Tensor) -> Tensor:
        keys.append(whole(k_MKD, [k.keys[layer] if k else None for k in kept]))
        values.append(whole(v_MKD, [k.values[layer] if k else None for k in kept]))
        return within(layer, q_MAD, k_MKD, v_MKD)

    hidden_MH = policy.forward(policy.embed(batch), batch.positions, attend)
    last_B = torch.stack([places[-1] for places in batch.rows]).to(policy.device)
    lengths = [
        len(places) + (len(before) if before else 0)
        for places, before in zip(batch.rows, kept, strict=True)
    ]
    return policy.logits(hidden_MH[last_B]), Prefix(keys, values, lengths)


def _whole(x_MKD: Tensor, batch: Batch, kept: Sequence[Tensor | None]) -> Tensor:
    """[B, K, S, D]: of each row what is kept, then its own tokens, then zeros."""
    rows = []
    for places, before in zip(batch.rows, kept, strict=True):
        own_KTD = x_MKD[places.to(x_MKD.device)].transpose(0, 1)
        rows.append(own_KTD if before is None else torch.cat([before, own_KTD], dim=1))
    room = max(row.shape[1] for row in rows)
    return torch.stack([pad(row, (0, 0, 0, room - row.shape[1])) for row in rows])


def _after(batch: Batch, kept: Sequence[Kept | None], policy: Policy) -> Attend:
    """Attention of rows that follow what is kept of them; one call for each row."""
    rows = [places.to(policy.device) for places in batch.rows]
    order_M = torch.cat(rows).argsort()

    def attend(layer: int, q_MAD: Tensor, k_MKD: Tensor, v_MKD: Tensor) -> Tensor:
        pieces = []
        for places, before in zip(rows, kept, strict=True):
            q, k, v = (x[places].transpose(0, 1)[None] for x in (q_MAD, k_MKD, v_MKD))
            bias = None
            if before is not None:
                k = torch.cat([before.keys[layer][None], k], dim=2)
                v = torch.cat([before.values[layer][None], v], dim=2)
                ahead_TU = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device)
                zeros = torch.zeros(ahead_TU.shape, dtype=q.dtype, device=q.device)
                bias = zeros.masked_fill_(ahead_TU.triu(len(before) + 1), -math.inf)[None, None]
            pieces.append(policy.kernel(q, k, v, bias)[0].transpose(0, 1))
        return torch.cat(pieces)[order_M]

    return attend
