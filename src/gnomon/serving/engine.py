"""Completions of a loaded policy, whole or piece by piece."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from gnomon.auxiliary.local import encode_request
from gnomon.auxiliary.reader import Request
from gnomon.models.encode import Encoded
from gnomon.models.generate import context_length
from gnomon.models.policy import Policy
from gnomon.models.sampler import sample, stream
from gnomon.records import BadRecord, StopReason
from gnomon.serving.chat import Chat, Refused, refuse_too_long

PIECE = 8
"""Tokens between two pieces of a stream."""
BROKEN = "\ufffd"
"""What decoding gives for a character whose last bytes have not been written yet."""


@dataclass(frozen=True)
class Piece:
    """A piece of one choice; ``finish`` is None until the last: 'stop' or 'length'."""

    text: str
    finish: str | None
    tokens: int


class Engine:
    """Answers chats with one policy, one at a time; safe to call from several threads."""

    def __init__(self, policy: Policy, name: str) -> None:
        self.policy = policy
        self.name = name
        self._lock = threading.Lock()

    def encode(self, chat: Chat) -> Encoded:
        """The prompt of a chat; `Refused` when it cannot be encoded or leaves no room."""
        room = context_length(self.policy) - chat.settings.max_new_tokens
        if room < 1:
            raise Refused(
                f"max_tokens={chat.settings.max_new_tokens} leaves no room in a context of "
                f"{context_length(self.policy)} tokens; ask for fewer",
                "max_tokens",
            )
        encoder = self.policy.encoder(max_tokens=room)
        try:
            request = Request(chat.sample.messages, chat.sample.media, chat.prefix)
            return encode_request(encoder, request)
        except BadRecord as error:
            raise refuse_too_long(error) from None

    def complete(self, chat: Chat, prompt: Encoded) -> list[Piece]:
        """All choices of a chat, each whole."""
        with self._lock:
            generator = self._generator(chat)
            [rollouts] = sample(self.policy, [prompt], chat.count, chat.settings, generator)
        words = chat.settings.stop
        return [Piece(until(r.text, words), finish_of(r.stop), len(r.token_ids)) for r in rollouts]

    def stream(self, chat: Chat, prompt: Encoded) -> Iterator[Piece]:
        """The one choice of a chat in pieces whose texts add up to the whole answer."""
        words = chat.settings.stop
        tokens = stream(self.policy, prompt, chat.settings, self._generator(chat))
        ids: list[int] = []
        sent = told = 0
        ended: StopReason | None = None
        while ended is None:
            with self._lock:
                piece = list(itertools.islice(tokens, PIECE))
            ids += [token for token, _ in piece]
            ended = piece[-1][1]
            text = self.policy.processor.tokenizer.decode(ids, skip_special_tokens=True)
            ready = certain(text, words) if ended is None else until(text, words)
            finish = None if ended is None else finish_of(ended)
            yield Piece(ready[sent:], finish, len(ids) - told)
            sent, told = max(sent, len(ready)), len(ids)

    def _generator(self, chat: Chat) -> torch.Generator:
        return torch.Generator(device=self.policy.device).manual_seed(chat.seed)


def finish_of(reason: StopReason) -> str:
    """Why a response ended, as OpenAI names it."""
    return "length" if reason == "length" else "stop"


def until(text: str, stop: tuple[str, ...]) -> str:
    """The text before the first stop string in it.

    >>> until("5</answer> so", ("</answer>",))
    '5'
    """
    return text[: min((text.find(word) for word in stop if word in text), default=len(text))]


def certain(text: str, stop: tuple[str, ...]) -> str:
    """The text without what further tokens may change: half a character, half a stop string.

    >>> certain("5</ans", ("</answer>",))
    '5'
    """
    text = text.rstrip(BROKEN)
    held = (size for word in stop for size in range(1, len(word)) if text.endswith(word[:size]))
    return text[: len(text) - max(held, default=0)]
