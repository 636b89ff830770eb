"""The tower learns which characters stand where."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnomon.data.stream import Stream
from gnomon.formats.plain import direct
from gnomon.models.encode import Encoder
from gnomon.models.percepts import Picture
from gnomon.models.policy import Policy
from gnomon.parts import part
from gnomon.recipe import Ocr, Optimizer, Use
from gnomon.records import BadRecord
from gnomon.run import Run
from gnomon.stages.context import Clock, Prepare, StageContext
from gnomon.stages.ocr import CHARACTERS, HALVES, open_letters, prepare_ocr, slots
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
    [[feature, place]] = slots(blank(2 * rows, 2 * columns), [(character, x, y)]).tolist()
    slot, number = divmod(place, len(CHARACTERS))
    patch, half = divmod(slot, HALVES)
    left = feature % columns * 28 + patch % 2 * 14 + half * 7
    top = feature // columns * 28 + patch // 2 * 14
    assert CHARACTERS[number] == character
    assert left <= x < left + 7 and top <= y < top + 14


def test_what_lies_outside_or_is_no_letter_or_digit_is_left_out() -> None:
    marks = [("a", -1.0, 3.0), ("a", 3.0, 28.0), ("a", 28.0, 3.0), (":", 3.0, 3.0), ("b", 3.0, 3.0)]
    assert slots(blank(2, 2), marks).tolist() == [[0, CHARACTERS.index("b")]]


def context_of(
    policy: Policy, encoder: Encoder, folder: Path, *, rate: float = 1e-2, world: bool = True
) -> tuple[Ocr, StageContext]:
    stage = Ocr(
        name="letters", data=Use("inscriptions", **SHOWN), format=Use("direct"), steps=60,
        batch_size=2, micro_batch_tokens=20, freeze=("language",),
        optimizer=Optimizer(learning_rate=Use("constant", value=rate)),
    )  # fmt: skip
    source = part("source", *(["inscriptions"] if world else ["world"]), **SHOWN)()
    samples = [source[index] for index in range(2)]
    policy.freeze(stage.freeze)
    updater = Updater(policy, stage.optimizer, stage.steps)
    context = StageContext(
        run=Run.create(folder, "test", "micro", ""), name=stage.name, index=1, seed=0,
        policy=policy, parent="", encoder=encoder, updater=updater,
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


def test_a_sample_that_does_not_say_what_is_written_is_named(
    fresh_policy: Policy, tiny_encoder: Encoder, tmp_path: Path
) -> None:
    stage, context = context_of(fresh_policy, tiny_encoder, tmp_path, world=False)
    with pytest.raises(BadRecord, match="does not say what is written in its 1 pictures"):
        prepare_ocr(stage, context)(1)
