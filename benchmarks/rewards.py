"""What rewards cost: CPU milliseconds over 512 completions of 300 tokens.

    python benchmarks/rewards.py

Prints the cost of two mixes: reading and grading every answer, and then accuracy, format, length
and repetition; and the same with ReVisual-R1's lexicons of self-critique and of looking again. Both
are timed in the very calls that a step makes; the first is to stay under 50 ms. Then one line per
term. Readers, pictures and symbolic comparison are left out: they cost what the second model costs.
"""

from __future__ import annotations

import random
import time
from typing import Any

from gnomon.grading.respond import grade_response
from gnomon.parts import PartError, load_kind, part
from gnomon.records import Answer, Graded, Group, Message, Outcome, Rollout, Sample, Verdict
from gnomon.rewards.score import RewardError, Term, score, score_alone

GROUPS, MEMBERS, WORDS = 64, 8, 230
TYPICAL: dict[str, dict[str, Any]] = {
    "accuracy": {},
    "format-match": {"format": "think-answer"},
    "length-ramp": {"budget": 300},
    "repetition": {},
}
LEXICONS: dict[str, dict[str, Any]] = {"self-critique": {}, "image-revisit": {}}
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
    "shown_options": {"A": "5"}, "objects": [["cup", [0, 0, 1, 1]]], "difficulty_city": "hard",
    "track": {"boxes": {"1": [0, 0, 9, 9]}}, "track_task": "tracking",
    "difficulty": 6.0, "places": "<box>(1,1),(9,9)</box><points>(2,2),(3,3)</points>", "lines": LINES, "station_1": "Ada", "station_2": "Fermat", "answer": 1,
}  # fmt: skip


def thought(draw: random.Random) -> str:
    """Sentences such as a model writes, of about 270 tokens."""
    words: list[str] = []
    while len(words) < WORDS:
        a, b = draw.randint(1, 9), draw.randint(1, 9)
        words += draw.choice(SENTENCES).format(a=a, b=b, c=a + b).split()
    return " ".join(words)


def batch() -> list[Group]:
    draw = random.Random(0)
    groups = []
    for number in range(GROUPS):
        sample = Sample(
            str(number), (Message("user", "How many?"),), answer=Answer("integer", 5), meta=META
        )
        members = []
        for _ in range(MEMBERS):
            text = f"<think>{thought(draw)}</think> <answer>{draw.randint(4, 6)}</answer>"
            rollout = Rollout((1,) * 300, (0.0,) * 300, text, "end")
            members.append(Graded(rollout, Verdict(Outcome.WRONG, 0.0, value=None)))
        groups.append(Group(sample, tuple(members)))
    return groups


def mixed(groups: list[Group], mix: dict[str, dict[str, Any]], repeats: int = 20) -> float:
    """CPU milliseconds of grading and scoring all responses by a mix of terms.

    Each group is timed alone, the best of ``repeats``, and the groups are added up: on a machine
    that others use as well, a millisecond is now and then undisturbed, a tenth of a second never.
    """
    style, grader = part("format", "think-answer")(), part("grader", "strict")
    terms = [Term(name, part("reward", name, **settings), 0.5) for name, settings in mix.items()]
    combine = part("combination", "sum")
    best = [float("inf")] * len(groups)
    for _ in range(repeats):
        for number, group in enumerate(groups):
            start = time.process_time()
            members = tuple(
                score_alone(
                    group.sample, grade_response(group.sample, m.rollout, style, grader), terms
                )
                for m in group.members
            )
            score([Group(group.sample, members)], terms, combine)
            best[number] = min(best[number], time.process_time() - start)
    return 1000 * sum(best)


def cost(groups: list[Group], name: str) -> float:
    """CPU milliseconds of one term, the best of three."""
    terms = [Term(name, part("reward", name, **SETTINGS.get(name, {})))]
    times = []
    for _ in range(3):
        start = time.process_time()
        score(groups, terms, part("combination", "sum"))
        times.append(time.process_time() - start)
    return 1000 * min(times)


def main() -> None:
    groups = batch()
    for mix in (TYPICAL, TYPICAL | LEXICONS):
        print(f"grading and {' + '.join(mix)}: {mixed(groups, mix):.1f} ms")
    parts = load_kind("reward")
    names = [n for n, p in parts.items() if "ask" not in p.inputs and n not in FREE]
    costs = {}
    for name in names:
        try:
            costs[name] = cost(groups, name)
        except (PartError, RewardError) as error:
            print(f"{name:22} left out: {error}")
    for name, value in sorted(costs.items(), key=lambda item: -item[1]):
        print(f"{name:22} {value:8.1f} ms")


if __name__ == "__main__":
    main()
