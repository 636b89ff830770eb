from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gnomon.serving.engine import certain, finish_of, until

words = st.lists(st.text("ab<", min_size=1, max_size=3), max_size=3).map(tuple)


def test_a_text_ends_before_its_first_stop_string() -> None:
    assert until("5</answer> so .", (".", "</answer>")) == "5"
    assert until("5", ("</answer>",)) == "5"


def test_half_a_character_and_half_a_stop_string_are_held_back() -> None:
    assert certain("é\ufffd", ()) == "é"
    assert certain("5</answer", ("</answer>",)) == "5"
    assert certain("5</answer>", ()) == "5</answer>"


@given(st.text("ab<", max_size=12), words)
def test_what_was_sent_never_has_to_be_taken_back(text: str, stop: tuple[str, ...]) -> None:
    whole = until(text, stop)
    for end in range(len(text) + 1):
        if not any(word in text[:end] for word in stop):
            assert whole.startswith(certain(text[:end], stop))


def test_a_response_that_was_cut_finishes_by_length() -> None:
    assert finish_of("length") == "length"
    assert finish_of("end") == finish_of("stop") == "stop"
