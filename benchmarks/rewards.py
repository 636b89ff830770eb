"""What rewards cost: CPU milliseconds of every term over 512 completions of 300 tokens.

    python benchmarks/rewards.py

Prints one line per term and the sum of a typical mix, which is to stay under 50 ms. Readers,
pictures and symbolic comparison are left out: they cost what the second model costs.
"""

from __future__ import annotations

import random
import time
from typing import Any

from gnomon.parts import load_kind, part
from gnomon.records import Answer, Graded, Group, Message, Outcome, Rollout, Sample, Verdict
from gnomon.rewards.score import Term, score

GROUPS, MEMBERS, WORDS = 64, 8, 230
TYPICAL = ("accuracy", "format-match", "length-ramp", "iou", "exact-answer", "repeated-phrases")
VOCABULARY = [
    "the",
    "image",
    "shows",
    "two",
    "red",
    "cups",
    "on",
    "a",
    "table",
    "so",
    "we",
    "count",
    "them",
    "first",
    "then",
    "check",
    "again",
    "because",
    "there",
    "are",
    "three",
    "blue",
    "dogs",
    "left",
    "of",
    "the",
    "green",
    "box",
    "and",
    "the",
    "answer",
    "is",
    "five",
]
SETTINGS: dict[str, dict[str, Any]] = {
    "length-ramp": {"budget": 300},
    "interval": {"column": "span"},
    "typed-answer": {"system": "visionary"},
    "grounding": {"column": "track", "task": "track_task"},
    "grounding-structure": {"column": "track", "task": "track_task"},
    "segmentation-prompt": {"column": "places"},
    "outcome": {"values": {"correct": 1.0}},
}
LINES = {"North": ["Ada", "Bode", "Cantor", "Darwin"], "South": ["Cantor", "Euler", "Fermat"]}
META: dict[str, Any] = {
    "image_caption": " ".join(VOCABULARY[:20]), "possible_answers": ["5"], "bboxs": [[0, 0, 9, 9]],
    "width": 448, "height": 448, "type": "pos", "r_plus_boxes": [[0, 0, 9, 9]],
    "r_minus_boxes": [[90, 90, 99, 99]], "problem_type": "free-form", "bbox": [0, 0, 9, 9],
    "gt": {"action": "click", "coordinate": [5, 5]}, "size": [1000, 1000], "span": [20, 40],
    "answer_type": "digit", "solution": "5", "m": 2, "n": 2, "video_length": 100.0,
    "shown_options": {"A": "5"}, "objects": [["cup", [0, 0, 1, 1]]], "difficulty_city": "hard",
    "track": {"boxes": {"1": [0, 0, 9, 9]}}, "track_task": "tracking",
    "difficulty": 6.0, "places": "<box>(1,1),(9,9)</box><points>(2,2),(3,3)</points>", "lines": LINES, "station_1": "Ada", "station_2": "Fermat", "answer": 1,
}  # fmt: skip


def batch() -> list[Group]:
    draw = random.Random(0)
    groups = []
    for number in range(GROUPS):
        sample = Sample(
            str(number), (Message("user", "How many?"),), answer=Answer("integer", 5), meta=META
        )
        members = []
        for _ in range(MEMBERS):
            thought = " ".join(draw.choices(VOCABULARY, k=WORDS))
            text = f"<think>{thought}</think> <answer>{draw.randint(4, 6)}</answer>"
            rollout = Rollout((1,) * 300, (0.0,) * 300, text, "end")
            members.append(Graded(rollout, Verdict(Outcome.WRONG, 0.0, value=None)))
        groups.append(Group(sample, tuple(members)))
    return groups


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
    free = {"trl", "verl", "mask-iou", "render-match"}
    names = [n for n, p in load_kind("reward").items() if "ask" not in p.inputs and n not in free]
    costs = {name: cost(groups, name) for name in names}
    for name, value in sorted(costs.items(), key=lambda item: -item[1]):
        print(f"{name:22} {value:8.1f} ms")
    print(f"\n{' + '.join(TYPICAL)}: {sum(costs[name] for name in TYPICAL):.1f} ms")


if __name__ == "__main__":
    main()
