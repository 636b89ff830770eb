"""Sections of a response: what a reward reads when a specification says "the answer tag".

Reading rules, for every reward that names a section. A tag is ``<name>`` exactly: no blanks, no
attributes, lower case unless ``any_case``. The first opening tag with a closing tag after it
counts, up to the first such closing tag, and the search crosses lines, unless a reader says
otherwise. Bodies come back as they are, not stripped; they may be empty and may hold further tags.
No reader raises on any text and each takes linear time. A response is text that the model wrote:
what an environment put between its turns is not in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from gnomon.grading.structured import strict_json
from gnomon.records import Sample

MAX_JSON_CHARS = 20_000
"""Longer bodies are not read as JSON (ours)."""
MAX_JSON_DEPTH = 16

_OPEN, _SHUT = "[{", "]}"


def first_block(text: str, tag: str, *, one_line: bool = False) -> str | None:
    """Body of the first block; with ``one_line`` the first one that holds no line break.

    >>> first_block("<answer> 5 </answer><answer>6</answer>", "answer")
    ' 5 '
    """
    if one_line:
        bodies = (first_block(line, tag) for line in text.split("\n"))
        return next((body for body in bodies if body is not None), None)
    start = text.find(f"<{tag}>")
    if start < 0:
        return None
    start += len(tag) + 2
    end = text.find(f"</{tag}>", start)
    return None if end < 0 else text[start:end]


def any_case_block(text: str, tag: str) -> str | None:
    """As `first_block`, whatever the case of the two tags.

    >>> any_case_block("<Answer>red</ANSWER>", "answer")
    'red'
    """
    opening = re.search(f"<{re.escape(tag)}>", text, re.IGNORECASE)
    if opening is None:
        return None
    closing = re.compile(f"</{re.escape(tag)}>", re.IGNORECASE).search(text, opening.end())
    return None if closing is None else text[opening.end() : closing.start()]


def last_block(text: str, tag: str) -> str | None:
    """Body of the last closed block: from the last opening tag before the last closing one.

    >>> last_block("<answer>5</answer> or <answer>6</answer>", "answer")
    '6'
    """
    end = text.rfind(f"</{tag}>")
    start = text.rfind(f"<{tag}>", 0, end) if end >= 0 else -1
    return None if start < 0 else text[start + len(tag) + 2 : end]


def has_layout(text: str, tags: Sequence[str]) -> bool:
    r"""Whether the text is one block of each tag, in order, with only whitespace between them.

    As the regular expression ``<a>.*?</a>\s*<b>.*?</b>`` from the first character to the last, "."
    crossing lines; a final line break fails it. Bodies may be empty and may hold further tags.
    Linear: of several places where one block can end and the next begin, the earliest is taken,
    which leaves the most for the rest.

    >>> has_layout("<think>x</think> <answer>5</answer>", ["think", "answer"])
    True
    """
    if not text.startswith(f"<{tags[0]}>"):
        return False
    place = len(tags[0]) + 2
    for one, following in pairwise(tags):
        seam = re.compile(rf"</{re.escape(one)}>\s*<{re.escape(following)}>").search(text, place)
        if seam is None:
            return False
        place = seam.end()
    closing = f"</{tags[-1]}>"
    return text.endswith(closing) and len(text) - len(closing) >= place


def section(text: str, name: str) -> str:
    """The stripped body of the first ``name`` block; the whole stripped text without one.

    An empty ``name`` means the whole text.

    >>> section("<answer> dog </answer>", "answer"), section(" dog", "answer")
    ('dog', 'dog')
    """
    body = first_block(text, name) if name else None
    return (text if body is None else body).strip()


def read_json(text: str | None) -> Any:
    """The JSON value that the stripped text is, or None.

    None as well for text over `MAX_JSON_CHARS` characters or nested deeper than `MAX_JSON_DEPTH`,
    for a key that stands twice in one object, and for NaN and infinities.

    >>> read_json(' {"time": [1, 2]} '), read_json("{'time': 1}")
    ({'time': [1, 2]}, None)
    """
    if text is None or len(text) > MAX_JSON_CHARS or _depth(text) > MAX_JSON_DEPTH:
        return None
    return strict_json(text)


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        depth += (character in _OPEN) - (character in _SHUT)
        deepest = max(deepest, depth)
    return deepest


def finite(value: Any) -> float | None:
    """A finite number of JSON or text as a float, or None; true and false are no numbers.

    Text is read as Python's ``float`` does, but for underscores.

    >>> finite(" 1.5 "), finite("inf"), finite(True)
    (1.5, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and (len(value) > 400 or "_" in value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < float("inf") else None


def column_of(sample: Sample, name: str) -> Any:
    """The reference column ``name`` of a sample, None where the record left it empty.

    Raises ValueError, which names the columns that there are, when the sample has none of that
    name: then the recipe names the wrong column, or the term should not apply to this task.
    """
    if name not in sample.meta:
        known = ", ".join(sorted(map(str, sample.meta))) or "none"
        raise ValueError(
            f"sample {sample.id!r} has no column {name!r} (it has: {known}); name the right one in "
            "the term's settings, or let the term apply only to tasks that have it"
        )
    return sample.meta[name]


def target(sample: Sample, reference: Any, name: str) -> str | None:
    """The reference text: column ``name``, or the value of the answer where ``name`` is empty."""
    value = column_of(sample, name) if name else reference
    return None if value is None else str(value)


def optional(meta: Mapping[str, Any], name: str, default: Any) -> Any:
    """A column that a record may leave out or empty."""
    value = meta.get(name)
    return default if value is None else value
