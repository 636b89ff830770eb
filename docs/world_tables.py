"""The page of worlds: what each holds, and which of its tasks stand in for which system."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from run_tables import table

from gnomon.worlds import microworld
from gnomon.worlds.needs import NEEDS
from gnomon.worlds.problems import PROBLEMS
from gnomon.worlds.questions import TASKS
from gnomon.worlds.world import LEVELS, absent_tasks, module_of, tasks_of, worlds

HEAD = """# Worlds

Every task has an answer that is exact by construction and confirmed by other means than those that made the question;
a seed decides everything; training and held-out questions share no problem. `gnomon worlds` writes a page with a
question of every task at every difficulty, and `gnomon worlds metro screens` one of some worlds.

As data of a stage: `Use("world", world="metro", tasks=["planning"], difficulty=(1, 3))`, and with the same settings
as a benchmark. Difficulty decides the grid of a jigsaw; `Use("jigsaw", rows=4, columns=5)` has the grid that you want.

Films need the extra `video`, written as `pip install 'gnomon[video]'`, sounds `audio`, and the world of pages `pages`
with a Chromium; spoken digits need espeak-ng. Where they are missing, these tasks are refused with what to install, and
all others are there.
"""


def worlds_page(measured: Mapping[str, Any]) -> str:
    """The text of docs/worlds.md, with the speeds of benchmarks/results/worlds.json where there are any."""
    held = [_row("microworld", microworld, [*TASKS, *PROBLEMS])]
    held += [
        _row(name, module_of(name), [*tasks_of(name), *absent_tasks(name)]) for name in worlds()
    ]
    needs = [
        [system, ", ".join(f"`{place}`" for place in NEEDS[system])] for system in sorted(NEEDS)
    ]
    return "\n".join(
        [
            HEAD,
            table(("world", "what it is", "tasks"), held),
            "## Systems\n",
            "What stands in, at micro scale, for what each system is about. A world alone means all its tasks.\n",
            table(("system", "tasks"), needs),
            *_speeds(measured),
        ]
    )


SPEED = """## Speed

Samples a second on one core, by difficulty, with everything that is shown. Measured on {machine}, commit {commit}, at
a load of {load} (processes that want a core), by `python benchmarks/worlds.py`. Pages are drawn by a browser.
"""


ASKED, SIDE = 500, 112
"""Samples a second that a task should give, and the side of the picture for which that is asked."""
SLOW = """Below {asked} a second, with the pixels of all pictures and frames of a sample, and how many pictures of 112 x 112
pixels a second that is:
"""
SLOW_HEAD = ("task", "difficulty", "samples a second", "pixels a sample", "pictures a second")


def _speeds(measured: Mapping[str, Any]) -> list[str]:
    if not measured:
        return []
    rows = [
        [f"`{name}`", *(f"{rate:,.0f}" for rate in rates)]
        for name, rates in measured["tasks"].items()
    ]
    speeds = [SPEED.format(**measured), table(("task", *map(str, LEVELS)), rows)]
    return [*speeds, SLOW.format(asked=ASKED), table(SLOW_HEAD, _slow(measured))]


def _slow(measured: Mapping[str, Any]) -> list[list[str]]:
    """The tasks and difficulties below what is asked, with how much they show."""
    found = []
    for name, rates in measured["tasks"].items():
        for level, rate in zip(LEVELS, rates, strict=True):
            if rate < ASKED:
                pixels = measured["pixels"][name][level - LEVELS[0]]
                pictures = rate * pixels / SIDE**2
                row = (f"{rate:,.0f}", f"{pixels:,}", f"{pictures:,.0f}")
                found.append([f"`{name}`", str(level), *row])
    return found


def _row(name: str, module: ModuleType, tasks: list[str]) -> list[str]:
    about = (
        (ast.get_docstring(ast.parse(inspect.getsource(module))) or "")
        .split("\n\n")[0]
        .replace("\n", " ")
    )
    return [name, about, ", ".join(tasks)]
