"""What a worked response of a world, and a cheating one, earn from the rewards of micro recipes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from gnomon.auxiliary.reader import Reader, Replies, Request
from gnomon.catalogue import load_recipe
from gnomon.grading.respond import grade_response
from gnomon.recipe import Reinforce, build
from gnomon.records import Graded, Group, Rollout, Sample
from gnomon.rewards.score import Term, score

NAMES = ("acre", "defacto", "pixelthink")
OPTION = re.compile(r"^([A-D])\. (\d+)$", re.MULTILINE)


def follow(requests: Sequence[Request]) -> Replies:
    """Goes on from a thought to the option that shows the number that the thought ends with."""

    def reply(request: Request) -> str:
        [*_, number] = re.findall(r"(\d+)\.", request.prefix)
        options = OPTION.findall(request.messages[-1].text)
        return next((f" {letter} " for letter, text in options if text == number), " none ")

    return [reply(request) for request in requests]


def always_b(requests: Sequence[Request]) -> Replies:
    return [" B " for _ in requests]


def stage_of(name: str) -> Reinforce:
    stage = load_recipe(name, "micro").stages[-1]
    assert isinstance(stage, Reinforce)
    return stage


def drawn(name: str, count: int = 24) -> list[Sample]:
    source = build("source", stage_of(name).data)()
    return [source[index] for index in range(count)]


def worked(name: str, sample: Sample) -> str:
    text: str = build("format", stage_of(name).format)().worked(sample.meta)
    return text


def paid(name: str, sample: Sample, text: str, ask: Reader = follow) -> Graded:
    """The response with its verdict, its scores by term, and its reward."""
    stage = stage_of(name)
    style, grader = build("format", stage.format)(), build("grader", stage.grader)
    graded = grade_response(sample, Rollout((1,), (0.0,), text, "end"), style, grader)
    terms = [
        Term(reward.part.part, build("reward", reward.part), reward.weight, ask=asked(reward, ask))
        for reward in stage.rewards
    ]
    [group] = score([Group(sample, (graded,))], terms, build("combination", stage.combine))
    return group.members[0]


def asked(reward: Any, ask: Reader) -> Reader | None:
    if reward.reader is None or reward.reader.part != "none":
        return ask if reward.reader is not None else None
    reader: Reader = build("reader", reward.reader)()
    return reader


def full(name: str, sample: Sample) -> float:
    """The most that a response to a sample can earn."""
    regions = 0.0 if sample.meta.get("type") == "cf" else 0.2
    return {"acre": 1.0 + 0.5, "defacto": 1.0 + 0.2 + regions, "pixelthink": 5.0}[name]


def easy(sample: Sample) -> bool:
    """Whether PixelThink gives it the small budget, which a worked thought is beyond."""
    return float(sample.meta.get("difficulty_score_model", 10.0)) < 3.5


def tagged(thought: str, answer: str) -> str:
    return f"<think> {thought} </think> <answer> {answer} </answer>"


# -- worked responses -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_worked_response_is_well_formed_right_and_earns_the_full_reward(name: str) -> None:
    style = build("format", stage_of(name).format)()
    for sample in drawn(name):
        text = worked(name, sample)
        found = paid(name, sample, text)
        assert style.fits(text) and found.verdict.correct, text
        if not easy(sample):
            assert found.reward == pytest.approx(full(name, sample)), (text, found.scores)


@pytest.mark.parametrize("name", NAMES)
def test_the_cold_start_shows_the_worked_responses_in_the_layout_of_rl(name: str) -> None:
    start, last = load_recipe(name, "micro").stages
    assert (start.format, start.data) == (last.format, last.data)
    assert "null" not in worked("pixelthink", drawn("pixelthink", 1)[0])


def test_a_worked_thought_of_defacto_opens_with_the_boxes_that_the_world_knows() -> None:
    for sample in drawn("defacto"):
        told = worked("defacto", sample).split("</box>")[0].split("<box>")[1]
        boxes = [list(box) for box in sample.meta["r_plus_boxes"]]
        assert json.loads(told) == (None if sample.meta["type"] == "cf" else boxes)


# -- cheating -------------------------------------------------------------------------------------


def test_one_option_always_never_earns_what_consistency_does() -> None:
    for sample in drawn("acre"):
        text = tagged("so it is.", "B")
        assert paid("acre", sample, text, always_b).reward <= 0.5 + 0.5


def test_a_right_letter_after_another_sum_is_not_consistent() -> None:
    for sample in drawn("acre"):
        text = tagged("450 + 450 = 900.", sample.meta["answer_text"])
        assert paid("acre", sample, text).reward == pytest.approx(0.5 + 0.5)


def test_abstaining_always_is_paid_for_hidden_evidence_alone() -> None:
    for sample in drawn("defacto"):
        found = paid("defacto", sample, tagged("<box> null </box> hidden.", "unknown")).reward
        if sample.meta["type"] == "cf":
            assert found == pytest.approx(1.2)
        else:
            assert found == pytest.approx(-0.2 + 0.2 - 0.5 * 0.2)


def test_answering_always_costs_most_where_the_guess_is_right() -> None:
    hidden = [sample for sample in drawn("defacto") if sample.meta["type"] == "cf"]
    for sample in hidden:
        guess = paid("defacto", sample, tagged("<box> null </box> so.", sample.meta["y_star"]))
        assert guess.scores["variant-judged"] == pytest.approx(-1.5)
        other = paid("defacto", sample, tagged("<box> null </box> so.", "silver"))
        assert other.scores["variant-judged"] == pytest.approx(-0.6)


def test_naming_every_box_earns_less_than_naming_those_that_matter() -> None:
    for sample in drawn("defacto"):
        if sample.meta["type"] != "cf":
            boxes = [*sample.meta["r_plus_boxes"], *sample.meta["r_minus_boxes"]]
            text = tagged(f"<box> {json.dumps(boxes)} </box> so.", sample.meta["answer_text"])
            assert paid("defacto", sample, text).reward < full("defacto", sample) - 0.05


def test_the_layout_alone_earns_two_of_five_and_no_mask() -> None:
    prompt = {"bbox": [0, 0, 112, 112], "points_1": [56, 56], "points_2": [56, 56]}
    for sample in drawn("pixelthink"):
        found = paid("pixelthink", sample, tagged("the picture.", json.dumps(prompt)))
        assert found.scores["segmentation-prompt"] in (2.0, 3.0)  # 3 where its middle is near
        assert found.reward <= 3.0


def test_words_beyond_the_budget_of_an_easy_sample_cost() -> None:
    for sample in filter(easy, drawn("pixelthink")):
        text = worked("pixelthink", sample)
        brief = re.sub("<think>.*(?= box)", "<think>", text)
        assert 2.5 < paid("pixelthink", sample, text).reward < 5.0
        assert paid("pixelthink", sample, brief).reward == 5.0


def test_nobody_judges_at_micro_scale() -> None:
    nobody: Reader = build("reader", stage_of("defacto").rewards[0].reader)()  # type: ignore[arg-type]
    assert nobody([Request(()), Request(())]) == [None, None]
