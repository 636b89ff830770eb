"""The result of an evaluation, computed from its graded groups."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any

from gnomon.evaluation.metrics import majority, mean_at_k, pass_at_k, wilson
from gnomon.evaluation.rows import difficulty_of, reference_of
from gnomon.records import Graded, Group, Outcome


@dataclass(frozen=True)
class Estimate:
    """Mean accuracy of ``n`` items with its 95 % Wilson interval; NaN when there is no item."""

    accuracy: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class TaskEstimate(Estimate):
    """That of a task. ``guess`` is the accuracy of one answer, its most common reference, to all of
    its graded items: what is not above it shows no skill. NaN without a reference.
    """

    guess: float


@dataclass(frozen=True)
class EvaluationResult:
    """What an evaluation found.

    ``accuracy`` is the mean over items of the share of right responses. ``low`` and ``high`` are
    the 95 % Wilson interval over the ``n`` items that were graded: responses to one item hang
    together, so more of them do not count as more items. ``mean_length`` is in tokens,
    ``truncated`` the share of responses that the token limit cut, both over all responses.
    ``outcomes`` counts responses. ``metrics`` holds pass@k, mean@k and majority when there are
    several samples. ``skipped`` are records and ``excluded`` responses that count nowhere, as (id,
    reason). ``rows`` and ``images`` are what `gnomon.run.Run.write_evaluation` takes. ``seconds``
    is left out of comparisons.
    """

    benchmark: str
    accuracy: float
    low: float
    high: float
    n: int
    mean_length: float
    truncated: float
    by_task: Mapping[str, TaskEstimate]
    by_difficulty: Mapping[str, Estimate]
    outcomes: Mapping[str, int]
    metrics: Mapping[str, float]
    skipped: tuple[tuple[str, str], ...]
    excluded: tuple[tuple[str, str], ...]
    rows: tuple[Mapping[str, Any], ...] = field(repr=False)
    images: Mapping[str, bytes] = field(repr=False)
    seconds: float = field(compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The entry of this benchmark in an evaluation file; NaN, which JSON lacks, stays NaN."""
        plain = {
            name: value
            for name, value in vars(self).items()
            if name not in ("benchmark", "rows", "images", "skipped", "excluded")
        }
        return {
            **plain,
            "by_task": {name: asdict(value) for name, value in self.by_task.items()},
            "by_difficulty": {name: asdict(value) for name, value in self.by_difficulty.items()},
            "skipped": len(self.skipped),
            "excluded": [list(pair) for pair in self.excluded],
        }

    def __str__(self) -> str:
        """One line for a person."""
        return (
            f"{self.benchmark}: {self.accuracy:.1%} [{self.low:.1%}, {self.high:.1%}] "
            f"of {self.n} items, {self.mean_length:.0f} tokens a response"
        )


def estimate(groups: Iterable[Group]) -> Estimate:
    """Mean over items of the share of right responses, with the Wilson interval over items.

    Responses that were not graded are left out, and so is an item without any that was.
    """
    shares = [fmean(_scores(members)) for group in groups if (members := _graded(group))]
    low, high = wilson(sum(shares), len(shares))
    return Estimate(fmean(shares) if shares else math.nan, low, high, len(shares))


def most_common(groups: Iterable[Group]) -> float:
    """The share of graded items whose reference is the most common one; NaN without any."""
    references = Counter(
        reference for group in groups if _graded(group)
        if (reference := reference_of(group.sample.answer))
    )  # fmt: skip
    return max(references.values()) / references.total() if references else math.nan


def summarise(
    benchmark: str,
    groups: Sequence[Group],
    *,
    samples: int,
    skipped: Sequence[tuple[str, str]] = (),
    rows: Sequence[Mapping[str, Any]] = (),
    images: Mapping[str, bytes] | None = None,
    seconds: float = 0.0,
) -> EvaluationResult:
    """The result of graded ``groups`` of ``samples`` responses each. Source: ours."""
    responses = [member for group in groups for member in group.members]
    outcomes = Counter(member.verdict.outcome.value for member in responses)
    return EvaluationResult(
        benchmark=benchmark,
        **asdict(estimate(groups)),
        mean_length=_mean(len(member.rollout.token_ids) for member in responses),
        truncated=_mean(member.rollout.stop == "length" for member in responses),
        by_task={
            task: TaskEstimate(**asdict(estimate(own)), guess=most_common(own))
            for task, own in _split(groups, lambda group: group.sample.task or None).items()
        },
        by_difficulty={level: estimate(own) for level, own in _split(groups, _difficulty).items()},
        outcomes={
            outcome.value: outcomes[outcome.value] for outcome in Outcome if outcomes[outcome.value]
        },
        metrics=multi_sample_metrics(groups, samples) if samples > 1 else {},
        skipped=tuple(skipped),
        excluded=tuple(_excluded(groups)),
        rows=tuple(rows),
        images=images or {},
        seconds=seconds,
    )


def multi_sample_metrics(groups: Iterable[Group], samples: int) -> dict[str, float]:
    """pass@2, pass@4, ... to ``samples``, mean@``samples`` and majority: means over items.

    ``majority`` is the accuracy of the most frequent answer: the graded value, or the graded text
    where a grader gives no value; what cannot be read has no vote, and no vote at all is wrong.
    Only items of which all ``samples`` responses were graded count, so that all numbers speak of
    the same items; NaN when there is none. Sources: arXiv 2107.03374 (pass@k), 2203.11171
    (majority).
    """
    complete = [members for group in groups if len(members := _graded(group)) == samples]
    scores = [_scores(members) for members in complete]
    passes = {
        f"pass@{k}": _mean(pass_at_k(samples, int(sum(item)), k) for item in scores)
        for k in _powers_of_two(samples)
    }
    return {
        **passes,
        f"mean@{samples}": _mean(mean_at_k(item, samples) for item in scores),
        "majority": _mean(_majority_score(members) for members in complete),
    }


def _powers_of_two(samples: int) -> list[int]:
    """2, 4, 8 ... below ``samples``, and ``samples``."""
    return [2**power for power in range(1, samples.bit_length()) if 2**power < samples] + [samples]


def _majority_score(members: Sequence[Graded]) -> float:
    votes = [_vote(member) for member in members]
    winner = majority(votes)
    if winner is None:
        return 0.0
    return float(members[votes.index(winner)].verdict.correct)


def _vote(member: Graded) -> Hashable | None:
    """What the response answers: equal values are one vote however they are written."""
    verdict = member.verdict
    if verdict.outcome not in (Outcome.CORRECT, Outcome.WRONG):
        return None
    value = verdict.span if verdict.value is None else verdict.value
    return value if isinstance(value, Hashable) else repr(value)


def _graded(group: Group) -> list[Graded]:
    return [member for member in group.members if member.verdict.graded]


def _scores(members: Iterable[Graded]) -> list[float]:
    return [float(member.verdict.correct) for member in members]


def _excluded(groups: Iterable[Group]) -> list[tuple[str, str]]:
    return [
        (group.sample.id, f"{member.verdict.outcome.value}: {member.verdict.reason}")
        for group in groups
        for member in group.members
        if not member.verdict.graded
    ]


def _split(
    groups: Sequence[Group], name_of: Callable[[Group], str | None]
) -> dict[str, list[Group]]:
    """The groups of each name, in the order of names; those without one are left out."""
    named: dict[str, list[Group]] = {}
    for group in groups:
        if (name := name_of(group)) is not None:
            named.setdefault(name, []).append(group)
    return {name: named[name] for name in sorted(named, key=_natural)}


def _natural(name: str) -> tuple[float, str]:
    """Numbers by size, before them all other names by letter."""
    try:
        return float(name), name
    except ValueError:
        return -math.inf, name


def _difficulty(group: Group) -> str | None:
    value = difficulty_of(group.sample)
    return None if value is None else f"{value:g}"


def _mean(values: Iterable[float]) -> float:
    numbers = [float(value) for value in values]
    return fmean(numbers) if numbers else math.nan
