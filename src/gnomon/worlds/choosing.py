"""Choices by letter: a right text among wrong ones, and how a question lists them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from gnomon.parts import PartError
from gnomon.records import Answer
from gnomon.worlds.scene import shuffled

LETTERS = "ABCD"
LISTS = ("{}. {}", "({}) {}")
"""How a line of a question gives the letter and the text of an option."""


def optional(rng: np.random.Generator, right: str, wrong: Sequence[str]) -> Answer:
    """A choice by letter of the right text and at most three wrong ones, in a random order."""
    texts = shuffled(rng, [right, *wrong[:3]])
    options = dict(zip(LETTERS, texts, strict=False))
    return Answer("choice", LETTERS[texts.index(right)], options)


def listed(options: Mapping[str, str], form: str = LISTS[0]) -> str:
    """Options as lines of a question, each in a form of `LISTS`."""
    return "".join(f"\n{form.format(letter, text)}" for letter, text in options.items())


def printed(texts: Iterable[str]) -> str:
    """Options without letters as the end of a question."""
    return f" One of: {'; '.join(texts)}."


def among_numbers(
    rng: np.random.Generator, text: str, answer: Answer, thought: str
) -> tuple[str, Answer, str]:
    """A question for a whole number as one for the letter of four numbers, of which three are near.

    They are not negative and at most a quarter of the right one from it, or 4. The thought does
    not name the letter. A question for anything else stays as it is.
    """
    if answer.kind not in ("integer", "count"):
        return text, answer, thought
    number = int(answer.value)
    reach = max(4, number // 4)
    near = [n for n in range(max(0, number - reach), number + reach + 1) if n != number]
    choice = optional(rng, str(number), list(map(str, shuffled(rng, near)[:3])))
    return f"{text}{listed(choice.options)}", choice, thought


def in_words(text: str, answer: Answer, thought: str = "") -> tuple[str, Answer, str]:
    """A question by letter as one whose options are texts, and the right text is its answer.

    So R1-AQA asks (arXiv 2503.11197): the texts are printed, and one of them is to be given. A
    question without options stays as it is. A thought loses the letter at its end. Raises
    `PartError` for options that are listed in none of the forms of `LISTS`.

    >>> pets = {"A": "a cat", "B": "a dog"}
    >>> asked = in_words("Which?\\nA. a cat\\nB. a dog", Answer("choice", "B", pets))
    >>> asked[0], asked[1].value
    ('Which? One of: a cat; a dog.', 'a dog')
    """
    if not answer.options:
        return text, answer, thought
    lists = (listed(answer.options, form) for form in LISTS)
    letters = next((lines for lines in lists if lines in text), None)
    if letters is None:
        raise PartError(
            f"no list of the options {', '.join(answer.options)} in {text!r} that texts can "
            "replace: use options='letters', or give each a line such as 'A. text' or '(A) text'"
        )
    text = text.replace(letters, printed(answer.options.values()))
    right = Answer(answer.kind, answer.options[answer.value])
    return text, right, re.sub(rf"[,:] {re.escape(str(answer.value))}\.$", ".", thought)
