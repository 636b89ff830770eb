"""Attention of a batch: what every token sees, gathered into rectangles and computed by one kernel.

Dimension suffixes: M tokens, A heads, K heads of keys and values, D width of a head; R runs, T
their tokens, U what they may look at.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from gnomon.models.batch import Batch, Rectangle
from gnomon.models.decoder import Attend

Kernel = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
"""``kernel(q_RATD, k_RKUD, v_RKUD, bias_R1TU)`` gives [R, A, T, D]. The bias is added to the
scores, minus infinity where a query may not look; None is causal attention."""


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


def gather(x_MAD: Tensor, index_RT: Tensor) -> Tensor:
    """The tokens of a rectangle as [R, A, T, D]."""
    taken = x_MAD.index_select(0, index_RT.flatten())
    return taken.view(*index_RT.shape, *x_MAD.shape[1:]).transpose(1, 2)


def _bias(box: Rectangle, dtype: torch.dtype) -> Tensor | None:
    if box.hidden_RTU is None:
        return None
    hidden_R1TU = box.hidden_RTU[:, None]
    zeros = torch.zeros(hidden_R1TU.shape, dtype=dtype, device=hidden_R1TU.device)
    return zeros.masked_fill_(hidden_R1TU, -math.inf)


def sdpa(q_RATD: Tensor, k_RKUD: Tensor, v_RKUD: Tensor, bias_R1TU: Tensor | None) -> Tensor:
    """PyTorch's fused attention, which keeps no score matrix."""
    if bias_R1TU is not None and q_RATD.is_cuda:
        # With a mask and fewer key heads the fused kernels of CUDA are left for a slow one.
        k_RKUD, v_RKUD = (_repeated(x, q_RATD) for x in (k_RKUD, v_RKUD))
    return scaled_dot_product_attention(
        q_RATD, k_RKUD, v_RKUD,
        attn_mask=bias_R1TU, is_causal=bias_R1TU is None, enable_gqa=True,
    )  # fmt: skip


def eager(q_RATD: Tensor, k_RKUD: Tensor, v_RKUD: Tensor, bias_R1TU: Tensor | None) -> Tensor:
    """softmax(q k / sqrt(D) + bias) v written out: slow, and exact to compare with."""
    if bias_R1TU is None:
        width = q_RATD.shape[2]
        bias_R1TU = q_RATD.new_full((width, width), -math.inf).triu(1)
    k_RAUD, v_RAUD = (_repeated(x, q_RATD) for x in (k_RKUD, v_RKUD))
    scores = q_RATD @ k_RAUD.mT / math.sqrt(q_RATD.shape[-1]) + bias_R1TU
    return scores.softmax(-1, dtype=torch.float32).to(v_RAUD.dtype) @ v_RAUD


def _repeated(x_RKUD: Tensor, q_RATD: Tensor) -> Tensor:
    """Keys or values for every head of the queries."""
    return x_RKUD.repeat_interleave(q_RATD.shape[1] // x_RKUD.shape[1], 1)


KERNELS: dict[str, Kernel] = {"sdpa": sdpa, "eager": eager}
