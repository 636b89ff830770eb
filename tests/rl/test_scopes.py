"""Credit on the tokens that a term judges, from its scores to the gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gnomon.catalogue import load_recipe
from gnomon.parts import forget, part, register
from gnomon.recipe import Model, Recipe, RecipeError, Reinforce, Reward, Scope, Use, override
from gnomon.records import Graded, Group, Outcome, Rollout, Sample, Verdict
from gnomon.rewards.scope import Scope as TermScope
from gnomon.rewards.score import Term
from gnomon.rl.chosen import Objective
from gnomon.rl.experience import Experience
from gnomon.rl.loop import collect
from gnomon.rl.objective import objectives
from gnomon.rl.refusals import refusals
from gnomon.rl.scopes import Scoped, scoped_terms, token_advantages
from gnomon.rl.trial import formula_problems
from gnomon.stages.context import StageContext
from gnomon.stages.drive import open_policy
from rl_steps import PROMPTS, ROLLOUTS, ROWS, Open, gradient, one_step, stage_of

seen = SimpleNamespace()


def whole(groups: Sequence[Group]) -> list[list[float | None]]:
    """The scores of the whole response that the test chose."""
    return [list(row) for row in seen.whole[: len(groups)]]


def local(groups: Sequence[Group]) -> list[list[float | None]]:
    """The scores that the test chose for a term with a scope."""
    return [list(row) for row in seen.local[: len(groups)]]


@pytest.fixture(autouse=True)
def parts_of_this_file() -> Iterator[None]:
    seen.whole = [[0.0] * ROLLOUTS] * PROMPTS
    seen.local = [[0.0, 1.0, 2.0, 5.0], [4.0, 0.0, 0.0, 0.0]]
    register("reward")(whole)
    register("reward")(local)
    yield
    forget(__name__)


# -- on plain numbers -----------------------------------------------------------------------------

IDS = (7, 1, 1, 8, 5, 2, 2, 6, 9)
OTHER = (7, 1, 8, 5, 2, 6, 3, 3, 3)
NAMES = {7: "<context>", 8: "</context>", 5: "<think>", 6: "</think>", 1: "a", 2: "b", 3: "c",
         9: "d"}  # fmt: skip


def decode(ids: Sequence[int]) -> str:
    return "".join(NAMES[token] for token in ids)


def member(ids: Sequence[int], train: tuple[int, ...] = (), **scores: float | None) -> Graded:
    text = decode([token for token, on in zip(ids, train or (1,) * len(ids), strict=True) if on])
    made = Rollout(tuple(ids), (0.0,) * len(ids), text, "end", train)
    return Graded(made, Verdict(Outcome.CORRECT, 1.0), scores)


def term(name: str, section: str, weight: float = 1.0, reach: str = "prefix") -> Term:
    scope = TermScope(section, reach)  # type: ignore[arg-type]
    return Term(name, part("reward", "accuracy"), weight, scope=scope)


def estimated(groups_N: Tensor, estimator: str = "dr-grpo") -> Any:
    return lambda term: part("advantage", estimator)(term.scores_N, groups_N)


def test_the_worked_masks_of_humanomni_are_prefixes_up_to_the_closing_tag() -> None:
    groups = [Group(Sample("s", ()), (member(IDS, c=1.0, t=1.0),))]
    context, think = scoped_terms(groups, [term("c", "context"), term("t", "think")], decode, 9)
    assert context.inside_NT.tolist() == [[1, 1, 1, 0, 0, 0, 0, 0, 0]]
    assert think.inside_NT.tolist() == [[1, 1, 1, 1, 1, 1, 1, 0, 0]]


def test_the_worked_token_advantages_of_humanomni() -> None:
    members = (member(IDS, c=0.8, t=1.0), member(OTHER, c=0.4, t=0.2))
    terms = [term("c", "context"), term("t", "think")]
    scoped = scoped_terms([Group(Sample("s", ()), members)], terms, decode, len(IDS))
    groups_N = torch.zeros(2, dtype=torch.long)
    base = part("advantage", "dr-grpo")(torch.tensor([2.0, 1.0]), groups_N)
    found = token_advantages(base, scoped, estimated(groups_N))
    assert found[0].tolist() == pytest.approx([1.1, 1.1, 1.1, 0.9, 0.9, 0.9, 0.9, 0.5, 0.5])
    wanted = [-1.1, -1.1, -0.9, -0.9, -0.9, -0.5, -0.5, -0.5, -0.5]
    assert found[1].tolist() == pytest.approx(wanted)


def test_a_worked_example_with_weights_a_span_and_a_group_s_deviation() -> None:
    """grpo on the scores 3 1 gives +-1 / sqrt(2) a unit, of which the weight 0.5 leaves half."""
    members = (member(IDS, t=3.0), member(OTHER, t=1.0))
    terms = [term("t", "think", 0.5, "span")]
    scoped = scoped_terms([Group(Sample("s", ()), members)], terms, decode, 9)
    groups_N = torch.zeros(2, dtype=torch.long)
    found = token_advantages(torch.tensor([1.0, -1.0]), scoped, estimated(groups_N, "grpo"))
    half = 0.5 / math.sqrt(2)
    assert found[0].tolist() == pytest.approx([1, 1, 1, 1, 1, 1 + half, 1 + half, 1, 1], abs=1e-5)
    assert found[1].tolist() == pytest.approx([-1] * 4 + [-1 - half] + [-1] * 4, abs=1e-5)


def test_a_rollout_without_the_section_or_without_a_score_gets_no_credit() -> None:
    members = (member(IDS, t=1.0), member((1, 1), t=3.0), member(IDS, t=None))
    scoped = scoped_terms([Group(Sample("s", ()), members)], [term("t", "think")], decode, 9)
    groups_N = torch.zeros(3, dtype=torch.long)
    found = token_advantages(torch.zeros(3), scoped, estimated(groups_N))
    assert found.tolist() == [[-1.0] * 7 + [0.0] * 2, [0.0] * 9, [0.0] * 9]


def test_tokens_that_are_not_trained_open_no_section_and_take_no_place() -> None:
    """An environment wrote a context; the policy's own comes later."""
    ids = (7, 1, 8, 3, 7, 2, 2, 8)
    train = (0, 0, 0, 1, 1, 1, 1, 1)
    groups = [Group(Sample("s", ()), (member(ids, train, c=1.0),))]
    [scoped] = scoped_terms(groups, [term("c", "context", reach="span")], decode, 5)
    assert scoped.inside_NT.tolist() == [[0, 0, 1, 1, 0]]


def test_without_a_scope_advantages_stay_one_number_for_each_rollout() -> None:
    assert token_advantages(torch.ones(3), (), estimated(torch.zeros(3))).shape == (3,)


SCORES = st.lists(st.floats(-5, 5, width=32), min_size=4, max_size=4)


@given(SCORES, SCORES, st.floats(0.125, 3, width=32))
def test_a_scope_that_is_everything_is_the_plain_sum_of_rewards(
    one: list[float], other: list[float], weight: float
) -> None:
    groups_N = torch.tensor([0, 0, 1, 1])
    estimator = part("advantage", "dr-grpo")
    scoped = [Scoped("r", weight, torch.tensor(other), torch.ones(4, 3))]
    found = token_advantages(estimator(torch.tensor(one), groups_N), scoped, estimated(groups_N))
    plain = estimator(torch.tensor(one) + weight * torch.tensor(other), groups_N)
    torch.testing.assert_close(found, plain[:, None].expand(4, 3), atol=1e-5, rtol=1e-5)


@given(SCORES)
def test_a_lone_term_on_everything_is_what_its_estimator_gives(scores: list[float]) -> None:
    groups_N = torch.tensor([0, 0, 1, 1])
    scoped = [Scoped("r", 1.0, torch.tensor(scores), torch.ones(4, 3))]
    found = token_advantages(torch.zeros(4), scoped, estimated(groups_N, "grpo"))
    plain = part("advantage", "grpo")(torch.tensor(scores), groups_N)
    assert found.equal(plain[:, None].expand(4, 3))


def test_an_estimator_with_token_advantages_of_its_own_is_refused() -> None:
    scoped = [Scoped("r", 1.0, torch.ones(2), torch.ones(2, 3))]
    with pytest.raises(ValueError, match=r"'r' has a scope.*such as grpo"):
        token_advantages(torch.ones(2, 3), scoped, lambda term: term.scores_N)


# -- in a step ------------------------------------------------------------------------------------


def terms(scope: Any, **changes: Any) -> dict[str, Any]:
    """A stage with a term on the whole response and one with a scope."""
    return {
        "rewards": (
            Reward(part=Use("whole"), weight=1.0),
            Reward(part=Use("local"), weight=2.0, scope=scope),
        ),
        "advantage": Use("dr-grpo"),
        **changes,
    }


def collected(stage: Reinforce, context: StageContext) -> Experience:
    return collect(stage, Objective.of(stage, context), context, context.take(stage.prompts))


CREDIT = [-4.0, -2.0, 0.0, 6.0, 6.0, -2.0, -2.0, -2.0]
"""Twice the local scores less their groups' means."""


def first_half(monkeypatch: pytest.MonkeyPatch) -> None:
    """Responses of a random model have no sections, so the scope is the first half of the text."""
    monkeypatch.setattr(TermScope, "span", lambda self, text: (0, len(text) // 2))


def test_with_a_scope_of_everything_a_step_equals_that_of_the_plain_sum(
    open_stage: Open, tiny_folder: Path
) -> None:
    plain = stage_of(**terms(None))
    scoped = stage_of(**terms("everything"))
    one, other = (gradient_of(stage, open_stage, tiny_folder) for stage in (plain, scoped))
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=1e-4, atol=1e-7)


def test_credit_reaches_the_tokens_in_scope_alone(
    open_stage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_half(monkeypatch)
    stage = stage_of(**terms("think"))
    experience = collected(stage, open_stage(stage))
    assert experience.advantages.shape == experience.mask_NT.shape
    for row, credit in zip(experience.advantages, CREDIT, strict=True):
        assert all(value in (0.0, pytest.approx(credit)) for value in row.tolist())
        assert row[0] == pytest.approx(credit)
        assert row[-1] == 0.0
    assert experience.rewards_N.tolist() == [0.0] * ROWS


def test_outside_of_the_scope_there_is_no_gradient(
    open_stage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_half(monkeypatch)
    slopes: list[Tensor] = []

    @register("loss")
    def watched(logp: Tensor, advantages: Tensor, mask: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """REINFORCE that notes the gradient of every token."""
        loss, stats = part("loss", "reinforce")(logp, advantages, mask)
        logp.register_hook(lambda slope: slopes.append(((slope != 0) != (advantages != 0)) * mask))
        return loss, stats

    stage = stage_of(**terms("think", loss=Use("watched"), micro_batch_rows=3))
    one_step(stage, open_stage(stage))
    assert len(slopes) == 3
    assert all(not wrong.any() for wrong in slopes)


def test_micro_batches_of_any_size_give_the_same_gradient(
    open_stage: Open, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_half(monkeypatch)
    whole_batch = gradient_of(stage_of(**terms("think")), open_stage, tiny_folder)
    split = gradient_of(stage_of(**terms("think"), micro_batch_rows=3), open_stage, tiny_folder)
    for name, value in whole_batch.items():
        torch.testing.assert_close(split[name], value, rtol=1e-4, atol=1e-7)


def test_weights_multiply_the_credit_as_well(
    open_stage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_half(monkeypatch)

    @register("weight")
    def tripled(rewards: Tensor) -> Tensor:
        return torch.full_like(rewards, 3.0)

    stage = stage_of(**terms("think", weights=(Use("tripled"),)))
    experience = collected(stage, open_stage(stage))
    assert experience.advantages[:, 0].tolist() == pytest.approx([3 * value for value in CREDIT])


def test_a_rollout_that_a_filter_left_out_is_in_no_statistic_of_a_scoped_term(
    open_stage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_half(monkeypatch)
    seen.whole = [[1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0]]
    stage = stage_of(**terms("think", filters=(Use("drop-zero-variance"),)))
    experience = collected(stage, open_stage(stage))
    assert not experience.advantages[:ROLLOUTS].any()
    expected = [-0.75 + 6.0, 0.25 - 2.0, 0.25 - 2.0, 0.25 - 2.0]
    assert experience.advantages[ROLLOUTS:, 0].tolist() == pytest.approx(expected)
    assert experience.kept.tolist() == [4, 5, 6, 7]


def test_the_resampler_draws_by_the_mean_over_tokens(
    open_stage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_half(monkeypatch)
    stage = stage_of(**terms("think", resample=Use("pad", low=1.5, high=9.0, ratio=1.0)))
    experience = collected(stage, open_stage(stage))
    assert len(experience.kept)
    assert all(experience.advantages_N[experience.kept].abs() >= 1.5)


def gradient_of(stage: Reinforce, open_stage: Open, folder: Path) -> dict[str, Tensor]:
    def make(stage: Reinforce) -> StageContext:
        return open_stage(stage, open_policy(Model(path=str(folder)), stage, str(folder), seed=0))

    return gradient(stage, make)


# -- in a recipe ----------------------------------------------------------------------------------


@pytest.fixture
def base() -> Recipe:
    return load_recipe("rewarded", "micro")


PLACE = "stages.rl.rewards.format-match.scope"


def told(base: Recipe, scope: Any, **changes: Any) -> list[str]:
    made = override(base, {PLACE: scope, **{f"stages.rl.{k}": v for k, v in changes.items()}})
    return refusals(made)


@pytest.mark.parametrize("scope", ["think", "everything", {"section": "answer", "reach": "prefix"}])
def test_a_scope_is_named_in_the_recipe(base: Recipe, scope: Any) -> None:
    changed = override(base, {PLACE: scope})
    assert refusals(changed) == formula_problems(changed) == []
    found = changed.stages[1].rewards[1].scope  # type: ignore[union-attr]
    assert found == Scope(**({"section": scope} if isinstance(scope, str) else scope))


def test_a_section_that_the_format_does_not_have_is_refused_with_the_nearest(base: Recipe) -> None:
    [line] = told(base, "thinks")
    assert line == (
        "stages.rl.rewards.format-match.scope: a response in format 'think-answer' has no section "
        "'thinks'; did you mean 'think'?"
    )


def test_a_reach_that_is_none_is_refused(base: Recipe) -> None:
    with pytest.raises(RecipeError, match=r"format-match\.scope\.reach"):
        override(base, {PLACE: {"section": "think", "reach": "suffix"}})


def test_a_reward_for_the_whole_response_must_be_left(base: Recipe) -> None:
    [line] = told(base, "think", **{"rewards.accuracy.scope": "answer"})
    assert "every term has a scope" in line
    assert "leave one without" in line


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"advantage": "remax"}, "advantage: 'remax' compares with the reward of a greedy"),
        ({"advantage": "reinforce-plus-plus"}, "advantage: 'reinforce-plus-plus' gives every"),
        ({"loss": "gmpo"}, "loss: 'gmpo' takes one advantage for a whole response"),
    ],
)
def test_what_cannot_take_a_scope_is_refused_with_its_reason(
    base: Recipe, changes: dict[str, Any], reason: str
) -> None:
    assert told(base, None, **changes) == []
    [line] = told(base, "think", **changes)
    assert line.startswith(f"stages.rl.{reason}")
    assert "leave scope out" in line


@pytest.mark.parametrize("loss", ["ppo-clip", "gspo", "cispo", "sapo", "clip-cov", "luspo"])
def test_losses_of_single_tokens_take_a_scope(base: Recipe, loss: str) -> None:
    assert told(base, "think", loss=loss) == []


def test_the_objective_shows_where_the_credit_goes(base: Recipe) -> None:
    made = override(base, {PLACE: {"section": "think", "reach": "prefix"}})
    [stage] = objectives(made)
    wanted = "A = (grpo + 0.5 grpo(format-match) on the tokens up to the end of think)"
    assert wanted in stage.loss
    assert stage.terms[1].settings["scope"] == "think (prefix)"


def test_humanomni_credits_each_judge_on_what_it_judged() -> None:
    recipe = load_recipe("humanomni-v2", "full")
    [stage] = [stage for stage in recipe.stages if isinstance(stage, Reinforce)]
    scopes = {reward.part.part: reward.scope for reward in stage.rewards if reward.scope}
    assert {name: (scope.section, scope.reach) for name, scope in scopes.items()} == {
        "context-coverage": ("context", "prefix"), "logic-judgement": ("think", "prefix"),
    }  # fmt: skip
    assert refusals(recipe) == []
