from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from gnomon.models.percepts import Picture
from gnomon.models.policy import Policy
from gnomon.models.tower import see

GRIDS = {
    "one": [(1, 8, 8)],
    "of one size": [(1, 8, 8)] * 3,
    "of several sizes": [(1, 8, 8), (1, 10, 20), (1, 8, 8), (1, 18, 14)],
    "of several frames": [(2, 4, 6), (3, 8, 10)],
}
CPU = torch.device("cpu")


def pictures_of(grids: list[tuple[int, int, int]]) -> list[Picture]:
    generator = torch.Generator().manual_seed(0)
    return [
        Picture(str(number), torch.randn(t * h * w, 1176, generator=generator), (t, h, w))
        for number, (t, h, w) in enumerate(grids)
    ]


@pytest.fixture(params=[[0, 1], [1], []], ids=["everywhere", "in windows", "in windows alone"])
def tower(request: pytest.FixtureRequest, tiny_policy: Policy) -> Any:
    """A tower of two layers, of which those named look everywhere."""
    config = copy.deepcopy(tiny_policy.core.config.vision_config)
    config.depth, config.fullatt_block_indexes, config.window_size = 2, request.param, 112
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = type(tiny_policy.core.model.visual)(config)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim > 1:
                parameter.mul_(6.0)
    return made


def features_of(tower: Any, pictures: list[Picture]) -> Tensor:
    """What transformers' own forward makes of them."""
    patches = torch.cat([picture.patches_PD for picture in pictures])
    output = tower(patches, torch.tensor([picture.grid for picture in pictures]))
    return getattr(output, "pooler_output", output)


@pytest.mark.parametrize("grids", GRIDS.values(), ids=GRIDS)
def test_a_tower_sees_what_transformers_makes_it_see(
    tower: Any, grids: list[tuple[int, int, int]]
) -> None:
    pictures = pictures_of(grids)
    with torch.no_grad():
        ours, theirs = see(tower, pictures, CPU), features_of(tower, pictures)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_a_tower_learns_what_transformers_makes_it_learn(tower: Any) -> None:
    pictures = pictures_of(GRIDS["of several sizes"])
    found = []
    for forward in (lambda: see(tower, pictures, CPU), lambda: features_of(tower, pictures)):
        loss = forward().square().mean()
        found.append(torch.autograd.grad(loss, list(tower.parameters())))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-3)


def test_layers_that_are_computed_again_give_the_same_gradients(tower: Any) -> None:
    pictures = pictures_of(GRIDS["of one size"])
    found = []
    for again in (False, True):
        for block in tower.blocks:
            block.gradient_checkpointing = again
        tower.train()
        loss = see(tower, pictures, CPU).square().mean()
        found.append(torch.autograd.grad(loss, list(tower.parameters())))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_an_embedding_with_a_hook_is_called(tower: Any) -> None:
    seen: list[int] = []
    tower.patch_embed.proj.register_forward_pre_hook(lambda *_: seen.append(1))
    pictures = pictures_of(GRIDS["one"])
    torch.testing.assert_close(see(tower, pictures, CPU), features_of(tower, pictures))
    assert len(seen) == 2
