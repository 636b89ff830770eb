from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from gnomon.auxiliary.reader import Counts, Reader, ReaderError
from gnomon.parts import BoundPart, part, register
from gnomon.records import Answer, Graded, Group, Message, Outcome, Rollout, Sample, Verdict
from gnomon.rewards.score import (
    RewardError,
    Term,
    reader_statistics,
    score,
    term_statistics,
)


@register("reward", "test-constant")
def constant(response: str, *, value: Any = 1.0) -> Any:
    """Always the same, for tests."""
    return value


@register("reward", "test-raising")
def raising(response: str, *, error: str = "ValueError") -> float:
    """Always an error, for tests."""
    raise {"ValueError": ValueError, "TypeError": TypeError, "KeyError": KeyError}[error]("odd")


@register("reward", "test-dividing")
def dividing(length: int) -> float:
    """An error without tokens, for tests."""
    return 1 / length


@register("reward", "test-everything")
def everything(
    response: str,
    length: int,
    verdict: Verdict,
    prediction: Any,
    reference: Any,
    sample: Sample,
    stop: str,
) -> float:
    """Checks what a part is given, for tests."""
    seen = (response, length, verdict.correct, prediction, reference, sample.id, stop)
    return float(seen == ("five", 3, True, 5, 5, "one", "length"))


@register("reward", "test-rows")
def rows(groups: Sequence[Group], *, result: Any = None) -> Any:
    """One rank per group, or the given result, for tests."""
    CALLS.append(len(groups))
    ranked = [[float(n) for n, _ in enumerate(group.members)] for group in groups]
    return ranked if result is None else result


@register("reward", "test-mixed")
def mixed(groups: Sequence[Group], response: str) -> Any:
    """Takes what does not go together, for tests."""
    return []


@register("reward", "test-asking")
def asking(groups: Sequence[Group], ask: Reader) -> list[list[float]]:
    """Asks for nothing, for tests."""
    CALLS.append(len(groups))
    ask([])
    return [[1.0 for _ in group.members] for group in groups]


@register("combination", "test-broken")
def broken(scores: Any, weights: Any, *, values: list[float]) -> Any:
    """Gives what it is told, for tests."""
    return np.array(values)


CALLS: list[int] = []
SUM = part("combination", "sum")


@pytest.fixture(autouse=True)
def no_calls() -> Iterator[None]:
    CALLS.clear()
    yield


def graded(correct: bool, text: str = "five", length: int = 3) -> Graded:
    outcome = Outcome.CORRECT if correct else Outcome.WRONG
    rollout = Rollout((1,) * length, (0.0,) * length, text, "length")
    return Graded(rollout, Verdict(outcome, float(correct), value=5))


def group(id: str, *correct: bool, task: str = "count") -> Group:
    sample = Sample(id, (Message("user", "?"),), answer=Answer("integer", 5), task=task)
    return Group(sample, tuple(graded(right) for right in correct))


def term(
    name: str, weight: float = 1.0, tasks: tuple[str, ...] | None = None, **settings: Any
) -> Term:
    return Term(name, part("reward", name, **settings), weight, tasks)


BATCH = [group("one", True, False), group("two", True, task="ground")]


def test_scores_and_rewards_are_filled_in_and_nothing_else_changes() -> None:
    terms = [term("accuracy", 0.9), term("test-constant", 0.1)]
    done = score(BATCH, terms, SUM)
    assert [member.reward for g in done for member in g.members] == pytest.approx([1.0, 0.1, 1.0])
    assert done[0].members[1].scores == {"accuracy": 0.0, "test-constant": 1.0}
    assert [g.sample for g in done] == [g.sample for g in BATCH]
    assert done[1].members[0].rollout is BATCH[1].members[0].rollout
    assert BATCH[0].members[0].scores == {}


def test_a_part_is_given_every_input_it_names() -> None:
    done = score([group("one", True)], [term("test-everything")], SUM)
    assert done[0].members[0].reward == 1.0


def test_a_sample_without_an_answer_has_no_reference_value() -> None:
    sample = Sample("one", (Message("user", "?"),))
    done = score([Group(sample, (graded(True),))], [term("test-everything")], SUM)
    assert done[0].members[0].reward == 0.0


def test_a_batch_level_term_is_called_once_with_all_groups() -> None:
    done = score(BATCH, [term("test-rows")], SUM)
    assert CALLS == [2]
    assert [[m.reward for m in g.members] for g in done] == [[0.0, 1.0], [0.0]]


def test_a_term_scores_only_the_tasks_it_applies_to() -> None:
    terms = [
        term("accuracy"),
        term("test-constant", tasks=("ground",)),
        term("test-rows", tasks=()),
    ]
    done = score(BATCH, terms, SUM)
    assert done[0].members[0].scores == {"accuracy": 1.0, "test-constant": None, "test-rows": None}
    assert done[1].members[0].reward == 2.0


def test_a_rollout_without_any_score_has_the_reward_nan() -> None:
    done = score(BATCH, [term("test-constant", value=None)], SUM)
    assert all(math.isnan(member.reward) for g in done for member in g.members)


@pytest.mark.parametrize("value", [True, 1, np.float32(1.0), np.bool_(True)])
def test_any_real_number_is_a_score(value: Any) -> None:
    done = score(BATCH, [term("test-constant", value=value)], SUM)
    found = done[0].members[0].scores["test-constant"]
    assert found == 1.0
    assert type(found) is float


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1.0", [1.0], 1j, "x" * 200])
def test_a_score_that_is_no_finite_number_names_term_sample_and_value(value: Any) -> None:
    with pytest.raises(
        RewardError, match=r"'test-constant' gave .* for sample 'one'.*None"
    ) as error:
        score(BATCH, [term("test-constant", value=value)], SUM)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("name", ["ValueError", "TypeError"])
def test_an_error_of_a_term_names_term_and_sample(name: str) -> None:
    with pytest.raises(RewardError, match=rf"'test-raising' failed on sample 'one': {name}: odd"):
        score(BATCH, [term("test-raising", error=name)], SUM)


def test_a_division_by_zero_is_reported_and_other_errors_pass() -> None:
    empty = Group(BATCH[0].sample, (graded(True, length=0),))
    with pytest.raises(RewardError, match="ZeroDivisionError"):
        score([empty], [term("test-dividing")], SUM)
    with pytest.raises(KeyError):
        score(BATCH, [term("test-raising", error="KeyError")], SUM)


@pytest.mark.parametrize("result", [[[1.0]], [[1.0, 1.0], []], [1.0, 2.0], ["ab", "c"], 5])
def test_a_batch_level_term_must_score_every_rollout(result: Any) -> None:
    with pytest.raises(RewardError, match=r"one list per group .* \[2, 1\]"):
        score(BATCH, [term("test-rows", result=result)], SUM)


def test_a_batch_level_score_must_be_a_number() -> None:
    with pytest.raises(RewardError, match="for sample 'two'"):
        score(BATCH, [term("test-rows", result=[[1.0, None], ["x"]])], SUM)


def test_a_batch_level_part_takes_groups_alone() -> None:
    with pytest.raises(RewardError, match="groups alone"):
        score(BATCH, [term("test-mixed")], SUM)


def test_two_terms_need_two_names() -> None:
    with pytest.raises(ValueError, match="different names"):
        score(BATCH, [term("accuracy"), term("accuracy")], SUM)


@pytest.mark.parametrize(
    ("values", "message"), [([1.0], "one reward per rollout"), ([1.0, 1.0, math.inf], "'two'")]
)
def test_a_combination_must_give_one_finite_reward_each(values: list[float], message: str) -> None:
    combine: BoundPart = part("combination", "test-broken", values=values)
    with pytest.raises(RewardError, match=message):
        score(BATCH, [term("accuracy")], combine)


def test_an_empty_batch_stays_empty() -> None:
    assert score([], [term("accuracy")], SUM) == []
    assert term_statistics([]) == {}


def test_statistics_are_means_and_mean_within_group_stds() -> None:
    terms = [term("accuracy"), term("test-constant", tasks=("none",))]
    found = term_statistics(score(BATCH, terms, SUM))
    assert found == {
        "reward/accuracy": pytest.approx(2 / 3),
        "reward_std/accuracy": pytest.approx(0.25),
        "reward_flat/accuracy": 0.5,
        "reward_corr/accuracy": pytest.approx(1.0),
    }


def test_the_worked_example_of_revisual_is_scored_end_to_end() -> None:
    text = (
        "<think> The figure shows a triangle. I made a mistake. Let me recalculate. "
        "The correct answer is 5.</think> \\boxed{5}"
    )
    batch = [Group(BATCH[0].sample, (graded(True, text),))]
    weights = {"accuracy": 0.8, "self-critique": 0.05, "image-revisit": 0.05, "repetition": 0.05}
    terms = [term(name, weight) for name, weight in weights.items()]
    assert score(batch, terms, SUM)[0].members[0].reward == pytest.approx(0.911)
    terms.append(term("length-ramp", 0.05, budget=8192))
    assert score(batch, terms, SUM)[0].members[0].reward == pytest.approx(0.961)


def test_a_term_that_asks_gets_its_reader_and_only_groups_it_applies_to() -> None:
    made = Term("asked", part("reward", "test-asking"), 1.0, ("ground",), lambda requests: [])
    done = score(BATCH, [made], SUM)
    assert CALLS == [1]
    assert [[m.scores["asked"] for m in g.members] for g in done] == [[None, None], [1.0]]


def test_a_term_without_its_reader_is_told_how_to_get_one() -> None:
    with pytest.raises(RewardError, match=r"given none; add one .*reader: \{part: policy\}"):
        score(BATCH, [term("test-asking")], SUM)


def test_a_reader_that_cannot_work_names_the_term() -> None:
    def broken(requests: Any) -> Any:
        raise ReaderError("no server; start it")

    made = Term("asked", part("reward", "test-asking"), ask=broken)
    with pytest.raises(RewardError, match="term 'asked': no server; start it"):
        score(BATCH, [made], SUM)


def test_counts_of_readers_are_logged_by_term() -> None:
    class Counting:
        counts = Counts(asked=3, failed=1)

        def __call__(self, requests: Any) -> Any:
            return []

    terms = [Term("asked", part("reward", "test-asking"), ask=Counting()), term("accuracy")]
    found = reader_statistics(terms)
    assert found["reader/asked/asked"] == 3.0
    assert found["reader/asked/failed"] == 1.0
    assert len(found) == 5


def test_a_term_that_is_constant_has_no_correlation() -> None:
    found = term_statistics(score(BATCH, [term("test-constant")], SUM))
    assert "reward_corr/test-constant" not in found
    assert found["reward_flat/test-constant"] == 1.0


def test_a_term_against_correctness_has_a_negative_correlation() -> None:
    found = term_statistics(score([group("one", True, False, False)], [term("test-rows")], SUM))
    assert found["reward_corr/test-rows"] == pytest.approx(-0.8660254)
