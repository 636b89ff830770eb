"""Turn samples into token ids and percepts, with the invariant that placeholders equal features.

Dimension suffix: L tokens of one sequence.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnomon.media.frames import Video, expand_videos
from gnomon.media.recent import Recent
from gnomon.models.family import family_of_processor
from gnomon.models.percepts import Percept
from gnomon.models.tokens import token_runs
from gnomon.models.turns import renders_by_turn
from gnomon.records import BadRecord, Media, MediaKind, Message, Sample

if TYPE_CHECKING:
    from gnomon.formats.grammar import Format

Ids = NDArray[np.int64]
Marks = NDArray[np.bool_]
KINDS: dict[MediaKind, str] = {"image": "images", "video": "videos", "audio": "sounds"}
READS: dict[MediaKind, str] = {"image": "images and videos", "audio": "sounds"}
"""What models read, by what they take: videos are shown as images."""
MOST_BYTES = 256 * 2**20
"""Bytes of processed media that an encoder keeps for when they come again (ours)."""
MOST_TEXT = 16 * 2**20
"""Bytes of rendered turns, and of their token ids, that it keeps (ours)."""
OVERHEAD = 512
"""Bytes that a kept text takes beside its letters: what it is found by, and the objects."""


@dataclass(frozen=True)
class Encoded:
    """A run of tokens ready for a model, possibly the continuation of another one.

    ``token_ids`` [L]; ``train`` [L] is true on tokens whose prediction is trained; ``positions``
    [axes, L], one line or three; ``percepts``, pictures or sounds, in the order of their
    placeholders. Text continues at ``next_position``.
    ``before`` is the run that it continues, whose tokens are not repeated here; all that continue
    the same object share it.
    """

    token_ids: Tensor
    train: Tensor
    positions: Tensor
    percepts: tuple[Percept, ...]
    next_position: int
    before: Encoded | None = None

    def __len__(self) -> int:
        return int(self.token_ids.numel())

    def __reduce__(self) -> tuple[Any, ...]:
        arrays = (self.token_ids.numpy(), self.train.numpy(), self.positions.numpy())
        return _unpack_encoded, (*arrays, self.percepts, self.next_position, self.before)

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
            steps.expand(len(self.positions), count),
            (),
            self.next_position + count,
            self,
        )


def _unpack_encoded(ids: Any, train: Any, positions: Any, *rest: Any) -> Encoded:
    token_ids, marks, places = (torch.from_numpy(array) for array in (ids, train, positions))
    return Encoded(token_ids, marks, places, *rest)


class Encoder:
    """Encodes prompts and worked examples with a processor's own chat template and reader of media.

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
        self.family = family_of_processor(processor)
        self.placeholder_id = int(getattr(processor, self.family.placeholder))
        self.reserved = frozenset(self.tokenizer.all_special_tokens)
        self._texts: Recent[str] = Recent(MOST_TEXT, lambda text: OVERHEAD + 4 * len(text))
        self._runs: Recent[Ids] = Recent(MOST_TEXT, lambda run: OVERHEAD + 2 * run.nbytes)
        self._percepts: Recent[Percept] = Recent(MOST_BYTES, lambda one: one.nbytes)

    def shown(self, sample: Sample) -> Sample:
        """The sample with the media that are encoded for it: of a video its frames.

        A model that takes no images is shown none.
        """
        if self.family.medium != "image":
            return sample
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
        ends = [end for end, message in enumerate(messages) if message.role == "assistant"]
        asked, upto = self._beginnings(messages, ends)
        spans = []
        for before, after in zip(asked, upto, strict=True):
            _require_prefix(before, after)
            _require_prefix(after, upto[-1])
            spans.append((len(before), len(after)))
        return self._encode(sample, upto[-1], train=spans)

    def _render(self, messages: Sequence[Message], *, generate: bool) -> str:
        return self._apply([self._turns(messages)], generate=generate)[0]

    def _beginnings(
        self, messages: Sequence[Message], ends: Sequence[int]
    ) -> tuple[list[str], list[str]]:
        """The texts up to where each turn of ``ends`` is to be written, and those with it."""
        turns = self._turns(messages)
        if renders_by_turn(self.processor):
            alone = [self._alone(turn, generate=False) for turn in messages]
            opening = self._alone(messages[0], generate=True).removeprefix(alone[0])
            texts = list(itertools.accumulate(alone, initial=""))
            asked, upto = [texts[end] + opening for end in ends], [texts[end + 1] for end in ends]
        else:
            upto = self._apply([turns[: end + 1] for end in ends], generate=False)
            asked = self._apply([turns[:end] for end in ends], generate=True)
        return asked, [text.rstrip("\n") for text in upto]

    def _alone(self, message: Message, *, generate: bool) -> str:
        key = self.processor.chat_template, message.role, message.text, generate
        return self._texts.get(key, lambda: self._render([message], generate=generate))

    def _turns(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        for message in messages:
            for token in self.reserved:
                if token in message.text:
                    raise BadRecord(f"the text holds the reserved token {token}; remove it")
        return [
            {"role": message.role, "content": _blocks(message.text, self.family.medium)}
            for message in messages
        ]

    def _apply(self, chats: list[list[dict[str, Any]]], *, generate: bool) -> list[str]:
        """The texts of several conversations, in one call."""
        rendered: list[str] = self.processor.apply_chat_template(
            chats, tokenize=False, add_generation_prompt=generate
        )
        return rendered

    def _encode(self, sample: Sample, text: str, train: list[tuple[int, int]]) -> Encoded:
        percepts = tuple(self._percept(medium) for medium in sample.media)
        ids_L, marks_L = self._tokenize(text, train)
        counts_L = self._counts(sample, ids_L, percepts)
        ids_L, marks_L = ids_L.repeat(counts_L), marks_L.repeat(counts_L)
        if len(ids_L) > self.max_tokens:
            raise BadRecord(
                f"sample {sample.id} is {len(ids_L)} tokens long and {self.max_tokens} fit; "
                "shorten it or raise the context length"
            )
        positions, following = self.family.positions(ids_L, self.placeholder_id, percepts)
        token_ids, marks = torch.from_numpy(ids_L), torch.from_numpy(marks_L)
        return Encoded(token_ids, marks, positions, percepts, following)

    def _tokenize(self, text: str, train: list[tuple[int, int]]) -> tuple[Ids, Marks]:
        """Token ids [L] of ``text`` and whether each lies in a trained span.

        The text is cut at the edges of the spans, because a token across an edge would give the
        prompt other tokens than it has when the model is asked.
        """
        edges = [0, *itertools.chain.from_iterable(train), len(text)]
        pieces = [text[start:end] for start, end in itertools.pairwise(edges)]
        runs = [self._run(piece) for piece in pieces]
        trained = np.arange(len(runs)) % 2 == 1
        return np.concatenate(runs), trained.repeat([len(run) for run in runs])

    def _run(self, piece: str) -> Ids:
        # Questions and answers have few wordings, and most pieces come again.
        return self._runs.get(
            piece, lambda: np.array(token_runs(self.tokenizer, [piece])[0], dtype=np.int64)
        )

    def _counts(self, sample: Sample, ids_L: Ids, percepts: tuple[Percept, ...]) -> Ids:
        """How often each token stands: a placeholder once per feature of what it stands for."""
        places = np.flatnonzero(ids_L == self.placeholder_id)
        if len(places) != len(percepts):
            raise BadRecord(
                f"sample {sample.id}: the chat template left {len(places)} placeholders for "
                f"{len(percepts)} {KINDS[self.family.medium]}"
            )
        counts_L = np.ones(len(ids_L), np.int64)
        counts_L[places] = [percept.features for percept in percepts]
        return counts_L

    def _percept(self, medium: Media) -> Percept:
        takes = self.family.medium
        if medium.kind != takes:
            raise BadRecord(f"this model reads {READS[takes]}, the record holds {medium.kind}")
        read = functools.partial(self.family.read, self.processor, medium, self.root)
        return self._percepts.get(medium.key, read)


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


def _blocks(text: str, medium: MediaKind) -> list[dict[str, str]]:
    pieces = text.split("<image>")
    blocks: list[dict[str, str]] = []
    for index, piece in enumerate(pieces):
        if index:
            blocks.append({"type": medium})
        if piece:
            blocks.append({"type": "text", "text": piece})
    return blocks
