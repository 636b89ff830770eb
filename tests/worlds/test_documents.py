import json
from dataclasses import replace

import numpy as np
import pytest

from gnomon.grading.grade import strict
from gnomon.media.image import open_image
from gnomon.records import Answer
from gnomon.worlds.documents import (
    EDITS,
    LAYERS,
    SIDE,
    TASKS,
    draw_document,
    draw_request,
    redone,
    written,
)
from gnomon.worlds.scene import COLOURS
from gnomon.worlds.world import LEVELS, world_task

every_level = pytest.mark.parametrize("level", LEVELS)


def posed(task, level, seed=0):
    return world_task("documents", task).pose(np.random.default_rng([level, seed]), level)


def requests(level, count=20):
    for seed in range(count):
        rng = np.random.default_rng([level, seed])
        layers = draw_document(rng, LAYERS[level - 1])
        yield layers, *draw_request(rng, layers, EDITS[level - 1])


@every_level
def test_a_difficulty_has_its_number_of_layers_and_edits(level):
    for layers, sentences, labels, states in requests(level):
        assert len(layers) == LAYERS[level - 1]
        assert len(sentences) == len(labels) == len(states) == EDITS[level - 1]


@every_level
def test_labels_occur_once_and_layers_stay_in_the_document(level):
    for layers, _, _, states in requests(level):
        for state in (layers, *states):
            assert len({layer.label for layer in state}) == len(state) >= 2
            for layer in state:
                assert 0 <= layer.box[0] < layer.box[2] <= SIDE
                assert 0 <= layer.box[1] < layer.box[3] <= SIDE


def test_every_edit_has_an_effect():
    for layers, _, _, states in requests(5):
        for before, after in zip([layers, *states], states, strict=False):
            assert before != after


def test_an_edit_leaves_the_other_layers_as_they_are():
    for layers, _, (label, *_), (after, *_) in requests(5):

        def rest(state, label=label):
            return [layer for layer in state if layer.label != label]

        assert rest(layers) == rest(after)


def test_every_kind_of_edit_is_drawn():
    words = {
        sentence.split()[0] for _, sentences, _, _ in requests(5, 40) for sentence in sentences
    }
    assert words == {"Move", "Make", "Align", "Bring", "Send", "Remove"}


def test_a_request_that_is_read_again_gives_the_same_layers():
    for seed in range(30):
        question = posed("edit", 5, seed)
        layers, _ = redone(question)
        value = [(label, tuple(map(float, box))) for label, box in layers.items()]
        assert value == list(question.answer.value)


def test_layers_in_another_order_are_not_right():
    """The order decides what is seen, so it is part of the answer."""
    question = posed("edit", 3)
    rows = json.loads(question.answer_text)
    assert strict(question.answer_text, question.answer).correct
    assert not strict(json.dumps(rows[::-1]), question.answer).correct


def test_a_document_that_was_left_as_it_is_is_not_the_answer():
    """A trap of the source: doing nothing keeps the layout nearly perfect."""
    for seed in range(20):
        question = posed("edit", 5, seed)
        before = [{"label": label, "bbox": box} for label, box in question.facts["layers"]]
        answered = replace(question, answer_text=json.dumps(before))
        assert not world_task("documents", "edit").confirm(answered)


def test_layers_to_change_are_a_part_of_all():
    for seed in range(20):
        question = posed("decide", 4, seed)
        labels = {label for label, _ in question.facts["layers"]}
        assert 0 < len(set(question.answer.value) & labels) == len(question.answer.value)


@every_level
def test_the_layer_on_top_is_seen_at_its_point(level):
    for seed in range(10):
        question = posed("topmost", level, seed)
        (medium,) = question.show()
        pixel = open_image(medium).getpixel(tuple(question.facts["point"]))
        assert pixel == COLOURS[question.facts["look"][-1]]


def test_a_point_to_look_at_lies_on_several_layers():
    for seed in range(10):
        question = posed("topmost", 4, seed)
        x, y = question.facts["point"]
        boxes = [box for _, box in question.facts["layers"]]
        assert sum(b[0] <= x + 3 and x - 3 < b[2] and b[1] <= y + 3 and y - 3 < b[3]
                   for b in boxes) > 1  # fmt: skip


def test_layers_are_written_as_the_layout_is_read():
    layers = draw_document(np.random.default_rng(0), 4)
    rows = json.loads(written(layers))
    assert [(row["label"], tuple(row["bbox"])) for row in rows] == [
        (layer.label, layer.box) for layer in layers
    ]


def test_a_box_is_drawn_in_its_colour_where_it_says():
    question = posed("edit", 1)
    (medium,) = question.show()
    pixels = np.asarray(open_image(medium))
    assert pixels.shape == (SIDE, SIDE, 3)
    label, (x1, y1, x2, y2) = next(item for item in question.facts["layers"] if "box" in item[0])
    ink = (pixels == COLOURS[label.split()[0]]).all(2)
    assert ink.any() and ink[y1:y2, x1:x2].sum() == ink.sum()


def test_wrong_answers_are_not_confirmed():
    for task, wrong in zip(TASKS, ("[]", ("red",), "word"), strict=True):
        question = task.pose(np.random.default_rng(0), 3)
        answer = Answer(question.answer.kind, wrong)
        assert not task.confirm(replace(question, answer=answer, answer_text="[]"))


def test_what_is_seen_is_the_composite_of_the_layers_alone():
    """A word's soft edge lies over what is below it, and opaque layers hide it."""
    question = posed("topmost", 5)
    (medium,) = question.show()
    image = np.asarray(open_image(medium)).astype(int)
    for label, (x1, y1, x2, y2) in question.facts["layers"][-1:]:
        word = image[y1:y2, x1:x2]
        assert label.startswith("word ")
        assert (word.max(axis=2) < 16).any()
    assert (image[0, 0] == 255).all()
