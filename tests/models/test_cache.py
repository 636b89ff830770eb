from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gnomon.models.cache import ROOM, GridCache, Prefix, widen

HEADS, KEY_HEADS, WIDTH = 6, 2, 4


def prefix_of(lengths: list[int], seed: int = 0) -> Prefix:
    generator = torch.Generator().manual_seed(seed)
    shape = (len(lengths), KEY_HEADS, max(lengths), WIDTH)
    keys, values = (torch.randn(shape, generator=generator) for _ in range(2))
    return Prefix([keys], [values], list(lengths))


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
    cache.close_step()
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
    cache.replace([0], other)
    q, k, v, seen = step(cache, 1, 4, 1)
    expected = naive(
        q[0],
        torch.cat([other.keys[0][0], k[0][:, None]], dim=1),
        torch.cat([other.values[0][0], v[0][:, None]], dim=1),
    )
    torch.testing.assert_close(seen[0], expected, atol=1e-5, rtol=1e-4)
    assert cache.age_B.tolist() == [1, 2]


@pytest.mark.parametrize("most", [3, 20, 90])
def test_lines_that_follow_one_another_see_their_own_tokens_alone(most: int) -> None:
    """Columns are used again and again, at every age at which lines can be replaced."""
    prefix = prefix_of([4, 6])
    cache = GridCache(prefix, 1, most=most)
    keys: list[list[Tensor]] = [[], []]
    values: list[list[Tensor]] = [[], []]
    generator = torch.Generator().manual_seed(0)
    for number in range(4 * most + 100):
        for line in range(2):
            if len(keys[line]) == (most, most // 2 + 1)[line]:
                cache.replace([line], prefix.narrow([line]))
                keys[line], values[line] = [], []
        q, k, v, seen = step(cache, max(map(len, keys)), 2, number)
        for line in range(2):
            keys[line].append(k[line])
            values[line].append(v[line])
        if float(torch.rand((), generator=generator)) < 0.1 or number % most == 0:
            for line in range(2):
                mine = slice(0, prefix.lengths[line])
                expected = naive(
                    q[line],
                    torch.cat([prefix.keys[0][line, :, mine], torch.stack(keys[line], 1)], 1),
                    torch.cat([prefix.values[0][line, :, mine], torch.stack(values[line], 1)], 1),
                )
                torch.testing.assert_close(seen[line], expected, atol=1e-5, rtol=1e-4)
    assert cache.keys[0].shape[2] <= most + ROOM


def test_narrowing_keeps_what_the_kept_rows_see() -> None:
    whole, cut = (GridCache(prefix_of([3, 5, 4]), 2, most=8) for _ in range(2))
    for cache in (whole, cut):
        step(cache, 0, 6, 0)
    rows = [1, 4]
    cut.narrow([0, 2], rows)
    whole.open_step(1)
    cut.open_step(1)
    q, k, v = torch.randn(6, HEADS, WIDTH), *torch.randn(2, 6, KEY_HEADS, WIDTH)
    torch.testing.assert_close(
        cut.attend(0, q[rows], k[rows], v[rows]), whole.attend(0, q, k, v)[rows]
    )


def test_nothing_is_added_to_the_scores_where_nothing_is_hidden() -> None:
    cache = GridCache(prefix_of([5, 5]), 2, most=8)
    cache.open_step(0)
    assert cache._prompt_bias is None
    assert cache._own_bias is None


def test_prompts_lie_so_that_no_product_copies_them() -> None:
    x = torch.randn(2, 7, KEY_HEADS, WIDTH).transpose(1, 2)
    prefix = Prefix([x], [x], [7, 7])
    assert prefix.keys[0].is_contiguous()
    assert prefix.values[0].is_contiguous()


def test_prompts_are_not_copied_for_their_rows() -> None:
    prefix = prefix_of([6, 6])
    cache = GridCache(prefix, 50, most=4)
    assert cache.prefix.keys[0] is prefix.keys[0]
    assert cache.keys[0].shape == (100, KEY_HEADS, 4, WIDTH)


def test_widening_adds_zeros_at_the_end_and_never_cuts() -> None:
    x = torch.ones(1, 1, 2, 1)
    assert widen(x, 4).flatten().tolist() == [1, 1, 0, 0]
    assert widen(x, 1) is x
