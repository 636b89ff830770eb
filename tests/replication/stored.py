"""Stored results that were not trained, for tests of what is made from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gnomon.replication.experiment import Experiment
from gnomon.replication.results import pack, store_run


def made_record(
    experiment: Experiment, arm: str, seed: int, share: float, **changes: Any
) -> dict[str, Any]:
    """A run of 400 items of which ``share`` are right, the same first ones in every run."""
    right = np.arange(400) < round(400 * share)
    return {
        "declaration": experiment.declaration,
        "budget": 1.0,
        "arm": arm,
        "seed": seed,
        "recipe": f"recipe-{arm}",
        "commit": "0123456789abcdef",
        "dirty": False,
        "machine": "2 cores",
        "base": "fedcba9876543210",
        "start": {"key": "k", "commit": None, "weights": [f"weights-{seed}"], "seconds": 9.0},
        "cost": {"seconds": 60.0, "tokens": 1000, "rollouts": 5120, "updates": 380},
        "items": {"base": pack(right * 0.0), "rl": pack(right)},
        "logged": {metric.name: share * 10 for metric in experiment.also},
        "curves": {"accuracy": [[1.0, share / 2], [2.0, share + 0.01 * seed]]},
        **changes,
    }


def store_made(
    folder: Path, experiment: Experiment, shares: dict[str, float], seeds: int = 3, **changes: Any
) -> None:
    """Store a made run for every arm in ``shares`` and every seed."""
    for seed in range(seeds):
        for arm, share in shares.items():
            store_run(folder, experiment, made_record(experiment, arm, seed, share, **changes))
