from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from gnomon.media.video import open_video
from gnomon.worlds.world import LEVELS, tasks_of, worlds

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def speeds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    # Its name is that of a folder of the tests as well.
    monkeypatch.delitem(sys.modules, "worlds", raising=False)
    module = importlib.import_module("worlds")
    monkeypatch.setattr(module, "RESULT", tmp_path / "results" / "worlds.json")
    return module


def test_every_task_of_every_world_is_measured_at_every_difficulty(speeds: ModuleType) -> None:
    found = speeds.draws()
    for world in worlds():
        assert {f"{world}/{name}" for name in tasks_of(world)} <= set(found)
    assert {"microworld/count", "microworld/logic"} <= set(found)
    assert {len(draws) for draws in found.values()} == {len(LEVELS)}


def test_a_sample_is_drawn_with_what_it_shows(speeds: ModuleType) -> None:
    found = speeds.draws()
    assert [medium.kind for medium in found["plans/blanks"][0](3)] == ["image"]
    assert [medium.kind for medium in found["microworld/count"][0](3)] == ["image"]


def test_the_pixels_of_pictures_and_frames_are_counted(speeds: ModuleType) -> None:
    found = speeds.draws()
    assert speeds.pixels(found["microworld/count"][0](3)) == 112 * 112
    assert speeds.pixels(found["edits/which-picture"][0](3)) % (112 * 112) == 0
    film = found["motion/order"][0](3)
    assert speeds.pixels(film) == sum(f.width * f.height for f in open_video(film[0]).frames)
    assert speeds.pixels(found["microworld/logic"][0](3)) == 0


def test_what_is_not_here_now_keeps_its_results(speeds: ModuleType) -> None:
    result = {"tasks": {"b/x": [1.0], "a/x": [2.0]}, "pixels": {"b/x": [9]}}
    speeds.store(result, ["a/x"])
    assert list(speeds.stored()["tasks"]) == ["a/x", "b/x"]
    assert speeds.stored()["pixels"] == {"b/x": [9]}


def test_a_rate_is_that_of_the_best_round_over_fresh_samples(speeds: ModuleType) -> None:
    times, drawn = iter([0, 0, 0, 4.0, 4, 4, 4, 5.0, 5, 5, 5, 7.0]), list[int]()
    assert speeds.rate(drawn.append, lambda: next(times), 9.0, 2) == 2.0
    assert drawn == [0, 1, 2, 3, 4, 5, 6]


def test_a_part_of_the_tasks_can_be_asked_for(speeds: ModuleType) -> None:
    every = ["a/x", "a/y", "ab/x"]
    assert speeds.wanted([], every) == every
    assert speeds.wanted(["a"], every) == ["a/x", "a/y"]
    assert speeds.wanted(["ab/x"], every) == ["ab/x"]
    with pytest.raises(ValueError, match="no world or task 'b'"):
        speeds.wanted(["b"], every)


def test_what_is_not_measured_again_is_kept(
    speeds: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speeds, "rate", lambda draw, clock, most: 12.34)
    for names in (["plans/blanks"], ["exams/fill"]):
        monkeypatch.setattr(sys, "argv", ["worlds.py", *names])
        speeds.main()
    found = speeds.stored()
    assert found["tasks"] == {"exams/fill": [12.3] * 5, "plans/blanks": [12.3] * 5}
    assert {"commit", "machine", "load"} <= set(found)
