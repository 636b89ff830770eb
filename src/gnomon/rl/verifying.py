"""Verifying a step's rollouts, each as soon as it has ended, while others are still being written.

One rollout is graded and scored by the terms that look at it alone in a thread of a pool; its
symbolic comparisons wait there for killable worker processes. When a group is complete, the terms
that ask a reader elsewhere ask about it. Verdicts and scores are those of verifying everything at
the end: they are collected by number, and nothing in them depends on when they were made.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import threading
from collections.abc import Iterator, Sequence

from gnomon.auxiliary.ahead import Ahead, beside_decoding
from gnomon.grading.pool import Pool
from gnomon.grading.respond import grade_response
from gnomon.recipe import Verification
from gnomon.records import Graded, Group, Outcome, Rollout, Sample, Verdict
from gnomon.rewards.score import Term, batch_scores, score, score_alone
from gnomon.rl.chosen import Objective

Ended = tuple[int, int, Rollout]
"""A rollout with the place of its question and its own in the group."""


class Verifying:
    """Verifies the rollouts of some questions, ``count`` of each.

    `take` is told of each as it ends; `groups` gives all of them, scored. A rollout that is not
    verified within ``how.seconds`` gets the outcome TIMEOUT and no score, so that it is left out of
    training; without ``how.overlap`` nothing begins before `groups` is called. As a context it
    gives up what is under way when the writing fails.
    """

    def __init__(
        self, objective: Objective, samples: Sequence[Sample], count: int, how: Verification
    ) -> None:
        self.objective, self.samples, self.count, self.how = objective, samples, count, how
        self.terms = tuple(map(_asked_ahead, objective.terms)) if how.overlap else objective.terms
        self._grading: Pool[Ended, Graded] = Pool(
            self._grade, self._late, threads=how.threads, seconds=how.seconds
        )
        self._asking: Pool[tuple[Term, Group], None] = Pool(
            _ask_early, lambda asked: None, threads=how.threads, seconds=math.inf
        )
        self._taken: set[tuple[int, int]] = set()
        self._complete = _Complete(samples, count)
        self._numbers = itertools.count()

    @contextlib.contextmanager
    def under_way(self) -> Iterator[Verifying]:
        """The time in which rollouts may be taken."""
        with self._grading, self._asking:
            yield self

    def take(self, place: int, member: int, rollout: Rollout) -> None:
        """Begin to verify a rollout that has ended; the call does not wait."""
        if self.how.overlap:
            self._submit(place, member, rollout)

    def groups(self, written: Sequence[Sequence[Rollout]]) -> list[Group]:
        """The scored groups of all rollouts, once every one is verified.

        Raises `gnomon.rewards.score.RewardError` as `score` does.
        """
        for place, rollouts in enumerate(written):
            for member, rollout in enumerate(rollouts):
                if (place, member) not in self._taken:
                    self._submit(place, member, rollout)
        graded = self._grading.results()
        self._asking.results()
        groups = [
            Group(sample, tuple(graded[place * self.count + m] for m in range(self.count)))
            for place, sample in enumerate(self.samples)
        ]
        return score(groups, self.terms, self.objective.combine)

    def _submit(self, place: int, member: int, rollout: Rollout) -> None:
        self._taken.add((place, member))
        self._grading.submit(place * self.count + member, (place, member, rollout))

    def _grade(self, ended: Ended) -> Graded:
        place, member, rollout = ended
        sample, objective = self.samples[place], self.objective
        graded = grade_response(sample, rollout, objective.style, objective.grader)
        graded = score_alone(sample, graded, self.terms)
        group = self._complete.with_member(place, member, graded)
        for term in self.terms if group is not None else ():
            if isinstance(term.ask, Ahead) and group is not None and term.applies(group):
                self._asking.submit(next(self._numbers), (term, group))
        return graded

    def _late(self, ended: Ended) -> Graded:
        reason = f"it was not verified within {self.how.seconds:g} s"
        alone = [term for term in self.terms if "groups" not in term.part.part.inputs]
        return Graded(
            ended[2],
            Verdict(Outcome.TIMEOUT, 0.0, reason=reason),
            {term.name: None for term in alone},
        )


class _Complete:
    """Finds out which graded rollout completes its group, from any thread."""

    def __init__(self, samples: Sequence[Sample], count: int) -> None:
        self.samples, self.count = samples, count
        self._lock = threading.Lock()
        self._members: list[dict[int, Graded]] = [{} for _ in samples]

    def with_member(self, place: int, member: int, graded: Graded) -> Group | None:
        """The whole group when this was the last of its members to come."""
        with self._lock:
            members = self._members[place]
            members[member] = graded
            if len(members) < self.count:
                return None
        return Group(self.samples[place], tuple(members[m] for m in range(self.count)))


def _asked_ahead(term: Term) -> Term:
    if term.ask is None or not beside_decoding(term.ask):
        return term
    return dataclasses.replace(term, ask=Ahead(term.ask))


def _ask_early(asked: tuple[Term, Group]) -> None:
    """Let a term ask about one group; what comes of it is remembered by its reader alone."""
    term, group = asked
    assert isinstance(term.ask, Ahead)
    try:
        batch_scores(dataclasses.replace(term, ask=term.ask.early), [group])
    except Exception:  # noqa: BLE001 - what a term cannot do is told on the whole batch
        return
