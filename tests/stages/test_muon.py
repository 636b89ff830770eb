"""Muon agrees with torch's, and leaves to AdamW what is no matrix of a layer."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnomon.models.policy import Policy
from gnomon.recipe import Optimizer, Use
from gnomon.stages.muon import Muon, orthogonal
from gnomon.stages.updates import Updater
from gnomon.tensors import optimizer_tensors, restore_optimizer

SIZES = ((6, 6), (6, 20), (20, 6))


def matrices(seed: int) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(size, generator=generator)) for size in SIZES]


def learn(optimizer: torch.optim.Optimizer, parameters: list[torch.nn.Parameter], steps: range):
    for step in steps:
        generator = torch.Generator().manual_seed(1000 + step)
        for each in parameters:
            each.grad = torch.randn(each.shape, generator=generator)
        optimizer.step()


@given(rows=st.integers(1, 24), columns=st.integers(1, 24), scale=st.floats(1e-4, 1e4))
def test_singular_values_become_about_one_and_their_vectors_stay(
    rows: int, columns: int, scale: float
) -> None:
    generator = torch.Generator().manual_seed(rows * 31 + columns)
    least = min(rows, columns)
    left, _ = torch.linalg.qr(torch.randn(rows, least, generator=generator))
    right, _ = torch.linalg.qr(torch.randn(columns, least, generator=generator))
    values = torch.linspace(1.0, 3.0, least)
    made = left.mT @ orthogonal(scale * (left * values) @ right.mT) @ right
    assert ((made.diagonal() > 0.6) & (made.diagonal() < 1.3)).all()
    torch.testing.assert_close(made, made.diagonal().diag(), atol=1e-3, rtol=0)


def test_nothing_is_learnt_from_no_gradient() -> None:
    assert orthogonal(torch.zeros(3, 5)).equal(torch.zeros(3, 5))


def test_matrices_learn_as_with_the_muon_of_torch() -> None:
    ours, theirs = matrices(0), matrices(0)
    settings = {"lr": 0.02, "weight_decay": 0.1}
    groups = [{"params": ours, "weight_decay": 0.1, "orthogonal": True}]
    learn(Muon(groups, lr=0.02), ours, range(5))
    other = torch.optim.Muon(theirs, momentum=0.95, adjust_lr_fn="match_rms_adamw", **settings)
    learn(other, theirs, range(5))
    # torch turns matrices in bfloat16.
    for mine, its in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, its, atol=2e-3, rtol=0)


def test_what_is_no_matrix_of_a_layer_learns_as_with_adamw() -> None:
    ours, theirs = matrices(0), matrices(0)
    settings = {"lr": 0.02, "betas": (0.9, 0.98), "weight_decay": 0.1}
    learn(Muon([{"params": ours, **settings}], lr=1.0), ours, range(5))
    learn(torch.optim.AdamW(theirs, **settings), theirs, range(5))
    for mine, its in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, its)


def test_a_saved_state_goes_on_to_the_same_bits() -> None:
    whole, parted = matrices(0), matrices(0)

    def made(parameters: list[torch.nn.Parameter]) -> Muon:
        halves = [{"params": parameters[:2], "orthogonal": True}, {"params": parameters[2:]}]
        return Muon(halves, lr=0.02)

    learn(made(whole), whole, range(6))
    first = made(parted)
    learn(first, parted, range(3))
    names = {str(number): each for number, each in enumerate(parted)}
    tensors, state = copy.deepcopy(optimizer_tensors(first, names))
    second = made(parted)
    restore_optimizer(second, tensors, state, names)
    learn(second, parted, range(3, 6))
    assert all(a.equal(b) for a, b in zip(whole, parted, strict=True))


@pytest.mark.parametrize("part", ["q_proj.weight", "gate_proj.weight", "qkv.weight"])
def test_matrices_of_layers_are_for_muon(fresh_policy: Policy, part: str) -> None:
    assert {turned for name, turned in turned_by_name(fresh_policy) if part in name} == {True}


@pytest.mark.parametrize("part", ["embed_tokens", "patch_embed", "norm", "bias"])
def test_embeddings_patches_and_vectors_are_for_adamw(fresh_policy: Policy, part: str) -> None:
    assert {turned for name, turned in turned_by_name(fresh_policy) if part in name} == {False}


def turned_by_name(policy: Policy) -> list[tuple[str, bool]]:
    settings = Optimizer(learning_rate=Use("constant", value=1e-3), algorithm="muon")
    updater = Updater(policy, settings, 10)
    turned = {
        id(each): group["orthogonal"]
        for group in updater.optimizer.param_groups
        for each in group["params"]
    }
    return [(name, turned[id(each)]) for name, each in updater.parameters.items()]
