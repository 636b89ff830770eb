from __future__ import annotations

import shutil

import numpy as np
import pytest

from gnomon.parts import PartError
from gnomon.worlds import spoken as module
from gnomon.worlds.spoken import VOICES, likeness, spoken, words
from gnomon.worlds.world import draw_posed, tasks_of, world_task

needs_voice = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="no espeak-ng here")


def test_a_digit_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="use 0 to 9"):
        spoken(10, 0)
    with pytest.raises(ValueError, match="use 0 to 9"):
        spoken(0, len(VOICES))


def test_without_the_program_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(module, "PROGRAM", "no-such-program")
    spoken.cache_clear()
    with pytest.raises(RuntimeError, match="install it"):
        spoken(0, 0)
    spoken.cache_clear()


def test_a_task_that_this_machine_cannot_offer_is_refused_with_its_remedy(monkeypatch):
    absent = {"spoken-digits": "needs espeak-ng: install it"}
    monkeypatch.setattr("gnomon.worlds.sound.ABSENT", absent)
    with pytest.raises(PartError, match="needs espeak-ng: install it"):
        world_task("sound", "spoken-digits")


def test_the_task_is_offered_where_the_program_is():
    assert ("spoken-digits" in tasks_of("sound")) == (shutil.which("espeak-ng") is not None)


def test_words_are_parted_by_silence_and_not_by_short_gaps():
    noise = np.random.default_rng(0).random(1600).astype(np.float32) - 0.5
    short, long = np.zeros(800, np.float32), np.zeros(4800, np.float32)
    parts = words(np.concatenate([long, noise, short, noise, long, noise, long]))
    assert [len(part) for part in parts] == [4000, 1600]


def test_a_sound_is_most_like_itself_at_any_shift():
    noise = np.random.default_rng(0).random(1600).astype(np.float32) - 0.5
    other = np.random.default_rng(1).random(1600).astype(np.float32) - 0.5
    moved = np.concatenate([np.zeros(300, np.float32), 0.3 * noise])
    assert likeness(moved, noise) == pytest.approx(1.0, abs=1e-4)
    assert likeness(other, noise) < 0.3


@needs_voice
def test_a_spoken_digit_is_loud_and_short():
    wave = spoken(7, 0)
    assert 0.1 < len(wave) / 16000 < 1.5
    assert np.abs(wave).max() == pytest.approx(0.5, abs=1e-3)


@needs_voice
def test_both_splits_have_digits_at_every_difficulty():
    task = world_task("sound", "spoken-digits")
    for level in range(1, 6):
        for split in ("train", "test"):
            assert draw_posed(task, np.random.default_rng(0), level, split)
