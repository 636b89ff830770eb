from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gnomon.parts import part
from gnomon.records import Answer, Graded, Group, Message, Outcome, Rollout, Sample, Verdict
from gnomon.rewards.foreign import columns_of, load_function
from gnomon.rewards.score import RewardError, Term, score

CODE = """
def lengths(completions, **kwargs):
    return [float(len(text)) for text in completions]


def matches(prompts, completions, answer, level, **kwargs):
    assert len(prompts) == len(completions) == len(answer) == len(level)
    return [None if one is None else float(one == text) for one, text in zip(answer, completions)]


def chat(completions):
    return [float(len(turns[0]["content"])) for turns in completions]


async def later(completions, **kwargs):
    return [1.0] * len(completions)


def short(completions, **kwargs):
    return [1.0]


def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    assert data_source in ("count", "geo3k")
    return {"score": float(solution_str == ground_truth), "extra": extra_info}


def plain_score(data_source, solution_str, ground_truth):
    return 0.5
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "their_rewards.py"
    path.write_text(CODE)
    return str(path)


def batch() -> list[Group]:
    def group(id: str, answer: Answer | None, *texts: str, **meta: Any) -> Group:
        sample = Sample(id, (Message("user", "How many?"),), answer=answer, task="count", meta=meta)
        members = (
            Graded(Rollout((1,), (0.0,), text, "end"), Verdict(Outcome.WRONG, 0.0))
            for text in texts
        )
        return Group(sample, tuple(members))

    return [group("a", Answer("integer", 5), "5", "six", level=1), group("b", None, "5")]


def scores(name: str, function: str, **settings: Any) -> list[list[float | None]]:
    term = Term(name, part("reward", name, function=function, **settings))
    done = score(batch(), [term], part("combination", "sum"))
    return [[member.scores[name] for member in group.members] for group in done]


def test_a_reward_of_trl_is_called_once_with_columns(file: str) -> None:
    assert scores("trl", f"{file}:lengths") == [[1.0, 3.0], [1.0]]
    assert scores("trl", f"{file}:matches") == [[1.0, 0.0], [None]]


def test_a_conversational_and_a_coroutine_function_are_accepted(file: str) -> None:
    assert scores("trl", f"{file}:chat", conversational=True) == [[1.0, 3.0], [1.0]]
    assert scores("trl", f"{file}:later") == [[1.0, 1.0], [1.0]]


def test_a_score_of_verl_is_called_for_every_rollout(file: str) -> None:
    assert scores("verl", f"{file}:compute_score") == [[1.0, 0.0], [0.0]]
    assert scores("verl", f"{file}:plain_score") == [[0.5, 0.5], [0.5]]


def test_verl_s_own_columns_are_used_where_a_record_has_them(file: str) -> None:
    meta = {"data_source": "geo3k", "reward_model": {"ground_truth": "7"}, "extra_info": {"i": 1}}
    sample = Sample("s", (), answer=Answer("integer", 5), meta=meta)
    term = part("reward", "verl", function=f"{file}:compute_score")
    assert term("7", sample) == 1.0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("{file}:short", "1 scores for 3 completions"),
        ("{file}:lenghts", "no function 'lenghts'; did you mean 'lengths'"),
        ("{file}", "write the file and the function"),
        ("nowhere.py:f", "there is no file"),
    ],
)
def test_what_cannot_be_used_is_explained(file: str, function: str, message: str) -> None:
    with pytest.raises(RewardError, match=message):
        scores("trl", function.format(file=file))


def test_a_file_is_found_by_path_and_name(file: str) -> None:
    assert load_function(f"{file}:lengths").__name__ == "lengths"


def test_columns_cover_records_that_lack_them() -> None:
    samples = [group.sample for group in batch()]
    assert columns_of(samples) == {
        "level": [1, None],
        "answer": ["5", None],
        "solution": ["5", None],
    }
    told = Sample("s", (), answer=Answer("integer", 5), meta={"solution": "because"})
    assert columns_of([told])["solution"] == ["because"]
