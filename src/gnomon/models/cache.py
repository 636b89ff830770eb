"""Keys and values while responses are written: those of a prompt once, those of each row apart.

Rows form a grid of B lines (prompts) with G rows each, N = B x G; the rows of a line began
together. Dimension suffixes further: S tokens of the longest prompt, T columns for written tokens,
of which W are looked at, A heads, K heads of keys and values, R = A / K queries of each, D width of
a head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

ROOM = 64
"""Written tokens that a new cache has room for; it doubles when they are used up."""


@dataclass
class Prefix:
    """Keys and values of prompts, per layer [B, K, S, D]; ``lengths`` tokens of each are real."""

    keys: list[Tensor]
    values: list[Tensor]
    lengths: list[int]

    def __post_init__(self) -> None:
        # Otherwise every product with them would copy them again.
        self.keys = [k.contiguous() for k in self.keys]
        self.values = [v.contiguous() for v in self.values]

    def narrow(self, lines: list[int]) -> Prefix:
        """The chosen lines."""
        index = torch.tensor(lines, device=self.keys[0].device)
        return Prefix([k[index] for k in self.keys], [v[index] for v in self.values],
                      [self.lengths[line] for line in lines])  # fmt: skip

    def put(self, lines: list[int], other: Prefix) -> None:
        """Overwrite ``lines`` with the prompts of ``other``, which may be longer or shorter."""
        room = max(self.keys[0].shape[2], other.keys[0].shape[2])
        index = torch.tensor(lines, device=self.keys[0].device)
        for mine, theirs in ((self.keys, other.keys), (self.values, other.values)):
            for layer, new in enumerate(theirs):
                mine[layer] = widen(mine[layer], room)
                mine[layer][index] = widen(new, room)
        for line, length in zip(lines, other.lengths, strict=True):
            self.lengths[line] = length

    def bias(self) -> Tensor | None:
        """What is added to the scores of the prompts [B, 1, 1, 1, S]: minus infinity on padding.

        None where no prompt is padded.
        """
        size, first = self.keys[0].shape[2], self.keys[0]
        if min(self.lengths) == size:
            return None
        lengths_B = torch.tensor(self.lengths, device=first.device)
        hidden_BS = torch.arange(size, device=first.device) >= lengths_B[:, None]
        return _minus_infinity(hidden_BS, first.dtype)


class GridCache:
    """The caches of a grid of rows that share the prompts of their lines.

    ``age_B`` counts the written tokens of each line whose keys are stored. Every step writes one
    column, the same for all rows, so that a line sees its prompt and its last ``age_B`` columns.
    The prompt's keys are read once for all rows of a line and are never copied.
    """

    def __init__(self, prefix: Prefix, rows_per_line: int, most: int) -> None:
        """An empty cache for at most ``most`` written tokens a row; room grows as it is needed."""
        self.prefix = prefix
        self.most = most
        self.rows_per_line = rows_per_line
        lines, heads, _, width = prefix.keys[0].shape
        shape = (lines * rows_per_line, heads, min(ROOM, most), width)
        self.keys = [k.new_zeros(shape) for k in prefix.keys]
        self.values = [v.new_zeros(shape) for v in prefix.values]
        self.age_B = np.zeros(lines, dtype=np.int64)
        self.end = 0
        self._prompt_bias = prefix.bias()
        self._own_bias: Tensor | None = None

    def open_step(self, longest: int) -> None:
        """Make room for one more token of every row; the lines that go on have written at most
        ``longest``."""
        self._make_room(longest + 1)
        self._width = longest + 1
        self._own_bias = None
        if bool((self.age_B < longest).any()):
            age_B = torch.from_numpy(self.age_B).to(self.keys[0].device)
            hidden_BW = torch.arange(self._width, device=age_B.device) < longest - age_B[:, None]
            self._own_bias = _minus_infinity(hidden_BW, self.keys[0].dtype)

    def close_step(self) -> None:
        """Count the tokens whose keys every layer has stored."""
        self.end += 1
        self.age_B += 1

    def _make_room(self, width: int) -> None:
        """A free column behind the last ``width - 1``; what is before them is dropped."""
        room = self.keys[0].shape[2]
        if self.end < room:
            return
        start = self.end + 1 - width
        if start >= ROOM:
            kept = slice(start, self.end)
            for stored in (*self.keys, *self.values):
                stored[:, :, : width - 1] = stored[:, :, kept].clone()
            self.end = width - 1
            return
        # Where lines follow one another, a row may begin in any column.
        room = min(2 * room, self.most + (ROOM if start else 0))
        self.keys = [widen(k, room) for k in self.keys]
        self.values = [widen(v, room) for v in self.values]

    def attend(self, layer: int, q_NAD: Tensor, k_NKD: Tensor, v_NKD: Tensor) -> Tensor:
        """Attention [N, A, D] of one new token per row; its key and value are stored."""
        keys, values = self.keys[layer], self.values[layer]
        keys[:, :, self.end] = k_NKD
        values[:, :, self.end] = v_NKD
        seen = slice(self.end + 1 - self._width, self.end + 1)
        rows, heads, width = k_NKD.shape
        lines, per_line = len(self.age_B), self.rows_per_line
        grid = (lines, per_line, heads, q_NAD.shape[1] // heads)
        q_NKRD = q_NAD.reshape(rows, heads, -1, width) * width**-0.5
        prompt_keys, prompt_values = self.prefix.keys[layer], self.prefix.values[layer]
        size = prompt_keys.shape[2]
        scores_BGKRX = torch.cat(
            [
                self._by_row(self._by_line(q_NKRD.view(*grid, -1)) @ prompt_keys.mT),
                (q_NKRD @ keys[:, :, seen].mT).view(*grid, -1),
            ],
            dim=-1,
        )
        if self._prompt_bias is not None:
            scores_BGKRX[..., :size] += self._prompt_bias
        if self._own_bias is not None:
            scores_BGKRX[..., size:] += self._own_bias
        weights_BGKRX = scores_BGKRX.softmax(-1)
        out_NKRD = weights_BGKRX[..., size:].flatten(0, 1) @ values[:, :, seen]
        from_prompt = self._by_line(weights_BGKRX[..., :size]) @ prompt_values
        out_NKRD.view(*grid, -1).add_(self._by_row(from_prompt))
        return out_NKRD.view(rows, -1, width)

    def narrow(self, lines: list[int], rows: list[int]) -> None:
        """Keep ``lines``, and of each as many ``rows`` (indices, line by line)."""
        self.prefix = self.prefix.narrow(lines)
        self.rows_per_line = len(rows) // len(lines)
        index = torch.tensor(rows, device=self.keys[0].device)
        self.keys = [k[index] for k in self.keys]
        self.values = [v[index] for v in self.values]
        self.age_B = self.age_B[lines]
        self._prompt_bias = self.prefix.bias()

    def held(self, row: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Keys and values [K, L, D] per layer of a row's prompt and the tokens it has stored."""
        line = row // self.rows_per_line
        length, own = self.prefix.lengths[line], slice(self.end - self.age_B[line], self.end)
        pairs = ((self.prefix.keys, self.keys), (self.prefix.values, self.values))
        keys, values = (
            tuple(
                torch.cat([prompt[line, :, :length], written[row, :, own]], dim=1)
                for prompt, written in zip(prompts, rows, strict=True)
            )
            for prompts, rows in pairs
        )
        return keys, values

    def replace(self, lines: list[int], prefix: Prefix) -> None:
        """Begin new prompts in ``lines``."""
        self.prefix.put(lines, prefix)
        self.age_B[lines] = 0
        self._prompt_bias = self.prefix.bias()

    def _by_line(self, x_BGKRX: Tensor) -> Tensor:
        """[B, K, G R, X], so that the rows of a line are queries of one prompt."""
        return x_BGKRX.transpose(1, 2).flatten(2, 3)

    def _by_row(self, x_BKQX: Tensor) -> Tensor:
        """The reverse of `_by_line`."""
        lines, heads, queries, width = x_BKQX.shape
        per_line = self.rows_per_line
        return x_BKQX.view(lines, heads, per_line, queries // per_line, width).transpose(1, 2)


def _minus_infinity(hidden_BX: Tensor, dtype: torch.dtype) -> Tensor:
    """[B, 1, 1, 1, X], minus infinity where ``hidden_BX`` is true, else 0."""
    bias_BX = torch.zeros(hidden_BX.shape, dtype=dtype, device=hidden_BX.device)
    return bias_BX.masked_fill_(hidden_BX, -torch.inf)[:, None, None, None]


def widen(x_BKTD: Tensor, room: int) -> Tensor:
    """``x_BKTD`` with room for ``room`` tokens, zeros at the end; itself where it has as many."""
    missing = room - x_BKTD.shape[2]
    return pad(x_BKTD, (0, 0, 0, missing)) if missing > 0 else x_BKTD
