"""Lexicon rewards of ReVisual-R1: words of self-critique and of looking at the image again.

Source: arXiv 2506.04207 and its released reward code. Both terms first delete whitespace around
``<``, ``>`` and ``/``, as the released scoring does. All patterns are literal alternatives or
bounded gaps, so time is linear.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate, pairwise

from gnomon.parts import register

_SPACES = re.compile(r"\s+")
# From the start of a run only, and never given back, so that long runs cost linear time.
_TAG_SPACES = re.compile(r"(?<=[<>/])\s++|(?<!\s)\s++(?=[<>/])")
_DOTS = re.compile(r"\.{2,}")
_CRITIC_SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z0-9])")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")

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
# The literal is looked for first: most cues are in no text, and that is found out much faster.
_CUES = [
    (cue.lower(), re.compile(rf"\b{re.escape(cue.lower())}\b"), weight)
    for weight, cues in _WEIGHTS.items()
    for cue in cues.split("|")
]


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


_RECHECK = "(?:reconsider|recalculate|rethink|revise|check|verify|double-check)"
_OPENER = "(?:wait|hold on|hmm|actually|but|however),?"
_RIGHT = "(?:right|correct|accurate)"
_STARTER = _any(
    "(?:that|this|it|the result) (?:is|seems|appears to be) "
    "(?:incorrect|wrong|mistaken|an error|a mistake|flawed)",
    "(?:I|we) (?:made|committed) (?:an error|a mistake|a miscalculation)",
    "(?:I|we) (?:was|were) (?:wrong|mistaken|incorrect|in error)",
    "(?:wait|hold on|actually|however|but|oh),? (?:that|this|it) (?:doesn't|does not) "
    f"(?:seem|look|appear) {_RIGHT}",
    f"(?:let me|let's|let us|I should|I need to) {_RECHECK}",
    "(?:let's|let us) try again",
    f"{_OPENER} (?:I'm|I am) (?:not sure|uncertain|unsure|confused|doubtful)",
    f"{_OPENER} (?:this|that|it) (?:might|may|could) (?:not )?be {_RIGHT}",
)
_FOLLOW_UP = _any(
    "(?:a|the) correct (?:answer|solution|approach|calculation|value|result) (?:is|should be)",
    "(?:I|we) should (?:have|instead) (?:calculated|computed|determined|found|used)",
    "(?:actually|in fact|instead|rather),? (?:the|we|I) (?:should|need to|must|have to)",
    "(?:after|upon) (?:reconsideration|recalculation|checking|verifying),? "
    "(?:I|we) (?:see|realize|find|determine)",
    "(?:now|so|therefore|thus),? (?:the|a) (?:correct|accurate|proper|right) "
    "(?:approach|calculation|solution|answer)",
    "(?:the|a) (?:error|mistake|issue|problem|flaw) (?:was|is) (?:that|because|due to)",
    "(?:I|we) (?:missed|overlooked|forgot|didn't consider|failed to account for)",
    "(?:this|that) (?:leads to|gives|results in|produces) (?:a|the) "
    "(?:correct|better|accurate|improved|proper)",
)

_PICTURE = "(?:image|figure|diagram)"
_REFERENCES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        "the image shows", "the image illustrates", "the image depicts", "according to the image",
        "in the image", "from the image", "the diagram", "the figure", "as shown", "is displayed",
    )
]  # fmt: skip
_RELOOK_PATTERNS = (
    "looking (?:at|back at) the image again",
    "upon (?:further|closer) inspection",
    f"revisiting the {_PICTURE}",
    "taking another look",
    f"on second thought.{{1,30}}{_PICTURE}",
    f"wait.{{1,30}}{_PICTURE}",
    f"but.{{1,30}}{_PICTURE}",
    f"checking the {_PICTURE} again",
    f"let me look at the {_PICTURE} again",
    f"the {_PICTURE}.{{1,30}}shows",
    f"no, the {_PICTURE}",
    f"if I look at the {_PICTURE} more carefully",
)
_RELOOKS = [re.compile(pattern, re.IGNORECASE) for pattern in _RELOOK_PATTERNS]
_RELOOK = _any(*_RELOOK_PATTERNS)
_INSIGHT = _any(
    "I (?:see|notice|realize|observe) that",
    "actually|in fact|contrary to|unlike what I thought",
    "I was (?:wrong|mistaken|incorrect)",
    "(?:now|then) I (?:can|see|understand)",
    "this (?:contradicts|confirms)",
    "(?:now|then) it (?:is|becomes) clear",
    "I missed that|I didn't notice|I overlooked",
)


def without_tag_spaces(text: str) -> str:
    """The text without whitespace around ``<``, ``>``, ``/``: the released pre-step of all scores.

    >>> without_tag_spaces("<think> 1 / 2 < / think >")
    '<think>1/2</think>'
    """
    return _TAG_SPACES.sub("", text)


def sentences_of(text: str) -> list[str]:
    """The text split at whitespace after ``.!?``; punctuation stays with its sentence.

    >>> sentences_of("It is 4. But wait!")
    ['It is 4.', 'But wait!']
    """
    return _SENTENCE.split(text)


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
    sentences = _CRITIC_SENTENCE.split(_DOTS.sub(".", _SPACES.sub(" ", text)))
    lowered = " ".join(sentence.lower() for sentence in sentences)
    starts = _starts([len(sentence.lower()) for sentence in sentences])
    keywords = 0.0
    halves = [0, 0]
    for literal, cue, weight in _CUES:
        if literal not in lowered:
            continue
        places = [bisect_right(starts, match.start()) - 1 for match in cue.finditer(lowered)]
        if places:
            keywords += weight * (1 + 0.5 * (len(places) - 1))
        for place in set(places):
            halves[place >= len(sentences) // 2] += 1
    late = len(sentences) >= 4 and halves[1] > halves[0]
    total = keywords + 0.25 * _corrections(sentences) + (0.1 if late else 0.0)
    return round(min(1.0, total), 12)


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
    text = without_tag_spaces(response)
    references = sum(len(pattern.findall(text)) for pattern in _REFERENCES)
    relooks = sum(len(pattern.findall(text)) for pattern in _RELOOKS)
    sentences = sentences_of(text)
    insights = sum(
        1
        for one, following in pairwise(sentences)
        if _RELOOK.search(one) and _INSIGHT.search(following)
    )
    total = min(0.2 * references, 0.4) + min(0.3 * relooks, 0.3) + min(0.3 * insights, 0.3)
    return round(total, 12)


def _starts(lengths: list[int]) -> list[int]:
    return [0, *accumulate(length + 1 for length in lengths[:-1])]


def _corrections(sentences: list[str]) -> int:
    followed = [_FOLLOW_UP.search(sentence) is not None for sentence in sentences]
    found = 0
    for index, sentence in enumerate(sentences):
        if found == 3:
            break
        if len(sentence) >= 5 and any(followed[index + 1 : index + 4]):
            found += _STARTER.search(sentence) is not None
    return found
