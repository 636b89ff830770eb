from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.parts import part
from gnomon.records import Graded, Group, Outcome, Rollout, Sample, Verdict
from gnomon.rewards.scope import (
    centred,
    ids_before,
    scoped_credit,
    section_end,
    token_advantages,
    tokens_before,
)
from gnomon.rewards.score import Term, score

IDS = [7, 1, 1, 8, 5, 2, 2, 6, 9]
OTHER = [7, 1, 8, 5, 2, 6, 3, 3, 3]


def test_the_worked_masks_are_prefixes_up_to_the_closing_tag() -> None:
    assert (ids_before(IDS, 7, 8), ids_before(IDS, 5, 6)) == (3, 7)


def test_the_worked_token_advantages_of_humanomni() -> None:
    groups = [0, 0]
    scoped = [
        (centred([0.8, 0.4], groups), [ids_before(ids, 7, 8) for ids in (IDS, OTHER)]),
        (centred([1.0, 0.2], groups), [ids_before(ids, 5, 6) for ids in (IDS, OTHER)]),
    ]
    found = token_advantages(centred([2.0, 1.0], groups), scoped, len(IDS))
    assert found[0].tolist() == pytest.approx([1.1, 1.1, 1.1, 0.9, 0.9, 0.9, 0.9, 0.5, 0.5])
    wanted = [-1.1, -1.1, -0.9, -0.9, -0.9, -0.5, -0.5, -0.5, -0.5]
    assert found[1].tolist() == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("so <think>ab</think>", 12),
        ("<think></think>", 0),
        ("<think>ab", 0),
        ("ab</think>", 0),
        ("</think><think>a</think>", 16),
    ],
)
def test_a_section_ends_before_its_closing_tag(text: str, end: int) -> None:
    assert section_end(text, "think") == end


def test_missing_or_empty_tags_scope_nothing() -> None:
    assert ids_before([1, 8], 7, 8) == ids_before([7, 1], 7, 8) == ids_before([7, 8], 7, 8) == 0


@given(st.lists(st.sampled_from(["a", "bc", "def", "é"]), max_size=12), st.integers(0, 30))
def test_tokens_before_an_edge_are_those_that_end_by_it(pieces: list[str], end: int) -> None:
    def decode(ids: object) -> str:
        return "".join(pieces[i] for i in ids)  # type: ignore[attr-defined]

    found = tokens_before(decode, range(len(pieces)), end)
    lengths = np.cumsum([len(piece) for piece in pieces])
    assert found == int((lengths <= end).sum())


def test_a_score_that_does_not_apply_has_no_credit() -> None:
    nan = float("nan")
    assert centred([1.0, nan, 3.0], [0, 0, 0]).tolist() == [-1.0, 0.0, 1.0]
    assert centred([nan], [0]).tolist() == [0.0]


PIECES = ["<think>", "a", "</think>", " Step 1: Next,"]


def decode(ids: object) -> str:
    return "".join(PIECES[i] for i in ids)  # type: ignore[attr-defined]


def rollout(*ids: int) -> Graded:
    made = Rollout(ids, (0.0,) * len(ids), decode(ids), "end")
    return Graded(made, Verdict(Outcome.CORRECT, 1.0))


def test_a_scoped_term_credits_its_section_and_stays_out_of_the_reward() -> None:
    groups = [Group(Sample("s", ()), (rollout(0, 1, 1, 2, 3), rollout(0, 1, 2), rollout(3, 1)))]
    terms = [
        Term("accuracy", part("reward", "accuracy")),
        Term("step-markers", part("reward", "step-markers", enough=2), weight=3.0, scope="think"),
    ]
    done = score(groups, terms, part("combination", "sum"))
    assert [member.reward for member in done[0].members] == [1.0, 1.0, 1.0]
    [(credit, tokens)] = scoped_credit(done, terms, decode)
    assert tokens.tolist() == [3, 2, 0]
    assert credit.tolist() == pytest.approx([1, -2, 1])
    found = token_advantages([0.0, 0.0, 0.0], [(credit, tokens)], 5)
    assert found[0].tolist() == pytest.approx([1, 1, 1, 0, 0])
    assert found[2].tolist() == [0.0] * 5


def test_terms_without_a_scope_give_no_token_credit() -> None:
    terms = [Term("accuracy", part("reward", "accuracy"))]
    assert scoped_credit([Group(Sample("s", ()), (rollout(1),))], terms, decode) == []
