from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gnomon.data.stream import Stream
from gnomon.formats.plain import direct
from gnomon.models.counters import counting
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.logprobs import score_tokens
from gnomon.models.policy import Policy
from gnomon.recipe import Optimizer, Sft, Use
from gnomon.records import Media, Message, Sample
from gnomon.run import Run
from gnomon.stages.context import Clock, Prepare, StageContext, StepResult
from gnomon.stages.sft import micro_batches, prepare_sft
from gnomon.stages.updates import Updater
from gnomon.watch import Watcher

Paint = Callable[..., Media]


@pytest.fixture(scope="module")
def samples(paint: Paint) -> list[Sample]:
    def talk(question: str, answer: str, *media: Media) -> Sample:
        text = "<image>" * len(media) + question
        return Sample("s", (Message("user", text), Message("assistant", answer)), media)

    red, blue = paint("red", 84, 56), paint("blue")
    return [
        talk("How many circles are red?", "There are three red circles and one square.", red),
        talk("What?", "Blue.", blue),
        talk("What is the colour of the square in the image?", "Red.", red),
        talk("How many?", "12"),
        talk("Both?", "Yes, this one is red and that one is blue.", red, blue),
        talk("a", "b"),
    ]


@pytest.fixture
def examples(tiny_encoder: Encoder, samples: list[Sample]) -> list[Encoded]:
    return [tiny_encoder.example(sample, direct()) for sample in samples]


def stage(**settings: int) -> Sft:
    plan = {"batch_size": 6, "micro_batch_tokens": 64, **settings}
    return Sft(
        name="cold-start", data=Use("microworld", tasks=["arithmetic"]), format=Use("direct"),
        steps=4,
        optimizer=Optimizer(learning_rate=Use("constant", value=1e-3)), **plan,
    )  # fmt: skip


def context_of(
    policy: Policy, plan: Sft, encoder: Encoder, samples: Sequence[Sample], folder: Path
) -> StageContext:
    run = Run.create(folder, "test", "micro", "")
    source = Prepare(samples, lambda sample: encoder.example(sample, direct()))
    return StageContext(
        run=run, name=plan.name, index=1, seed=0, policy=policy, parent="", encoder=encoder,
        updater=Updater(policy, plan.optimizer, plan.steps),
        stream=Stream(source, seed=0, shuffle=False), clock=Clock(Watcher()), step=1,
    )  # fmt: skip


def one_step(
    policy: Policy, plan: Sft, encoder: Encoder, samples: Sequence[Sample], folder: Path
) -> tuple[StepResult, list[Tensor]]:
    """A step on a copy of the policy, and the gradients that it applied."""
    model = copy.deepcopy(policy.core)
    context = context_of(Policy(model, model, policy.processor), plan, encoder, samples, folder)
    seen: list[Tensor] = []
    context.updater.optimizer.register_step_pre_hook(
        lambda *_: seen.extend(p.grad.clone() for p in context.updater.parameters.values())
    )
    return prepare_sft(plan, context)(1), seen


def naive_loss(policy: Policy, examples: Sequence[Encoded]) -> Tensor:
    """Mean negative log-likelihood over the trained tokens, one example at a time."""
    pieces = []
    for example in examples:
        logp = policy.logits(policy.hidden(policy.batch([example])))[:-1].log_softmax(-1)
        chosen = example.train[1:]
        pieces.append(logp.gather(-1, example.token_ids[1:, None]).squeeze(-1)[chosen])
    return -torch.cat(pieces).mean()


def test_the_loss_is_the_mean_negative_log_likelihood_of_the_answers(
    tiny_policy: Policy,
    tiny_encoder: Encoder,
    samples: list[Sample],
    examples: list[Encoded],
    tmp_path: Path,
) -> None:
    result, gradients = one_step(tiny_policy, stage(), tiny_encoder, samples, tmp_path)
    expected = naive_loss(tiny_policy, examples)
    assert result.values["loss"] == pytest.approx(float(expected.detach()), rel=1e-6)
    assert result.values["tokens"] == sum(int(example.train.sum()) for example in examples)
    assert result.tokens == sum(len(example) for example in examples)
    wanted = torch.autograd.grad(expected, list(tiny_policy.trainable().values()))
    norm = torch.cat([gradient.flatten() for gradient in wanted]).norm()
    assert result.values["grad_norm"] == pytest.approx(float(norm), rel=1e-5)
    clipped = [gradient / max(float(norm), 1.0) for gradient in wanted]
    torch.testing.assert_close(gradients, clipped, rtol=1e-4, atol=1e-5)


def test_micro_batches_do_not_change_the_result(
    tiny_policy: Policy, tiny_encoder: Encoder, samples: list[Sample], tmp_path: Path
) -> None:
    results = [
        one_step(tiny_policy, stage(micro_batch_tokens=tokens), tiny_encoder, samples, tmp_path)
        for tokens in (512, 128, 64, 1)
    ]
    (first, gradients), *others = results
    for result, other in others:
        assert result.values["loss"] == pytest.approx(first.values["loss"], rel=1e-6)
        for one, two in zip(gradients, other, strict=True):
            assert (one - two).norm() <= 1e-5 * one.norm() + 1e-7


def test_training_lowers_the_loss(
    fresh_policy: Policy, tiny_encoder: Encoder, samples: list[Sample], tmp_path: Path
) -> None:
    context = context_of(fresh_policy, stage(), tiny_encoder, samples, tmp_path)
    step = prepare_sft(stage(), context)
    losses = [step(number).values["loss"] for number in range(1, 9)]
    assert losses[-1] < losses[0] - 0.5
    assert context.updater.done == 8


def test_a_skipped_update_is_recorded(
    fresh_policy: Policy, tiny_encoder: Encoder, samples: list[Sample], tmp_path: Path
) -> None:
    with torch.no_grad():
        fresh_policy.core.model.language_model.norm.weight.fill_(math.nan)
    context = context_of(fresh_policy, stage(), tiny_encoder, samples, tmp_path)
    result = prepare_sft(stage(), context)(1)
    assert math.isnan(result.values["loss"])
    (skipped,) = context.run.skipped()
    assert "the loss is nan" in str(skipped)


def test_micro_batches_hold_every_example_once_and_few_tokens(
    tiny_policy: Policy, examples: list[Encoded]
) -> None:
    batches = micro_batches(tiny_policy, examples, 64)
    assert 1 < len(batches) < len(examples)
    assert all(len(batch) <= 64 for batch in batches)
    assert sum(map(len, batches)) == sum(map(len, examples))
    assert sum(len(batch.rows) for batch in batches) == len(examples)


def test_mixed_lengths_go_through_the_model_without_padding(
    tiny_policy: Policy, tiny_encoder: Encoder, paint: Paint
) -> None:
    draw = random.Random(0)
    mixed = []
    for number in range(24):
        words = " ".join("red" for _ in range(draw.randint(1, 60)))
        medium = paint("red", 28 * draw.randint(2, 6), 28 * draw.randint(2, 6))
        turns = (Message("user", f"<image>{number}?"), Message("assistant", words))
        mixed.append(Sample(str(number), turns, (medium,)))
    examples = [tiny_encoder.example(sample, direct()) for sample in mixed]
    lengths = [len(example) for example in examples]
    assert max(lengths) > 2 * min(lengths)
    batches = micro_batches(tiny_policy, examples, 1024)
    with counting(tiny_policy) as counts, torch.no_grad():
        for batch in batches:
            score_tokens(tiny_policy, batch)
    assert counts.tokens == sum(lengths)
    # Attention alone gathers like lengths into rectangles; plain rows would be half padding.
    squares = sum(box.queries_RT.numel() for batch in batches for box in batch.rectangles)
    assert 1 - sum(lengths) / squares < 0.2
