"""Strings of brackets: complete them, find the first error, find wrong lines of a stack trace."""

from __future__ import annotations

import re

import numpy as np

from gnomon.worlds.logic.family import Facts, Language, Puzzle, require
from gnomon.worlds.scene import between, pick, shuffled
from gnomon.worlds.world import Posed

PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_OPEN = {close: open_ for open_, close in PAIRS.items()}
_MATCHED = re.compile(r"\(\)|\[\]|\{\}|<>")


def balanced(rng: np.random.Generator, n_types: int, length: int, left_open: int = 0) -> str:
    """A random string of ``length`` brackets that leaves ``left_open`` of them open.

    Every bracket that may open or close does either as often. Raises ValueError for a length that
    cannot be.
    """
    require(1 <= n_types <= 4, f"n_types={n_types}: use 1 to 4 kinds of brackets")
    fits = length >= max(1, left_open) and (length - left_open) % 2 == 0
    require(fits, f"length={length}: use {left_open} brackets or an even number more")
    kinds = shuffled(rng, list(PAIRS))[:n_types]
    stack: list[str] = []
    text = ""
    for place in range(length):
        room = length - place
        may_open, may_close = len(stack) - left_open < room, bool(stack)
        # A closer must leave enough places to come back to the wanted depth.
        may_close = may_close and left_open - (len(stack) - 1) < room
        if may_open and not (may_close and rng.random() < 0.5):
            stack.append(pick(rng, kinds))
            text += stack[-1]
        else:
            text += PAIRS[stack.pop()]
    return text


def draw_dyck_language(
    rng: np.random.Generator, *, n_types: int, total_length: int, to_fill: int
) -> Puzzle:
    """A balanced string without its last ``to_fill`` brackets, all of them closers.

    An odd ``total_length`` is raised by one, as a balanced string is even.
    """
    require(to_fill >= 1, f"to_fill={to_fill}: leave out 1 bracket or more")
    total = total_length + total_length % 2
    require(total >= 2 * to_fill, f"total_length={total_length}: use {2 * to_fill} or more")
    prefix = balanced(rng, n_types, total - to_fill, to_fill)
    stack = stack_after(prefix)
    full = prefix + "".join(PAIRS[open_] for open_ in reversed(stack))
    thought = f"Still open: {' '.join(stack)}. Closed from the last: {' '.join(full[-to_fill:])}."
    more = {"prefix": prefix, "missing": to_fill}
    return Puzzle({"full_sequence": full}, full, full, prefix, total + to_fill, thought, more)


def stack_after(text: str) -> list[str]:
    """Brackets left open by a correct string."""
    stack: list[str] = []
    for bracket in text:
        if bracket in PAIRS:
            stack.append(bracket)
        else:
            stack.pop()
    return stack


def confirm_dyck_language(posed: Posed) -> bool:
    """The whole string begins as shown and shrinks to nothing when pairs are struck out."""
    full, prefix = posed.answer_text, posed.facts["prefix"]
    return full.startswith(prefix) and struck(full) == "" and set(full[len(prefix) :]) <= set(_OPEN)


def struck(text: str) -> str:
    """What is left when neighbouring pairs are struck out as long as there are any."""
    shorter = _MATCHED.sub("", text)
    return text if shorter == text else struck(shorter)


def tell_dyck_language(facts: Facts, language: Language) -> dict[str, str]:
    """The beginning of the string."""
    return {"puzzle": facts["prefix"], "missing": str(facts["missing"])}


def draw_dyck_language_errors(
    rng: np.random.Generator, *, n_types: int, total_length: int, valid: float = 0.2
) -> Puzzle:
    """A string that is balanced (share ``valid``), or has a wrong, a missing or an extra closer.

    The answer is the first bracket that cannot be, from 1; the length plus 1 if some only stay
    open; -1 if all is right.
    """
    require(n_types >= 2, f"n_types={n_types}: a wrong closer needs 2 kinds of brackets")
    text = balanced(rng, n_types, total_length + total_length % 2)
    if rng.random() >= valid:
        text = pick(rng, (_mismatched, _unclosed, _extra))(rng, text)
    position, thought = _first_error(text)
    facts = {"is_valid": position == -1, "first_error_pos": position}
    work = len(text) if position == -1 else min(position, len(text))
    more = {"sequence": text}
    return Puzzle(facts, str(position), str(position), text, work, thought, more)


def _closers(text: str) -> list[int]:
    return [place for place, bracket in enumerate(text) if bracket in _OPEN]


def _mismatched(rng: np.random.Generator, text: str) -> str:
    place = pick(rng, _closers(text))
    other = pick(rng, sorted(set(_OPEN) - {text[place]}))
    return text[:place] + other + text[place + 1 :]


def _unclosed(rng: np.random.Generator, text: str) -> str:
    place = pick(rng, _closers(text))
    return text[:place] + text[place + 1 :]


def _extra(rng: np.random.Generator, text: str) -> str:
    place = between(rng, 0, len(text))
    return text[:place] + pick(rng, list(_OPEN)) + text[place:]


def _first_error(text: str) -> tuple[int, str]:
    stack: list[str] = []
    told = []
    for place, bracket in enumerate(text, 1):
        if bracket in PAIRS:
            stack.append(bracket)
        elif not stack or stack.pop() != _OPEN[bracket]:
            told.append(f"{place} {bracket} does not fit.")
            return place, " ".join(told)
        told.append(f"{place} {bracket}: {''.join(stack) or 'empty'}.")
    if stack:
        return len(text) + 1, " ".join([*told, "Some stay open."])
    return -1, " ".join([*told, "All are closed."])


def confirm_dyck_language_errors(posed: Posed) -> bool:
    """The shortest beginning that, its pairs struck out, still holds a closer."""
    text = posed.facts["sequence"]
    for end in range(1, len(text) + 1):
        if set(struck(text[:end])) & set(_OPEN):
            return posed.answer_text == str(end)
    return posed.answer_text == (str(len(text) + 1) if struck(text) else "-1")


def tell_sequence(facts: Facts, language: Language) -> dict[str, str]:
    """The string."""
    return {"puzzle": facts["sequence"]}


def draw_dyck_language_reasoning_errors(
    rng: np.random.Generator, *, n_types: int, total_length: int, n_errors: int
) -> Puzzle:
    """A stack told after each bracket of a string; ``n_errors`` of the lines tell a wrong one.

    The lines after a wrong one tell the true stack again.
    """
    require(n_types >= 2, f"n_types={n_types}: a wrong push needs 2 kinds of brackets")
    text = balanced(rng, n_types, total_length + total_length % 2)
    require(1 <= n_errors <= len(text), f"n_errors={n_errors}: use 1 to {len(text)}, one a line")
    stacks = [""]
    for bracket in text:
        stacks.append(stacks[-1] + bracket if bracket in PAIRS else stacks[-1][:-1])
    told = stacks[1:]
    for line in sorted(shuffled(rng, range(len(text)))[:n_errors]):
        told[line] = _wrong_stack(rng, stacks[line], stacks[line + 1], text[line])
    wrong = [line for line, stack in enumerate(told, 1) if stack != stacks[line]]
    answer = ", ".join(map(str, wrong))
    facts = {"error_indices": wrong}
    marks = ("", " wrong")
    lines = [f"{k} {stacks[k] or 'empty'}{marks[k in wrong]}" for k in range(1, len(stacks))]
    thought = f"{'; '.join(lines)}."
    more = {"sequence": text, "trace": told}
    key = f"{text} {told}"
    return Puzzle(facts, answer, answer, key, len(text) + n_errors, thought, more)


def _wrong_stack(rng: np.random.Generator, before: str, after: str, bracket: str) -> str:
    """No change, a wrong push, a stack short of its last or with one bracket changed."""
    grown = after[:-1] if bracket in PAIRS else after
    wrong = {before, after[:-1], *(grown + other for other in PAIRS)}
    if len(after) > 1:
        place = between(rng, 0, len(after) - 1)
        wrong.update(after[:place] + other + after[place + 1 :] for other in PAIRS)
    return pick(rng, sorted(wrong - {after}))


def confirm_dyck_language_reasoning_errors(posed: Posed) -> bool:
    """Each line against the brackets that are left when pairs are struck out up to it."""
    text, trace = posed.facts["sequence"], posed.facts["trace"]
    wrong = [k for k, stack in enumerate(trace, 1) if struck(text[:k]) != stack]
    return posed.answer_text == ", ".join(map(str, wrong))


def tell_trace(facts: Facts, language: Language) -> dict[str, str]:
    """The string and the stack after each of its brackets."""
    empty, line = {"en": ("empty", "Line {}"), "zh": ("空", "第 {} 行")}[language]
    told = [
        f"{line.format(k)}: {bracket} -> {' '.join(stack) or empty}"
        for k, (bracket, stack) in enumerate(zip(facts["sequence"], facts["trace"], strict=True), 1)
    ]
    return {"puzzle": "\n".join([facts["sequence"], *told])}
