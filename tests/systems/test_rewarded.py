from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gnomon.catalogue import load_recipe, recipe_names
from gnomon.data.fixtures.make_rewarded import TABLE, write_fixtures
from gnomon.media.video import open_video
from gnomon.models.load import ModelError
from gnomon.models.policy import Policy
from gnomon.plan import constants, plan
from gnomon.recipe import Recipe, Sampling, Sft, Use, build, override
from gnomon.recipes.grpo import TASKS
from gnomon.recipes.rewarded import rewarded
from gnomon.records import Outcome, Verdict
from gnomon.scale.columns import Pixels, Window, check_data
from gnomon.training import check
from rl_steps import open_context, steps_of

SYSTEMS = ("rewarded", "satori-r1", "visionary-r1", "perception-r1", "racro",
         "general-reasoner", "wethink", "reason-rft", "univg-r1", "jigsaw-r1",
         "rewardmap", "ui-r1", "temporal-r1", "acre", "defacto", "pixelthink",
         "r1-aqa", "humanomni-v2")  # fmt: skip
HEARING = ("r1-aqa",)
UNSUPPORTED = {"humanomni-v2": "Qwen2.5-Omni-7B"}
CURRICULUM = ["true-false", "counting", "choice", "planning"]
KL = "regularisers.kl.coefficient.value"
PIXELS, WINDOW = Pixels(3136, 401408, 28), Window(30)

# What the specifications print, below stages.rl unless a place begins with a block of the recipe.
CONSTANTS: dict[str, dict[str, Any]] = {
    "rewardmap": {
        "stages.planning.rewards.map-answer.weight": 10.0, "stages.planning.rollouts": 8,
        "stages.planning.rewards.route-details.weight": 0.5, f"stages.planning.{KL}": 0.01,
        "stages.planning.max_tokens": 20000,
    },
    "satori-r1": {
        "rollouts": 16, KL: 0.001, "sampling.top_p": 0.9, "sampling.top_k": 50,
        "sampling.max_new_tokens": 512, "model.image_pixels": [200704, 401408],
    },
    "visionary-r1": {
        "rewards.caption-sufficiency.weight": 0.1, "advantage.epsilon": 1e-4, "rollouts": 8,
        "regularisers.kl.coefficient.peak": 0.04, "optimizer.learning_rate.value": 5e-7,
    },
    "perception-r1": {
        "rewards.accuracy.weight": 0.9, "rewards.format-match.weight": 0.1, "prompts": 128,
        "rewards.fact-checklist.weight": 0.7, "loss.clip_high": 0.3, "loss.dual_clip": 3.0,
        "rewards.repeated-phrases.part.size": 20, "optimizer.weight_decay": 1e-3,
    },
    "acre": {"rewards.answer-consistency.part.worth": [1.0, 0.5, 0.2], KL: 0.04, "rollouts": 8},
    "humanomni-v2": {
        "regularisers.kl.coefficient.start": 0.04, "regularisers.kl.coefficient.end": 0.01,
        "regularisers.kl.coefficient.share": 0.5, "sampling.temperature": 0.9,
    },
    "defacto": {
        "rollouts": 4, "sampling.temperature": 0.9, "rewards.evidence-format.weight": 0.2,
        "rewards.evidence-region.weight": 0.2, "rewards.variant-judged.weight": 1.0,
    },
    "racro": {
        "rollouts": 4, "prompts": 256, "updates": 2, KL: 0.001, "loss.dual_clip": 3.0,
        "rewards.caption-success.reader.temperature": 1.0,
    },
    "pixelthink": {"prompts": 16, "rollouts": 8, KL: 5e-3, "sampling.max_new_tokens": 1300},
    "general-reasoner": {
        "prompts": 1024, "updates": 4, "loss.clip_low": 0.3, "loss.dual_clip": 10.0, KL: 1e-4,
        "regularisers.entropy-bonus.coefficient.value": 1e-3, "steps": 700,
        "optimizer.learning_rate.value": 5e-7,
    },
    "wethink": {
        "rollouts": 5, "rewards.hybrid-answer.weight": 0.7, "rewards.format-match.weight": 0.3,
    },
    "reason-rft": {
        KL: 0.04, "sampling.temperature": 0.9, "sampling.top_k": 50, "advantage.epsilon": 1e-4,
        "stages.cold-start.optimizer.learning_rate.peak": 1e-5,
        "stages.cold-start.optimizer.weight_decay": 0.1,
    },
    "jigsaw-r1": {
        "rewards.jigsaw.weight": 1.0, "rewards.jigsaw-format.weight": 0.5, "prompts": 64,
        "steps": 1000, KL: 0.04, "sampling.top_k": 50, "optimizer.learning_rate.peak": 1e-6,
    },
    "univg-r1": {
        "weights.mean-score.form": "exp", "rewards.iou.part.rule": "one-pixel", "prompts": 16,
        KL: 0.04, "sampling.max_new_tokens": 256,
        "stages.cold-start.optimizer.learning_rate.warmup": 0.015,
    },
    "temporal-r1": {
        "sampling.max_new_tokens": 2048, "max_tokens": 4096, "rollouts": 8,
        "rewards.interval.weight": 0.5, "rewards.interval-format.weight": 0.5, KL: 0.01,
        "prompts": 16, "regularisers.entropy-bonus.coefficient.value": 1e-3,
    },
    "r1-aqa": {KL: 0.04, "rollouts": 8, "steps": 1000, "sampling.max_new_tokens": 256},
    "ui-r1": {
        "optimizer.learning_rate.peak": 9.98e-7, KL: 0.04, "sampling.max_new_tokens": 256,
        "rewards.action-type.weight": 1.0, "rewards.action-point.weight": 1.0,
    },
}  # fmt: skip
OURS = {"acre"}


def full_place(place: str) -> str:
    return place if place.startswith(("stages.", "model.")) else f"stages.rl.{place}"


def records(recipe: Recipe, stage: Any) -> list[Any]:
    """The ten records of a stage's fixture, read as the recipe says."""
    from gnomon.data.fixtures import fixture_for

    path = fixture_for(recipe.name, stage.name, Path(stage.data.settings["path"]))
    source = build("source", Use("parquet", **{**stage.data.settings, "path": path}))()
    return [source[index] for index in range(len(source))]


# -- constants ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONSTANTS)
def test_the_constants_are_those_of_the_specification_and_say_so(name: str) -> None:
    stated = {
        place: (value, origin) for place, value, origin in constants(load_recipe(name, "full"))
    }
    for place, value in CONSTANTS[name].items():
        found, origin = stated[full_place(place)]
        assert (list(found) if isinstance(found, tuple) else found) == value, place
        assert origin in (("ours",) if name in OURS else ("paper", "code")), place


def test_every_system_has_its_constants_checked() -> None:
    assert set(CONSTANTS) == set(SYSTEMS) - {"rewarded"}


def test_reward_terms_without_the_policy_keep_a_weight_above_zero() -> None:
    for name in SYSTEMS:
        for stage in load_recipe(name, "full").stages:
            assert all(reward.weight > 0 for reward in getattr(stage, "rewards", ()))


# -- scales ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_micro_recipe_passes_the_check_that_comes_before_a_run(name: str) -> None:
    recipe = load_recipe(name, "micro")
    check(recipe)
    steps = CURRICULUM if name == "rewardmap" else ["rl"]
    assert [stage.name for stage in recipe.stages] == ["cold-start", *steps]


@pytest.mark.parametrize("name", sorted(recipe_names()))
def test_a_cold_start_shows_no_placeholder(name: str) -> None:
    """But for the boxes of SATORI-R1, which have no truth at this scale and earn nothing."""
    for stage in load_recipe(name, "micro").stages:
        if not isinstance(stage, Sft) or name.startswith("gnomon-micro"):
            continue
        style = build("format", stage.format)()
        source = build("source", stage.data).supply({"root": Path()})
        for index in range(len(TASKS)):
            sample = source[index]
            if sample.messages[-1].role != "user":
                continue
            told = style.worked(sample.meta)
            shown = style.parse(style.render("", "")).sections
            sections = style.parse(told).sections
            same = {key for key, text in shown.items() if sections.get(key) == text}
            assert same <= ({"bbox"} if name == "satori-r1" else set()), told


def test_a_variant_keeps_what_it_does_not_change() -> None:
    base, other = rewarded("micro"), load_recipe("wethink", "micro")
    assert other.stages[0] == base.stages[0]
    assert other.evaluation == base.evaluation


# -- data -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_columns_of_every_full_stage_map_on_its_fixture(name: str) -> None:
    recipe = load_recipe(name, "full")
    for stage in recipe.stages:
        found = check_data(recipe, stage, WINDOW if name in HEARING else PIXELS)
        assert (found.problems, found.mapped, found.fixture) == ((), 10, True), stage.name


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_term_that_asks_nobody_scores_every_record_of_the_fixture(name: str) -> None:
    recipe = load_recipe(name, "full")
    for stage in recipe.stages:
        for sample in records(recipe, stage) if stage.kind == "reinforce" else ():
            value = sample.answer.value
            given = {
                "response": "<think>a</think><answer>b</answer>", "sample": sample, "length": 9,
                "verdict": Verdict(Outcome.WRONG, 0.0), "prediction": None, "reference": value,
            }  # fmt: skip
            for reward in stage.rewards:
                part = build("reward", reward.part)
                if "groups" not in part.part.inputs:
                    score = part.supply(given)
                    assert score is None or isinstance(score, float), reward.part.part


def test_a_right_box_earns_the_full_iou_of_univg() -> None:
    recipe = load_recipe("univg-r1", "full")
    [sample, *_] = records(recipe, recipe.stages[-1])
    grader = recipe.stages[-1].grader  # type: ignore[union-attr]
    verdict = build("grader", grader)("(120,80),(420,380)", sample.answer)
    assert verdict.correct and verdict.score == 1.0


def test_a_right_answer_to_a_map_question_is_paid_from_the_records_own_column() -> None:
    recipe = load_recipe("rewardmap", "full")
    [sample, *_] = records(recipe, recipe.stages[0])
    assert build("reward", Use("map-answer"))(r"\boxed{Yes}", sample) == 1.0


def test_rewardmap_goes_from_perception_to_planning() -> None:
    stages = load_recipe("rewardmap", "full").stages
    assert [stage.name for stage in stages] == CURRICULUM
    assert all(stage.combine.part == "scaled-sum" for stage in stages)  # type: ignore[union-attr]


def test_rewardmap_asks_the_kinds_of_a_step_about_our_own_maps() -> None:
    asked = [stage.data.settings["tasks"] for stage in load_recipe("rewardmap", "micro").stages[1:]]
    assert [list(kinds) for kinds in asked] == [
        ["TorF1", "TorF2"], ["Counting2", "Counting3"], ["Counting1"], ["planning"],
    ]  # fmt: skip


def test_a_right_answer_about_a_video_earns_all_that_its_terms_pay() -> None:
    recipe = load_recipe("temporal-r1", "micro")
    stage = recipe.stages[-1]
    style, source = build("format", stage.format)(), build("source", stage.data)()
    grader = build("grader", stage.grader)  # type: ignore[union-attr]
    for sample in (source[index] for index in range(12)):
        response = style.render(sample.meta["thought"], sample.meta["answer_text"])
        verdict = grader(style.parse(response).answer, sample.answer)
        terms = [r for r in stage.rewards if sample.task in r.tasks]  # type: ignore[union-attr]
        known = {"response": response, "sample": sample, "verdict": verdict}
        scores = [build("reward", term.part).supply(known) for term in terms]
        assert scores == [pytest.approx(1.0), 1.0], (sample.task, response)


def test_the_moment_of_a_record_lies_within_its_video() -> None:
    recipe = load_recipe("temporal-r1", "full")
    [sample, *_] = records(recipe, recipe.stages[0])
    clip = open_video(sample.media[0])
    assert sample.messages[0].text == "<image>When does the square move?"
    assert clip.seconds == sample.meta["video_length"]


def test_the_fixtures_are_what_their_maker_writes(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    from gnomon.data.fixtures import fixture_for

    for path in write_fixtures(tmp_path):
        kept = fixture_for(path.parent.name, "any", path)
        assert kept is not None and pq.read_table(kept).equals(pq.read_table(path)), path
    assert len(TABLE) == len(list(tmp_path.glob("*/*.parquet")))


# -- runs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["satori-r1", "r1-aqa"])
def test_the_dry_run_of_a_full_recipe_passes(name: str) -> None:
    assert plan(load_recipe(name, "full")).problems == ()


@pytest.mark.parametrize(("name", "model"), UNSUPPORTED.items())
def test_the_dry_run_names_a_model_that_is_not_supported(name: str, model: str) -> None:
    with pytest.raises(ModelError, match=model):
        plan(load_recipe(name, "full"))


@pytest.mark.parametrize("name", SYSTEMS)
def test_two_steps_of_every_micro_recipe_run(
    name: str,
    fresh_policy: Policy,
    tiny_folder: Path,
    fresh_hearing: Policy,
    tiny_hearing_folder: Path,
    tmp_path: Path,
) -> None:
    seeing, hearing = (fresh_policy, tiny_folder), (fresh_hearing, tiny_hearing_folder)
    policy, folder = hearing if name in HEARING else seeing
    tiny = {"prompts": 2, "rollouts": 2, "updates": 1, "steps": 2, "max_tokens": 512}
    recipe = load_recipe(name, "micro")
    last = f"stages.{recipe.stages[-1].name}"
    changes: dict[str, Any] = {f"{last}.{key}": value for key, value in tiny.items()}
    changes[f"{last}.sampling"] = Sampling(max_new_tokens=6)
    if name == "racro":
        changes[f"{last}.rewards.caption-success.reader.path"] = str(tiny_folder)
        changes[f"{last}.rewards.caption-success.reader.max_new_tokens"] = 4
    stage = override(recipe, changes).stages[-1]
    context = open_context(stage, policy, folder, tmp_path)  # type: ignore[arg-type]
    results = steps_of(stage, context, 2)  # type: ignore[arg-type]
    assert len(results) == 2
