"""What both sides of the benchmark do alike: the same questions, counted by the same hooks.

A side is started as `python SIDE FOLDER SETTING`, where SETTING is JSON, and makes one step for each line on its
standard input; it answers each with one line of JSON. The end of the input ends it. Nothing here imports gnomon or TRL.
"""

from __future__ import annotations

import io
import json
import os
import random
import resource
import sys
import time
from dataclasses import dataclass
from typing import Any, TextIO

WORDS = [
    "how",
    "many",
    "red",
    "blue",
    "circles",
    "squares",
    "are",
    "left",
    "of",
    "the",
    "large",
    "small",
    "one",
]
QUESTIONS = 96
"""More than one side's cache of processed images (64), so that no epoch finds them there."""
BLOCK = 28


@dataclass
class Question:
    """One image of ``side`` pixels, a question about it and an answer to learn."""

    text: str
    answer: str
    image: bytes


def questions(setting: dict[str, Any]) -> list[Question]:
    """The ``questions`` of a setting, the same on both sides; ``sides`` and ``words`` are drawn from."""
    draw = random.Random(0)
    made = []
    for number in range(setting.get("questions", QUESTIONS)):
        words, answer = (
            draw.randint(*setting.get(key, (8, 8))) for key in ("words", "answer_words")
        )
        made.append(
            Question(
                f"{number}: {' '.join(draw.choices(WORDS, k=words))}?",
                " ".join(draw.choices(WORDS, k=answer)),
                _png(draw, draw.choice(setting["sides"])),
            )
        )
    return made


def _png(draw: random.Random, side: int) -> bytes:
    """Blocks of random colours: every patch differs, and the file stays small."""
    from PIL import Image

    blocks = Image.frombytes("RGB", (side // BLOCK,) * 2, draw.randbytes(3 * (side // BLOCK) ** 2))
    file = io.BytesIO()
    blocks.resize((side, side), Image.Resampling.BILINEAR).save(file, "PNG", compress_level=1)
    return file.getvalue()


def score(token_ids: Any) -> float:
    """A reward that costs nothing and differs within a group."""
    return float(sum(int(token) for token in token_ids) % 7)


class Counter:
    """Patches that the vision tower of a Qwen2.5-VL encodes, and tokens of its training forwards, padding included."""

    def __init__(self, core: Any) -> None:
        import torch

        self.patches = self.trained = 0

        def encoded(_module: Any, args: Any) -> None:
            self.patches += len(args[0])

        def forwarded(_module: Any, args: Any) -> None:
            # Sampling and references run without gradients.
            if torch.is_grad_enabled():
                self.trained += args[0].shape[:-1].numel()

        core.model.visual.register_forward_pre_hook(encoded)
        core.model.language_model.norm.register_forward_pre_hook(forwarded)


def bias_end(core: Any, token_id: int, bias: float) -> None:
    """Make the end token likelier or, with -100, impossible to write, so that lengths are those of the setting.

    Training is left alone, where a side may make logits in other ways and a changed copy would cost memory.
    """
    import torch

    def add(_module: Any, _args: Any, logits: Any) -> None:
        if not torch.is_grad_enabled():
            logits[..., token_id] += bias

    core.lm_head.register_forward_hook(add)


def peak() -> float:
    """Most memory of this process so far in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


class Line:
    """The pipe to the benchmark; what libraries print goes to standard error."""

    def __init__(self) -> None:
        self.out: TextIO = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self.since = 0.0

    def wait(self) -> bool:
        """Wait for the next step to be asked for; false at the end."""
        asked = bool(sys.stdin.readline())
        self.since = time.perf_counter()
        return asked

    def answer(self, **values: float) -> None:
        """Answer with the seconds since it was asked, the peak of memory, and ``values``."""
        seconds = time.perf_counter() - self.since
        print(json.dumps({"seconds": seconds, "peak": peak(), **values}), file=self.out, flush=True)


def arguments() -> tuple[str, dict[str, Any]]:
    """Folder of the weights, and the setting."""
    return sys.argv[1], json.loads(sys.argv[2])
