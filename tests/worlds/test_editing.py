from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gnomon.worlds.editing import (
    VARIANTS,
    flattened,
    hidden_boxes,
    inscribed_points,
    layers,
    mask_of,
    occlude,
    occlude_softly,
    remove,
    scene_graph,
    swap,
)
from gnomon.worlds.render import box_of, render
from gnomon.worlds.scene import CELL, Digit, Placed, Scene, Shape, Wish, Word, draw_scene

RED = Placed(Shape("circle", "red", "large"), 0, 0, 0, 0, 22, (210, 40, 40))
STAR = Placed(Shape("star", "blue", "small"), 2, 1, 1, -1, 13, (44, 84, 216))
SEVEN = Placed(Digit(7, 7), 1, 2, 0, 0, 23, (10, 10, 10))
WORD = Placed(Word("CAB"), 2, 3, 0, 0, 19, (0, 0, 0))
SCENE = Scene(4, 4, (RED, STAR, SEVEN, WORD), 240)


def scene(seed: int) -> Scene:
    return draw_scene(np.random.default_rng(seed), Wish(shapes=5, digits=2, words=1))


# -- layers, masks, graphs ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_layers_over_one_another_are_the_picture(seed):
    made = np.asarray(flattened(layers(scene(seed)))).astype(int)
    assert np.abs(made - np.asarray(render(scene(seed)))).max() <= 1


def test_each_layer_holds_one_object_alone():
    paper, *others = layers(SCENE)
    assert paper.getextrema()[3] == (255, 255)
    for layer, item in zip(others, SCENE.objects, strict=True):
        assert layer.getchannel("A").getbbox() == box_of(item)


def test_no_layers_are_refused():
    with pytest.raises(ValueError, match="at least the paper"):
        flattened(())


@pytest.mark.parametrize("seed", range(4))
def test_a_mask_lies_in_its_box_and_fills_its_share(seed):
    for item in scene(seed).objects:
        mask = mask_of(scene(seed), item)
        x1, y1, x2, y2 = box_of(item)
        assert mask.shape == (112, 112)
        assert mask.sum() == mask[y1:y2, x1:x2].sum() > 0.1 * (x2 - x1) * (y2 - y1)


def test_a_later_object_hides_an_earlier_one():
    over = Placed(Shape("square", "green", "large"), 0, 0, 0, 0, 22, (40, 160, 62))
    both = Scene(1, 1, (RED, over), 240)
    assert mask_of(both, RED).sum() < mask_of(Scene(1, 1, (RED,), 240), RED).sum()
    assert not (mask_of(both, RED) & mask_of(both, over)).any()


def test_an_object_of_another_scene_has_no_mask():
    with pytest.raises(ValueError, match="there is no large red circle at a1"):
        mask_of(Scene(4, 4, (STAR,), 240), RED)


def test_a_graph_tells_attributes_and_relations():
    graph = scene_graph(SCENE)
    assert graph.nodes[0].attributes == {
        "sort": "shape", "kind": "circle", "colour": "red", "size": "large",
    }  # fmt: skip
    assert graph.nodes[2].attributes == {"sort": "digit", "value": "7"}
    assert graph.nodes[3].attributes == {"sort": "word", "text": "CAB"}
    assert (0, "left of", 1) in graph.relations and (1, "right of", 0) in graph.relations
    assert (0, "above", 3) in graph.relations and (1, "left of", 3) not in graph.relations


@pytest.mark.parametrize("seed", range(4))
def test_every_relation_has_its_reverse(seed):
    reverse = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
    relations = set(scene_graph(scene(seed)).relations)
    assert relations == {(b, reverse[word], a) for a, word, b in relations}


@pytest.mark.parametrize("seed", range(20))
def test_a_relation_holds_for_every_cell_that_an_object_covers(seed):
    drawn = scene(seed)
    spans = [range(x1 // CELL, (x2 - 1) // CELL + 1) for x1, _, x2, _ in map(box_of, drawn.objects)]
    told = {(one, other) for one, word, other in scene_graph(drawn).relations if word == "left of"}
    for one, other in permutations(range(len(spans)), 2):
        assert ((one, other) in told) == (max(spans[one]) < min(spans[other]))


# -- edits -------------------------------------------------------------------------------------


def test_removing_an_object_changes_its_pixels_alone():
    changed = np.asarray(render(SCENE)) != np.asarray(render(remove(SCENE, STAR)))
    x1, y1, x2, y2 = box_of(STAR)
    assert changed.any() and changed.sum() == changed[y1:y2, x1:x2].sum()


@pytest.mark.parametrize(
    "item, attribute, value, written",
    [
        (RED, "colour", "blue", "large blue circle"),
        (RED, "kind", "star", "large red star"),
        (RED, "size", "small", "small red circle"),
        (SEVEN, "scan", 3, "digit 3"),
    ],
)
def test_one_attribute_is_swapped_and_all_else_stays(item, attribute, value, written):
    after = swap(SCENE, item, attribute, value)
    place = SCENE.objects.index(item)
    assert after.objects[place].thing.written == written
    assert after.objects[place].cell == item.cell
    assert [o for o in after.objects if o.cell != item.cell] == [
        o for o in SCENE.objects if o.cell != item.cell
    ]


def test_a_new_colour_keeps_the_tint():
    (changed, *_) = swap(SCENE, RED, "colour", "green").objects
    assert changed.ink == (40 + 210 - 216, 160 + 40 - 32, 62 + 40 - 38)


@pytest.mark.parametrize(
    "item, attribute, value, match",
    [
        (RED, "colour", "pink", "use one of red"),
        (RED, "colour", "red", "already"),
        (RED, "scan", 3, "it has colour, kind and size"),
        (SEVEN, "colour", "red", "it has a scan"),
        (WORD, "colour", "red", "it has nothing"),
        (SEVEN, "scan", 7, "already"),
    ],
)
def test_a_swap_that_cannot_be_is_refused(item, attribute, value, match):
    with pytest.raises(ValueError, match=match):
        swap(SCENE, item, attribute, value)


# -- what is hidden ----------------------------------------------------------------------------


def test_a_hidden_box_is_black_inside_and_untouched_outside():
    shown = np.asarray(occlude(Image.new("RGB", (20, 20), "white"), [(2, 3, 5, 7), (9, 9, 9, 12)]))
    assert (shown[3:7, 2:5] == 0).all() and shown.sum() == (400 - 12) * 3 * 255


def test_the_soft_edge_of_mpcc_is_half_transparent_at_the_border():
    shown = np.asarray(occlude_softly(Image.new("RGB", (120, 120), "white"), (30.9, 30, 60.4, 60)))
    assert shown[60, 60, 0] == 0 and shown[60, 5, 0] == 255
    assert 100 <= shown[60, 30, 0] <= 150 and 100 <= shown[60, 91, 0] <= 150


def test_the_corner_of_mpcc_cuts_the_sum_and_not_each_part():
    white = Image.new("RGB", (40, 40), "white")
    shown = np.asarray(occlude_softly(white, (10.6, 10, 10.6, 10), blur=0))
    assert np.flatnonzero(shown[15, :, 0] == 0)[[0, -1]].tolist() == [10, 21]


def test_variants_hide_the_evidence_or_as_many_others():
    boxes = hidden_boxes(SCENE, [RED, STAR], np.random.default_rng(0))
    assert boxes.of("pos") == ()
    assert boxes.of("cf") == (box_of(RED), box_of(STAR)) == boxes.needed
    assert len(boxes.of("rand")) == 2 and set(boxes.of("rand")) == set(boxes.others)
    assert VARIANTS == ("pos", "cf", "rand")


def test_no_more_others_are_hidden_than_there_are():
    boxes = hidden_boxes(SCENE, [RED, STAR, SEVEN], np.random.default_rng(0))
    assert boxes.random == (box_of(WORD),)


@pytest.mark.parametrize("evidence", [(), SCENE.objects])
def test_variants_need_evidence_and_something_else(evidence):
    with pytest.raises(ValueError, match="at least one of each"):
        hidden_boxes(SCENE, evidence, np.random.default_rng(0))


# -- inscribed circles -------------------------------------------------------------------------


def test_the_points_of_two_squares_are_their_middles():
    mask = np.zeros((40, 60), dtype=bool)
    mask[5:16, 5:16] = mask[20:29, 40:49] = True
    assert inscribed_points(mask) == ((10, 10), (44, 24))


def test_a_single_pixel_gives_the_same_point_twice():
    mask = np.zeros((5, 5), dtype=bool)
    mask[2, 3] = True
    assert inscribed_points(mask) == ((3, 2), (3, 2))


@given(seed=st.integers(0, 10_000))
def test_points_lie_inside_the_mask(seed):
    mask = np.random.default_rng(seed).random((12, 15)) < 0.7
    for x, y in inscribed_points(mask):
        assert mask[y, x]


def test_an_empty_mask_has_no_points():
    with pytest.raises(ValueError, match="empty mask"):
        inscribed_points(np.zeros((4, 4), dtype=bool))
