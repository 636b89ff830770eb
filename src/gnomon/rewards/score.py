"""Scoring: reward terms over graded groups, and their combination into one reward per rollout."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from gnomon.auxiliary.reader import Reader, ReaderError, summary_of
from gnomon.parts import BoundPart
from gnomon.records import Graded, Group, Sample
from gnomon.rewards.scope import Scope


class RewardError(RuntimeError):
    """A reward term failed or gave no usable number; the message says where and what to do."""


@dataclass(frozen=True)
class Term:
    """One reward term: name in the scores, part, weight, and tasks it applies to (None: all).

    Tasks are compared in lower case. ``ask`` is the reader of a term that needs one, see
    `gnomon.auxiliary.reader`. A term with a ``scope`` stays out of the combined reward: its credit
    goes to the tokens of a section, see `gnomon.rewards.scope`.
    """

    name: str
    part: BoundPart
    weight: float = 1.0
    applies_to: tuple[str, ...] | None = None
    ask: Reader | None = None
    scope: Scope | None = None

    def applies(self, group: Group) -> bool:
        """Whether the term scores the rollouts of this group's task."""
        if self.applies_to is None:
            return True
        return group.sample.task.lower() in {task.lower() for task in self.applies_to}


Scores = list[list[float | None]]
"""One list per group, one score per member."""


def score(groups: Sequence[Group], terms: Sequence[Term], combine: BoundPart) -> list[Group]:
    """The same graded groups with the score of every term and the combined reward of every rollout.

    A term that takes ``groups`` is called once, with all groups that it applies to; every other
    term once per rollout, unless `score_alone` has scored the rollout by it before. A score is None
    where the term does not apply; a rollout without any score gets the reward NaN, which is to be
    left out of training. Raises `RewardError` when
    a term raises, gives no finite number, or gives the wrong number of scores, and when the
    combined reward is infinite; ValueError for two terms of one name. The scores of a term with a
    scope are kept beside the reward and do not enter it.
    """
    names = [term.name for term in terms]
    if len(set(names)) < len(names):
        raise ValueError(f"reward terms need different names: {', '.join(names)}")
    table = [_term_scores(term, groups) for term in terms]
    whole = [place for place, term in enumerate(terms) if term.scope is None]
    chosen = [table[place] for place in whole], [terms[place] for place in whole]
    rewards = _combined(*chosen, combine, groups)
    return [
        dataclasses.replace(
            group,
            members=tuple(
                Graded(
                    member.rollout,
                    member.verdict,
                    {name: table[t][g][m] for t, name in enumerate(names)},
                    next(rewards),
                )
                for m, member in enumerate(group.members)
            ),
        )
        for g, group in enumerate(groups)
    ]


def score_alone(sample: Sample, member: Graded, terms: Sequence[Term]) -> Graded:
    """A rollout with its scores by the terms that look at one rollout at a time.

    What `score` gives it by these terms, in any order and thread. Raises `RewardError` as it does.
    """
    group, inputs = Group(sample, (member,)), _inputs(sample, member)
    scores = {
        term.name: _member_score(term, sample, inputs) if term.applies(group) else None
        for term in terms
        if "groups" not in term.part.part.inputs
    }
    return Graded(member.rollout, member.verdict, scores, member.reward)


def term_statistics(groups: Sequence[Group]) -> dict[str, float]:
    """What every term does: ``reward``, ``reward_std``, ``reward_flat``, ``reward_corr``/<term>.

    Mean; mean within-group std; share of groups in which all scores are equal, so that the term
    moves nothing; Pearson correlation with correctness over graded rollouts, left out where either
    is constant. Rollouts to which a term does not apply are left out; a term that applies nowhere
    is left out altogether. The std is that of the population of each group's scores, averaged over
    the groups that have any.
    """
    names = dict.fromkeys(
        name for group in groups for member in group.members for name in member.scores
    )
    table: dict[str, float] = {}
    for name in names:
        columns = [_present(group, name) for group in groups]
        columns = [column for column in columns if column]
        if columns:
            every = [value for column in columns for value in column]
            table[f"reward/{name}"] = statistics.fmean(every)
            table[f"reward_std/{name}"] = statistics.fmean(map(statistics.pstdev, columns))
            table[f"reward_flat/{name}"] = statistics.fmean(len(set(c)) == 1 for c in columns)
            table |= _correlation(groups, name)
    return table


def reader_statistics(terms: Sequence[Term]) -> dict[str, float]:
    """Counts of every term's reader since the stage began: ``reader/<term>/<count>``."""
    return {
        f"reader/{term.name}/{name}": value
        for term in terms
        if term.ask is not None
        for name, value in summary_of(term.ask).items()
    }


def _correlation(groups: Sequence[Group], name: str) -> dict[str, float]:
    pairs = [
        (score, float(member.verdict.correct))
        for group in groups
        for member in group.members
        if (score := member.scores.get(name)) is not None and member.verdict.graded
    ]
    if any(len(set(column)) < 2 for column in zip(*pairs, strict=True)) or len(pairs) < 2:
        return {}
    return {f"reward_corr/{name}": statistics.correlation(*zip(*pairs, strict=True))}


def _present(group: Group, name: str) -> list[float]:
    values = (member.scores.get(name) for member in group.members)
    return [value for value in values if value is not None]


def _term_scores(term: Term, groups: Sequence[Group]) -> Scores:
    if "groups" in term.part.part.inputs:
        return batch_scores(term, groups)
    return [
        [
            member.scores[term.name]
            if term.name in member.scores
            else _member_score(term, group.sample, _inputs(group.sample, member))
            if term.applies(group)
            else None
            for member in group.members
        ]
        for group in groups
    ]


def _inputs(sample: Sample, member: Graded) -> dict[str, Any]:
    """What a term can be given about one rollout."""
    return {
        "response": member.rollout.text,
        "length": len(member.rollout.token_ids),
        "verdict": member.verdict,
        "prediction": member.verdict.value,
        "reference": None if sample.answer is None else sample.answer.value,
        "sample": sample,
        "stop": member.rollout.stop,
    }


def _member_score(term: Term, sample: Sample, inputs: dict[str, Any]) -> float | None:
    return _number(term, sample.id, _call(term, inputs, sample))


def batch_scores(term: Term, groups: Sequence[Group]) -> Scores:
    """Scores of every rollout by a term that takes ``groups``; errors as of `score`."""
    wanted = set(term.part.part.inputs)
    if not wanted <= {"groups", "ask"}:
        raise RewardError(
            f"reward term {term.name!r} takes {term.part.part.inputs}: a batch-level part "
            "finds everything in the groups; let it take groups alone, or groups and ask"
        )
    if "ask" in wanted and term.ask is None:
        raise RewardError(
            f"reward term {term.name!r} asks a reader and was given none; add one to the term, "
            "such as reader: {part: policy} (`gnomon parts reader` lists them)"
        )
    chosen = [group for group in groups if term.applies(group)]
    rows = iter(_rows(term, chosen) if chosen else [])
    return [
        [_number(term, group.sample.id, value) for value in next(rows)]
        if term.applies(group)
        else [None] * len(group.members)
        for group in groups
    ]


def _rows(term: Term, groups: Sequence[Group]) -> Sequence[Sequence[Any]]:
    batch = ", ".join(repr(group.sample.id) for group in groups[:3])
    place = f"the batch of samples {batch}{' ...' * (len(groups) > 3)}"
    rows = _call(term, {"groups": groups, "ask": term.ask}, place)
    sizes = [len(group.members) for group in groups]
    if not isinstance(rows, Sequence) or [_length(row) for row in rows] != sizes:
        raise RewardError(
            f"reward term {term.name!r} must return one list per group with one score per "
            f"rollout, {sizes} in all; it gave {_shown(rows)}"
        )
    return rows


def _call(term: Term, inputs: dict[str, Any], place: str | Sample) -> Any:
    try:
        return term.part.supply(inputs)
    except ReaderError as error:
        raise RewardError(f"reward term {term.name!r}: {error}") from error
    except (ValueError, TypeError, ZeroDivisionError) as error:
        place = place if isinstance(place, str) else f"sample {place.id!r}"
        raise RewardError(
            f"reward term {term.name!r} failed on {place}: {type(error).__name__}: {error}; "
            f"correct {term.part.part.name!r} or let the term apply only to tasks it can score"
        ) from error


def _number(term: Term, sample: str, value: Any) -> float | None:
    if value is None or (type(value) is float and math.isfinite(value)):
        return value  # type: ignore[no-any-return]
    if isinstance(value, Real | np.bool_) and math.isfinite(float(value)):
        return float(value)
    raise RewardError(
        f"reward term {term.name!r} gave {_shown(value)} for sample {sample!r}; it must return a "
        "finite number, or None where it does not apply"
    )


def _length(row: Any) -> int:
    return len(row) if isinstance(row, Sequence) and not isinstance(row, str) else -1


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _combined(
    table: Sequence[Scores], terms: Sequence[Term], combine: BoundPart, groups: Sequence[Group]
) -> Iterator[float]:
    owners = [group.sample.id for group in groups for _ in group.members]
    rows = [[value for row in scores for value in row] for scores in table]
    scores = np.array(rows, dtype=np.float64).reshape(len(terms), len(owners))
    weights = np.array([term.weight for term in terms], dtype=np.float64)
    owner_N = np.repeat(np.arange(len(groups)), [len(group.members) for group in groups])
    known = {"scores": scores, "weights": weights, "groups": owner_N}
    rewards = np.asarray(combine.supply(known), dtype=np.float64)
    if rewards.shape != (len(owners),):
        raise RewardError(
            f"combination {combine.part.name!r} must give one reward per rollout, {len(owners)} in "
            f"all; it gave shape {rewards.shape}"
        )
    if np.isinf(rewards).any():
        raise RewardError(
            f"combination {combine.part.name!r} gave an infinite reward for sample "
            f"{owners[int(np.isinf(rewards).argmax())]!r}; check the weights"
        )
    return iter(rewards.tolist())
