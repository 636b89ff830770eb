"""What benchmarks/grading.py and benchmarks/rewards.py measure, on small numbers of things."""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from gnomon.grading.symbolic import VerifierPool
from gnomon.records import Group, Outcome

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def grading(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("grading")


@pytest.fixture
def rewards(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("rewards")


def test_boxed_numbers_are_judged_by_their_values_without_a_worker(grading: ModuleType) -> None:
    pairs, pool = grading.make_pairs(300), VerifierPool(1)
    for given, gold, equal in pairs:
        assert (grading.ours(given, gold, pool) is Outcome.CORRECT) == equal, (given, gold)
    assert pool.asked == 0
    assert 0.4 < sum(equal for *_, equal in pairs) / len(pairs) < 0.6


def test_both_sides_judge_the_same_pairs(grading: ModuleType) -> None:
    found = grading.speed(20)
    assert found["pairs"] == 20
    assert found["equal_verdicts"] == 1.0
    assert found["false_accepts"] == found["reached_the_worker"] == 0


def test_published_pairs_are_read_and_never_run(grading: ModuleType, tmp_path: Path) -> None:
    published = importlib.import_module("published_pairs")
    (tmp_path / "test_x.py").write_text(
        "raise SystemExit\n"
        "CASES = [('$1$', r'\\boxed{1}', 1), ('2', '3', 0), (call(), '3', 0), ('a', 'b', 'c')]\n"
    )
    assert published.published(tmp_path) == [("$1$", r"\boxed{1}", True), ("2", "3", False)]
    found = published.agreement(tmp_path)
    assert (found["agreement"], found["false_accepts"]) == (1.0, [])
    assert (found["pairs_alone"], found["agreement_alone"]) == (2, 1.0)
    assert found["of"] == "unknown"
    assert not published.alone("the answer is $3$")


def texts(groups: list[Group]) -> list[str]:
    return [member.rollout.text for group in groups for member in group.members]


def test_words_in_any_order_are_the_same_words_and_repeat_no_run_of_five(
    rewards: ModuleType,
) -> None:
    ordered, shuffled = (texts(rewards.batch(kind)) for kind in rewards.TEXTS)
    assert len(ordered) == len(shuffled) == 512
    repeated = 0
    for text in shuffled:
        words = text.split()
        runs = Counter(zip(*(words[start:] for start in range(5)), strict=False))
        repeated += sum(runs.values()) > len(runs)
    assert repeated < 0.01 * len(shuffled)


def test_every_group_is_timed_as_often_as_is_asked(rewards: ModuleType) -> None:
    groups, seen = rewards.batch()[:3], []
    found = rewards.spent(groups, lambda group: seen.append(group.sample.id), repeats=4)
    assert Counter(seen) == {"0": 4, "1": 4, "2": 4}
    assert found["cpu_ms"] >= 0.0 and found["wall_ms"] >= 0.0


def test_a_mix_grades_and_scores_in_the_calls_of_a_step(rewards: ModuleType) -> None:
    group = rewards.batch()[0]
    [scored] = rewards.scoring(rewards.TYPICAL)(group)
    assert len(scored.members) == rewards.MEMBERS
    for member in scored.members:
        assert member.verdict.graded
        assert member.scores["accuracy"] == float(member.verdict.correct)
        assert member.scores["format-match"] == 1.0
        assert set(member.scores) == set(rewards.TYPICAL)
