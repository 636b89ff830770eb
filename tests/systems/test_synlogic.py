"""The reward of SynLogic: think and answer tags, and the verifier of the puzzle's family."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnomon.data.fixtures import fixture_for
from gnomon.data.sources import parquet
from gnomon.grading.grade import reference_text
from gnomon.grading.respond import grade_response
from gnomon.parts import part
from gnomon.records import Rollout, Sample
from gnomon.rewards.combine import product
from gnomon.rewards.terms import accuracy, format_match


def samples() -> list[Sample]:
    path = fixture_for("synlogic", "rl", Path("train.parquet"))
    assert path is not None
    source = parquet(path=path, layout="synlogic")
    return [source[index] for index in range(len(source))]


SAMPLES = samples()


def reward(sample: Sample, text: str, mode: str = "strict") -> float:
    style = part("format", "think-answer", mode=mode)()
    settings = {"system": "synlogic"} if mode == "released" else {}
    grader = part("grader", mode, **settings)
    graded = grade_response(sample, Rollout((1,), (0.0,), text, "end"), style, grader)
    right, formed = accuracy(graded.verdict), format_match(text, format="think-answer", mode=mode)
    assert right is not None
    return float(product([[right], [formed]], [1.0, 1.0])[0])


def gold(sample: Sample) -> str:
    assert sample.answer is not None
    return reference_text(sample.answer)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.task)
def test_the_reward_is_one_for_the_right_answer_in_its_tags_and_else_zero(sample: Sample) -> None:
    answer = gold(sample)
    assert reward(sample, f"<think>I think.</think><answer>{answer}</answer>") == 1.0
    assert reward(sample, f"<think>I think.</think>\n<answer>\n{answer}\n</answer>\n") == 1.0
    for text in (
        f"<answer>{answer}</answer>",
        answer,
        f"<think>{answer}</think><answer>?</answer>",
        f"<think>I think.</think>{answer}",
        f"<think>I think.</think><answer>{answer}",
        f"<answer>{answer}</answer><think>I think.</think>",
        f"<think>a</think><answer>{answer}</answer><answer>?</answer>",
        "",
    ):
        assert reward(sample, text) == 0.0, text


def test_as_released_the_first_answer_behind_the_thought_counts_and_text_may_stand_around() -> None:
    sample = SAMPLES[-1]
    right, wrong = "The answer is **yes, no**", "The answer is **no, no**"
    spoken = f"Well. <think>a</think> So <answer>{right}</answer><answer>{wrong}</answer>"
    assert (reward(sample, spoken), reward(sample, spoken, "released")) == (0.0, 1.0)
    last = f"<think>a</think><answer>{wrong}</answer><answer>{right}</answer>"
    assert reward(sample, last, "released") == 0.0
    assert reward(sample, f"<answer>{right}</answer>", "released") == 0.0


def test_the_prompt_states_the_tags_twice() -> None:
    for sample in SAMPLES:
        assert sample.messages[0].text.count("<answer></answer>") == 2
