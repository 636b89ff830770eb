"""Speed of grading beside math-verify on the same pairs, and the cost of a batch with LaTeX bombs.

    nice python benchmarks/grading.py
    nice python benchmarks/grading.py --only published --published MATH_VERIFY_CHECKOUT/tests

Three measurements, each stored with its commit in benchmarks/results/grading.json, from which
`make docs` makes a table of docs/grading.md: boxed integers and fractions in turn with math-verify,
in processor time; 512 completions of which 1 % are bombs, at two workers; and agreement with the
pairs that math-verify's own tests hold (benchmarks/published_pairs.py), which need a checkout.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

from published_pairs import agreement
from step import ROOT, commit_name, processor_name

from gnomon.grading.extract import last_boxed
from gnomon.grading.symbolic import VerifierPool, compare_expressions
from gnomon.records import Outcome

RESULT = ROOT / "benchmarks/results/grading.json"
Pair = tuple[str, str, bool]
"""A boxed prediction, a boxed reference, and whether they are equal."""
BATCH, WORKERS, ROUNDS = 512, 2, 5
TURN = 100
"""Pairs that one side compares before the other does."""
BOMBS = [
    "9^{9^{9^{9}}}",
    "((99!)!)!",
    r"\sqrt{2+" * 40 + "2" + "}" * 40,
    "(" * 100_000 + "1" + ")" * 100_000,
    "7" * 100_000,
]


def spelled(value: Fraction, rng: random.Random) -> str:
    """One of the usual spellings of a value, in a box."""
    top, bottom = value.numerator, value.denominator
    scale = rng.randint(1, 4)
    spellings = [str(top), f"{top}.0", f"+{abs(top)}"] if bottom == 1 else [
        rf"\frac{{{top}}}{{{bottom}}}", f"{top}/{bottom}", rf"\frac{{{top * scale}}}{{{bottom * scale}}}"
    ]  # fmt: skip
    return rf"\boxed{{{rng.choice(spellings)}}}"


def make_pairs(count: int, seed: int = 0) -> list[Pair]:
    """Pairs of integers and fractions, half of them equal."""
    rng = random.Random(seed)
    pairs = []
    for _ in range(count):
        gold = Fraction(rng.randint(1, 99_999), rng.choice([1, 1, 2, 3, 7, 8, 12, 125]))
        given = gold if rng.random() < 0.5 else gold + Fraction(rng.randint(1, 50), 7)
        pairs.append((spelled(given, rng), spelled(gold, rng), given == gold))
    return pairs


def ours(given: str, gold: str, pool: VerifierPool) -> Outcome:
    one, other = last_boxed(given), last_boxed(gold)
    assert one is not None
    assert other is not None
    return compare_expressions(one, other, verifier=pool)[0]


def theirs(given: str, gold: str) -> bool:
    from math_verify import parse, verify

    read = (parse(text, parsing_timeout=None) for text in (gold, given))
    return bool(verify(*read, timeout_seconds=None))


def timed(pairs: list[Pair], right: Callable[[str, str], bool]) -> tuple[list[bool], float]:
    """Verdicts, and seconds of the processor."""
    start = time.process_time()
    found = [right(given, gold) for given, gold, _ in pairs]
    return found, time.process_time() - start


def speed(count: int) -> dict[str, Any]:
    """Both sides on the same pairs, in turn, so that neither has a quieter machine."""
    logging.disable(logging.CRITICAL)
    pairs, pool = make_pairs(count), VerifierPool(1)
    theirs(r"\boxed{1}", r"\boxed{2}")  # imports what it needs
    turns = []
    for start in range(0, count, TURN):
        some = pairs[start : start + TURN]
        mine = timed(some, lambda given, gold: ours(given, gold, pool) is Outcome.CORRECT)
        peer = timed(some, theirs)
        turns.append((some, mine, peer))
    pool.close()
    verdicts = [
        (a, b, truth)
        for some, (fast, _), (slow, _) in turns
        for a, b, (_, _, truth) in zip(fast, slow, some, strict=True)
    ]
    mine, peer = sum(turn[1][1] for turn in turns), sum(turn[2][1] for turn in turns)
    return {
        "pairs": count,
        "ours_per_second": round(count / mine),
        "math_verify_per_second": round(count / peer),
        "times": round(peer / mine, 1),
        "times_median": round(statistics.median(turn[2][1] / turn[1][1] for turn in turns), 1),
        "equal_verdicts": sum(a == b for a, b, _ in verdicts) / count,
        "false_accepts": sum(a and not truth for a, _, truth in verdicts),
        "false_rejects": sum(truth and not a for a, _, truth in verdicts),
        "math_verify_wrong": sum(b != truth for _, b, truth in verdicts),
        "reached_the_worker": pool.asked,
    }


def bombs() -> dict[str, Any]:
    """Seconds of the clock that a batch takes from the threads that grade it."""
    answers = [(last_boxed(p) or "", last_boxed(g) or "") for p, g, _ in make_pairs(491, seed=1)]
    answers += [(rf"{n}\sqrt{{{n}}}", rf"\sqrt{{{n**3}}}") for n in range(2, 18)]  # symbolic ones
    answers += [(bomb, "5") for bomb in BOMBS]
    assert len(answers) == BATCH
    random.Random(0).shuffle(answers)
    pool = VerifierPool(WORKERS)
    pool.warm()
    warm = pool.asked
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        with ThreadPoolExecutor(WORKERS) as threads:
            found = list(
                threads.map(lambda pair: compare_expressions(*pair, verifier=pool), answers)
            )
        seconds.append(time.perf_counter() - start)
    asked = (pool.asked - warm) // ROUNDS
    pool.close()
    return {
        "completions": BATCH,
        "bombs": len(BOMBS),
        "bombs_refused": sum(outcome is Outcome.UNPARSEABLE_ANSWER for outcome, _ in found),
        "workers": WORKERS,
        "rounds": ROUNDS,
        "seconds_best": round(min(seconds), 3),
        "seconds_median": round(statistics.median(seconds), 3),
        "reached_the_worker": asked,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5000)
    parser.add_argument("--published", type=Path, help="the folder of math-verify's tests")
    parser.add_argument("--only", nargs="+", choices=("speed", "bombs", "published"))
    chosen = parser.parse_args()
    measured: dict[str, Callable[[], dict[str, Any]]] = {
        "speed": lambda: speed(chosen.pairs), "bombs": bombs,
    }  # fmt: skip
    if chosen.published is not None:
        measured["published"] = lambda: agreement(chosen.published)
    stored = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for name in chosen.only or measured:
        found = measured[name]()
        stored[name] = {**found, "commit": commit_name(), "machine": processor_name()}
        print(json.dumps({name: stored[name]}, indent=1), flush=True)
        RESULT.write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
