"""Pictures of a world with the place of every word on them, and of what has a name."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import partial

import numpy as np

from gnomon.parts import PartError, register
from gnomon.records import Answer, Message, Sample
from gnomon.worlds.digits import Split
from gnomon.worlds.lettering import legend
from gnomon.worlds.scene import between, pick
from gnomon.worlds.source import SampleSource
from gnomon.worlds.world import WorldTask, check_levels, draw_posed, tasks_of, world_task

ASKED = "<image>What is written here?"


@register("source")
def inscriptions(
    *,
    world: str,
    tasks: list[str] | None = None,
    split: Split = "train",
    difficulty: tuple[int, int] = (1, 5),
    size: int = 1_000_000,
    seed: int = 0,
) -> SampleSource:
    """Pictures of a ``world`` that show text, for an ``ocr`` stage (ours).

    They are those of ``tasks`` (all that show one image when None). ``meta``: ``inscriptions``, for
    the picture a list of words as (text, x of each character, y), centres in pixels; ``names``, a
    list of what stands where as (name, box); ``world``, ``difficulty``. The answer is all that is
    written, word by word as it was drawn. Raises `PartError`, a ValueError, for an unknown world or
    task, one that shows no single image, and a bad range.
    """
    check_levels(difficulty)
    chosen = tuple(world_task(world, name) for name in tasks or tasks_of(world))
    shown = tuple(task for task in chosen if task.shows == "image")
    if not shown or (tasks and len(shown) < len(chosen)):
        raise PartError(f"world={world!r}, tasks={tasks}: name tasks that show one image")
    return SampleSource(size, partial(_sample, _Wanted(world, shown, split, difficulty, seed)))


@dataclass(frozen=True)
class _Wanted:
    """Which pictures a source shows."""

    world: str
    tasks: tuple[WorldTask, ...]
    split: Split
    difficulty: tuple[int, int]
    seed: int


def _sample(wanted: _Wanted, index: int) -> Sample:
    salt = zlib.crc32(f"{wanted.world}/inscriptions".encode())
    rng = np.random.default_rng([wanted.seed, index, salt, int(wanted.split == "test")])
    level = between(rng, *wanted.difficulty)
    posed = draw_posed(pick(rng, wanted.tasks), rng, level, wanted.split)
    with legend() as found:
        media = posed.show()
    text = " ".join(mark[0] for mark in found.marks)
    return Sample(
        id=f"{wanted.world}/{wanted.split}/inscriptions/{wanted.seed}-{index}",
        messages=(Message("user", ASKED),),
        media=media,
        answer=Answer("text", text),
        task="inscriptions",
        meta={
            "world": wanted.world,
            "difficulty": level,
            **found.told(),
            "answer_text": text,
            "thought": "",
        },
    )
