"""Attention of a batch: what every token sees, gathered into rectangles and computed by one kernel.

Dimension suffixes: M tokens, A heads, K heads of keys and values, D width of a head; R runs, T
their tokens, U what they may look at.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gnomon.models.batch import Batch, Rectangle
from gnomon.models.decoder import Attend
from gnomon.models.kernels import Kernel, gather


def attend_within(batch: Batch, kernel: Kernel) -> Attend:
    """Attention of every token of ``batch`` to what it continues and to its own run before it."""

    # Made once for all layers, which then keep one tensor for the backward pass.
    biases: list[Tensor | None] = []

    def attend(layer: int, q_MAD: Tensor, k_MKD: Tensor, v_MKD: Tensor) -> Tensor:
        pieces = []
        if not biases:
            biases.extend(_bias(box, q_MAD.dtype) for box in batch.rectangles)
        for box, bias in zip(batch.rectangles, biases, strict=True):
            q, k, v = (
                gather(x, index)
                for x, index in (
                    (q_MAD, box.queries_RT), (k_MKD, box.keys_RU), (v_MKD, box.keys_RU)
                )
            )  # fmt: skip
            pieces.append(kernel(q, k, v, bias).transpose(1, 2).flatten(0, 1))
        return torch.cat(pieces).index_select(0, batch.order_M)

    return attend


def _bias(box: Rectangle, dtype: torch.dtype) -> Tensor | None:
    if box.hidden_RTU is None:
        return None
    hidden_R1TU = box.hidden_RTU[:, None]
    zeros = torch.zeros(hidden_R1TU.shape, dtype=dtype, device=hidden_R1TU.device)
    return zeros.masked_fill_(hidden_R1TU, -math.inf)
