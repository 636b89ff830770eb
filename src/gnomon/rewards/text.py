"""Similarity of texts: BLEU, ROUGE, word error rate, edit distance, and repeated n-grams.

Every score is in [0, 1] but for the repetition penalty. Distances use one machine word of bits per
reference token (Hyyrö, doi 10.1016/S0020-0190(03)00390-7; Myers, doi 10.1145/316542.316550), so
that a response of 300 tokens costs 300 steps, however long its reference is.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Literal

from gnomon.parts import register
from gnomon.records import Sample
from gnomon.rewards.sections import column_of, first_block, section, target

_ROUGE_TOKEN = re.compile(r"[a-z0-9]+")
_WORD = re.compile(r"\w+|[^\w\s]")
_SMOOTHING = 0.1
"""What replaces a count of zero: "method 1" of Chen and Cherry (2014), as in nltk."""


@functools.cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("porter")


@functools.lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    stem: str = _stemmer().stemWord(word) if len(word) > 3 else word
    return stem


def rouge_tokens(text: str) -> list[str]:
    """Lower-cased runs of a-z and 0-9; those longer than three characters are Porter-stemmed.

    >>> rouge_tokens("The cats were running.")
    ['the', 'cat', 'were', 'run']
    """
    return [_stem(word) for word in _ROUGE_TOKEN.findall(text.lower())]


def word_tokens(text: str) -> list[str]:
    """Lower-cased runs of word characters, and every other mark alone.

    >>> word_tokens("A dog, sitting.")
    ['a', 'dog', ',', 'sitting', '.']
    """
    return _WORD.findall(text.lower())


def common_subsequence(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """Length of the longest common subsequence (bit-parallel, one step per item of ``one``).

    >>> common_subsequence("abcde", "badce")
    3
    """
    places: dict[Hashable, int] = {}
    for index, item in enumerate(other):
        places[item] = places.get(item, 0) | 1 << index
    full = (1 << len(other)) - 1
    rows = full
    for item in one:
        found = rows & places.get(item, 0)
        rows = ((rows + found) | (rows - found)) & full
    return len(other) - rows.bit_count()


def edit_distance(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """Levenshtein distance with unit costs (bit-parallel, one step per item of ``one``).

    >>> edit_distance("kitten", "sitting")
    3
    """
    size = len(other)
    if not size:
        return len(one)
    places: dict[Hashable, int] = {}
    for index, item in enumerate(other):
        places[item] = places.get(item, 0) | 1 << index
    full, last = (1 << size) - 1, 1 << (size - 1)
    plus, minus, distance = full, 0, size
    for item in one:
        match = places.get(item, 0)
        diagonal = (((match & plus) + plus) ^ plus) | match | minus
        up = minus | ~(diagonal | plus)
        down = plus & diagonal
        distance += bool(up & last) - bool(down & last)
        up = (up << 1) | 1
        plus = ((down << 1) | ~(diagonal | up)) & full
        minus = up & diagonal & full
    return distance


def f1(shared: float, predicted: int, wanted: int) -> float:
    """Harmonic mean of shared / predicted and shared / wanted; 0 without anything shared."""
    return 2 * shared / (predicted + wanted) if shared else 0.0


def ngrams(tokens: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    """Counts of runs of ``size`` tokens."""
    return Counter(zip(*(tokens[start:] for start in range(size)), strict=False))


def rouge_n(prediction: str, reference: str, size: int) -> float:
    """ROUGE-N F1 of `rouge_tokens`; 0 where no n-gram matches.

    >>> rouge_n("the cat sat", "a cat sat down", 2)
    0.4
    """
    one, other = (ngrams(rouge_tokens(text), size) for text in (prediction, reference))
    return f1((one & other).total(), one.total(), other.total())


def rouge_l(prediction: str, reference: str) -> float:
    """ROUGE-L F1 of `rouge_tokens`: the longest common subsequence over the whole texts.

    >>> round(rouge_l("the cat sat", "a cat sat down"), 4)
    0.5714
    """
    one, other = rouge_tokens(prediction), rouge_tokens(reference)
    return f1(common_subsequence(one, other), len(one), len(other))


def rouge_mean(prediction: str, reference: str) -> float:
    """Mean of ROUGE-1, ROUGE-2 and ROUGE-L F1 (arXiv 2505.14677, 2512.03043).

    >>> round(rouge_mean("the cat sat", "a cat sat down"), 6)
    0.514286
    """
    unigrams, bigrams = (rouge_n(prediction, reference, size) for size in (1, 2))
    return (unigrams + bigrams + rouge_l(prediction, reference)) / 3


def bleu4(prediction: str, reference: str) -> float:
    """BLEU-4 of one sentence on `word_tokens`, uniform weights, smoothing method 1.

    A clipped count of zero is replaced by 0.1, a count of n-grams is at least 1; the brevity
    penalty is exp(1 - r/c) for c < r. 0 without a common unigram and for an empty prediction.

    >>> round(bleu4("blue", "blue"), 6)
    0.177828
    """
    one, other = word_tokens(prediction), word_tokens(reference)
    if not set(one) & set(other):
        return 0.0
    total = 0.0
    for size in range(1, 5):
        counts = ngrams(one, size)
        shared = (counts & ngrams(other, size)).total() or _SMOOTHING
        total += math.log(shared / max(1, counts.total())) / 4
    return math.exp(total + min(0.0, 1 - len(other) / len(one)))


def word_error_rate(prediction: str, reference: str) -> float:
    """Word edits over the number of reference words (at least 1), on whitespace words; >= 0.

    >>> round(word_error_rate("the cat", "the black cat"), 4)
    0.3333
    """
    words = reference.split()
    return edit_distance(prediction.split(), words) / max(1, len(words))


def edit_similarity(prediction: str, reference: str) -> float:
    """1 - edits / length of the longer text, on lower-cased characters; 1 for two empty texts.

    >>> round(edit_similarity("helo world", "hello world"), 6)
    0.909091
    """
    one, other = prediction.lower(), reference.lower()
    return 1 - edit_distance(one, other) / max(1, len(one), len(other))


def caption_overlap(prediction: str, reference: str) -> float:
    """(BLEU-4 + ROUGE-L F1) / 2, the caption score of SATORI-R1 (arXiv 2505.19094).

    >>> round(caption_overlap("blue", "blue"), 6)
    0.588914
    """
    return (bleu4(prediction, reference) + rouge_l(prediction, reference)) / 2


def repeated_ngrams(text: str, size: int, penalty: float) -> float:
    """``penalty`` x (1 - distinct / all n-grams) of lower-cased whitespace words; 0 below ``size``.

    >>> round(repeated_ngrams("a b c a b c a b", 2, -2.0), 6)
    -1.142857
    """
    words = text.lower().split()
    if len(words) < size:
        return 0.0
    count = len(words) - size + 1
    # Runs that differ in a few places are different; that settles most texts without long tuples.
    probes = {place * (size - 1) // 4 for place in range(5)}
    distinct = len(set(zip(*(words[place:][:count] for place in probes), strict=True)))
    if distinct < count:
        distinct = len(set(zip(*(words[start:] for start in range(size)), strict=False)))
    return penalty * (1 - distinct / count)


MEASURES: dict[str, Callable[[str, str], float]] = {
    "rouge-mean": rouge_mean,
    "rouge-1": functools.partial(rouge_n, size=1),
    "rouge-2": functools.partial(rouge_n, size=2),
    "rouge-l": rouge_l,
    "bleu-4": bleu4,
    "caption": caption_overlap,
    "edit": edit_similarity,
    "wer": lambda prediction, reference: max(0.0, 1 - word_error_rate(prediction, reference)),
}
"""Similarities of two texts in [0, 1] by name."""

Measure = Literal["rouge-mean", "rouge-1", "rouge-2", "rouge-l", "bleu-4", "caption", "edit", "wer"]


@register("reward")
def text_similarity(
    response: str,
    reference: Any,
    sample: Sample,
    *,
    measure: Measure = "rouge-mean",
    section_of: str = "answer",
    column: str = "",
) -> float | None:
    """Similarity of a section of the response to a reference text, in [0, 1].

    ``section_of``: the first block of that name, stripped; the whole response when it is empty or
    has none. ``column``: the reference column, or the answer itself when empty; None without a
    reference. ``wer`` is max(0, 1 - word error rate). Can be gamed in part: words of the reference
    in any order raise ROUGE-1, and padding costs precision only. Source: ROUGE (Lin 2004), BLEU
    (Papineni 2002), as used in arXiv 2505.14677 and 2512.03043.

    >>> caption = Sample("a", (), meta={"caption": "a dog"})
    >>> text_similarity("<info>a dog</info>", None, caption, section_of="info", column="caption")
    1.0
    """
    wanted = target(sample, reference, column)
    if wanted is None:
        return None
    return float(MEASURES[measure](section(response, section_of), wanted))


@register("reward")
def caption_similarity(
    response: str, sample: Sample, *, column: str = "image_caption", block: str = "caption"
) -> float | None:
    """(BLEU-4 + ROUGE-L F1) / 2 of the first ``block`` and the reference in ``column``, in [0, 1].

    The body is stripped; without such a block 0, None where the reference is empty. Never
    constant within a group, so it dominates the advantage when all answers are right or all wrong:
    watch ``reward_std``. Not raised by repeated tags or text outside the first block; copying words
    of the question can raise it. Source: SATORI-R1, arXiv 2505.19094; a text of several sentences
    is not split first, which moves final stops only.

    >>> told = Sample("a", (), meta={"image_caption": "blue"})
    >>> round(caption_similarity("<caption> blue </caption>", told), 6)
    0.588914
    """
    wanted = column_of(sample, column)
    if wanted is None:
        return None
    body = first_block(response, block)
    return 0.0 if body is None else caption_overlap(body.strip(), str(wanted))


@register("reward")
def stated_facts(
    response: str, sample: Sample, *, column: str = "scene", between: str = "; "
) -> float | None:
    """Share of the facts of ``column`` that stand word for word in the response, in [0, 1].

    The column is one text, its facts divided by ``between``; None without any. What Perception-R1
    asks a judge (`fact_checklist`), for facts that are said in one way only. Wrong facts cost
    nothing, whatever the answer, so it can be gamed by listing all that might be: add
    ``repeated-phrases``. Source: arXiv 2506.07218; the rule is ours.

    >>> told = Sample("a", (), meta={"scene": "a1 digit 7; b2 red star"})
    >>> stated_facts("<think> a1 digit 7; b2 red stars </think>", told)
    0.5
    """
    facts = [fact for fact in str(column_of(sample, column) or "").split(between) if fact]
    if not facts:
        return None
    said = [re.search(rf"(?<!\w){re.escape(fact)}(?!\w)", response) for fact in facts]
    return sum(found is not None for found in said) / len(facts)


@register("reward")
def repeated_phrases(response: str, *, size: int = 20, penalty: float = -2.0) -> float:
    """``penalty`` x (1 - distinct / all runs of ``size`` words) of the whole response, <= 0.

    Lower-cased whitespace words, tags included; 0 for fewer than ``size`` words. Not raised by any
    text: its best value is 0. Source: Perception-R1, arXiv 2506.07218.

    >>> repeated_phrases("no repeats here")
    0.0
    """
    return repeated_ngrams(response, size, penalty) if size > 0 else 0.0
