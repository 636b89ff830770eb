"""The fifteen constraints of MathIF: exact checkers, hard and soft accuracy.

Source: arXiv 2505.14810 (MathIF), released code, which descends from IFEval. ``mode="released"``
puts keywords into regular expressions as they are; ``"strict"`` escapes them. For keywords of
letters both agree.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gnomon.grading.tokens import word_tokens
from gnomon.parts import nearest

Mode = Literal["strict", "released"]
Category = Literal["lexical", "length", "format", "affix"]
Settings = Mapping[str, Any]
Checker = Callable[[str, Settings, Mode], bool]

_BULLETS = (
    # The blanks of the released expressions may cross lines; these match as often, in linear time.
    re.compile(r"^[^\S\n]*\*[^*].*$", re.MULTILINE),
    re.compile(r"^[^\S\n]*-.*$", re.MULTILINE),
)
_SINGLE = re.compile(r"\*[^\n*]*\*")
_DOUBLE = re.compile(r"\*\*[^\n*]*\*\*")
_WORD = re.compile(r"\w+")


class ConstraintError(ValueError):
    """A constraint that does not exist or lacks a setting; the message says which."""


@dataclass(frozen=True)
class Constraint:
    """One kind of constraint: what it is about, the settings it needs, and its checker."""

    category: Category
    needs: tuple[str, ...]
    check: Checker


def extract_response(text: str | Sequence[str]) -> str:
    """What is checked: the text behind the thought, inside the answer tags where there are any.

    Piece 1 of a split at the opening think tag, then piece 1 at the closing one, piece 1 at the
    opening answer tag, piece 0 at the closing one, each only where the tag occurs. So a second
    closing think tag cuts, and a thought that never closes is itself checked. Of several outputs
    the first counts.

    >>> extract_response("a</think>b</think>c"), extract_response("<think>never closed")
    ('b', 'never closed')
    """
    if not isinstance(text, str):
        text = text[0] if text else ""
    for tag, piece in (("<think>", 1), ("</think>", 1), ("<answer>", 1), ("</answer>", 0)):
        if tag in text:
            text = text.split(tag, 2)[piece]
    return text


def follows(response: str, name: str, settings: Settings | None, mode: Mode = "strict") -> bool:
    """Whether an extracted response follows one constraint; an empty one follows none.

    Settings without a value (None, 0, "", []) are left out, as released; one that is then missing
    raises `ConstraintError`, where the released code draws one at random.

    >>> follows("x^2 + 3.5 = y", "length_constraint_checkers:number_words",
    ...         {"num_words": 6, "relation": "less than"})
    True
    """
    constraint = CONSTRAINTS.get(name)
    if constraint is None:
        raise ConstraintError(f"there is no constraint {name!r}{nearest(name, CONSTRAINTS)}")
    given = {key: value for key, value in (settings or {}).items() if value}
    for key in constraint.needs:
        if key not in given:
            raise ConstraintError(f"constraint {name!r} needs a value for {key!r}")
    return bool(response.strip()) and constraint.check(response, given, mode)


def hard_accuracy(results: Iterable[Sequence[bool]]) -> float:
    """Share of the items whose constraints are all followed.

    >>> hard_accuracy([[True, True], [True, False]]), soft_accuracy([[True, True], [True, False]])
    (0.5, 0.75)
    """
    return statistics.fmean(float(all(item)) for item in results)


def soft_accuracy(results: Iterable[Sequence[bool]]) -> float:
    """Mean over the items of the share of their constraints that are followed."""
    return statistics.fmean(statistics.fmean(map(float, item)) for item in results)


def language(text: str) -> str | None:
    """ISO code of the language, by langdetect with seed 0, or None for text without letters.

    Raises `ConstraintError` when langdetect is not installed. Short text and formulas are unstable.
    """
    try:
        from langdetect import DetectorFactory, LangDetectException, detect
    except ImportError:
        raise ConstraintError(
            "language constraints need langdetect: pip install 'gnomon[constraints]'"
        ) from None
    DetectorFactory.seed = 0
    try:
        return str(detect(text))
    except LangDetectException:
        return None


def _related(count: int, bound: int, relation: str) -> bool:
    if relation not in ("less than", "at least"):
        raise ConstraintError(f"a relation is 'less than' or 'at least', not {relation!r}")
    return count < bound if relation == "less than" else count >= bound


def _pattern(word: str, mode: Mode) -> re.Pattern[str]:
    try:
        return re.compile(re.escape(word) if mode == "strict" else word, re.IGNORECASE)
    except re.error as error:
        raise ConstraintError(f"{word!r} is no regular expression: {error}") from None


def _existence(text: str, given: Settings, mode: Mode) -> bool:
    return all(_pattern(word, mode).search(text) for word in given["keywords"])


def _frequency(text: str, given: Settings, mode: Mode) -> bool:
    count = len(_pattern(given["keyword"].strip(), mode).findall(text))
    return _related(count, given["frequency"], given["relation"])


def _forbidden(text: str, given: Settings, mode: Mode) -> bool:
    def bounded(word: str) -> str:
        return rf"\b{re.escape(word) if mode == 'strict' else word}\b"

    return not any(
        _pattern(bounded(word), "released").search(text) for word in set(given["forbidden_words"])
    )


def _language(text: str, given: Settings, mode: Mode) -> bool:
    found = language(text)
    return found is None or found == given["language"]


def _words(text: str, given: Settings, mode: Mode) -> bool:
    return _related(len(_WORD.findall(text)), given["num_words"], given["relation"])


def _bullets(text: str, given: Settings, mode: Mode) -> bool:
    return bool(sum(len(pattern.findall(text)) for pattern in _BULLETS) == given["num_bullets"])


def _highlights(text: str, given: Settings, mode: Mode) -> bool:
    single = sum(bool(found.strip("*").strip()) for found in _SINGLE.findall(text))
    double = sum(bool(found.strip("*").strip()) for found in _DOUBLE.findall(text))
    return bool(single + double >= given["num_highlights"])


def _sections(text: str, given: Settings, mode: Mode) -> bool:
    mark = rf"\s?{re.escape(given['section_spliter'])}\s?[0-9]+\s?"
    return bool(len(re.split(mark, text)) - 1 >= given["num_sections"])


def _repeats(text: str, given: Settings, mode: Mode) -> bool:
    return text.strip().lower().startswith(given["prompt_to_repeat"].strip().lower())


def _ends(text: str, given: Settings, mode: Mode) -> bool:
    return text.strip().strip('"').lower().endswith(given["end_phrase"].strip().lower())


def _quoted(text: str, given: Settings, mode: Mode) -> bool:
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


def _capital_words(text: str, given: Settings, mode: Mode) -> bool:
    count = sum(token.isupper() for token in word_tokens(text))
    below = given["capital_relation"] == "less than"
    return _related(count, given["capital_frequency"], "less than" if below else "at least")


def _capital(text: str, given: Settings, mode: Mode) -> bool:
    return text.isupper() and language(text) in ("en", None)


def _lowercase(text: str, given: Settings, mode: Mode) -> bool:
    return text.islower() and language(text) in ("en", None)


def _no_comma(text: str, given: Settings, mode: Mode) -> bool:
    return "," not in text


CONSTRAINTS: dict[str, Constraint] = {
    "keywords:existence": Constraint("lexical", ("keywords",), _existence),
    "keywords:frequency": Constraint("lexical", ("keyword", "frequency", "relation"), _frequency),
    "keywords:forbidden_words": Constraint("lexical", ("forbidden_words",), _forbidden),
    "language:response_language": Constraint("lexical", ("language",), _language),
    "length_constraint_checkers:number_words": Constraint(
        "length", ("num_words", "relation"), _words
    ),
    "detectable_format:number_bullet_lists": Constraint("format", ("num_bullets",), _bullets),
    "detectable_format:number_highlighted_sections": Constraint(
        "format", ("num_highlights",), _highlights
    ),
    "detectable_format:multiple_sections": Constraint(
        "format", ("section_spliter", "num_sections"), _sections
    ),
    "combination:repeat_prompt": Constraint("affix", ("prompt_to_repeat",), _repeats),
    "startend:end_checker": Constraint("affix", ("end_phrase",), _ends),
    "startend:quotation": Constraint("affix", (), _quoted),
    "change_case:capital_word_frequency": Constraint(
        "format", ("capital_frequency", "capital_relation"), _capital_words
    ),
    "change_case:english_capital": Constraint("format", (), _capital),
    "change_case:english_lowercase": Constraint("format", (), _lowercase),
    "punctuation:no_comma": Constraint("format", (), _no_comma),
}
