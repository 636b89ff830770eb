"""Problems without a picture: arithmetic chains and ordering puzzles."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from gnomon.records import Answer
from gnomon.worlds.asking import Question
from gnomon.worlds.digits import Split
from gnomon.worlds.scene import REDRAWS, between, pick, shuffled, split_of

NAMES = ("Ann", "Bob", "Cid", "Dan", "Eve", "Fay", "Gus", "Hal", "Ivy", "Jon", "Kim", "Leo")
Keyed = tuple[str, Question]


def arithmetic(rng: np.random.Generator, difficulty: int) -> Keyed:
    """A chain of ``difficulty + 1`` numbers from 0 to 9 with plus and minus; no step falls below
    zero.

    Returns the expression, which decides the split, and the question.
    """
    total = between(rng, 0, 9)
    expression, steps = str(total), []
    for _ in range(difficulty):
        value = between(rng, 0, 9)
        minus = value <= total and rng.random() < 0.5
        result = total - value if minus else total + value
        sign = "-" if minus else "+"
        expression += f"{sign}{value}"
        steps.append(f"{total}{sign}{value}={result}.")
        total = result
    text = pick(rng, [f"What is {expression}?", f"Compute {expression}.", f"{expression}=?"])
    answer = Answer("integer", total)
    return expression, Question("arithmetic", text, answer, str(total), " ".join(steps), difficulty)


def logic(rng: np.random.Generator, difficulty: int) -> Keyed:
    """People in a row, ``difficulty + 1`` of them: neighbours are given, who is leftmost or
    rightmost?

    Statements are shuffled from difficulty 2 and told from either side from difficulty 3. Returns
    the order, which decides the split, and the question.
    """
    order = shuffled(rng, NAMES)[: difficulty + 1]
    pairs = list(pairwise(order))
    pairs = shuffled(rng, pairs) if difficulty >= 2 else pairs
    told = [_tell(rng, left, right, either=difficulty >= 3) for left, right in pairs]
    word = pick(rng, ("leftmost", "rightmost"))
    name = order[0] if word == "leftmost" else order[-1]
    text = f"{' '.join(told)} {pick(rng, ['Who is', 'Name the'])} {word}"
    text += "?" if " Who is " in text else " one."
    known = " ".join(f"{left} < {right}." for left, right in pairs)
    thought = f"{known} order: {', '.join(order)}. {word} {name}."
    return ", ".join(order), Question(
        "logic", text, Answer("text", name), name, thought, difficulty
    )


def _tell(rng: np.random.Generator, left: str, right: str, *, either: bool) -> str:
    if either and rng.random() < 0.5:
        return f"{right} is right of {left}."
    return f"{left} is left of {right}."


PROBLEMS: dict[str, Callable[[np.random.Generator, int], Keyed]] = {
    "arithmetic": arithmetic,
    "logic": logic,
}


def draw_problem(name: str, rng: np.random.Generator, difficulty: int, split: Split) -> Question:
    """A problem of the split. The expression or the order decides it, so no rewording crosses
    splits.

    Raises KeyError for an unknown name, ValueError when none of the split turns up.
    """
    for _ in range(REDRAWS):
        key, question = PROBLEMS[name](rng, difficulty)
        if split_of(key) == split:
            return question
    raise ValueError(f"no {split} problem of {name!r} in {REDRAWS} draws")
