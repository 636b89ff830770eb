"""The run folder: everything that one run writes, and how it is read back.

Logs are JSON lines which are appended and flushed; everything else is written beside its place and
renamed. ``metrics.jsonl`` holds deterministic values only, so that a killed and resumed run ends
with the same file as an unbroken one; times go to ``timings.jsonl``. JSON has no NaN: values that
are not finite are null.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gnomon.checkpoint import list_checkpoints
from gnomon.disk import TEMPORARY, remove, write_atomic
from gnomon.logs import (
    RunError,
    append_line,
    json_bytes,
    json_line,
    keep_lines,
    read_json,
    read_lines,
)
from gnomon.machine import environment
from gnomon.parts import nearest
from gnomon.rollouts import as_png_or_jpg, complete_row, parquet_bytes, read_rows

__all__ = ["IMAGES", "LOGS", "Run", "RunError"]

LOGS = ("metrics.jsonl", "timings.jsonl", "skipped.jsonl")
IMAGES = "rollouts/images"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Run:
    """One run folder; every reader gives empty values for what is not there yet."""

    path: Path

    @classmethod
    def create(cls, root: Path, recipe_name: str, scale: str, recipe_yaml: str) -> Run:
        """Make ``root/<recipe>-<scale>-<time>`` with the resolved recipe and the environment.

        Characters which do not suit a file name become hyphens. A second run within the same second
        gets a number at the end.
        """
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{recipe_name}-{scale}").strip("-.")
        run = cls(_make_folder(root, f"{stem}-{datetime.now():%Y%m%d-%H%M%S}"))
        write_atomic(run.path / "environment.json", json_bytes(environment()))
        write_atomic(run.path / "recipe.yaml", recipe_yaml.encode())
        return run

    @classmethod
    def open(cls, path: Path | str) -> Run:
        """The run at ``path``; raises `RunError` naming the nearest runs when there is none."""
        path = Path(path)
        if not (path / "recipe.yaml").is_file():
            raise RunError(f"{path} is not a run folder: it has no recipe.yaml{_other_runs(path)}")
        return cls(path)

    # -- writing ----------------------------------------------------------------------------------

    def log(self, stage: str, index: int, step: int, values: Mapping[str, Any]) -> None:
        """Append a line of deterministic values to ``metrics.jsonl`` and wait for the disk."""
        line = json_line(stage, index, step, values)
        append_line(self.path / "metrics.jsonl", line, durable=True)

    def time(
        self,
        stage: str,
        index: int,
        step: int,
        seconds: Mapping[str, float],
        tokens_per_second: float | None = None,
        memory: float | None = None,
    ) -> None:
        """Append to ``timings.jsonl`` what each phase of a step took, and the memory in GB."""
        values = {"seconds": seconds, "tokens_per_second": tokens_per_second, "memory": memory}
        append_line(self.path / "timings.jsonl", json_line(stage, index, step, values))

    def skip(self, stage: str, index: int, step: int, place: str, id: str, reason: str) -> None:
        """Append to ``skipped.jsonl`` what was left out, where (as ``source``) and why."""
        values = {"place": place, "id": id, "reason": reason}
        append_line(self.path / "skipped.jsonl", json_line(stage, index, step, values))

    def write_rollouts(
        self,
        index: int,
        stage: str,
        step: int,
        rows: Sequence[Mapping[str, Any]],
        images: Mapping[str, bytes],
    ) -> Path:
        """Write the rollouts of one step as parquet; returns the file.

        ``rows`` hold the `gnomon.rollouts.COLUMNS`; stage, index and step are filled in, and
        difficulty, prediction and advantage (None) and kept (1) have defaults. A row's ``images``
        are keys of ``images``, whose encoded bytes are stored once each under their hash, or names
        of files stored before. Formats other than PNG and JPEG are stored as PNG. A wrong column or
        an unknown image raises `RunError`, bytes that are no image `gnomon.records.BadRecord`.
        """
        place = self.path / "rollouts" / _stage_name(index, stage) / f"{step:06d}.parquet"
        return self._write_rows(place, index, stage, step, rows, images)

    def write_evaluation(
        self,
        index: int,
        stage: str,
        result: Mapping[str, Any],
        rows: Sequence[Mapping[str, Any]],
        images: Mapping[str, bytes],
    ) -> Path:
        """Write one evaluation: ``result`` as JSON (returned), its responses as parquet beside it.

        Rows and images are those of `write_rollouts`; ``result["step"]`` is the step of the stage,
        0 without.
        """
        place = self.path / "evaluations" / f"{_stage_name(index, stage)}.json"
        step = int(result.get("step", 0))
        self._write_rows(place.with_suffix(".parquet"), index, stage, step, rows, images)
        return write_atomic(
            place, json_bytes({"stage": stage, "index": index, "step": step} | dict(result))
        )

    def write_summary(self, summary: Mapping[str, Any]) -> Path:
        """Replace ``summary.json``."""
        return write_atomic(self.path / "summary.json", json_bytes(summary))

    def rewind(self, index: int, step: int) -> None:
        """Remove everything that was logged after a step, before resuming from there.

        Lines of step ``step`` of stage ``index`` itself stay. Also removes later rollouts and
        evaluations, lines that a kill cut off, and files that were not in place yet. Checkpoints
        are left alone.
        """
        for name in LOGS:
            keep_lines(self.path / name, (index, step))
        for path in self.path.glob("rollouts/[0-9]*-*/[0-9]*.parquet"):
            if (_index_of(path.parent), int(path.stem)) > (index, step):
                path.unlink()
        for path in [file for file in self._evaluation_files() if _done(file) > (index, step)]:
            path.unlink()
        for place in (*self.path.glob("rollouts/*"), self.path / "evaluations", self.path):
            for rest in place.glob(f"{TEMPORARY}*"):
                remove(rest)

    # -- reading ----------------------------------------------------------------------------------

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of ``metrics.jsonl``; a line that is being written is left out."""
        return read_lines(self.path / "metrics.jsonl")

    def timings(self) -> list[dict[str, Any]]:
        """The lines of ``timings.jsonl``."""
        return read_lines(self.path / "timings.jsonl")

    def skipped(self) -> list[dict[str, Any]]:
        """The lines of ``skipped.jsonl``."""
        return read_lines(self.path / "skipped.jsonl")

    def rollouts(
        self, index: int | None = None, stage: str | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Rollouts in the order of stages and steps, of one stage if named, at most ``limit`` rows.

        Reads no more files than it needs.
        """
        pattern = f"{'[0-9]*' if index is None else index}-{stage or '*'}/[0-9]*.parquet"
        paths = (self.path / "rollouts").glob(pattern)
        ordered = sorted(paths, key=lambda path: (_index_of(path.parent), int(path.stem)))
        return read_rows(ordered, limit)

    def evaluations(self) -> list[dict[str, Any]]:
        """The results of all evaluations, in the order of stages."""
        results = [path for path in self._evaluation_files() if path.suffix == ".json"]
        return [read_json(path) for path in sorted(results, key=_index_of)]

    def evaluation_rows(
        self, index: int, stage: str, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """The evaluated responses of one stage, at most ``limit``; empty without an evaluation."""
        path = self.path / "evaluations" / f"{_stage_name(index, stage)}.parquet"
        return read_rows([path] if path.is_file() else [], limit)

    def summary(self) -> dict[str, Any]:
        """``summary.json``, empty before it is written."""
        return read_json(self.path / "summary.json")

    def checkpoint_folder(self, index: int, stage: str) -> Path:
        """Where the checkpoints of a stage lie; `gnomon.checkpoint` works on it."""
        return self.path / "checkpoints" / _stage_name(index, stage)

    def checkpoint_path(self, index: int, stage: str, step: int) -> Path:
        """The folder of one checkpoint."""
        return self.checkpoint_folder(index, stage) / f"step-{step:06d}"

    def checkpoints(self, index: int, stage: str) -> list[Path]:
        """The checkpoints of a stage, oldest first, damaged ones included."""
        return list_checkpoints(self.checkpoint_folder(index, stage))

    def _evaluation_files(self) -> list[Path]:
        files = (self.path / "evaluations").glob("[0-9]*-*")
        return sorted(file for file in files if file.suffix in (".json", ".parquet"))

    def _write_rows(
        self,
        place: Path,
        index: int,
        stage: str,
        step: int,
        rows: Sequence[Mapping[str, Any]],
        images: Mapping[str, bytes],
    ) -> Path:
        names = {key: self._store_image(data) for key, data in images.items()}
        fixed = {"stage": stage, "index": index, "step": step}
        complete = [complete_row({**row, **fixed}) for row in rows]
        for row in complete:
            row["images"] = [self._image_name(key, names) for key in row["images"]]
        return write_atomic(place, parquet_bytes(complete))

    def _store_image(self, data: bytes) -> str:
        encoded, ending = as_png_or_jpg(data)
        name = f"{hashlib.sha256(encoded).hexdigest()}.{ending}"
        if not (self.path / IMAGES / name).exists():
            write_atomic(self.path / IMAGES / name, encoded)
        return name

    def _image_name(self, key: str, names: Mapping[str, str]) -> str:
        stored = Path(key).name == key and (self.path / IMAGES / key).is_file()
        if key not in names and not stored:
            raise RunError(
                f"a row names the image {key!r}, which was not given{nearest(key, names)}"
            )
        return names.get(key, key)


def _make_folder(root: Path, name: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        path = root / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise RunError(f"{root} holds a thousand runs named {name}; wait a second and start again")


def _other_runs(path: Path) -> str:
    inside = [item.parent.name for item in path.glob("*/recipe.yaml")]
    if inside:
        return f"; it holds runs, name one of them: {', '.join(sorted(inside)[-5:])}"
    return nearest(path.name, (item.parent.name for item in path.parent.glob("*/recipe.yaml")))


def _stage_name(index: int, stage: str) -> str:
    if not _NAME.fullmatch(stage):
        raise RunError(
            f"stage {stage!r}: a stage's name has letters, digits, '.', '_' and '-' only"
        )
    return f"{index}-{stage}"


def _done(evaluation: Path) -> tuple[int, float]:
    """Stage and step of an evaluation; one without its result is later than any."""
    step = read_json(evaluation.with_suffix(".json")).get("step", math.inf)
    return _index_of(evaluation), step


def _index_of(path: Path) -> int:
    return int(path.name.partition("-")[0])
