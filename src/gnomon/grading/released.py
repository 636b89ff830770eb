"""Released comparisons of published systems, mistakes included, for reproducing their numbers.

Each rule judges one extracted text against one reference as the released code of one system does;
what it does differently from `strict` is its docstring. None of them is meant for new work.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

from gnomon.grading.actions import match_action
from gnomon.grading.comparison import decided, scored
from gnomon.grading.extract import read_fraction
from gnomon.grading.geometry import box_iou
from gnomon.grading.grade import missing, reference_text, stamped, validate_reference
from gnomon.grading.prime import prime_equal
from gnomon.grading.puzzles.families import check_puzzle
from gnomon.grading.sequences import cell_share, read_permutation
from gnomon.grading.structured import read_json
from gnomon.grading.symbolic import default_verifier
from gnomon.parts import register
from gnomon.records import Answer, Box, Outcome, Verdict

Rule = Callable[[str, Answer], Verdict]
System = Literal[
    "apo", "general-reasoner", "griffon-r", "humanomni-v2", "infigui-r1", "jigsaw-r1", "mars2",
    "mathif", "observe-r1", "r1-aqa", "r1-aqa-mmau", "reason-rft", "rewardmap", "seed-bench-r1",
    "synlogic", "ui-r1", "univg-r1", "visionary-r1", "wethink",
]  # fmt: skip

_FIRST_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_OPTION_LETTER = re.compile(r"\(?([a-z])\)?(?=[.):\s]|$)", re.IGNORECASE)
_CORNERS = re.compile(r"\(([0-9]{1,9}), *([0-9]{1,9})\), *\(([0-9]{1,9}), *([0-9]{1,9})\)")
_ACTION = re.compile(r"'action':\s{0,9}'?(\w{1,64})'?")
_INTEGERS = re.compile(r"\[([0-9]{1,9}), ?([0-9]{1,9})\]")
_WORD = re.compile(r"\w+")


@register("grader")
def released(
    prediction: str | None,
    reference: Answer,
    response: str | None = None,
    *,
    system: System,
) -> Verdict:
    """The released comparison of one system; `gnomon.grading.released` says how each differs.

    Outcomes as in `strict`. Every text is judged, so that an unreadable one is WRONG, as released.
    The systems of `WHOLE` judge the ``response`` where it is given, whatever was extracted from it.
    Sources: the code of each system; its specification names the traps.

    >>> released("Because", Answer("choice", "B"), system="seed-bench-r1").correct
    True
    """
    name, (rule, kinds) = f"released:{system}", RULES[system]
    problem = validate_reference(reference)
    if problem is None and reference.kind not in kinds:
        problem = f"{system} compares no {reference.kind}; use the grader 'strict'"
    if problem is not None:
        verdict = Verdict(Outcome.UNPARSEABLE_REFERENCE, 0.0, prediction, reason=problem)
    else:
        if response is not None and system in WHOLE:
            prediction, rule = response, WHOLE[system]
        absent = prediction is None or len(prediction) > MAX_CHARS
        verdict = missing(None) if absent else rule(str(prediction), reference)
    return stamped(verdict, "released", name, prediction)


MAX_CHARS = 100_000
"""A longer text holds no answer (ours)."""


def first_number(text: str) -> float | None:
    """The first number of a text; one that ends with a percent sign is divided by 100.

    Commas are not read: "1,200" is 1. Source: arXiv 2505.14677 (Visionary-R1), released code.

    >>> first_number("45%"), first_number("about 12 apples"), first_number("1,200")
    (0.45, 12.0, 1.0)
    """
    match = _FIRST_NUMBER.search(text)
    if match is None or len(match.group()) > 300:
        return None
    value = float(match.group())
    return value / 100 if text.endswith("%") else value


def visionary(text: str, reference: Answer) -> Verdict:
    """A number in any sentence counts, percent is divided by 100; other texts ignore case."""
    gold = reference_text(reference)
    number = read_fraction(gold)
    value: Any = text.strip() if number is None else first_number(text.strip())
    right = value == float(number) if number is not None else value.lower() == gold.lower()
    return decided(right, value, "by the first number" if number is not None else "ignoring case")


def humanomni(text: str, reference: Answer) -> Verdict:
    """Yes or no is a substring, so that "I know" is no; a choice is equal text."""
    given, gold = text.strip(), reference_text(reference)
    if reference.kind != "yes-no":
        return decided(given == gold, given, "equal text" if given == gold else "different text")
    low = given.lower()
    right = any(word in low and word in gold for word in ("yes", "no"))
    return decided(right, given, f"{gold!r} is {'' if right else 'not '}a part of the text")


def seed_bench(text: str, reference: Answer) -> Verdict:
    """The first characters are compared, so that "Because" is B and "(B)" is wrong."""
    first = text.strip()[:1]
    return decided(first == reference_text(reference)[:1] != "", first, "by the first character")


def exact(text: str, reference: Answer) -> Verdict:
    """Equal text after strip, with its case; 7.0 is not 7."""
    given = text.strip()
    return decided(given == reference_text(reference), given, "by the exact text")


def mmau(text: str, reference: Answer) -> Verdict:
    """Every word of the right option, none that only other options have; a sentence may be right.

    Source: the MMAU rule in arXiv 2503.11197 (R1-AQA).
    """
    words = {
        label: set(_WORD.findall(option.lower())) for label, option in reference.options.items()
    }
    gold = words.pop(reference.value, set(_WORD.findall(str(reference.value).lower())))
    given = set(_WORD.findall(text.lower()))
    foreign = set().union(*words.values()) - gold if words else set()
    return decided(bool(given) and gold <= given and not foreign & given, text, "by its words")


def jigsaw(text: str, reference: Answer) -> Verdict:
    """Numbers of a grid may repeat and each right cell pays; a letter is the last capital."""
    if reference.kind == "permutation":
        value = read_permutation(text.strip(), len(reference.value), repeats=True)
        share = cell_share(value or (), reference.value)
        return scored(share == 1.0, share, value, f"{share:.0%} of the cells")
    if reference.kind == "integer":
        number = first_number(text)
        return decided(number == reference.value, number, "by the first number")
    capitals = re.findall("[A-Z]", text)
    letter = capitals[-1] if capitals else text.strip()
    return decided(letter.lower() == reference_text(reference).lower(), letter, "the last capital")


def univg(text: str, reference: Answer) -> Verdict:
    """The first (int,int),(int,int) in the text; an overlap of one pixel is none."""
    match = _CORNERS.search(text)
    if match is None:
        return decided(False, None, "no (x1,y1),(x2,y2)")
    a, b, c, d = map(float, match.groups())
    overlap = pixel_iou((a, b, c, d), reference.value)
    return scored(overlap >= 0.5, overlap, (a, b, c, d), f"IoU {overlap:.3f}")


def pixel_iou(one: Box, other: Box) -> float:
    """Intersection over union, where an overlap less than 2 pixels wide or high counts 0.

    Source: arXiv 2505.14231 (UniVG-R1), released code.

    >>> pixel_iou((0, 0, 10, 10), (9, 0, 19, 10)), pixel_iou((0, 0, 4, 4), (0, 0, 4, 2))
    (0.0, 0.5)
    """
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    # x1 < x2 - 1 as released; for whole numbers this is an overlap of at least 2.
    return box_iou(one, other) if width > 1 and height > 1 else 0.0


def ui(text: str, reference: Answer) -> Verdict:
    """Single-quoted actions only, the first decides; a missing point is (0, 0)."""
    gold = reference.value
    match = _ACTION.search(text)
    name = match.group(1) if match is not None else None
    if name != gold["action"]:
        return decided(False, name, "another action")
    pair = _INTEGERS.search(text)
    point = [int(v) for v in pair.groups()] if pair is not None else [0, 0]
    box = gold.get("bbox") or gold.get("box")
    if name != "click" or not box:
        return decided(True, name, "the right action")
    inside = box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]
    return decided(inside, point, "inside the box" if inside else "outside the box")


def infigui(text: str, reference: Answer) -> Verdict:
    """One text inside the other is right, so that an empty one always is."""
    found = read_json(text)
    value = found.get("arguments", found) if isinstance(found, dict) else None
    if not isinstance(value, dict) or not isinstance(value.get("action"), str):
        return decided(False, None, "no action")
    _, right, reason = match_action(value, reference.value, loose=True)
    return decided(right, value, reason)


def wethink(text: str, reference: Answer) -> Verdict:
    """A letter at the start decides ("A red one" is A) unless the text is that of an option."""
    if reference.kind == "choice":
        body = " ".join(text.casefold().split())
        options = {" ".join(v.casefold().split()): k for k, v in reference.options.items() if v}
        letter = _OPTION_LETTER.match(text.strip())
        value = options.get(body) or (letter.group(1).upper() if letter is not None else None)
        return decided(value == reference.value, value, "by option text or first letter")
    one, other = (_filled(side) for side in (text, reference_text(reference)))
    numbers = [read_fraction(side.replace(",", "")) for side in (one, other)]
    close = None not in numbers and abs(numbers[0] - numbers[1]) < 1e-6  # type: ignore[operator]
    return decided(one == other or close, one, "as a blank that is filled in")


def _filled(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(".")


def rewardmap(text: str, reference: Answer) -> Verdict:
    """Behind the last "=", without blanks and units; a count is an integer, "5.0" is wrong."""
    body = re.sub(r"\\(?:text|mbox|left|right)", "", text.lower().rpartition("=")[2])
    body = re.sub(r"[\s{}]|km|m\^3|units|\^\\circ", "", body).strip(":").rstrip(".")
    gold = reference_text(reference).lower()
    if reference.kind in ("integer", "count"):
        right = re.fullmatch("[-+]?[0-9]{1,30}", body) is not None and int(body) == reference.value
        return decided(right, body, "as an integer")
    return decided(body == gold, body, "as text")


def mars2(text: str, reference: Answer) -> Verdict:
    """Equal text without case, else equal numbers without commas and a final percent sign."""
    one, other = (" ".join(t.lower().split()) for t in (text, reference_text(reference)))
    numbers = [read_fraction(t.replace(",", "").removesuffix("%")) for t in (one, other)]
    first, second = numbers
    near = first is not None and second is not None and abs(first - second) <= abs(second) / 10**6
    return decided(one == other or near, one, "as text or number")


def griffon(text: str, reference: Answer) -> Verdict:
    """Equal text without case and one final full stop."""
    one, other = (
        t.strip().lower().removesuffix(".").strip() for t in (text, reference_text(reference))
    )
    return decided(one == other, one, "as text")


def general_reasoner(text: str, reference: Answer) -> Verdict:
    """The first capital from A to J anywhere in the text, so that "Alas, C" is A."""
    letter = re.search("[A-J]", text)
    value = letter.group() if letter is not None else None
    return decided(value == reference.value, value, "by the first capital")


def mathif(text: str, reference: Answer) -> Verdict:
    """An answer is found in a sentence; a hundredth and a hundredfold are right."""
    outcome, reason = prime_equal(text, reference_text(reference))
    return Verdict(outcome, float(outcome is Outcome.CORRECT), value=text.strip(), reason=reason)


def synlogic(text: str, reference: Answer) -> Verdict:
    """The released verifier of a puzzle's family; each family says what it does differently.

    Marks (a box, a fence) may not be missing. Source: arXiv 2505.19641.
    """
    outcome, reason = check_puzzle(text, reference.value, "released")
    if outcome is Outcome.UNPARSEABLE_ANSWER:
        outcome = Outcome.WRONG
    return Verdict(outcome, float(outcome is Outcome.CORRECT), value=text, reason=reason)


def tagged(text: str, reference: Answer) -> Verdict:
    """`whole` of a response that is one answer block, for a text that was extracted from it.

    A text with an opening answer tag is the response itself.
    """
    return whole(text if _OPEN in text or not text.strip() else f"{_OPEN}{text}{_CLOSE}", reference)


def whole(response: str, reference: Answer) -> Verdict:
    """View-R1's rule, which is Observe-R1's too: any text is right where the gold is unreadable.

    A bare E, yes or cat is such a gold. math-verify searches the answer with its tags around it:
    "0.5", "1/2" and "5 cm" hold nothing there and have to be written like the gold, " 0.5 " with
    its blanks and "( B ) because" hold what they say. It gets the answer in the place of the gold.
    Then the letter rule takes "it is B". Of a response `answer_candidate` is judged, which is all
    of it where it has no tags. A blank one is wrong. TIMEOUT and CRASH come from the symbolic
    worker. Source: arXiv 2506.21655 and 2505.12432.
    """
    if not response.strip():
        return decided(False, None, "an empty answer")
    candidate = answer_candidate(response)
    outcome, reason = default_verifier().compare(candidate, _marked(reference), "tagged")
    if outcome is Outcome.UNPARSEABLE_REFERENCE:
        return decided(True, candidate, f"{reason}, so that every answer is right")
    return Verdict(outcome, float(outcome is Outcome.CORRECT), value=candidate, reason=reason)


_OPEN, _CLOSE = "<answer>", "</answer>"


def answer_candidate(response: str) -> str:
    r"""What the rule of View-R1 judges of a response, tags included. Linear.

    The first answer block that stands on one line; else what follows the last opening tag, with the
    closing one; else the whole response. Source: arXiv 2506.21655, released code.

    >>> answer_candidate("So <answer>B</answer>."), answer_candidate("<answer>\nB\n</answer>")
    ('<answer>B</answer>', '\nB\n</answer>')
    """
    for line in response.split("\n"):
        start = line.find(_OPEN)
        end = line.find(_CLOSE, start) if start >= 0 else -1
        if end >= 0:
            return line[start : end + len(_CLOSE)]
    return response.rpartition(_OPEN)[2]


def _marked(reference: Answer) -> str:
    """The gold as the published data write it: formulas in dollar signs, the rest as it is."""
    text = reference_text(reference)
    return f"${text}$" if reference.kind in _FORMULAS and "$" not in text else text


_FORMULAS = frozenset(("integer", "count", "number", "quantity", "expression"))
_TEXTS = _FORMULAS | {"choice", "yes-no", "text"}
_CHOICE, _ACTIONS = frozenset(("choice",)), frozenset(("action",))
RULES: dict[str, tuple[Rule, frozenset[str]]] = {
    "apo": (tagged, _TEXTS),
    "general-reasoner": (general_reasoner, _CHOICE),
    "griffon-r": (griffon, _TEXTS),
    "humanomni-v2": (humanomni, _TEXTS),
    "infigui-r1": (infigui, _ACTIONS),
    "jigsaw-r1": (jigsaw, frozenset(("permutation", "integer", "choice"))),
    "mars2": (mars2, _TEXTS),
    "mathif": (mathif, _TEXTS),
    "observe-r1": (tagged, _TEXTS),
    "r1-aqa": (exact, _TEXTS),
    "r1-aqa-mmau": (mmau, _CHOICE),
    "reason-rft": (exact, _TEXTS),
    "rewardmap": (rewardmap, _TEXTS),
    "seed-bench-r1": (seed_bench, _CHOICE),
    "synlogic": (synlogic, frozenset(("puzzle",))),
    "ui-r1": (ui, _ACTIONS),
    "univg-r1": (univg, frozenset(("box",))),
    "visionary-r1": (visionary, _TEXTS),
    "wethink": (wethink, _TEXTS),
}
"""The rule of each system, and the kinds of answer that it knows."""
WHOLE: dict[str, Rule] = {"apo": whole, "observe-r1": whole}
"""The rule for a whole response, of systems that extract no answer before they compare."""
