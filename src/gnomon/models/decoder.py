"""The decoder of Qwen2 and Qwen2.5-VL, one layer at a time, with attention left to the caller.

The layers' own modules compute norms, projections and MLPs, so adapters work as they are. What a
token may look at differs between training and writing, and is one function. Dimension suffixes:
M tokens, A heads, K heads of keys and values, D width of a head, H hidden width, X axes of
positions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from gnomon.models.pointwise import normed, rotate

Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""``attend(layer, q_MAD, k_MKD, v_MKD)`` gives [M, A, D]; positions are already turned in."""


def run_layers(
    decoder: Any,
    embeds_MH: Tensor,
    positions_XM: Tensor,
    attend: Attend,
    *,
    recompute: bool = False,
) -> Tensor:
    """Last hidden states [M, H] of ``decoder``, a `Qwen2Model` or `Qwen2_5_VLTextModel`.

    They are those after the final norm. Rotary positions have one axis or three, whose frequencies
    the decoder puts together. With ``recompute`` a layer keeps its input alone and is computed
    again in the backward pass.
    """
    cos, sin = decoder.rotary_emb(embeds_MH[None], positions_XM[:, None])
    turn = cos.reshape(len(embeds_MH), 1, -1), sin.reshape(len(embeds_MH), 1, -1)
    hidden_MH = embeds_MH
    for number, layer in enumerate(decoder.layers):
        if recompute and torch.is_grad_enabled():
            hidden_MH = checkpoint(
                _layer, layer, number, hidden_MH, turn, attend, use_reentrant=False
            )
        else:
            hidden_MH = _layer(layer, number, hidden_MH, turn, attend)
    return decoder.norm(hidden_MH)  # type: ignore[no-any-return]


def _layer(
    layer: Any, number: int, hidden_MH: Tensor, turn: tuple[Tensor, Tensor], attend: Attend
) -> Tensor:
    attention = layer.self_attn
    normed_MH = normed(layer.input_layernorm, hidden_MH)
    q, k, v = (
        project(normed_MH).unflatten(-1, (-1, attention.head_dim))
        for project in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    q, k = (rotate(x, *turn) for x in (q, k))
    hidden_MH = hidden_MH + attention.o_proj(attend(number, q, k, v).flatten(-2))
    return hidden_MH + layer.mlp(normed(layer.post_attention_layernorm, hidden_MH))  # type: ignore[no-any-return]


def untouched(module: Any) -> bool:
    """Whether calling ``module`` is one product with its weight, plus its bias, and nothing else.

    Adapters, quantised and sharded weights, and hooks, which may change what comes out, are more.
    """
    if type(module) is not nn.Linear or type(module.weight) is not nn.Parameter:
        return False
    return not (module._forward_hooks or module._forward_pre_hooks)
