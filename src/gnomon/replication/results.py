"""What is kept of a run: a few numbers, one bit for each held-out item, and points of its curves.

``replications/<system>.json`` holds one line for each run, and the declarations that they belong
to. Lines are only ever added: the first run of an arm, seed and budget under a declaration stays.
No text that a model wrote is stored.
"""

from __future__ import annotations

import base64
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnomon.checkpoint import MANIFEST
from gnomon.disk import write_atomic
from gnomon.logs import plain, read_json
from gnomon.records import Outcome, Verdict
from gnomon.replication.experiment import (
    ACCURACY,
    Experiment,
    Metric,
    ReplicationError,
    recipe_hash,
)
from gnomon.replication.jobs import START, Job
from gnomon.replication.matching import (
    after_start,
    base_of,
    rollouts_of,
    start_key,
    updates_of,
)
from gnomon.run import Run
from gnomon.stages.drive import MODEL

CURVES = ("accuracy", "reward", "length", "entropy", "grad_norm")
POINTS = 24
"""A curve is stored as the means of at most so many bins of steps (ours)."""
UNGRADED = frozenset(
    outcome.value for outcome in Outcome if not Verdict(outcome=outcome, score=0.0).graded
)


def run_record(experiment: Experiment, job: Job, budget: float, machine: str) -> dict[str, Any]:
    """What is stored of the finished run of ``job``.

    ``cost`` and curves are of the arm's own stages; the shared ones are named under ``start``.
    """
    run = job.run
    assert run is not None  # as the job is done
    own = after_start(experiment, job.recipe, job.recipe.model.path)
    timings = run.timings()
    return {
        "declaration": experiment.declaration,
        "budget": budget,
        "arm": job.arm,
        "seed": job.seed,
        "recipe": recipe_hash(job.recipe),
        **_provenance(run),
        "machine": machine,
        "base": base_of(job.recipe.model.path),
        "start": _lineage(job),
        "cost": {
            "seconds": round(sum(sum(line["seconds"].values()) for line in timings), 1),
            "tokens": round(sum(map(_tokens, timings))),
            "rollouts": rollouts_of(own),
            "updates": updates_of(own),
        },
        "items": {stage: pack(bits) for stage, bits in item_results(run).items()},
        "tasks": by_task(run),
        "logged": {
            metric.name: logged_mean(run, metric, own.stages[-1].name)
            for metric in experiment.metrics
            if metric.name != ACCURACY
        },
        "curves": curves(run),
    }


def pack(right_I: Sequence[float]) -> dict[str, Any]:
    """Item results as a short text: 1 right, 0 wrong, NaN not graded.

    >>> pack([1.0, 0.0, float("nan")])
    {'n': 3, 'right': 'gA==', 'missing': [2]}
    """
    values = np.asarray(right_I, dtype=float)
    bits = np.packbits(np.nan_to_num(values) > 0.5)
    missing = [int(place) for place in np.flatnonzero(np.isnan(values))]
    packed = base64.b64encode(bits.tobytes()).decode()
    return {"n": len(values), "right": packed, "missing": missing}


def unpack(packed: Mapping[str, Any]) -> NDArray[np.float64]:
    """The item results that `pack` made a text of; `ReplicationError` when they do not fit."""
    try:
        data = np.frombuffer(base64.b64decode(packed["right"], validate=True), dtype=np.uint8)
        right_I = np.unpackbits(data, count=packed["n"]).astype(float)
        right_I[list(packed["missing"])] = np.nan
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise ReplicationError(f"stored items cannot be read: {error}") from None
    return right_I


def item_results(run: Run) -> dict[str, list[float]]:
    """Right (1), wrong (0) or not graded (NaN) for every item after each evaluated stage."""
    found = {}
    for result in run.evaluations():
        rows = run.evaluation_rows(result["index"], result["stage"])
        (benchmark,) = result["benchmarks"].values()
        items = benchmark["n"] + benchmark["skipped"] + len(benchmark["excluded"])
        right = [math.nan] * max([items, *(row["group"] + 1 for row in rows)])
        shares: dict[int, list[float]] = {}
        for row in rows:
            shares.setdefault(row["group"], []).append(_right(row["outcome"]))
        for place, values in shares.items():
            # One bit an item: of several samples, whether most of them were right.
            right[place] = float(np.mean(values) > 0.5) if not np.isnan(values).any() else math.nan
        found[result["stage"]] = right
    return found


def by_task(run: Run) -> dict[str, dict[str, float | None]]:
    """Of each task after the last evaluated stage: its ``items``, ``accuracy``, and ``guess``.

    A guess is the task's most common reference as the answer to all of its items; None of a run
    that was evaluated before it was kept.
    """
    results = run.evaluations()
    (benchmark,) = results[-1]["benchmarks"].values() if results else [{"by_task": {}}]
    return {
        task: {
            "items": cell["n"],
            "accuracy": _short(cell["accuracy"]),
            "guess": _short(cell.get("guess")),
        }
        for task, cell in benchmark["by_task"].items()
    }


def _short(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def logged_mean(run: Run, metric: Metric, stage: str) -> float:
    """The mean of a logged metric over the ``last`` share of a stage's steps; NaN without any."""
    wanted = metric.stage or stage
    lines = [line for line in run.metrics() if line["stage"] == wanted]
    last = lines[-max(1, round(metric.last * len(lines))) :] if lines else []
    values = [line[metric.name] for line in last if line.get(metric.name) is not None]
    return float(np.mean(values)) if values else math.nan


def curves(run: Run) -> dict[str, list[list[float]]]:
    """The curves of a run over the steps of all its stages in turn, as means of equal bins.

    There are at most `POINTS` of them; the last may hold fewer steps.
    """
    lines = run.metrics()
    found = {}
    for name in CURVES:
        points = [(x, line[name]) for x, line in enumerate(lines, 1) if line.get(name) is not None]
        if points:
            size = math.ceil(len(points) / POINTS)
            starts = range(0, len(points), size)
            bins = [np.array(points[start : start + size], dtype=float) for start in starts]
            found[name] = [[round(float(v), 6) for v in part.mean(axis=0)] for part in bins]
    return found


# -- the file -------------------------------------------------------------------------------------


def read_results(folder: Path, system: str) -> dict[str, Any]:
    """The stored results of a system, empty without a file."""
    path = folder / f"{system}.json"
    try:
        stored = read_json(path)
    except (ValueError, TypeError) as error:
        raise ReplicationError(f"{path} cannot be read: {error}; restore it from git") from None
    return {"system": system, "declarations": {}, "runs": [], "failures": [], **stored}


def store_run(folder: Path, experiment: Experiment, record: Mapping[str, Any]) -> bool:
    """Add one run to the file of its system; whether it was added: the first one of a key stays."""
    stored = read_results(folder, experiment.system)
    if run_key(record) in map(run_key, stored["runs"]):
        return False
    _declare(stored, experiment)
    stored["runs"].append(plain(record))
    _write(folder, stored)
    return True


def store_failure(folder: Path, experiment: Experiment, job: Job, budget: float, why: str) -> None:
    """Add that a run failed, and its first line of reason; the same failure once."""
    stored = read_results(folder, experiment.system)
    failure = {
        "declaration": experiment.declaration,
        "budget": budget,
        "arm": job.arm,
        "seed": job.seed,
        "reason": why.splitlines()[0][:200] if why else "",
    }
    if failure not in stored["failures"]:
        _declare(stored, experiment)
        stored["failures"].append(failure)
        _write(folder, stored)


def run_key(record: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a run is stored under, once."""
    return tuple(record[name] for name in ("declaration", "budget", "arm", "seed"))


def without_stored(
    jobs: Sequence[Job], experiment: Experiment, budget: float, folder: Path
) -> tuple[list[Job], int]:
    """The jobs whose runs are not stored, with the shared ones that they need; how many are."""
    stored = set(map(run_key, read_results(folder, experiment.system)["runs"]))

    def known(job: Job) -> bool:
        return (experiment.declaration, budget, job.arm, job.seed) in stored

    left = [job for job in jobs if job.arm != START and not known(job)]
    needed = {job.start for job in left}
    count = sum(job.arm != START for job in jobs) - len(left)
    return [job for job in jobs if job in left or job in needed], count


def _declare(stored: dict[str, Any], experiment: Experiment) -> None:
    known = stored["declarations"]
    if experiment.declaration not in known:
        declared = experiment.model_dump(mode="json")
        known[experiment.declaration] = {
            "first_run": time.strftime("%Y-%m-%d"),
            "experiment": declared,
        }


def _write(folder: Path, stored: Mapping[str, Any]) -> None:
    """One line for each run, so that a difference shows what was added."""
    parts = []
    for name, value in stored.items():
        if name in ("runs", "failures"):
            lines = ",\n".join(json.dumps(item, allow_nan=False) for item in value)
            parts.append(f'"{name}": [\n{lines}\n]')
        else:
            parts.append(f'"{name}": {json.dumps(value, allow_nan=False)}')
    text = "{\n" + ",\n".join(parts) + "\n}\n"
    write_atomic(folder / f"{stored['system']}.json", text.encode())


def _provenance(run: Run) -> dict[str, Any]:
    made = read_json(run.path / "environment.json")
    git = made.get("git") or {}
    return {
        "commit": git.get("commit"),
        "dirty": git.get("dirty"),
        "torch": (made.get("packages") or {}).get("torch"),
        "device": made.get("device"),
        "threads": made.get("threads"),
        "written": run.summary().get("written"),
    }


def _lineage(job: Job) -> dict[str, Any] | None:
    """Which shared stages the run began from: their key, their commit, a hash of their weights."""
    if job.start is None:
        return None
    start = job.start.run
    assert start is not None  # as the run that began from it is done
    files = read_json(Path(job.start.model).parent / MANIFEST).get("files", {})
    weights = [
        entry["sha256"]
        for name, entry in sorted(files.items())
        if name.startswith(f"{MODEL}/") and name.endswith(".safetensors")
    ]
    made = read_json(start.path / "environment.json")
    return {
        "key": start_key(job.start.recipe),
        "commit": (made.get("git") or {}).get("commit"),
        "weights": weights,
        "seconds": round(sum(sum(line["seconds"].values()) for line in start.timings()), 1),
    }


def _tokens(line: Mapping[str, Any]) -> float:
    return float(line.get("tokens_per_second") or 0.0) * float(sum(line["seconds"].values()))


def _right(outcome: str) -> float:
    return math.nan if outcome in UNGRADED else float(outcome == Outcome.CORRECT.value)
