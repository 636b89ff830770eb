from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gnomon.media.audio import write_wav
from gnomon.media.image import png_bytes
from gnomon.media.mp4 import write_mp4
from gnomon.media.video import Clip, frame_count, frame_numbers, open_video
from gnomon.records import BadRecord, Media


def frames(count: int = 8, side: int = 32) -> np.ndarray:
    made = np.full((count, side, side, 3), 240, np.uint8)
    for number in range(count):
        made[number, 8:24, :24] = 10 + 200 * number // count
    return made


FILM = write_mp4(frames(), 4)


def decode(data: bytes, **options: object) -> Clip:
    return open_video(Media("video", data=data), **options)


def refused(data: bytes, **options: object) -> str:
    with pytest.raises(BadRecord) as caught:
        decode(data, **options)
    return str(caught.value)


# -- what is read -----------------------------------------------------------------------------


def test_a_number_of_frames_is_spread_evenly():
    clip = decode(FILM, frames=4)
    assert (clip.numbers, clip.times) == ((0, 2, 4, 6), (0.0, 0.5, 1.0, 1.5))
    assert decode(FILM, frames=4, spread="ends").numbers == (0, 2, 5, 7)


def test_frames_per_second_are_those_of_the_processor():
    clip = decode(FILM, fps=2)
    assert clip.numbers == (0, 2, 4, 6)
    assert clip.seconds_per_pair == 1.0


def test_a_video_with_fewer_frames_gives_all_it_has():
    assert len(decode(FILM, frames=100).frames) == 8


def test_a_video_of_one_frame_is_read():
    assert decode(write_mp4(frames(1), 4), fps=2).times == (0.0,)


def test_a_file_is_read_under_its_root_whatever_its_name(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(FILM)
    assert open_video(Media("video", path=Path("a.png")), root=tmp_path).total == 8


# -- the rules of sampling ---------------------------------------------------------------------


def test_seed_bench_worked_example_of_frame_counts():
    assert [frame_count(n, 30, 2, most=16) for n in (90, 240, 150, 5)] == [6, 16, 10, 4]


def test_seed_bench_worked_example_of_frame_numbers():
    assert frame_numbers(10, 4, "ends") == (0, 3, 6, 9)


def test_a_clip_of_one_frame_gives_that_frame():
    assert frame_count(1, 30, 2) == 1


@given(
    total=st.integers(1, 5000), share=st.floats(0, 1), spread=st.sampled_from(["starts", "ends"])
)
def test_numbers_are_distinct_ascending_and_inside(total, share, spread):
    count = max(1, int(total * share))
    numbers = frame_numbers(total, count, spread)
    assert len(set(numbers)) == count and list(numbers) == sorted(numbers)
    assert numbers[0] == 0 and numbers[-1] < total


@given(total=st.integers(2, 5000), rate=st.floats(1, 120), fps=st.floats(0.1, 120))
def test_counts_are_even_and_never_more_than_there_are(total, rate, fps):
    count = frame_count(total, rate, fps)
    assert count % 2 == 0 and 2 <= count <= total


@pytest.mark.parametrize("numbers", [(0, 30, 2), (10, 0, 2), (10, 30, 0)])
def test_counts_of_nothing_are_refused(numbers):
    with pytest.raises(ValueError, match="use positive"):
        frame_count(*numbers)


def test_more_frames_than_there_are_have_no_numbers():
    with pytest.raises(ValueError, match="ask for 1 to 3"):
        frame_numbers(3, 4)


# -- what is refused ----------------------------------------------------------------------------


def test_an_image_is_no_video():
    with pytest.raises(BadRecord, match="a video is needed"):
        open_video(Media("image", data=FILM))


@pytest.mark.parametrize(
    "data",
    [b"x" * 99, write_wav(np.zeros(99)), png_bytes(Image.new("RGB", (8, 8))), FILM[:99]],
    ids=["noise", "sound", "picture", "start"],
)
def test_other_files_are_refused_with_what_to_do(data):
    assert "drop the record" in refused(data)


def test_a_playlist_cannot_name_other_files(tmp_path: Path):
    (tmp_path / "b.mp4").write_bytes(FILM)
    assert "drop the record" in refused(f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/b.mp4\n".encode())
    assert "drop the record" in refused(f"ffconcat version 1.0\nfile {tmp_path}/b.mp4\n".encode())


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_truncated_file_is_refused(share):
    assert "drop the record" in refused(FILM[: int(len(FILM) * share)])


def test_a_damaged_file_is_a_bad_record_or_read():
    rng = np.random.default_rng(0)
    for _ in range(40):
        data = bytearray(FILM)
        for place in rng.integers(0, len(data), 12):
            data[place] = rng.integers(256)
        try:
            assert len(decode(bytes(data)).frames) > 0
        except BadRecord as error:
            assert "drop the record" in str(error) or "convert" in str(error)


def test_an_empty_file_is_refused():
    assert "empty" in refused(b"")


def test_limits_are_checked_and_say_what_to_do():
    assert "raise max_bytes" in refused(FILM, max_bytes=100)
    assert "32 x 32 pixels" in refused(FILM, max_pixels=1000)
    assert "raise max_frames" in refused(FILM, max_frames=4)
    assert "raise max_seconds" in refused(FILM, max_seconds=1.0)


def test_a_huge_header_is_refused_before_a_frame_is_decoded():
    large = np.zeros((1, 4112, 4112, 3), np.uint8)
    assert "4112 x 4112 pixels, the limit" in refused(write_mp4(large, 1))


def test_sound_alone_is_no_video():
    av = pytest.importorskip("av")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert "no picture track" in refused(buffer.getvalue())


def test_settings_that_contradict_are_refused():
    with pytest.raises(ValueError, match="use one of them"):
        decode(FILM, frames=2, fps=2.0)
    with pytest.raises(ValueError, match="positive"):
        decode(FILM, frames=0)


def test_without_the_package_the_extra_is_named(monkeypatch):
    def absent(name, *rest, **more):
        raise ImportError(name)

    monkeypatch.setattr("gnomon.media.files.import_module", absent)
    with pytest.raises(ImportError, match=r"gnomon\[video\]"):
        decode(FILM)
