from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from gnomon.worlds.score import TIMBRES, Note, Score, score_wav, sound


def test_the_file_is_16_khz_mono_16_bits():
    with wave.open(io.BytesIO(score_wav(Score((Note("beep", 0.1, 0.2),), 1.0)))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        assert file.getnframes() == 16000


def test_the_same_score_gives_the_same_bytes():
    score = Score((Note("hiss", 0.1, 0.2),), 1.0, seed=4)
    assert score_wav(score) == score_wav(Score((Note("hiss", 0.1, 0.2),), 1.0, seed=4))


def test_another_seed_hisses_differently():
    notes = (Note("hiss", 0.1, 0.2),)
    assert score_wav(Score(notes, 1.0, 1)) != score_wav(Score(notes, 1.0, 2))


@pytest.mark.parametrize("timbre", TIMBRES)
@pytest.mark.parametrize("level", [6.0, 18.0])
def test_loudness_is_as_told(timbre, level):
    heard = sound(Score((Note(timbre, 0.2, 0.4, 440.0, level),), 1.0))
    middle = heard[round(0.3 * 16000) : round(0.5 * 16000)]
    measured = -20 * np.log10(np.sqrt((middle**2).mean() * 2))
    assert measured == pytest.approx(level, abs=0.7)


def test_silence_is_silent():
    heard = sound(Score((Note("beep", 0.5, 0.2),), 1.0))
    assert np.abs(heard[:7900]).max() <= 1e-3


@pytest.mark.parametrize(
    "notes, seconds, match",
    [
        ((Note("beep", 0.9, 0.2),), 1.0, "does not fit"),
        ((Note("beep", -0.1, 0.2),), 1.0, "does not fit"),
        ((Note("beep", 0.1, 0.01),), 1.0, "does not fit"),
        ((Note("beep", 0.1, 0.2, 9000.0),), 1.0, "Hz"),
        ((Note("rise", 0.1, 0.2, 5000.0),), 1.0, "Hz"),
        ((Note("beep", 0.1, 0.2, 440.0, -3.0),), 1.0, "decibels"),
        ((), 0.0, "at most 8"),
        ((), 60.0, "at most 8"),
    ],
)
def test_a_sound_that_cannot_be_is_refused_with_what_fits(notes, seconds, match):
    with pytest.raises(ValueError, match=match):
        Score(notes, seconds)


def test_the_written_score_tells_what_is_heard():
    assert Score((Note("beep", 0.5, 0.2),), 2.0).written == "2s: beep 0.50+0.20 440Hz -6dB"
