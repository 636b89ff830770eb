"""Word tokens as NLTK's word tokenizer makes them, without its sentence splitter and its data."""

from __future__ import annotations

import re

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"([«“‘„]|`+)"), r" \1 "),
    (re.compile(r'([ (\[{<])("|\'{2})'), r"\1 `` "),
    (re.compile(r"(')(?!(?:re|ve|ll|m|t|s|d|n)\b)(\w)\b", re.IGNORECASE), r"\1 \2"),
    (re.compile(r"([:,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([:,])$"), r" \1 "),
    (re.compile(r"\.{2,}"), r" \g<0> "),
    (re.compile(r"[;@#$%&?!*]"), r" \g<0> "),
    (re.compile(r"[\[\](){}<>]"), r" \g<0> "),
    (re.compile(r"--"), r" -- "),
    (re.compile(r"[»”’]|''|\""), r" \g<0> "),
    (re.compile(r"(?<=[^' ])('[sSmMdD]|')(?=\s|$)"), r" \1 "),
    (re.compile(r"(?<=[^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T)(?=\s|$)"), r" \1 "),
)


def word_tokens(text: str) -> list[str]:
    """Tokens by the Treebank rules: punctuation, brackets, quotes and endings are split off.

    The full stop at the end stays on its word, which changes no property of letters. Linear.
    Source: the rules of NLTK 3's ``NLTKWordTokenizer``.

    >>> word_tokens("Let A and BC's be on AB-CD; (X1)")
    ['Let', 'A', 'and', 'BC', "'s", 'be', 'on', 'AB-CD', ';', '(', 'X1', ')']
    """
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text.split()
