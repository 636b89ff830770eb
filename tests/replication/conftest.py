from __future__ import annotations

from pathlib import Path

import pytest

from gnomon.replication.experiment import Experiment, load_experiment
from gnomon.replication.jobs import Job, plan_jobs
from gnomon.replication.matching import resolve


@pytest.fixture(scope="session")
def papo() -> Experiment:
    return load_experiment("papo")


@pytest.fixture
def planned(papo: Experiment, tmp_path: Path) -> list[Job]:
    return plan_jobs(papo, resolve(papo), tmp_path)
