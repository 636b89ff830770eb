from __future__ import annotations

import io
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gnomon.doctor import Check
from gnomon.parts import INPUTS, find
from gnomon.report.console import (
    RichWatcher,
    benchmark_table,
    checks_table,
    counts_table,
    names_table,
    part_page,
    readable_type,
    safe_text,
    show,
    stage_table,
)
from gnomon.report.progress import duration

ESCAPE = "\x1b"


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def plain_console(width: int = 100) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=False, highlight=False)


def terminal_console() -> Console:
    return Console(
        file=io.StringIO(),
        width=120,
        force_terminal=True,
        force_interactive=True,
        color_system=None,
    )


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def render(item: object, width: int = 100) -> str:
    console = plain_console(width)
    console.print(item, soft_wrap=True)
    return written(console)


# -- text -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]52;c;aGk=\x1b\\after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]never closed", "never closed"),
        ("\x9b31mred", "red"),
        ("\x1bPq#0\x1b\\x", "x"),
        ("\x1bcreset", "reset"),
        ("\x1b(0box", "box"),
        ("bell\x07back\x08", "bellback"),
        ("over\rwrite", "overwrite"),
        ("lines\n\tstay", "lines\n\tstay"),
        ("\u202egnp.exe", "gnp.exe"),
        ("lone \ud800", "lone "),
        ("naïve 語 🙂", "naïve 語 🙂"),
        ("ends with \x1b", "ends with "),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
    ],
)
def test_text_of_a_model_cannot_command_the_terminal(text: str, shown: str) -> None:
    assert safe_text(text) == shown


@given(st.text(st.characters() | st.sampled_from("\x1b[]\x07\x9b\\;m")))
def test_safe_text_never_holds_a_control_character(text: str) -> None:
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", safe_text(text))


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"])))
def test_text_without_controls_is_left_as_it_is(text: str) -> None:
    assert safe_text(text) == text


@pytest.mark.parametrize("piece", ["\x1b]", "\x9d", "\x9b0", "\x1b(", "\x1bPx", "\x90\x1b"])
def test_safe_text_takes_linear_time(piece: str) -> None:
    assert not re.search(r"[\x1b\x80-\x9f]", safe_text(piece * 300_000))


def test_text_is_shown_without_markup_or_folding() -> None:
    console = plain_console(width=20)
    show(console, "[red]" + "x" * 50 + "\x1b[31m")
    assert written(console) == "[red]" + "x" * 50 + "\n"


# -- tables ---------------------------------------------------------------------------------------

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
        "by_task": {"count": {"accuracy": 0.25, "low": 0.1, "high": 0.5, "n": 20}},
        "by_difficulty": {"2": {"accuracy": math.nan, "low": math.nan, "high": math.nan, "n": 0}},
        "metrics": {"pass@4": 0.75},
        "outcomes": {"correct": 50, "wrong": 50},
    }  # fmt: skip
    text = render(benchmark_table("gnomon-micro on x", result))
    assert [row for row in rows(text) if any(row)] == [
        ["all", "50.0 %", "40.0 to 60.0", "100"],
        ["count", "25.0 %", "10.0 to 50.0", "20"],
        ["difficulty 2", "-", "-", "0"],
        ["pass@4", "75.0 %", "", ""],
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


# -- progress -------------------------------------------------------------------------------------


def test_without_a_terminal_every_tenth_gets_one_line() -> None:
    console, clock = plain_console(), Clock()
    with RichWatcher(console, clock) as watcher:
        watcher.started("rl", 200)
        for done in range(1, 201):
            clock.now += 1
            watcher.advanced(done, {"reward": 0.5})
        watcher.finished()
    lines = written(console).splitlines()
    assert lines[0] == "rl: started, 200 steps"
    assert lines[1] == "rl: 20/200, reward 0.500, 20.0 s elapsed, 3:00 left"
    assert lines[-1] == "rl: done in 3:20, reward 0.500"
    assert len(lines) == 11


def test_without_a_terminal_no_control_code_is_written() -> None:
    console = plain_console()
    with RichWatcher(console) as watcher:
        watcher.started("rl", 2)
        watcher.advanced(1, {"reward": 1.0})
        watcher.note("skipped a\x1b[31m [bold]")
        watcher.finished("over\x1b[0m")
    text = written(console)
    assert ESCAPE not in text and "\r" not in text
    assert "skipped a [bold]" in text


def test_phases_are_timed_and_sum_over_a_step() -> None:
    console, clock = plain_console(200), Clock()
    with RichWatcher(console, clock) as watcher:
        watcher.started("rl", 10)
        for phase, spent in (("rollout", 2.0), ("grade", 0.5), ("update", 1.0), ("update", 0.5)):
            watcher.phase(phase)
            clock.now += spent
        watcher.advanced(1, {})
    assert "rollout 2.0 s, grade 0.5 s, update 1.5 s" in written(console)


def test_a_line_says_what_a_step_cost() -> None:
    console, clock = plain_console(300), Clock()
    with RichWatcher(console, clock) as watcher:
        watcher.started("rl", 10)
        watcher.phase("rollout")
        clock.now += 2
        costs = {"tokens_per_second": 8123.4, "useful": 0.283, "reuse": 8.0, "memory": 1.204}
        watcher.advanced(1, {"reward": 0.5, **costs})
        watcher.advanced(2, {"reuse": math.inf})
    line, other = written(console).splitlines()[1:]
    assert line.startswith(
        "rl: 1/10, reward 0.500, rollout 2.0 s, 8,123 tokens/s, 28% of plain rows' tokens, "
        "images reused 8.0x, peak 1.20 GB, 2.0 s elapsed"
    )
    assert "reused" not in other


def test_every_step_of_reinforcement_learning_gets_one_line() -> None:
    """Rollout, verifying and training seconds, speed, useful tokens, encoder reuse, memory."""
    console, clock = plain_console(300), Clock()
    costs = {"tokens_per_second": 900.0, "useful": 0.3, "reuse": 8.0, "memory": 1.2}
    with RichWatcher(console, clock) as watcher:
        watcher.started("rl", 200)
        for done in range(1, 4):
            for phase in ("rollout", "grade", "update"):
                watcher.phase(phase)
                clock.now += 1
            watcher.advanced(done, costs)
    lines = written(console).splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == ["rl: 1/200", "rl: 2/200", "rl: 3/200"]
    assert all(
        "rollout 1.0 s, grade 1.0 s, update 1.0 s, 900 tokens/s, 30% of plain rows' tokens, "
        "images reused 8.0x, peak 1.20 GB" in line
        for line in lines
    )


def test_seconds_measured_by_the_stage_are_preferred() -> None:
    console, clock = plain_console(200), Clock()
    with RichWatcher(console, clock) as watcher:
        watcher.started("rl", 10)
        watcher.phase("rollout")
        clock.now += 5
        watcher.advanced(1, {"rollout": 4.0})
    assert "rollout 4.0 s" in written(console)


def test_phases_of_an_evaluation_inside_a_stage_belong_to_the_evaluation() -> None:
    console, clock = plain_console(200), Clock()
    with RichWatcher(console, clock) as watcher:
        watcher.started("rl", 10)
        watcher.started("evaluation", 1)
        watcher.phase("rollout")
        clock.now += 5
        watcher.advanced(1, {"accuracy": 0.25})
        watcher.finished()
        watcher.advanced(1, {})
    lines = written(console).splitlines()
    assert lines[2] == "evaluation: done in 5.0 s, accuracy 0.250"
    assert lines[3] == "rl: 1/10, 5.0 s elapsed, 45.0 s left"


def test_a_resumed_stage_says_what_was_done_before() -> None:
    console, clock = plain_console(), Clock()
    with RichWatcher(console, clock) as watcher:
        watcher.started("rl", 100, 40)
        clock.now += 10
        watcher.advanced(50, {})
    assert written(console).splitlines() == [
        "rl: started, 100 steps, 40 of them done before",
        "rl: 50/100, 10.0 s elapsed, 50.0 s left",
    ]


def test_numbers_that_are_not_finite_are_not_shown() -> None:
    console = plain_console()
    with RichWatcher(console, Clock()) as watcher:
        watcher.started("sft", 10)
        watcher.advanced(1, {"loss": math.nan})
    assert "nan" not in written(console)


def test_work_without_steps_is_no_error() -> None:
    console = plain_console()
    with RichWatcher(console, Clock()) as watcher:
        watcher.started("empty", 0)
        watcher.finished()
    assert "empty: done in 0.0 s" in written(console)


def test_events_outside_any_work_are_ignored() -> None:
    console = plain_console()
    with RichWatcher(console, Clock()) as watcher:
        watcher.phase("report")
        watcher.advanced(1, {})
        watcher.finished()
    assert written(console) == ""


def test_a_terminal_gets_a_bar_with_reward_and_phase_timing() -> None:
    console, clock = terminal_console(), Clock()
    with RichWatcher(console, clock) as watcher:
        watcher.started("multimodal-rl", 10)
        watcher.phase("rollout")
        clock.now += 2
        watcher.advanced(1, {"reward": 0.25})
        watcher.phase("grade")
        assert watcher.bars is not None
        watcher.bars.refresh()
        watcher.started("evaluation", 2)
        watcher.finished("30 %")
        watcher.note("a note [bold]")
        watcher.finished()
    text = written(console)
    for part in (
        "multimodal-rl",
        "1/10",
        "reward 0.250",
        "rollout 2.0 s  now grade",
        "a note [bold]",
    ):
        assert part in text
    assert "multimodal-rl: done in 2.0 s, reward 0.250" in text


def test_the_terminal_is_left_in_order_after_an_error() -> None:
    console = terminal_console()
    with pytest.raises(KeyboardInterrupt), RichWatcher(console, Clock()) as watcher:
        watcher.started("rl", 10)
        raise KeyboardInterrupt
    shows_cursor, hides_cursor = "\x1b[?25h", "\x1b[?25l"
    text = written(console)
    assert text.rindex(shows_cursor) > text.rindex(hides_cursor)


def test_durations_read_naturally() -> None:
    assert [duration(s) for s in (0.04, 59.94, 60, 3599.6, 7325)] == [
        "0.0 s", "59.9 s", "1:00", "1:00:00", "2:02:05",
    ]  # fmt: skip
