"""Supervised training of the small model on a CPU, by what gives it memory.

    python benchmarks/allocators.py [--updates 12] [--rounds 2]

Each allocator that is installed trains the last stage of `gnomon-micro-v2` from the bundled model, in a process of
its own, one allocator after the other in each round. Seconds of an update without reading, the first update left out:
the least and the median of all rounds, and the largest memory in gigabytes. Writes benchmarks/results/allocators.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gnomon.machine import environment

ALLOCATORS = {
    "C library": "",
    "jemalloc": "libjemalloc.so.2",
    "tcmalloc": "libtcmalloc_minimal.so.4",
}
"""What is loaded before all else."""


def updates_with(library: str, updates: int) -> Iterator[tuple[float, float]]:
    """Seconds and gigabytes of the updates of one run; none where the library is not installed."""
    settings = {
        "stages": "[settle]",
        "stages.settle.steps": str(updates + 1),
        "stages.settle.optimizer.learning_rate.warmup": "0",
        "evaluation.benchmarks": "[]",
    }
    given = [text for pair in settings.items() for text in ("--set", "=".join(pair))]
    gnomon = [sys.executable, "-c", "from gnomon.cli import main; main()"]
    with tempfile.TemporaryDirectory() as folder:
        told = subprocess.run(
            [*gnomon, "train", "gnomon-micro-v2", "--model", "gnomon-micro", "--out", folder, *given],
            env={**os.environ, "LD_PRELOAD": library},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        if library and library in told.stderr:
            return
        told.check_returncode()
        (run,) = Path(folder).iterdir()
        for line in (run / "timings.jsonl").read_text().splitlines()[1:]:
            step = json.loads(line)
            yield step["seconds"]["update"], step["memory"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in ALLOCATORS}
    for _ in range(given.rounds):
        for name, library in ALLOCATORS.items():
            seen[name].extend(updates_with(library, given.updates))
    found = {
        name: {
            "least": round(min(seconds for seconds, _ in steps), 2),
            "median": round(statistics.median(seconds for seconds, _ in steps), 2),
            "gigabytes": round(max(memory for _, memory in steps), 1),
        }
        for name, steps in seen.items()
        if steps
    }
    stored = {"machine": environment(Path(".")), **vars(given), "updates_by_allocator": found}
    Path("benchmarks/results/allocators.json").write_text(json.dumps(stored, indent=1) + "\n")
    for name in ALLOCATORS:
        print(f"{name}: {found.get(name, 'not installed')}")


if __name__ == "__main__":
    main()
