from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.report.gallery import (
    MAX_MEMBERS,
    MAX_ROLLOUTS,
    MAX_STEPS,
    Gallery,
    choose_rollouts,
    pick_varied,
    read_scores,
)
from gnomon.run import Run


def _row(group: int, member: int, right: bool, **changes: Any) -> dict[str, Any]:
    row = {
        "group": group,
        "member": member,
        "sample_id": f"q{group}",
        "task": f"task-{group % 3}",
        "prompt": "why?",
        "images": [],
        "response": "because",
        "stop": "end",
        "length": 1,
        "reference": "x",
        "outcome": "correct" if right else "wrong",
        "reason": "",
        "reward": float(right),
        "scores": {"accuracy": float(right)},
    }
    return {**row, **changes}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path, "a", "micro", "name: a")


def _train(run: Run, index: int, steps: Sequence[int], groups: int, members: int) -> None:
    for step in steps:
        rows = [_row(g, m, m < g % (members + 1)) for g in range(groups) for m in range(members)]
        run.write_rollouts(index, f"rl-{index}", step, rows, {})


def _evaluate(run: Run, index: int, questions: int, samples: int = 1) -> None:
    rows = [
        _row(q, m, (q + index) % 2 == 0, prompt=f"prompt {min(index, 1)}")
        for q in range(questions)
        for m in range(samples)
    ]
    run.write_evaluation(index, f"stage-{index}", {"benchmarks": {}}, rows, {})


def _members(gallery: Gallery, kind: str) -> list[dict[str, Any]]:
    return [row for card in gallery.cards if card["kind"] == kind for row in card["members"]]


def test_a_large_run_shows_about_the_limit_and_counts_all(run: Run) -> None:
    _train(run, 1, range(1, 21), 8, 8)
    _evaluate(run, 0, 300)
    gallery = choose_rollouts(run)
    assert MAX_ROLLOUTS - 16 <= gallery.shown <= MAX_ROLLOUTS
    assert gallery.total == 20 * 64 + 300


def test_early_middle_and_late_steps_are_shown(run: Run) -> None:
    _train(run, 1, range(10, 310, 10), 8, 8)
    steps = {row["step"] for row in _members(choose_rollouts(run), "training")}
    assert len(steps) == MAX_STEPS
    assert {10, 300} <= steps
    assert any(120 <= step <= 190 for step in steps)


def test_every_stage_of_training_has_its_share(run: Run) -> None:
    _train(run, 1, range(1, 9), 8, 8)
    _train(run, 2, range(1, 9), 8, 8)
    shown = [row["index"] for row in _members(choose_rollouts(run), "training")]
    assert min(shown.count(1), shown.count(2)) >= 88


def test_groups_that_are_right_wrong_and_mixed_are_all_shown(run: Run) -> None:
    _train(run, 1, range(1, 4), 40, 4)
    shares = {
        (card["right"] > 0) + (card["right"] == card["size"]) for card in choose_rollouts(run).cards
    }
    assert shares == {0, 1, 2}


def test_a_group_is_whole_and_in_order(run: Run) -> None:
    _train(run, 1, [1], 3, 4)
    for card in choose_rollouts(run).cards:
        assert [row["member"] for row in card["members"]] == [0, 1, 2, 3]


def test_a_large_group_shows_different_members_and_says_how_many_there_are(run: Run) -> None:
    run.write_rollouts(1, "rl", 1, [_row(0, m, m == 31) for m in range(32)], {})
    (card,) = choose_rollouts(run).cards
    assert (len(card["members"]), card["size"], card["right"]) == (MAX_MEMBERS, 32, 1)
    assert {row["outcome"] for row in card["members"]} == {"correct", "wrong"}


def test_a_question_has_the_answers_of_all_stages_and_its_odd_prompt_apart(run: Run) -> None:
    for index in range(3):
        _evaluate(run, index, 5)
    for card in choose_rollouts(run).cards:
        assert [row["index"] for row in card["members"]] == [0, 1, 2]
        assert card["prompt"] == "prompt 1"
        assert [row.get("prompt") for row in card["members"]] == ["prompt 0", None, None]


def test_evaluations_fill_the_page_when_there_is_no_training(run: Run) -> None:
    _evaluate(run, 0, 500)
    assert choose_rollouts(run).shown == MAX_ROLLOUTS


def test_a_run_without_rollouts_has_an_empty_gallery(run: Run) -> None:
    assert choose_rollouts(run) == Gallery([], 0, 0, [], [])


def test_files_that_cannot_be_read_are_named(run: Run) -> None:
    _evaluate(run, 0, 2)
    (run.path / "evaluations/0-stage-0.parquet").write_bytes(b"PAR1 no")
    gallery = choose_rollouts(run)
    assert gallery.shown == gallery.total == 0
    assert gallery.problems[0].startswith("evaluations/0-stage-0.parquet could not be read")


def test_folders_with_strange_names_do_no_harm(run: Run) -> None:
    (run.path / "rollouts/x-y").mkdir(parents=True)
    (run.path / "rollouts/x-y/000001.parquet").write_bytes(b"")
    (run.path / "rollouts/x-y/notes.parquet").write_bytes(b"")
    assert choose_rollouts(run).shown == 0


@given(st.lists(st.sampled_from("abc")), st.integers(0, 8))
def test_as_many_kinds_are_picked_as_there_is_room_for(letters: list[str], count: int) -> None:
    picked = pick_varied(letters, count, lambda letter: (letter,))
    assert len(picked) == min(count, len(letters))
    assert len(set(picked)) == min(count, len(set(letters)))


@pytest.mark.parametrize("text", [None, 3, "", "no", "[1]", "[" * 9000, "1" * 30_000])
def test_scores_that_are_no_object_are_empty(text: Any) -> None:
    assert read_scores(text) == {}


def test_a_score_that_is_no_finite_number_is_none() -> None:
    text = '{"a": 1, "b": NaN, "c": "x", "d": null, "e": Infinity}'
    assert read_scores(text) == {"a": 1.0, "b": None, "c": None, "d": None, "e": None}
