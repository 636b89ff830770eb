from __future__ import annotations

import math
import re

from gnomon.doctor import Check
from gnomon.parts import INPUTS, find
from gnomon.report.console import (
    benchmark_table,
    checks_table,
    counts_table,
    names_table,
    part_page,
    readable_type,
    stage_table,
)
from report.consoles import plain_console, written


def render(item: object, width: int = 100) -> str:
    console = plain_console(width)
    console.print(item, soft_wrap=True)
    return written(console)


NAMES = ("name", "index", "accuracy", "low", "high", "n", "mean_length", "seconds", "skipped")
STAGES = [
    dict(zip(NAMES, values, strict=True))
    for values in (
        ("base", 0, 0.30, 0.26, 0.34, 512, 3.04, 0.0, 0),
        ("cold-start", 1, 0.485, 0.44, 0.53, 512, 41.5, 75.0, 2),
        ("text-rl", 2, 0.25, 0.2, 0.3, 512, math.nan, None, 0),
    )
]
SUMMARY = {"recipe": "revisual-r1", "scale": "micro", "seed": 3, "stages": STAGES}


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def test_the_stage_table_shows_the_change_against_base_in_points() -> None:
    assert rows(render(stage_table(SUMMARY))) == [
        ["base", "30.0 %", "26.0 to 34.0", "-", "512", "3.0", "0.0 s"],
        ["cold-start", "48.5 %", "44.0 to 53.0", "+18.5", "512", "41.5", "1:15"],
        ["text-rl", "25.0 %", "20.0 to 30.0", "-5.0", "512", "-", "-"],
    ]


def test_the_stage_table_names_recipe_scale_and_seed() -> None:
    assert "revisual-r1, micro scale, seed 3" in render(stage_table(SUMMARY))


def test_skipped_records_are_never_silent() -> None:
    assert "2 records were skipped" in render(stage_table(SUMMARY))


def test_a_run_without_a_base_has_no_change() -> None:
    [[_, _, _, change, *_]] = rows(render(stage_table({"stages": STAGES[1:2]})))
    assert change == "-"


def test_an_empty_summary_makes_an_empty_table() -> None:
    assert rows(render(stage_table({}))) == []


def test_a_benchmark_table_shows_tasks_difficulties_metrics_and_outcomes() -> None:
    result = {
        "accuracy": 0.5, "low": 0.4, "high": 0.6, "n": 100, "mean_length": 12.0, "seconds": 3.0,
        "by_task": {"count": {"accuracy": 0.25, "low": 0.1, "high": 0.5, "n": 20, "guess": 0.3}},
        "by_difficulty": {"2": {"accuracy": math.nan, "low": math.nan, "high": math.nan, "n": 0}},
        "metrics": {"pass@4": 0.75},
        "outcomes": {"correct": 50, "wrong": 50},
    }  # fmt: skip
    text = render(benchmark_table("gnomon-micro on x", result))
    assert [row for row in rows(text) if any(row)] == [
        ["all", "50.0 %", "40.0 to 60.0", "100", ""],
        ["count", "25.0 %", "10.0 to 50.0", "20", "30.0 %"],
        ["difficulty 2", "-", "-", "0", ""],
        ["pass@4", "75.0 %", "", "", ""],
    ]
    assert "correct: 50, wrong: 50" in " ".join(text.split())


def test_checks_are_shown_with_their_remedy() -> None:
    [row] = rows(render(checks_table([Check("av", "missing", "absent", "pip install av")])))
    assert row == ["av", "missing", "absent", "pip install av"]


def test_counts_and_names_are_listed() -> None:
    assert rows(render(counts_table({"reward": 5}))) == [["reward", "5"]]
    assert rows(render(names_table("recipe", {"b": "[x]", "a": "y"}))) == [["a", "y"], ["b", "[x]"]]


def test_a_part_page_has_inputs_settings_types_defaults_and_the_whole_docstring() -> None:
    part = find("advantage", "grpo")
    text = render(part_page(part, INPUTS["advantage"]))
    assert "gnomon.rl.advantages.grpo(rewards, groups, *, baseline" in text
    assert "[N] combined reward of each rollout" in text
    assert re.search(r"epsilon +float = 1e-06", text)
    assert re.search(r"scale +'group-std' \| 'batch-std' \| 'none' = 'group-std'", text)
    assert (part.function.__doc__ or "").strip().splitlines()[-1].strip() in text


def test_a_part_without_inputs_shows_none() -> None:
    text = render(part_page(find("format", "direct"), INPUTS["format"]))
    assert "inputs" not in text and "settings" in text


def test_a_needed_setting_is_marked() -> None:
    text = render(part_page(find("source", "microworld"), {}))
    assert re.search(r"tasks +list\[str\], needed", text)


def test_type_hints_read_like_python() -> None:
    assert readable_type(int | None) == "int | None"
    assert readable_type(tuple[int, int]) == "tuple[int, int]"
