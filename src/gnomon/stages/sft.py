"""Supervised fine-tuning: the loss on the assistant's tokens only, over batches without padding."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gnomon.models.batch import Batch, in_parts
from gnomon.models.encode import Encoded
from gnomon.models.logprobs import score_tokens
from gnomon.models.policy import Policy
from gnomon.recipe import Sft
from gnomon.stages.context import StageContext, StepFunction, StepResult
from gnomon.stages.updates import MicroLoss


def prepare_sft(stage: Sft, context: StageContext) -> StepFunction:
    """The step of a supervised stage: read ``batch_size`` examples, one update over all of them.

    The loss is the mean negative log-likelihood over all trained tokens of the update, whatever the
    micro-batches: -sum log p(token | before) / count.
    """

    def step(number: int) -> StepResult:
        examples = [encoded for _, encoded in context.take(stage.batch_size)]
        with context.clock.phase("update"):
            batches = micro_batches(context.policy, examples, stage.micro_batch_tokens)
            total = sum(sum(batch.counts) for batch in batches)
            update = context.updater.step(
                [negative_log_likelihood(context.policy, batch, total) for batch in batches],
                at_once=stage.at_once,
            )
        if not update.applied:
            context.skip("gradient", f"update {number}", update.reason)
        values = {
            "loss": update.loss,
            "grad_norm": update.grad_norm,
            "lr": update.learning_rate,
            "tokens": float(total),
        }
        return StepResult(values, sum(len(example) for example in examples))

    return step


def micro_batches(policy: Policy, examples: Sequence[Encoded], tokens: int) -> list[Batch]:
    """The examples in batches of at most ``tokens`` tokens; a longer example is one of its own."""
    parts = in_parts([len(example) for example in examples], tokens)
    return [policy.batch([examples[i] for i in part]) for part in parts]


def negative_log_likelihood(policy: Policy, batch: Batch, total: int) -> MicroLoss:
    """A batch's share of the mean negative log-likelihood over the ``total`` trained tokens."""

    def compute() -> Tensor:
        return -score_tokens(policy, batch).logp.sum() / max(total, 1)

    return compute
