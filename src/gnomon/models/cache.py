"""Keys and values while responses are written: those of a prompt once, those of each row apart.

Rows form a grid of B lines (prompts) with G rows each, N = B x G. Dimension suffixes further: S
tokens of the longest prompt, T room for written tokens, A heads, K heads of keys and values, D
width of a head.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ROOM = 64
"""Written tokens that a new cache has room for; it doubles when they are used up."""


@dataclass
class Prefix:
    """Keys and values of prompts, per layer [B, K, S, D]; ``length_B`` tokens of each are real."""

    keys: list[Tensor]
    values: list[Tensor]
    length_B: Tensor

    def narrow(self, lines: Tensor) -> Prefix:
        """The chosen lines."""
        return Prefix([k[lines] for k in self.keys], [v[lines] for v in self.values],
                      self.length_B[lines])  # fmt: skip

    def put(self, lines: Tensor, other: Prefix) -> None:
        """Overwrite ``lines`` with the prompts of ``other``, which may be longer or shorter."""
        room = max(self.keys[0].shape[2], other.keys[0].shape[2])
        for mine, theirs in ((self.keys, other.keys), (self.values, other.values)):
            for layer, new in enumerate(theirs):
                mine[layer] = widen(mine[layer], room)
                mine[layer][lines] = widen(new, room)
        self.length_B[lines] = other.length_B


class GridCache:
    """The caches of a grid of rows that share the prompts of their lines.

    ``length_N`` counts the written tokens of each row whose keys are stored. A row attends to its
    prompt and to its own tokens. The prompt's keys are read once for all rows of a line and are
    never copied.
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
        self.length_N = torch.zeros(shape[0], dtype=torch.long, device=prefix.length_B.device)
        self._row_N = torch.arange(shape[0], device=prefix.length_B.device)

    def open_step(self, longest: int) -> None:
        """Make room for one more token and build the masks; no row has more than ``longest``."""
        room = self.keys[0].shape[2]
        if longest + 1 > room:
            room = min(2 * room, self.most)
            self.keys = [widen(k, room) for k in self.keys]
            self.values = [widen(v, room) for v in self.values]
        self.width = longest + 1
        device = self.length_N.device
        own = torch.arange(self.width, device=device) > self.length_N[:, None]
        size = self.prefix.keys[0].shape[2]
        prompt = torch.arange(size, device=device) >= self.prefix.length_B[:, None]
        hidden = torch.cat([prompt.repeat_interleave(self.rows_per_line, 0), own], dim=1)
        self.hidden_N11X = hidden[:, None, None]

    def attend(self, layer: int, q_NAD: Tensor, k_NKD: Tensor, v_NKD: Tensor) -> Tensor:
        """Attention [N, A, D] of one new token per row; its key and value are stored."""
        keys, values = self.keys[layer], self.values[layer]
        keys[self._row_N, :, self.length_N] = k_NKD
        values[self._row_N, :, self.length_N] = v_NKD
        rows, heads, width = k_NKD.shape
        q_NKRD = q_NAD.view(rows, heads, -1, width) * width**-0.5
        prompt_keys, prompt_values = self.prefix.keys[layer], self.prefix.values[layer]
        size = prompt_keys.shape[2]
        scores = torch.cat(
            [
                self._by_row(self._by_line(q_NKRD) @ prompt_keys.mT),
                q_NKRD @ keys[:, :, : self.width].mT,
            ],
            dim=-1,
        )
        weights = scores.masked_fill(self.hidden_N11X, -torch.inf).softmax(-1)
        seen = self._by_row(self._by_line(weights[..., :size]) @ prompt_values)
        seen = seen + weights[..., size:] @ values[:, :, : self.width]
        return seen.reshape(rows, -1, width)

    def narrow(self, lines: Tensor, rows: Tensor) -> None:
        """Keep ``lines``, and of each as many ``rows`` (indices, line by line)."""
        self.prefix = self.prefix.narrow(lines)
        self.rows_per_line = len(rows) // len(lines)
        self.keys = [k[rows] for k in self.keys]
        self.values = [v[rows] for v in self.values]
        self.length_N = self.length_N[rows]
        self._row_N = self._row_N[: len(rows)]

    def replace(self, lines: Tensor, rows: Tensor, prefix: Prefix) -> None:
        """Begin new prompts in ``lines``, whose rows are ``rows``."""
        self.prefix.put(lines, prefix)
        self.length_N[rows] = 0

    def _by_line(self, x_NKRX: Tensor) -> Tensor:
        """[N, K, R, X] as [B, K, G R, X], so that the rows of a line are queries of one prompt."""
        if self.rows_per_line == 1:
            return x_NKRX
        _, heads, queries, width = x_NKRX.shape
        lines = x_NKRX.view(-1, self.rows_per_line, heads, queries, width).transpose(1, 2)
        return lines.flatten(2, 3)

    def _by_row(self, x_BKXD: Tensor) -> Tensor:
        """The reverse of `_by_line`."""
        if self.rows_per_line == 1:
            return x_BKXD
        lines, heads, queries, width = x_BKXD.shape
        share = (lines, heads, self.rows_per_line, queries // self.rows_per_line, width)
        return x_BKXD.view(share).transpose(1, 2).flatten(0, 1)


def widen(x_BKTD: Tensor, room: int) -> Tensor:
    """``x_BKTD`` with room for ``room`` tokens, zeros at the end; itself where it has as many."""
    missing = room - x_BKTD.shape[2]
    return torch.nn.functional.pad(x_BKTD, (0, 0, 0, missing)) if missing > 0 else x_BKTD
