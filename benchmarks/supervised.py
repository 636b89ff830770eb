"""Supervised training of the small model on a CPU: by precision, and by how micro-batches share the cores.

    python benchmarks/supervised.py [--updates 6]

Every way makes the first updates of `gnomon-micro-v2` (64 conversations each) from the bundled model, in one process,
one way after the other in each round. Tokens per second are those of an update, reading left out: the best and the
median of all updates but the first. Writes benchmarks/results/supervised.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from gnomon.catalogue import load_recipe
from gnomon.machine import environment
from gnomon.models.load import load_policy
from gnomon.models.policy import Policy
from gnomon.recipe import Sft, override
from gnomon.stages.drive import open_stream
from gnomon.stages.sft import micro_batches, negative_log_likelihood
from gnomon.stages.updates import Updater

WAYS = {
    "float32, two threads": ("float32", 1),
    "float32, side by side": ("float32", 2),
    "bfloat16, two threads": ("bfloat16", 1),
    "bfloat16, side by side": ("bfloat16", 2),
}
"""Precision, and micro-batches at a time."""


def stage_of_v2() -> Sft:
    """The last stage of the recipe, read without workers."""
    recipe = override(load_recipe("gnomon-micro-v2", "micro"), {"stages.settle.workers": 0})
    *_, stage = recipe.stages
    assert isinstance(stage, Sft)
    return stage


def tokens_per_second(
    policy: Policy, updater: Updater, stage: Sft, examples: list[Any], at_once: int
) -> float:
    """Of one update over ``examples``."""
    start = time.perf_counter()
    batches = micro_batches(policy, examples, stage.micro_batch_tokens)
    total = sum(sum(batch.counts) for batch in batches)
    updater.step(
        [negative_log_likelihood(policy, batch, total) for batch in batches], at_once=at_once
    )
    return sum(map(len, examples)) / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=6)
    updates = parser.parse_args().updates
    torch.set_num_threads(2)
    stage = stage_of_v2()
    sides = {}
    for name, (dtype, at_once) in WAYS.items():
        policy = load_policy("gnomon-micro", dtype=dtype)
        policy.model.train()
        sides[name] = (policy, Updater(policy, stage.optimizer, updates), at_once)
    encoder = next(iter(sides.values()))[0].encoder(max_tokens=stage.max_tokens)
    stream = open_stream(stage, encoder, 0, 0)
    speeds: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(updates + 1):
        examples = [encoded for _, encoded in stream.take(stage.batch_size)]
        for name, (policy, updater, at_once) in sides.items():
            speed = tokens_per_second(policy, updater, stage, examples, at_once)
            if number:
                speeds[name].append(speed)
    found = {
        name: {"best": round(max(values)), "median": round(statistics.median(values))}
        for name, values in speeds.items()
    }
    stored = {"machine": environment(Path(".")), "updates": updates, "tokens_per_second": found}
    Path("benchmarks/results/supervised.json").write_text(json.dumps(stored, indent=1) + "\n")
    for name, value in found.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
