"""Thirty steps of each recipe's reinforcement at a reduced size, and the curves that they gave.

    python tests/golden_runs.py [RECIPE ...]                                       (make golden)

writes the curves anew, which is right after a change that is meant to change numbers: a formula, a
default, the bundled model. The stages are the recipe's own, but for two questions of four responses
each, asked in the form that the bundled model knows, so that no cold start is needed and groups
hold right and wrong answers. A reward that pays nothing without the layout that a cold start
teaches gives way to the accuracy.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

from gnomon.catalogue import load_recipe
from gnomon.recipe import Recipe, Reinforce, Reward, Use, override
from gnomon.training import train

NAMES = ("lite-ppo", "luffy", "apo", "papo", "onethinker", "vl-cogito", "observe-r1", "vision-r1",
         "skywork-r1v3", "revisual-r1", "grpo", "ppo")  # fmt: skip
BASES: dict[str, dict[str, Any]] = {
    "gnomon-micro-audio": {},
    "gnomon-micro-v2": {
        "model.architecture.base": "gnomon-micro",
        "stages.names.optimizer.learning_rate.warmup": 10,
    },
}
"""Base models, of which the first steps of pretraining are kept, and what differs in them."""
FOLDER = Path(__file__).parent / "systems" / "golden"
STEPS, EXACT = 30, 3
CURVES = ("reward", "loss", "length", "kl", "grad_norm")
WINDOWS = ((EXACT, 10), (10, 20), (20, STEPS))
FIRST = 50
"""Steps of a base model, of two samples each, so that they take seconds."""
LEFT_OUT = {"revisual-r1": ("text-rl",)}
GATED = ("vision-r1", "luffy")
TASKS = ["digit-difference", "digit-place", "extreme"]
"""What the model is sometimes right about, with answers of different lengths."""
SEED = 3
"""Of questions that not all rollouts answer alike, from the first step on."""


def golden_recipe(name: str) -> Recipe:
    """The reinforcement stages of a recipe, together thirty steps long."""
    recipe = load_recipe(name, "micro")
    stages = [
        stage for stage in recipe.stages
        if isinstance(stage, Reinforce) and stage.name not in LEFT_OUT.get(name, ())
    ]  # fmt: skip
    changes: dict[str, Any] = {
        "stages": [stage.name for stage in stages],
        "evaluation.benchmarks": [],
    }
    for stage in stages:
        place = f"stages.{stage.name}"
        shown = "demonstrated" if stage.demonstrations else "none"
        asked = {"tasks": TASKS, "modality": "image", "difficulty": (1, 1), "seed": SEED}
        data = Use("microworld", **asked, answers=shown)
        changes |= {
            f"{place}.data": data,
            f"{place}.modality": "image",
            f"{place}.format": Use("direct"),
            f"{place}.steps": STEPS // len(stages),
            f"{place}.prompts": 2,
            f"{place}.rollouts": 4,
            f"{place}.save_every": STEPS,
            f"{place}.log_rollouts_every": STEPS,
        }
        if not stage.demonstrations:
            changes[f"{place}.sampling.max_new_tokens"] = 24
        if name in GATED:
            changes[f"{place}.rewards"] = (Reward(part=Use("accuracy"), weight=1.0),)
    return override(recipe, changes)


def first_steps(name: str) -> Recipe:
    """The first stage of a base model, much shortened."""
    recipe = load_recipe(name, "micro")
    place = f"stages.{recipe.stages[0].name}"
    changes = {"steps": FIRST, "batch_size": 2, "save_every": FIRST}
    return override(
        recipe,
        {
            "stages": [recipe.stages[0].name],
            "evaluation.benchmarks": [],
            "model.architecture.texts": 40,
            **BASES[name],
            **{f"{place}.{key}": value for key, value in changes.items()},
        },
    )


def curves_of(name: str, root: Path) -> dict[str, list[float | None]]:
    """Each of `CURVES` by step; None where a step has no such number."""
    make, mark = (first_steps, "loss") if name in BASES else (golden_recipe, "reward")
    rows = [row for row in train(make(name), root=root).metrics() if mark in row]
    found = {curve: [_finite(row.get(curve)) for row in rows] for curve in CURVES}
    return {curve: values for curve, values in found.items() if any(v is not None for v in values)}


def _finite(value: Any) -> float | None:
    return float(f"{value:.8g}") if isinstance(value, float) and math.isfinite(value) else None


def golden_curves(name: str) -> dict[str, list[float | None]]:
    """The stored curves of a recipe."""
    found: dict[str, list[float | None]] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def write(name: str) -> None:
    """Make the curves of a recipe anew and store them, one curve a line."""
    with tempfile.TemporaryDirectory() as root:
        curves = curves_of(name, Path(root))
    lines = (f"{json.dumps(curve)}: {json.dumps(values)}" for curve, values in curves.items())
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main(names: list[str]) -> None:
    import torch

    torch.set_num_threads(1)
    for name in names or (*NAMES, *BASES):
        write(name)
        print(f"{name}: {FOLDER / name}.json", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
