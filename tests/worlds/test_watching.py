from __future__ import annotations

import re

import numpy as np
import pytest

from gnomon.media.mp4 import write_mp4
from gnomon.records import BadRecord, Media
from gnomon.worlds.film import draw_cast, draw_film, draw_script, film_mp4
from gnomon.worlds.watching import watch


def told(text: str) -> str:
    return re.sub(r" (circle|square|triangle|star)", "", text)


@pytest.mark.parametrize("seed", range(12))
def test_a_viewer_sees_every_event_at_its_time(seed):
    rng = np.random.default_rng(seed)
    film = draw_film(rng, draw_cast(rng, 3), draw_script(rng, 3, 5))
    seen = watch(Media("video", data=film_mp4(film))).happened
    assert [(h.told, h.start, h.end) for h in seen] == [
        (told(film.told(e)), e.start, e.end) for e in film.events
    ]


def test_a_viewer_sees_boxes_close_to_the_drawn_ones():
    rng = np.random.default_rng(0)
    film = draw_film(rng, draw_cast(rng, 2), [(0, "move")])
    watched = watch(Media("video", data=film_mp4(film)))
    for frame, seen in enumerate(watched.seen):
        for number, actor in enumerate(film.actors):
            box = film.box(number, frame)
            assert np.abs(np.subtract(seen[actor.shape.colour].box, box)).max() <= 4


def test_an_empty_film_shows_nothing():
    white = np.full((4, 32, 32, 3), 255, np.uint8)
    watched = watch(Media("video", data=write_mp4(white, 2)))
    assert watched.happened == () and watched.seen == ({},) * 4


def test_a_file_that_is_no_video_is_a_bad_record():
    with pytest.raises(BadRecord):
        watch(Media("video", data=b"no video"))
