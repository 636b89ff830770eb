"""What rewards cost: milliseconds over 512 completions of 300 tokens.

    nice python benchmarks/rewards.py

Prints the cost of two mixes: reading and grading every answer, and then accuracy, format, length
and repetition; and the same with ReVisual-R1's lexicons of self-critique and of looking again. Both
are timed in the very calls that a step makes; the first is to stay under 50 ms. Then one line per
term. Readers, pictures and symbolic comparison are left out: they cost what the second model costs.
Stored in benchmarks/results/rewards.json, from which `make docs` makes a table of docs/grading.md.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable
from typing import Any

from step import ROOT, commit_name, processor_name

from gnomon.grading.respond import grade_response
from gnomon.parts import PartError, load_kind, part
from gnomon.records import Answer, Graded, Group, Message, Outcome, Rollout, Sample, Verdict
from gnomon.rewards.score import RewardError, Term, score, score_alone

RESULT = ROOT / "benchmarks/results/rewards.json"
GROUPS, MEMBERS, WORDS = 64, 8, 230
TEXTS = ("sentences that come again", "the same words in any order")
"""Words in any order repeat no run of five, which is what takes longest to find out."""
TYPICAL: dict[str, dict[str, Any]] = {
    "accuracy": {},
    "format-match": {"format": "think-answer"},
    "length-ramp": {"budget": 300},
    "repetition": {},
}
LEXICONS: dict[str, dict[str, Any]] = {"self-critique": {}, "image-revisit": {}}
MIXES = {
    "reading and grading": {},
    "with accuracy, format, length and repetition": TYPICAL,
    "and with both lexicons of ReVisual-R1": TYPICAL | LEXICONS,
}
SENTENCES = (
    "The image shows {a} red cups on the table and {b} blue dogs left of the green box.",
    "First we count the circles, then the squares, and add both numbers to get {a}.",
    "But wait, let me check the figure again because one of them may be hidden.",
    "So there are {a} of them in the upper half and {b} in the lower half.",
    "However, the question asks about the yellow triangles only, of which I see {b}.",
    "Looking at the image again, I notice that the leftmost shape is a square.",
    "Therefore {a} plus {b} makes {c}, and nothing else is left to count here.",
    "Perhaps the small one in the corner is a circle as well, which would be {b} more.",
)
FREE = {"trl", "verl", "mask-iou", "render-match"}
"""Terms of a user's function, and those that read pictures."""
SETTINGS: dict[str, dict[str, Any]] = {
    "length-ramp": {"budget": 300},
    "soft-overlong": {"limit": 400, "buffer": 100},
    "cosine-length": {"limit": 400},
    "interval": {"column": "span"},
    "typed-answer": {"system": "visionary"},
    "grounding": {"column": "track", "task": "track_task"},
    "grounding-structure": {"column": "track", "task": "track_task"},
    "segmentation-prompt": {"column": "places"},
    "outcome": {"values": {"correct": 1.0}},
}
LINES = {"North": ["Ada", "Bode", "Cantor", "Darwin"], "South": ["Cantor", "Euler", "Fermat"]}
META: dict[str, Any] = {
    "image_caption": SENTENCES[0], "possible_answers": ["5"], "bboxs": [[0, 0, 9, 9]],
    "width": 448, "height": 448, "type": "pos", "r_plus_boxes": [[0, 0, 9, 9]],
    "r_minus_boxes": [[90, 90, 99, 99]], "problem_type": "free-form", "bbox": [0, 0, 9, 9],
    "gt": {"action": "click", "coordinate": [5, 5]}, "size": [1000, 1000], "span": [20, 40],
    "answer_type": "digit", "solution": "5", "m": 2, "n": 2, "video_length": 100.0,
    "shown_options": {"A": "5"}, "y_star": "5", "objects": [["cup", [0, 0, 1, 1]]], "difficulty_city": "hard",
    "track": {"boxes": {"1": [0, 0, 9, 9]}}, "track_task": "tracking",
    "difficulty": 6.0, "places": "<box>(1,1),(9,9)</box><points>(2,2),(3,3)</points>", "lines": LINES, "station_1": "Ada", "station_2": "Fermat", "answer": 1,
}  # fmt: skip


def thought(draw: random.Random) -> list[str]:
    """Words of sentences such as a model writes, about 270 tokens."""
    words: list[str] = []
    while len(words) < WORDS:
        a, b = draw.randint(1, 9), draw.randint(1, 9)
        words += draw.choice(SENTENCES).format(a=a, b=b, c=a + b).split()
    return words


def batch(texts: str = TEXTS[0]) -> list[Group]:
    draw = random.Random(0)
    groups = []
    for number in range(GROUPS):
        sample = Sample(
            str(number), (Message("user", "How many?"),), answer=Answer("integer", 5), meta=META
        )
        members = []
        for _ in range(MEMBERS):
            words = thought(draw)
            if texts != TEXTS[0]:
                draw.shuffle(words)
            text = f"<think>{' '.join(words)}</think> <answer>{draw.randint(4, 6)}</answer>"
            rollout = Rollout((1,) * 300, (0.0,) * 300, text, "end")
            members.append(Graded(rollout, Verdict(Outcome.WRONG, 0.0, value=None)))
        groups.append(Group(sample, tuple(members)))
    return groups


def scoring(mix: dict[str, dict[str, Any]]) -> Callable[[Group], object]:
    """What a step does with a group: reading and grading, and scoring by a mix of terms."""
    style, grader = part("format", "think-answer")(), part("grader", "strict")
    terms = [Term(name, part("reward", name, **settings), 0.5) for name, settings in mix.items()]
    combine = part("combination", "sum")

    def work(group: Group) -> object:
        graded = [grade_response(group.sample, m.rollout, style, grader) for m in group.members]
        members = tuple(score_alone(group.sample, member, terms) for member in graded)
        return score([Group(group.sample, members)], terms, combine) if terms else graded

    return work


def spent(
    groups: list[Group], work: Callable[[Group], object], repeats: int = 20
) -> dict[str, float]:
    """Milliseconds of the processor and of the clock that all groups take.

    Each group is timed alone, the best of ``repeats``, and the groups are added up: on a machine
    that others use as well, a millisecond is now and then undisturbed, a tenth of a second never.
    """
    best = [[math.inf, math.inf] for _ in groups]
    for _ in range(repeats):
        for kept, group in zip(best, groups, strict=True):
            start = time.process_time(), time.perf_counter()
            work(group)
            ends = time.process_time(), time.perf_counter()
            kept[:] = map(min, kept, (end - begun for end, begun in zip(ends, start, strict=True)))
    cpu, wall = (round(1000 * sum(column), 2) for column in zip(*best, strict=True))
    return {"cpu_ms": cpu, "wall_ms": wall}


def term_work(name: str) -> Callable[[Group], object]:
    """One term on a graded group."""
    terms = [Term(name, part("reward", name, **SETTINGS.get(name, {})))]
    return lambda group: score([group], terms, part("combination", "sum"))


def term_costs(groups: list[Group]) -> dict[str, float]:
    """Processor milliseconds of every term that needs no reader and no picture, the dearest first."""
    parts = load_kind("reward")
    costs = {}
    for name in (n for n, p in parts.items() if "ask" not in p.inputs and n not in FREE):
        try:
            costs[name] = spent(groups, term_work(name), repeats=3)["cpu_ms"]
        except (PartError, RewardError) as error:
            print(f"{name:22} left out: {error}")
    return dict(sorted(costs.items(), key=lambda item: -item[1]))


def main() -> None:
    mixes = []
    for texts in TEXTS:
        groups = batch(texts)
        for name, mix in MIXES.items():
            mixes.append({"texts": texts, "mix": name, **spent(groups, scoring(mix))})
            print(mixes[-1])
    costs = term_costs(batch())
    for name, value in costs.items():
        print(f"{name:22} {value:8.1f} ms")
    found = {
        "completions": GROUPS * MEMBERS, "tokens": 300, "mixes": mixes, "terms": costs,
        "commit": commit_name(), "machine": processor_name(),
    }  # fmt: skip
    RESULT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
