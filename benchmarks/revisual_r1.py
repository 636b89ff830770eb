"""Run the arms of the ReVisual-R1 ablation with several seeds and store what each stage came to.

    python benchmarks/revisual_r1.py --seeds 0 1 2 --jobs 2

Each arm is one `gnomon train` command with `--set`; the results go to
docs/results/revisual-r1.json, from which `make docs` fills the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

RESULT = Path("docs/results/revisual-r1.json")
BASE = "gnomon train revisual-r1 --scale micro"
NO_PAD = "--set stages.multimodal-rl.resample=null --set stages.text-rl.resample=null"
ARMS = {
    "pad": BASE,
    "pad-off": f"{BASE} {NO_PAD}",
    "reversed": f"{BASE} --set stages=[cold-start,text-rl,multimodal-rl]",
    "sft-only": f"{BASE} --set stages=[cold-start] --set stages.cold-start.steps={{updates}}",
}


def updates() -> int:
    """Optimiser updates of the whole recipe, which the supervised control arm gets too."""
    from gnomon import load_recipe

    return sum(stage.steps for stage in load_recipe("revisual-r1", "micro").stages)


def run(arm: str, seed: int, root: Path) -> dict:
    """One run of an arm."""
    command = [*ARMS[arm].format(updates=updates()).split()[1:], "--seed", str(seed)]
    stages = train(command, f"{arm}-{seed}", root)
    return {"arm": arm, "seed": seed, "stages": stages, "commit": commit()}


def train(command: list[str], name: str, root: Path) -> list[dict]:
    """The stages that one `gnomon` command comes to.

    It runs in a process of its own, with one thread, so that two can run side by side.
    """
    gnomon = Path(sys.executable).parent / "gnomon"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (root / f"{name}.log").open("w") as log:
        subprocess.run(
            [gnomon, *command, "--out", str(root / name)],
            stdout=log,
            stderr=log,
            env=environment,
            check=True,
        )
    (summary,) = (root / name).glob("*/summary.json")
    return json.loads(summary.read_text())["stages"]


def commit() -> str:
    """The commit that is checked out."""
    found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def main() -> None:
    """Run every arm and seed that is not stored yet; store after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--root", type=Path, default=Path("runs/ablation"))
    options = parser.parse_args()
    options.root.mkdir(parents=True, exist_ok=True)
    stored = json.loads(RESULT.read_text()) if RESULT.exists() else {"runs": []}
    stored["commands"] = {arm: text.format(updates=updates()) for arm, text in ARMS.items()}
    stored["machine"] = f"{os.cpu_count()} CPU cores, {platform.machine()}, one thread a run"
    done = {(item["arm"], item["seed"]) for item in stored["runs"]}
    wanted = [(a, s) for s in options.seeds for a in options.arms if (a, s) not in done]
    with ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(lambda pair: run(*pair, options.root), wanted):
            stored["runs"].append(result)
            RESULT.write_text(json.dumps(stored, indent=1) + "\n")
            print(
                result["arm"], result["seed"], [round(s["accuracy"], 3) for s in result["stages"]]
            )


if __name__ == "__main__":
    main()
