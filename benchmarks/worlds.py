"""How many samples a second every task of every world draws on one core, its pictures and sounds with them.

    python benchmarks/worlds.py                      everything: about ten minutes of an idle machine
    python benchmarks/worlds.py plans logic/survo    some worlds or tasks; the others keep what is stored

A round draws questions of one task and difficulty until half a second or a hundred are over; the
best of three rounds is stored, as others can only slow it down. Time is that of this process, and the
clock's for pages, which a browser draws. With it goes how much is shown: the pixels of all pictures and
frames of a sample.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from step import commit_name, processor_name

from gnomon.media.video import open_video
from gnomon.records import Media
from gnomon.worlds.microworld import microworld
from gnomon.worlds.problems import PROBLEMS
from gnomon.worlds.questions import TASKS
from gnomon.worlds.source import SampleSource
from gnomon.worlds.world import LEVELS, WorldTask, tasks_of, worlds

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks/results/worlds.json"
ROUNDS, SECONDS, MOST = 3, 0.5, 100
CLOCKED = "pages"
"""The world whose work is done by another process."""

Draw = Callable[[int], tuple[Media, ...]]


def asked(source: SampleSource, number: int) -> tuple[Media, ...]:
    return source[number].media


def shown(task: WorldTask, level: int, seed: int) -> tuple[Media, ...]:
    question = task.pose(np.random.default_rng([seed, level]), level)
    return question.show()


def draws() -> dict[str, list[Draw]]:
    """What draws sample n of every task, for each difficulty."""
    found: dict[str, list[Draw]] = {}
    for name in (*TASKS, *PROBLEMS):
        modality = "text" if name in PROBLEMS else "image"
        found[f"microworld/{name}"] = [
            partial(
                asked, microworld(tasks=[name], modality=modality, difficulty=(level, level))
            )
            for level in LEVELS
        ]
    for world in worlds():
        for name, task in tasks_of(world).items():
            found[f"{world}/{name}"] = [partial(shown, task, level) for level in LEVELS]
    return found


def rate(
    draw: Draw, clock: Callable[[], float], seconds: float = SECONDS, most: int = MOST
) -> float:
    """Samples a second: the best of the rounds, each of samples that no round had before."""
    draw(0)  # what is kept for all samples is not counted: fonts, scans, photographs
    best, number = 0.0, 1
    for _ in range(ROUNDS):
        start, first = clock(), number
        while number - first < most and clock() - start < seconds:
            draw(number)
            number += 1
        best = max(best, (number - first) / max(clock() - start, 1e-9))
    return best


def pixels(media: Sequence[Media]) -> int:
    """Pixels of all pictures and frames; 0 for texts and sounds."""
    count = 0
    for medium in media:
        if medium.kind == "video":
            count += sum(frame.width * frame.height for frame in open_video(medium).frames)
        elif medium.kind == "image":
            with Image.open(io.BytesIO(medium.data or b"")) as picture:
                count += picture.width * picture.height
    return count


def mean_pixels(draw: Draw) -> int:
    """`pixels` of a sample, over the first eight."""
    return round(sum(pixels(draw(number)) for number in range(8)) / 8)


def stored() -> dict[str, Any]:
    """The results on the disk; nothing where there are none."""
    found = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    return {"tasks": {}, "pixels": {}} | found


def wanted(names: Sequence[str], every: Sequence[str]) -> list[str]:
    """The tasks that are asked for, all when none is; ValueError for a name of none."""
    unknown = [
        name
        for name in names
        if not any(one == name or one.startswith(f"{name}/") for one in every)
    ]
    if unknown:
        raise ValueError(f"there is no world or task {unknown[0]!r} here")
    return [one for one in every if not names or one in names or one.split("/")[0] in names]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="worlds, or tasks such as plans/blanks")
    parser.add_argument("--most", type=int, default=MOST, help="samples of a round")
    chosen = parser.parse_args()
    every = draws()
    result = stored()
    result |= {
        "commit": commit_name(),
        "machine": f"{processor_name()}, Python {platform.python_version()}",
    }
    result["load"] = round(os.getloadavg()[1], 1)
    for name in wanted(chosen.names, list(every)):
        clock = time.perf_counter if name.startswith(CLOCKED) else time.process_time
        result["tasks"][name] = [
            round(rate(draw, clock, most=chosen.most), 1) for draw in every[name]
        ]
        result["pixels"][name] = [mean_pixels(draw) for draw in every[name]]
        print(f"{name:45}", *(f"{one:9,.0f}" for one in result["tasks"][name]), flush=True)
        store(result, list(every))


def store(result: dict[str, Any], order: Sequence[str]) -> None:
    """Put the results on the disk, in the order of the tasks, those that are not here now behind."""
    for key in ("tasks", "pixels"):
        names = dict.fromkeys([*order, *result[key]])
        result[key] = {name: result[key][name] for name in names if name in result[key]}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
