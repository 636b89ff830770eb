"""The repetition reward of ReVisual-R1, counted in linear time.

Source: arXiv 2506.04207, released reward code. Its patterns with back-references take quadratic to
cubic time; the counts below are the same, up to the number at which the penalty is full.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable

from gnomon.parts import register
from gnomon.rewards.lexicons import sentences_of, without_tag_spaces

# Two circles, or one "maybe" circle, make the full penalty of 0.2.
_FULL = 2
_BUT = re.compile(r"\sbut\s+(?:wait|actually|maybe|perhaps)")
_BUT_WAIT = re.compile(r"\sbut\s+(?:wait|actually)")
_SO_MAYBE = re.compile(r"\sso\s+maybe(?=\s)")
_STOP_BUT_WAIT = re.compile(r"\.\s+but\s+(?:wait|actually)")
_MAYBE = re.compile(r"maybe[^\S\n]+")
_PAIRED = [
    re.compile(pattern)
    for pattern in (
        "but the image (?:displays|illustrates|shows|depicts)",
        "so maybe",
        "wait, but",
        "wait, maybe",
    )
]
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
    words = text.split()
    phrases = zip(*(words[start:] for start in range(5)), strict=False)
    lowered = "".join(
        low if len(low := character.lower()) == 1 else character for character in text
    )
    circles = 0.2 if _circles(lowered) >= _FULL else 0.1 * _circles(lowered)
    if circles < 0.2 and _maybe_circle(lowered):
        circles = 0.2
    penalty = min(0.5, 0.1 * _extra_copies(sentences_of(text)))
    penalty += min(0.3, 0.05 * _extra_copies(phrases)) + circles
    return round(max(0.0, 1.0 - penalty), 12)


def _extra_copies(items: Iterable[Hashable]) -> int:
    return sum(count - 1 for count in Counter(items).values())


def _circles(text: str) -> int:
    count = _echoes(text, _but) + _echoes(text, _so_maybe_but)
    for opener in _PAIRED:
        count += sum(len(opener.findall(line)) // 2 for line in text.split("\n"))
    return count


def _echoes(text: str, anchor: Anchor) -> int:
    """Matches of ``(.*?)<anchor>.*?\\1``, at most `_FULL`; the search goes on after each echo."""
    count = cursor = 0
    while count < _FULL:
        place = anchor(text, cursor)
        if place is None:
            break
        start, end = place
        while start > cursor and text[start - 1].isspace():
            start -= 1
        line = max(cursor, text.rfind("\n", 0, start) + 1)
        cursor = end + _echo_length(text[line:start], text[end:].partition("\n")[0])
        count += 1
    return count


def _echo_length(before: str, after: str) -> int:
    """End in ``after`` of the first copy of the longest ending of ``before`` that it holds."""
    low, high = 0, min(len(before), len(after))
    while low < high:
        middle = (low + high + 1) // 2
        if before[len(before) - middle :] in after:
            low = middle
        else:
            high = middle - 1
    return after.find(before[len(before) - low :]) + low


def _but(text: str, cursor: int) -> tuple[int, int] | None:
    match = _BUT.search(text, cursor)
    return None if match is None else match.span()


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
