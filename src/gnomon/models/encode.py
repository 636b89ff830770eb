"""Turn samples into token ids and pixels, with the invariant that placeholders equal features.

Dimension suffixes: L tokens of one sequence, P patches of one image, D values per patch.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gnomon.media.frames import Video, expand_videos
from gnomon.media.image import open_image
from gnomon.media.recent import Recent
from gnomon.records import BadRecord, Media, Message, Sample

if TYPE_CHECKING:
    from gnomon.formats.grammar import Format

ROPE_AXES = 3
"""Multimodal rotary positions have three axes: time, height, width (Qwen2-VL, arXiv 2409.12191)."""
MOST_BYTES = 256 * 2**20
"""Bytes of processed images that an encoder keeps for when they come again (ours)."""


@dataclass(frozen=True)
class Picture:
    """One processed image: identity, patches [P, D] and grid (time, height, width) in patches."""

    key: str
    patches_PD: Tensor
    grid: tuple[int, int, int]

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpack_picture, (self.key, self.patches_PD.numpy(), self.grid)


@dataclass(frozen=True)
class Encoded:
    """A run of tokens ready for a model, possibly the continuation of another one.

    ``token_ids`` [L]; ``train`` [L] is true on tokens whose prediction is trained; ``positions``
    [3, L]; ``pictures`` in the order of their placeholders. Text continues at ``next_position``.
    ``before`` is the run that it continues, whose tokens are not repeated here; all that continue
    the same object share it.
    """

    token_ids: Tensor
    train: Tensor
    positions: Tensor
    pictures: tuple[Picture, ...]
    next_position: int
    before: Encoded | None = None

    def __len__(self) -> int:
        return int(self.token_ids.numel())

    def __reduce__(self) -> tuple[Any, ...]:
        arrays = (self.token_ids.numpy(), self.train.numpy(), self.positions.numpy())
        return _unpack_encoded, (*arrays, self.pictures, self.next_position, self.before)

    @property
    def total(self) -> int:
        """Tokens of this run and of all that it continues."""
        return sum(map(len, self.chain()))

    def chain(self) -> tuple[Encoded, ...]:
        """What this run continues, from the first run on, and then itself."""
        return (*(self.before.chain() if self.before is not None else ()), self)

    def extend(self, token_ids: Sequence[int], train: Sequence[int]) -> Encoded:
        """Sampled tokens that continue this run; ``train`` marks those that the policy wrote."""
        count = len(token_ids)
        steps = torch.arange(self.next_position, self.next_position + count)
        return Encoded(
            torch.tensor(token_ids, dtype=torch.long),
            torch.tensor(train, dtype=torch.bool),
            steps.expand(ROPE_AXES, count),
            (),
            self.next_position + count,
            self,
        )


def _unpack_picture(key: str, patches: Any, grid: tuple[int, int, int]) -> Picture:
    """Arrays travel between processes as bytes, which beats many tensors in shared memory."""
    return Picture(key, torch.from_numpy(patches), grid)


def _unpack_encoded(ids: Any, train: Any, positions: Any, *rest: Any) -> Encoded:
    token_ids, marks, places = (torch.from_numpy(array) for array in (ids, train, positions))
    return Encoded(token_ids, marks, places, *rest)


class Encoder:
    """Encodes prompts and worked examples with a processor's own chat template and image processor.

    ``max_tokens`` is the longest sequence that is accepted; ``root`` is the folder that paths of
    media may not leave; ``video`` says which frames of a video are shown. A sample that cannot be
    encoded raises `BadRecord` with the reason.
    """

    def __init__(
        self,
        processor: Any,
        *,
        max_tokens: int,
        root: Path | None = None,
        video: Video | None = None,
    ) -> None:
        self.processor = processor
        self.tokenizer = processor.tokenizer
        self.max_tokens = max_tokens
        self.root = root
        self.video = video or Video()
        self.image_token_id = int(processor.image_token_id)
        self.merge_size = int(processor.image_processor.merge_size)
        self.reserved = frozenset(self.tokenizer.all_special_tokens)
        self._pictures: Recent[Picture] = Recent(MOST_BYTES, lambda one: one.patches_PD.nbytes)

    def shown(self, sample: Sample) -> Sample:
        """The sample with the media that are encoded for it: of a video its frames."""
        return expand_videos(sample, self.video, root=self.root)

    def prompt(self, sample: Sample, style: Format) -> Encoded:
        """The question of ``sample``, up to where the model is to answer."""
        sample = self.shown(sample)
        text = self._render(_with_instruction(sample.messages, style), generate=True)
        return self._encode(sample, text, train=[])

    def example(self, sample: Sample, style: Format) -> Encoded:
        """A worked example; exactly the assistant's tokens are trained, its end tokens included.

        When the last turn is the user's, the answer is what ``style`` renders from the thought and
        the answer text in ``sample.meta``. The tokens before a response are those of its prompt.
        """
        sample = self.shown(sample)
        messages = _with_instruction(_with_answer(sample, style), style)
        if messages[0].role == "assistant":
            raise BadRecord(
                f"sample {sample.id} starts with the assistant; a user's turn comes first"
            )
        text = self._render(messages, generate=False).rstrip("\n")
        spans = []
        for index, message in enumerate(messages):
            if message.role == "assistant":
                before = self._render(messages[:index], generate=True)
                after = self._render(messages[: index + 1], generate=False).rstrip("\n")
                _require_prefix(before, after)
                _require_prefix(after, text)
                spans.append((len(before), len(after)))
        return self._encode(sample, text, train=spans)

    def _render(self, messages: Sequence[Message], *, generate: bool) -> str:
        for message in messages:
            for token in self.reserved:
                if token in message.text:
                    raise BadRecord(f"the text holds the reserved token {token}; remove it")
        chat = [{"role": message.role, "content": _blocks(message.text)} for message in messages]
        rendered: str = self.processor.apply_chat_template(
            chat, tokenize=False, add_generation_prompt=generate
        )
        return rendered

    def _encode(self, sample: Sample, text: str, train: list[tuple[int, int]]) -> Encoded:
        pictures = tuple(self._picture(medium) for medium in sample.media)
        ids, marks = self._tokenize(text, train)
        ids, kept = self._expand(sample, ids, marks, pictures)
        if len(ids) > self.max_tokens:
            raise BadRecord(
                f"sample {sample.id} is {len(ids)} tokens long and {self.max_tokens} fit; "
                "shorten it or raise the context length"
            )
        positions, following = rope_positions(
            ids, self.image_token_id, [picture.grid for picture in pictures], self.merge_size
        )
        return Encoded(
            torch.tensor(ids, dtype=torch.long),
            torch.tensor(kept, dtype=torch.bool),
            positions,
            pictures,
            following,
        )

    def _tokenize(self, text: str, train: list[tuple[int, int]]) -> tuple[list[int], list[bool]]:
        """Token ids of ``text`` and whether each lies in a trained span.

        The text is cut at the edges of the spans, because a token across an edge would give the
        prompt other tokens than it has when the model is asked.
        """
        ids: list[int] = []
        marks: list[bool] = []
        edges = [0, *itertools.chain.from_iterable(train), len(text)]
        for number, (start, end) in enumerate(itertools.pairwise(edges)):
            piece = self.tokenizer(text[start:end], add_special_tokens=False)["input_ids"]
            ids += piece
            marks += [number % 2 == 1] * len(piece)
        return ids, marks

    def _expand(
        self, sample: Sample, ids: list[int], marks: list[bool], pictures: tuple[Picture, ...]
    ) -> tuple[list[int], list[bool]]:
        """Repeat each image placeholder once per feature of its image."""
        places = ids.count(self.image_token_id)
        if places != len(pictures):
            raise BadRecord(
                f"sample {sample.id}: the chat template left {places} placeholders for "
                f"{len(pictures)} images"
            )
        remaining = iter(pictures)
        out_ids: list[int] = []
        out_marks: list[bool] = []
        for token, mark in zip(ids, marks, strict=True):
            count = (
                feature_count(next(remaining).grid, self.merge_size)
                if token == self.image_token_id
                else 1
            )
            out_ids += [token] * count
            out_marks += [mark] * count
        return out_ids, out_marks

    def _picture(self, medium: Media) -> Picture:
        if medium.kind != "image":
            raise BadRecord(f"this model reads images and videos, the record holds {medium.kind}")
        return self._pictures.get(medium.key, functools.partial(self._process_image, medium))

    def _process_image(self, medium: Media) -> Picture:
        image = open_image(medium, root=self.root)
        try:
            values = self.processor.image_processor(images=[image], return_tensors="pt")
        except ValueError as error:
            raise BadRecord(f"the image processor refused the image: {error}") from None
        time, height, width = values["image_grid_thw"][0].tolist()
        return Picture(medium.key, values["pixel_values"], (time, height, width))


def feature_count(grid: tuple[int, int, int], merge_size: int) -> int:
    """Number of features, and so of placeholder tokens, that an image of ``grid`` patches has."""
    time, height, width = grid
    return time * (height // merge_size) * (width // merge_size)


def rope_positions(
    token_ids: Sequence[int],
    image_token_id: int,
    grids: Sequence[tuple[int, int, int]],
    merge_size: int,
) -> tuple[Tensor, int]:
    """Multimodal rotary positions [3, L] of a sequence and the position at which text goes on.

    Text advances all three axes by one; an image spreads over height and width from where the text
    stopped, and text resumes after its larger side (Qwen2-VL, arXiv 2409.12191, section 2.1).
    Raises `BadRecord` when the placeholders are more or fewer than the grids have features.
    """
    parts: list[Tensor] = []
    following = place = 0
    remaining = iter(grids)
    while place < len(token_ids):
        if token_ids[place] != image_token_id:
            end = place
            while end < len(token_ids) and token_ids[end] != image_token_id:
                end += 1
            steps = torch.arange(following, following + end - place)
            parts.append(steps.expand(ROPE_AXES, end - place))
            following += end - place
            place = end
            continue
        grid = next(remaining, None)
        if grid is None:
            raise BadRecord("there are more image placeholders than images")
        time, height, width = grid[0], grid[1] // merge_size, grid[2] // merge_size
        count = time * height * width
        if list(token_ids[place : place + count]) != [image_token_id] * count:
            raise BadRecord(f"an image of {count} features has fewer placeholders")
        cells = torch.cartesian_prod(torch.arange(time), torch.arange(height), torch.arange(width))
        parts.append(cells.reshape(-1, ROPE_AXES).T + following)
        following += max(height, width)
        place += count
    if next(remaining, None) is not None:
        raise BadRecord("there are more images than image placeholders")
    return (torch.cat(parts, dim=1) if parts else torch.zeros(ROPE_AXES, 0).long()), following


def _require_prefix(before: str, after: str) -> None:
    if not after.startswith(before):
        raise BadRecord(
            "the chat template rewrites earlier turns, "
            "so the assistant's tokens cannot be told apart"
        )


def _with_instruction(messages: Sequence[Message], style: Format) -> tuple[Message, ...]:
    if not style.instruction:
        return tuple(messages)
    return (Message("system", style.instruction), *messages)


def _with_answer(sample: Sample, style: Format) -> tuple[Message, ...]:
    if sample.messages[-1].role == "assistant":
        return sample.messages
    try:
        response = style.worked(sample.meta)
    except KeyError as error:
        raise BadRecord(
            f"sample {sample.id} has neither an assistant turn "
            f"nor {error} in its meta to make one of"
        ) from None
    return (*sample.messages, Message("assistant", response))


def _blocks(text: str) -> list[dict[str, str]]:
    pieces = text.split("<image>")
    blocks: list[dict[str, str]] = []
    for index, piece in enumerate(pieces):
        if index:
            blocks.append({"type": "image"})
        if piece:
            blocks.append({"type": "text", "text": piece})
    return blocks
