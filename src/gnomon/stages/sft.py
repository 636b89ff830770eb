"""Supervised fine-tuning: the loss on the assistant's tokens only, over packed rows."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gnomon.models.batch import Batch, pack
from gnomon.models.encode import Encoded
from gnomon.models.logprobs import score_tokens
from gnomon.models.policy import Policy
from gnomon.recipe import Sft
from gnomon.stages.context import StageContext, StepFunction, StepResult
from gnomon.stages.updates import MicroLoss


def prepare_sft(stage: Sft, context: StageContext) -> StepFunction:
    """The step of a supervised stage: read ``batch_size`` examples, pack them, one update.

    The loss is the mean negative log-likelihood over all trained tokens of the update, whatever the
    micro-batches: -sum log p(token | before) / count.
    """

    def step(number: int) -> StepResult:
        examples = [encoded for _, encoded in context.take(stage.batch_size)]
        with context.clock.phase("update"):
            batches = packed_batches(
                context.policy, examples, stage.pack_tokens, stage.micro_batch_rows
            )
            total = sum(int(batch.train.sum()) for batch in batches)
            update = context.updater.step(
                _negative_log_likelihood(context.policy, batch, total) for batch in batches
            )
        if not update.applied:
            context.skip("gradient", f"update {number}", update.reason)
        values = {
            "loss": update.loss,
            "grad_norm": update.grad_norm,
            "lr": update.learning_rate,
            "tokens": float(total),
            "padding": _padding(batches),
        }
        return StepResult(values, sum(len(example) for example in examples))

    return step


def packed_batches(
    policy: Policy, examples: Sequence[Encoded], capacity: int, rows_at_a_time: int
) -> list[Batch]:
    """Batches of packed rows of ``capacity`` tokens, at most ``rows_at_a_time`` rows each."""
    rows = [
        [examples[i] for i in row] for row in pack([len(example) for example in examples], capacity)
    ]
    return [
        policy.batch(rows[start : start + rows_at_a_time])
        for start in range(0, len(rows), rows_at_a_time)
    ]


def _negative_log_likelihood(policy: Policy, batch: Batch, total: int) -> MicroLoss:
    def compute() -> Tensor:
        return -score_tokens(policy, batch).logp.sum() / max(total, 1)

    return compute


def _padding(batches: Sequence[Batch]) -> float:
    positions = sum(batch.segments.numel() for batch in batches)
    return sum(int((batch.segments == 0).sum()) for batch in batches) / positions
