from __future__ import annotations

from pathlib import Path

import pytest

from gnomon.models.policy import Policy
from gnomon.recipe import Reinforce
from gnomon.stages.context import StageContext
from rl_steps import Open, open_context


@pytest.fixture
def open_stage(fresh_policy: Policy, tiny_folder: Path, tmp_path: Path) -> Open:
    """Opens a stage as a run does, without saving anything but its logs."""

    def make(stage: Reinforce, policy: Policy = fresh_policy) -> StageContext:
        return open_context(stage, policy, tiny_folder, tmp_path)

    return make
