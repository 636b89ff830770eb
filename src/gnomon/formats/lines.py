"""Formats of marked lines instead of tags: understand-think-answer, and routes on a transit map."""

from __future__ import annotations

import re

from gnomon.formats.grammar import Format, Parsed, without_foreign
from gnomon.grading.routes import KEYS, read_route
from gnomon.parts import register
from gnomon.records import Box

_HINT = re.compile(r"Hints? *:")
_TASK = "Answer the question"
_NUMBER = r"\s{0,9}-?[0-9]{1,9}(?:\.[0-9]{1,18})?\s{0,9}"
_BOX = rf"\[{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\]"
_BOXES = re.compile(rf"-({_BOX}(?: {{0,9}}[-&] {{0,9}}{_BOX})*)")
_ONE_BOX = re.compile(_BOX)


@register("format")
def understand_think_answer(*, instruction: str | None = None) -> Format:
    """What to look for, hints with boxes, a line that turns to the question, the answer.

    Lines: any about what to look for; ``Hint:`` or ``Hints:`` and cues; a line that starts with
    ``Answer the question``; the answer. Well formed: hints stand before the one such line, and an
    answer follows. A text without that line is an answer by its last line, and not well formed. The
    hints are the thought. Source: arXiv 2505.20753 (Griffon-R); the layout is a reconstruction.

    >>> lines = ["Hints: bag-[0, 0, 1, 1]", "Answer the question based on the Hints.", "Left"]
    >>> understand_think_answer().parse(chr(10).join(lines)).answer
    'Left'
    """
    default = (
        "Say what to look for. On a line that starts with Hints: give cues such as "
        "name-[x1, y1, x2, y2], in shares of the image. Then write the line Answer the question "
        "based on the Hints. Then answer."
    )
    told = default if instruction is None else instruction
    return Format("understand-think-answer", told, _render_hints, _parse_hints)


@register("format")
def transit_route(*, instruction: str | None = None) -> Format:
    """A route on a transit map: a block of three lines for each ride, blocks parted by ``--``.

    Well formed: at least one block, every block whole, and no other text. The answer is the text of
    all blocks. Source: arXiv 2510.02240 (RewardMap).

    >>> ride = "Route Name: 1" + chr(10) + "Departure Stop: A" + chr(10) + "Arrival Stop: B"
    >>> transit_route().score(ride), transit_route().score(ride + chr(10) + "Good luck")
    (1.0, 0.0)
    """
    default = (
        "Write each ride as three lines, "
        + ", ".join(f"{key} ..." for key in KEYS)
        + ", with a line of -- between two rides."
    )
    told = default if instruction is None else instruction
    return Format("transit-route", told, lambda thought, answer: answer, _parse_route)


def read_cues(text: str) -> list[tuple[str, Box]]:
    """Names and boxes of the hints, in their order, one entry for each box. Linear.

    A name is the longest run of letters, digits, blanks, apostrophes and hyphens right before
    ``-[``, without outer blanks and hyphens; several boxes of one name are joined by - or &.

    >>> read_cues("apple-[0.0, 0.0, 0.1, 0.1]-[0.3, 0.3, 0.4, 0.4]")
    [('apple', (0.0, 0.0, 0.1, 0.1)), ('apple', (0.3, 0.3, 0.4, 0.4))]
    """
    cues: list[tuple[str, Box]] = []
    end = 0
    for match in _BOXES.finditer(text):
        start = match.start()
        while start > end and (text[start - 1].isalnum() or text[start - 1] in " '-"):
            start -= 1
        name = text[start : match.start()].strip(" -")
        end = match.end()
        for box in _ONE_BOX.findall(match.group(1)) if name else ():
            x1, y1, x2, y2 = (float(value) for value in box.strip("[]").split(","))
            cues.append((name, (x1, y1, x2, y2)))
    return cues


def _render_hints(thought: str, answer: str) -> str:
    hints, reply = (" ".join(text.split()) for text in (thought, answer))
    return (
        f"Look for what the question needs.\nHints: {hints}\n{_TASK} based on the Hints.\n{reply}"
    )


def _parse_hints(text: str) -> Parsed:
    lines = [line for line in map(str.strip, without_foreign(text).split("\n")) if line]
    turn = next((i for i, line in enumerate(lines) if line.startswith(_TASK)), None)
    if turn is None:
        answer = lines[-1] if lines else None
        return Parsed(None, answer, False, f"no line starts with {_TASK!r}")
    found = (i for i, line in enumerate(lines[:turn]) if _HINT.match(line))
    start = next(found, turn)
    hints = _HINT.sub("", " ".join(lines[start:turn]), count=1).strip()
    answer = " ".join(lines[turn + 1 :]) or None
    sections = {
        "understand": " ".join(lines[:start]),
        "think": hints,
        "task": lines[turn],
        "answer": answer or "",
    }
    repeated = any(line.startswith(_TASK) for line in lines[turn + 1 :])
    problems = (
        (not hints, "there are no hints"),
        (repeated, f"several lines start with {_TASK!r}"),
        (not answer, "there is no answer"),
    )
    reason = next((problem for present, problem in problems if present), "")
    sections = {name: section for name, section in sections.items() if section}
    return Parsed(hints or None, answer, not reason, reason, sections)


def _parse_route(text: str) -> Parsed:
    own = without_foreign(text)
    readable = read_route(own) is not None
    other = [
        line
        for line in map(str.strip, own.split("\n"))
        if line and line.strip("-") and not line.startswith(KEYS)
    ]
    answer = own.strip() or None
    reason = "" if readable else "no block of line, departure and arrival can be read"
    reason = reason or ("there is text around the blocks" if other else "")
    return Parsed(None, answer, not reason, reason)
