"""What every recipe over GRPO promises: it resolves, passes the check, plans and runs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from gnomon.catalogue import load_recipe
from gnomon.plan import constants, plan
from gnomon.recipe import Recipe, Reinforce, Sft, override
from gnomon.training import check, train

NAMES = ("grpo", "vl-cogito", "papo", "lite-ppo", "luffy", "vision-r1", "observe-r1", "apo",
         "onethinker", "skywork-r1v3", "ppo")  # fmt: skip
PAGES = Path(__file__).parents[2] / "docs" / "systems"


def shrunk(recipe: Recipe, model: Path) -> Recipe:
    """The same recipe with two steps a stage, of few and short responses of the tiny model."""
    changes: dict[str, Any] = {"model.path": str(model), "evaluation.benchmarks": []}
    for stage in recipe.stages:
        place = f"stages.{stage.name}"
        changes[f"{place}.steps"] = 2
        if isinstance(stage, Sft):
            changes[f"{place}.batch_size"] = 2
        if isinstance(stage, Reinforce):
            changes |= {
                f"{place}.prompts": 1,
                f"{place}.rollouts": 4,
                f"{place}.sampling.max_new_tokens": 4,
            }
    return override(recipe, changes)


@pytest.mark.parametrize("name", NAMES)
def test_the_micro_scale_passes_the_check(name: str) -> None:
    recipe = load_recipe(name, "micro")
    check(recipe)
    assert (recipe.name, recipe.scale, recipe.model.path) == (name, "micro", "gnomon-micro")


@pytest.mark.parametrize("name", NAMES)
def test_the_dry_run_of_the_full_scale_maps_ten_rows_of_every_stage(name: str) -> None:
    made = plan(load_recipe(name, "full"))
    assert made.problems == ()
    assert {(stage.data.fixture, stage.data.mapped) for stage in made.stages} == {(True, 10)}


@pytest.mark.parametrize("name", NAMES)
def test_every_learning_rate_and_size_says_where_it_is_from(name: str) -> None:
    for scale in ("micro", "full"):
        recipe = load_recipe(name, scale)  # type: ignore[arg-type]
        places = {place for place, _, _ in constants(recipe)}
        for stage in recipe.stages:
            wanted = ["steps"]
            wanted += ["prompts", "rollouts"] if isinstance(stage, Reinforce) else ["batch_size"]
            assert {f"stages.{stage.name}.{item}" for item in wanted} <= places
            rate = f"stages.{stage.name}.optimizer.learning_rate."
            assert any(place.startswith(rate) for place in places)


@pytest.mark.parametrize("name", NAMES)
def test_two_steps_of_every_stage_run(name: str, tiny_folder: Path, tmp_path: Path) -> None:
    run = train(shrunk(load_recipe(name, "micro"), tiny_folder), root=tmp_path)
    losses = [row["loss"] for row in run.metrics() if "loss" in row]
    assert losses
    assert all(math.isfinite(loss) for loss in losses)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_gives_both_commands(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text()
    assert f"gnomon train {name} --scale micro" in page
    assert f"gnomon train {name} --scale full --dry-run" in page
