from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from gnomon.media.audio import open_audio, resampled, write_wav
from gnomon.media.mp4 import write_mp4
from gnomon.records import BadRecord, Media

TONE = np.sin(2 * np.pi * 440 * np.arange(8000) / 16000) * 0.5
WAV = write_wav(TONE)


def decode(data: bytes, **options: object) -> np.ndarray:
    return open_audio(Media("audio", data=data), **options)


def refused(data: bytes, **options: object) -> str:
    with pytest.raises(BadRecord) as caught:
        decode(data, **options)
    return str(caught.value)


def encoded(samples: np.ndarray, kind: str, rate: int = 16000, **options: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, **options)
    return buffer.getvalue()


# -- what is read -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind, gap", [("WAV", 1e-4), ("FLAC", 1e-4), ("OGG", 0.1)])
def test_every_format_is_read_by_its_content(kind, gap):
    wave = decode(encoded(TONE, kind))
    assert wave.dtype == np.float32
    assert np.abs(wave - TONE).max() < gap


def test_a_written_sound_comes_back_to_16_bits():
    assert np.abs(decode(WAV) - TONE).max() <= 1 / 32767


def test_the_same_samples_give_the_same_file():
    assert write_wav(TONE) == write_wav(TONE.copy())


def test_samples_beyond_full_scale_are_clipped():
    assert decode(write_wav(np.array([2.0, -2.0]))).tolist() == pytest.approx([1, -1], abs=1e-4)


def test_several_channels_become_their_mean_or_the_first():
    both = encoded(np.stack([TONE, 0 * TONE], axis=1), "WAV")
    assert np.abs(decode(both) - TONE / 2).max() < 1e-4
    assert np.abs(decode(both, channels="first") - TONE).max() < 1e-4


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_another_rate_keeps_the_tone(rate):
    told = np.sin(2 * np.pi * 440 * np.arange(rate // 2) / rate) * 0.5
    wave = decode(encoded(told, "WAV", rate))
    assert len(wave) == 8000
    assert np.abs(wave[500:-500] - TONE[500:-500]).max() < 0.01


@given(count=st.integers(1, 300), given_rate=st.sampled_from([8000, 11025, 16000, 48000]))
def test_resampling_keeps_the_length_in_seconds(count, given_rate):
    wave = resampled(np.zeros(count), given_rate, 16000)
    assert len(wave) == -(-count * 16000 // given_rate)


def test_a_file_is_read_under_its_root(tmp_path: Path):
    (tmp_path / "a.bin").write_bytes(WAV)
    assert len(open_audio(Media("audio", path=Path("a.bin")), root=tmp_path)) == 8000


def test_a_streamed_file_of_unknown_length_is_read():
    data = WAV[:4] + b"\xff\xff\xff\xff" + WAV[8:40] + b"\xff\xff\xff\xff" + WAV[44:]
    assert len(decode(data)) == 8000


# -- what is refused ---------------------------------------------------------------------------


def test_a_video_is_no_sound():
    with pytest.raises(BadRecord, match="an audio is needed"):
        open_audio(Media("video", data=WAV))


@pytest.mark.parametrize(
    "data",
    [b"x" * 99, write_mp4(np.zeros((2, 16, 16, 3), np.uint8), 2), b"RIFF"],
    ids=["noise", "video", "start"],
)
def test_other_files_are_refused_with_what_to_do(data):
    assert "drop the record" in refused(data)


@pytest.mark.parametrize("size", [30, 100, 8000])
def test_a_truncated_wav_is_refused(size):
    assert "truncated" in refused(WAV[:size])


def test_a_truncated_flac_is_refused():
    noise = np.random.default_rng(0).random(8000) - 0.5
    data = encoded(noise, "FLAC")
    assert "drop the record" in refused(data[: len(data) // 2])


def test_a_damaged_file_is_a_bad_record_or_read():
    rng = np.random.default_rng(0)
    for kind in ("WAV", "FLAC", "OGG"):
        whole = encoded(TONE, kind)
        for _ in range(20):
            data = bytearray(whole)
            for place in rng.integers(0, len(data), 8):
                data[place] = rng.integers(256)
            try:
                assert np.isfinite(decode(bytes(data), max_seconds=10)).all()
            except BadRecord as error:
                assert str(error).startswith("audio of ")


def test_an_empty_file_is_refused():
    assert "empty" in refused(b"")
    assert "no sample" in refused(encoded(np.zeros(0), "WAV"))


def test_limits_are_checked_and_say_what_to_do():
    assert "raise max_bytes" in refused(WAV, max_bytes=100)
    assert "raise max_seconds" in refused(WAV, max_seconds=0.1)
    assert "max_channels" in refused(encoded(np.zeros((9, 3)), "WAV"), max_channels=2)
    assert "samples per second" in refused(encoded(TONE, "WAV", 500))


def test_a_header_that_announces_hours_is_refused_before_decoding():
    flac = bytearray(encoded(np.zeros(100), "FLAC"))
    flac[21:26] = bytes([flac[21] | 15, 255, 255, 255, 255])  # the number of samples, 36 bits
    assert "the limit is 3600" in refused(bytes(flac))


def test_another_format_is_named():
    assert "AIFF" in refused(encoded(TONE, "AIFF"))


def test_samples_that_are_not_finite_are_refused():
    assert "not finite" in refused(encoded(np.array([0.0, np.nan]), "WAV", subtype="FLOAT"))


@pytest.mark.parametrize("rate", [0, 10, 10**7])
def test_a_rate_that_is_not_possible_is_refused(rate):
    with pytest.raises(ValueError, match="samples per second"):
        decode(WAV, rate=rate)
    with pytest.raises(ValueError, match="samples per second"):
        write_wav(TONE, rate)


@pytest.mark.parametrize("wave", [np.zeros(0), np.zeros((2, 2)), np.array([np.inf])])
def test_samples_that_no_file_can_hold_are_refused(wave):
    with pytest.raises(ValueError, match="one row"):
        write_wav(wave)


def test_without_the_package_the_extra_is_named(monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr("gnomon.media.files.import_module", absent)
    with pytest.raises(ImportError, match=r"gnomon\[audio\]"):
        decode(WAV)
