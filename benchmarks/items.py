"""What is compared with TRL: settings of a step, and what is read off the replies of both sides."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

NEVER, RAGGED = -100.0, 3.5
"""What is added to the logit of the end token: no row ends early; about one token in 64 ends its row."""

Setting = dict[str, Any]
Reply = dict[str, float]


def grpo(prompts: int, rollouts: int, tokens: int, side: int, **further: Any) -> Setting:
    return {
        "kind": "grpo", "prompts": prompts, "rollouts": rollouts, "tokens": tokens, "sides": [side],
        "end_bias": NEVER, **further,
    }  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One measurement: ``value`` of the last replies of a process for each of ``settings``.

    ``fresh`` processes are started for each pair and make ``steps`` steps. ``best`` of the pairs is
    stored for each side; where that is `max`, more is better, and the ratio is ours / theirs; else
    theirs / ours. ``target`` is the ratio to reach, ``most`` what our side may need.
    """

    name: str
    says: str
    unit: str
    settings: tuple[Setting, ...]
    value: Callable[[Sequence[Reply]], float]
    target: float | None = None
    most: float | None = None
    best: Callable[[Iterable[float]], float] = min
    fresh: bool = False
    vocabulary: int = 2048
    steps: int = 1


def seconds(replies: Sequence[Reply]) -> float:
    return replies[0]["seconds"]


def speed(replies: Sequence[Reply]) -> float:
    return replies[0]["tokens"] / replies[0]["seconds"]


def encodings(setting: Setting) -> Callable[[Sequence[Reply]], float]:
    """Patches encoded in a step / unique patches."""
    unique = setting["prompts"] * (setting["sides"][0] // 14) ** 2
    return lambda replies: replies[0]["patches"] / unique


def forwarded(replies: Sequence[Reply]) -> float:
    """Tokens forwarded in training / unique tokens."""
    return replies[0]["trained"] / replies[0]["unique"]


def exponent(sizes: Sequence[float]) -> Callable[[Sequence[Reply]], float]:
    """Slope of log seconds over log size, by least squares: 1 is cost in proportion, 0 is none."""

    def value(replies: Sequence[Reply]) -> float:
        x = [math.log(size) for size in sizes]
        y = [math.log(reply["seconds"]) for reply in replies]
        return statistics.linear_regression(x, y).slope

    return value


def growth(name: str, says: str, sizes: Sequence[int], settings: Sequence[Setting]) -> Item:
    """The exponent of each side; the median, because a disturbed step makes it smaller as well as larger."""
    return Item(
        f"growth-{name}", f"cost growth with {says}", "exponent", tuple(settings), exponent(sizes),
        best=statistics.median,
    )  # fmt: skip


STEP = grpo(4, 8, 64, 448)
FROZEN = grpo(4, 8, 64, 448, freeze=["vision"])
MIXED = {"sides": [112, 224, 336, 448], "words": (4, 60)}
ITEMS = (
    Item("grpo-4-8-64-448", "GRPO step, 4 prompts x 8, 64 tokens, 448 px", "s", (STEP,), seconds, 3.0),
    Item("grpo-4-8-256-224", "GRPO step, 4 x 8, 256 tokens, 224 px", "s", (grpo(4, 8, 256, 224),), seconds, 2.0),
    Item("grpo-2-16-128-448", "GRPO step, 2 x 16, 128 tokens, 448 px", "s", (grpo(2, 16, 128, 448),), seconds, 4.0),
    Item("patches-4-8-64-448", "image patches encoded in a step / unique: once to write, once to train", "x",
         (STEP,), encodings(STEP), 8.0, most=2.0),
    Item("patches-frozen", "the same with a frozen vision tower: once to write, never to train", "x",
         (FROZEN,), encodings(FROZEN), 16.0, most=1.0),
    Item("tokens-4-8-64-448", "tokens forwarded in training / unique", "x", (STEP,), forwarded, most=1.05),
    Item("rollout-ragged", "rollout, 4 x 8, ragged prompts and lengths up to 256, against `generate`", "tokens/s",
         ({"kind": "generate", "prompts": 4, "rollouts": 8, "tokens": 256, "end_bias": RAGGED, **MIXED},),
         speed, 2.0, best=max),
    Item("memory-32768", "peak memory, vocabulary 32,768, 4 x 8, 256 tokens, with a KL reference", "GB",
         (grpo(4, 8, 256, 224, beta=0.04, checkpointing=True),), lambda replies: replies[0]["peak"], most=1.5,
         fresh=True, vocabulary=32768, steps=2),
    Item("cold-start", "start of Python to the end of the first GRPO step, 4 x 4, 64 tokens, 224 px", "s",
         (grpo(4, 4, 64, 224, questions=8),), lambda replies: replies[0]["since_start"], most=2.0, fresh=True),
    Item("sft-mixed", "SFT on mixed lengths, 32 examples an update, padding not counted", "tokens/s",
         ({"kind": "sft", "batch": 32, "answer_words": (8, 200), **MIXED},), speed, 1.5, best=max),
    growth("rollouts", "rollouts per prompt (4, 8, 16)", (4, 8, 16), [grpo(4, g, 64, 224) for g in (4, 8, 16)]),
    growth("tokens", "response length (32, 64, 128)", (32, 64, 128), [grpo(4, 8, t, 224) for t in (32, 64, 128)]),
    growth("image", "patches of an image (112, 224, 448 px)", (64, 256, 1024),
           [grpo(4, 8, 64, px) for px in (112, 224, 448)]),
    growth("prompts", "prompts (2, 4, 8)", (2, 4, 8), [grpo(p, 8, 64, 224) for p in (2, 4, 8)]),
)  # fmt: skip
"""Settings that several items name are measured once for all of them."""
