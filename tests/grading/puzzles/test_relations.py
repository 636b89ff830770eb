from __future__ import annotations

import json
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.grading.puzzles.families import check_puzzle
from gnomon.grading.puzzles.relations import alike, owners, truths
from gnomon.records import Outcome
from puzzles import block


def right(family: str, text: str, gold: str = "", **facts: object) -> bool:
    value = {"family": family, "facts": facts, "gold": gold}
    return check_puzzle(text, value)[0] is Outcome.CORRECT


names = st.text("abcdefgh", min_size=1, max_size=4)
worlds = st.dictionaries(names, names, min_size=1, max_size=5)
trees = st.recursive(
    st.one_of(st.integers(0, 3), st.booleans(), st.sampled_from(["1", "a"]), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=5,
)


@settings(max_examples=50)
@given(worlds, worlds)
def test_owners_are_right_exactly_when_they_are_the_same(
    one: dict[str, str], other: dict[str, str]
) -> None:
    text = block(str(tuple((person.upper(), item) for person, item in one.items())))
    assert right("goods_exchange", text, owns_after=other) is (one == other)


@pytest.mark.parametrize("value", [None, 5, (), ("a",), (("a",),), ((1, "b"),), {"a": "b"}])
def test_what_is_no_list_of_pairs_has_no_owners(value: object) -> None:
    assert owners(value) is None


@pytest.mark.parametrize("truth", list(product(("yes", "no"), repeat=3)))
def test_a_list_of_verdicts_is_right_for_itself_alone(truth: tuple[str, ...]) -> None:
    for other in product(("yes", "no"), repeat=3):
        said = f"I thought.\nThe answer is **{', '.join(other)}**."
        assert right("web_of_lies", said, ", ".join(truth)) is (truth == other)


@pytest.mark.parametrize(
    ("text", "strict", "released"),
    [
        ("yes, no", ["yes", "no"], ["yes", "no"]),
        ("True; False", ["yes", "no"], ["yes", "no"]),
        ("truth and lie.", ["yes", "no"], ["yes", "no"]),
        ("unknown", ["unknown"], ["no"]),
        ("know", None, ["no"]),
        ("真话，谎", ["yes", "no"], ["yes", "no"]),
        ("yesterday", None, ["yes"]),
        ("", [], []),
    ],
)
def test_tokens_are_words_in_strict_and_parts_of_words_as_released(
    text: str, strict: list[str] | None, released: list[str]
) -> None:
    assert truths(text, "strict") == strict
    assert truths(text, "released") == released


@settings(max_examples=50)
@given(trees, trees)
def test_json_is_alike_exactly_when_it_is_written_alike(one: object, other: object) -> None:
    written = [json.dumps(value, sort_keys=True) for value in (one, other)]
    assert alike(one, other) is (written[0] == written[1])


@pytest.mark.parametrize(
    ("text", "fine"),
    [("[60, 3]", True), ("[60.0, 3]", True), ("[ 60,3 ] minutes", True), ("[1] then [60, 3]", True),
     ("[60, 3] then [1]", False), ("(60, 3)", False), ("[60, 3", False), ("[60, 3][", True)],
)  # fmt: skip
def test_the_last_list_has_the_minutes_and_the_options(text: str, fine: bool) -> None:
    records = {"answers": {"answer_maxLen": 60, "answer_nums": 3}}
    assert right("time_sequence", text, records=records) is fine
