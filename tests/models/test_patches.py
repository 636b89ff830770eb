from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from gnomon.media.image import png_bytes
from gnomon.models.patches import kept_size_patches
from gnomon.models.percepts import read_picture
from gnomon.models.policy import Policy
from gnomon.records import Media

SIZE = {"shortest_edge": 28 * 28, "longest_edge": 28 * 28 * 20}
SIDES = st.sampled_from([27, 28, 29, 40, 56, 84, 100, 112, 168])
SHARE = st.floats(0.05, 0.95)
COLOURS = st.tuples(SHARE, SHARE, SHARE)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def reader(**settings: Any) -> Qwen2VLImageProcessorPil:
    return Qwen2VLImageProcessorPil(**{"size": dict(SIZE), **settings})


@given(SIDES, SIDES, st.integers(0, 2**32 - 1), COLOURS, COLOURS, st.sampled_from([1 / 255, 0.01]))
def test_patches_are_bit_for_bit_those_of_the_processor(
    width: int, height: int, seed: int, mean: Any, std: Any, scale: float
) -> None:
    processor = reader(image_mean=mean, image_std=std, rescale_factor=scale)
    image = noise(width, height, seed)
    patches_PD = kept_size_patches(processor, image)
    kept = width % 28 == height % 28 == 0 and width * height <= SIZE["longest_edge"]
    assert (patches_PD is not None) is kept
    if patches_PD is not None:
        expected_PD = processor(images=[image], return_tensors="pt")["pixel_values"]
        assert patches_PD.dtype == expected_PD.dtype
        assert patches_PD.equal(expected_PD)
        assert patches_PD.is_contiguous()


@given(
    st.sampled_from([(14, 2, 2), (16, 2, 2), (14, 1, 1), (8, 3, 2), (4, 4, 3)]),
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_patches_of_any_shape_are_those_of_the_processor(
    shape: tuple[int, int, int], rows: int, columns: int
) -> None:
    side, merge, times = shape
    processor = reader(
        patch_size=side, merge_size=merge, temporal_patch_size=times,
        size={"shortest_edge": 1, "longest_edge": 10**6},
    )  # fmt: skip
    image = noise(columns * side * merge, rows * side * merge)
    patches_PD = kept_size_patches(processor, image)
    assert patches_PD is not None
    assert patches_PD.equal(processor(images=[image], return_tensors="pt")["pixel_values"])


@given(SIDES, SIDES)
def test_a_picture_is_the_processors_whether_it_is_resized_or_not(
    tiny_policy: Policy, width: int, height: int
) -> None:
    image = noise(width, height)
    picture = read_picture(tiny_policy.processor, Media("image", data=png_bytes(image)), None)
    values = tiny_policy.processor.image_processor(images=[image], return_tensors="pt")
    assert picture.grid == tuple(values["image_grid_thw"][0].tolist())
    assert picture.patches_PD.equal(values["pixel_values"])


@pytest.mark.parametrize(
    "settings",
    [{"do_resize": False}, {"do_rescale": False}, {"do_normalize": False},
     {"do_convert_rgb": False}, {"image_mean": 0.5}, {"image_std": 0.5}],
)  # fmt: skip
def test_other_settings_are_left_to_the_processor(settings: dict[str, Any]) -> None:
    assert kept_size_patches(reader(**settings), noise(56, 56)) is None


def test_another_processor_is_left_to_itself() -> None:
    class Other(Qwen2VLImageProcessorPil):  # type: ignore[misc]
        pass

    assert kept_size_patches(Other(size=dict(SIZE)), noise(56, 56)) is None


@pytest.mark.parametrize(("width", "height"), [(28, 28 * 21), (28, 14)])
def test_an_image_that_is_resized_is_left_to_the_processor(width: int, height: int) -> None:
    assert kept_size_patches(reader(), noise(width, height)) is None
