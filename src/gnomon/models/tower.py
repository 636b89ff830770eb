"""The vision tower of Qwen2.5-VL: all pictures at once, those of one size in one product.

Its own modules compute norms, projections and MLPs, as in `gnomon.models.decoder`. What differs
from transformers' forward is the cost: patches are embedded by one product instead of a
convolution, and attention goes over all stretches of a length together instead of one by one.
Dimension suffixes: P patches of all pictures, W width of the tower, A heads, D width of a head;
R stretches, T their patches; F features, H hidden width.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.utils.checkpoint import checkpoint

from gnomon.models.kernels import KERNELS, Kernel, gather
from gnomon.models.percepts import Picture
from gnomon.models.pointwise import normed, rotate

Look = Callable[[Tensor, Tensor, Tensor], Tensor]
"""``look(q_PAD, k_PAD, v_PAD)`` gives [P, A, D]: each patch sees those of its stretch."""


def see(tower: Any, pictures: Sequence[Picture], device: torch.device) -> Tensor:
    """Features [F, H] of ``pictures``, one behind the other, by a tower of Qwen2.5-VL.

    Layers attend within a frame where they are named in ``fullatt_block_indexes``, and within
    square windows of it otherwise (arXiv 2502.13923, section 2.1.1).
    """
    config = tower.config
    side = config.window_size // config.patch_size // config.spatial_merge_size
    grids = [picture.grid for picture in pictures]
    merge = int(config.spatial_merge_size)
    turn = _turns(tower.rotary_pos_emb.inv_freq, [_places(grid, merge) for grid in grids], device)
    kernel = KERNELS[config._attn_implementation]
    wide = look_within([_frames(grid) for grid in grids], kernel, device)
    narrow = None
    if len(set(config.fullatt_block_indexes)) < len(tower.blocks):
        narrow = look_within([_windows(grid, merge, side) for grid in grids], kernel, device)
    hidden_PW = embed_patches(
        tower.patch_embed, torch.cat([picture.patches_PD for picture in pictures]).to(device)
    )
    for number, block in enumerate(tower.blocks):
        look = wide if narrow is None or number in config.fullatt_block_indexes else narrow
        run = partial(_block, block, turn, look)
        again = getattr(block, "gradient_checkpointing", False) and block.training
        if again and torch.is_grad_enabled():
            hidden_PW = checkpoint(run, hidden_PW, use_reentrant=False)
        else:
            hidden_PW = run(hidden_PW)
    features: Tensor = tower.merger(hidden_PW)
    return features


def embed_patches(embed: Any, patches_PD: Tensor) -> Tensor:
    """Patches as vectors [P, W]: a convolution whose stride is its kernel is one product."""
    project = embed.proj
    plain = type(project) is nn.Conv3d and type(project.weight) is nn.Parameter
    if not plain or project._forward_hooks or project._forward_pre_hooks:
        return embed(patches_PD)  # type: ignore[no-any-return]
    return linear(patches_PD.to(project.weight.dtype), project.weight.flatten(1), project.bias)


def _block(block: Any, turn: tuple[Tensor, Tensor], look: Look, hidden_PW: Tensor) -> Tensor:
    attention = block.attn
    shape = (len(hidden_PW), 3, attention.num_heads, -1)
    q, k, v = attention.qkv(normed(block.norm1, hidden_PW)).reshape(shape).unbind(1)
    q, k = (rotate(x, *turn) for x in (q, k))
    hidden_PW = hidden_PW + attention.proj(look(q, k, v).flatten(1))
    return hidden_PW + block.mlp(normed(block.norm2, hidden_PW))  # type: ignore[no-any-return]


def look_within(
    stretches: Sequence[Sequence[Tensor]], kernel: Kernel, device: torch.device
) -> Look:
    """Attention of every patch to those of its stretch, one product for each length.

    ``stretches`` are, for each picture, the numbers of its patches [R, T] by length.
    """
    by_length: dict[int, list[Tensor]] = defaultdict(list)
    start = 0
    for pieces in stretches:
        for numbers_RT in pieces:
            by_length[numbers_RT.shape[1]].append(numbers_RT + start)
        start += sum(numbers_RT.numel() for numbers_RT in pieces)
    groups = [torch.cat(found) for found in by_length.values()]
    order_P = torch.cat([group.flatten() for group in groups]).argsort()
    in_order = len(groups) == 1 and bool((order_P == torch.arange(start)).all())
    groups, order_P = [group.to(device) for group in groups], order_P.to(device)

    def look(q_PAD: Tensor, k_PAD: Tensor, v_PAD: Tensor) -> Tensor:
        if in_order:
            shape = (*groups[0].shape, *q_PAD.shape[1:])
            q, k, v = (x.view(shape).transpose(1, 2) for x in (q_PAD, k_PAD, v_PAD))
            return kernel(q, k, v, None, causal=False).transpose(1, 2).flatten(0, 1)
        pieces = []
        for group_RT in groups:
            q, k, v = (gather(x, group_RT) for x in (q_PAD, k_PAD, v_PAD))
            pieces.append(kernel(q, k, v, None, causal=False).transpose(1, 2).flatten(0, 1))
        return torch.cat(pieces).index_select(0, order_P)

    return look


def _frames(grid: tuple[int, int, int]) -> list[Tensor]:
    """Patches [time, height x width] of a picture: each frame sees itself."""
    time, height, width = grid
    return [torch.arange(time * height * width).view(time, height * width)]


def _windows(grid: tuple[int, int, int], merge: int, side: int) -> list[Tensor]:
    """Patches of the windows of a picture, by length; those at the edges may be smaller.

    ``merge`` x ``merge`` patches lie together, as one cell; a window has ``side`` x ``side`` cells.
    """
    time, height, width = grid
    rows, columns = height // merge, width // merge
    cells = torch.arange(time * height * width).view(time, rows, columns, merge * merge)
    found: dict[int, list[Tensor]] = defaultdict(list)
    for frame in cells:
        for band in frame.split(side):
            for window in band.split(side, dim=1):
                found[window.numel()].append(window.flatten())
    return [torch.stack(windows) for windows in found.values()]


def _places(grid: tuple[int, int, int], merge: int) -> Tensor:
    """Row and column [P, 2] of each patch, cell by cell."""
    time, height, width = grid
    places = torch.cartesian_prod(torch.arange(height), torch.arange(width))
    shape = (height // merge, merge, width // merge, merge, 2)
    return places.view(shape).transpose(1, 2).reshape(-1, 2).repeat(time, 1)


def _turns(
    inv_freq: Tensor, places: Sequence[Tensor], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Cosine and sine [P, 1, D] of the rotary embedding over rows and columns."""
    angles = torch.cat(list(places)).to(device)[..., None] * inv_freq.to(device).float()
    angles_P1D = angles.flatten(1).repeat(1, 2)[:, None]
    return angles_P1D.cos(), angles_P1D.sin()
