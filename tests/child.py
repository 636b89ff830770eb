"""What a killed process runs; a module of its own, so that a fork server can import it by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def run_recipe(data: dict[str, Any], root: Path, resumed: Path | None) -> None:
    import torch

    from gnomon.recipe import make_recipe
    from gnomon.training import resume, train

    torch.set_num_threads(1)
    if resumed is None:
        train(make_recipe(data), root=root)
    else:
        resume(resumed)
