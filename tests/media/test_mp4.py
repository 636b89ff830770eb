from __future__ import annotations

import io
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gnomon.media import mp4
from gnomon.media.mp4 import write_mp4
from gnomon.media.video import Clip, open_video
from gnomon.records import Media


def frames(count: int = 8, side: int = 32, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    made = np.full((count, side, side, 3), 240, np.uint8)
    for number in range(count):
        x, y = draw.integers(0, side // 2, 2)
        made[number, y : y + side // 2, x : x + side // 2] = draw.integers(0, 255, 3)
    return made


FILM = write_mp4(frames(), 4)


def decode(data: bytes) -> Clip:
    return open_video(Media("video", data=data))


def boxes(data: bytes) -> dict[bytes, bytes]:
    found, place = {}, 0
    while place < len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        found[kind], place = data[place + 8 : place + size], place + size
    return found


# What is written


def test_frames_come_back_with_their_times():
    made = frames()
    clip = decode(write_mp4(made, 4))
    assert clip.times == tuple(number / 4 for number in range(8))
    assert (clip.total, clip.rate, clip.seconds) == (8, 4.0, 2.0)
    for one, other in zip(clip.frames, made, strict=True):
        assert np.abs(np.asarray(one).astype(int) - other).mean() < 10


def test_colours_and_levels_come_back():
    made = np.stack([np.full((32, 32, 3), 25 * number, np.uint8) for number in range(8)])
    made[:, :16] = (200, 40, 90)
    for one, other in zip(decode(write_mp4(made, 4)).frames, made, strict=True):
        gap = np.abs(np.asarray(one).astype(int) - other)
        assert max(gap[2:14].max(), gap[18:].max()) < 12


@settings(max_examples=30)
@given(
    st.integers(1, 20),
    st.sampled_from([(16, 16), (2, 64), (112, 112), (34, 18)]),
    st.sampled_from([0.5, 1, 2, 4, 12.5, 24, 29.97, Fraction(30000, 1001)]),
)
def test_any_number_of_frames_of_any_size_and_rate_is_read_again(count, size, fps):
    width, height = size
    clip = decode(write_mp4(np.zeros((count, height, width, 3), np.uint8), fps))
    assert (clip.total, clip.frames[0].size) == (count, size)
    assert clip.rate == pytest.approx(float(fps), rel=1e-3)
    assert clip.times == pytest.approx([number / float(fps) for number in range(count)], abs=1e-3)


def test_it_is_h264_in_an_mp4_that_says_so():
    with av.open(io.BytesIO(FILM)) as container:
        stream = container.streams.video[0]
        assert "mp4" in container.format.name
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.frames, float(stream.average_rate)) == (8, 4.0)
        assert container.duration == 2_000_000


def test_boxes_fill_the_file_and_frames_fill_theirs():
    found = boxes(FILM)
    assert list(found) == [b"ftyp", b"mdat", b"moov"]
    place, count = 0, 0
    while place < len(found[b"mdat"]):
        place, count = place + 4 + struct.unpack_from(">I", found[b"mdat"], place)[0], count + 1
    assert (place, count) == (len(found[b"mdat"]), 8)


def test_every_frame_can_be_found_from_a_key_frame():
    with av.open(io.BytesIO(write_mp4(frames(300, 16), 25))) as container:
        keys = [number for number, packet in enumerate(container.demux(video=0))
                if packet.size and packet.is_keyframe]  # fmt: skip
        assert keys[0] == 0
        assert len(keys) > 1  # a long film has further ones


# The same whatever came before


def test_the_same_frames_give_the_same_file_whatever_the_encoder_wrote_before():
    films = [frames(1 + seed % 7, 32, seed) for seed in range(12)]
    forth = [write_mp4(film, 4) for film in films]
    back = [write_mp4(film, 4) for film in reversed(films)][::-1]
    assert forth == back
    mp4._OPEN.__dict__.clear()
    assert write_mp4(films[5], 4) == forth[5]


def test_pictures_and_arrays_give_the_same_file():
    assert write_mp4([Image.fromarray(f) for f in frames()], 4) == FILM


def test_frames_that_are_one_array_are_those_that_are_equal():
    one = frames(1)[0]
    assert write_mp4([one, one, one], 2) == write_mp4([one, one.copy(), one.copy()], 2)


def test_a_long_film_does_not_change_the_next_one():
    write_mp4(frames(260, 32), 4)  # with two key frames of its own
    assert write_mp4(frames(), 4) == FILM


# What is kept and refused


def test_few_and_small_encoders_are_kept():
    mp4._OPEN.__dict__.clear()
    for side in range(16, 32, 2):
        write_mp4(np.zeros((1, side, side, 3), np.uint8), 1)
    assert len(mp4._OPEN.encoders) == mp4.KEPT
    write_mp4(np.zeros((1, 514, 514, 3), np.uint8), 1)
    assert all(width < 514 for width, _, _ in mp4._OPEN.encoders)


def test_an_encoder_that_failed_is_not_used_again(monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("half way")

    with monkeypatch.context() as patch:
        patch.setattr(mp4._Encoder, "_code", fail)
        with pytest.raises(RuntimeError, match="half way"):
            write_mp4(frames(), 4)
    assert (32, 32, Fraction(4)) not in mp4._OPEN.encoders
    assert write_mp4(frames(), 4) == FILM


@pytest.mark.parametrize(
    "made, fps", [(frames(0), 4), (frames(), 0), (frames(2, 31), 4), (frames()[..., :1], 4)]
)
def test_frames_that_no_file_can_hold_are_refused(made, fps):
    with pytest.raises(ValueError, match="use"):
        write_mp4(made, fps)


def test_frames_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match="one size"):
        write_mp4([frames(1)[0], frames(1, 34)[0]], 4)


def test_a_rate_that_rounds_to_nothing_is_refused():
    with pytest.raises(ValueError, match="a rate"):
        write_mp4(frames(1), 1e-6)


def test_without_the_package_the_extra_is_named(monkeypatch):
    def absent(name, *rest, **more):
        raise ImportError(name)

    monkeypatch.setattr("gnomon.media.files.import_module", absent)
    mp4._OPEN.__dict__.clear()
    with pytest.raises(ImportError, match=r"gnomon\[video\]"):
        write_mp4(frames(), 4)
