from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from gnomon.report.progress import RichWatcher
from report.consoles import plain_console, written

ESCAPE = "\x1b"


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def terminal_console() -> Console:
    return Console(
        file=io.StringIO(),
        width=120,
        force_terminal=True,
        force_interactive=True,
        color_system=None,
    )


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
