"""Readers: from the text of an answer to a typed value, or None.

Every reader takes ``whole``. With ``whole=True`` the text, after the clean-up that the reader
names, must be the answer and nothing else. With ``whole=False`` the reader searches the whole text,
line breaks included, and the last match counts. No reader raises on any text, and each takes linear
time.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, TypeVar

from gnomon.grading.structured import read_json, unfenced
from gnomon.records import Box

Found = TypeVar("Found")

MAX_NUMBER_CHARS = 120
"""Longer spans are not read as numbers: the exact value would cost too much (ours)."""

_MAX_BOX_CHARS = 4096
_BRACES = re.compile(r"[{}]")
_SPACES = re.compile(r"\s+")
_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)"
_DECIMAL = rf"(?:{_DIGITS}(?:\.[0-9]*)?|\.[0-9]+)"
_VALUE = rf"{_DECIMAL}(?:e[-+]?[0-9]{{1,3}}(?![0-9]))?"
_NUMBER = re.compile(rf"(?P<top>{_VALUE})(?: ?/ ?(?P<bottom>{_VALUE}))?", re.IGNORECASE)
_MIXED = re.compile(r"(?P<units>[0-9]+)[ +](?P<top>[0-9]+) ?/ ?(?P<bottom>[0-9]+)")
_FRAC = re.compile(
    r"(?P<units>[0-9]*) ?\\[dt]?frac ?"
    r"(?:\{ ?(?P<top>[-+]?[0-9.]+) ?\} ?\{ ?(?P<bottom>[0-9.]+) ?\}|(?P<t>[0-9]) ?(?P<b>[0-9]))"
)
_IN_TEXT = re.compile(
    rf"(?<![\w.])[-+]?(?:[0-9]{{0,9}}\\[dt]?frac\{{[-+]?[0-9.]+\}}\{{[0-9.]+\}}|{_NUMBER.pattern})",
    re.IGNORECASE,
)
# The units of mathruler 0.1, and unmistakable abbreviations (ours); "m" or "s" may be a variable.
_UNITS = (
    "degree|centimeter|meter|mile|second|minute|hour|day|week|month|year|foot|feet|inch|yard"
    "|unit|km|cm|mm|ft|kg"
)
_POWER = r"(?: ?\^ ?\{?[0-9]\}?)?"
_UNIT = re.compile(rf" ?(?:square |cubic )?(?:{_UNITS})(?:es)?s?{_POWER}$", re.IGNORECASE)
_TEXT_UNIT = re.compile(r"\\(?:text|mathrm|mbox) ?\{[^{}]*\}" + _POWER + "$")
_SHORT_SIDE = re.compile(r"^[A-Za-z]{1,2} ?= ?")
_LABELLED = re.compile(r"[(\[]?(?P<label>\w+)[)\]]?[.:,]? (?P<text>.+)")
_ARTICLE = re.compile(r" [a-z]")
_DEGREES = re.compile(r" ?(?:\^ ?\{? ?\\circ ?\}?|\\degree|°)$")
_SIGNS = str.maketrans({"−": "-", "–": "-", "\u00a0": " ", "\u2009": " "})
_CURRENCY = ("\\$", "$", "€", "£")
_YES_NO = re.compile(r"(?<![\w-])(yes|no)(?![\w-])", re.IGNORECASE)
_COORDINATE = r"[-+]?[0-9]{1,9}(?:\.[0-9]{1,18})?"
_FOUR = re.compile(r"\[\s*" + r"\s*,\s*".join([f"({_COORDINATE})"] * 4) + r"\s*\]")
_EDGES = " \t\r\n.,;:!?*_`\"'“”‘’"


def last_boxed(text: str) -> str | None:
    r"""Content of the last ``\boxed{``, stripped, or None.

    Searches the whole text, across lines. The last opening counts, also inside another box; braces
    are matched by one scan, an escaped brace counts like any other. None without a box and when the
    last one never closes (a response that was cut has no answer). Source: arXiv 2506.04207,
    released code.

    >>> last_boxed(r"\boxed{1} so \boxed{\frac{1}{2}}")
    '\\frac{1}{2}'
    """
    start = text.rfind(r"\boxed{")
    if start < 0:
        return None
    start += len(r"\boxed{")
    depth = 1
    for brace in _BRACES.finditer(text, start):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            return text[start : brace.start()].strip()
    return None


def read_fraction(text: str, *, whole: bool = True) -> Fraction | None:
    r"""Exact value of a number, or None.

    Reads signs, decimals, exponents, thousands commas in the right places, ``a/b``, ``7 3/4``,
    ``\frac{a}{b}`` and ``\frac12``. Dropped before reading: outer dollar signs, currency, percent
    (50% reads as 50), degree marks, trailing units, a trailing full stop, a short left side (``x =
    5``). ``whole=True``: the cleaned text must be one number. ``whole=False``: the last number that
    does not continue a word counts. None for empty or malformed text, division by zero, spans over
    `MAX_NUMBER_CHARS`. Source: number rules of mathruler 0.1; the closed grammar is ours.

    >>> read_fraction("1,000.5 cm"), read_fraction(r"\frac12"), read_fraction("A5")
    (Fraction(2001, 2), Fraction(1, 2), None)
    """
    if whole:
        if len(text) <= MAX_NUMBER_CHARS and text.isascii() and text.isdigit():
            return Fraction(int(text))  # most answers are
        return _exact(_clean_number(text)) if len(text) <= 2 * MAX_NUMBER_CHARS else None
    return next(_numbers_from_the_end(text), None)


def read_number(text: str, *, whole: bool = True) -> float | None:
    """`read_fraction` as a float; None as well where the value is beyond a float.

    >>> read_number("50%"), read_number("about 3 or 4.5 m", whole=False)
    (50.0, 4.5)
    """
    exact = read_fraction(text, whole=whole)
    return None if exact is None else to_float(exact)


def read_integer(text: str, *, whole: bool = True) -> int | None:
    """An integer, also written as 5.0 or 1,000, or None.

    Searches and cleans like `read_fraction`. With ``whole=False`` the last number whose value is an
    integer counts. None for empty or malformed text and for a value that is no integer.

    >>> read_integer("5 cm"), read_integer("5.5"), read_integer("3 red, 2 blue", whole=False)
    (5, None, 2)
    """
    if whole:
        value = read_fraction(text)
        return value.numerator if value is not None and value.denominator == 1 else None
    found = _numbers_from_the_end(text)
    return next((value.numerator for value in found if value.denominator == 1), None)


def read_choice(text: str, options: Mapping[str, str], *, whole: bool = True) -> str | None:
    """The label of the chosen option, or None.

    ``whole=True``: the text, without outer punctuation and quotes and without regard to case, is a
    label (also ``(A)``, ``[A]``, ``option A``), the text of exactly one option, or a label followed
    by its own text (``A. red``). ``whole=False``: the last label (case-sensitive, a whole word) or
    option text (a whole phrase) counts; a label before a lower-case word ("A circle") counts only
    when nothing else is found. None for empty text, several answers as a whole, a label with
    another option's text, and without options.

    >>> options = {"A": "red", "B": "blue"}
    >>> read_choice("(b)", options), read_choice("A. blue", options), read_choice("A or B", options)
    ('B', None, None)
    """
    return (_whole_choice if whole else _last_choice)(text, options)


def read_yes_no(text: str, *, whole: bool = True) -> bool | None:
    """True for yes, False for no, or None.

    ``whole=True``: the text without outer punctuation is yes or no, in any case. ``whole=False``:
    the last whole word yes or no counts; "no" in "know" or "no-one" never does. None for empty or
    malformed text.

    >>> read_yes_no("Yes."), read_yes_no("I know", whole=False), read_yes_no("yes and no")
    (True, None, None)
    """
    if whole:
        return {"yes": True, "no": False}.get(text.strip(_EDGES).casefold())
    found = _last(match.group(1) for match in _YES_NO.finditer(text))
    return None if found is None else found.casefold() == "yes"


def read_text(text: str, *, whole: bool = True) -> str | None:
    r"""The text in a normal form for comparison, or None when nothing is left.

    Unicode NFKC, case folded, whitespace runs become one blank, outer punctuation, quotes, Markdown
    marks and one outer ``\text{}`` are dropped. ``whole=True``: the whole text. ``whole=False``:
    its last non-empty line.

    >>> read_text(' "Dark  Red." ')
    'dark red'
    """
    if not whole:
        text = text.strip().rpartition("\n")[2]
    text = text.strip()
    if text.startswith(r"\text{") and text.endswith("}"):
        text = text[len(r"\text{") : -1]
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _SPACES.sub(" ", folded).strip(_EDGES) or None


def read_box(text: str, *, whole: bool = True) -> Box | None:
    """A box x1, y1, x2, y2, or None.

    ``whole=True``: the text, without a Markdown fence, is ``[x1, y1, x2, y2]`` or JSON with
    ``bbox_2d`` (one object, or a list of one). ``whole=False``: the last bracketed list of exactly
    four numbers counts, wherever it stands. Degenerate boxes (x2 <= x1 or y2 <= y1), duplicate JSON
    keys, several boxes as a whole, and empty or malformed text give None.

    >>> read_box('{"bbox_2d": [1, 2, 30, 40], "label": "cup"}')
    (1.0, 2.0, 30.0, 40.0)
    """
    if not whole:
        found = _last(iter(fours(text)))
        return None if found is None else proper_box([float(value) for value in found])
    text = unfenced(text)
    four = _FOUR.fullmatch(text)
    if four is not None:
        return proper_box([float(value) for value in four.groups()])
    return proper_box(_json_box(text))


def fours(text: str) -> list[tuple[str, ...]]:
    """Every bracketed list of exactly four numbers in a text, as it is written."""
    return [match.groups() for match in _FOUR.finditer(text)]


def proper_box(values: Any) -> Box | None:
    """Four finite numbers with x1 < x2 and y1 < y2 as a `Box`, else None.

    >>> proper_box([0, 0, 4, 4]), proper_box([4, 0, 0, 4])
    ((0.0, 0.0, 4.0, 4.0), None)
    """
    if not isinstance(values, list | tuple) or len(values) != 4:
        return None
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        return None
    if any(abs(value) > 1e12 or value != value for value in values):
        return None
    x1, y1, x2, y2 = (float(value) for value in values)
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def to_float(value: Fraction) -> float | None:
    """The nearest float, or None beyond its range."""
    try:
        return float(value)
    except OverflowError:
        return None


def _last(items: Iterable[Found | None]) -> Found | None:
    found = None
    for item in items:
        if item is not None:
            found = item
    return found


def _numbers_from_the_end(text: str) -> Iterator[Fraction]:
    matches = list(_IN_TEXT.finditer(text.translate(_SIGNS)))
    for match in reversed(matches):
        value = _exact(match.group())
        if value is not None:
            yield value


def _clean_number(text: str) -> str:
    text = text.translate(_SIGNS).replace("{,}", ",").strip()
    for opening, closing in (("$", "$"), (r"\(", r"\)"), (r"\[", r"\]")):
        if text.startswith(opening) and text.endswith(closing) and len(text) > 2 * len(opening):
            text = text[len(opening) : -len(closing)]
    for mark in (*_CURRENCY, r"\!", r"\,", r"\ "):
        text = text.replace(mark, "")
    text = _SHORT_SIDE.sub("", _SPACES.sub(" ", text).strip()).removesuffix(".")
    for ending in (_TEXT_UNIT, _DEGREES, _UNIT):
        text = ending.sub("", text).strip()
    return text.removesuffix("%").removesuffix("\\").rstrip()


def _exact(span: str) -> Fraction | None:
    if len(span) > MAX_NUMBER_CHARS:
        return None
    sign, body = (span[0], span[1:].lstrip()) if span[:1] in ("-", "+") else ("+", span)
    try:
        value = _unsigned(body)
    except (ValueError, ZeroDivisionError):
        return None
    return -value if value is not None and sign == "-" else value


def _unsigned(body: str) -> Fraction | None:
    mixed = _MIXED.fullmatch(body)
    if mixed is not None:
        return Fraction(mixed["units"]) + Fraction(mixed["top"]) / Fraction(mixed["bottom"])
    frac = _FRAC.fullmatch(body)
    if frac is not None:
        top, bottom = frac["top"] or frac["t"], frac["bottom"] or frac["b"]
        return Fraction(frac["units"] or 0) + Fraction(top) / Fraction(bottom)
    plain = _NUMBER.fullmatch(body)
    if plain is None:
        return None
    bottom = (plain["bottom"] or "1").replace(",", "")
    return Fraction(plain["top"].replace(",", "")) / Fraction(bottom)


def _whole_choice(text: str, options: Mapping[str, str]) -> str | None:
    body = read_text(text)
    if body is None:
        return None
    body = body.removeprefix("option ").removeprefix("choice ")
    labels = {label.casefold(): label for label in options}
    bare = body.strip("()[]{} " + _EDGES)
    if bare in labels:
        return labels[bare]
    named = [label for label, option in options.items() if read_text(option) == body]
    if len(named) == 1:
        return named[0]
    pair = _LABELLED.fullmatch(body)
    label = labels.get(pair["label"]) if pair is not None else None
    if pair is None or label is None or read_text(pair["text"]) != read_text(options[label]):
        return None
    return label


def _last_choice(text: str, options: Mapping[str, str]) -> str | None:
    if not options:
        return None
    firm: list[tuple[int, str]] = []
    weak: list[tuple[int, str]] = []
    for match in _words(options).finditer(text):
        article = _ARTICLE.match(text, match.end()) is not None
        (weak if article else firm).append((match.end(), match.group()))
    texts = Counter(option.casefold() for option in options.values() if option.strip())
    unique = {t.casefold(): label for label, t in options.items() if texts[t.casefold()] == 1}
    if unique:
        for match in _words(unique, re.IGNORECASE).finditer(text):
            label = unique.get(match.group().casefold())
            if label is not None:
                firm.append((match.end(), label))
    found = firm or weak
    return max(found)[1] if found else None


def _words(phrases: Iterable[str], flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    longest_first = sorted(phrases, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!['’]?\w)", flags)


def _json_box(text: str) -> Any:
    found = read_json(text) if len(text) <= _MAX_BOX_CHARS else None
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    return found.get("bbox_2d") if isinstance(found, dict) else None
