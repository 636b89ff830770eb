from __future__ import annotations

from typing import Any

from gnomon.report.tables import (
    Estimate,
    heat_tables,
    phase_bars,
    phase_names,
    skip_rows,
    stage_rows,
)


def _share(accuracy: float, margin: float = 0.05) -> dict[str, Any]:
    low, high = accuracy - margin, accuracy + margin
    return {"accuracy": accuracy, "low": low, "high": high, "n": 50}


def _evaluation(index: int, accuracy: float, **more: Any) -> dict[str, Any]:
    result = {**_share(accuracy), "mean_length": 9.0, "seconds": 2.0, **more}
    return {"stage": f"s{index}", "index": index, "step": 0, "benchmarks": {"main": result}}


def _timing(index: int, **seconds: float) -> dict[str, Any]:
    speed = 100.0 * index
    return {"stage": f"s{index}", "index": index, "seconds": seconds, "tokens_per_second": speed}


def test_the_summary_counts_over_the_evaluation() -> None:
    summary = {"stages": [{"name": "base", "index": 0, **_share(0.3), "seconds": 7, "skipped": 4}]}
    (row,) = stage_rows(summary, [_evaluation(0, 0.2)], [], [], [])
    assert (row.name, row.estimate, row.seconds, row.skipped) == (
        "base",
        Estimate(0.3, 0.25, 0.35, 50),
        7,
        4,
    )


def test_without_a_summary_a_row_comes_from_evaluation_timings_and_skips() -> None:
    timings = [_timing(1, rollout=2.0, update=1.0), _timing(2, update=9.0)]
    (first, _) = stage_rows({}, [_evaluation(1, 0.5)], [], timings, [{"index": 1}])
    assert (first.n, first.mean_length, first.seconds, first.skipped) == (50, 9.0, 5.0, 1)


def test_a_stage_that_only_logged_metrics_has_a_row() -> None:
    (row,) = stage_rows({}, [], [{"stage": "sft", "index": 1, "step": 1}], [], [])
    assert (row.name, row.estimate, row.seconds) == ("sft", None, None)


def test_changes_are_against_the_base_and_clear_when_intervals_are_apart() -> None:
    evaluations = [_evaluation(0, 0.4), _evaluation(1, 0.45), _evaluation(2, 0.6)]
    base, near, far = stage_rows({}, evaluations, [], [], [])
    assert base.change is None
    assert (round(near.change or 0, 6), near.clear) == (0.05, False)
    assert (round(far.change or 0, 6), far.clear) == (0.2, True)


def test_a_change_without_intervals_is_not_clear() -> None:
    one, other = _evaluation(0, 0.1), _evaluation(1, 0.9)
    one["benchmarks"]["main"]["low"] = None
    assert not stage_rows({}, [one, other], [], [], [])[1].clear


def test_malformed_summaries_and_benchmarks_leave_rows_empty() -> None:
    evaluation = {"stage": "s", "index": 0, "benchmarks": []}
    (row,) = stage_rows({"stages": "none"}, [evaluation], [], [], [])
    assert row.estimate is None and row.n is None


def test_one_benchmark_has_tables_of_tasks_outcomes_and_metrics() -> None:
    evaluation = _evaluation(
        0,
        0.5,
        by_task={"count": _share(0.5)},
        outcomes={"no answer": 1, "wrong": 1, "correct": 2},
        metrics={"pass@4": 0.75},
    )
    tasks, outcomes, metrics = heat_tables([evaluation])
    assert (tasks.title, tasks.columns) == ("By task", ("s0",))
    assert [name for name, _ in outcomes.rows] == ["correct", "wrong", "no answer"]
    assert outcomes.rows[0][1] == (Estimate(0.5, None, None, 2),)
    assert metrics.rows == (("pass@4", (Estimate(0.75),)),) and not metrics.percent


def test_the_last_column_by_task_is_what_its_most_common_answer_would_score() -> None:
    evaluation = _evaluation(0, 0.5, by_task={"count": {**_share(0.5), "guess": 0.3}})
    (tasks,) = heat_tables([evaluation])
    assert tasks.columns == ("s0", "one answer") and "most common answer" in tasks.note
    assert [cell and cell.accuracy for cell in tasks.rows[0][1]] == [0.5, 0.3]


def test_several_benchmarks_have_a_table_of_their_own_first() -> None:
    evaluation = _evaluation(0, 0.5, by_task={"count": _share(0.5)})
    evaluation["benchmarks"]["other"] = _share(0.25)
    assert [heat.title for heat in heat_tables([evaluation])] == ["Benchmarks", "main · By task"]


def test_a_cell_that_a_stage_lacks_is_none() -> None:
    evaluations = [
        _evaluation(0, 0.5, by_task={"a": _share(0.1)}),
        _evaluation(1, 0.5, by_task={"b": _share(0.2)}),
    ]
    (heat,) = heat_tables(evaluations)
    assert [[cell is None for cell in cells] for _, cells in heat.rows] == [
        [False, True],
        [True, False],
    ]


def test_seconds_are_summed_by_stage_and_phase() -> None:
    timings = [
        _timing(1, update=1.0, save=0.5),
        _timing(1, rollout=2.0, update=2.0, bad=-1.0),
        _timing(2, idle=0.0),
    ]
    (bar,) = phase_bars(timings)
    assert dict(bar.phases) == {"update": 3.0, "save": 0.5, "rollout": 2.0}
    assert (bar.total, bar.tokens_per_second) == (5.5, 100.0)
    assert phase_names([bar]) == ["rollout", "update", "save"]


def test_a_bar_without_speeds_has_none() -> None:
    (bar,) = phase_bars([{"stage": "s", "index": 1, "seconds": {"update": 1.0}}])
    assert bar.tokens_per_second is None


def test_skipped_records_that_differ_in_numbers_only_are_one_row() -> None:
    lines = [
        {"stage": "s", "place": "source", "id": str(n), "reason": f"{n} tokens are too many"}
        for n in (9, 8, 7, 6)
    ]
    lines.append({"stage": "s", "place": "source", "id": "x", "reason": "no image"})
    many, one = skip_rows(lines)
    assert (many.count, many.reason, many.examples) == (4, "9 tokens are too many", ("9", "8", "7"))
    assert one.count == 1
