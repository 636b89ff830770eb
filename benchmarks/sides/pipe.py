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
    """Patches that the vision tower of a Qwen2.5-VL encodes, and tokens of its training forwards, padding included.

    ``began`` is when the first training forward of a step began.
    """

    def __init__(self, core: Any) -> None:
        import torch

        self.restart()

        def begun(_module: Any, args: Any) -> None:
            if torch.is_grad_enabled() and self.began is None:
                wait_for_gpu()
                self.began = time.perf_counter()

        def encoded(_module: Any, args: Any) -> None:
            self.patches += len(args[0])
            self.patches_trained += len(args[0]) * torch.is_grad_enabled()

        def forwarded(_module: Any, args: Any) -> None:
            # Sampling and references run without gradients.
            if torch.is_grad_enabled():
                self.trained += args[0].shape[:-1].numel()

        core.get_input_embeddings().register_forward_pre_hook(begun)
        core.model.visual.merger.register_forward_pre_hook(encoded)
        core.model.language_model.norm.register_forward_pre_hook(forwarded)

    def restart(self) -> None:
        """Count from nothing, for the next step."""
        self.patches = self.patches_trained = self.trained = 0
        self.began: float | None = None

    def counts(self) -> dict[str, float]:
        """The counts of the step, and the seconds since its first training forward."""
        wait_for_gpu()
        now = time.perf_counter()
        return {
            "patches": self.patches, "patches_trained": self.patches_trained, "trained": self.trained,
            "update": now - (self.began or now),
        }  # fmt: skip


def bias_end(core: Any, tokenizer: Any, bias: float) -> Any:
    """Make the end token likelier or, with -100, impossible to write, so that lengths are those of the setting.

    Tokens that only the embeddings know cannot be written either. Training is left alone, where a changed copy
    of the logits would cost memory. What is returned ends it by ``remove()``.
    """
    import torch

    def add(_module: Any, _args: Any, logits: Any) -> None:
        if not torch.is_grad_enabled():
            logits[..., tokenizer.eos_token_id] += bias
            logits[..., len(tokenizer) :] = -1e4  # finite, so that 0 x log 0 is 0

    return core.lm_head.register_forward_hook(add)


def wait_for_gpu() -> None:
    """Let a GPU finish what it was given; clocks are read after it."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def peak() -> float:
    """Most memory of this process so far in GB; of its GPU where it uses one."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return torch.cuda.max_memory_allocated() / 1e9
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
        wait_for_gpu()
        seconds = time.perf_counter() - self.since
        print(json.dumps({"seconds": seconds, "peak": peak(), **values}), file=self.out, flush=True)


def arguments() -> tuple[str, dict[str, Any]]:
    """Folder of the weights, and the setting."""
    return sys.argv[1], json.loads(sys.argv[2])
