from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.grading.masks import Mask, mask_iou, mask_of, read_mask, write_mask

arrays = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**36 - 1)).map(
    lambda t: np.array([(t[2] >> i) & 1 for i in range(t[0] * t[1])], dtype=bool).reshape(t[:2])
)


def unpacked(mask: Mask) -> np.ndarray:
    values = np.repeat(np.arange(len(mask.runs)) % 2, mask.runs)
    return values.reshape(mask.width, mask.height).T.astype(bool)


@given(arrays)
def test_a_mask_keeps_every_pixel_of_an_array(array: np.ndarray) -> None:
    mask = mask_of(array)
    assert mask is not None
    assert (unpacked(mask) == array).all()
    assert mask.area == array.sum()
    assert read_mask(write_mask(mask)) == mask
    assert mask_of(array.astype(int).tolist()) == mask


@given(arrays, st.integers(0, 2**36 - 1))
def test_overlap_on_runs_is_overlap_on_pixels(one: np.ndarray, bits: int) -> None:
    other = np.array([(bits >> i) & 1 for i in range(one.size)], dtype=bool).reshape(one.shape)
    masks = [mask_of(array) for array in (one, other)]
    union = (one | other).sum()
    expected = (one & other).sum() / union if union else 1.0
    assert mask_iou(*masks) == pytest.approx(expected)  # type: ignore[arg-type]


def test_masks_of_other_sizes_do_not_overlap() -> None:
    assert mask_iou(Mask(1, 4, (0, 4)), Mask(2, 2, (0, 4))) == 0.0


def compressed(counts: list[int]) -> str:
    """The text of COCO, written anew from its definition."""
    text = ""
    for index, count in enumerate(counts):
        value = count - counts[index - 2] if index > 2 else count
        more = True
        while more:
            code = value & 31
            value >>= 5
            more = not (value == -1 if code & 16 else value == 0)
            text += chr((code | 32 if more else code) + 48)
    return text


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=12))
def test_compressed_counts_are_read(counts: list[int]) -> None:
    size = [1, sum(counts)]
    found = mask_of({"size": size, "counts": compressed(counts)})
    assert found == (Mask(1, sum(counts), tuple(counts)) if sum(counts) else None)


@pytest.mark.parametrize(
    "value",
    [
        {"size": [2, 2], "counts": [5]},
        {"size": [2, 2], "counts": [-1, 5]},
        {"size": [2], "counts": [2]},
        {"size": [2, 2], "counts": "zzzz zzzz"},
        {"size": [2, 2], "counts": "P"},
        {"size": [10**9, 10**9], "counts": [10**18]},
        {"size": [True, 2], "counts": [2]},
        {"counts": [4]},
        [[0, 1], [0]],
        [[0, 2]],
        [],
        [[]],
        np.zeros((2, 2, 2)),
        "text",
        None,
        Mask(1, 1, (2,)),
    ],
)
def test_what_is_no_mask_is_none(value: Any) -> None:
    assert mask_of(value) is None


@given(st.text(max_size=40))
def test_any_counts_are_read_or_refused(text: str) -> None:
    mask_of({"size": [4, 4], "counts": text})
