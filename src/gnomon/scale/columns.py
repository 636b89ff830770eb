"""Whether a stage's data have the columns and the lengths that it needs, seen on ten records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from gnomon.data.fixtures import fixture_for
from gnomon.media.frames import expand_videos
from gnomon.media.image import open_image
from gnomon.parts import find
from gnomon.recipe import Recipe, Sft, Stage, Use, build
from gnomon.records import BadRecord, Media, Sample
from gnomon.scale.compute import Lengths

ROWS = 10
CHARACTERS_PER_TOKEN = 4
"""English text in Qwen's vocabulary has about four characters a token; no tokenizer is at hand in a
dry run.
"""
TURN_TOKENS = 5
"""What the chat template adds to a turn: its start, its role, its end and two line ends."""


@dataclass(frozen=True)
class Pixels:
    """The image processor's budget: an image is scaled to between ``least`` and ``most`` pixels.

    ``factor`` is the side of the square of pixels behind one image token.
    """

    least: int
    most: int
    factor: int

    def tokens(self, width: int, height: int) -> int:
        """Image tokens of a picture, by the processor's own rule; raises ValueError for a side 200
        times the other.
        """
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

        tall, wide = smart_resize(height, width, self.factor, self.least, self.most)
        return int(tall * wide // self.factor**2)

    @property
    def most_tokens(self) -> int:
        """Image tokens of the largest picture."""
        return self.most // self.factor**2


@dataclass(frozen=True)
class DataCheck:
    """What ten records of a stage's data showed.

    ``expected`` is the file that the recipe names (None: the data are made, not read); ``fixture``
    says that a shipped ten-row file stood in for it. ``columns`` pairs our names with those of the
    file. ``lengths`` are the means; ``images`` the most images in a record, frames of
    videos among them.
    """

    part: str
    expected: Path | None
    fixture: bool
    records: int
    mapped: int
    columns: tuple[tuple[str, str], ...]
    lengths: Lengths
    images: int
    problems: tuple[str, ...] = ()


@dataclass
class _Seen:
    """What was found so far."""

    lengths: list[Lengths] = field(default_factory=list)
    images: int = 0
    problems: list[str] = field(default_factory=list)


def check_data(recipe: Recipe, stage: Stage, pixels: Pixels) -> DataCheck:
    """Map the columns of a stage's data on its first ten records, or on the fixture when the file
    is missing.

    A file or folder that is missing and has no fixture, a missing column, a record that cannot be
    used, one that is too long and one of the wrong modality are each a problem in the result;
    nothing is raised.
    """
    use, expected, fixture = _stand_in(recipe, stage)
    try:
        source = build("source", use)()
    except (ValueError, OSError) as error:
        return DataCheck(
            use.part, expected, fixture, 0, 0, (), Lengths(0, 0, 0), 0, (_say(stage, error),)
        )
    seen = _look(recipe, stage, source, pixels)
    return DataCheck(
        part=use.part,
        expected=expected,
        fixture=fixture,
        records=len(source),
        mapped=len(seen.lengths),
        columns=_mapping(source),
        lengths=_mean(seen.lengths),
        images=seen.images,
        problems=tuple(seen.problems),
    )


def _stand_in(recipe: Recipe, stage: Stage) -> tuple[Use, Path | None, bool]:
    """The source to check, the file that the recipe names, whether a fixture stands in."""
    use = cast(Use, stage.data)
    if "path" not in find("source", use.part).settings.model_fields:
        return use, None, False
    expected = Path(use.settings["path"])
    fixture = None if expected.exists() else fixture_for(recipe.name, stage.name, expected)
    if fixture is None:
        return use, expected, False
    changed = Use(use.part, **{**use.settings, "path": fixture, "root": fixture.parent})
    return changed, expected, True


def _look(recipe: Recipe, stage: Stage, source: Any, pixels: Pixels) -> _Seen:
    style = build("format", stage.format)()
    seen = _Seen()
    for index in range(min(ROWS, len(source))):
        try:
            sample = expand_videos(source[index], recipe.model.video, root=recipe.data_root)
            lengths = _measure(recipe, stage, sample, style, pixels)
        except (BadRecord, ValueError) as error:
            seen.problems.append(_say(stage, error))
            continue
        seen.lengths.append(lengths)
        seen.images = max(seen.images, len(sample.media))
        seen.problems += [_say(stage, problem) for problem in _misfits(stage, sample, lengths)]
    return seen


def _measure(recipe: Recipe, stage: Stage, sample: Sample, style: Any, pixels: Pixels) -> Lengths:
    image = sum(_image_tokens(medium, recipe.data_root, pixels) for medium in sample.media)
    given = [style.instruction] if style.instruction else []
    given += [message.text for message in sample.messages if message.role != "assistant"]
    written = _written(stage, sample, style)
    return Lengths(_tokens(given), float(image), _tokens(written))


def _written(stage: Stage, sample: Sample, style: Any) -> list[str]:
    """Text of the assistant's turns in a worked example; a question has none."""
    turns = [message.text for message in sample.messages if message.role == "assistant"]
    if turns or not isinstance(stage, Sft):
        return turns
    try:
        return [style.worked(sample.meta)]
    except KeyError as error:
        raise BadRecord(
            f"record {sample.id} has no assistant turn and no {error} to make one of; supervised "
            "training needs worked examples: a 'messages' column"
        ) from None


def _image_tokens(medium: Media, root: Path | None, pixels: Pixels) -> int:
    return pixels.tokens(*open_image(medium, root=root).size)


def _tokens(texts: Sequence[str]) -> float:
    characters = sum(len(text.replace("<image>", "")) for text in texts)
    return characters / CHARACTERS_PER_TOKEN + TURN_TOKENS * len(texts)


def _misfits(stage: Stage, sample: Sample, lengths: Lengths) -> list[str]:
    problems = []
    if lengths.total > stage.max_tokens:
        problems.append(
            f"record {sample.id} is about {lengths.total:,.0f} tokens long, max_tokens is "
            f"{stage.max_tokens:,}: it would be skipped; raise max_tokens or lower the pixel budget"
        )
    if stage.modality == "image" and not sample.media:
        problems.append(f"record {sample.id} has no image, the stage's modality is 'image'")
    if stage.modality == "text" and sample.media:
        problems.append(f"record {sample.id} has an image, the stage's modality is 'text'")
    return problems


def _mapping(source: Any) -> tuple[tuple[str, str], ...]:
    """Our names and the file's for the columns that are there; empty for data that are made."""
    names, rows = getattr(source, "names", None), getattr(source, "rows", None)
    if names is None or rows is None:
        return ()
    return tuple((ours, theirs) for ours, theirs in names.items() if theirs in rows.columns)


def _mean(lengths: Sequence[Lengths]) -> Lengths:
    count = len(lengths) or 1
    return Lengths(
        sum(item.text for item in lengths) / count,
        sum(item.image for item in lengths) / count,
        sum(item.response for item in lengths) / count,
    )


def _say(stage: Stage, problem: object) -> str:
    return f"stages.{stage.name}.data: {problem}"
