"""Records: the few plain, frozen values that everything else is a function over."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the image as stored, x2 and y2 exclusive."""

AnswerKind = Literal[
    "integer", "count", "number", "quantity", "expression",
    "choice", "yes-no", "text", "code",
    "list", "set", "permutation", "operations",
    "box", "boxes", "point", "points", "mask", "polygon", "layout",
    "span", "spans", "track", "action", "route", "puzzle", "parts",
]  # fmt: skip
StopReason = Literal["end", "length", "stop"]
MediaKind = Literal["image", "video", "audio"]


class BadRecord(ValueError):
    """A record of a source that cannot be used: it is counted, named in the report and skipped."""


@dataclass(frozen=True)
class Media:
    """An image, video or sound, by path or by encoded bytes; decoded lazily and under limits."""

    kind: MediaKind
    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.path is None) == (self.data is None):
            raise BadRecord("a medium has either a path or bytes")

    @property
    def key(self) -> str:
        """Identity of the content for sharing encoded features: hash of the bytes, or the path."""
        if self.data is not None:
            return hashlib.sha256(self.data).hexdigest()
        return str(self.path)


@dataclass(frozen=True)
class Answer:
    r"""A typed reference answer.

    ``value`` by kind:

    - ``integer``, ``count``: an int, for ``count`` at least 0; ``number``: a float, or LaTeX;
      ``quantity``: text with a unit, "4.9 J"; ``expression``: LaTeX;
    - ``choice``: the label (``options`` maps labels to texts, or is empty when the label is the
      text); ``yes-no``: a bool; ``text``: a string, or a tuple of accepted ones; ``code``: a
      string;
    - ``list``, ``set``: a tuple of texts or numbers; ``permutation``: the numbers 1 to n;
      ``operations``: triples function, object, value;
    - ``box``: a `Box`; ``boxes``: a tuple of them; ``point``: x, y, or the `Box` to hit;
      ``points``, ``polygon``: a tuple of x, y; ``mask``: an array [h, w], or run lengths as
      {"size": [h, w], "counts": ...}; ``layout``: pairs label, `Box` from bottom to top;
    - ``span``: start, end in seconds; ``spans``: a tuple of them; ``track``: frame to `Box`;
    - ``action``: a mapping with ``action`` and its parameters; ``route``: a mapping with ``from``,
      ``to`` and ``lines``; ``puzzle``: a mapping with ``family``, ``facts`` and ``gold``, the
      reference text; ``parts``: a mapping of names to answers.
    """

    kind: AnswerKind
    value: Any
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Message:
    """One turn of a chat. Each ``<image>`` in ``text`` stands for the next medium of the sample."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True)
class Sample:
    """One question (last turn by the user) or one worked example (last turn by the assistant)."""

    id: str
    messages: tuple[Message, ...]
    media: tuple[Media, ...] = ()
    answer: Answer | None = None
    task: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        places = sum(message.text.count("<image>") for message in self.messages)
        if places != len(self.media):
            raise BadRecord(
                f"sample {self.id}: {len(self.media)} media but {places} <image> placeholders"
            )


class Outcome(StrEnum):
    """What grading one response came to. Only ``correct`` and ``wrong`` are about the answer."""

    CORRECT = "correct"
    WRONG = "wrong"
    NO_ANSWER = "no answer"
    UNPARSEABLE_ANSWER = "unparseable answer"
    UNPARSEABLE_REFERENCE = "unparseable reference"
    TIMEOUT = "timeout"
    CRASH = "crash"


@dataclass(frozen=True)
class Verdict:
    """Result of grading: outcome, score in [0, 1], the text that was graded, value, reason.

    ``grader`` names what read and judged it, with versions, such as "think-boxed/1 strict/2".
    """

    outcome: Outcome
    score: float
    span: str | None = None
    value: Any = None
    reason: str = ""
    grader: str = ""

    @property
    def correct(self) -> bool:
        """Whether the answer was found right."""
        return self.outcome is Outcome.CORRECT

    @property
    def graded(self) -> bool:
        """Whether the outcome is about the response, not about the grader or the reference."""
        return self.outcome not in (
            Outcome.TIMEOUT,
            Outcome.CRASH,
            Outcome.UNPARSEABLE_REFERENCE,
        )

    def stamped(self, grader: str, span: str | None = None) -> Verdict:
        """The verdict under the name of its grader, with ``span`` as its text if it has none."""
        told = span if self.span is None else self.span
        return Verdict(self.outcome, self.score, told, self.value, self.reason, grader)


@dataclass(frozen=True)
class Rollout:
    """One sampled response: token ids, their log-probabilities at sampling time, and its text.

    ``token_ids`` holds the end token when the model wrote it; ``text`` holds no special tokens.
    ``train`` is 1 on tokens that the policy wrote and that may be trained. ``given`` is how many of
    its first tokens the policy did not write: all of a demonstration, unless it says fewer, which
    the policy went on from.
    """

    token_ids: tuple[int, ...]
    logp: tuple[float, ...]
    text: str
    stop: StopReason
    train: tuple[int, ...] = ()
    source: Literal["policy", "demonstration"] = "policy"
    given: int = 0

    def __post_init__(self) -> None:
        if not self.train:
            object.__setattr__(self, "train", (1,) * len(self.token_ids))
        if self.source == "demonstration" and not self.given:
            object.__setattr__(self, "given", len(self.token_ids))
        if not len(self.token_ids) == len(self.logp) == len(self.train):
            raise ValueError("a rollout has one log-probability and one mask value per token")


@dataclass(frozen=True)
class Graded:
    """A rollout with its verdict, its scores by reward term, and their combination.

    A score of None says that the term does not apply.
    """

    rollout: Rollout
    verdict: Verdict
    scores: Mapping[str, float | None] = field(default_factory=dict)
    reward: float = 0.0


@dataclass(frozen=True)
class Group:
    """The rollouts of one sample."""

    sample: Sample
    members: tuple[Graded, ...]

    @property
    def accuracy(self) -> float:
        """Share of members whose answer is right."""
        return sum(member.verdict.correct for member in self.members) / len(self.members)
