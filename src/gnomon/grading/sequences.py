"""Kinds of answer with several elements: list, set, permutation, sequence of operations."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from gnomon.grading import extract
from gnomon.grading.comparison import Kind, Switches, by_text, scored
from gnomon.grading.structured import MAX_ITEMS, read_json, split_elements
from gnomon.grading.symbolic import numbers_agree
from gnomon.records import Answer, Verdict

MAX_ELEMENTS = 256
"""Most elements of a list, a set, a permutation or a sequence (ours)."""

Operation = tuple[str, str, str]
_CALL = re.compile(r"(?<!\w)(\w+)\((\w+),[ \t\n]*'?(\w+)'?\)")
_SEPARATORS = re.compile(r"[`,;\s\[\]()]+")


def read_elements(text: str) -> tuple[str, ...] | None:
    """The elements of a list or set that is the whole text, at most `MAX_ELEMENTS`, or None.

    JSON lists of texts and numbers, and everything that `split_elements` takes.

    >>> read_elements('["a", 2]'), read_elements("a, b and c")
    (('a', '2'), ('a', 'b', 'c'))
    """
    found = read_json(text)
    if isinstance(found, list):
        flat = all(isinstance(x, str | int | float) and not isinstance(x, bool) for x in found)
        items = [str(x) for x in found] if flat else None
    else:
        items = split_elements(text)
    return tuple(items) if items and len(items) <= MAX_ELEMENTS else None


def _element(text: str) -> Fraction | str:
    exact = extract.read_fraction(text)
    return exact if exact is not None else extract.read_text(text) or text


def _agree(one: Fraction | str, other: Fraction | str, tolerance: float) -> bool:
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return numbers_agree(one, other, tolerance)
    return one == other


def _elements_problem(answer: Answer) -> str | None:
    value = answer.value
    several = isinstance(value, list | tuple | set | frozenset) and 0 < len(value) <= MAX_ELEMENTS
    if several and all(isinstance(x, str | int | float) and str(x).strip() for x in value):
        return None
    return f"a {answer.kind} needs one to {MAX_ELEMENTS} texts or numbers, not {value!r:.120}"


def _write_elements(answer: Answer) -> str:
    return json.dumps([str(item) for item in _ordered(answer.value)], ensure_ascii=False)


def _ordered(value: Any) -> list[Any]:
    return sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)


def _read_elements(text: str, reference: Answer, whole: bool) -> Any:
    return read_elements(text if whole else text.strip().rpartition("\n")[2])


def _compare_list(value: Sequence[str], reference: Answer, switches: Switches) -> Verdict:
    gold = [_element(str(item)) for item in reference.value]
    pairs = zip(map(_element, value), gold, strict=False)
    right = sum(_agree(one, other, switches.tolerance) for one, other in pairs)
    share = right / max(len(value), len(gold))
    return scored(share == 1.0, share, value, f"{right} of {len(gold)} elements in their places")


def _compare_set(value: Sequence[str], reference: Answer, switches: Switches) -> Verdict:
    """F1 of the elements; the right one needs every element once and no other."""
    gold = list(dict.fromkeys(_element(str(item)) for item in _ordered(reference.value)))
    given = [_element(item) for item in value]
    left = list(gold)
    for one in given:
        match = next((g for g in left if _agree(one, g, switches.tolerance)), None)
        if match is not None:
            left.remove(match)
    found = len(gold) - len(left)
    f1 = 2 * found / (len(given) + len(gold))
    return scored(f1 == 1.0, f1, value, f"F1 {f1:.3f}")


def read_permutation(text: str, size: int, *, repeats: bool = False) -> tuple[int, ...] | None:
    """The numbers 1 to ``size`` in the order that is the whole text, or None.

    Back-ticks, commas, semicolons, brackets and whitespace separate; anything else is refused.
    ``repeats`` allows numbers to stand several times and any length, as the released reader of
    arXiv 2505.23590 (Jigsaw-R1) does.

    >>> read_permutation("4 2" + chr(10) + "1 3", 4), read_permutation("1 1 2 3", 4)
    ((4, 2, 1, 3), None)
    """
    tokens = [token for token in _SEPARATORS.split(text[: 16 * MAX_ITEMS]) if token]
    if not 0 < len(tokens) <= MAX_ITEMS or not all(re.fullmatch("[0-9]{1,4}", t) for t in tokens):
        return None
    values = tuple(map(int, tokens))
    if not all(1 <= value <= size for value in values):
        return None
    return values if repeats or sorted(values) == list(range(1, size + 1)) else None


def cell_share(predicted: Sequence[int], gold: Sequence[int]) -> float:
    """Share of the places that hold the right number; 0 for another length.

    >>> cell_share((4, 2, 1, 3), (4, 1, 2, 3))
    0.5
    """
    if len(predicted) != len(gold):
        return 0.0
    return sum(one == other for one, other in zip(predicted, gold, strict=True)) / len(gold)


def _permutation_problem(answer: Answer) -> str | None:
    value = answer.value
    if isinstance(value, list | tuple) and 0 < len(value) <= MAX_ELEMENTS:
        whole = all(isinstance(v, int) and not isinstance(v, bool) for v in value)
        if whole and sorted(value) == list(range(1, len(value) + 1)):
            return None
    return f"a permutation needs each of 1 to n once, not {value!r:.120}"


def _load_permutation(text: str) -> tuple[int, ...] | None:
    return read_permutation(text, len([t for t in _SEPARATORS.split(text[:MAX_ITEMS]) if t]))


def _read_permutation(text: str, reference: Answer, whole: bool) -> Any:
    return read_permutation(text, len(reference.value))


def _compare_permutation(value: Any, reference: Answer, switches: Switches) -> Verdict:
    share = cell_share(value, reference.value)
    return scored(share == 1.0, share, value, f"{share:.0%} of the places are right")


def read_operations(text: str, *, whole: bool = True) -> tuple[Operation, ...] | None:
    """Calls ``function(object, 'value')`` in their order, or None.

    Every field is a run of word characters; quotes round the value may be missing. ``whole=True``:
    nothing but calls, separated by commas, semicolons or whitespace. ``whole=False``: every call
    in the text. Source: arXiv 2503.20752 (Reason-RFT).

    >>> read_operations("change_color(1, 'red')")
    (('change_color', '1', 'red'),)
    """
    calls = tuple(_CALL.findall(text))
    rest = _CALL.sub("", text).strip(" \t\r\n,;.[]") if whole else ""
    return calls if not rest and 0 < len(calls) <= MAX_ELEMENTS else None


def operations_score(
    predicted: Sequence[Operation],
    gold: Sequence[Operation],
    *,
    weights: tuple[float, float, float] = (0.5, 0.5, 0.25),
    repeats: bool = True,
) -> float:
    """Score of a sequence of operations whose order does not matter.

    item x (|F| + w_a a + w_b b + w_c c) with item = r / max(|P|, |S|): P and S are the sets of
    predicted and gold operations, F what both hold. Of the rest, a counts pairs of one function and
    object, b of one function and value, c of one function alone; each kind is paired greedily over
    the sorted rest before the next. r = |P| / predictions counts repeats (``repeats=False``: 1).
    ``weights`` are (0, 0, 0) for the released training reward, (-0.25, -0.25, -0.5) for its
    penalty form. 0 for no prediction. Source: arXiv 2503.20752, released code.

    >>> gold = [("shape", "2", "sphere"), ("size", "2", "small")]
    >>> operations_score([("shape", "1", "sphere"), ("size", "2", "small")], gold)
    0.75
    """
    if not predicted or not gold:
        return 0.0
    ones, others = set(predicted), set(gold)
    item = (len(ones) / len(predicted) if repeats else 1.0) / max(len(ones), len(others))
    counts = _partial_pairs(sorted(ones - others), sorted(others - ones))
    partial = sum(weight * count for weight, count in zip(weights, counts, strict=True))
    return item * (len(ones & others) + partial)


_PASSES: tuple[Callable[[Operation], tuple[str, ...]], ...] = (
    lambda call: (call[0], call[1]),
    lambda call: (call[0], call[2]),
    lambda call: (call[0],),
)


def _partial_pairs(ones: list[Operation], others: list[Operation]) -> list[int]:
    counts = []
    for key in _PASSES:
        free = Counter(map(key, others))
        paired = []
        for one in ones:
            if free[key(one)] > 0:
                free[key(one)] -= 1
                paired.append(one)
        ones = [one for one in ones if one not in paired]
        taken = Counter(map(key, paired))
        left = []
        for other in others:
            if taken[key(other)] > 0:
                taken[key(other)] -= 1
            else:
                left.append(other)
        others = left
        counts.append(len(paired))
    return counts


def _operations_problem(answer: Answer) -> str | None:
    value = answer.value
    listed = isinstance(value, list | tuple) and 0 < len(value) <= MAX_ELEMENTS
    triples = listed and all(isinstance(call, list | tuple) and len(call) == 3 for call in value)
    if triples and all(re.fullmatch(r"\w+", str(field)) for call in value for field in call):
        return None
    return f"operations need triples function, object, value, not {value!r:.120}"


def _gold_operations(answer: Answer) -> list[Operation]:
    return [(str(a), str(b), str(c)) for a, b, c in answer.value]


def _write_operations(answer: Answer) -> str:
    return ", ".join(f"{name}({place}, '{value}')" for name, place, value in answer.value)


def _compare_operations(
    value: Sequence[Operation], reference: Answer, switches: Switches
) -> Verdict:
    gold = _gold_operations(reference)
    score = operations_score(value, gold)
    right = sorted(value) == sorted(set(gold))
    return scored(right, score, value, f"score {score:.3f}")


SEQUENCE_KINDS: dict[str, Kind] = {
    "list": Kind(_elements_problem, _write_elements, read_elements, _read_elements, _compare_list),
    "set": Kind(_elements_problem, _write_elements, read_elements, _read_elements, _compare_set),
    "permutation": Kind(
        _permutation_problem,
        lambda answer: " ".join(map(str, answer.value)),
        _load_permutation,
        _read_permutation,
        _compare_permutation,
    ),
    "operations": Kind(
        _operations_problem,
        _write_operations,
        read_operations,
        by_text(read_operations),
        _compare_operations,
    ),
}
