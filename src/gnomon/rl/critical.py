"""Critical tokens: how unsure a model is where it begins to reflect, which ranks its checkpoints.

A model that merely imitates words of reflection writes them with low entropy. A callback measures
this over fixed questions whenever a stage saves; the checkpoint that is best by it is kept. Source:
arXiv 2507.06167 (Skywork-R1V3); what the report leaves open is ours and stated.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from typing import Any

import torch

from gnomon.models.logprobs import score_tokens
from gnomon.models.policy import Policy
from gnomon.models.sampler import SamplingSettings, sample
from gnomon.parts import register
from gnomon.stages.context import Prepared

LEXICON = ("wait", "alternatively", "hmm")
HIGH = 6.8
"""Nats above which the report calls a token's entropy high."""


@dataclass(frozen=True)
class Reflection:
    """What one checkpoint wrote: ``critical`` is the mean entropy over its critical tokens, None
    without one; ``high`` the share of tokens above `HIGH`, ``entropy`` the mean over all of them.
    """

    critical: float | None
    occurrences: int
    high: float
    entropy: float


def is_critical(token: str, lexicon: Collection[str] = LEXICON) -> bool:
    """Whether a token opens a reflection.

    Spaces and punctuation around it are stripped, the rest is lower-cased and must be a word of the
    lexicon as a whole: "waiting" is none (ours).
    """
    return bare(token) in lexicon


def bare(token: str) -> str:
    """The text from the first letter or digit to the last, in small letters."""
    places = [place for place, sign in enumerate(token) if sign.isalnum()]
    return token[places[0] : places[-1] + 1].lower() if places else ""


def begins_word(tokens: Sequence[str], lexicon: Collection[str] = LEXICON) -> list[bool]:
    """Of each token of one response, whether a word of the lexicon begins in it.

    The tokens are joined, so that a word split over several of them is found, at its first one, and
    "Wait" before "ing" is none. A word has no letter or digit beside it; its case does not matter.
    A token in which two words begin counts once. A character whose bytes are split over tokens is
    not read. Source: ours.

    >>> begins_word([" Altern", "atively", ",", " wait", "ing"])
    [True, False, False, False, False]
    """
    found = [False] * len(tokens)
    words = "|".join(re.escape(word) for word in lexicon if word)
    if not words:
        return found
    starts = list(accumulate(map(len, tokens), initial=0))[:-1]
    for word in re.finditer(rf"(?<![^\W_])(?:{words})(?![^\W_])", "".join(tokens), re.IGNORECASE):
        found[bisect_right(starts, word.start()) - 1] = True
    return found


def reflection(
    tokens: Sequence[str],
    entropies: Sequence[float],
    lexicon: Collection[str] = LEXICON,
    *,
    words: bool = False,
    sizes: Sequence[int] | None = None,
) -> Reflection:
    """The statistics of all tokens of a validation set, pooled, and their entropies in nats.

    Formula: CTE = mean of H_t over t with a critical token; H_t = -sum_v p_v ln p_v of the
    distribution that token t was drawn from

    Critical is each token for itself (`is_critical`), or with ``words`` the first token of each
    word (`begins_word`); ``sizes`` are the tokens of each response, whose ends no word crosses
    (None: all are of one). No token at all gives zeros and no critical entropy. Raises ValueError
    when the numbers of tokens and entropies differ. Source: arXiv 2507.06167.
    """
    pairs = list(zip(tokens, entropies, strict=True))
    if words:
        rest = iter(tokens)
        responses = [list(islice(rest, size)) for size in sizes or [len(pairs)]]
        critical = [flag for each in responses for flag in begins_word(each, lexicon)]
    else:
        critical = [is_critical(token, lexicon) for token in tokens]
    chosen = [entropy for flag, (_, entropy) in zip(critical, pairs, strict=True) if flag]
    count = max(len(pairs), 1)
    return Reflection(
        math.fsum(chosen) / len(chosen) if chosen else None,
        len(chosen),
        sum(entropy > HIGH for _, entropy in pairs) / count,
        math.fsum(entropy for _, entropy in pairs) / count,
    )


def rank(found: Mapping[int, float | None]) -> list[int]:
    """Checkpoints by their critical entropy, the highest first; a tie goes to the later one.

    One without a critical token has none and is left out.
    """
    known = {step: value for step, value in found.items() if value is not None}
    return sorted(known, key=lambda step: (known[step], step), reverse=True)


@register("callback")
def critical_entropy(
    policy: Policy,
    questions: Iterable[Prepared],
    sampling: SamplingSettings,
    generator: torch.Generator,
    step: int,
    memory: dict[str, Any],
    *,
    items: int = 16,
    lexicon: tuple[str, ...] = LEXICON,
    words: bool = False,
) -> dict[str, float]:
    """Rank checkpoints by the entropy of the tokens that begin a reflection.

    Formula: CTE = mean of H_t over the tokens that are one of {lexicon}, in {items} responses

    One response to each of the first ``items`` questions of the stage's source, drawn at
    temperature 1, where the entropy is that of the full distribution. The numbers are logged with
    the step; ``memory`` holds the entropy of each checkpoint, and which is best so far, which the
    stage keeps. A checkpoint without a critical token is left out; a tie goes to the later one.
    Each token is looked at alone, which misses a word that the tokeniser splits; with ``words``
    the words of the joined text are found, and the first token of each counts. Source: arXiv
    2507.06167; fixed questions, lexicon, words and pooling are ours.
    """
    asked = list(islice(questions, items))
    free = replace(sampling, temperature=1.0, top_p=1.0, top_k=0)
    texts, entropies, sizes = _written(policy, asked, free, generator)
    found = reflection(texts, entropies, lexicon, words=words, sizes=sizes)
    ranking: dict[str, float | None] = memory.setdefault("critical", {})
    ranking[str(step)] = found.critical
    order = rank({int(name): value for name, value in ranking.items()})
    memory["best"] = order[:1]
    values = {
        "critical/tokens": float(found.occurrences),
        "critical/high_share": found.high,
        "critical/mean_entropy": found.entropy,
        "critical/length": len(texts) / max(len(asked), 1),
    }
    if found.critical is not None:
        values |= {"critical/entropy": found.critical, "critical/rank": 1.0 + order.index(step)}
    return values


@torch.no_grad()
def _written(
    policy: Policy,
    questions: Sequence[Prepared],
    sampling: SamplingSettings,
    generator: torch.Generator,
) -> tuple[list[str], list[float], list[int]]:
    """Text and entropy of every token of one response to each question, and their numbers."""
    made = sample(policy, [prompt for _, prompt in questions], 1, sampling, generator)
    texts: list[str] = []
    entropies: list[float] = []
    sizes: list[int] = []
    for (_, prompt), (rollout,) in zip(questions, made, strict=True):
        row = prompt.extend(rollout.token_ids, rollout.train)
        entropies += score_tokens(policy, policy.batch([row])).entropy.tolist()
        texts += [policy.processor.tokenizer.decode([token]) for token in rollout.token_ids]
        sizes.append(len(rollout.token_ids))
    return texts, entropies, sizes
