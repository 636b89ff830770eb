"""Samples by index, and how a question becomes the turns of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol

from gnomon.formats.grammar import Format
from gnomon.parts import PartError, part
from gnomon.records import Message, Sample

Answers = Literal["none", "direct", "worked", "demonstrated"]


@dataclass(frozen=True)
class SampleSource:
    """Samples by index; ``draw`` makes the sample of an index from nothing but that index.

    Raises `PartError` for a negative size.
    """

    size: int
    draw: Callable[[int], Sample]

    def __post_init__(self) -> None:
        """Refuse a negative size before anybody asks for the length."""
        if self.size < 0:
            raise PartError(f"size={self.size}: use 1 or more, or leave it out")

    def __len__(self) -> int:
        """Number of samples."""
        return self.size

    def __getitem__(self, index: int) -> Sample:
        """The sample at an index from 0; raises IndexError outside."""
        if not 0 <= index < self.size:
            raise IndexError(f"sample {index} of a source of {self.size}")
        return self.draw(index)


class Answered(Protocol):
    """What turns are made of: the plain answer, and the thought that leads to it."""

    @property
    def answer_text(self) -> str:
        """The answer as plain text."""

    @property
    def thought(self) -> str:
        """A worked chain of thought."""

    @property
    def sections(self) -> Mapping[str, str]:
        """What further blocks of a format hold, such as boxes of evidence, by name."""


Turns = Callable[[str, Answered], tuple[Message, ...]]


def turns_of(answers: Answers, format: str) -> Turns:
    """How a prompt and its answer are told.

    ``none`` and ``demonstrated`` ask only; ``direct`` adds the answer as the assistant's turn,
    ``worked`` the thought and the answer as the named ``format`` renders them, with its instruction
    in front.
    """
    if answers == "direct":
        return _answered
    if answers == "worked":
        return partial(_reasoned, part("format", format)())
    return _unanswered


def source_of(
    size: int, draw: Callable[[int], Sample], answers: Answers, format: str
) -> SampleSource:
    """The source of ``draw``; ``demonstrated`` puts the worked response beside the question, as
    ``demonstration`` in ``meta``.
    """
    if answers == "demonstrated":
        return SampleSource(size, partial(_demonstrated, draw, part("format", format)()))
    return SampleSource(size, draw)


def _unanswered(prompt: str, question: Answered) -> tuple[Message, ...]:
    return (Message("user", prompt),)


def _answered(prompt: str, question: Answered) -> tuple[Message, ...]:
    return (Message("user", prompt), Message("assistant", question.answer_text))


def _reasoned(style: Format, prompt: str, question: Answered) -> tuple[Message, ...]:
    told = {"thought": question.thought, "answer_text": question.answer_text}
    response = style.worked({**told, "sections": question.sections})
    turns = (Message("user", prompt), Message("assistant", response))
    return (Message("system", style.instruction), *turns) if style.instruction else turns


def _demonstrated(draw: Callable[[int], Sample], style: Format, index: int) -> Sample:
    sample = draw(index)
    demonstration = style.worked(sample.meta)
    return replace(sample, meta={**sample.meta, "demonstration": demonstration})
