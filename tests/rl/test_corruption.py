from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnomon.formats.plain import direct
from gnomon.models.encode import Encoder
from gnomon.records import Answer, Media, Message, Sample
from gnomon.rl.corruption import (
    black_patch,
    grid_of,
    hidden_by,
    hide_patches,
    hide_pixels,
    random_block,
    random_patches,
    saliency_patches,
    semantic_blocks,
)

DRAWS = torch.tensor([[0.1, 0.7, 0.5], [0.6, 0.59, 0.61]])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_worked_example_of_the_mask():
    """An image of 28 x 30 pixels: the third column of patches is two pixels wide."""
    assert grid_of(28, 30) == (2, 3)
    hidden = hidden_by(DRAWS, 0.6)
    assert hidden.int().tolist() == [[1, 0, 1], [0, 1, 0]]
    pixels = hide_pixels(np.full((28, 30, 3), 9, np.uint8), hidden)
    assert int((pixels == 0).all(-1).sum()) == 420
    assert pixels[0, 14].tolist() == [9, 9, 9]


def test_random_patches_are_drawn_row_by_row():
    draws = torch.rand(2, 3, generator=generator(4))
    assert random_patches((2, 3), generator(4)).equal(draws < 0.6)
    assert random_patches((2, 3), generator(), probability=1.0).all()
    assert not random_patches((2, 3), generator(), probability=0.0).any()


@given(st.floats(0, 1), st.integers(0, 99))
def test_a_larger_probability_hides_more(probability, seed):
    one = random_patches((6, 6), generator(seed), probability=probability)
    more = random_patches((6, 6), generator(seed), probability=min(1.0, probability + 0.2))
    assert bool((more | ~one).all())


@pytest.mark.parametrize("corruption", [random_patches, random_block])
def test_a_share_out_of_range_is_refused(corruption):
    name = "probability" if corruption is random_patches else "share"
    with pytest.raises(ValueError, match=f"{name}=1.5"):
        corruption((2, 2), generator(), **{name: 1.5})


@given(st.integers(1, 9), st.integers(1, 9), st.floats(0, 1), st.integers(0, 99))
def test_a_random_block_is_one_rectangle_within_the_image(rows, columns, share, seed):
    hidden = random_block((rows, columns), generator(seed), share=share)
    assert hidden.shape == (rows, columns)
    used = hidden.any(1).sum() * hidden.any(0).sum()
    assert hidden.sum() == used


def test_a_random_block_covers_its_share():
    """A quarter of the image is half of each side, rounded up."""
    hidden = random_block((8, 6), generator(), share=0.25)
    assert (int(hidden.any(1).sum()), int(hidden.any(0).sum())) == (4, 3)


def sample(**changes: object) -> Sample:
    return Sample("s", (Message("user", "?"),), **changes)


def test_semantic_blocks_hide_every_patch_that_a_box_touches():
    asked = sample(meta={"boxes": [(10, 10, 20, 14)]})
    found = semantic_blocks((3, 3), (42, 42), asked)
    assert found.int().tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
    wide = semantic_blocks((3, 3), (42, 42), asked, margin=1.0)
    assert wide.int().tolist() == [[1, 1, 1], [1, 1, 1], [0, 0, 0]]


def test_boxes_are_scaled_from_the_stored_image_to_the_grid():
    asked = sample(meta={"boxes": [(100, 0, 200, 200)]})
    assert semantic_blocks((2, 2), (200, 200), asked).int().tolist() == [[0, 1], [0, 1]]


def test_a_box_as_the_answer_is_hidden_too():
    asked = sample(answer=Answer("box", (0.0, 0.0, 5.0, 5.0)))
    assert semantic_blocks((2, 2), (28, 28), asked).int().tolist() == [[1, 0], [0, 0]]


def test_a_sample_without_a_box_says_what_to_use():
    with pytest.raises(ValueError, match="use random-patches"):
        semantic_blocks((2, 2), (28, 28), sample())


def test_the_most_salient_patches_are_hidden():
    asked = sample(meta={"saliency": [[0.1, 0.9], [0.5, 0.5]]})
    found = saliency_patches((2, 2), asked, share=0.5)
    assert found.int().tolist() == [[0, 1], [1, 0]]


def test_a_patch_is_as_salient_as_its_part_of_a_finer_table():
    table = np.zeros((4, 6))
    table[2:, 3:] = 0.2
    table[0, 0] = 0.5
    found = saliency_patches((2, 2), sample(meta={"map": table}), key="map", share=0.25)
    assert found.int().tolist() == [[0, 0], [0, 1]]


def test_a_sample_without_saliency_says_what_to_use():
    with pytest.raises(ValueError, match="use random-patches"):
        saliency_patches((2, 2), sample())
    with pytest.raises(ValueError, match="share=2"):
        saliency_patches((2, 2), sample(meta={"saliency": [[1.0]]}), share=2.0)


def test_hiding_patches_is_hiding_pixels_before_the_processor(
    tiny_encoder: Encoder, paint: Callable[..., Media]
) -> None:
    from PIL import Image

    from gnomon.media.image import open_image, png_bytes

    medium = paint("red", 84, 56)
    asked = Sample("s", (Message("user", "<image>?"),), media=(medium,))
    [picture] = tiny_encoder.prompt(asked, direct()).percepts
    rows, columns = picture.grid[1:]
    hidden = random_patches((rows, columns), generator(1))
    processor = tiny_encoder.processor.image_processor
    found = hide_patches(picture, hidden, black_patch(processor))
    pixels = np.array(open_image(medium).resize((columns * 14, rows * 14)).convert("RGB"))
    masked = Media("image", data=png_bytes(Image.fromarray(hide_pixels(pixels, hidden))))
    other = Sample("s", (Message("user", "<image>?"),), media=(masked,))
    [expected] = tiny_encoder.prompt(other, direct()).percepts
    assert expected.grid == picture.grid
    black = (found.patches_PD - expected.patches_PD).abs().amax(1) < 1e-5
    assert bool(black.all())
    assert found.key != picture.key
