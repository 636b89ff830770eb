"""The tower learns which characters stand where."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnomon.data.stream import Stream
from gnomon.formats.plain import direct
from gnomon.models.encode import Encoder
from gnomon.models.load import save_policy
from gnomon.models.percepts import Picture
from gnomon.models.policy import Policy
from gnomon.parts import part
from gnomon.recipe import Ocr, Optimizer, Use
from gnomon.records import BadRecord
from gnomon.run import Run
from gnomon.stages.context import Clock, Prepare, StageContext
from gnomon.stages.ocr import (
    CHARACTERS,
    COVERED,
    HALVES,
    PLACES,
    UNTOLD,
    names_of,
    open_letters,
    places_of,
    prepare_ocr,
    slots_of,
    tokens_of,
)
from gnomon.stages.updates import Updater
from gnomon.watch import Watcher

SHOWN = {"world": "exams", "difficulty": (1, 1)}


def blank(rows: int, columns: int) -> Picture:
    return Picture("key", torch.zeros(rows * columns, 1), (1, rows, columns))


@given(data=st.data(), rows=st.integers(1, 5), columns=st.integers(1, 5))
def test_a_slot_covers_half_a_patch_of_its_feature(
    data: st.DataObject, rows: int, columns: int
) -> None:
    x = data.draw(st.floats(0, 28 * columns - 0.01))
    y = data.draw(st.floats(0, 28 * rows - 0.01))
    character = data.draw(st.sampled_from(CHARACTERS))
    [[feature, place]] = slots_of(blank(2 * rows, 2 * columns), [(character, [x], y)]).tolist()
    slot, number = divmod(place, len(CHARACTERS))
    patch, half = divmod(slot, HALVES)
    left = feature % columns * 28 + patch % 2 * 14 + half * 7
    top = feature // columns * 28 + patch // 2 * 14
    assert CHARACTERS[number] == character
    assert left <= x < left + 7 and top <= y < top + 14


def test_what_lies_outside_or_is_no_letter_or_digit_is_left_out() -> None:
    marks = [("ab", [-1.0, 28.0], 3.0), ("a", [3.0], 28.0), (":b", [2.0, 3.0], 3.0)]
    assert slots_of(blank(2, 2), marks).tolist() == [[0, CHARACTERS.index("b")]]


def test_the_tokens_of_a_word_are_where_their_characters_are(tiny_policy: Policy) -> None:
    tokenizer = tiny_policy.processor.tokenizer
    marks = [("12", [20.0, 40.0], 30.0)]
    found = tokens_of(blank(4, 4), marks, tokenizer).tolist()
    one, two = (tokenizer(digit, add_special_tokens=False)["input_ids"] for digit in "12")
    assert found == [[2, *one], [3, *two]]
    assert tokens_of(blank(2, 2), marks, tokenizer).tolist() == []


@given(
    corner=st.tuples(st.integers(0, 83), st.integers(0, 55)),
    size=st.tuples(st.integers(1, 84), st.integers(1, 56)),
)
def test_a_name_is_on_what_its_thing_covers(
    tiny_policy: Policy, corner: tuple[int, int], size: tuple[int, int]
) -> None:
    tokenizer = tiny_policy.processor.tokenizer
    left, top, right, bottom = *corner, corner[0] + size[0], corner[1] + size[1]
    inside = np.zeros((56, 84), dtype=int)
    inside[top:bottom, left:right] = 1
    areas = inside.reshape(2, 28, 3, 28).sum((1, 3)).ravel()
    found = names_of(blank(4, 6), [("7", (left, top, right, bottom))], tokenizer)
    enough = min(COVERED * 28**2, areas.max())
    [token] = tokenizer("7", add_special_tokens=False)["input_ids"]
    assert found.tolist() == [[n, token] for n, area in enumerate(areas) if area >= enough]


def test_a_name_has_all_its_tokens_and_no_blank(tiny_policy: Policy) -> None:
    tokenizer = tiny_policy.processor.tokenizer
    found = names_of(blank(2, 2), [("red 7", (0, 0, 9, 9)), ("8", (30, 0, 40, 9))], tokenizer)
    said = tokenizer(" red 7", add_special_tokens=False)["input_ids"]
    blanks = [t for t in said if not tokenizer.decode([t]).strip()]
    assert found.tolist() == [[0, t] for t in sorted(set(said) - set(blanks))]


def context_of(
    policy: Policy, encoder: Encoder, folder: Path, *, keep: float = 0.0, told: int = 2
) -> tuple[Ocr, StageContext]:
    """A stage over four pictures, ``told`` of which say what is written in them."""
    stage = Ocr(
        name="letters", data=Use("inscriptions", **SHOWN), format=Use("direct"), steps=90,
        batch_size=4, micro_batch_tokens=20, freeze=("language",), keep=keep,
        optimizer=Optimizer(learning_rate=Use("constant", value=1e-2)),
    )  # fmt: skip
    samples = [
        part("source", "inscriptions" if index < told else "world", **SHOWN)()[index]
        for index in range(4)
    ]
    save_policy(policy, folder / "parent")
    policy.freeze(stage.freeze)
    updater = Updater(policy, stage.optimizer, stage.steps)
    context = StageContext(
        run=Run.create(folder, "test", "micro", ""), name=stage.name, index=1, seed=0,
        policy=policy, parent=str(folder / "parent"), encoder=encoder, updater=updater,
        stream=Stream(Prepare(samples, lambda s: encoder.prompt(s, direct())), seed=0),
        clock=Clock(Watcher()), letters=open_letters(stage, policy, updater),
    )  # fmt: skip
    return stage, context


def test_the_characters_of_few_pictures_are_soon_known(
    fresh_policy: Policy, tiny_encoder: Encoder, tmp_path: Path
) -> None:
    stage, context = context_of(fresh_policy, tiny_encoder, tmp_path)
    step = prepare_ocr(stage, context)
    made = [step(number).values for number in range(1, stage.steps + 1)]
    assert made[0]["recall"] == 0.0
    assert made[-1]["recall"] > 0.9 and made[-1]["precision"] > 0.9
    assert made[-1]["loss"] < 0.2 * made[0]["loss"]


def test_what_is_named_is_soon_known_by_its_tokens(
    fresh_policy: Policy, tiny_encoder: Encoder, tmp_path: Path
) -> None:
    stage, context = context_of(fresh_policy, tiny_encoder, tmp_path)
    samples = [part("source", "microworld-chat", turns=1, describe=1.0)()[n] for n in range(4)]
    context.stream = Stream(Prepare(samples, lambda s: tiny_encoder.example(s, direct())), seed=0)
    step = prepare_ocr(stage, context)
    made = [step(number).values for number in range(1, stage.steps + 1)]
    assert made[0]["recall"] == 0.0
    assert made[-1]["recall"] > 0.8 and made[-1]["precision"] > 0.8


def test_each_feature_soon_tells_its_row_and_column(
    fresh_policy: Policy, tiny_encoder: Encoder, tmp_path: Path
) -> None:
    stage, context = context_of(fresh_policy, tiny_encoder, tmp_path)
    step = prepare_ocr(stage, context)
    made = [step(number).values["placed"] for number in range(1, stage.steps + 1)]
    assert made[0] < 0.2 and made[-1] > 0.9


@given(rows=st.integers(1, 40), columns=st.integers(1, 40))
def test_places_count_features_and_end_at_what_can_be_told(rows: int, columns: int) -> None:
    picture = Picture("", torch.zeros(0, 1), (1, 2 * rows, 2 * columns))
    places = [[row, column] for row in range(rows) for column in range(columns)]
    told = [[one if one < PLACES else UNTOLD for one in place] for place in places]
    assert places_of(picture).tolist() == told


def test_the_language_model_stays_as_it_is(
    fresh_policy: Policy, tiny_encoder: Encoder, tmp_path: Path
) -> None:
    before = {n: p.detach().clone() for n, p in fresh_policy.core.named_parameters()}
    stage, context = context_of(fresh_policy, tiny_encoder, tmp_path)
    step = prepare_ocr(stage, context)
    for number in (1, 2):
        step(number)
    moved = {n for n, p in fresh_policy.core.named_parameters() if not p.equal(before[n])}
    assert moved and all(".visual." in name for name in moved)


def test_what_has_no_text_is_kept_as_it_was(
    fresh_policy: Policy, tiny_encoder: Encoder, tmp_path: Path
) -> None:
    changes = []
    for keep in (0.01, 10.0):
        policy = Policy(*[copy.deepcopy(fresh_policy.core)] * 2, fresh_policy.processor)
        stage, context = context_of(policy, tiny_encoder, tmp_path / str(keep), keep=keep)
        step = prepare_ocr(stage, context)
        changes.append([step(number).values["change"] for number in range(1, 21)])
    assert changes[0][0] == changes[1][0] == pytest.approx(0.0, abs=1e-8)
    assert 0 < changes[1][-1] < 0.5 * changes[0][-1]


def test_a_step_that_nothing_can_be_read_in_is_refused(
    fresh_policy: Policy, tiny_encoder: Encoder, tmp_path: Path
) -> None:
    stage, context = context_of(fresh_policy, tiny_encoder, tmp_path, told=0)
    with pytest.raises(BadRecord, match="none of 4 samples says what is written"):
        prepare_ocr(stage, context)(1)
