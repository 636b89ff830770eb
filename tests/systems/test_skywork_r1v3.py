from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from gnomon.catalogue import load_recipe
from gnomon.plan import plan
from gnomon.recipe import build, override
from gnomon.records import Answer, Graded, Group, Message, Outcome, Rollout, Sample, Verdict
from gnomon.rewards.score import Term, score, term_statistics
from systems.stages import reinforce

stage = partial(reinforce, "skywork-r1v3", place=1)


def test_the_constants_are_those_of_the_specification(
    told: Callable[[str], dict[str, Any]],
) -> None:
    found = told("skywork-r1v3")
    expected = {
        "rl.rewards.rule-or-verifier.weight": (0.8, "paper"),
        "rl.rewards.format-match.weight": (0.2, "paper"),
        "rl.rollouts": (32, "paper"),
        "rl.prompts": (32, "paper"),
        "rl.updates": (1, "paper"),
        "rl.loss.clip_low": (0.2, "paper"),
        "rl.optimizer.learning_rate.value": (1e-6, "paper"),
        "rl.sampling.max_new_tokens": (8192, "paper"),
        "connector.batch_size": (64, "paper"),
        "connector.optimizer.learning_rate.peak": (1e-5, "paper"),
        "connector.optimizer.learning_rate.warmup": (0.03, "paper"),
        "connector.max_tokens": (16384, "paper"),
        "evaluation.samples": (5, "paper"),
    }
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("scale", ["micro", "full"])
def test_the_stages_are_cold_start_rl_and_connector(scale: str) -> None:
    recipe = load_recipe("skywork-r1v3", scale)  # type: ignore[arg-type]
    assert [s.name for s in recipe.stages] == ["cold-start", "rl", "connector"]


@pytest.mark.parametrize("scale", ["micro", "full"])
def test_rl_trains_the_connector_and_has_no_kl(scale: str) -> None:
    assert stage(scale).freeze == ()
    assert stage(scale).regularisers == ()


def test_the_last_stage_trains_the_connector_alone() -> None:
    made = plan(load_recipe("skywork-r1v3", "micro"))
    assert made.stages[-1].trained == made.parameters.connector > 0


def test_the_worked_advantages() -> None:
    rewards, groups = torch.tensor([1.0, 0.2, 0.2, 0.2]), torch.zeros(4, dtype=torch.long)
    found = build("advantage", stage("full").advantage)(rewards, groups)
    assert found.tolist() == pytest.approx([1.499996, *[-0.499999] * 3], abs=1e-5)


# -- the reward -----------------------------------------------------------------------------------

FORMED, LOOSE = "<think> so </think> \\boxed{B}", "it is \\boxed{B}"


def rewarded(rule: bool, model: bool, text: str) -> Group:
    """One response with the verdicts of rule and model, scored by the stage's own terms."""
    outcome = Outcome.CORRECT if rule else Outcome.WRONG
    member = Graded(Rollout((1,), (0.0,), text, "end"), Verdict(outcome, float(rule)))
    sample = Sample("s", (Message("user", "Which?"),), answer=Answer("choice", "B"))
    reply = f"Final Decision: {'Yes' if model else 'No'}"
    terms = [
        Term(
            reward.part.part, build("reward", reward.part), reward.weight,
            ask=(lambda requests: [reply] * len(requests)) if reward.reader else None,
        )
        for reward in stage("full").rewards
    ]  # fmt: skip
    [group] = score([Group(sample, (member,))], terms, build("combination", stage("full").combine))
    return group


@pytest.mark.parametrize(
    ("rule", "model", "text", "reward"),
    [
        (False, True, FORMED, 1.0),
        (False, False, FORMED, 0.2),
        (True, False, LOOSE, 0.8),
        (False, False, LOOSE, 0.0),
    ],
)
def test_the_worked_rewards(rule: bool, model: bool, text: str, reward: float) -> None:
    assert rewarded(rule, model, text).members[0].reward == pytest.approx(reward)


@pytest.mark.parametrize(("rule", "model"), [(False, True), (True, False), (True, True)])
def test_disagreements_of_rule_and_model_are_logged_and_not_paid(rule: bool, model: bool) -> None:
    group = rewarded(rule, model, FORMED)
    assert term_statistics([group])["reward/verifier-disagreement"] == float(rule != model)
    assert group.members[0].reward == pytest.approx(1.0)


def test_the_micro_scale_asks_no_verifier() -> None:
    assert [reward.reader for reward in stage("micro").rewards] == [None, None]


# -- the connector --------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["connector", "vision"])
def test_the_plan_warns_of_a_connector_that_is_frozen_in_rl(part: str) -> None:
    recipe = override(load_recipe("skywork-r1v3", "micro"), {"stages.rl.freeze": [part]})
    [warning] = [note for note in plan(recipe).notes if note.startswith("Warning: rl: ")]
    assert "connector" in warning


@pytest.mark.parametrize("frozen", [[], ["tower"]])
def test_a_plan_with_a_trained_connector_has_no_warning(frozen: list[str]) -> None:
    recipe = override(load_recipe("skywork-r1v3", "micro"), {"stages.rl.freeze": frozen})
    assert not any(note.startswith("Warning") for note in plan(recipe).notes)
