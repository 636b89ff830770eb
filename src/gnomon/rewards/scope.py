"""Token scope: which tokens of a response a term judges, and so which its credit goes to.

A scope names a section of the response. With the reach ``span`` its tokens are those of the
section's content; with ``prefix`` they are all from the first one up to, and without, the mark that
closes the section, as in HumanOmniV2 (arXiv 2506.21277): what was written before it has led to it.
`gnomon.rl.scopes` makes token-level advantages of it.
"""

from __future__ import annotations

import functools
import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Reach = Literal["span", "prefix"]
Decode = Callable[[Sequence[int]], str]
EVERYTHING, BOXED = "everything", "boxed"
_BOX = "\\boxed{"


@dataclass(frozen=True)
class Scope:
    r"""A section of the response: the name of a tag, `EVERYTHING`, or `BOXED` for ``\boxed{}``."""

    section: str
    reach: Reach = "span"

    def span(self, text: str) -> tuple[int, int]:
        """First character and the one behind the last of what is in scope; (0, 0) for nothing.

        A tag's opening is its first occurrence, its closing the first one after it; of several
        boxes the last one counts. Nothing is in scope when a mark is missing, nor when nothing
        stands between them. Source: arXiv 2506.21277.

        >>> Scope("think").span("<think>ab</think>"), Scope("think", "prefix").span("<think>ab")
        ((7, 9), (0, 0))
        """
        start, end = _content(self.section, text)
        if end <= start:
            return 0, 0
        return (0 if self.reach == "prefix" else start), end


def _content(section: str, text: str) -> tuple[int, int]:
    if section == EVERYTHING:
        return 0, len(text)
    if section == BOXED:
        start = text.rfind(_BOX) + len(_BOX)
        return (start, _closing_brace(text, start)) if start >= len(_BOX) else (0, 0)
    opening = text.find(f"<{section}>")
    start = opening + len(section) + 2
    return start, text.find(f"</{section}>", start) if opening >= 0 else -1


def _closing_brace(text: str, start: int) -> int:
    """Where the brace that was opened before ``start`` closes; -1 when it does not."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place
    return -1


class TokenPlaces:
    """Finds the tokens of a span of text; ``decode`` is the tokenizer's, without special tokens.

    Each token is decoded once and its length remembered. Where the pieces do not add up to the
    text, as when a character is divided over tokens, prefixes are decoded instead, about
    log2(tokens) of them for each edge.
    """

    def __init__(self, decode: Decode) -> None:
        self.decode = decode
        self._piece = functools.cache(lambda token: decode([token]))

    def within(self, ids: Sequence[int], text: str, span: tuple[int, int]) -> tuple[int, int]:
        """First and one behind the last of the tokens that lie wholly in ``span``; (0, 0) without.

        ``text`` is what ``ids`` decode to. A token across an edge is outside.

        >>> TokenPlaces(lambda ids: "ab" * len(ids)).within([1, 2, 3], "ababab", (1, 5))
        (1, 2)
        """
        if span[1] <= span[0]:
            return 0, 0
        written = self._characters(ids, text)
        counts = range(len(ids) + 1)
        first = bisect_left(counts, span[0], key=written)
        last = bisect_right(counts, span[1], key=written) - 1
        return (first, last) if last > first else (0, 0)

    def _characters(self, ids: Sequence[int], text: str) -> Callable[[int], int]:
        """How many characters the first tokens make."""
        pieces = [self._piece(token) for token in ids]
        if "".join(pieces) == text:
            return list(itertools.accumulate(map(len, pieces), initial=0)).__getitem__
        return lambda count: len(self.decode(ids[:count]))
