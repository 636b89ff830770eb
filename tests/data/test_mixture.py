from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.data.mixture import mixture
from gnomon.parts import PartError

COUNT = {"part": "microworld", "tasks": ["count"], "size": 7}
LOGIC = {"part": "microworld", "tasks": ["logic"], "modality": "text"}


def test_items_come_from_the_sources_in_the_given_shares() -> None:
    mixed = mixture(sources=[COUNT, LOGIC], weights=[1, 3], size=400)
    share = sum(item.task == "logic" for item in mixed) / 400
    assert 0.65 < share < 0.85


@given(seed=st.integers(0, 2**31), index=st.integers(0, 99))
def test_an_item_is_a_function_of_its_index_and_the_seed(seed: int, index: int) -> None:
    settings: dict[str, Any] = {"sources": [COUNT, LOGIC], "weights": [1, 1], "size": 100}
    one, other = mixture(**settings, seed=seed)[index], mixture(**settings, seed=seed)[index]
    assert (one.id, one.messages) == (other.id, other.messages)


def test_a_short_source_starts_again() -> None:
    mixed = mixture(sources=[COUNT], weights=[1], size=8)
    assert mixed[7].id == mixed[0].id


def test_it_ends_at_its_size() -> None:
    mixed = mixture(sources=[COUNT], weights=[1], size=3)
    assert len(list(mixed)) == len(mixed) == 3


@pytest.mark.parametrize(
    ("sources", "weights", "message"),
    [
        ([COUNT], [1, 2], "one positive weight|a positive weight"),
        ([], [], "a positive weight"),
        ([COUNT], [0], "a positive weight"),
        ([{"tasks": ["count"]}], [1], "name the part"),
        ([{"part": "microwold"}], [1], "did you mean 'microworld'"),
    ],
)
def test_what_cannot_be_mixed_is_refused(
    sources: list[dict[str, Any]], weights: list[float], message: str
) -> None:
    with pytest.raises(PartError, match=message):
        mixture(sources=sources, weights=weights)
