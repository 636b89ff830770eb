"""Lexicon rewards of ReVisual-R1: words of self-critique and of looking at the image again.

Source: arXiv 2506.04207 and its released reward code. Both terms first delete whitespace around
``<``, ``>`` and ``/``, as the released scoring does. All patterns are literal alternatives or
bounded gaps, so time is linear.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from gnomon.formats.grammar import without_tag_spaces
from gnomon.parts import register

_DOTS = re.compile(r"\.{2,}")
# A border is looked for by its mark, which is rare, and not by what stands before every blank.
_CRITIC_BORDER = re.compile(r"[.!?] [A-Z0-9]")
_BORDER = re.compile(r"[.!?]\s+")
_BETWEEN = re.compile(r"(?<=[.!?])\s+")
_SPACES = (
    *"\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000",
    *map(chr, range(0x2000, 0x200B)),
)
"""Every letter that a pattern takes for whitespace."""
_CUT = "\0"
_ODD = re.compile("[\u0130\u0131\u017f\u212a]")
"""Letters that are the same as i, s or k in any case, which lowering them loses."""

_WEIGHTS: dict[float, str] = {
    0.15: "I was mistaken|that's not right|this contradicts|I need to reconsider|I made an error",
    0.14: "this doesn't make sense",
    0.13: "contradiction",
    0.12: "mistake|error|incorrect|flaw|invalid",
    0.10: "wrong|let me recalculate|let's revise|let me reconsider|let's rethink"
    "|re-evaluate|reassess",
    0.09: "let me check again|double-check|let's try again",
    0.08: "verify|revisit|on second thought|is that right|did I miss something",
    0.07: "I doubt|I question|wait a second",
    0.06: "wait|hold on",
    0.05: "however|alternatively|on the other hand|I'm not sure",
    0.04: "but|although|I wonder",
    0.03: "perhaps|maybe",
    0.02: "I think",
}
_CUES = [(cue.lower(), weight) for weight, cues in _WEIGHTS.items() for cue in cues.split("|")]


class Folded(NamedTuple):
    """A text, its lower-case form, and whether it holds letters that this form loses."""

    text: str
    lowered: str
    odd: bool


def fold(text: str) -> Folded:
    """The text ready for `Phrase`."""
    return Folded(text, text.lower(), not text.isascii() and _ODD.search(text) is not None)


class Phrase:
    """A pattern in any case; each of its matches holds one of the literals ``needs``.

    Looking for these first, in the lower-case text, finds out at once that most phrases are in no
    text; only a text with odd letters is searched as it is.
    """

    def __init__(self, pattern: str, *needs: str) -> None:
        self.pattern, self.needs = pattern, needs
        self._lowered, self._any_case = re.compile(pattern.lower()), re.compile(pattern, re.I)

    def matches(self, text: Folded) -> Iterator[re.Match[str]]:
        """Its matches, one after the other; their places are those in the text."""
        if text.odd:
            return self._any_case.finditer(text.text)
        for need in self.needs:
            if need in text.lowered:
                return self._lowered.finditer(text.lowered)
        return iter(())

    def count(self, text: Folded) -> int:
        """How many matches do not overlap."""
        if not text.odd and self.needs == (self.pattern,):
            return text.lowered.count(self.pattern)
        return len(list(self.matches(text)))


_RECHECK = "(?:reconsider|recalculate|rethink|revise|check|verify|double-check)"
_OPENER = "(?:wait|hold on|hmm|actually|but|however),?"
_RIGHT = "(?:right|correct|accurate)"
_STARTERS = (
    Phrase(
        "(?:that|this|it|the result) (?:is|seems|appears to be) "
        "(?:incorrect|wrong|mistaken|an error|a mistake|flawed)",
        "incorrect", "wrong", "mistaken", "an error", "a mistake", "flawed",
    ),
    Phrase(
        "(?:I|we) (?:made|committed) (?:an error|a mistake|a miscalculation)",
        "an error", "a mistake", "a miscalculation",
    ),
    Phrase(
        "(?:I|we) (?:was|were) (?:wrong|mistaken|incorrect|in error)",
        "wrong", "mistaken", "incorrect", "in error",
    ),
    Phrase(
        "(?:wait|hold on|actually|however|but|oh),? (?:that|this|it) (?:doesn't|does not) "
        f"(?:seem|look|appear) {_RIGHT}",
        "doesn't", "does not",
    ),
    Phrase(
        f"(?:let me|let's|let us|I should|I need to) {_RECHECK}",
        "let me", "let's", "let us", "i should", "i need to",
    ),
    Phrase("(?:let's|let us) try again", "try again"),
    Phrase(
        f"{_OPENER} (?:I'm|I am) (?:not sure|uncertain|unsure|confused|doubtful)",
        "i'm", "i am",
    ),
    Phrase(
        f"{_OPENER} (?:this|that|it) (?:might|may|could) (?:not )?be {_RIGHT}",
        "might", "may", "could",
    ),
)  # fmt: skip
_FOLLOW_UPS = (
    Phrase(
        "(?:a|the) correct (?:answer|solution|approach|calculation|value|result) "
        "(?:is|should be)",
        "correct",
    ),
    Phrase(
        "(?:I|we) should (?:have|instead) (?:calculated|computed|determined|found|used)", "should"
    ),
    Phrase(
        "(?:actually|in fact|instead|rather),? (?:the|we|I) (?:should|need to|must|have to)",
        "actually", "in fact", "instead", "rather",
    ),
    Phrase(
        "(?:after|upon) (?:reconsideration|recalculation|checking|verifying),? "
        "(?:I|we) (?:see|realize|find|determine)",
        "reconsideration", "recalculation", "checking", "verifying",
    ),
    Phrase(
        "(?:now|so|therefore|thus),? (?:the|a) (?:correct|accurate|proper|right) "
        "(?:approach|calculation|solution|answer)",
        "correct", "accurate", "proper", "right",
    ),
    Phrase(
        "(?:the|a) (?:error|mistake|issue|problem|flaw) (?:was|is) (?:that|because|due to)",
        "error", "mistake", "issue", "problem", "flaw",
    ),
    Phrase(
        "(?:I|we) (?:missed|overlooked|forgot|didn't consider|failed to account for)",
        "missed", "overlooked", "forgot", "didn't consider", "failed to account for",
    ),
    Phrase(
        "(?:this|that) (?:leads to|gives|results in|produces) (?:a|the) "
        "(?:correct|better|accurate|improved|proper)",
        "leads to", "gives", "results in", "produces",
    ),
)  # fmt: skip

_PICTURE = "(?:image|figure|diagram)"
_REFERENCES = tuple(
    Phrase(phrase, phrase)
    for phrase in (
        "the image shows", "the image illustrates", "the image depicts", "according to the image",
        "in the image", "from the image", "the diagram", "the figure", "as shown", "is displayed",
    )
)  # fmt: skip
_RELOOKS = (
    Phrase("looking (?:at|back at) the image again", "looking "),
    Phrase("upon (?:further|closer) inspection", "inspection"),
    Phrase(f"revisiting the {_PICTURE}", "revisiting"),
    Phrase("taking another look", "taking another look"),
    Phrase(f"on second thought.{{1,30}}{_PICTURE}", "on second thought"),
    Phrase(f"wait.{{1,30}}{_PICTURE}", "wait"),
    Phrase(f"but.{{1,30}}{_PICTURE}", "but"),
    Phrase(f"checking the {_PICTURE} again", "checking the"),
    Phrase(f"let me look at the {_PICTURE} again", "let me look"),
    Phrase(f"the {_PICTURE}.{{1,30}}shows", "shows"),
    Phrase(f"no, the {_PICTURE}", "no, the"),
    Phrase(f"if I look at the {_PICTURE} more carefully", "more carefully"),
)
_INSIGHTS = (
    Phrase("I (?:see|notice|realize|observe) that", "that"),
    Phrase(
        "actually|in fact|contrary to|unlike what I thought",
        "actually", "in fact", "contrary to", "unlike what i thought",
    ),
    Phrase("I was (?:wrong|mistaken|incorrect)", "wrong", "mistaken", "incorrect"),
    Phrase("(?:now|then) I (?:can|see|understand)", "now i ", "then i "),
    Phrase("this (?:contradicts|confirms)", "this contradicts", "this confirms"),
    Phrase("(?:now|then) it (?:is|becomes) clear", "clear"),
    Phrase(
        "I missed that|I didn't notice|I overlooked", "missed that", "didn't notice", "overlooked"
    ),
)  # fmt: skip


def sentences_of(text: str) -> list[str]:
    """The text split at whitespace after ``.!?``; punctuation stays with its sentence.

    >>> sentences_of("It is 4. But wait!")
    ['It is 4.', 'But wait!']
    """
    if _CUT in text:
        return _BETWEEN.split(text)
    # Replacing whole pairs of letters is several times faster than the pattern.
    for space in _SPACES:
        if space in text:
            for stop in ".!?":
                text = text.replace(stop + space, stop + _CUT)
    first, *rest = text.split(_CUT)
    return [first, *(piece.lstrip() for piece in rest)]


@register("reward")
def self_critique(response: str) -> float:
    """Words and steps of self-critique, in [0, 1]; 0 for text under 10 characters.

    After the pre-step, whitespace runs become one blank and dot runs one dot. The sum, clipped to
    1, of: each cue (whole words, any case) with weight x (1 + 0.5 (count - 1)), overlapping cues
    all counting; 0.25 for each sentence that doubts or re-checks (5 characters or more) with a
    correcting sentence among the next three, at most three times; 0.1 when, with four sentences or
    more, the second half holds more cues than the first. Sentences split at whitespace after
    ``.!?`` before a capital or digit. Source: arXiv 2506.04207, released code; "I should check"
    counts as a re-check without the second blank that the released pattern asks for.

    >>> self_critique("That is 4, but I think it is wrong.")
    0.16
    """
    text = without_tag_spaces(response)
    if len(text.strip()) < 10:
        return 0.0
    folded = fold(_one_blank(text))
    starts = [0, *(border.start() + 2 for border in _CRITIC_BORDER.finditer(folded.text))]
    keywords, early, late = _cues(folded, starts)
    total = keywords + 0.25 * _corrections(folded, starts)
    total += 0.1 if len(starts) >= 4 and late > early else 0.0
    return round(min(1.0, total), 12)


def _one_blank(text: str) -> str:
    """The text with one blank for each run of whitespace, and one dot for each run of dots."""
    words = " ".join(text.split())
    if not words:
        return text[:1] and " "
    text = f"{' ' * text[:1].isspace()}{words}{' ' * text[-1:].isspace()}"
    return _DOTS.sub(".", text) if ".." in text else text


def _cues(text: Folded, starts: Sequence[int]) -> tuple[float, int, int]:
    """What the cues add up to, and how many of them are in the two halves of the sentences."""
    lowered = text.lowered
    if text.odd:  # lowering has moved what comes behind
        pieces = [text.text[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]
        starts = [0, *accumulate(len(piece.lower()) for piece in pieces[:-1])]
    keywords = 0.0
    halves = [0, 0]
    for cue, weight in _CUES:
        if cue in lowered:
            places = [bisect_right(starts, place) - 1 for place in _whole_words(cue, lowered)]
            if places:
                keywords += weight * (1 + 0.5 * (len(places) - 1))
            for place in set(places):
                halves[place >= len(starts) // 2] += 1
    return keywords, halves[0], halves[1]


def _whole_words(cue: str, text: str) -> Iterator[int]:
    """Where ``cue`` stands as whole words: the places of its matches between two word borders.

    A regular expression that begins with a border would try every letter of the text.
    """
    place = text.find(cue)
    while place >= 0:
        end = place + len(cue)
        if _is_word(text[place - 1 : place]) or _is_word(text[end : end + 1]):
            end = place + 1
        else:
            yield place
        place = text.find(cue, end)


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


@register("reward")
def image_revisit(response: str) -> float:
    """Phrases of referring to the image and of looking again, in [0, 1].

    After the pre-step: min(0.2 R, 0.4) + min(0.3 V, 0.3) + min(0.3 Q, 0.3), with R the reference
    phrases, V the re-look phrases, and Q the sentences with a re-look phrase before a sentence with
    an insight phrase. Patterns match anywhere, in any case, without word boundaries, each counted
    alone; a gap stays within one line; sentences split at any whitespace after ``.!?``. Source:
    arXiv 2506.04207, released code.

    >>> image_revisit("The figure shows a triangle.")
    0.5
    """
    folded = fold(without_tag_spaces(response))
    references = sum(phrase.count(folded) for phrase in _REFERENCES)
    relooks = sum(phrase.count(folded) for phrase in _RELOOKS)
    insights = _insights(folded) if relooks else 0
    total = min(0.2 * references, 0.4) + min(0.3 * relooks, 0.3) + min(0.3 * insights, 0.3)
    return round(total, 12)


def _insights(text: Folded) -> int:
    """Sentences with an insight phrase behind one with a re-look phrase."""
    borders = [border.span() for border in _BORDER.finditer(text.text)]
    starts = [0, *(end for _, end in borders)]
    found = 0
    for place in _sentences_with(_INSIGHTS, text, starts):
        if place:
            start, end = starts[place - 1], borders[place - 1][0] + 1
            before = Folded(text.text[start:end], text.lowered[start:end], text.odd)
            found += any(phrase.count(before) for phrase in _RELOOKS)
    return found


def _sentences_with(phrases: Iterable[Phrase], text: Folded, starts: Sequence[int]) -> set[int]:
    """Numbers of the sentences that hold one of the phrases, none of which holds ``.!?``."""
    return {
        bisect_right(starts, match.start()) - 1
        for phrase in phrases
        for match in phrase.matches(text)
    }


def _corrections(text: Folded, starts: Sequence[int]) -> int:
    """Sentences of 5 characters or more that doubt, and are put right within three; at most 3."""
    doubts = _sentences_with(_STARTERS, text, starts)
    followed = _sentences_with(_FOLLOW_UPS, text, starts) if doubts else set()
    lengths = [end - start - 1 for start, end in pairwise(starts)]
    found = sum(
        lengths[place] >= 5 and not followed.isdisjoint(range(place + 1, place + 4))
        for place in doubts
        if place < len(lengths)
    )
    return min(3, found)
