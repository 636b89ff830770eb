"""Tolerant readers of what judges reply: numbers, decisions, numbered facts, JSON scores.

None of them raises or evaluates anything. None means that no reply of the asked form was found; the
reward term that asked says what it scores then.
"""

from __future__ import annotations

import re

from gnomon.rewards.sections import finite, read_json

_STANDALONE = re.compile(r"(?<!\w)([01])(?![\w.])")
_FACT = re.compile(r"<(/?)info(\d{1,4})>")
_ANSWER = re.compile(r"Answer:\s*(\d{1,9}(?:\.\d{1,9})?)")
_FENCE = re.compile(r"\A```[a-z]*\n(.*?)\n?```\Z", re.DOTALL)
_DECISION = re.compile(r"Final Decision: *(Yes|No)", re.IGNORECASE)


def bare_number(reply: str | None, *, low: float, high: float) -> float | None:
    """The number that the stripped reply is, clamped to [low, high], or None.

    >>> bare_number(" 7 ", low=0, high=5), bare_number("4/5", low=0, high=5)
    (5.0, None)
    """
    value = finite((reply or "").strip())
    return None if value is None else float(min(high, max(low, value)))


def one_or_zero(reply: str | None) -> bool | None:
    """The first 1 or 0 that begins the reply or stands alone in it, or None.

    >>> one_or_zero("1. They agree."), one_or_zero("It is 0"), one_or_zero("10 of 10")
    (True, False, True)
    """
    text = (reply or "").strip()
    if text[:1] in ("0", "1"):
        return text[0] == "1"
    match = _STANDALONE.search(text)
    return None if match is None else match.group(1) == "1"


def listed_facts(reply: str | None) -> list[float]:
    """Values of ``<info1>1</info1>, <info2>0</info2>, ...`` up to the first index that is missing.

    Clamped to [0, 1]; what is no number is 0, an empty tag counts as missing; of several tags of
    one index the last counts; other text is ignored. Source: Perception-R1, arXiv 2506.07218.

    >>> listed_facts("<info1>yes</info1><info2>2</info2><info4>1</info4>")
    [0.0, 1.0]
    """
    text = reply or ""
    starts: dict[int, int] = {}
    bodies: dict[int, str] = {}
    for tag in _FACT.finditer(text):
        number = int(tag.group(2))
        if not tag.group(1):
            starts.setdefault(number, tag.end())
        elif number in starts:
            bodies[number] = text[starts.pop(number) : tag.start()].strip()
    values: list[float] = []
    while bodies.get(len(values) + 1):
        value = finite(bodies[len(values) + 1])
        values.append(0.0 if value is None else min(1.0, max(0.0, value)))
    return values


def rubric_answer(reply: str | None) -> float:
    """1 or 0.5 behind the first "Answer:", in exactly these forms, else 0.

    Digits with optional digits behind a point are taken: "1." and "1/2" read as 1; "1.0" is 0.
    Source: ReAd-R, arXiv 2509.08621.

    >>> rubric_answer("Answer: 0.5"), rubric_answer("Answer: 1.0"), rubric_answer("Answer: 1/2")
    (0.5, 0.0, 1.0)
    """
    match = _ANSWER.search(reply or "")
    return {"1": 1.0, "0.5": 0.5}.get(match.group(1), 0.0) if match else 0.0


def json_score(reply: str | None, key: str = "score") -> float | None:
    """The number under ``key`` of a JSON object, or the number that the reply is, in [0, 1].

    A code fence around the whole is removed first. None for anything else and outside of [0, 1].
    Source: VisRL, arXiv 2503.07523.

    >>> json_score('```json\\n{"score": 0.9}\\n```'), json_score("0.5"), json_score("good")
    (0.9, 0.5, None)
    """
    text = (reply or "").strip()
    fenced = _FENCE.match(text)
    value = read_json(fenced.group(1) if fenced else text)
    number = finite(value.get(key) if isinstance(value, dict) else value)
    return number if number is not None and 0 <= number <= 1 else None


def final_decision(reply: str | None, *, exact: bool = True) -> bool | None:
    """Whether the reply decides "Final Decision: Yes"; None without any decision.

    ``exact``: the last decision must end the reply but for marks, in any case. Otherwise the
    released test: the phrase with Yes occurs anywhere, so "Yes or No" passes. Source:
    General-Reasoner, arXiv 2505.14652.

    >>> final_decision("Final Decision: Yes or No"), final_decision("Final Decision: Yes.")
    (None, True)
    >>> final_decision("Final Decision: Yes or No", exact=False)
    True
    """
    text = (reply or "").rstrip(" \t\r\n.*`")
    if not exact:
        return "Final Decision: Yes" in text or (None if "Final Decision:" not in text else False)
    found = list(_DECISION.finditer(text))
    if not found or found[-1].end() != len(text):
        return None
    return found[-1].group(1).lower() == "yes"
