from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fuzz
from gnomon.grading.puzzles.families import FAMILIES

ROOT = Path(__file__).parents[2]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32))
def test_ten_thousand_mutated_answers_find_nothing(seed: int) -> None:
    for name, text in fuzz.mutations(seed, 200):
        fuzz.try_text(name, text)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300))
def test_any_bytes_find_nothing(data: bytes) -> None:
    fuzz.try_bytes(data)


def test_every_format_kind_system_and_constraint_is_a_target() -> None:
    kinds = {name.partition(" ")[0] for name in fuzz.targets()}
    assert kinds == {"format", "kind", "load", "puzzle", "released", "constraint", "reader"}
    assert {f"kind {kind}" for kind in fuzz.KINDS} <= set(fuzz.targets())
    families = FAMILIES.keys() - set(fuzz.SYMBOLIC)
    assert {f"puzzle {family}" for family in families} <= set(fuzz.targets())


def failing(text: str) -> None:
    eval(text)


@pytest.mark.parametrize(("text", "message"), [("1 +", "raised"), ("1 + 1", "compile")])
def test_what_raises_or_evaluates_text_is_found(
    text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fuzz.targets(), "failing", failing)
    with pytest.raises(fuzz.Found, match=message):
        fuzz.try_text("failing", text)


def test_what_takes_longer_than_its_limit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "SECONDS", -1.0)
    with pytest.raises(fuzz.Found, match="took"):
        fuzz.try_text("reader 0", "a")


def test_starting_a_process_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fuzz.targets(), "shell", lambda text: os.system("true"))
    with pytest.raises(fuzz.Found, match=r"os\.system"):
        fuzz.try_text("shell", "true")


def test_the_nightly_target_runs_a_million_inputs() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nfuzz:")[2]
    runs = re.search(r"-runs=(\d+)", recipe)
    assert runs is not None
    assert int(runs[1]) >= 1_000_000
    assert re.search(r"-timeout=\d+ ", recipe)


def test_fuzzing_begins_with_an_answer_for_every_target(tmp_path: Path) -> None:
    words, _, corpus = fuzz.write_seeds(tmp_path, each=2)
    names = list(fuzz.targets())
    seeds = [path.read_bytes() for path in Path(corpus).iterdir()]
    assert {names[int.from_bytes(seed[:2], "big")] for seed in seeds} == set(names)
    written = Path(words.removeprefix("-dict=")).read_text()
    assert len(written.splitlines()) == len(fuzz.PIECES)
    assert all(re.fullmatch(r'"(\\x[0-9a-f]{2}){1,64}"', line) for line in written.splitlines())
