"""The worker process of `gnomon.grading.symbolic`: answers one comparison after another.

It is run by file, imports nothing of the package, reads JSON and never evaluates text as Python:
LaTeX goes through a grammar (latex2sympy), plain expressions through the closed parser below.
"""

from __future__ import annotations

import json
import logging
import re
import resource
import signal
import sys
from collections import deque
from multiprocessing.connection import Connection
from typing import Any

CHOICES = frozenset("abcdef")
TOKEN = re.compile(r"\s*([0-9]*\.[0-9]+|[0-9]+\.?|sqrt|pi|[a-zA-Zα-ω]|[-+*/^()])")


def serve(connection: Connection, megabytes: int) -> None:
    """Answer {mode, prediction, reference, seconds} by [outcome, reason] until the pipe closes."""
    import math_verify  # noqa: F401  (loaded before the limits, so that a request finds it)

    limit = megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    logging.disable(logging.CRITICAL)
    connection.send_bytes(b"ready")
    while True:
        try:
            request = json.loads(connection.recv_bytes())
        except EOFError:
            return
        # The alarm ends a worker whose parent died in the middle of a request; it is never handled.
        signal.alarm(int(request["seconds"]) + 5)
        answer = _answer(request)
        signal.alarm(0)
        connection.send_bytes(json.dumps(answer).encode())


def _answer(request: dict[str, Any]) -> list[str]:
    compare = _MODES[request["mode"]]
    try:
        return list(compare(request["prediction"], request["reference"]))
    except MemoryError:
        return ["crash", "the symbolic comparison needs more memory than its limit"]
    except RecursionError:
        return ["crash", "the symbolic comparison nests too deeply"]
    except Exception as error:  # noqa: BLE001  a symbolic library may raise anything; it is reported, typed
        return ["crash", f"the symbolic comparison failed: {type(error).__name__}: {error}"[:300]]


def compare_latex(prediction: str, reference: str) -> tuple[str, str]:
    """Outcome of math-verify on two LaTeX expressions, each of them a whole text."""
    from math_verify import verify

    gold = _parse_latex(reference)
    if gold is None:
        return "unparseable reference", "the reference is no expression that can be read"
    found = _parse_latex(prediction)
    if found is None:
        return "unparseable answer", "the answer is no expression that can be read"
    if verify(gold, found, timeout_seconds=None, raise_on_error=True):
        return "correct", "symbolically equal"
    return "wrong", "symbolically different"


def _parse_latex(text: str) -> Any:
    # math_verify.parse takes a lack of memory for "nothing found"; its two steps, called here,
    # let it pass (as a SystemError where C code ran out of it).
    from latex2sympy2_extended.latex2sympy2 import normalize_latex  # type: ignore[import-untyped]
    from math_verify import LatexExtractionConfig
    from math_verify.parser import parse_latex_cached

    try:
        plain = normalize_latex(text, config=LatexExtractionConfig().normalization_config)
        return parse_latex_cached(plain) if plain else None
    except (MemoryError, RecursionError, SystemError):
        raise
    except Exception:  # noqa: BLE001  the grammar raises many kinds on text that is no LaTeX
        return None


def compare_whole(prediction: str, reference: str) -> tuple[str, str]:
    """Outcome of math-verify with its own search for the answer, on two whole texts."""
    from math_verify import parse, verify

    gold, found = (parse(text, parsing_timeout=None) for text in (reference, prediction))
    if not gold:
        return "unparseable reference", "math-verify finds nothing in the reference"
    if not found:
        return "unparseable answer", "math-verify finds nothing in the answer"
    if verify(gold, found, timeout_seconds=None, raise_on_error=True):
        return "correct", "equal by math-verify"
    return "wrong", "different by math-verify"


def compare_tagged(prediction: str, reference: str) -> tuple[str, str]:
    """Outcome of View-R1's accuracy rule on an answer with its tags and a gold text.

    The first hit decides: math-verify, with the answer in the place of the gold; a text that is
    written like the gold; the only letter from a to f. An answer that cannot be read is wrong.
    Source: arXiv 2506.21655, released code.
    """
    from math_verify import (
        ExprExtractionConfig,
        LatexExtractionConfig,
        StringExtractionConfig,
        parse,
        verify,
    )

    searched = (StringExtractionConfig(), LatexExtractionConfig(), ExprExtractionConfig())
    gold, found = (parse(text, searched, parsing_timeout=None) for text in (reference, prediction))
    if not gold:
        return "unparseable reference", "math-verify finds nothing in the reference"
    if verify(found, gold, timeout_seconds=None):
        return "correct", "equal by math-verify"
    bare = prediction.replace("</answer>", "").replace("<answer>", "").strip()
    if verify(bare, gold, timeout_seconds=None):
        return "correct", "written like the reference"
    letters = CHOICES & set(bare.lower())
    if any(letters == {str(member).lower()} for member in gold):
        return "correct", "its only letter from a to f"
    return "wrong", "different by math-verify and by its letters"


def compare_difference(prediction: str, reference: str) -> tuple[str, str]:
    """Whether the difference of two expressions simplifies to 0; the unreadable is wrong."""
    import sympy

    try:
        difference = parse_plain(reference) - parse_plain(prediction)
    except ValueError as error:
        return "wrong", str(error)
    if sympy.simplify(difference) == 0:
        return "correct", "the difference simplifies to 0"
    return "wrong", "the difference does not simplify to 0"


def parse_plain(text: str) -> Any:
    """A sympy expression of numbers, one-letter symbols, sqrt, pi, + - * / ^ and implicit products.

    Raises ValueError on anything else. Nesting is bounded by the caller's size estimate.
    """
    tokens: deque[str] = deque()
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"{text[position]!r} cannot be read in an expression")
        tokens.append(match.group(1))
        position = match.end()
    value = _sum(tokens)
    if tokens:
        raise ValueError(f"{tokens[0]!r} stands where the expression should end")
    return value


def _sum(tokens: deque[str]) -> Any:
    value = _product(tokens)
    while tokens and tokens[0] in "+-":
        value = value + _product(tokens) if tokens.popleft() == "+" else value - _product(tokens)
    return value


def _product(tokens: deque[str]) -> Any:
    value = _signed(tokens)
    while tokens and tokens[0] not in "+-)":
        if tokens[0] == "/":
            tokens.popleft()
            value = value / _signed(tokens)
        else:
            if tokens[0] == "*":
                tokens.popleft()
            value = value * _signed(tokens)
    return value


def _signed(tokens: deque[str]) -> Any:
    sign = 1
    while tokens and tokens[0] in "+-":
        sign = -sign if tokens.popleft() == "-" else sign
    base = _atom(tokens)
    if tokens and tokens[0] == "^":
        tokens.popleft()
        base = base ** _signed(tokens)
    return sign * base


def _atom(tokens: deque[str]) -> Any:
    import sympy

    if not tokens:
        raise ValueError("the expression ends too early")
    token = tokens.popleft()
    if token == "(":
        value = _sum(tokens)
        if not tokens or tokens.popleft() != ")":
            raise ValueError("a bracket does not close")
        return value
    if token == "sqrt":
        return sympy.sqrt(_atom(tokens))
    if token == "pi":
        return sympy.pi
    if token[0].isdigit() or token[0] == ".":
        return sympy.Rational(token)
    if token.isalpha():
        return sympy.Symbol(token)
    raise ValueError(f"{token!r} stands where a value should stand")


_MODES = {
    "latex": compare_latex,
    "difference": compare_difference,
    "whole": compare_whole,
    "tagged": compare_tagged,
}


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), int(sys.argv[2]))
