"""Benchmarks: named, fixed sets of held-out questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gnomon.data.layouts import LayoutName
from gnomon.data.sources import RecordSource, jsonl, parquet
from gnomon.parts import PartError, nearest, register
from gnomon.records import AnswerKind, Sample
from gnomon.worlds.digits import Split
from gnomon.worlds.microworld import Modality, microworld
from gnomon.worlds.problems import PROBLEMS
from gnomon.worlds.questions import multi_step_tasks, single_step_tasks
from gnomon.worlds.source import SampleSource
from gnomon.worlds.world import Options, world_source


class Samples(Protocol):
    """Samples by index from 0; a record that cannot be used raises `BadRecord` on access."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


@dataclass(frozen=True)
class Benchmark:
    """A fixed set of questions.

    ``root`` is the folder that relative image paths are under and that no path may leave.
    """

    name: str
    samples: Samples
    description: str
    root: Path | None = None


@register("benchmark")
def microworld_reasoning(
    *,
    tasks: list[str] | None = None,
    items: int = 512,
    seed: int = 1,
    difficulty: tuple[int, int] = (1, 5),
    split: Split = "test",
) -> Benchmark:
    """Multi-step questions about pictures, held out by construction (ours).

    The ``tasks``, all multi-step ones of the microworld when None, in turn, difficulty even over
    the range, scenes, digit scans and wordings of ``split``. The same settings give the same items.
    Raises `PartError` for no items, for tasks of another kind and for settings that the microworld
    refuses.
    """
    asked = _among(tasks, multi_step_tasks())
    samples = _world(asked, "image", _at_least_one(items), seed, difficulty, split)
    return Benchmark(
        "microworld-reasoning", samples, f"{items} multi-step questions about pictures ({split})"
    )


@register("benchmark")
def microworld_perception(
    *,
    tasks: list[str] | None = None,
    items: int = 512,
    seed: int = 1,
    difficulty: tuple[int, int] = (1, 5),
    split: Split = "test",
) -> Benchmark:
    """Questions that one look at a picture answers, held out by construction (ours).

    All single-step tasks in turn, the caption included, or the named ones; otherwise as
    `microworld_reasoning`.
    """
    asked = _among(tasks, single_step_tasks())
    samples = _world(asked, "image", _at_least_one(items), seed, difficulty, split)
    return Benchmark(
        "microworld-perception", samples, f"{items} one-look questions about pictures ({split})"
    )


@register("benchmark")
def microworld_text(
    *,
    items: int = 512,
    seed: int = 1,
    difficulty: tuple[int, int] = (1, 5),
    split: Split = "test",
) -> Benchmark:
    """Questions with the scene written out, then arithmetic and logic (ours).

    Each task has an equal share, as far as ``items`` divides. The questions about scenes come first
    and are, with the same settings, the first ones of `microworld_reasoning`: the difference
    between the two is what reading the picture costs.
    """
    tasks = multi_step_tasks()
    twins = _at_least_one(items) * len(tasks) // (len(tasks) + len(PROBLEMS))
    scenes = _world(tasks, "text", twins, seed, difficulty, split)
    problems = _world(list(PROBLEMS), "text", items - twins, seed, difficulty, split)

    def draw(index: int) -> Sample:
        return scenes[index] if index < twins else problems[index - twins]

    description = f"{twins} written scenes and {items - twins} problems without a scene ({split})"
    return Benchmark("microworld-text", SampleSource(items, draw), description)


@register("benchmark", "world")
def world_benchmark(
    *,
    world: str,
    tasks: list[str] | None = None,
    items: int = 512,
    seed: int = 1,
    difficulty: tuple[int, int] = (1, 5),
    options: Options = "letters",
    split: Split = "test",
) -> Benchmark:
    """Questions of a world, held out by construction, its ``tasks`` in turn (all when None) (ours).

    Settings are those of the source `world`; the same ones give the same items. Raises `PartError`
    for no items and for settings that the source refuses.
    """
    samples = world_source(
        world=world, tasks=tasks, size=_at_least_one(items), seed=seed, difficulty=difficulty,
        split=split, options=options,
    )  # fmt: skip
    return Benchmark(world, samples, f"{items} questions of the world {world} ({split})")


@register("benchmark")
def records(
    *,
    path: Path,
    root: Path | None = None,
    items: int | None = None,
    columns: dict[str, str] | None = None,
    answer_kind: AnswerKind = "number",
    layout: LayoutName = "plain",
) -> Benchmark:
    """Questions from a user's JSON lines or parquet: a file, or all files of a folder (ours).

    ``root``, ``columns``, ``answer_kind`` and ``layout`` are those of the sources ``jsonl`` and
    ``parquet``. ``items`` takes the first ones only, None all. A record that cannot be used is
    counted and named by the evaluation, which goes on without it. Raises ValueError (`PartError` is
    one) at once for a path, a file or a column that is missing.
    """
    read = _opener(path)
    opened = read(path=path, root=root, columns=columns, answer_kind=answer_kind, layout=layout)
    size = len(opened) if items is None else min(_at_least_one(items), len(opened))
    samples = SampleSource(size, opened.__getitem__)
    description = f"the first {size} of {len(opened)} records of {path.name}"
    return Benchmark(path.name, samples, description, opened.root)


def _opener(path: Path) -> Callable[..., RecordSource]:
    """The source that reads a file, or the files that a folder holds."""
    openers = {".jsonl": jsonl, ".parquet": parquet}
    found = [ending for ending in openers if path.suffix == ending or any(path.glob(f"*{ending}"))]
    if len(found) != 1:
        held = " and ".join(found) or "neither .jsonl nor .parquet"
        raise PartError(
            f"path={str(path)!r}: {held} here; give one .jsonl or .parquet file, or a folder with "
            "files of one of the two"
        )
    return openers[found[0]]


def _world(
    tasks: list[str],
    modality: Modality,
    size: int,
    seed: int,
    difficulty: tuple[int, int],
    split: Split,
) -> SampleSource:
    return microworld(
        tasks=tasks, modality=modality, size=size, seed=seed, difficulty=difficulty, split=split
    )


def _among(tasks: list[str] | None, known: list[str]) -> list[str]:
    """The tasks, all that are known for None; `PartError` for none and for one not among them."""
    if tasks is None:
        return known
    if not tasks:
        raise PartError("tasks=[]: name at least one task, or leave it out for all")
    for name in tasks:
        if name not in known:
            told = f"this benchmark has no task {name!r}{nearest(name, known)}"
            raise PartError(f"{told}; known: {', '.join(known)}")
    return tasks


def _at_least_one(items: int) -> int:
    if items < 1:
        raise PartError(f"items={items}: use at least 1")
    return items
