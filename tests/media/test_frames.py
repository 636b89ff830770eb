from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gnomon.media.frames import expand_videos, stamped
from gnomon.media.image import open_image, png_bytes
from gnomon.media.video import open_video, write_mp4
from gnomon.records import BadRecord, Media, Message, Sample

PIXELS = np.stack([np.full((28, 28, 3), 20 * number, np.uint8) for number in range(8)])
VIDEO = Media("video", data=write_mp4(PIXELS, 4))
PICTURE = Media("image", data=png_bytes(Image.new("RGB", (28, 28), "red")))


def sample(text: str, *media: Media) -> Sample:
    return Sample("a", (Message("system", "Look."), Message("user", text)), media)


def test_each_frame_follows_its_time():
    shown = expand_videos(sample("<image>What?", VIDEO), frames=2)
    assert shown.messages[1].text == "<0.0 s><image><1.0 s><image>What?"
    assert [medium.kind for medium in shown.media] == ["image", "image"]


def test_the_pictures_are_the_decoded_frames():
    shown = expand_videos(sample("<image>", VIDEO), fps=2.0)
    clip = open_video(VIDEO, fps=2.0)
    for medium, frame in zip(shown.media, clip.frames, strict=True):
        assert np.array_equal(np.asarray(open_image(medium)), np.asarray(frame))


def test_other_media_keep_their_places():
    shown = expand_videos(sample("<image>now<image>then<image>", PICTURE, VIDEO, PICTURE), frames=2)
    assert shown.messages[1].text == "<image>now<0.0 s><image><1.0 s><image>then<image>"
    assert shown.media[0] == shown.media[-1] == PICTURE


def test_several_videos_come_in_order():
    shown = expand_videos(sample("<image>|<image>", VIDEO, VIDEO), frames=1)
    assert shown.messages[1].text == "<0.0 s><image>|<0.0 s><image>"


def test_never_more_frames_than_the_most():
    assert len(expand_videos(sample("<image>", VIDEO), most=4).media) == 4


def test_a_sample_without_a_video_is_returned_as_it_is():
    given = sample("<image>", PICTURE)
    assert expand_videos(given) is given


def test_everything_else_of_the_sample_stays():
    given = sample("<image>", VIDEO)
    shown = expand_videos(given, frames=1)
    assert (shown.id, shown.answer, shown.task, shown.meta) == ("a", None, "", {})
    assert given.media == (VIDEO,)


def test_a_bad_video_is_a_bad_record():
    with pytest.raises(BadRecord, match="video of 3 bytes"):
        expand_videos(sample("<image>", Media("video", data=b"abc")))


def test_no_frame_at_all_is_refused():
    with pytest.raises(ValueError, match="most=0"):
        expand_videos(sample("<image>", VIDEO), most=0)


def test_times_have_one_decimal():
    assert stamped((0.0, 0.25, 10.0)) == "<0.0 s><image><0.2 s><image><10.0 s><image>"
