from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.data.media import MARKS, place_media, read_media, shown
from gnomon.records import BadRecord, Media, MediaKind, Message, Sample

KINDS: tuple[MediaKind, ...] = ("image", "video")
TEXTS = st.lists(st.sampled_from([*MARKS, "a", " "]), max_size=12).map("".join)


def numbered(kind: MediaKind, count: int) -> tuple[Media, ...]:
    return tuple(Media(kind, path=Path(str(number))) for number in range(count))


@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_every_mark_gets_the_next_medium_of_its_kind(texts: list[str]) -> None:
    marks = [sum(text.count(mark) for text in texts) for mark in MARKS]
    turns = tuple(Message("user", text) for text in texts)
    messages, media = place_media(turns, numbered("image", marks[0]), numbered("video", marks[1]))
    Sample("s", messages, media)
    for kind in KINDS:
        own = [medium for medium in media if medium.kind == kind]
        assert own == list(numbered(kind, len(own)))


@given(st.lists(TEXTS, min_size=1, max_size=3), st.integers(0, 3), st.integers(1, 3))
def test_a_record_is_placed_whole_or_refused(texts: list[str], images: int, videos: int) -> None:
    turns = tuple(Message("user", text) for text in texts)
    try:
        messages, media = place_media(turns, numbered("image", images), numbered("video", videos))
    except BadRecord:
        return
    Sample("s", messages, media)
    assert len(media) == images + videos


def test_videos_without_a_place_stand_before_the_first_question_of_the_user() -> None:
    turns = (Message("system", "Look."), Message("user", "What?"), Message("user", "And now?"))
    messages, media = place_media(turns, (), numbered("video", 2))
    assert [message.text for message in messages] == ["Look.", "<image><image>What?", "And now?"]
    assert media == numbered("video", 2)


def test_one_medium_needs_no_list_and_none_is_no_medium(tmp_path: Path) -> None:
    assert len(read_media("a.mp4", tmp_path, "video")) == 1
    assert read_media(None, tmp_path, "video") == ()


def test_an_error_names_the_kind(tmp_path: Path) -> None:
    with pytest.raises(BadRecord, match="a sound is 5; a path or bytes"):
        read_media([5], tmp_path, "audio")


def test_a_long_value_is_cut_in_an_error() -> None:
    assert len(shown("x" * 1000)) == 83
