"""RewardMap: partial credit for routes on transit maps, by difficulty, easy questions first.

arXiv 2510.02240, and the released code fscdc/RewardMap. The four steps of the curriculum are
stages, so that optimiser and KL reference begin anew at each. Every record needs the lines of its
map in a column ``lines`` (name to stops), which the published ``json`` column only points to. The
bonus for lists of stops, off in the release, is left out. ``micro`` asks all kinds of question in
turn, in one stage, about maps of the world ``metro``.
"""

from __future__ import annotations

from gnomon.recipe import Optimizer, Recipe, Reward, Sampling, Scale, Use, code, paper, vary
from gnomon.recipes.rewarded import data, in_world, kl, layout, rl, variant

STEPS = {"true-false": 125, "counting": 65, "choice": 65, "planning": 45}
"""Updates of one pass over each part of the 2,570 + 696 questions, 16 a step (ours)."""

KINDS = ["TorF1", "TorF2", "Counting2", "Counting3", "Counting1", "planning"]
"""Kinds of question in the order of the curriculum."""


def rewardmap(scale: Scale) -> Recipe:
    """R = W (10 accuracy + 0.5 details), from yes/no questions over counting to planning."""
    recipe = variant(
        scale,
        "rewardmap",
        "Partial credit and a curriculum for transit maps (arXiv 2510.02240).",
        {
            **layout(scale, Use("direct")),
            **rl(
                rewards=(
                    Reward(part=Use("difficulty-factor"), weight=1.0),
                    Reward(part=Use("map-answer"), weight=paper(10.0)),
                    Reward(part=Use("route"), weight=paper(10.0)),
                    Reward(part=Use("route-details", count=code("segments")), weight=paper(0.5)),
                ),
                combine=Use("scaled-sum"),
            ),
        },
        micro=in_world("metro", KINDS, (1, 3)),
        full={
            **data({"problem": "question", "images": "figure"}, "integer"),
            **rl(
                sampling=Sampling(max_new_tokens=code(2048), temperature=code(1.0)),
                prompts=code(16),
                rollouts=paper(8),
                max_tokens=code(20000),
                regularisers=kl(code(1e-2)),
                optimizer=Optimizer(
                    learning_rate=Use("constant", value=code(1e-6)), weight_decay=code(1e-2)
                ),
            ),
            "model.image_pixels": code((3136, 128450560)),
        },
    )
    return recipe if scale == "micro" else _curriculum(recipe)


def _curriculum(recipe: Recipe) -> Recipe:
    """One stage for each step, easy questions first."""
    stages = [
        stage.model_copy(update={"name": name, "steps": steps})
        for stage in recipe.stages
        for name, steps in STEPS.items()
    ]
    paths = {f"stages.{name}.data.path": f"data/rewardmap/{name}.parquet" for name in STEPS}
    return vary(recipe, {"stages": stages, **paths})
