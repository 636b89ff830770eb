"""Every formula has mutations, each of which fits the source; the stored table is of these."""

from __future__ import annotations

import ast

import pytest

from gnomon.parts import load_kind
from mutated_formulas import MUTATIONS, Mutation
from mutations import TABLE, mutated, row, stored

KINDS = ("advantage", "loss", "regulariser", "weight", "correction", "resampler", "aggregation",
         "schedule", "focus", "corruption", "callback")  # fmt: skip
BY_FORMULA = {m.formula for m in MUTATIONS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_formula_of_a_kind_is_mutated(kind: str) -> None:
    made = load_kind(kind)
    ours = {name for name in made if made[name].function.__module__.startswith("gnomon.rl.")}
    assert ours - BY_FORMULA == set()


def test_every_reward_that_shapes_length_repetition_or_layout_is_mutated() -> None:
    """These are the rewards of the systems whose objectives are here."""
    made = load_kind("reward")
    ours = {n for n in made if made[n].function.__module__ == "gnomon.rewards.shaping"}
    assert ours - BY_FORMULA == set()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: f"{m.formula}-{m.kind}")
def test_a_mutation_fits_in_one_place_and_is_python(mutation: Mutation) -> None:
    """A source that has moved on would else be tested against nothing."""
    ast.parse(mutated(mutation))
    assert all(path.is_file() for path in mutation.tests)


def test_no_mutation_stands_twice() -> None:
    assert len(set(MUTATIONS)) == len(MUTATIONS)


def test_every_mutation_is_caught_as_the_stored_table_says() -> None:
    """make mutations writes it, from a run."""
    results = stored()
    open_ones = {row(m) for m in MUTATIONS if results.get(row(m)) != "caught"}
    assert open_ones == set()
    assert sum("| caught |" in line for line in TABLE.read_text().splitlines()) == len(MUTATIONS)
