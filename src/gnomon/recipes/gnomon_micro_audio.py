"""gnomon-micro-audio: teach a new one-million-parameter Qwen2-Audio to hear and to name sounds.

Most of the data are conversations about a few sounds in turn: name them, give their pitches, count
beeps, say which is the loudest. The world's own questions follow, answered directly and, those that
one listen answers, with a short thought as well, so that both layouts of R1-AQA (arXiv 2503.11197)
are known. Last, many sounds are counted (`counts`). Rhythm, order and scale take several steps and
are rare, so that there is room to learn.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import Evaluation, Model, Optimizer, Recipe, Scale, Sft, Use, ours
from gnomon.worlds.spoken import SPOKEN

SPEECH = [task.name for task in SPOKEN]
"""Spoken digits, where the machine can speak."""
LISTEN = ["count", "what", "higher", "loudest", "longest", "overlap", "chord", *SPEECH]
HARD = ["what", "loudest", "longest", "what", *SPEECH]
SEVERAL = ["rhythm", "order", "scale"]


def gnomon_micro_audio(scale: Scale) -> Recipe:
    """The base model of the micro recipes that hear, from random weights."""
    return Recipe(
        name="gnomon-micro-audio",
        description="Pretraining of the bundled model that hears, on talk about sounds.",
        scale=scale,
        seed=0,
        model=Model(path="new", architecture=Use("gnomon-micro-audio")),
        stages=(
            _stage("one-sound", _talk(1, 1, 2), ours(2500)),
            _stage("few-sounds", _talk(1, 3, 3), ours(1500)),
            _stage("sounds", _mixed(*_heard()), ours(2500)),
            _stage("questions", _mixed(*_questions()), ours(2000)),
            _stage("practice", _mixed(*_practice()), ours(2500)),
            _stage("counts", _mixed(*_counts()), ours(2000), MUON, evaluate=True),
        ),
        evaluation=Evaluation(
            benchmarks=(Use("world", world="sound", tasks=[*LISTEN, *SEVERAL], items=ours(550)),),
            format=Use("direct"),
            grader=Use("lenient"),
            max_new_tokens=ours(32),
        ),
    )


def _talk(low: int, high: int, turns: int = 4) -> Use:
    """Conversations about so many sounds; one alone teaches what is heard, several where."""
    return Use("sound-chat", sounds=[low, high], turns=turns, size=10_000_000)


def _asked(tasks: list[str], **settings: Any) -> dict[str, Any]:
    return {"part": "world", "world": "sound", "tasks": tasks, "answers": "direct", **settings}


def _heard() -> tuple[list[Any], list[float]]:
    """Conversations about up to six sounds, and questions of the world."""
    sources = [_talk(1, 6), _asked(LISTEN), _asked(LISTEN, options="texts", seed=4)]
    return sources, [0.6, 0.2, 0.2]


def _questions() -> tuple[list[Any], list[float]]:
    """The world's questions, directly and with a thought, and some conversations."""
    worked = {"answers": "worked", "options": "texts"}
    sources = [
        _talk(1, 6),
        _asked(LISTEN),
        _asked(LISTEN, **worked, format="think-answer", seed=1),
        _asked(LISTEN, **worked, format="answer-only", seed=2),
        _asked(SEVERAL, seed=3),
    ]
    return sources, [0.25, 0.35, 0.15, 0.2, 0.05]


def _practice() -> tuple[list[Any], list[float]]:
    """Mostly what was learnt last: telling options apart, by letter too, and spoken digits."""
    worked = {"answers": "worked", "options": "texts"}
    sources = [
        _talk(1, 6),
        _asked(HARD, seed=5),
        _asked(HARD, options="texts", seed=6),
        _asked(LISTEN, seed=7),
        _asked(LISTEN, **worked, format="think-answer", seed=8),
        _asked(LISTEN, **worked, format="answer-only", seed=9),
        _asked(SEVERAL, seed=10),
    ]
    return sources, [0.1, 0.3, 0.15, 0.15, 0.15, 0.12, 0.03]


def _counts() -> tuple[list[Any], list[float]]:
    """Many sounds: how many are beeps and which digits are spoken, and some of all the rest."""
    worked = {"answers": "worked", "options": "texts"}
    sources = [
        _talk(3, 6),
        _asked(["count"], difficulty=[2, 5], seed=11),
        _asked(["count"], difficulty=[1, 5], **worked, format="think-answer", seed=12),
        _asked(["count"], difficulty=[1, 5], **worked, format="answer-only", seed=13),
        _asked(SPEECH, seed=14),
        _asked(HARD, options="texts", seed=15),
        _asked(LISTEN, seed=16),
        _asked(LISTEN, **worked, format="answer-only", seed=17),
        _asked(SEVERAL, seed=18),
    ]
    return sources, [0.2, 0.3, 0.06, 0.06, 0.1, 0.08, 0.1, 0.08, 0.02]


def _mixed(sources: list[Any], weights: list[float]) -> Use:
    as_parts = [
        {"part": source.part, **source.settings} if isinstance(source, Use) else source
        for source in sources
    ]
    return Use("mixture", sources=as_parts, weights=ours(weights), size=10_000_000)


ADAMW = ("adamw", 2e-3)
MUON = ("muon", 1e-3)
"""Algorithm and highest learning rate."""


def _stage(
    name: str,
    data: Use,
    steps: Any,
    optimizer: tuple[Any, float] = ADAMW,
    *,
    evaluate: bool = False,
) -> Sft:
    algorithm, peak = optimizer
    return Sft(
        name=name,
        data=data,
        format=Use("direct"),
        steps=steps,
        batch_size=ours(16),
        max_tokens=288,
        optimizer=Optimizer(
            algorithm=algorithm,
            learning_rate=Use("cosine", peak=ours(peak), warmup=ours(50), floor=ours(1e-5)),
            betas=(0.9, 0.98),
            weight_decay=ours(0.05),
        ),
        micro_batch_tokens=ours(3072),
        save_every=100,
        evaluate=evaluate,
    )
