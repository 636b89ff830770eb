from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.records import Media
from gnomon.worlds.listening import flatness, listen, peak, peaks, spectrum, stretches
from gnomon.worlds.score import TIMBRES, Note, Score, score_wav


def tone(hertz: float, count: int = 4000) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hertz / 16000 * np.arange(count))


@settings(max_examples=25, deadline=None)
@given(hertz=st.floats(100, 7000))
def test_a_pitch_is_found_to_a_thousandth(hertz):
    assert peak(tone(hertz)) == pytest.approx(hertz, rel=2e-3)


def test_every_tone_of_a_chord_is_a_peak():
    heard = peaks(tone(300) + tone(420) + tone(700))
    assert heard == pytest.approx([300, 420, 700], abs=4)


def test_noise_is_flat_and_tones_are_not():
    noise = np.random.default_rng(0).random(4000) - 0.5
    assert flatness(spectrum(noise)) > 0.3 > 0.05 > flatness(spectrum(tone(440)))


def test_stretches_are_found_to_a_frame():
    wave = np.zeros(16000)
    wave[3200:6400] = tone(440, 3200)
    wave[9600:12800] = tone(880, 3200)
    found = stretches(wave)
    assert np.abs(np.subtract(found, [(3200, 6400), (9600, 12800)])).max() <= 80


def test_silence_has_no_stretch():
    assert stretches(np.zeros(1000)) == []


@pytest.mark.parametrize("timbre", TIMBRES)
def test_each_sort_of_sound_is_told(timbre):
    for pitch in (220.0, 500.0, 880.0):
        score = Score((Note(timbre, 0.2, 0.2, pitch),), 1.0, seed=int(pitch))
        (heard,) = listen(Media("audio", data=score_wav(score)))
        assert heard.timbre == timbre
        assert heard.length == pytest.approx(0.2, abs=0.011)
