from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gnomon.models.cache import GridCache, Prefix, widen

HEADS, KEY_HEADS, WIDTH = 6, 2, 4


def prefix_of(lengths: list[int], seed: int = 0) -> Prefix:
    generator = torch.Generator().manual_seed(seed)
    shape = (len(lengths), KEY_HEADS, max(lengths), WIDTH)
    keys, values = (torch.randn(shape, generator=generator) for _ in range(2))
    return Prefix([keys], [values], torch.tensor(lengths))


def naive(q_AD: Tensor, k_KUD: Tensor, v_KUD: Tensor) -> Tensor:
    """Attention of one query to all keys."""
    k, v = (x.repeat_interleave(HEADS // KEY_HEADS, 0) for x in (k_KUD, v_KUD))
    weights = (q_AD[:, None] @ k.mT / math.sqrt(WIDTH)).softmax(-1)
    return (weights @ v)[:, 0]


def step(cache: GridCache, longest: int, rows: int, seed: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    q = torch.randn(rows, HEADS, WIDTH, generator=generator)
    k, v = (torch.randn(rows, KEY_HEADS, WIDTH, generator=generator) for _ in range(2))
    cache.open_step(longest)
    seen = cache.attend(0, q, k, v)
    cache.length_N += 1
    return q, k, v, seen


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("lengths", [[5], [5, 5], [2, 7, 4]])
def test_a_row_attends_to_its_prompt_and_its_own_tokens(lengths: list[int], members: int) -> None:
    prefix = prefix_of(lengths)
    cache = GridCache(prefix, members, most=70)
    rows = len(lengths) * members
    keys: list[Tensor] = []
    values: list[Tensor] = []
    for number in range(66):  # past the first room of 64
        q, k, v, seen = step(cache, number, rows, number)
        keys.append(k)
        values.append(v)
        for row in range(rows):
            line = row // members
            mine = slice(0, lengths[line])
            own_keys = torch.stack([k[row] for k in keys], dim=1)
            own_values = torch.stack([v[row] for v in values], dim=1)
            expected = naive(
                q[row],
                torch.cat([prefix.keys[0][line, :, mine], own_keys], dim=1),
                torch.cat([prefix.values[0][line, :, mine], own_values], dim=1),
            )
            torch.testing.assert_close(seen[row], expected, atol=1e-5, rtol=1e-4)


def test_a_line_that_takes_a_longer_prompt_forgets_the_old_one_and_its_tokens() -> None:
    cache = GridCache(prefix_of([3, 5]), 2, most=8)
    step(cache, 0, 4, 0)
    other = prefix_of([9], seed=1)
    cache.replace(torch.tensor([0]), torch.tensor([0, 1]), other)
    q, k, v, seen = step(cache, 1, 4, 1)
    expected = naive(
        q[0],
        torch.cat([other.keys[0][0], k[0][:, None]], dim=1),
        torch.cat([other.values[0][0], v[0][:, None]], dim=1),
    )
    torch.testing.assert_close(seen[0], expected, atol=1e-5, rtol=1e-4)
    assert cache.length_N.tolist() == [1, 1, 2, 2]


def test_narrowing_keeps_what_the_kept_rows_see() -> None:
    whole, cut = (GridCache(prefix_of([3, 5, 4]), 2, most=8) for _ in range(2))
    for cache in (whole, cut):
        step(cache, 0, 6, 0)
    rows = torch.tensor([1, 4])
    cut.narrow(torch.tensor([0, 2]), rows)
    whole.open_step(1)
    cut.open_step(1)
    q, k, v = torch.randn(6, HEADS, WIDTH), *torch.randn(2, 6, KEY_HEADS, WIDTH)
    torch.testing.assert_close(
        cut.attend(0, q[rows], k[rows], v[rows]), whole.attend(0, q, k, v)[rows]
    )


def test_prompts_are_not_copied_for_their_rows() -> None:
    prefix = prefix_of([6, 6])
    cache = GridCache(prefix, 50, most=4)
    assert cache.prefix.keys[0] is prefix.keys[0]
    assert cache.keys[0].shape == (100, KEY_HEADS, 4, WIDTH)


def test_widening_adds_zeros_at_the_end_and_never_cuts() -> None:
    x = torch.ones(1, 1, 2, 1)
    assert widen(x, 4).flatten().tolist() == [1, 1, 0, 0]
    assert widen(x, 1) is x
