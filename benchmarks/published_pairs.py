"""Agreement with Math-Verify's own published test pairs, read from a checkout of its repository.

    nice python benchmarks/grading.py --only published --published MATH_VERIFY_CHECKOUT/tests

The pairs (gold, prediction, expected) are read from the source of the tests and never run. Each
side is reduced to its last box, else its last formula, else the whole text, and compared as an
expression.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from gnomon.grading.extract import last_boxed
from gnomon.grading.symbolic import VerifierPool, compare_expressions
from gnomon.records import Outcome

FORMULA = re.compile(r"\$\$?([^$]+)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
WORDS = re.compile(r"[A-Za-z]{2,} +[A-Za-z]{2,}")
MARKS = re.compile(r"\\boxed|\\[()\[\]]|[\s${}.]")


def published(folder: Path) -> list[tuple[str, str, bool]]:
    """Every literal triple of two texts and 0 or 1 in the test files."""
    pairs = []
    for path in sorted(folder.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Tuple) and len(node.elts) == 3:
                try:
                    gold, given, expected = ast.literal_eval(node)
                except ValueError:
                    continue
                if isinstance(gold, str) and isinstance(given, str) and expected in (0, 1):
                    pairs.append((gold, given, bool(expected)))
    return pairs


def reduced(text: str) -> str:
    boxed = last_boxed(text)
    formulas = FORMULA.findall(text)
    last = next((part for part in formulas[-1] if part), "") if formulas else text
    return boxed if boxed is not None else last.strip()


def alone(text: str) -> bool:
    """Whether a side is one expression, with the marks around it, and nothing else."""
    return not WORDS.search(text) and MARKS.sub("", text) == MARKS.sub("", reduced(text))


def agreement(folder: Path) -> dict[str, Any]:
    """How often our verdict is the expected one, what each pair came to, and every false accept.

    ``agreement_alone`` counts the pairs whose sides are an expression each and no text around it.
    """
    pairs = published(folder)
    pool = VerifierPool(2, seconds=20.0)
    outcomes: Counter[str] = Counter()
    agreed: list[bool] = []
    plain: list[bool] = []
    accepts = []
    for gold, given, expected in pairs:
        outcome, _ = compare_expressions(reduced(given), reduced(gold), verifier=pool)
        outcomes[outcome.value] += 1
        right = outcome is Outcome.CORRECT
        agreed.append(right == expected)
        if alone(gold) and alone(given):
            plain.append(right == expected)
        if right and not expected:
            accepts.append([reduced(gold)[:80], reduced(given)[:80]])
    pool.close()
    return {
        "of": revision(folder),
        "pairs": len(pairs),
        "agreement": round(sum(agreed) / len(agreed), 4),
        "pairs_alone": len(plain),
        "agreement_alone": round(sum(plain) / max(1, len(plain)), 4),
        "outcomes": dict(outcomes),
        "reached_the_worker": pool.asked,
        "false_accepts": accepts,
    }


def revision(folder: Path) -> str:
    """The commit of the checkout that the pairs are from."""
    words = ("git", "-C", str(folder), "rev-parse", "--short=12", "HEAD")
    return subprocess.run(words, capture_output=True, text=True).stdout.strip() or "unknown"
