"""Speed of grading beside math-verify on the same pairs, and the cost of a batch with LaTeX bombs.

    nice python benchmarks/grading.py [--pairs 2000]

Prints JSON: pairs per second of processor time of both, the share of equal verdicts, false accepts, and the
seconds that 512 completions take of which 1 % are bombs, at two workers.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

from gnomon.grading.symbolic import VerifierPool, compare_expressions
from gnomon.records import Outcome

BOMBS = [
    "9^{9^{9^{9}}}",
    "((99!)!)!",
    r"\sqrt{2+" * 40 + "2" + "}" * 40,
    "(" * 100_000 + "1" + ")" * 100_000,
    "7" * 100_000,
]


def spelled(value: Fraction, rng: random.Random) -> str:
    """One of the usual spellings of a value."""
    if value.denominator == 1:
        return rng.choice(
            [str(value.numerator), f"{value.numerator}.0", f"+{abs(value.numerator)}"]
        )
    top, bottom = value.numerator, value.denominator
    scale = rng.randint(1, 4)
    return rng.choice(
        [
            rf"\frac{{{top}}}{{{bottom}}}",
            f"{top}/{bottom}",
            rf"\frac{{{top * scale}}}{{{bottom * scale}}}",
        ]
    )


def make_pairs(count: int, seed: int = 0) -> list[tuple[str, str, bool]]:
    """Distinct pairs of a prediction and a reference, with whether they are equal."""
    rng = random.Random(seed)
    pairs = []
    for _ in range(count):
        gold = Fraction(rng.randint(1, 99_999), rng.choice([1, 1, 2, 3, 7, 8, 12, 125]))
        given = gold if rng.random() < 0.5 else gold + Fraction(rng.randint(1, 50), 7)
        pairs.append((spelled(given, rng), spelled(gold, rng), given == gold))
    return pairs


def ours(pairs: list[tuple[str, str, bool]]) -> tuple[list[bool], float, int]:
    pool = VerifierPool(1)
    start = time.process_time()
    found = [compare_expressions(p, g, verifier=pool)[0] is Outcome.CORRECT for p, g, _ in pairs]
    seconds = time.process_time() - start
    pool.close()
    return found, seconds, pool.asked


def theirs(pairs: list[tuple[str, str, bool]]) -> tuple[list[bool], float]:
    from math_verify import parse, verify

    logging.disable(logging.CRITICAL)
    verify(parse(r"\boxed{1}", parsing_timeout=None), parse(r"\boxed{2}", parsing_timeout=None))
    found = []
    start = time.process_time()
    for given, gold, _ in pairs:
        one, other = (parse(rf"\boxed{{{t}}}", parsing_timeout=None) for t in (gold, given))
        found.append(verify(one, other, timeout_seconds=None))
    return found, time.process_time() - start


def bombs(workers: int = 2) -> tuple[float, int]:
    answers = [(p, g) for p, g, _ in make_pairs(491, seed=1)]
    answers += [(rf"{n}\sqrt{{{n}}}", rf"\sqrt{{{n**3}}}") for n in range(2, 18)]  # symbolic ones
    answers += [(bomb, "5") for bomb in BOMBS]
    random.Random(0).shuffle(answers)
    pool = VerifierPool(workers)
    pool.warm()
    start = time.perf_counter()
    with ThreadPoolExecutor(workers) as threads:
        list(threads.map(lambda pair: compare_expressions(*pair, verifier=pool), answers))
    seconds = time.perf_counter() - start
    pool.close()
    return seconds, pool.asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2000)
    arguments = parser.parse_args()
    pairs = make_pairs(arguments.pairs)
    fast, seconds, asked = ours(pairs)
    slow, peer_seconds = theirs(pairs)
    batch, batch_asked = bombs()
    result = {
        "pairs": len(pairs),
        "ours_per_second": round(len(pairs) / seconds),
        "math_verify_per_second": round(len(pairs) / peer_seconds),
        "times": round(peer_seconds / seconds, 1),
        "equal_verdicts": sum(a == b for a, b in zip(fast, slow, strict=True)) / len(pairs),
        "false_accepts": sum(a and not truth for a, (*_, truth) in zip(fast, pairs, strict=True)),
        "reached_the_worker": asked,
        "batch_of_512_seconds": round(batch, 3),
        "batch_reached_the_worker": batch_asked,
    }
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
