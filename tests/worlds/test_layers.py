"""Layers, with the worked examples 1, 2 and 5 of MiLDEdit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.worlds.layers import Layer, composite, edited, merged, moved, overlaps, widened

WHITE, RED, BLUE = (np.array(c) for c in ([1.0, 1, 1, 1], [1.0, 0, 0, 0.5], [0.0, 0, 1, 0.5]))
NOTHING = np.array([0.3, 0.3, 0.3, 0.0])


@pytest.mark.parametrize(
    "layers, result",
    [
        ([WHITE, RED], [1, 0.5, 0.5, 1]),
        ([BLUE, RED], [0.666667, 0, 0.333333, 0.75]),
        ([NOTHING, NOTHING], [0, 0, 0, 0]),
        ([], [0, 0, 0, 0]),
    ],
)
def test_layers_are_composited_as_in_the_worked_example(layers, result):
    assert composite(layers) == pytest.approx(np.array(result), abs=1e-6)


def test_whole_pictures_are_composited_pixel_by_pixel():
    picture = composite([np.tile(WHITE, (2, 3, 1)), np.tile(RED, (2, 3, 1))])
    assert picture.shape == (2, 3, 4)
    assert picture[1, 2] == pytest.approx(composite([WHITE, RED]))


def test_an_opaque_layer_hides_what_is_below():
    assert composite([RED, BLUE, WHITE]) == pytest.approx(WHITE)


colours = st.tuples(*[st.floats(0, 1)] * 4).map(np.array)


@given(colours, colours, colours)
def test_compositing_does_not_depend_on_grouping(one, two, three):
    left = composite([composite([one, two]), three])
    assert left == pytest.approx(composite([one, two, three]), abs=1e-9)


def test_layers_are_merged_as_in_the_worked_example():
    layers = [
        ("image", (0, 0, 100, 100)), ("text", (10, 10, 40, 20)), ("decoration", (50, 50, 90, 90)),
        ("text", (10, 30, 40, 40)), ("text", (55, 55, 80, 60)), ("decoration", (12, 12, 20, 18)),
    ]  # fmt: skip
    assert merged(layers) == [[0], [1, 3], [2, 5], [4]]


def test_boxes_that_only_touch_do_not_overlap():
    assert not overlaps((0, 0, 2, 2), (2, 0, 4, 2))
    assert overlaps((0, 0, 2, 2), (1, 1, 3, 3))


def test_an_edit_shows_only_where_the_layer_is_opaque():
    """A trap of the source: without it boxes appear around text. Worked example 5."""
    alpha = np.array([1, 0.4, 0.6])
    original = np.tile([0.1, 0.2, 0.3], (3, 1))
    edit = np.tile([0.9, 0.8, 0.7], (3, 1))
    grey = edited(np.concatenate([original, alpha[:, None]], axis=1), edit)
    assert np.diag(grey[:, :3]) == pytest.approx([0.9, 0.2, 0.7])
    assert grey[:, 3] == pytest.approx(alpha)


def test_alpha_of_just_the_threshold_is_not_edited():
    assert edited(np.array([0.1, 0.1, 0.1, 0.5]), np.ones(3))[0] == 0.1


def test_a_layer_is_moved_and_widened_exactly():
    layer = Layer("red box", "decoration", (10, 20, 30, 40), ("red",))
    assert moved(layer, -5, 7).box == (5, 27, 25, 47)
    assert widened(layer, 6).box == (10, 20, 36, 40)
