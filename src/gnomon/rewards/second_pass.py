"""Rewards of a second pass: what a reader makes of the policy's text pays the policy.

The caption is read by the policy itself (Visionary-R1) or solved by a frozen reasoner (RACRO), and
the reasoning is continued over shuffled options (ACRE).
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from gnomon.auxiliary.reader import Reader, Request, ask
from gnomon.grading.extract import last_boxed
from gnomon.grading.grade import reference_text
from gnomon.grading.mathruler import grade_answer
from gnomon.parts import register
from gnomon.records import Graded, Group, Message, Outcome, Sample
from gnomon.rewards.asking import Table, ask_about, question_of
from gnomon.rewards.choices import lone_letter, meta_options
from gnomon.rewards.sections import column_of, first_block
from gnomon.rewards.typed import typed_score

HACKED = "Hacking Sample"
_SUFFICIENCY = (
    "Below is a description of a picture. If it holds answers, solutions, words of reasoning or "
    f"interpretations, reply exactly: {HACKED}\nElse answer the question from the description "
    "alone in one word or phrase.\n\nDescription: {caption}\n\nQuestion: {question}"
)


def caption_credit(
    reply: str | None, gold: str, kind: str, *, mode: Literal["strict", "released"] = "strict"
) -> float:
    """Score of a caption reader's reply by Visionary-R1's typed scorer; 0 for a hacked caption.

    "strict" drops outer blanks and final marks of the reply before it compares it with "Hacking
    Sample", and of a reply with an answer block it scores that block; "released" compares exactly,
    so that "Hacking Sample." is scored as an answer, and takes the whole reply as it is. A failed
    reply is 0. Source: arXiv 2505.14677.

    >>> round(caption_credit("loblaw", "Loblaws", "OCR"), 6)
    0.857143
    """
    if reply is None:
        return 0.0
    said = reply.strip() if mode == "strict" else reply
    if (said.rstrip(".!") if mode == "strict" else said) == HACKED:
        return 0.0
    if mode == "strict":
        said = (first_block(said, "answer") or said).strip()
    return typed_score(said, gold, kind, system="visionary") or 0.0


@register("reward")
def caption_sufficiency(
    groups: Sequence[Group],
    ask: Reader,
    *,
    column: str | None = "problem_type",
    told: str = _SUFFICIENCY,
    mode: Literal["strict", "released"] = "strict",
) -> Table:
    """How well a reader without the picture answers from the first info block, in [0, 1].

    The reader sees caption and question alone, never the thought, as ``told`` puts them. It is told
    to reply "Hacking Sample" to captions that hold answers or reasoning, which scores 0; a reader
    that does not obey, or is not told, can be gamed by writing the answer into the caption.
    ``column`` says how to compare, None: as numbers or words, in any case. 0 without an info block
    (which may cross lines, unlike in the released code) and for a failed reply; None without a
    reference. Weight 0.1. Source: Visionary-R1, arXiv 2505.14677.
    """

    def plan(sample: Sample, member: Graded) -> Request | float | None:
        if sample.answer is None:
            return None
        caption = first_block(member.rollout.text, "info")
        if caption is None:
            return 0.0
        return _without_picture(told, caption, question_of(sample))

    def read(sample: Sample, member: Graded, reply: str | None) -> float:
        assert sample.answer is not None
        kind = "numerical" if column is None else str(column_of(sample, column))
        return caption_credit(reply, reference_text(sample.answer), kind, mode=mode)

    return ask_about(groups, ask, plan, read)


def _without_picture(template: str, caption: str, question: str, system: str = "") -> Request:
    """Only the two texts go in; braces and places for images in them mean nothing."""
    text = template.replace("{question}", question, 1)
    head, _, tail = text.partition("{caption}")
    return ask((head + caption + tail).replace("<image>", "< image>"), system=system)


_SOLVE_SYSTEM = "You are a helpful assistant."
_SOLVE = (
    "Here is a detailed caption of an image:\n{caption}\n\n### Question:\n{question}\n\nThink step "
    "by step and put the final answer in \\boxed{}."
)


def solved(reply: str | None, gold: str, *, boxed: bool = True) -> float | None:
    r"""1 when the last box of a solver's reply is the gold answer by mathruler, else 0.

    Unless ``boxed`` all of the reply is its answer. 0 without a box or a reply; None when the
    comparison timed out or crashed. Source: RACRO, arXiv 2506.04559.

    >>> solved(r"\boxed{0.5}", r"\frac{1}{2}"), solved("12", "12"), solved(r"\boxed{A. 12}", "A")
    (1.0, 0.0, 0.0)
    """
    said = last_boxed(reply or "") if boxed else (reply or "").strip() or None
    if said is None:
        return 0.0
    outcome = grade_answer(said, gold)[0]
    return (
        None if outcome in (Outcome.TIMEOUT, Outcome.CRASH) else float(outcome is Outcome.CORRECT)
    )


@register("reward")
def caption_success(
    groups: Sequence[Group],
    ask: Reader,
    *,
    hint: str = "",
    most_chars: int = 0,
    told: str = _SOLVE,
    system: str = _SOLVE_SYSTEM,
    boxed: bool = True,
) -> Table:
    """1 when a frozen reasoner that reads the response and the question gets the answer, else 0.

    The whole response is the caption; ``most_chars`` cuts it (0: never), since a caption that fills
    the reasoner's context costs the question its place. ``hint`` is a text that is deleted from the
    question wherever it occurs. The reasoner sees ``system`` and, as ``told`` puts them, caption
    and question; its answer is in the last box or, unless ``boxed``, all that it replies. 0 without
    an answer and for a failed reply, None without a reference. A caption that holds the answer is
    not punished: it can be gamed by solving in the caption, as in the published system. Source:
    RACRO, arXiv 2506.04559.
    """

    def plan(sample: Sample, member: Graded) -> Request | None:
        if sample.answer is None:
            return None
        caption = member.rollout.text[: most_chars or None]
        return _without_picture(told, caption, bare_question(sample, hint), system)

    def read(sample: Sample, member: Graded, reply: str | None) -> float | None:
        assert sample.answer is not None
        return solved(reply, reference_text(sample.answer), boxed=boxed)

    return ask_about(groups, ask, plan, read)


def bare_question(sample: Sample, hint: str) -> str:
    """The question without every occurrence of ``hint``; blanks around it stay.

    >>> bare_question(Sample("a", (Message("user", "Why? HINT"),)), "HINT")
    'Why? '
    """
    text = question_of(sample)
    return text.replace(hint, "") if hint else text


def moved_options(options: Mapping[str, str], gold: str, seed: str) -> dict[str, str] | None:
    """The options in another order, the gold one elsewhere; None for fewer than two.

    Uniform over the permutations that move the gold option, drawn from ``seed``. The new label of
    an option is that of its new place. Source: ACRE, arXiv 2510.10104; the draw is ours.
    """
    labels = list(options)
    if len(labels) < 2 or gold not in options:
        return None
    draw = random.Random(hashlib.sha256(seed.encode()).digest())
    place = draw.choice([label for label in labels if label != gold])
    rest = [label for label in labels if label != gold]
    draw.shuffle(rest)
    order = [gold if label == place else rest.pop() for label in labels]
    return {label: options[old] for label, old in zip(labels, order, strict=True)}


def consistency_credit(
    first: bool, second: bool, worth: tuple[float, float, float] = (1.0, 0.5, 0.2)
) -> float:
    """ACRE's table: both right a1, only the first a2, only the second a3, neither 0.

    Consistent but wrong is 0, so that consistency alone never pays. Source: arXiv 2510.10104; the
    values are ours.

    >>> [consistency_credit(a, b) for a, b in ((1, 1), (1, 0), (0, 1), (0, 0))]
    [1.0, 0.5, 0.2, 0.0]
    """
    both, one, other = worth
    return (both if second else one) if first else (other if second else 0.0)


def reworded(text: str, options: Mapping[str, str], shown: Mapping[str, str]) -> str:
    """The question with ``shown`` in the places of ``options``, or listed below it.

    An option stands as ``A. text``, ``A) text``, ``(A) text`` or ``A: text``. Raises ValueError
    when the question holds some of them only.

    >>> reworded("Which? A. cat B. dog", {"A": "cat", "B": "dog"}, {"A": "dog", "B": "cat"})
    'Which? A. dog B. cat'
    """
    pattern = "|".join(
        rf"(?<!\w)(\(?{re.escape(label)}[.):] ?)({re.escape(option)})(?!\w)"
        for label, option in options.items()
    )
    found: list[str] = []

    def swap(match: re.Match[str]) -> str:
        place = next(i for i, group in enumerate(match.groups()) if group is not None) // 2
        label = list(options)[place]
        found.append(label)
        return f"{match.groups()[2 * place]}{shown[label]}"

    text = re.sub(pattern, swap, text)
    if not found:
        return "\n".join([text, *(f"{label}. {option}" for label, option in shown.items())])
    if sorted(set(found)) != sorted(options):
        raise ValueError(f"the question shows only the options {', '.join(sorted(set(found)))}")
    return text


@register("reward")
def answer_consistency(
    groups: Sequence[Group],
    ask: Reader,
    *,
    instruction: str = "",
    worth: tuple[float, float, float] = (1.0, 0.5, 0.2),
) -> Table:
    """ACRE: the same reasoning has to lead to the same option when the options are shuffled.

    The reader, the policy itself with 8 greedy tokens that stop at "</answer>", goes on from
    ``<think>t</think><answer>`` below the shuffled options; letters are read by `lone_letter`, the
    first of the response in its first answer block. Scores by `consistency_credit`. Without a think
    block, or a reply, the second answer is wrong. Questions that are no choice get 1 or 0 as
    graded; None without a reference. Always writing one letter earns a2 at best; reasoning that
    names letters is punished too. ``instruction`` is the system text of the first pass. Source:
    arXiv 2510.10104.
    """

    def plan(sample: Sample, member: Graded) -> Request | float | None:
        if sample.answer is None:
            return None
        shown = shown_options(sample, member)
        if shown is None:
            return float(member.verdict.correct) if member.verdict.graded else None
        thought = first_block(member.rollout.text, "think")
        if thought is None:
            return consistency_credit(_first_is_right(sample, member), False, worth)
        return second_question(sample, shown, thought, instruction)

    def read(sample: Sample, member: Graded, reply: str | None) -> float:
        shown, letter = shown_options(sample, member) or {}, lone_letter(reply or "")
        assert sample.answer is not None
        gold = meta_options(sample)[sample.answer.value]
        second = letter is not None and shown.get(letter) == gold
        return consistency_credit(_first_is_right(sample, member), second, worth)

    return ask_about(groups, ask, plan, read)


def shown_options(sample: Sample, member: Graded) -> dict[str, str] | None:
    """The shuffled options of one rollout, the same whenever they are asked for."""
    if sample.answer is None or sample.answer.kind != "choice":
        return None
    options, gold = meta_options(sample), str(sample.answer.value)
    return moved_options(options, gold, f"{sample.id}\n{member.rollout.token_ids}")


def second_question(
    sample: Sample, shown: Mapping[str, str], thought: str, instruction: str
) -> Request:
    """The sample's own turns and media with other options, and the thought as a prefix."""
    *turns, last = sample.messages
    asked = reworded(last.text, meta_options(sample), shown)
    system = (Message("system", instruction),) if instruction else ()
    messages = (*system, *turns, Message(last.role, asked))
    return Request(messages, sample.media, f"<think>{thought}</think><answer>")


def _first_is_right(sample: Sample, member: Graded) -> bool:
    assert sample.answer is not None
    body = first_block(member.rollout.text, "answer")
    return body is not None and lone_letter(body) == sample.answer.value


def shuffle_agreement(pairs: Sequence[tuple[str | None, str | None]]) -> float:
    """OSCR: share of (first, second) option contents that agree; None in a pair never agrees.

    >>> shuffle_agreement([("cat", "cat"), ("cat", "dog"), (None, None)])
    0.3333333333333333
    """
    agreed = sum(one is not None and one == other for one, other in pairs)
    return agreed / len(pairs) if pairs else 0.0
