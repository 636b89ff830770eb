"""Whether a stage's data have the columns and the lengths that it needs, seen on ten records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch

from gnomon.data.fixtures import fixture_for
from gnomon.media.audio import RATE, open_audio
from gnomon.media.frames import expand_videos
from gnomon.media.image import open_image
from gnomon.models.percepts import Sound
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

    def tokens_of(self, medium: Media, root: Path | None) -> int:
        """Tokens of an image; raises `BadRecord` for one that cannot be used."""
        return self.tokens(*open_image(medium, root=root).size)

    @property
    def told(self) -> str:
        """The budget in words."""
        return (
            f"Images of {self.least:,} to {self.most:,} pixels, "
            f"{self.factor} x {self.factor} pixels a token"
        )


@dataclass(frozen=True)
class Window:
    """What a model hears of a sound: ``seconds`` of it at most, in frames ``hop`` samples apart.

    A token stands for four frames (arXiv 2407.10759).
    """

    seconds: float
    hop: int = 160

    @property
    def most_tokens(self) -> int:
        """Tokens of the longest sound."""
        return int(self.seconds * RATE) // self.hop // 4

    def tokens_of(self, medium: Media, root: Path | None) -> int:
        """Tokens of a sound; raises `BadRecord` for one that cannot be used or is too long."""
        count = len(open_audio(medium, root=root))
        if count > self.seconds * RATE:
            raise BadRecord(
                f"the sound lasts {count / RATE:.1f} s and the model hears {self.seconds:g} s; "
                "cut it"
            )
        return Sound("", torch.zeros(0), -(-count // self.hop)).features

    @property
    def told(self) -> str:
        """The budget in words."""
        return f"Sounds of at most {self.seconds:g} s, {RATE / self.hop / 4:g} tokens a second"


Budget = Pixels | Window
"""What a model takes of a picture or a sound."""


@dataclass(frozen=True)
class DataCheck:
    """What ten records of a stage's data showed.

    ``expected`` is the file that the recipe names (None: the data are made, not read); ``fixture``
    says that a shipped ten-row file stood in for it. ``columns`` pairs our names with those of the
    file. ``lengths`` are the means; ``media`` the most images or sounds in a record, frames of
    videos among them.
    """

    part: str
    expected: Path | None
    fixture: bool
    records: int
    mapped: int
    columns: tuple[tuple[str, str], ...]
    lengths: Lengths
    media: int
    problems: tuple[str, ...] = ()


@dataclass
class _Seen:
    """What was found so far."""

    lengths: list[Lengths] = field(default_factory=list)
    media: int = 0
    problems: list[str] = field(default_factory=list)


def check_data(recipe: Recipe, stage: Stage, budget: Budget) -> DataCheck:
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
    seen = _look(recipe, stage, source, budget)
    return DataCheck(
        part=use.part,
        expected=expected,
        fixture=fixture,
        records=len(source),
        mapped=len(seen.lengths),
        columns=_mapping(source),
        lengths=_mean(seen.lengths),
        media=seen.media,
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


def _look(recipe: Recipe, stage: Stage, source: Any, budget: Budget) -> _Seen:
    style = build("format", stage.format)()
    seen = _Seen()
    for index in range(min(ROWS, len(source))):
        try:
            sample = expand_videos(source[index], recipe.model.video, root=recipe.data_root)
            lengths = _measure(recipe, stage, sample, style, budget)
        except (BadRecord, ValueError) as error:
            seen.problems.append(_say(stage, error))
            continue
        seen.lengths.append(lengths)
        seen.media = max(seen.media, len(sample.media))
        seen.problems += [_say(stage, problem) for problem in _misfits(stage, sample, lengths)]
    return seen


def _measure(recipe: Recipe, stage: Stage, sample: Sample, style: Any, budget: Budget) -> Lengths:
    media = sum(budget.tokens_of(medium, recipe.data_root) for medium in sample.media)
    given = [style.instruction] if style.instruction else []
    given += [message.text for message in sample.messages if message.role != "assistant"]
    written = _written(stage, sample, style)
    return Lengths(_tokens(given), float(media), _tokens(written))


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
        sum(item.media for item in lengths) / count,
        sum(item.response for item in lengths) / count,
    )


def _say(stage: Stage, problem: object) -> str:
    return f"stages.{stage.name}.data: {problem}"
