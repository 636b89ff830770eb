from __future__ import annotations

import numpy as np
import pytest

from gnomon.media.video import open_video
from gnomon.records import Media
from gnomon.worlds.film import (
    FRAMES,
    LANES,
    SIDE,
    Film,
    draw_cast,
    draw_film,
    draw_script,
    drawn,
    film_mp4,
)


def film(seed: int, actors: int = 3, events: int = 4) -> Film:
    rng = np.random.default_rng(seed)
    return draw_film(rng, draw_cast(rng, actors), draw_script(rng, actors, events))


FILMS = [film(seed, 1 + seed % 4, seed % 6 if seed % 4 else 1) for seed in range(40)]


def test_the_same_seed_gives_the_same_film():
    assert film(3) == film(3)
    assert film_mp4(film(3)) == film_mp4(film(3))


@pytest.mark.parametrize("film", FILMS[:8])
def test_events_come_in_order_with_a_rest_between_them(film):
    for one, other in zip(film.events, film.events[1:], strict=False):
        assert one.start < one.end < other.start
    assert all(0 <= event.start < event.end < film.frames for event in film.events)


def test_every_frame_has_a_state_of_every_actor():
    for film in FILMS:
        assert all(len(states) == film.frames for states in film.states)


def test_an_actor_changes_only_while_it_does_something():
    for film in FILMS:
        busy = {(e.actor, frame) for e in film.events for frame in range(e.start + 1, e.end + 1)}
        for actor, states in enumerate(film.states):
            for frame in range(1, film.frames):
                changed = states[frame] != states[frame - 1]
                assert changed == ((actor, frame) in busy)


def test_boxes_stay_on_the_canvas_and_never_meet():
    for film in FILMS:
        for frame in range(film.frames):
            boxes = [b for a in range(len(film.actors)) if (b := film.box(a, frame))]
            assert all(0 <= b[0] < b[2] <= SIDE and 0 <= b[1] < b[3] <= SIDE for b in boxes)
            for place, one in enumerate(boxes):
                for other in boxes[place + 1 :]:
                    apart = max(
                        max(one[a], other[a]) - min(one[a + 2], other[a + 2]) for a in (0, 1)
                    )
                    assert apart >= 0


def test_no_two_actors_ever_share_a_colour():
    for film in FILMS:
        worn = [{state.colour for state in states if state} for states in film.states]
        worn = [w | {a.shape.colour} for w, a in zip(worn, film.actors, strict=True)]
        assert len(set.union(*worn)) == sum(map(len, worn))


def test_the_file_holds_all_frames_at_their_times():
    made = film(5)
    clip = open_video(Media("video", data=film_mp4(made)))
    assert clip.times == tuple(frame / made.fps for frame in range(made.frames))
    gaps = [
        np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).mean()
        for one, other in zip(clip.frames, drawn(made), strict=True)
    ]
    assert max(gaps) < 3


def test_a_script_never_acts_before_an_appearance_or_after_a_disappearance():
    for seed in range(60):
        script = draw_script(np.random.default_rng(seed), 3, 5)
        for actor in range(3):
            done = [what for who, what in script if who == actor]
            assert "appear" not in done[1:] and "vanish" not in done[:-1]
            assert done.count("recolour") <= 1


def test_spans_are_frames_over_the_rate():
    made = film(1)
    assert [made.span(e) for e in made.events] == [
        (e.start / made.fps, e.end / made.fps) for e in made.events
    ]


def test_more_shapes_than_lanes_do_not_fit():
    with pytest.raises(ValueError, match=f"1 to {LANES} fit"):
        draw_cast(np.random.default_rng(0), LANES + 1)


def test_more_events_than_frames_hold_do_not_fit():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=f"at most {len(FRAMES) - 1} fit"):
        draw_film(rng, draw_cast(rng, 1), [(0, "move")] * 6)


def test_what_the_shapes_cannot_do_is_refused():
    with pytest.raises(ValueError, match="use more shapes, fewer events or moves"):
        draw_script(np.random.default_rng(0), 1, 2, ("appear",))
