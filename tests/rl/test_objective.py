from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from gnomon.catalogue import load_recipe
from gnomon.parts import forget, load_kind, part, register
from gnomon.recipe import Recipe, Regulariser, Reinforce, RewardKl, Use, override
from gnomon.report.objective_table import objective_text
from gnomon.rl.objective import PEERS, Comparison, conformance, formula_of, objectives
from rl_steps import stage_of

FORMULATED = ("advantage", "weight", "resampler", "correction", "corruption", "loss", "focus",
              "aggregation", "regulariser", "schedule", "combination")  # fmt: skip
ACCURACY = {"rewards": [{"part": "accuracy", "weight": 1.0}]}


@pytest.fixture(autouse=True)
def leaves_no_parts() -> Iterator[None]:
    yield
    forget(__name__)


def stage(**changes: object) -> Reinforce:
    return stage_of(**{**ACCURACY, **changes})


def row(aspect: str, **changes: object) -> Comparison:
    [found] = [row for row in conformance(stage(**changes)) if row.aspect.startswith(aspect)]
    return found


# -- formulas -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMULATED)
def test_every_part_of_an_objective_has_a_formula_that_names_its_settings_rightly(kind: str):
    import inspect
    import re

    for name, made in load_kind(kind).items():
        if not made.function.__module__.startswith("gnomon."):
            continue
        text = inspect.getdoc(made.function) or ""
        assert "\nFormula: " in text, name
        paragraph = text.split("\nFormula: ")[1].split("\n\n")[0]
        assert set(re.findall(r"\{(\w+)\}", paragraph)) <= set(made.settings.model_fields), name


def test_a_formula_has_its_constants_in_it():
    found = formula_of(part("loss", "cispo", clip_low=0.1, clip_high=0.28))
    assert found == "-sg(clip(r, 1 - 0.1, 1 + 0.28)) A logp, r = exp(logp - old_logp)"


def test_a_part_without_a_formula_shows_its_first_line():
    @register("advantage", "test-objective")
    def mine(rewards: Tensor) -> Tensor:
        """What I like, times {nothing}."""
        return rewards

    assert formula_of(part("advantage", "test-objective")) == "What I like, times {nothing}."


def test_the_objective_names_every_part_in_the_order_of_the_formula():
    [found] = [
        one
        for one in objectives(
            override(
                load_recipe("revisual-r1"),
                {
                    "stages.text-rl.weights": [Use("uncertainty")],
                    "stages.text-rl.focus": [Use("top-entropy")],
                    "stages.text-rl.reward_kl": RewardKl(coefficient=Use("constant", value=0.01)),
                },
            )
        )
        if one.stage == "text-rl"
    ]
    assert found.loss == (
        "loss = token-mean(ppo-clip x top-entropy) + [constant] x token-mean(kl)"
        " + [delayed-decay] x token-mean(sampled-entropy-bonus),"
        " A = grpo x uncertainty - returns of kl, rollouts drawn by pad"
    )
    places = [term.place for term in found.terms]
    assert places[:4] == ["rewards.accuracy", "rewards.repetition", "rewards.self-critique",
                          "combine"]  # fmt: skip
    assert {
        "advantage",
        "resample",
        "loss",
        "aggregate",
        "weights.uncertainty",
        "regularisers.kl.part",
        "regularisers.kl.coefficient",
        "reward_kl.part",
    } <= set(places)
    kl = next(term for term in found.terms if term.place == "regularisers.kl.part")
    assert kl.formula.startswith("k3(x), x = logp - reference_logp")
    assert kl.settings == {"estimator": "k3", "clamp": None, "gradient": "own"}


def test_a_recipe_without_reinforcement_has_no_objective():
    recipe: Recipe = override(load_recipe("revisual-r1"), {"stages": ["cold-start"]})
    assert objectives(recipe) == []
    assert "No stage" in objective_text([])


# -- conformance ----------------------------------------------------------------------------------


def agreeing(aspect: str, **changes: object) -> set[str]:
    return {name for name, same in row(aspect, **changes).agrees.items() if same}


EVERYBODY = set(PEERS)


@pytest.mark.parametrize(
    ("aspect", "changes", "peers"),
    [
        ("baseline", {}, EVERYBODY),
        ("baseline", {"advantage": Use("grpo", bias="population")}, set()),
        ("baseline", {"advantage": Use("dr-grpo")}, set()),
        ("epsilon", {}, {"verl", "EasyR1"}),
        ("epsilon", {"advantage": Use("grpo", epsilon=1e-4)}, {"TRL"}),
        ("scope", {"advantage": Use("lite-ppo")}, set()),
        ("single", {}, {"TRL"}),
        ("single", {"advantage": Use("grpo", single="keep")}, {"verl"}),
        ("single", {"advantage": Use("pass-at-k")}, {"EasyR1"}),
        ("upper", {}, {"verl", "TRL"}),
        ("upper", {"loss": Use("ppo-clip", clip_high=0.3)}, {"EasyR1"}),
        ("dual", {}, {"TRL"}),
        ("dual", {"loss": Use("ppo-clip", dual_clip=3.0)}, {"verl", "EasyR1"}),
        ("aggregation", {}, EVERYBODY),
        ("aggregation", {"aggregate": Use("seq-mean-token-mean")}, set()),
        ("mismatch with an engine: weights at log-ratios .5", {}, {"verl", "EasyR1"}),
        ("mismatch with an engine: weights at log-ratios .5",
         {"corrections": (Use("truncate"),)}, set()),
        ("mismatch with an engine: weights at log-ratios .6",
         {"corrections": (Use("trl-mismatch"),)}, {"TRL"}),
    ],
)  # fmt: skip
def test_agreement_is_what_comes_out_of_the_same_numbers(aspect, changes, peers):
    assert agreeing(aspect, **changes) == peers


def kl(**settings: object) -> dict[str, object]:
    term = Regulariser(part=Use("kl", **settings), coefficient=Use("constant", value=0.1))
    return {"regularisers": (term,)}


def test_the_clamp_of_the_kl_is_seen_where_it_acts():
    assert agreeing("KL estimator", **kl()) == EVERYBODY
    assert agreeing("KL estimator", **kl(estimator="k2")) == set()
    assert agreeing("KL clamp", **kl()) == {"TRL"}
    assert agreeing("KL clamp", **kl(clamp=(20.0, 10.0))) == {"verl", "EasyR1"}


def test_without_a_kl_there_is_nothing_to_compare():
    assert row("KL clamp").ours == "none"
    assert row("KL clamp").agrees == {}


def test_only_easyr1_has_a_kl_in_the_loss_by_default():
    assert agreeing("KL in the loss") == {"verl", "TRL"}
    assert agreeing("KL in the loss", **kl()) == {"EasyR1"}


def test_what_a_part_refuses_is_said():
    assert row("single", advantage=Use("pass-at-k")).ours == "refused"


def test_easyr1_refuses_a_group_of_one():
    """Its estimator asserts more than one score of a group: "GRPO needs rollout.n > 1."."""
    assert row("single").peers == {"verl": "0.7", "TRL": "0", "EasyR1": "refused"}


def test_the_numbers_of_the_worked_examples_stand_in_the_table():
    assert row("baseline").ours == "1.5, -0.5, -0.5, -0.5"
    found = row("mismatch with an engine: weights at log-ratios .5")
    assert found.peers == {"verl": "1, 1, 1", "TRL": "2.718, 2.718, 2.718", "EasyR1": "1, 1, 1"}
    assert row("aggregation").ours == "1.667"


def test_a_loss_of_a_users_file_is_compared_like_any_other():
    @register("loss", "test-objective")
    def free(logp: Tensor, old_logp: Tensor, advantages: Tensor) -> tuple[Tensor, dict]:
        """Without a clip."""
        return -advantages[:, None] * torch.exp(logp - old_logp), {}

    assert row("upper", loss=Use("test-objective")).ours == "-2"


# -- the text -------------------------------------------------------------------------------------


def test_the_text_has_formulas_constants_and_the_table():
    text = objective_text(objectives(load_recipe("revisual-r1")))
    assert "Stage multimodal-rl" in text
    assert "max(-A min(r, None), -A clip(r, 1 - 0.2, 1 + 0.25))" in text
    assert "with weight=0.8" in text
    [line] = [line for line in text.split("Stage text-rl")[0].splitlines() if "dual clip:" in line]
    assert line.split()[-7:] == ["3", "=", "3", "#", "7", "=", "3"]
    assert all(line == line.rstrip() for line in text.splitlines())


def test_the_value_loss_of_a_critic_is_part_of_what_is_optimised():
    [found] = objectives(load_recipe("ppo", "micro"))
    assert " + token-mean(value loss)" in found.loss
    [term] = [term for term in found.terms if term.place == "value"]
    assert term.settings == {"clip": 0.5, "gamma": 1.0, "lam": 1.0, "trunk": 0.0}
    assert term.formula.startswith("1/2 max((V - G)^2")
    [other] = objectives(load_recipe("grpo", "micro"))
    assert "value" not in {term.place for term in other.terms}
