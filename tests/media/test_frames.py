from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gnomon.media.frames import STRIP, Video, expand_videos, filmstrip, stamped
from gnomon.media.image import open_image, png_bytes
from gnomon.media.mp4 import write_mp4
from gnomon.media.video import open_video
from gnomon.problems import RecipeError
from gnomon.records import BadRecord, Media, Message, Sample

PIXELS = np.stack([np.full((28, 28, 3), 20 * number, np.uint8) for number in range(8)])
VIDEO = Media("video", data=write_mp4(PIXELS, 4))
PICTURE = Media("image", data=png_bytes(Image.new("RGB", (28, 28), "red")))


def sample(text: str, *media: Media) -> Sample:
    return Sample("a", (Message("system", "Look."), Message("user", text)), media)


def test_each_frame_follows_its_time():
    shown = expand_videos(sample("<image>What?", VIDEO), Video(frames=2))
    assert shown.messages[1].text == "<0.0 s><image><1.0 s><image>What?"
    assert [medium.kind for medium in shown.media] == ["image", "image"]


def test_the_pictures_are_the_decoded_frames():
    shown = expand_videos(sample("<image>", VIDEO), Video(fps=2.0))
    clip = open_video(VIDEO, fps=2.0)
    for medium, frame in zip(shown.media, clip.frames, strict=True):
        assert np.array_equal(np.asarray(open_image(medium)), np.asarray(frame))


def test_other_media_keep_their_places():
    shown = expand_videos(
        sample("<image>now<image>then<image>", PICTURE, VIDEO, PICTURE), Video(frames=2)
    )
    assert shown.messages[1].text == "<image>now<0.0 s><image><1.0 s><image>then<image>"
    assert shown.media[0] == shown.media[-1] == PICTURE


def test_several_videos_come_in_order():
    shown = expand_videos(sample("<image>|<image>", VIDEO, VIDEO), Video(frames=1))
    assert shown.messages[1].text == "<0.0 s><image>|<0.0 s><image>"


def test_never_more_frames_than_the_most():
    assert len(expand_videos(sample("<image>", VIDEO), Video(most=4)).media) == 4


def test_a_sample_without_a_video_is_returned_as_it_is():
    given = sample("<image>", PICTURE)
    assert expand_videos(given, Video()) is given


def test_everything_else_of_the_sample_stays():
    given = sample("<image>", VIDEO)
    shown = expand_videos(given, Video(frames=1))
    assert (shown.id, shown.answer, shown.task, shown.meta) == ("a", None, "", {})
    assert given.media == (VIDEO,)


def test_a_bad_video_is_a_bad_record():
    with pytest.raises(BadRecord, match="video of 3 bytes"):
        expand_videos(sample("<image>", Media("video", data=b"abc")), Video())


def test_no_frame_at_all_is_refused():
    with pytest.raises(RecipeError, match="most: 0"):
        Video(most=0)


def test_times_have_one_decimal():
    assert stamped((0.0, 0.25, 10.0)) == "<0.0 s><image><0.2 s><image><10.0 s><image>"


def test_a_number_of_frames_and_a_rate_at_once_are_refused():
    with pytest.raises(RecipeError, match="use one of them"):
        Video(frames=2, fps=1.0)


def test_a_rate_gives_no_more_than_the_most_spread_over_the_whole_video():
    shown = expand_videos(sample("<image>", VIDEO), Video(fps=4.0, most=2))
    assert shown.messages[1].text == "<0.0 s><image><1.0 s><image>"


def test_a_video_that_comes_again_has_the_same_frames():
    one, other = (expand_videos(sample("<image>", VIDEO), Video(frames=3)) for _ in range(2))
    assert all(a is b for a, b in zip(one.media, other.media, strict=True))


def test_what_is_kept_of_one_setting_is_not_shown_for_another():
    counts = [len(expand_videos(sample("<image>", VIDEO), Video(most=n)).media) for n in (3, 5)]
    assert counts == [3, 5]


def test_frames_of_equal_videos_have_equal_keys():
    again = Media("video", data=write_mp4(PIXELS, 4))
    one, other = (expand_videos(sample("<image>", each), Video()) for each in (VIDEO, again))
    assert [medium.key for medium in one.media] == [medium.key for medium in other.media]


def test_a_film_strip_has_the_frames_from_left_to_right():
    strip = np.asarray(filmstrip(VIDEO, Video(frames=4)))
    assert strip.shape == (28, 4 * 28, 3)
    levels = strip.reshape(28, 4, 28, 3).mean(axis=(0, 2, 3))
    assert levels == pytest.approx([0, 40, 80, 120], abs=6)


def test_large_frames_are_made_smaller_in_a_film_strip():
    large = Media("video", data=write_mp4(np.zeros((2, 200, 400, 3), np.uint8), 1))
    assert filmstrip(large, Video()).size == (2 * STRIP, STRIP // 2)
