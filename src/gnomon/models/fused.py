"""The decoder prepared for writing: few, large matrix products a token, and nothing cast twice.

Between two updates the weights stand still, so what `gnomon.models.decoder` asks of modules for
every token is done once: queries, keys and values are one product, so are gate and up, low-rank
adapters are added in, weights are in the type of the forward pass, and rotary angles are in a
table. It costs one copy of the decoder's weights, and of the head's in mixed precision, for as long
as responses are written. Dimension suffixes: N rows, A heads, K heads of keys and values, D width
of a head, H hidden width, I width of the MLP, P positions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, rms_norm

from gnomon.models.decoder import Attend, untouched
from gnomon.models.policy import Policy

Write = Callable[[Tensor, Tensor, Attend], Tensor]
"""``write(embeds_NH, positions_N, attend)`` gives the logits [N, V] after one token of each row."""


@dataclass(frozen=True)
class FusedLayer:
    """A layer's weights; those of one product stand one below the other."""

    norm: nn.Module
    query_key_value: Tensor
    bias: Tensor
    out_HA: Tensor
    post_norm: nn.Module
    gate_up: Tensor
    activation: Callable[[Tensor], Tensor]
    down_HI: Tensor


def writer(policy: Policy, positions: int) -> Write:
    """One step of writing as fast as ``policy`` allows, for positions below ``positions``.

    A model whose layers are not those of a plain Qwen2, which hooks look into, or whose
    adapters would be rounded by adding them to bfloat16 weights, is run module by module.
    """
    decoder = policy.core.model.language_model
    dtype = torch.bfloat16 if policy.mixed_precision else decoder.norm.weight.dtype
    layers = [fuse(layer, dtype) for layer in decoder.layers]
    fused = [layer for layer in layers if layer is not None]
    if len(fused) < len(layers):
        return _by_modules(policy)
    turns = rotary_table(policy, positions)
    head = head_of(policy, dtype)

    def write(embeds_NH: Tensor, positions_N: Tensor, attend: Attend) -> Tensor:
        cos_N1D, sin_N1D = (table.index_select(0, positions_N)[:, None] for table in turns)
        hidden_NH = embeds_NH
        for number, layer in enumerate(fused):
            hidden_NH = _run(layer, number, hidden_NH, cos_N1D, sin_N1D, attend)
        return head(decoder.norm(hidden_NH))

    return write


def _by_modules(policy: Policy) -> Write:
    def write(embeds_NH: Tensor, positions_N: Tensor, attend: Attend) -> Tensor:
        positions_XN = positions_N.expand(policy.family.axes, -1)
        hidden_NH = policy.forward(embeds_NH, positions_XN, attend)
        return policy.logits(hidden_NH)

    return write


def head_of(policy: Policy, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """`Policy.logits`, with the head's weight in ``dtype`` once and for all where it is plain."""
    head = policy.core.lm_head
    if not untouched(head) or head.bias is not None:
        return policy.logits
    weight_VH = head.weight.detach().to(dtype)
    return lambda hidden_NH: linear(hidden_NH.to(dtype), weight_VH).float()


def fuse(layer: Any, dtype: torch.dtype) -> FusedLayer | None:
    """The layer's weights in ``dtype``, or None where its modules have to be called."""
    attention, mlp = layer.self_attn, layer.mlp
    norms = layer.input_layernorm, layer.post_attention_layernorm
    if any(_looked_into(module) for module in (layer, attention, mlp, mlp.act_fn, *norms)):
        return None
    heads = attention.q_proj, attention.k_proj, attention.v_proj
    names = (*heads, attention.o_proj, mlp.gate_proj, mlp.up_proj, mlp.down_proj)
    weights = [weight_of(module, dtype) for module in names]
    plain = [weight for weight in weights if weight is not None]
    if len(plain) < len(weights) or any(getattr(m, "bias", None) is not None for m in names[3:]):
        return None
    query, key, value, out, gate, up, down = plain
    return FusedLayer(
        layer.input_layernorm,
        torch.cat([query, key, value]),
        torch.cat([_bias(m, w) for m, w in zip(heads, (query, key, value), strict=True)]),
        out,
        layer.post_attention_layernorm,
        torch.cat([gate, up]),
        mlp.act_fn,
        down,
    )


def weight_of(module: Any, dtype: torch.dtype) -> Tensor | None:
    """Weight of a linear module, its low-rank adapters added in; None where that is not all it
    does.

    Adapters are added in float32 alone: in bfloat16 the sum would be rounded, which a module that
    runs them beside its weight does not do.
    """
    if untouched(module):
        return module.weight.detach().to(dtype)  # type: ignore[no-any-return]
    base, delta = getattr(module, "base_layer", None), getattr(module, "get_delta_weight", None)
    if base is None or delta is None or dtype == torch.bfloat16 or _looked_into(module):
        return None
    if not untouched(base) or any(getattr(module, "use_dora", {}).values()):
        return None
    weight = base.weight.detach()
    if not module.disable_adapters and not module.merged:
        weight = sum((delta(name).detach() for name in module.active_adapters), weight)
    return weight.to(dtype)  # type: ignore[no-any-return]


def _looked_into(module: Any) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _bias(module: Any, weight: Tensor) -> Tensor:
    bias = getattr(module, "base_layer", module).bias
    return weight.new_zeros(len(weight)) if bias is None else bias.detach().to(weight.dtype)


def rotary_table(policy: Policy, positions: int) -> tuple[Tensor, Tensor]:
    """Cosine and sine [P, D] of written tokens, which stand at one position on every axis.

    The first half of the sine is negated, for `turn`.
    """
    every_P = torch.arange(positions, device=policy.device)
    like = torch.zeros(1, 1, 1, device=policy.device)
    rotary = policy.core.model.language_model.rotary_emb
    cos, sin = rotary(like, every_P.expand(policy.family.axes, 1, -1))
    cos_PD, sin_PD = (table.reshape(positions, -1).clone() for table in (cos, sin))
    sin_PD[:, : sin_PD.shape[1] // 2].neg_()
    return cos_PD, sin_PD


def turn(x_NAD: Tensor, cos_N1D: Tensor, sin_N1D: Tensor) -> Tensor:
    """`pointwise.rotate` with the sign of the first half in the sine."""
    x_NAD = x_NAD.to(cos_N1D.dtype)
    return torch.addcmul(x_NAD * cos_N1D, x_NAD.roll(x_NAD.shape[-1] // 2, -1), sin_N1D)


def _run(
    layer: FusedLayer,
    number: int,
    hidden_NH: Tensor,
    cos_N1D: Tensor,
    sin_N1D: Tensor,
    attend: Attend,
) -> Tensor:
    dtype, width = layer.out_HA.dtype, cos_N1D.shape[-1]
    both = linear(_normed(layer.norm, hidden_NH, dtype), layer.query_key_value, layer.bias)
    heads = layer.out_HA.shape[1] // width
    every_NAD = both.view(len(both), -1, width)
    keys = (every_NAD.shape[1] - heads) // 2
    turned_NAD = turn(every_NAD[:, : heads + keys], cos_N1D, sin_N1D).to(dtype)
    q_NAD, k_NKD = turned_NAD[:, :heads], turned_NAD[:, heads:]
    seen = attend(number, q_NAD, k_NKD, every_NAD[:, heads + keys :]).flatten(-2)
    hidden_NH = _added(hidden_NH, seen, layer.out_HA)
    gate, up = linear(_normed(layer.post_norm, hidden_NH, dtype), layer.gate_up).chunk(2, -1)
    return _added(hidden_NH, layer.activation(gate) * up, layer.down_HI)


def _normed(norm: Any, hidden_NH: Tensor, dtype: torch.dtype) -> Tensor:
    shape = (hidden_NH.shape[-1],)
    return rms_norm(hidden_NH, shape, norm.weight, norm.variance_epsilon).to(dtype)


def _added(hidden_NH: Tensor, x_NI: Tensor, weight_HI: Tensor) -> Tensor:
    """hidden + x W^T, in one product where the types allow it."""
    if hidden_NH.dtype == x_NI.dtype:
        return torch.addmm(hidden_NH, x_NI, weight_HI.t())
    return hidden_NH + linear(x_NI, weight_HI)
