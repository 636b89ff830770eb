"""The kind of answer that consists of several named answers, each of a kind of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from gnomon.grading.comparison import Kind, Switches, scored
from gnomon.grading.structured import read_json
from gnomon.records import Answer, AnswerKind, Outcome, Verdict

MAX_PARTS = 64
_LABEL = re.compile(r"^[ \t]*\(?(\w{1,32})[).:][ \t]*(.*)$", re.MULTILINE)


def parts_kind(table: Mapping[str, Kind]) -> Kind:
    """The kind ``parts`` over the other kinds of ``table``.

    A reference is a mapping of names to answers. An answer is a JSON object with these names, or
    one line for each, ``(a) 5`` or ``a: 5``; a name that stands twice makes it unreadable. The
    score is the mean of the scores of the parts, a missing one counts 0; it is right when every
    part is.
    """

    def problem(answer: Answer) -> str | None:
        value = answer.value
        if not isinstance(value, Mapping) or not 0 < len(value) <= MAX_PARTS:
            return f"parts need a mapping of one to {MAX_PARTS} names to answers"
        for name, one in value.items():
            if not isinstance(one, Answer) or one.kind not in table:
                return f"part {name!r} is no answer of a known kind that is not itself of parts"
            reason = table[one.kind].problem(one)
            if reason is not None:
                return f"part {name!r}: {reason}"
        return None

    def write(answer: Answer) -> str:
        texts = {name: table[one.kind].write(one) for name, one in answer.value.items()}
        return json.dumps(texts, ensure_ascii=False)

    def load(text: str) -> dict[str, Answer] | None:
        found = read_json(text)
        if not isinstance(found, Mapping) or not found:
            return None
        loaded = {name: _loaded(item, table) for name, item in found.items()}
        known = {name: one for name, one in loaded.items() if one is not None}
        return known if len(known) == len(loaded) else None

    def read(text: str, reference: Answer, whole: bool) -> dict[str, str] | None:
        return read_parts(text, tuple(reference.value))

    def compare(value: Mapping[str, str], reference: Answer, switches: Switches) -> Verdict:
        verdicts = {
            name: _verdict(value.get(name), one, table[one.kind], switches)
            for name, one in reference.value.items()
        }
        mean = sum(verdict.score for verdict in verdicts.values()) / len(verdicts)
        reason = "; ".join(f"{name}: {verdict.outcome}" for name, verdict in verdicts.items())
        return scored(all(v.correct for v in verdicts.values()), mean, dict(value), reason)

    return Kind(problem, write, load, read, compare)


def read_parts(text: str, names: tuple[str, ...]) -> dict[str, str] | None:
    """The text of each named part, or None when no name is found or one stands twice.

    >>> read_parts("(a) 5" + chr(10) + "(b) yes", ("a", "b"))
    {'a': '5', 'b': 'yes'}
    """
    found = read_json(text)
    if isinstance(found, Mapping):
        pairs = [(str(k), v if isinstance(v, str) else json.dumps(v)) for k, v in found.items()]
    else:
        pairs = [(match[1], match[2].strip()) for match in _LABEL.finditer(text)]
    wanted = {name.casefold(): name for name in names}
    parts = [(wanted[key.casefold()], item) for key, item in pairs if key.casefold() in wanted]
    return dict(parts) if parts and len(dict(parts)) == len(parts) else None


def _loaded(item: Any, table: Mapping[str, Kind]) -> Answer | None:
    kind = item.get("kind") if isinstance(item, Mapping) else None
    if not isinstance(kind, str) or kind not in table or "value" not in item:
        return None
    value = item["value"]
    text = value if isinstance(value, str) else json.dumps(value)
    read = table[kind].load(text)
    options = item.get("options") if isinstance(item.get("options"), Mapping) else {}
    return None if read is None else Answer(cast(AnswerKind, kind), read, options)


def _verdict(text: str | None, reference: Answer, kind: Kind, switches: Switches) -> Verdict:
    if text is None or not text.strip():
        return Verdict(Outcome.NO_ANSWER, 0.0, reason="the part is missing")
    value = kind.read(text, reference, True)
    if value is None:
        return Verdict(Outcome.UNPARSEABLE_ANSWER, 0.0, text, reason="the part cannot be read")
    return replace(kind.compare(value, reference, switches), span=text)
