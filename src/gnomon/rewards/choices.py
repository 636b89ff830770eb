"""Rewards on a chosen option or a short answer, by the reading rules of the systems that use them.

Sources: R1-AQA, arXiv 2503.11197; SEED-Bench-R1, arXiv 2503.24376; WeThink, arXiv 2506.07905;
ACRE, arXiv 2510.10104; General-Reasoner, arXiv 2505.14652.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from gnomon.grading.grade import strict
from gnomon.parts import register
from gnomon.records import Answer, Sample
from gnomon.rewards.sections import column_of, finite, first_block, last_block, optional, target

_LEADING_LETTER = re.compile(r"\(?([a-z])\)?(?=[.):\s]|$)", re.IGNORECASE)
_LONE_LETTER = re.compile(r"(?<![A-Za-z])[A-Z](?![A-Za-z])")
_WORDS = re.compile(r"\w+")
_END_TOKENS = ("</s>", "<|im_end|>", "<|endoftext|>")
_PHRASES = re.compile(
    "final answer(?: is)?:|the (?:answer|solution) is:|(?:answer|solution):", re.IGNORECASE
)
_SPACES = re.compile(r"\s*")
# Three pairs deep, its own included.
_BOX = re.compile(r"\\boxed\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*+\})*+\})*+)\}")


def leading_letter(text: str) -> str | None:
    """Capital of the letter that the text begins with, as in ``B``, ``(b) red`` or ``B: red``.

    An optional "(", one letter, an optional ")", then ".", ")", ":", whitespace or the end. "A red
    one" is read as A. Source: WeThink, arXiv 2506.07905; the rule is ours.

    >>> leading_letter("(b) the red one"), leading_letter("the red one")
    ('B', None)
    """
    match = _LEADING_LETTER.match(text)
    return None if match is None else match.group(1).upper()


def lone_letter(text: str) -> str | None:
    """The first capital A-Z that no other letter touches, or None. Source: ACRE; the rule is ours.

    >>> lone_letter("option B."), lone_letter("Because")
    ('B', None)
    """
    match = _LONE_LETTER.search(text)
    return None if match is None else match.group()


def chosen_letter(text: str, options: Mapping[str, str]) -> str | None:
    """The label whose option text is the whole text, else `leading_letter`.

    Texts are compared without regard to case and runs of blanks, so that "A red one" is the option
    of that text and not A.

    >>> chosen_letter("A red one", {"A": "blue", "B": "a red one"})
    'B'
    """
    body = text.casefold().split()
    for label, option in options.items():
        if option.casefold().split() == body:
            return label.upper()
    return leading_letter(text)


def contains_option(prediction: str, options: Sequence[str], gold: str) -> bool:
    """The rule of MMAU: every word of the gold option, and no word that only other options have.

    Lower-cased sets of word tokens; words shared with the gold are free; an empty prediction is
    wrong. Source: arXiv 2410.19168, as used in arXiv 2503.11197.

    >>> options = ["small dog", "large dog", "cat"]
    >>> [contains_option(said, options, "small dog") for said in ("a small dog barks", "dog")]
    [True, False]
    """
    said, wanted = (set(_WORDS.findall(text.lower())) for text in (prediction, gold))
    foreign = {word for option in options for word in _WORDS.findall(option.lower())} - wanted
    return bool(said) and wanted <= said and not foreign & said


@register("reward")
def option_text(
    response: str, reference: Any, sample: Sample, *, any_case: bool = False, column: str = ""
) -> float | None:
    """1 when the first answer block of one line is the option's text exactly, else 0.

    Stripped and case-sensitive unless ``any_case``; without such a block the whole text must be it;
    extra words and a line break in the block give 0. The option is the column, or the text of the
    answer's label, or the answer. The released check of the raw texts as mathematics first, through
    which answers that share a number match, is left out. Only the first block decides. Source:
    R1-AQA, arXiv 2503.11197.

    >>> option_text("<answer>dog barking</answer>", "dog barking", Sample("a", ()))
    1.0
    """
    gold = target(sample, reference, column)
    if gold is None:
        return None
    if not column and sample.answer is not None:
        gold = sample.answer.options.get(gold, gold)
    body = first_block(response, "answer", one_line=True)
    said, wanted = (response if body is None else body).strip(), gold.strip()
    return float(said.casefold() == wanted.casefold() if any_case else said == wanted)


@register("reward")
def option_words(response: str, reference: Any, sample: Sample) -> float | None:
    """1 when the first answer block names the gold option and no other by MMAU's rule, else 0.

    The whole text without a block. Options are the texts of the answer's options. None without
    options. Naming several options does not help; sentences around the right one are free.
    Source: arXiv 2503.11197, evaluation.
    """
    options = {} if sample.answer is None else sample.answer.options
    if not options or reference is None:
        return None
    body = first_block(response, "answer")
    said = response if body is None else body
    return float(contains_option(said, list(options.values()), options[str(reference)]))


@register("reward")
def first_letter(
    response: str, reference: Any, *, mode: Literal["strict", "released"] = "strict"
) -> float | None:
    """1 when the first answer block begins with the gold letter, else 0; 0 without a block.

    "strict" reads `leading_letter`. "released" compares the first characters, case-sensitive: "(B)"
    fails, and "Because" is a B, which pays for prose. None without a reference. Only the first
    block counts. Source: SEED-Bench-R1, arXiv 2503.24376.

    >>> first_letter("<answer>Because</answer>", "B")
    0.0
    >>> first_letter("<answer>Because</answer>", "B", mode="released")
    1.0
    """
    if reference is None:
        return None
    body, gold = (first_block(response, "answer") or "").strip(), str(reference).strip()
    if mode == "released":
        return float(body[:1] == gold[:1] != "")
    return float(leading_letter(body) == gold[:1].upper() != "")


def fills_blank(said: str, gold: str) -> bool:
    """Equal lower-cased texts without final periods, or numbers within 1e-6 without commas.

    >>> fills_blank("1,200", "1200.0"), fills_blank(" Two  dogs. ", "two dogs")
    (True, True)
    """
    one, other = (" ".join(text.lower().split()).rstrip(".") for text in (said, gold))
    numbers = [finite(text.replace(",", "")) for text in (one, other)]
    if numbers[0] is not None and numbers[1] is not None:
        return abs(numbers[0] - numbers[1]) < 1e-6
    return one == other


Category = Literal["multiple choice", "fill-in-the-blank", "descriptive"]


def rule_answer(
    response: str, gold: str, category: str, options: Mapping[str, str]
) -> float | None:
    """WeThink's rule check of the last answer block; None where a judge has to decide.

    0 without a body. Multiple choice by `chosen_letter`, fill-in by `fills_blank`. Raises
    ValueError for another category. Source: arXiv 2506.07905.

    >>> rule_answer("<answer>(b) red</answer>", "B", "multiple choice", {})
    1.0
    """
    body = (last_block(response, "answer") or "").strip()
    if category not in ("multiple choice", "fill-in-the-blank", "descriptive"):
        raise ValueError(f"category {category!r} has no rule; correct the record")
    if not body:
        return 0.0
    if category == "multiple choice":
        return float(chosen_letter(body, options) == leading_letter(gold.strip()) is not None)
    return float(fills_blank(body, gold)) if category == "fill-in-the-blank" else None


def final_answer(text: str) -> str | None:
    r"""The answer of General-Reasoner: the last box at most three deep, else a lead-in's line.

    A box that is missing or empty gives way to the phrase that starts latest among "Final Answer:",
    "Final Answer is:", "The answer is:", "Answer:", "Solution:", "The solution is:", in any case,
    also within a sentence: the text up to the line break, which must follow, stripped, without end
    tokens. "" for a phrase with nothing behind; None without either. Source: arXiv 2505.14652.

    >>> final_answer("Answer: 42\n"), final_answer("Answer: 42"), final_answer(r"\boxed{a{b}}")
    ('42', None, 'a{b}')
    """
    boxes = [match.group(1) for match in _BOX.finditer(text)]
    if boxes and boxes[-1]:
        return boxes[-1]
    for phrase in reversed(list(_PHRASES.finditer(text))):
        found = _line_behind(text, phrase.end())
        if found is not None:
            for token in _END_TOKENS:
                found = found.removesuffix(token)
            return found
    return None


def _line_behind(text: str, place: int) -> str | None:
    """The stripped text up to the next line break behind the whitespace; None without a break."""
    gap = _SPACES.match(text, place)
    start = gap.end() if gap else place
    end = text.find("\n", start)
    if end >= 0:
        return text[start:end].strip()
    return "" if "\n" in text[place:start] else None


def verified_score(accepted: bool, found: str | None, lengths: tuple[int, int]) -> float:
    """-0.5 where no answer was found, plus 1 - 0.05 min(10, |difference of lengths|) if accepted.

    ``lengths`` are tokens of the student's and of the reference answer. Source: General-Reasoner,
    arXiv 2505.14652.

    >>> verified_score(True, "4", (7, 5)), verified_score(False, None, (2, 2))
    (0.9, -0.5)
    """
    credit = 1 - 0.05 * min(10, abs(lengths[0] - lengths[1])) if accepted else 0.0
    return credit - (0.5 if found is None else 0.0)


@register("reward")
def remapped_choice(
    response: str, sample: Sample, *, column: str = "shown_options"
) -> float | None:
    """1 when the option whose text the chosen letter shows is the gold option, else 0.

    ``column`` maps shown letters to option texts, for records whose options were shuffled; the gold
    text is that of the sample's answer. The whole first answer block must be the option (`strict`
    grading), so that listing letters earns nothing. None without options. Source: ours.
    """
    shown, answer = column_of(sample, column), sample.answer
    if not shown or answer is None or not answer.options:
        return None
    gold = next((k for k, text in shown.items() if text == answer.options[answer.value]), None)
    if gold is None:
        return None
    body = first_block(response, "answer")
    return strict(body, Answer("choice", gold, shown)).score


def meta_options(sample: Sample) -> Mapping[str, str]:
    """Options of a sample by label: those of its answer, or the column ``options``.

    A list such as ["A. cat", "B. dog"] loses its prefixes; labels count from A.

    >>> meta_options(Sample("a", (), meta={"options": ["A. cat", "B. dog"]}))
    {'A': 'cat', 'B': 'dog'}
    """
    if sample.answer is not None and sample.answer.options:
        return sample.answer.options
    listed = optional(sample.meta, "options", {})
    if isinstance(listed, Mapping):
        return listed
    labels = [chr(ord("A") + place) for place in range(len(listed))]
    return {
        label: re.sub(rf"^{label}[.)]\s*", "", str(text))
        for label, text in zip(labels, listed, strict=True)
    }
