"""The table of all puzzle families, and the kind of answer that they are.

Source: arXiv 2505.19641 (SynLogic): its families, metadata keys and released verifiers; the cubes
are MARBLE's (arXiv 2506.22992). A new family is one more entry, in the module of its shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnomon.grading.comparison import Kind, Switches
from gnomon.grading.puzzles.arithmetic import ARITHMETIC
from gnomon.grading.puzzles.cube import CUBES
from gnomon.grading.puzzles.family import Family, Finding, Mode
from gnomon.grading.puzzles.filling import FILLING
from gnomon.grading.puzzles.latin import LATIN
from gnomon.grading.puzzles.placement import PLACEMENT
from gnomon.grading.puzzles.relations import RELATIONS
from gnomon.grading.puzzles.traces import TRACES
from gnomon.grading.puzzles.words import WORDS
from gnomon.grading.structured import read_json
from gnomon.parts import nearest
from gnomon.records import Answer, Outcome, Verdict

MAX_CHARS = 100_000
"""A longer answer is not read (ours)."""

FAMILIES: dict[str, Family] = dict(
    sorted((LATIN | PLACEMENT | FILLING | ARITHMETIC | WORDS | TRACES | RELATIONS | CUBES).items())
)
"""Every family by its name."""

_KEYS = {"family", "facts", "gold"}


def check_puzzle(text: str, value: Mapping[str, Any], mode: Mode = "strict") -> Finding:
    """Verify one answer to a puzzle ``{"family", "facts", "gold"}`` that has no `puzzle_problem`.

    >>> check_puzzle("12+9=21", {"family": "cryptarithm", "facts": {}, "gold": "12 + 9 = 21"})[0]
    <Outcome.CORRECT: 'correct'>
    """
    if len(text) > MAX_CHARS:
        return Outcome.UNPARSEABLE_ANSWER, f"the answer has more than {MAX_CHARS} characters"
    return FAMILIES[value["family"]].check(text, value["facts"], value["gold"], mode)


def puzzle_problem(answer: Answer) -> str | None:
    """Why a reference cannot be verified against, or None.

    The facts have to be those of the family, and a gold text that can be read as an answer has to
    solve the puzzle: some released rows hold puzzles that their own answer does not solve.
    """
    value = answer.value
    if not isinstance(value, Mapping) or not value.keys() >= _KEYS:
        return f"a puzzle needs family, facts and gold, not {value!r:.120}"
    name, facts, gold = (value[key] for key in ("family", "facts", "gold"))
    if not isinstance(name, str) or name not in FAMILIES:
        return f"there is no puzzle family {name!r:.80}{nearest(str(name), FAMILIES)}"
    if not isinstance(facts, Mapping) or not isinstance(gold, str) or len(gold) > MAX_CHARS:
        return f"{name}: facts have to be a mapping and gold a text"
    problem = FAMILIES[name].problem(facts, gold)
    if problem:
        return f"{name}: {problem}"
    outcome, reason = check_puzzle(FAMILIES[name].write(gold), value)
    wrong = outcome is Outcome.WRONG
    return f"{name}: its own gold text does not solve it: {reason}" if wrong else None


def _write(answer: Answer) -> str:
    return FAMILIES[answer.value["family"]].write(answer.value["gold"])


def _load(text: str) -> dict[str, Any] | None:
    found = read_json(text)
    return found if isinstance(found, dict) and found.keys() >= _KEYS else None


def _read(text: str, reference: Answer, whole: bool) -> str:
    return text


def _compare(value: str, reference: Answer, switches: Switches) -> Verdict:
    outcome, reason = check_puzzle(value, reference.value)
    return Verdict(outcome, float(outcome is Outcome.CORRECT), value=value, reason=reason)


PUZZLE_KINDS: dict[str, Kind] = {"puzzle": Kind(puzzle_problem, _write, _load, _read, _compare)}
