"""Run every recipe at micro scale to its end, once, and store what each stage came to.

    python benchmarks/micro_recipes.py --jobs 2

One seed shows that a recipe runs, what it costs and roughly what it does, not that it helps: for that
there is `gnomon replicate`. The results go to docs/results/micro-recipes.json, from which `make docs`
fills the table of docs/micro-runs.md. What is stored already is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from gnomon.catalogue import recipe_names

RESULT = Path("docs/results/micro-recipes.json")
LEFT_OUT = {"gnomon-micro-base", "gnomon-micro-v2", "gnomon-micro-audio", "rewarded"}
"""The making of the bundled models takes hours; what recipes share is no system."""


def micro_recipes() -> list[str]:
    """All recipes of systems."""
    return [name for name in recipe_names() if name not in LEFT_OUT]


def run(recipe: str, root: Path) -> dict:
    """One run in a process of its own, with one thread, so that two can go side by side."""
    gnomon = Path(sys.executable).parent / "gnomon"
    with (root / f"{recipe}.log").open("w") as log:
        subprocess.run(
            [
                gnomon, "train", recipe, "--scale", "micro", "--seed", "0",
                "--out", str(root / recipe),
            ],
            stdout=log,
            stderr=log,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=True,
        )  # fmt: skip
    (summary,) = (root / recipe).glob("*/summary.json")
    stages = json.loads(summary.read_text())["stages"]
    return {"recipe": recipe, "seed": 0, "stages": stages, "commit": commit()}


def commit() -> str:
    """The commit that is checked out."""
    found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def main() -> None:
    """Run every recipe that is not stored yet; store after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipes", nargs="+", default=micro_recipes())
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--root", type=Path, default=Path("runs/micro-recipes"))
    options = parser.parse_args()
    options.root.mkdir(parents=True, exist_ok=True)
    stored = json.loads(RESULT.read_text()) if RESULT.exists() else {"runs": []}
    stored["machine"] = f"{os.cpu_count()} CPU cores, {platform.machine()}, one thread a run"
    done = {item["recipe"] for item in stored["runs"]}
    with ThreadPoolExecutor(options.jobs) as pool:
        wanted = {pool.submit(run, r, options.root): r for r in options.recipes if r not in done}
        for finished in as_completed(wanted):
            if finished.exception() is not None:
                print(wanted[finished], "failed:", finished.exception())
                continue
            stored["runs"].append(finished.result())
            stored["runs"].sort(key=lambda item: item["recipe"])
            RESULT.write_text(json.dumps(stored, indent=1) + "\n")
            print(wanted[finished], [round(s["accuracy"], 3) for s in finished.result()["stages"]])


if __name__ == "__main__":
    main()
