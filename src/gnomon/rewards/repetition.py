"""The repetition reward of ReVisual-R1, counted in linear time.

Source: arXiv 2506.04207, released reward code. Its patterns with back-references take quadratic to
cubic time; the counts below are the same, up to the number at which the penalty is full.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import islice

from gnomon.formats.grammar import without_tag_spaces
from gnomon.parts import register
from gnomon.rewards.lexicons import sentences_of

# Two circles, or one "maybe" circle, make the full penalty of 0.2.
_FULL = 2
# Six copies of phrases make the full penalty of 0.3; so many are taken at a time.
_ENOUGH, _AT_ONCE = 6, 256
_BUT = re.compile(r"\sbut\s+(?:wait|actually|maybe|perhaps)")
_BUT_WAIT = re.compile(r"\sbut\s+(?:wait|actually)")
_SO_MAYBE = re.compile(r"\sso\s+maybe(?=\s)")
_STOP_BUT_WAIT = re.compile(r"\.\s+but\s+(?:wait|actually)")
_MAYBE = re.compile(r"maybe[^\S\n]+")
_BUT_PAIRS = (
    (re.compile("but the image (?:displays|illustrates|shows|depicts)"), "but the image "),
    (re.compile("wait, but"), "wait, but"),
)
_MAYBE_PAIRS = (
    (re.compile("so maybe"), "so maybe"),
    (re.compile("wait, maybe"), "wait, maybe"),
)
"""Phrases that come in pairs, and what each of them holds."""
Anchor = Callable[[str, int], tuple[int, int] | None]


@register("reward")
def repetition(response: str) -> float:
    """1 minus penalties for repeated sentences, repeated phrases and circling, in [0, 1].

    After deleting whitespace around ``<``, ``>`` and ``/``:
    max(0, 1 - min(.5, .1 D) - min(.3, .05 F) - min(.2, .1 C + .2 M)) with D the extra copies of
    sentences (split at whitespace after ``.!?``, case-sensitive), F those of runs of five words, C
    and M the circles, in any case and within one line: C counts "but wait|actually|maybe|perhaps"
    after whitespace unless an echo swallows it, "so maybe ... but wait|actually", and pairs of four
    openers; M "maybe X. But wait|actually ... maybe X".

    >>> repetition("It is 4. But wait, no.")
    0.9
    """
    text = without_tag_spaces(response)
    copies = _sentence_copies(sentences_of(text))
    penalty = min(0.5, 0.1 * len(copies))
    penalty += min(0.3, 0.05 * _phrase_copies(text, copies)) + _circling(_lowered(text))
    return round(max(0.0, 1.0 - penalty), 12)


def _sentence_copies(sentences: Sequence[str]) -> list[str]:
    """Every sentence that stood before, as often as it is said again."""
    seen: set[str] = set()
    copies = []
    for sentence in sentences:
        if sentence in seen:
            copies.append(sentence)
        seen.add(sentence)
    return copies


def _phrase_copies(text: str, sentence_copies: Sequence[str]) -> int:
    """Extra copies of runs of five words; from `_ENOUGH` on any number that is not less."""
    # A sentence that is said again repeats every run in it.
    copies = sum(max(0, len(sentence.split()) - 4) for sentence in sentence_copies[:_ENOUGH])
    if copies >= _ENOUGH:
        return copies
    words = text.split()
    phrases: set[tuple[str, ...]] = set()
    runs = zip(*(words[place:] for place in range(5)), strict=False)
    count, copies = len(words) - 4, 0
    for start in range(0, count, _AT_ONCE):
        phrases.update(islice(runs, _AT_ONCE))
        copies = min(start + _AT_ONCE, count) - len(phrases)
        if copies >= _ENOUGH:
            break
    return copies


def _lowered(text: str) -> str:
    """The text in lower case, letter by letter, so that every place stays where it is."""
    if "\u0130" not in text and "\u03a3" not in text:
        return text.lower()  # no other letter grows, and none but sigma depends on its place
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def _circling(text: str) -> float:
    """The penalty for circles in a lower-case text, at most 0.2."""
    count = 0
    if "but" in text:
        count = _echoes(text, _but) + _pairs(text, _BUT_PAIRS)
    if "maybe" in text and count < _FULL:
        if _maybe_circle(text):
            return 0.2
        count += _echoes(text, _so_maybe_but) + _pairs(text, _MAYBE_PAIRS)
    return min(0.2, 0.1 * count)


def _pairs(text: str, openers: Sequence[tuple[re.Pattern[str], str]]) -> int:
    """Pairs of each opener within one line."""
    return sum(
        len(opener.findall(line)) // 2
        for opener, literal in openers
        if text.count(literal) > 1
        for line in text.split("\n")
    )


def _echoes(text: str, anchor: Anchor) -> int:
    """Matches of ``(.*?)<anchor>.*?\\1``, at most `_FULL`; the search goes on after each echo."""
    count = cursor = 0
    while (place := anchor(text, cursor)) is not None:
        count += 1
        if count == _FULL:
            break
        start, end = place
        while start > cursor and text[start - 1].isspace():
            start -= 1
        line = max(cursor, text.rfind("\n", 0, start) + 1)
        cursor = end + _echo_length(text[line:start], text[end:].partition("\n")[0])
    return count


def _echo_length(before: str, after: str) -> int:
    """End in ``after`` of the first copy of the longest ending of ``before`` that it holds."""
    size = len(before)
    low, high = 0, 1
    # Most echoes are short, and short ones are the cheapest to look for.
    while high <= size and before[size - high :] in after:
        low, high = high, 2 * high
    high = min(high - 1, size)
    while low < high:
        middle = (low + high + 1) // 2
        if before[size - middle :] in after:
            low = middle
        else:
            high = middle - 1
    return after.find(before[size - low :]) + low


def _but(text: str, cursor: int) -> tuple[int, int] | None:
    place = text.find("but", cursor + 1)
    while place >= 0:
        match = _BUT.match(text, place - 1)
        if match is not None:
            return match.span()
        place = text.find("but", place + 1)
    return None


def _so_maybe_but(text: str, cursor: int) -> tuple[int, int] | None:
    but = None
    for match in _SO_MAYBE.finditer(text, cursor):
        after = match.end() + 1  # one blank belongs to "maybe", another one to "but"
        if but is None or but.start() < after:
            but = _BUT_WAIT.search(text, after)
        if but is None:
            return None
        if "\n" not in text[after : but.start()].strip():
            return match.start(), but.end()
    return None


def _maybe_circle(text: str) -> bool:
    text = _MAYBE.sub("maybe ", text)
    seen_until = 0
    for stop in _STOP_BUT_WAIT.finditer(text):
        line = max(seen_until, text.rfind("\n", seen_until, stop.start()) + 1)
        seen_until = stop.start()
        maybe = text.rfind("maybe ", line, stop.start())
        if (
            maybe >= 0
            and text.find(text[maybe : stop.start()], *_rest_of_line(text, stop.end())) >= 0
        ):
            return True
    return False


def _rest_of_line(text: str, start: int) -> tuple[int, int]:
    end = text.find("\n", start)
    return start, len(text) if end < 0 else end
