"""What stateful estimators remember is in the checkpoint, and a stage goes on from it exactly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gnomon.recipe import (
    Evaluation,
    Model,
    Optimizer,
    Recipe,
    Regulariser,
    Reinforce,
    Reward,
    RewardKl,
    Sampling,
    Use,
    Value,
)
from gnomon.run import Run
from gnomon.stages.drive import run_stage
from gnomon.watch import Watcher

CRITIC = ["critic.safetensors", "critic_optimizer.safetensors", "critic.json"]

STEPS = 4


class Interrupted(Exception):
    """Stands for a kill."""


class Killer(Watcher):
    """Stops the stage after a number of steps."""

    def __init__(self, after: int) -> None:
        self.after = after

    def advanced(self, step: int, values: object) -> None:
        if step == self.after:
            raise Interrupted


def stateful(folder: Path) -> Recipe:
    """A stage with moving moments, an adaptive KL in the loss, and another one in the reward."""
    adaptive = Use("adaptive-kl", initial=0.1, target=1e-4, horizon=50)
    stage = Reinforce(
        name="rl",
        data=Use("microworld", tasks=["count", "arithmetic"], modality="text"),
        format=Use("think-boxed"),
        sampling=Sampling(max_new_tokens=6, top_p=0.9),
        rewards=(Reward(part=Use("length-ramp", budget=4, alpha=0.1), weight=1.0),),
        prompts=2,
        rollouts=4,
        updates=2,
        steps=STEPS,
        save_every=2,
        advantage=Use("ema-grpo", beta=0.5),
        reward_kl=RewardKl(coefficient=adaptive),
        regularisers=(Regulariser(part=Use("kl"), coefficient=adaptive),),
        optimizer=Optimizer(learning_rate=Use("constant", value=1e-3)),
    )
    return Recipe(
        name="stateful", scale="micro", seed=3, model=Model(path=str(folder)), stages=(stage,),
        evaluation=Evaluation(),
    )  # fmt: skip


def with_critic(folder: Path) -> Recipe:
    """The same stage with a value head, whose gradient reaches the policy too."""
    recipe = stateful(folder)
    value = Value(optimizer=Optimizer(learning_rate=Use("cosine", peak=1e-2)), trunk=0.1)
    changes = {"advantage": Use("gae", gamma=1.0, lam=0.9, whitened=True), "value": value}
    stage = recipe.stages[0].model_copy(update=changes)
    return recipe.model_copy(update={"stages": (stage,)})


def outcome(run: Run) -> tuple[str, bytes, dict[str, object]]:
    last = run.checkpoint_path(1, "rl", STEPS)
    state = json.loads((last / "state.json").read_text())
    weights = (last / "model" / "model.safetensors").read_bytes()
    return (run.path / "metrics.jsonl").read_text(), weights, state["memory"]


@pytest.fixture(scope="module")
def unbroken(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    recipe = stateful(tiny_folder)
    run = Run.create(tmp_path_factory.mktemp("unbroken"), "stateful", "micro", recipe.to_yaml())
    run_stage(recipe, 1, run, str(tiny_folder), Watcher())
    return run


def test_the_memory_of_every_stateful_part_is_in_the_checkpoint(unbroken: Run) -> None:
    memory = outcome(unbroken)[2]
    assert set(memory["advantage"]) <= {"count", "arithmetic"}
    assert memory["advantage"]
    assert set(memory["measured"]) == {"reward_kl", "regularisers.0.kl"}
    for key in ("reward_kl.coefficient", "regularisers.0.kl.coefficient"):
        assert memory[key]["coefficient"] != 0.1


def test_a_stage_that_is_stopped_and_goes_on_ends_bit_for_bit_the_same(
    unbroken: Run, tiny_folder: Path, tmp_path: Path
) -> None:
    recipe = stateful(tiny_folder)
    run = Run.create(tmp_path, "stateful", "micro", recipe.to_yaml())
    for after in (1, 3):  # before the first checkpoint, and one step after it
        with pytest.raises(Interrupted):
            run_stage(recipe, 1, run, str(tiny_folder), Killer(after))
    run_stage(recipe, 1, run, str(tiny_folder), Watcher())
    assert outcome(run) == outcome(unbroken)


def test_a_critic_that_is_stopped_goes_on_bit_for_bit(tiny_folder: Path, tmp_path: Path) -> None:
    """Its head, its optimiser and its schedule; and with it the policy, through the advantages."""
    recipe = with_critic(tiny_folder)
    ends = []
    for name, stops in (("whole", ()), ("broken", (1, 3))):
        run = Run.create(tmp_path / name, "critic", "micro", recipe.to_yaml())
        for after in stops:
            with pytest.raises(Interrupted):
                run_stage(recipe, 1, run, str(tiny_folder), Killer(after))
        run_stage(recipe, 1, run, str(tiny_folder), Watcher())
        last = run.checkpoint_path(1, "rl", STEPS)
        files = CRITIC
        ends.append((outcome(run), [(last / file).read_bytes() for file in files]))
    assert ends[0] == ends[1]
    assert json.loads(ends[0][1][2])["updates"] == 2 * STEPS
