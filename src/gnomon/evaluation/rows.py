"""Graded responses as rows of a run folder, the same for reinforcement learning and evaluation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnomon.grading.grade import reference_text, validate_reference
from gnomon.media.files import resolve_path
from gnomon.media.frames import Video, filmstrip
from gnomon.media.image import MAX_BYTES, png_bytes
from gnomon.records import Answer, BadRecord, Graded, Media, Sample
from gnomon.rollouts import as_png_or_jpg

if TYPE_CHECKING:
    from gnomon.formats.grammar import Format


def rollout_row(
    group: int,
    member: int,
    sample: Sample,
    graded: Graded,
    *,
    prompt: str,
    images: Sequence[str],
    advantage: float | None = None,
    kept: int = 1,
) -> dict[str, Any]:
    """One row of a run folder: one graded response.

    The columns are `gnomon.rollouts.COLUMNS` without stage, index and step, which `gnomon.run.Run`
    fills in. ``group`` and ``member`` count from 0. ``prompt`` is `prompt_text` and ``images`` are
    the keys of `image_files`. ``advantage`` is None in an evaluation; ``kept`` is how often a
    resampler kept the response. Difficulty is None unless the sample's meta gives a number; a
    sample without a reference has an empty one. Source: ours.
    """
    rollout, verdict = graded.rollout, graded.verdict
    return {
        "group": group,
        "member": member,
        "sample_id": sample.id,
        "task": sample.task,
        "difficulty": difficulty_of(sample),
        "prompt": prompt,
        "images": list(images),
        "response": rollout.text,
        "stop": rollout.stop,
        "length": len(rollout.token_ids),
        "reference": reference_of(sample.answer),
        "prediction": verdict.span,
        "outcome": verdict.outcome.value,
        "reason": verdict.reason,
        "grader": verdict.grader,
        "reward": graded.reward,
        "advantage": advantage,
        "kept": kept,
        "scores": dict(graded.scores),
    }


def difficulty_of(sample: Sample) -> float | None:
    """The difficulty that the sample's meta gives, or None when it gives no number."""
    value = sample.meta.get("difficulty")
    return float(value) if isinstance(value, int | float) else None


def prompt_text(sample: Sample, style: Format) -> str:
    """What the model is asked, for a person to read.

    The instruction of ``style`` and the turns, a blank line between them. Several turns are led by
    their roles. Images stay ``<image>``.
    """
    turns = [message.text for message in sample.messages]
    if len(turns) > 1:
        turns = [f"{message.role}: {message.text}" for message in sample.messages]
    return "\n\n".join([style.instruction, *turns] if style.instruction else turns)


def image_files(
    sample: Sample, root: Path | None = None, video: Video | None = None
) -> dict[str, bytes]:
    """Encoded images of a sample by file name, in their order; of a video its frames in a row.

    ``video`` says which frames the model is shown, None: the usual ones. A name is the SHA-256 of
    the content and ``.png`` or ``.jpg``. An image that stands twice in the sample is there once.
    Other formats than PNG and JPEG become PNG. Paths may not leave ``root``. Raises `BadRecord` for
    a medium that cannot be read.
    """
    known = partial(_image_file, root=root, video=video or Video())
    return dict(known(medium) for medium in sample.media if medium.kind != "audio")


def _image_file(medium: Media, root: Path | None, video: Video) -> tuple[str, bytes]:
    if medium.kind == "video":
        encoded = png_bytes(filmstrip(medium, video, root=root))
    else:
        encoded = _read_file(medium.path, root) if medium.path is not None else medium.data or b""
    data, ending = as_png_or_jpg(encoded)
    return f"{hashlib.sha256(data).hexdigest()}.{ending}", data


def _read_file(path: Path, root: Path | None) -> bytes:
    place = path if root is None else resolve_path(path, root)
    try:
        if place.is_file() and place.stat().st_size <= MAX_BYTES:
            return place.read_bytes()
    except OSError as error:
        raise BadRecord(f"image {str(path)!r}: cannot be read ({error}); check path") from None
    raise BadRecord(f"image {str(path)!r}: no file of at most {MAX_BYTES} bytes; check path")


def reference_of(answer: Answer | None) -> str:
    """A reference as text, as its kind writes it if it can be graded; empty without one."""
    if answer is None:
        return ""
    return str(answer.value) if validate_reference(answer) else reference_text(answer)
