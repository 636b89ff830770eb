"""Choices by letter: a right text among wrong ones, and how a question lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gnomon.records import Answer
from gnomon.worlds.scene import shuffled

LETTERS = "ABCD"


def optional(rng: np.random.Generator, right: str, wrong: Sequence[str]) -> Answer:
    """A choice by letter of the right text and at most three wrong ones, in a random order."""
    texts = shuffled(rng, [right, *wrong[:3]])
    options = dict(zip(LETTERS, texts, strict=False))
    return Answer("choice", LETTERS[texts.index(right)], options)


def listed(options: Mapping[str, str]) -> str:
    """Options as lines of a question."""
    return "".join(f"\n{letter}. {text}" for letter, text in options.items())
