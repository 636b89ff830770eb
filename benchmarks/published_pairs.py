"""Agreement with Math-Verify's own published test pairs, read from a checkout of its repository.

    nice python benchmarks/published_pairs.py MATH_VERIFY_CHECKOUT/tests

The pairs (gold, prediction, expected) are read from the source of the tests and never run. Each
side is reduced to its last box, else its last formula, else the whole text, and compared as an
expression. Prints JSON: how often our verdict is the expected one, and every false accept.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

from gnomon.grading.extract import last_boxed
from gnomon.grading.symbolic import VerifierPool, compare_expressions
from gnomon.records import Outcome

FORMULA = re.compile(r"\$\$?([^$]+)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)


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


def main() -> None:
    pairs = published(Path(sys.argv[1]))
    pool = VerifierPool(2, seconds=20.0)
    outcomes: dict[str, int] = {}
    agree, accepts = 0, []
    for gold, given, expected in pairs:
        outcome, _ = compare_expressions(reduced(given), reduced(gold), verifier=pool)
        outcomes[outcome.value] = outcomes.get(outcome.value, 0) + 1
        right = outcome is Outcome.CORRECT
        agree += right == expected
        if right and not expected:
            accepts.append([reduced(gold)[:80], reduced(given)[:80]])
    pool.close()
    result = {"pairs": len(pairs), "agreement": agree / len(pairs), "outcomes": outcomes,
              "reached_the_worker": pool.asked, "false_accepts": accepts}  # fmt: skip
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
