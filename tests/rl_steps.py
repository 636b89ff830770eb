"""Makes single steps of a reinforcement stage on a real, tiny model, for several test files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from gnomon.models.encode import Encoder
from gnomon.models.policy import Policy
from gnomon.recipe import Optimizer, Reinforce, Reward, Sampling, Use
from gnomon.rl.critic import open_critic
from gnomon.rl.loop import prepare_reinforce
from gnomon.run import Run
from gnomon.stages.context import Clock, StageContext, StepResult
from gnomon.stages.drive import open_stream, planned_updates
from gnomon.stages.updates import Updater
from gnomon.watch import Watcher

PROMPTS, ROLLOUTS = 2, 4
ROWS = PROMPTS * ROLLOUTS
Open = Callable[..., StageContext]


def stage_of(**changes: Any) -> Reinforce:
    """A small stage whose reward terms are called ``numbered``, with some settings changed."""
    settings: dict[str, Any] = {
        "name": "rl",
        "data": Use("microworld", tasks=["count"], modality="text"),
        "format": Use("think-boxed"),
        "sampling": Sampling(max_new_tokens=6, top_p=0.9),
        "prompts": PROMPTS,
        "rollouts": ROLLOUTS,
        "steps": 2,
        "optimizer": Optimizer(learning_rate=Use("constant", value=1e-3)),
    }
    if "rewards" not in changes:  # which is registered by the files that use it
        settings["rewards"] = (Reward(part=Use("numbered"), weight=1.0),)
    return Reinforce(**settings | changes)


def open_context(stage: Reinforce, policy: Policy, folder: Path, root: Path) -> StageContext:
    """Opens a stage as a run does, without saving anything but its logs."""
    policy.freeze(stage.freeze)
    policy.model.train()
    encoder = Encoder(policy.processor, max_tokens=stage.max_tokens)
    updater = Updater(policy, stage.optimizer, planned_updates(stage))
    return StageContext(
        Run.create(root, "loop", "micro", ""), stage.name, 1, 3, policy, str(folder),
        encoder, updater, open_stream(stage, encoder, 3, 0), Clock(Watcher()),
        critic=open_critic(stage, policy, updater),
    )  # fmt: skip


def steps_of(stage: Reinforce, context: StageContext, count: int = 1) -> list[StepResult]:
    step = prepare_reinforce(stage, context)
    results = []
    for number in range(1, count + 1):
        context.step = number
        results.append(step(number))
    return results


def one_step(stage: Reinforce, context: StageContext) -> dict[str, float]:
    return steps_of(stage, context)[0].values


def weights(policy: Policy) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in policy.trainable().items()}


def gradient(stage: Reinforce, make: Callable[[Reinforce], StageContext]) -> dict[str, Tensor]:
    """What the optimiser gathered in one step with a learning rate of 0."""
    still = Optimizer(learning_rate=Use("constant", value=0.0), grad_clip=1e9)
    stage = stage.model_copy(update={"optimizer": still})
    context = make(stage)
    one_step(stage, context)
    state = context.updater.optimizer.state
    return {name: state[value]["exp_avg"] for name, value in context.updater.parameters.items()
            if value in state}  # fmt: skip
