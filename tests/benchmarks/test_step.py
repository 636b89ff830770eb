from __future__ import annotations

import importlib
import json
import os
from argparse import Namespace
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("step")
    monkeypatch.setattr(module, "RESULT", tmp_path / "results" / "cpu.json")
    return module


def item(step: ModuleType, name: str) -> Any:
    return next(one for one in step.ITEMS if one.name == name)


def test_names_of_items_are_unique(step: ModuleType) -> None:
    names = [one.name for one in step.ITEMS]
    assert len(set(names)) == len(names)


def test_seconds_are_better_when_they_are_fewer(step: ModuleType) -> None:
    pairs = [(1.0, 3.0), (2.0, 4.0), (1.0, 4.0)]
    result = step.summarise(item(step, "grpo-4-8-64-448"), pairs, "c", "m")
    assert (result.ours, result.peer, result.ratio_min, result.ratio_median) == (1.0, 3.0, 3.0, 3.0)
    assert result.pairs == 3


def test_speeds_are_better_when_they_are_more(step: ModuleType) -> None:
    result = step.summarise(item(step, "rollout-ragged"), [(300.0, 100.0), (200.0, 50.0)], "c", "m")
    assert (result.ours, result.peer, result.ratio_min, result.ratio_median) == (300, 100, 3.0, 3.5)


def test_a_cost_in_proportion_has_the_exponent_one_and_a_fixed_one_zero(step: ModuleType) -> None:
    value = item(step, "growth-rollouts").value
    assert value([{"seconds": 0.1 * n} for n in (4, 8, 16)]) == pytest.approx(1)
    assert value([{"seconds": 0.1} for _ in (4, 8, 16)]) == pytest.approx(0)


def test_the_exponent_of_a_side_is_the_median_of_the_pairs(step: ModuleType) -> None:
    pairs = [(0.5, 1.0), (0.1, 0.9), (0.9, 1.1)]
    result = step.summarise(item(step, "growth-tokens"), pairs, "c", "m")
    assert (result.ours, result.peer) == (0.5, 1.0)


def test_a_value_over_several_settings_takes_a_pair_of_each(step: ModuleType) -> None:
    fast, slow = {"seconds": 1.0}, {"seconds": 2.0}
    pairs = [[(fast, slow)] * 3, [(fast, slow)] * 2, [(slow, slow)] * 3]
    values = step.values_of(item(step, "growth-tokens"), pairs)
    assert len(values) == 2
    assert values[0][0] > 0 and values[0][1] == pytest.approx(0)


@pytest.mark.parametrize(("commit", "left"), [("c", 1), ("d", 2)])
def test_what_this_commit_has_measured_is_left_out_when_resuming(
    step: ModuleType, commit: str, left: int
) -> None:
    names = ["grpo-4-8-64-448", "sft-mixed"]
    step.store(step.summarise(item(step, names[0]), [(1.0, 2.0)], "c", "m"))
    chosen = Namespace(resume=True, only=names)
    assert len(step.todo(chosen, commit, "m")) == left


def test_encoding_once_to_write_and_once_to_train_is_two_patches_per_unique_one(
    step: ModuleType,
) -> None:
    value = item(step, "patches-4-8-64-448").value
    assert value([{"patches": 2 * 4 * 32 * 32}]) == 2.0


def test_results_are_replaced_by_name_and_stay_in_order(step: ModuleType) -> None:
    names = ["sft-mixed", "grpo-4-8-64-448", "sft-mixed"]
    for number, name in enumerate(names):
        step.store(step.summarise(item(step, name), [(1.0, 1.0 + number)], "c", "m"))
    stored = json.loads(step.RESULT.read_text())
    assert [row["name"] for row in stored] == ["grpo-4-8-64-448", "sft-mixed"]
    assert stored[1]["peer"] == 3.0
    assert list(stored[0]) == [
        "name", "ours", "peer", "ratio_min", "ratio_median", "pairs", "commit", "machine",
    ]  # fmt: skip


def test_the_table_says_which_items_are_not_measured(
    step: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = importlib.import_module("performance_table")
    found = {"ours": 1.0, "peer": 3.0, "ratio_min": 3.0, "ratio_median": 3.1, "pairs": 5}
    measured = item(step, "grpo-4-8-64-448")
    assert "| 1 s | 3 s | 3.00x | 3.10x | 3x | 5 |" in page.row(measured, found)
    assert "not measured" in page.row(measured, None)
    assert "at most 1.5 GB" in page.row(item(step, "memory-32768"), None)


def test_sides_take_turns_in_going_first(step: ModuleType) -> None:
    order = [[name for name, _ in step._alternating(number, 1, 2)] for number in (0, 1)]
    assert order == [["ours", "peer"], ["peer", "ours"]]


def test_an_idle_process_sees_no_more_foreign_cores_than_there_are(step: ModuleType) -> None:
    load = step.Load([])
    sum(range(100_000))
    assert 0 <= load.foreign() < 1e3


@dataclass
class Steps:
    """A side whose steps take 1, 2, 3 ... seconds."""

    log: list[str]
    name: str
    made: int = 0
    process: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(pid=os.getpid()))

    def step(self) -> dict[str, float]:
        self.made += 1
        self.log.append(self.name)
        return {"seconds": float(self.made)}

    def close(self) -> None:
        self.log.append(f"{self.name} closed")


@pytest.mark.parametrize(
    ("name", "seconds", "log"),
    [
        ("sft-mixed", [3.0, 4.0], "o o p p o p p o | p closed | o closed"),
        ("cold-start", [1.0, 1.0], "o | o closed | p | p closed | p | p closed | o | o closed"),
        (
            "memory-32768",
            [2.0, 2.0],
            "o o | o closed | p p | p closed | p p | p closed | o o | o closed",
        ),
    ],
)
def test_pairs_alternate_in_warm_processes_or_in_fresh_ones(
    step: ModuleType, name: str, seconds: list[float], log: str
) -> None:
    told: list[str] = []
    pairs = step.pairs_of(
        item(step, name), {}, lambda _: Steps(told, "o"), lambda _: Steps(told, "p"), 2, 1e9
    )
    assert pairs == [({"seconds": s}, {"seconds": s}) for s in seconds]
    assert " ".join(told) == log.replace(" |", "")


def test_disturbed_pairs_are_thrown_away(step: ModuleType) -> None:
    told: list[str] = []
    pairs = step.pairs_of(
        item(step, "sft-mixed"), {}, lambda _: Steps(told, "o"), lambda _: Steps(told, "p"), 2, -1.0
    )
    assert pairs == []
    assert told.count("o") == 2 + 2 * step.TRIES
