"""Rollouts are verified while others are still being written; no number shows anything of it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import rl_steps
from gnomon.auxiliary.reader import Reader, ReaderError, Request, ask
from gnomon.models.load import load_policy
from gnomon.models.sampler import Ended, SamplingSettings
from gnomon.parts import BoundPart, find, forget, part, register
from gnomon.recipe import Reward, Sampling, Use, Verification
from gnomon.records import Answer, Graded, Group, Message, Outcome, Rollout, Sample, Verdict
from gnomon.rewards.asking import Table, ask_about
from gnomon.rewards.score import RewardError, Term
from gnomon.rl.chosen import Objective
from gnomon.rl.collection import roll_out
from gnomon.rl.verifying import Verifying
from rl_steps import Open, stage_of, steps_of

SAMPLES = [Sample(name, (Message("user", "?"),), answer=Answer("integer", 5)) for name in "abcd"]
PIECES = ["4", "5", "6"]
seen = SimpleNamespace()


def slow(prediction: str | None, reference: Answer) -> Verdict:
    """Takes a while, as a sandbox or a network does, and notes when it was done."""
    time.sleep(seen.seconds)
    seen.done.append(time.monotonic())
    right = prediction == str(reference.value)
    return Verdict(Outcome.CORRECT if right else Outcome.WRONG, float(right), prediction)


def hanging(prediction: str | None, reference: Answer) -> Verdict:
    """Never comes back from the answer 6."""
    if prediction == "6":
        seen.free.wait(60)
    return Verdict(Outcome.CORRECT, 1.0, prediction)


def slow_term(response: str) -> float:
    """A reward term that never comes back from the answer 6."""
    if response == "6":
        seen.free.wait(60)
    return 1.0


def judged(groups: Sequence[Group], ask: Reader) -> Table:
    """Asks a reader for a number about every response."""

    def plan(sample: Sample, member: Graded) -> Request:
        return request(sample, member.rollout.text)

    return ask_about(groups, ask, plan, lambda s, m, reply: None if reply is None else float(reply))


def request(sample: Sample, text: str) -> Request:
    return ask(f"{sample.id}: {text}")


@pytest.fixture(autouse=True)
def parts_of_this_file() -> Iterator[None]:
    vars(seen).update(seconds=0.0, done=[], free=threading.Event())
    register("grader")(slow)
    register("grader")(hanging)
    register("reward")(slow_term)
    register("reward")(judged)
    yield
    seen.free.set()
    forget(__name__)


def objective(grader: str = "strict", *terms: Term) -> Any:
    """What verifying asks of an objective."""
    return SimpleNamespace(
        style=part("format", "direct")(),
        grader=BoundPart(find("grader", grader), find("grader", grader).check({})),
        terms=terms or (Term("accuracy", part("reward", "accuracy")),),
        combine=part("combination", "sum"),
    )


def answers(*texts: str) -> list[Rollout]:
    return [Rollout((1,), (0.0,), text, "end") for text in texts]


def verified(
    made: Any, written: list[list[Rollout]], step_by_step: bool = False, **how: Any
) -> list[Group]:
    """The groups of what is written, member after member of every question; ``step_by_step`` writes
    a rollout only when those before it have been verified, which never ends without overlap."""
    count = len(written[0])
    verifying = Verifying(made, SAMPLES[: len(written)], count, Verification(**how))
    with verifying.under_way():
        for number in range(count * len(written)):
            member, place = divmod(number, len(written))
            assert not step_by_step or all_done(number)
            verifying.take(place, member, written[place][member])
        return verifying.groups(written)


def all_done(number: int) -> bool:
    end = time.monotonic() + 30
    while len(seen.done) < number and time.monotonic() < end:
        time.sleep(0.001)
    return len(seen.done) == number


WRITTEN = [answers("4", "5"), answers("5", "6"), answers("5", "5"), answers("6", "4")]


def test_a_rollout_is_verified_while_others_are_still_being_written():
    seen.seconds = 0.01
    groups = verified(objective("slow"), WRITTEN, step_by_step=True)
    assert len(seen.done) == 8
    assert [m.verdict.correct for m in groups[0].members] == [False, True]


def test_slow_verifiers_work_beside_each_other():
    """Eight of 0.2 s at a time, as when all rollouts end together, take the time of few."""
    seen.seconds = 0.2
    verified(objective("slow"), WRITTEN, threads=8)
    assert max(seen.done) - min(seen.done) < 8 * 0.2 / 2


def test_without_overlap_nothing_is_verified_before_all_is_written():
    verifying = Verifying(objective("slow"), SAMPLES, 2, Verification(overlap=False))
    with verifying.under_way():
        for place, rollouts in enumerate(WRITTEN):
            for member, rollout in enumerate(rollouts):
                verifying.take(place, member, rollout)
        time.sleep(0.05)
        assert seen.done == []
        verifying.groups(WRITTEN)
    assert len(seen.done) == 8


@pytest.mark.parametrize("threads", [1, 3])
def test_with_and_without_overlap_all_verdicts_scores_and_rewards_are_the_same(threads: int):
    ahead = Remote()
    terms = (
        Term("accuracy", part("reward", "accuracy"), 0.9),
        Term("length-ramp", part("reward", "length-ramp", budget=4), 0.1),
        Term("judged", part("reward", "judged"), ask=ahead),
    )
    one = verified(objective("strict", *terms), WRITTEN, threads=threads)
    other = verified(objective("strict", *terms), WRITTEN, threads=threads, overlap=False)
    assert one == other
    assert one[0].members[1].scores == {"accuracy": 1.0, "length-ramp": 0.515, "judged": 5.0}


def test_a_verifier_that_hangs_times_out_and_holds_nobody_up():
    begun = time.monotonic()
    groups = verified(objective("hanging"), WRITTEN, seconds=0.3, threads=1)
    assert time.monotonic() - begun < 20
    outcomes = [[m.verdict.outcome.value for m in group.members] for group in groups]
    assert outcomes == [
        ["correct", "correct"], ["correct", "timeout"], ["correct", "correct"],
        ["timeout", "correct"],
    ]  # fmt: skip
    late = groups[1].members[1]
    assert late.verdict.reason == "it was not verified within 0.3 s"
    assert late.scores == {"accuracy": None}
    assert math.isnan(late.reward)


def test_a_reward_term_that_hangs_leaves_its_rollout_out():
    terms = (Term("slow-term", part("reward", "slow-term")), Term("a", part("reward", "accuracy")))
    groups = verified(objective("strict", *terms), [answers("5", "6")], seconds=0.3)
    right, late = groups[0].members
    assert right.scores == {"slow-term": 1.0, "a": 1.0}
    assert late.verdict.outcome is Outcome.TIMEOUT
    assert late.scores == {"slow-term": None, "a": None}


def test_a_term_that_fails_stops_the_step_with_its_name():
    @register("reward")
    def broken(response: str) -> float:
        raise ValueError("no such column")

    term = Term("broken", part("reward", "broken"))
    with pytest.raises(RewardError, match=r"'broken' failed on sample 'a'.*no such column"):
        verified(objective("strict", term), WRITTEN)


# -- readers --------------------------------------------------------------------------------------


@dataclass
class Remote:
    """A reader that computes elsewhere: it gives back the response."""

    beside_decoding: bool = True
    fails: int = 0
    batches: list[list[str]] = field(default_factory=list)

    def __call__(self, requests: Sequence[Request]) -> list[str | None]:
        texts = [made.messages[-1].text for made in requests]
        self.batches.append(texts)
        if len(self.batches) <= self.fails:
            raise ReaderError("nobody answers")
        return [text.rpartition(": ")[2] for text in texts]


def asked_with(reader: Remote, **settings: Any) -> list[Group]:
    made = objective("strict", Term("judged", part("reward", "judged"), ask=reader))
    return verified(made, WRITTEN, **settings)


def test_a_reader_elsewhere_is_asked_about_each_group_as_it_is_complete():
    reader = Remote()
    groups = asked_with(reader, threads=1)
    assert sorted(map(len, reader.batches)) == [1, 2, 2, 2]  # c wrote the same twice
    assert [m.reward for m in groups[0].members] == [4.0, 5.0]


def test_a_reader_elsewhere_has_replied_before_the_last_group_is_written():
    reader = Remote()
    made = objective("strict", Term("judged", part("reward", "judged"), ask=reader))
    verifying = Verifying(made, SAMPLES, 2, Verification())
    with verifying.under_way():
        for member, rollout in enumerate(WRITTEN[0]):
            verifying.take(0, member, rollout)
        end = time.monotonic() + 30
        while not reader.batches and time.monotonic() < end:
            time.sleep(0.001)
        assert reader.batches == [["a: 4", "a: 5"]]
        verifying.groups(WRITTEN)


def test_nothing_is_asked_twice():
    reader = Remote()
    asked_with(reader)
    texts = [text for batch in reader.batches for text in batch]
    assert sorted(texts) == ["a: 4", "a: 5", "b: 5", "b: 6", "c: 5", "d: 4", "d: 6"]


def test_a_reader_on_the_policy_s_device_is_asked_once_when_all_is_written():
    reader = Remote(beside_decoding=False)
    asked_with(reader)
    assert list(map(len, reader.batches)) == [7]


def test_a_reader_that_failed_early_is_asked_in_its_real_turn():
    reader = Remote(fails=1)
    groups = asked_with(reader, threads=1)
    assert [m.reward for m in groups[3].members] == [6.0, 4.0]
    assert len(reader.batches) == 2
    assert len(reader.batches[-1]) == 7


def test_a_reader_that_cannot_work_stops_the_step():
    with pytest.raises(RewardError, match="nobody answers"):
        asked_with(Remote(fails=99))


# -- a whole step ---------------------------------------------------------------------------------


def test_a_step_is_bit_for_bit_the_same_with_and_without_overlap(
    open_stage: Open, tiny_folder: Path
):
    def weights_after(overlap: bool) -> tuple[list[dict[str, float]], dict[str, torch.Tensor]]:
        policy = load_policy(str(tiny_folder))
        stage = stage_of(
            rewards=(
                Reward(part=Use("length-ramp", budget=5), weight=0.5),
                Reward(part=Use("accuracy"), weight=0.5),
            ),
            sampling=Sampling(max_new_tokens=12, top_p=0.9),
            verification=Verification(overlap=overlap),
        )
        context = open_stage(stage, policy)
        values = [result.values for result in steps_of(stage, context, 2)]
        return values, rl_steps.weights(policy)

    (one, mine), (other, theirs) = weights_after(True), weights_after(False)
    assert repr(one) == repr(other)  # NaN is not equal to itself
    assert all(value.equal(theirs[name]) for name, value in mine.items())


def test_the_step_tells_verifying_of_each_rollout_as_the_backend_ends_it(open_stage: Open):
    stage = stage_of(grader=Use("slow"), rewards=(Reward(part=Use("accuracy"), weight=1.0),))
    context = open_stage(stage)
    made = Objective.of(stage, context)

    class Watched:
        """The own sampler, which ends a rollout only when the one before has been verified."""

        def hand_over(self, version: int) -> None:
            made.sampler.hand_over(version)

        def write(
            self, questions: Any, count: int, settings: SamplingSettings,
            generator: torch.Generator, on_ended: Ended | None = None,
        ) -> list[list[Rollout]]:  # fmt: skip
            assert on_ended is not None
            rows = made.sampler.write(questions, count, settings, generator)
            for place, rollouts in enumerate(rows):
                for member, rollout in enumerate(rollouts):
                    assert all_done(count * place + member)
                    on_ended(place, member, rollout)
            return rows

    groups = roll_out(stage, replace(made, sampler=Watched()), context, context.take(2))
    assert len(seen.done) == sum(len(group.members) for group in groups)
