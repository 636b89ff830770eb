"""Our side of benchmarks/step.py: steps of the stages as a recipe runs them, without checkpoints."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipe import Counter, Line, Question, arguments, bias_end, questions, score

LINE = Line()

import torch  # noqa: E402

from gnomon.data.stream import Stream  # noqa: E402
from gnomon.formats.plain import direct  # noqa: E402
from gnomon.models.encode import Encoder  # noqa: E402
from gnomon.models.load import load_policy  # noqa: E402
from gnomon.models.policy import Policy  # noqa: E402
from gnomon.models.sampler import SamplingSettings, sample  # noqa: E402
from gnomon.parts import register  # noqa: E402
from gnomon.recipe import Optimizer, Regulariser, Reinforce, Reward, Sampling, Sft, Use  # noqa: E402
from gnomon.records import Answer, Group, Media, Message, Sample  # noqa: E402
from gnomon.rl.backend import OwnSampler  # noqa: E402
from gnomon.rl.loop import prepare_reinforce  # noqa: E402
from gnomon.run import Run  # noqa: E402
from gnomon.stages.context import Clock, Prepare, StageContext  # noqa: E402
from gnomon.stages.sft import prepare_sft  # noqa: E402
from gnomon.stages.updates import Updater  # noqa: E402
from gnomon.watch import Watcher  # noqa: E402

Step = Callable[[int], dict[str, float]]
UPDATES = 10_000


@register("reward")
def token_sum(groups: Sequence[Group]) -> list[list[float]]:
    """The sum of the token ids, modulo 7."""
    return [[score(member.rollout.token_ids) for member in group.members] for group in groups]


@dataclass(frozen=True)
class Biased(OwnSampler):
    """Our sampler with the end token made likelier or impossible.

    A hook on the head costs the update its quick head, so it is there while tokens are drawn only.
    """

    bias: float

    def write(self, *args: Any) -> Any:
        hook = bias_end(self.policy.core, self.policy.processor.tokenizer, self.bias)
        try:
            return super().write(*args)
        finally:
            hook.remove()


@register("sampler")
def biased(policy: Policy, *, bias: float) -> Biased:
    """Our sampler, biased."""
    return Biased(policy, bias)


def sample_of(number: int, question: Question, answered: bool) -> Sample:
    turns = [Message("user", "<image>" + question.text)]
    if answered:
        turns.append(Message("assistant", question.answer))
    media = (Media("image", data=question.image),)
    return Sample(str(number), tuple(turns), media, answer=Answer("integer", 5))


def stage_of(setting: dict[str, Any]) -> Reinforce | Sft:
    known: dict[str, Any] = {
        "name": "bench", "data": Use("microworld", tasks=["count"], modality="text"), "format": Use("direct"),
        "steps": UPDATES, "max_tokens": 4096, "freeze": setting.get("freeze", []),
        "optimizer": Optimizer(learning_rate=Use("constant", value=1e-6)),
    }  # fmt: skip
    if setting["kind"] == "sft":
        return Sft(**known, batch_size=setting["batch"])
    penalty = Regulariser(
        part=Use("kl"), coefficient=Use("constant", value=setting.get("beta", 0.0))
    )
    return Reinforce(
        **known,
        prompts=setting["prompts"],
        rollouts=setting["rollouts"],
        sampling=Sampling(max_new_tokens=setting["tokens"]),
        sampler=Use("biased", bias=setting.get("end_bias", 0.0)),
        rewards=(Reward(part=Use("token-sum"), weight=1.0),),
        regularisers=(penalty,) if setting.get("beta") else (),
        log_rollouts_every=UPDATES,
    )


def stage_step(policy: Policy, folder: str, setting: dict[str, Any]) -> Step:
    """Whole steps of a stage: data, rollout, grading, update."""
    stage = stage_of(setting)
    policy.freeze(stage.freeze)
    policy.model.train()
    if setting.get("checkpointing"):
        policy.checkpoint_activations()
    encoder = Encoder(policy.processor, max_tokens=stage.max_tokens)
    sft = isinstance(stage, Sft)
    encode = partial(encoder.example if sft else encoder.prompt, style=direct())
    samples = [sample_of(i, question, sft) for i, question in enumerate(questions(setting))]
    context = StageContext(
        Run.create(Path(tempfile.mkdtemp()), "bench", "micro", ""), stage.name, 1, 0, policy, folder, encoder,
        Updater(policy, stage.optimizer, UPDATES), Stream(Prepare(samples, encode), seed=0), Clock(Watcher()),
    )  # fmt: skip
    step = (
        prepare_sft(stage, context) if isinstance(stage, Sft) else prepare_reinforce(stage, context)
    )
    counter = Counter(policy.core)

    def run(number: int) -> dict[str, float]:
        counter.restart()
        context.step = number + 1  # step 1 writes its rollouts to the disk
        tokens = step(number + 1).tokens
        return {"tokens": tokens, "unique": tokens, **counter.counts()}

    return run


def writing_step(policy: Policy, folder: str, setting: dict[str, Any]) -> Step:
    """Responses of ragged lengths to prompts of ragged lengths, whose images are encoded anew each time."""
    encoder = Encoder(policy.processor, max_tokens=4096)
    asked = [
        encoder.prompt(sample_of(i, question, False), direct())
        for i, question in enumerate(questions(setting)[: setting["prompts"]])
    ]
    settings = SamplingSettings(setting["tokens"])
    bias_end(policy.core, policy.processor.tokenizer, setting.get("end_bias", 0.0))

    def run(number: int) -> dict[str, float]:
        generator = torch.Generator().manual_seed(number)
        groups = sample(policy, asked, setting["rollouts"], settings, generator)
        return {"tokens": sum(len(rollout.token_ids) for group in groups for rollout in group)}

    return run


def main() -> None:
    folder, setting = arguments()
    how = {"dtype": setting.get("dtype", "float32"), "device": setting.get("device", "cpu")}
    policy = load_policy(folder, **how)
    make = writing_step if setting["kind"] == "generate" else stage_step
    step, number = make(policy, folder, setting), 0
    while LINE.wait():
        number += 1
        LINE.answer(**step(number))


if __name__ == "__main__":
    main()
