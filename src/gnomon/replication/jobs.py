"""The runs of an experiment: where each one lies, what it waits for, and how far it is.

    ROOT/starts/<key>/seed-<s>/<run>                   the shared stages, whichever experiment asks
    ROOT/<system>/<declaration>-<budget>/<arm>-<s>/<run>

Every run is an ordinary run folder. A finished one is never repeated, a stopped one is resumed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gnomon.disk import write_atomic
from gnomon.logs import RunError
from gnomon.problems import nearest
from gnomon.recipe import Recipe
from gnomon.replication.experiment import Experiment, ReplicationError
from gnomon.replication.matching import after_start, recipes_key, shared_start, start_key
from gnomon.run import Run

Status = Literal["waiting", "running", "done", "failed"]
RECIPE, LOG = "given.yaml", "log.txt"
START = "start"
SHORT = 8
"""Characters of a declaration in the name of its folder."""


@dataclass(frozen=True, eq=False)
class Job:
    """One run: of an arm, or of the shared stages (``arm`` 'start') that arms wait for."""

    arm: str
    seed: int
    recipe: Recipe
    folder: Path
    start: Job | None = None

    @property
    def name(self) -> str:
        """How the job is called in tables and messages; no two jobs of an experiment share it."""
        which = f" {self.folder.parent.name[:SHORT]}" if self.arm == START else ""
        return f"{self.arm}{which}, seed {self.seed}"

    @property
    def run(self) -> Run | None:
        """The run that the job has begun, or None."""
        found = sorted(self.folder.glob("*/recipe.yaml"))
        return Run(found[-1].parent) if found else None

    @property
    def done(self) -> bool:
        """Whether the job's run has ended well."""
        run = self.run
        return run is not None and run.summary().get("status") == "done"

    @property
    def model(self) -> str:
        """The folder of the final model of a finished run."""
        run = self.run
        return "" if run is None else str(run.summary()["model"])

    @property
    def steps(self) -> int:
        """Steps of all stages that the job itself trains."""
        own = set() if self.start is None else {s.name for s in self.start.recipe.stages}
        return sum(stage.steps for stage in self.recipe.stages if stage.name not in own)

    @property
    def made(self) -> int:
        """Steps that are made so far; a line that is being written does not count."""
        run = self.run
        log = None if run is None else run.path / "metrics.jsonl"
        return log.read_bytes().count(b"\n") if log is not None and log.exists() else 0

    def arguments(self, experiment: Experiment) -> list[str]:
        """The arguments of `gnomon train` that begin the run or go on with it.

        Writes the resolved recipe beside the run, from the model of the shared stages.
        """
        run = self.run
        if run is not None:
            return ["--resume", str(run.path)]
        recipe = self.recipe
        if self.start is not None:
            recipe = after_start(experiment, recipe, self.start.model)
        given = write_atomic(self.folder / RECIPE, recipe.to_yaml().encode())
        return [str(given), "--out", str(self.folder)]

    def reason(self, code: int) -> str:
        """Why a run that ended with ``code`` did not end well: its own message, or its log."""
        try:
            message = str(self.run.summary().get("message", "")) if self.run is not None else ""
        except (RunError, ValueError):
            message = ""
        log = self.folder / LOG
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        return message or (lines[-1] if lines else "") or f"it ended with exit code {code}"


def plan_jobs(
    experiment: Experiment,
    recipes: Mapping[str, Recipe],
    root: Path,
    *,
    arms: Sequence[str] = (),
    seeds: int | None = None,
    budget: float = 1.0,
) -> list[Job]:
    """All runs of the experiment in the order to begin them: the shared ones first, then seed by
    seed, so that an interrupted experiment has whole seeds.

    ``arms`` are those to run beside the reference (all). Raises `ReplicationError` with the nearest
    name of an arm.
    """
    chosen = choose_arms(experiment, arms)
    name = f"{experiment.declaration[:SHORT]}-{budget:g}-{recipes_key(recipes)[:SHORT]}"
    folder = root / experiment.system / name
    starts: dict[Path, Job] = {}
    jobs: list[Job] = []
    for seed in range(seeds or experiment.seeds):
        for arm in chosen:
            recipe = recipes[arm].model_copy(update={"seed": seed})
            start = _start_job(experiment, recipe, root)
            if start is not None:
                start = starts.setdefault(start.folder, start)
            jobs.append(Job(arm, seed, recipe, folder / f"{arm}-{seed}", start))
    return [*starts.values(), *jobs]


def choose_arms(experiment: Experiment, arms: Sequence[str]) -> list[str]:
    """The reference and the arms that were asked for, in the order of the declaration."""
    for arm in arms:
        if arm not in experiment.arms:
            raise ReplicationError(
                f"{experiment.system} has no arm {arm!r}{nearest(arm, experiment.arms)}"
            )
    wanted = {experiment.reference, *(arms or experiment.arms)}
    return [arm for arm in experiment.arms if arm in wanted]


def _start_job(experiment: Experiment, recipe: Recipe, root: Path) -> Job | None:
    start = shared_start(experiment, recipe)
    if start is None:
        return None
    folder = root / "starts" / start_key(start) / f"seed-{recipe.seed}"
    return Job(START, recipe.seed, start, folder)
