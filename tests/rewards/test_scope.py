from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.parts import part
from gnomon.records import Graded, Group, Outcome, Rollout, Sample, Verdict
from gnomon.rewards.scope import BOXED, EVERYTHING, Scope, TokenPlaces
from gnomon.rewards.score import Term, score


@pytest.mark.parametrize(
    ("text", "prefix", "span"),
    [
        ("so <think>ab</think>", (0, 12), (10, 12)),
        ("<think></think>", (0, 0), (0, 0)),
        ("<think>ab", (0, 0), (0, 0)),
        ("ab</think>", (0, 0), (0, 0)),
        ("</think><think>a</think>", (0, 16), (15, 16)),
        ("<think>a<think>b</think>c</think>", (0, 16), (7, 16)),
    ],
)
def test_a_section_lies_between_the_first_opening_and_the_first_closing_after_it(
    text: str, prefix: tuple[int, int], span: tuple[int, int]
) -> None:
    assert Scope("think", "prefix").span(text) == prefix
    assert Scope("think").span(text) == span


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"so \boxed{1} or \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{1", ""),
        (r"\boxed{}", ""),
        ("1", ""),
    ],
)
def test_of_several_boxes_the_content_of_the_last_counts(text: str, content: str) -> None:
    start, end = Scope(BOXED).span(text)
    assert text[start:end] == content


def test_everything_is_the_whole_text() -> None:
    assert Scope(EVERYTHING).span("ab") == (0, 2)


PIECES = ["a", "bc", "def", "é", "", "\n"]


def decode(ids: Sequence[int]) -> str:
    return "".join(PIECES[i] for i in ids)


@given(st.lists(st.integers(0, len(PIECES) - 1), max_size=12), st.integers(0, 20), st.data())
def test_the_tokens_of_a_span_are_those_that_lie_wholly_in_it(
    ids: list[int], start: int, data: st.DataObject
) -> None:
    text = decode(ids)
    end = data.draw(st.integers(start, 24))
    first, last = TokenPlaces(decode).within(ids, text, (start, end))
    edges = [len(decode(ids[:count])) for count in range(len(ids) + 1)]
    inside = [k for k in range(len(ids)) if start <= edges[k] and edges[k + 1] <= end > start]
    assert list(range(first, last)) == inside


BYTES = ["é".encode()[:1], "é".encode()[1:], b"a", "日".encode()[:2], "日".encode()[2:]]


def decode_bytes(ids: Sequence[int]) -> str:
    return b"".join(BYTES[i] for i in ids).decode(errors="replace")


def test_a_character_that_is_divided_over_tokens_is_found_like_any_other() -> None:
    ids = [2, 0, 1, 2, 3, 4, 2]
    text = decode_bytes(ids)
    assert text == "aéa日a"
    places = TokenPlaces(decode_bytes)
    assert places.within(ids, text, (1, 2)) == (1, 3)
    assert places.within(ids, text, (0, 3)) == (0, 4)
    assert places.within(ids, text, (3, 4)) == (4, 6)


def test_a_token_across_an_edge_is_outside() -> None:
    assert TokenPlaces(decode).within([0, 2, 0], "adefa", (0, 3)) == (0, 1)
    assert TokenPlaces(decode).within([2], "def", (1, 2)) == (0, 0)


def test_a_real_tokenizer_gives_the_same_places_as_decoding_every_prefix(
    tiny_policy: object,
) -> None:
    tokenizer = tiny_policy.processor.tokenizer  # type: ignore[attr-defined]
    text = "<think> There are två circles, 日本. </think> \\boxed{3}"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]

    def read(ids: Sequence[int]) -> str:
        return str(tokenizer.decode(ids, skip_special_tokens=True))

    whole = read(ids)
    span = Scope("think").span(whole)
    first, last = TokenPlaces(read).within(ids, whole, span)
    edges = [len(read(ids[:count])) for count in range(len(ids) + 1)]
    inside = [k for k in range(len(ids)) if span[0] <= edges[k] and edges[k + 1] <= span[1]]
    assert list(range(first, last)) == inside
    assert "circles" in read(ids[first:last])


def test_a_scoped_term_stays_out_of_the_reward() -> None:
    made = Graded(Rollout((1,), (0.0,), "Step 1: Next,", "end"), Verdict(Outcome.CORRECT, 1.0))
    terms = [
        Term("accuracy", part("reward", "accuracy")),
        Term("steps", part("reward", "step-markers", enough=2), weight=3.0, scope=Scope("think")),
    ]
    [group] = score([Group(Sample("s", ()), (made,))], terms, part("combination", "sum"))
    assert group.members[0].reward == 1.0
    assert group.members[0].scores == {"accuracy": 1.0, "steps": 1.0}
